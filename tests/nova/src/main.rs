//! Compares the verdicts of our evaluation opening with those of nova-snark's HyperKZG: same powers
//! of tau, same polynomial, point and value, same cheating, so the same accept or reject.
//!
//! `zkinfer-nova [LARGEST] [ROUNDS]` looks at polynomials of 4 to LARGEST (9) variables, ROUNDS (1)
//! times. With `ZKINFER_VECTORS=FILE` it writes nova's verdicts on small polynomials to FILE, for the
//! test `openings` of `crates/prover`. The exit code is 1 if a verdict differs or is false. Results are
//! on stderr: the curve library of nova-snark prints on stdout.

mod cases;
mod nova;

use std::process::ExitCode;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use cases::{Case, Random, cases};
use nova::Nova;
use serde_json::{Value, json};
use zkinfer_prover::comparison::{Evaluation, Opener, Place};
use zkinfer_prover::srs::test_srs;

const PLACES: [Place; 4] =
    [Place::Column, Place::Model { kappa: 0 }, Place::Model { kappa: 1 }, Place::Model { kappa: 3 }];

/// Both sides, for polynomials up to a size.
struct Sides {
    ours: Opener,
    nova: Nova,
}

#[derive(Default)]
struct Counts {
    claims: usize,
    true_claims: usize,
    honest: usize,
    accepted: usize,
    verdicts: usize,
    changed: usize,
    wrong: usize,
}

impl Sides {
    fn new(variables: usize) -> Self {
        // One more power than coefficients: commitments can be too long.
        let srs = test_srs(2 << variables).expect("the TEST SRS exists");
        Self { ours: Opener::new(&srs, variables + 1).expect("enough powers"), nova: Nova::new(variables) }
    }

    fn claim(&self, case: &Case) -> Evaluation {
        let (point, value) = (case.point.clone(), case.value);
        Evaluation { commitment: self.ours.commit(&case.committed), point, value }
    }

    fn ours(&self, case: &Case, place: Place) -> bool {
        let claim = self.claim(case);
        let proof = self.ours.prove(&claim, &case.folded, &case.folded_at, place).expect("no challenge is 0, 1 or -1");
        self.ours.verify(&claim, place, &proof).is_ok()
    }

    fn nova(&self, case: &Case) -> bool {
        self.nova.verify(case, &self.nova.prove(case))
    }

    fn compare(&self, case: &Case, counts: &mut Counts) {
        counts.claims += 1;
        counts.true_claims += usize::from(case.is_true());
        counts.honest += usize::from(case.is_honest());
        let mut wrong = |what: &str| {
            eprintln!("WRONG  {} variables, {}: {what}", case.point.len(), case.name);
            counts.wrong += 1;
        };
        if self.nova.commit(&case.committed) != self.claim(case).commitment_bytes() {
            wrong("the commitments differ");
        }
        if bytes(&cases::evaluate(&case.folded, &case.folded_at)) != Nova::evaluate(&case.folded, &case.folded_at) {
            wrong("the values differ");
        }
        let theirs = self.nova(case);
        if theirs && !case.is_true() || !theirs && case.is_honest() {
            wrong("nova-snark is wrong");
        }
        for place in PLACES {
            if self.ours(case, place) != theirs {
                wrong(&format!("nova-snark accepts: {theirs}, we do not agree ({place:?})"));
            }
        }
        counts.accepted += usize::from(theirs);
        counts.verdicts += 1 + PLACES.len();
    }

    /// Every element of an honest proof, changed: both sides refuse all of them.
    fn change(&self, case: &Case, counts: &mut Counts) {
        for (i, changed) in self.nova.prove(case).changed().iter().enumerate() {
            counts.changed += 1;
            if self.nova.verify(case, changed) {
                eprintln!("WRONG  nova-snark accepts a proof with element {i} changed");
                counts.wrong += 1;
            }
        }
        let claim = self.claim(case);
        for place in PLACES {
            let honest = self.ours.prove(&claim, &case.folded, &case.folded_at, place).expect("an honest proof");
            for word in 0..honest.len() / 32 {
                counts.changed += 1;
                let mut proof = honest.clone();
                proof[32 * word + 31] ^= 1;
                if self.ours.verify(&claim, place, &proof).is_ok() {
                    eprintln!("WRONG  we accept a proof with word {word} changed ({place:?})");
                    counts.wrong += 1;
                }
            }
        }
    }
}

fn bytes(x: &Fr) -> Vec<u8> {
    x.into_bigint().to_bytes_be()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |hex, b| hex + &format!("{b:02x}"))
}

fn hexes(xs: &[Fr]) -> Value {
    xs.iter().map(|x| hex(&bytes(x))).collect()
}

/// Nova's verdicts, commitments and values for some of the cases, one case per line.
fn vectors() -> String {
    let mut polynomials: Vec<Vec<Fr>> = Vec::new();
    let mut index = |p: &[Fr]| {
        let at = polynomials.iter().position(|known| known == p);
        at.unwrap_or_else(|| {
            polynomials.push(p.to_vec());
            polynomials.len() - 1
        })
    };
    let mut lines = Vec::new();
    for (variables, kinds) in [
        (4, &["random at random", "edge coefficients at edge coordinates", "zero at vertex", "constant at random"][..]),
        (6, &["random at edge coordinates"]),
    ] {
        let sides = Sides::new(variables);
        let all = cases(variables, &mut Random::new(variables as u64));
        for case in all.iter().filter(|c| kinds.iter().any(|k| c.name.starts_with(k))) {
            let line = json!({
                "name": case.name,
                "committed": index(&case.committed),
                "commitment": hex(&sides.nova.commit(&case.committed)),
                "point": hexes(&case.point),
                "value": hex(&bytes(&case.value)),
                "folded": index(&case.folded),
                "folded_at": hexes(&case.folded_at),
                "evaluates_to": hex(&Nova::evaluate(&case.folded, &case.folded_at)),
                "accepted": sides.nova(case),
            });
            lines.push(line.to_string());
        }
    }
    let polynomials: Vec<String> = polynomials.iter().map(|p| hexes(p).to_string()).collect();
    format!(
        "{{\n\"made_by\": \"nova-snark 0.76.0, HyperKZG, TEST SRS\",\n\"polynomials\": [\n{}\n],\n\"cases\": [\n{}\n]\n}}\n",
        polynomials.join(",\n"),
        lines.join(",\n")
    )
}

fn main() -> ExitCode {
    if let Some(path) = std::env::var_os("ZKINFER_VECTORS") {
        std::fs::write(path, vectors()).expect("the file can be written");
        return ExitCode::SUCCESS;
    }
    let mut arguments = std::env::args().skip(1).map(|a| a.parse().expect("numbers: LARGEST ROUNDS"));
    let (largest, rounds) = (arguments.next().unwrap_or(9), arguments.next().unwrap_or(1));
    let mut total = Counts::default();
    for variables in 4..=largest {
        let sides = Sides::new(variables);
        let mut counts = Counts::default();
        for round in 0..rounds {
            let all = cases(variables, &mut Random::new((variables + 100 * round) as u64));
            all.iter().for_each(|case| sides.compare(case, &mut counts));
            all.iter().take(1).for_each(|case| sides.change(case, &mut counts));
        }
        eprintln!(
            "{variables:2} variables: {} claims, {} true, {} honest provers, {} accepted by both; {} verdicts, {} wrong",
            counts.claims, counts.true_claims, counts.honest, counts.accepted, counts.verdicts, counts.wrong
        );
        total.claims += counts.claims;
        total.accepted += counts.accepted;
        total.verdicts += counts.verdicts;
        total.changed += counts.changed;
        total.wrong += counts.wrong;
    }
    eprintln!(
        "{} claims, {} accepted, {} refused, {} verdicts, {} changed proofs, {} wrong",
        total.claims,
        total.accepted,
        total.claims - total.accepted,
        total.verdicts,
        total.changed,
        total.wrong
    );
    if total.claims > 0 && total.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
