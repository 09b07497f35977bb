//! Medians of the kernels beside arkworks, measured in one run.
//!
//! `cargo run --release -p zkinfer-prover --example bench_kernels`

use std::{fmt, hint::black_box, time::Instant};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, PrimeField};
use zkinfer_prover::kernels::{Backend, ByteBuckets, FixedBase, force_scalar, msm, msm_many, msm_small};

/// Milliseconds of one run.
#[derive(Clone, Copy)]
struct Cost {
    /// Median wall clock.
    wall: f64,
    /// Mean processor time of all threads.
    cpu: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2}", self.wall, self.cpu)
    }
}

/// Seconds of processor time of this process, in steps of 1/100; zero where the system does not
/// tell.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The cost of a run, over `runs` runs after one that does not count.
fn median<R>(runs: usize, mut work: impl FnMut() -> R) -> Cost {
    black_box(work());
    let before = processor_time();
    let mut wall: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let cpu = (processor_time() - before) * 1e3 / runs as f64;
    wall.sort_by(f64::total_cmp);
    Cost { wall: wall[runs / 2], cpu }
}

/// Pseudo-random scalars: powers of a fixed element.
fn scalars(n: usize) -> Vec<Fr> {
    let base = Fr::from(0x1234_5678_9abc_def1_u64).pow([7]);
    std::iter::successors(Some(base), |s| Some(*s * base)).take(n).collect()
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
    println!("{threads} threads, kernel {}; milliseconds of wall clock / processor", Backend::active());
    let n = 1 << 14;
    let (bases, all) = (points(n), scalars(n));
    let bytes: Vec<u8> = all.iter().map(|s| s.into_bigint().0[0] as u8).collect();
    println!("| size | arkworks | msm | table | msm, portable | table, portable | table MB | build |");
    println!("|---|---|---|---|---|---|---|---|");
    for log in [6, 8, 9, 10, 11, 12, 14] {
        let n = 1 << log;
        let runs = if log < 11 { 101 } else { 21 };
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
            reference.wall / plain.wall,
            reference.wall / fixed.wall,
            table.size() as f64 / 1e6,
        );
    }
    println!("| bytes | arkworks | msm_small | buckets of 7 columns | and commit | and combine |");
    println!("|---|---|---|---|---|---|");
    for log in [8, 10, 12, 14] {
        let n = 1 << log;
        let (bases, bytes) = (&bases[..n], &bytes[..n]);
        let reference = median(51, || G1Projective::msm_u8(bases, bytes));
        let small = median(51, || msm_small(bases, bytes));
        let columns = [bytes; 7];
        let sums = median(51, || ByteBuckets::new(bases, &columns, None));
        let buckets = ByteBuckets::new(bases, &columns, None);
        let commit = median(51, || ByteBuckets::commit(&buckets));
        let weights: [Fr; 256] = std::array::from_fn(|i| all[i]);
        let combine = median(51, || ByteBuckets::combine(&buckets, &weights));
        println!("| 2^{log} | {reference} | {small} | {sums} | {commit} | {combine} |");
    }
    let jobs: Vec<(&[G1Affine], &[Fr])> = (0..7).map(|_| (&bases[..256], &all[..256])).collect();
    let each = median(51, || {
        let sums = jobs.iter().map(|(b, s)| G1Projective::msm_unchecked(b, s));
        sums.collect::<Vec<_>>()
    });
    println!("7 x 256: arkworks {each}, jointly {}", median(51, || msm_many(&jobs)));
}
