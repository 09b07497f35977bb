//! Setup times: the TEST SRS, a `.ptau` file, model commitments and quotient points.
//!
//! `cargo run --release -p zkinfer-prover --example bench_setup [large]`

use std::time::Instant;

use zkinfer_prover::{
    Level,
    circuit::{WeightRow, WeightRows},
    kernels::{Backend, force_scalar},
    setup::quotients,
    srs::test_srs,
};

/// The overlapped rows of a network with pseudo-random weights in -127..=127 and biases.
fn rows(dims: &[usize]) -> WeightRows {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let positions: usize = 2 + dims[..dims.len() - 1].iter().map(|d| d + 1).sum::<usize>();
    let height = dims[1..].iter().copied().max().unwrap_or(0);
    let mut rows: Vec<WeightRow> = (0..height).map(|_| WeightRow { weights: Vec::new(), biases: Vec::new() }).collect();
    let mut start = 2;
    for layer in dims.windows(2) {
        for row in &mut rows[..layer[1]] {
            let weights = (0..layer[0]).map(|j| ((start + j) as u32, (next() % 255) as i8));
            // -128 is no weight.
            row.weights.extend(weights.map(|(p, w)| (p, w.max(-127))));
            row.biases.push(((start + layer[0]) as u32, next() as i32));
        }
        start += layer[0] + 1;
    }
    WeightRows { block: positions.next_power_of_two(), rows }
}

/// The largest resident size of this process so far, in MB, where the system tells.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1e3
}

/// Seconds of processor time of this process, in steps of 1/100; zero where the system does not
/// tell.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let large = std::env::args().any(|arg| arg == "large");
    println!("{} threads, kernel {}", rayon::current_num_threads(), Backend::active());
    let mut models = vec![
        (vec![64, 128, 64, 10], vec![Level::One]),
        (vec![256, 512, 256, 10], vec![Level::One, Level::Two { rho2: 4 }]),
    ];
    if large {
        models.push((vec![1024, 1024, 1024, 10], vec![Level::Two { rho2: 5 }]));
    }
    for (dims, levels) in models {
        let rows = rows(&dims);
        let needed = rows.block * rows.rows.len();
        let start = Instant::now();
        let srs = test_srs(needed)?;
        println!("{dims:?}: {srs}, made in {:.2} s", start.elapsed().as_secs_f64());
        for level in levels {
            for scalar in [false, true] {
                force_scalar(scalar);
                let (start, before) = (Instant::now(), processor_time());
                let points = quotients::commit(&rows, srs.powers(), level).quotient_points.len();
                println!(
                    "  {level:?}, {}: {points} points in {:.2} s, {:.2} s of processor, peak {:.0} MB",
                    Backend::active(),
                    start.elapsed().as_secs_f64(),
                    processor_time() - before,
                    peak()
                );
            }
            force_scalar(false);
        }
    }
    Ok(())
}
