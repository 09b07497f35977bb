//! Medians of proving and verifying one general network, the processor time of one proof and the peak memory of all:
//! `bench_network 64-128-64-10|cnn|lenet|cnn32|FILE.key [N] [repetitions]`.
//!
//! A list of dimensions is the perceptron of `bench_mlp` with the same weights and inputs, so that
//! the two can be compared; `cnn` is a small convolutional network on 8 x 8 pixels, `lenet` is
//! LeNet-5 on 28 x 28 pixels with 2 x 2 maxima, `cnn32` has 1.2 million parameters on 32 x 32 x 3. A file is the proving key
//! (`pk.key`) of a model that `zkinfer compile --srs test` made; its inputs are random.
//!
//! Runs under the TEST SRS.

use std::error::Error;
use std::time::Instant;

use zkinfer_prover::network::{
    Gadget, Graph, Layer, Linear, NetworkProver, NetworkProvingKey, NetworkVerifier, Parameters, generate,
};
use zkinfer_prover::srs::{Srs, test_srs};
use zkinfer_prover::{ModelSecret, Request};

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

const RELU: Option<Gadget> = Some(Gadget::Relu { shift: 8 });

fn linear(from: usize, op: Linear, inputs: usize, activation: Option<Gadget>, seed: &mut u64) -> Layer {
    let rows = match op {
        Linear::Dense { outputs } => outputs as usize,
        Linear::Conv { channels, .. } => channels as usize,
        Linear::Rows { outputs } => outputs as usize,
    };
    let weights = (0..rows * inputs).map(|_| (xorshift(seed) % 121) as i16 - 60).collect();
    Layer::Linear { from, op, parameters: Parameters { weights, biases: vec![1000; rows] }, activation, plus: None }
}

fn conv(channels: u32, kernel: u32, padding: u32) -> Linear {
    Linear::Conv { channels, kernel, stride: 1, padding, groups: 1 }
}

fn dense(outputs: u32) -> Linear {
    Linear::Dense { outputs }
}

fn layers(name: &str, seed: &mut u64) -> Result<Vec<Layer>, Box<dyn Error>> {
    // Activations of a random deep network grow: it saturates.
    let clamp = Some(Gadget::Clamp { shift: 8, lo: 0, hi: 65535 });
    Ok(match name {
        "cnn" => vec![
            Layer::Input { dims: vec![1, 8, 8] },
            linear(0, conv(8, 3, 1), 9, RELU, seed),
            Layer::MaxPool { from: 1, window: 2 },
            linear(2, conv(8, 3, 1), 72, clamp, seed),
            Layer::MaxPool { from: 3, window: 2 },
            linear(4, dense(10), 32, None, seed),
        ],
        "lenet" => vec![
            Layer::Input { dims: vec![1, 28, 28] },
            linear(0, conv(6, 5, 2), 25, RELU, seed),
            Layer::MaxPool { from: 1, window: 2 },
            linear(2, conv(16, 5, 0), 150, clamp, seed),
            Layer::MaxPool { from: 3, window: 2 },
            linear(4, dense(120), 400, clamp, seed),
            linear(5, dense(84), 120, clamp, seed),
            linear(6, dense(10), 84, None, seed),
        ],
        "cnn32" => {
            let (mut layers, mut from) = (vec![Layer::Input { dims: vec![3, 32, 32] }], 3);
            for channels in [32, 64, 128] {
                for _ in 0..2 {
                    let op = conv(channels, 3, 1);
                    layers.push(linear(layers.len() - 1, op, from as usize * 9, clamp, seed));
                    from = channels;
                }
                layers.push(Layer::MaxPool { from: layers.len() - 1, window: 2 });
            }
            layers.push(linear(layers.len() - 1, dense(444), 2048, clamp, seed));
            layers.push(linear(layers.len() - 1, dense(10), 444, None, seed));
            layers
        }
        dims => {
            let dims: Vec<u32> = dims.split('-').map(str::parse).collect::<Result<_, _>>()?;
            let mut layers = vec![Layer::Input { dims: vec![dims[0]] }];
            for (i, d) in dims.windows(2).enumerate() {
                let last = i + 2 == dims.len();
                layers.push(linear(i, dense(d[1]), d[0] as usize, if last { None } else { RELU }, seed));
            }
            layers
        }
    })
}

/// The key of a network, with its seconds of set-up.
fn key(name: &str, samples: usize, seed: &mut u64) -> Result<(NetworkProvingKey, Srs, f64), Box<dyn Error>> {
    if name.ends_with(".key") {
        let key = NetworkProvingKey::from_bytes(&std::fs::read(name)?)?;
        let srs = test_srs(key.verifying_key().program().powers(samples)?)?;
        return Ok((key, srs, 0.0));
    }
    let graph = Graph::new(layers(name, seed)?)?;
    let compiled = graph.compile()?;
    let srs = test_srs(compiled.program.powers(samples)?)?;
    let start = Instant::now();
    let key = generate(graph, &ModelSecret::generate()?, None, &srs)?;
    Ok((key, srs, start.elapsed().as_secs_f64()))
}

/// One more than the largest input of a port, 256 at most.
fn bound(max: i64) -> u64 {
    max.unsigned_abs().min(255) + 1
}

/// Seconds of processor time of this process, in steps of 1/100; 0 where the system does not tell.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Peak memory in MB since [`forget_peak`]; 0 where the system does not tell.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1e3
}

/// What set-up took is not counted, where the system allows it.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let name = argument(0, "64-128-64-10");
    let (samples, repetitions): (usize, usize) = (argument(1, "1").parse()?, argument(2, "9").parse()?);
    let mut seed = 0x1234_5678;
    let (key, srs, setup) = key(&name, samples, &mut seed)?;
    let vk = key.verifying_key().clone();
    let parts = vk.program().parts();
    // Bit 0 says output.
    let inputs: Vec<(u32, u64)> =
        parts.ports.iter().filter(|p| p.flags & 1 == 0).map(|p| (p.count, bound(p.max))).collect();
    let (blocks, hat_end, positions) = (parts.blocks, parts.hat_end, parts.positions);
    let program = vk.program().to_bytes().len();
    let prover = NetworkProver::new(key, &srs, samples)?;
    let verifier = NetworkVerifier::new(vk.clone(), srs.pinned())?;
    drop(srs);

    let requests: Vec<Request> = (0..samples)
        .map(|_| Request {
            inputs: inputs
                .iter()
                .flat_map(|(count, bound)| vec![*bound; *count as usize])
                .map(|bound| (xorshift(&mut seed) % bound) as u16)
                .collect(),
            context_id: [0; 32],
        })
        .collect();
    let (mut prove_ms, mut verify_ms, mut bytes) = (Vec::new(), Vec::new(), 0);
    forget_peak();
    let before = processor_time();
    for _ in 0..repetitions {
        let start = Instant::now();
        let (statements, proof) = prover.prove([1; 32], &requests)?;
        let encoded = proof.to_bytes();
        prove_ms.push(start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        verifier.verify(&statements, &encoded)?;
        verify_ms.push(start.elapsed().as_secs_f64() * 1e3);
        bytes = encoded.len();
    }
    let cpu = (processor_time() - before) * 1e3 / repetitions as f64;
    let peak = peak_memory();
    println!(
        "{name} N={samples} P={positions} R={blocks} qend={hat_end} {:?} | setup {setup:.2} s | prove {:.1} ms | verify {:.2} ms | both {cpu:.0} ms of CPU | peak {peak:.0} MB | proof {bytes} B | program {program} B",
        verifier.key().level(),
        median(prove_ms),
        median(verify_ms),
    );
    Ok(())
}
