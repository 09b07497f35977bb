//! Medians of the kernels beside arkworks, measured in one run.
//!
//! `cargo run --release -p zkinfer-prover --example bench_kernels`

use std::{fmt, hint::black_box, time::Instant};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, PrimeField};
use zkinfer_prover::kernels::{
    Backend, ByteBuckets, FixedBase, force_scalar, msm, msm_many, msm_small,
};

/// Milliseconds of one run.
#[derive(Clone, Copy)]
struct Cost {
    /// Median wall clock.
    wall: f64,
    /// Median processor time of all threads; zero where the system does not tell.
    cpu: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2}", self.wall, self.cpu)
    }
}

/// Nanoseconds that the threads of this process have run, by Linux's accounting.
fn processor_time() -> u64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let time = |path: std::path::PathBuf| {
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.filter_map(|thread| time(thread.ok()?.path())).sum()
}

/// The cost of a run, by the medians of `runs` after one that does not count.
fn median<R>(runs: usize, mut work: impl FnMut() -> R) -> Cost {
    black_box(work());
    let (mut wall, mut cpu): (Vec<f64>, Vec<f64>) = (0..runs)
        .map(|_| {
            let (start, before) = (Instant::now(), processor_time());
            black_box(work());
            let wall = start.elapsed().as_secs_f64() * 1e3;
            (wall, processor_time().saturating_sub(before) as f64 / 1e6)
        })
        .unzip();
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    Cost {
        wall: wall[runs / 2],
        cpu: cpu[runs / 2],
    }
}

/// Pseudo-random scalars: powers of a fixed element.
fn scalars(n: usize) -> Vec<Fr> {
    let base = Fr::from(0x1234_5678_9abc_def1_u64).pow([7]);
    std::iter::successors(Some(base), |s| Some(*s * base))
        .take(n)
        .collect()
}

fn points(n: usize) -> Vec<G1Affine> {
    let g = G1Projective::generator();
    let start = g * Fr::from(0x9e37_79b9_7f4a_7c15_u64);
    let step = g * scalars(3)[2];
    let all = std::iter::successors(Some(start), |p| Some(*p + step)).take(n);
    G1Projective::normalize_batch(&all.collect::<Vec<_>>())
}

fn main() {
    let threads = rayon::current_num_threads();
    println!(
        "{threads} threads, kernel {}; milliseconds of wall clock / processor",
        Backend::active()
    );
    let n = 1 << 14;
    let (bases, all) = (points(n), scalars(n));
    let bytes: Vec<u8> = all.iter().map(|s| s.into_bigint().0[0] as u8).collect();
    println!(
        "| size | arkworks | msm | table | msm, portable | table, portable | table MB | build |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for log in [6, 8, 9, 10, 11, 12, 14] {
        let n = 1 << log;
        let runs = if log < 12 { 41 } else { 11 };
        let (bases, scalars) = (&bases[..n], &all[..n]);
        let reference = median(runs, || G1Projective::msm_unchecked(bases, scalars));
        let plain = median(runs, || msm(bases, scalars));
        let start = Instant::now();
        let table = FixedBase::new(bases);
        let build = start.elapsed().as_secs_f64() * 1e3;
        let fixed = median(runs, || table.msm(scalars));
        force_scalar(true);
        let plain_scalar = median(runs, || msm(bases, scalars));
        let fixed_scalar = median(runs, || table.msm(scalars));
        force_scalar(false);
        println!(
            "| 2^{log} | {reference} | {plain} ({:.1}x) | {fixed} ({:.1}x) | {plain_scalar} | \
             {fixed_scalar} | {:.1} | {build:.0} |",
            reference.cpu / plain.cpu,
            reference.cpu / fixed.cpu,
            table.size() as f64 / 1e6,
        );
    }
    println!("| bytes | arkworks | msm_small | buckets of 7 columns | and commit | and combine |");
    println!("|---|---|---|---|---|---|");
    for log in [8, 10, 12, 14] {
        let n = 1 << log;
        let (bases, bytes) = (&bases[..n], &bytes[..n]);
        let reference = median(21, || G1Projective::msm_u8(bases, bytes));
        let small = median(21, || msm_small(bases, bytes));
        let columns = [bytes; 7];
        let sums = median(21, || ByteBuckets::new(bases, &columns, None));
        let buckets = ByteBuckets::new(bases, &columns, None);
        let commit = median(21, || ByteBuckets::commit(&buckets));
        let weights: [Fr; 256] = std::array::from_fn(|i| all[i]);
        let combine = median(21, || ByteBuckets::combine(&buckets, &weights));
        println!("| 2^{log} | {reference} | {small} | {sums} | {commit} | {combine} |");
    }
    let jobs: Vec<(&[G1Affine], &[Fr])> = (0..7).map(|_| (&bases[..256], &all[..256])).collect();
    let each = median(21, || {
        let sums = jobs.iter().map(|(b, s)| G1Projective::msm_unchecked(b, s));
        sums.collect::<Vec<_>>()
    });
    println!(
        "7 x 256: arkworks {each}, jointly {}",
        median(21, || msm_many(&jobs))
    );
}
