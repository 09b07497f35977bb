//! Writes known-answer vectors: `make_vectors DIRECTORY`, those of the TEST SRS, or `make_vectors
//! DIRECTORY hez-final`, those of the ceremony, as far as its powers go. Needs the feature
//! `insecure-test-seed`.
//!
//! Everything is fixed (SRS, weights, inputs, masks), so a second run writes the same bytes.

use std::fmt::Write as _;

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use zkinfer_prover::circuit::{Committed, Layout, Saturation, Shape, Weights};
use zkinfer_prover::srs::{Ceremony, SrsError, test_srs};
use zkinfer_prover::{
    CommittedTensor, Level, ModelSecret, Prover, Request, SampleSecrets, TensorSecret, Verifier, setup,
};

const NONE: Committed = Committed { inputs: false, outputs: false };
const INPUTS: Committed = Committed { inputs: true, outputs: false };
const OUTPUTS: Committed = Committed { inputs: false, outputs: true };
const BOTH: Committed = Committed { inputs: true, outputs: true };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn scalar(s: &impl PrimeField) -> String {
    format!("\"{}\"", hex(&s.into_bigint().to_bytes_be()))
}

fn list(scalars: &[Fr]) -> String {
    format!("[{}]", scalars.iter().map(scalar).collect::<Vec<_>>().join(", "))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: make_vectors DIRECTORY [CEREMONY]")?;
    let ceremony = std::env::args().nth(2).map(|name| {
        let found = Ceremony::list().iter().find(|ceremony| ceremony.name == name);
        found.copied().ok_or("no such ceremony")
    });
    let ceremony = ceremony.transpose()?;
    let cases = [
        ("single", vec![4, 5, 3], None, Level::One, 1usize, NONE),
        ("batch", vec![3, 6, 2], None, Level::One, 3, NONE),
        (
            "saturating-two-level",
            vec![3, 4, 7, 2],
            Some(vec![Saturation::Narrow, Saturation::Wide]),
            Level::Two { rho2: 1 },
            2,
            NONE,
        ),
        ("one-layer", vec![6, 2], None, Level::One, 1, NONE),
        // Sizes that gas is measured for; the others are as small as they can be.
        ("64-32-10", vec![64, 32, 10], None, Level::One, 1, NONE),
        ("64-128-64-10", vec![64, 128, 64, 10], None, Level::One, 1, NONE),
        ("256-512-256-10", vec![256, 512, 256, 10], None, Level::One, 1, NONE),
        ("256-512-256-10-two-level", vec![256, 512, 256, 10], None, Level::Two { rho2: 4 }, 1, NONE),
        (
            "64-128-64-10-saturating",
            vec![64, 128, 64, 10],
            Some(vec![Saturation::Narrow, Saturation::Narrow]),
            Level::One,
            1,
            NONE,
        ),
        ("64-128-64-10-batch-16", vec![64, 128, 64, 10], None, Level::One, 16, NONE),
        ("committed-inputs", vec![4, 5, 3], None, Level::One, 1, INPUTS),
        ("committed-outputs", vec![4, 5, 3], None, Level::One, 1, OUTPUTS),
        ("committed-batch", vec![3, 6, 2], None, Level::One, 3, BOTH),
        (
            "committed-saturating-two-level",
            vec![3, 4, 7, 2],
            Some(vec![Saturation::Narrow, Saturation::Wide]),
            Level::Two { rho2: 1 },
            2,
            BOTH,
        ),
        ("256-512-256-10-committed-inputs", vec![256, 512, 256, 10], None, Level::One, 1, INPUTS),
        ("256-512-256-10-batch-16", vec![256, 512, 256, 10], None, Level::One, 16, NONE),
        ("256-512-256-10-batch-16-committed-inputs", vec![256, 512, 256, 10], None, Level::One, 16, INPUTS),
    ];
    for (number, (name, dims, saturation, level, samples, committed)) in cases.into_iter().enumerate() {
        let shape = Shape::new(dims, saturation)?.with_committed(committed)?;
        // Wide layers get scattered weights and inputs of one byte, or the sums would leave their bounds.
        let wide = shape.rows() > 16;
        let weight = |i: usize| match wide {
            true => (((i as u64 + 1) * (number as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i16 % 100,
            false => ((i * 37 + 11 * number) % 255) as i16 - 127,
        };
        let mut weights = Vec::new();
        for d in shape.dims().windows(2) {
            weights.push((0..d[0] * d[1]).map(|i| weight(i) as i8).collect());
        }
        let biases = shape.dims()[1..].iter().map(|d| (0..*d as i32).map(|i| 5000 - 3001 * i).collect());
        let weights = Weights::new(shape.clone(), weights, biases.collect())?;
        let layout = Layout::new(&shape);
        let needed = layout.degree_bound().max(layout.columns(samples)?.real());
        let srs = match ceremony {
            None => test_srs(needed)?,
            Some(ceremony) => match ceremony.open(needed) {
                Err(SrsError::TooFewPowers { .. }) => continue,
                opened => opened?,
            },
        };
        let key = setup::generate(weights, &ModelSecret::from_bytes([5; 32]), Some(level), &srs)?;
        let vk = key.verifying_key().clone();
        let prover = Prover::new(key, &srs, samples)?;
        let requests: Vec<Request> = (0..samples)
            .map(|k| Request {
                inputs: (0..shape.inputs())
                    .map(|i| (i * 1000 + 77 * k + 3) as u16 % if wide { 256 } else { u16::MAX })
                    .collect(),
                context_id: [0x40 + k as u8; 32],
            })
            .collect();
        let secret = |on: bool, k: usize| on.then(|| TensorSecret::from_bytes([k as u8 + 1; 32]));
        let secrets: Vec<SampleSecrets> = (0..samples)
            .map(|k| SampleSecrets { inputs: secret(committed.inputs, k), outputs: secret(committed.outputs, k + 64) })
            .collect();
        let (statements, proof) =
            prover.prove_committed_with_insecure_test_seed([0xab; 32], &requests, &secrets, [number as u8 + 1; 32])?;
        let proof = proof.to_bytes();
        let c = Verifier::new(vk.clone(), srs.pinned())?.challenges(&statements, &proof)?;

        let mut exponents = vec![0, layout.nu];
        if let Level::Two { rho2 } = level {
            exponents.push(layout.nu + usize::from(rho2));
        }
        let (mut g1, mut g2) = (Vec::new(), Vec::new());
        for j in exponents {
            let (x, y) = srs.pinned().g1(j).and_then(|p| p.xy()).ok_or("not pinned")?;
            g1.push(format!("\"{j}\": [{}, {}]", scalar(&x), scalar(&y)));
            let (x, y) = srs.pinned().g2(j).and_then(|p| p.xy()).ok_or("not pinned")?;
            let parts: Vec<String> = [x.c1, x.c0, y.c1, y.c0].iter().map(scalar).collect();
            g2.push(format!("\"{j}\": [{}]", parts.join(", ")));
        }
        let statements_json: Vec<String> = statements
            .iter()
            .map(|s| {
                let point = |p: &CommittedTensor| format!("\"{}\"", hex(&p.to_bytes()));
                format!(
                    "{{\"model_id\": \"{}\", \"context_id\": \"{}\", \"inputs\": {}, \"outputs\": {}}}",
                    hex(&s.model_id),
                    hex(&s.context_id),
                    s.values.input_point.as_ref().map_or_else(|| format!("{:?}", s.values.inputs), point),
                    s.values.output_point.as_ref().map_or_else(|| format!("{:?}", s.values.outputs), point),
                )
            })
            .collect();
        let sid = zkinfer_prover::session_id(&statements);
        let challenges = [
            ("srs_id", format!("\"{}\"", hex(srs.id()))),
            ("vkd", format!("\"{}\"", hex(&vk.digest()))),
            ("sid", format!("\"{}\"", hex(&sid))),
            ("alpha", scalar(&c.m1.alpha)),
            ("beta", scalar(&c.m1.beta)),
            ("lambda", scalar(&c.m2.lambda)),
            ("mu", scalar(&c.m2.mu)),
            ("theta", scalar(&c.m2.theta)),
            ("zeta", scalar(&c.m2.zeta)),
            ("c_d", scalar(&c.m2.c_d)),
            ("xi", list(&c.m2.xi)),
            ("r", list(&c.r)),
            ("rho", scalar(&c.rho)),
            ("x", scalar(&c.x)),
            ("eta", scalar(&c.eta)),
            ("z", scalar(&c.z)),
            ("delta", scalar(&c.delta)),
        ]
        .map(|(name, value)| format!("    \"{name}\": {value}"));
        let json = format!(
            "{{\n  \"vk\": \"{}\",\n  \"srs\": {{\n    \"g1\": {{{}}},\n    \"g2\": {{{}}}\n  }},\n  \"statements\": [\n    {}\n  ],\n  \"challenges\": {{\n{}\n  }},\n  \"proof\": \"{}\"\n}}\n",
            hex(&vk.to_bytes()),
            g1.join(", "),
            g2.join(", "),
            statements_json.join(",\n    "),
            challenges.join(",\n"),
            hex(&proof),
        );
        std::fs::write(format!("{directory}/{name}.json"), json)?;
    }
    Ok(())
}
