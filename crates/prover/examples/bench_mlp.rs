//! Medians of proving and verifying one MLP:
//! `bench_mlp 64-128-64-10 [N] [repetitions] [one|two] [saturate] [scalar]`.
//!
//! `scalar` turns the vector kernels off, as on machines without AVX512-IFMA.
//!
//! Runs under the TEST SRS.

use std::time::Instant;

use zkinfer_prover::circuit::{Layout, Saturation, Shape, Weights};
use zkinfer_prover::srs::test_srs;
use zkinfer_prover::{Claim, Level, ModelSecret, Prover, Request, Verifier, setup, verify_many};

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Peak resident memory in MB, where the system tells.
fn peak_rss() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let dims: Vec<usize> = argument(0, "64-128-64-10").split('-').map(str::parse).collect::<Result<_, _>>()?;
    let (samples, repetitions): (usize, usize) = (argument(1, "1").parse()?, argument(2, "9").parse()?);
    zkinfer_prover::kernels::force_scalar(arguments.iter().any(|a| a == "scalar"));
    let hidden = dims.len() - 2;
    let saturation = arguments.iter().any(|a| a == "saturate").then(|| vec![Saturation::Wide; hidden]);
    let shape = Shape::new(dims, saturation)?;
    let layout = Layout::new(&shape);
    let level = match argument(3, "").as_str() {
        "one" => Some(Level::One),
        "two" => Some(Level::Two { rho2: layout.rows.next_power_of_two().trailing_zeros() as u8 / 2 }),
        _ => None,
    };

    let mut seed = 0x1234_5678;
    let mut weights = Vec::new();
    for d in shape.dims().windows(2) {
        weights.push((0..d[0] * d[1]).map(|_| (xorshift(&mut seed) % 121) as i8 - 60).collect());
    }
    let biases = shape.dims()[1..].iter().map(|d| vec![1000; *d]).collect();
    let weights = Weights::new(shape.clone(), weights, biases)?;

    let size = layout.columns(samples)?;
    let srs = test_srs(layout.degree_bound().max(size.real()))?;
    let start = Instant::now();
    let key = setup::generate(weights, &ModelSecret::generate()?, level, &srs)?;
    let setup = start.elapsed().as_secs_f64();
    let vk = key.verifying_key().clone();
    let start = Instant::now();
    let prover = Prover::new(key, &srs, samples)?;
    let load = start.elapsed().as_secs_f64() * 1e3;
    let verifier = Verifier::new(vk, srs.pinned())?;
    drop(srs);
    // Forget the peak of the setup.
    let _ = std::fs::write("/proc/self/clear_refs", "5");

    let requests: Vec<Request> = (0..samples)
        .map(|_| Request {
            inputs: (0..shape.inputs()).map(|_| (xorshift(&mut seed) % 256) as u16).collect(),
            context_id: [0; 32],
        })
        .collect();
    let (mut prove_ms, mut verify_ms, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let start = Instant::now();
        let (statements, proof) = prover.prove([1; 32], &requests)?;
        let encoded = proof.to_bytes();
        prove_ms.push(start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        verifier.verify(&statements, &encoded)?;
        verify_ms.push(start.elapsed().as_secs_f64() * 1e3);
        proofs.push((statements, encoded));
    }
    // All of them again, with one product of pairings; the mean of a few runs.
    let claims: Vec<Claim<'_>> =
        proofs.iter().map(|(statements, proof)| Claim { verifier: &verifier, statements, proof }).collect();
    let start = Instant::now();
    for _ in 0..5 {
        if !verify_many(&claims).all_valid() {
            return Err("an honest proof is refused".into());
        }
    }
    let many_ms = start.elapsed().as_secs_f64() * 1e3 / 5.0 / proofs.len() as f64;
    let bytes = proofs.first().map_or(0, |(_, proof)| proof.len());
    println!(
        "{:?} N={samples} n=2^{} {:?} | setup {setup:.2} s | load {load:.0} ms | prove {:.1} ms | verify {:.2} ms | {} together {many_ms:.2} ms each | proof {bytes} B | peak RSS {:.1} MB",
        shape.dims(),
        size.variables(),
        prover.key().verifying_key().level(),
        median(prove_ms),
        median(verify_ms),
        proofs.len(),
        peak_rss(),
    );
    Ok(())
}
