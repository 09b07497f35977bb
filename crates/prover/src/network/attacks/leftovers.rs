//! Rows that hold no element, and rows behind the last sample: what stands there means nothing.

use super::*;
use crate::network::graph::samples::mixed;

/// Any bytes in the rows behind the last sample, or other rows where a kind has no element.
#[derive(Debug)]
struct Leftovers<'a> {
    fixture: &'a Fixture,
    padding: bool,
}

impl Cheat for Leftovers<'_> {
    fn rows(&self, rows: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {
        let (key, tables) = (self.fixture.prover.key(), self.fixture.graph().tables());
        let p = key.verifying_key().program().parts();
        for (kind, gadget) in p.kinds.iter().zip(key.verifying_key().program().gadgets(&key.fixed).unwrap()) {
            let Ok(row) = gadget.row(1_234, tables) else { continue };
            let empty = (kind.lo..kind.hi).filter(|at| p.tensors.iter().all(|t| !t.holds(*at)));
            // Rows that read themselves have the value that they read.
            let empty: Vec<u32> = empty.filter(|_| !self.padding).collect();
            rows.iter_mut().for_each(|rows| rows.extend(empty.iter().map(|at| (*at as usize, row))));
        }
    }
    fn columns(&self, columns: &mut NetworkColumns) {
        let (rows, key) = (columns.size.rows, self.fixture.prover.key());
        if !self.padding {
            return;
        }
        assert!(rows.samples < rows.k());
        let mut rng = Xorshift(77);
        for row in (rows.first_real()..rows.real()).filter(|row| row % rows.k() >= rows.samples) {
            columns.limbs.iter_mut().for_each(|column| column[row] = rng.below(256) as u8);
            columns.operands.iter_mut().for_each(|column| column[row] = rng.below(1 << 20) as i64);
        }
        columns.count(key.verifying_key().program().parts(), &key.fixed);
    }
}

/// Kinds whose tensors have sides of 3 and 6: every fourth row holds no element.
fn padded() -> Fixture {
    let mut rng = Xorshift(5);
    let mut linear = |from, op, rows, inputs, activation| {
        let parameters = parameters(rows, inputs, 100, &mut rng);
        Layer::Linear { from, op, parameters, activation, plus: None }
    };
    let conv = Linear::Conv { channels: 3, kernel: 3, stride: 1, padding: 1, groups: 1 };
    let layers = vec![
        Layer::Input { dims: vec![1, 6, 6] },
        linear(0, conv, 3, 9, Some(RELU)),
        Layer::MeanPool { from: 1, window: 2 },
        Layer::Activation { from: 2, activation: Gadget::Requantize { shift: 8 } },
        Layer::Gather { from: 3, dims: vec![3, 3], indices: vec![26, 1, 2, 3, 9, 5, 6, 0, 8] },
        linear(4, Linear::Dense { outputs: 2 }, 2, 9, None),
    ];
    Fixture::new(Graph::new(layers).unwrap(), Level::One, 1)
}

#[test]
fn rows_without_an_element_mean_nothing() {
    let f = padded();
    let p = f.verifier.key().program().parts();
    for kind in &p.kinds {
        let free = (kind.lo..kind.hi).any(|at| p.tensors.iter().all(|t| !t.holds(at)));
        assert!(free, "there are such rows in every kind");
    }
    let requests = f.requests(1, 9);
    let (statements, proof) = f.cheat(&requests, None, &Leftovers { fixture: &f, padding: false });
    assert!(f.verdict(&statements, &proof, None));
    assert_eq!(statements[0].ports[1].elements(), f.graph().infer(&requests[0].inputs).unwrap());
}

#[test]
fn rows_behind_the_last_sample_mean_nothing() {
    let f = Fixture::new(mixed(4), Level::One, 3);
    let requests = f.requests(3, 9);
    let (statements, proof) = f.cheat(&requests, None, &Leftovers { fixture: &f, padding: true });
    assert!(f.verdict(&statements, &proof, None));
    for (statement, request) in statements.iter().zip(&requests) {
        assert_eq!(statement.ports[1].elements(), f.graph().infer(&request.inputs).unwrap());
    }
}
