//! One malicious prover per condition of N6 and N8.
//!
//! [`needed`] shows three things: with the condition dropped on both sides the forged proof is
//! accepted, the same proof is rejected by the real verifier, and the same cheat against the full
//! protocol is rejected. So every condition is needed, and none of the others stands in for it.

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;

mod choices;
mod clamps;
mod copies;
mod interpolation;
mod layers;
mod leftovers;
mod lookups;
mod norms;
mod products;
mod softmax;
mod tensors;

use super::columns::NetworkColumns;
use super::gadget::{Gadget, Row, Slope};
use super::graph::samples::{mlp, parameters};
use super::graph::{Elements, Graph, Layer, Linear, Parameters, Table};
use super::helpers::Helpers;
use super::layout::block;
use super::statement::{NetworkStatement, PortValue};
use super::testing::{Cheat, Fixture};
use crate::encoding::{keccak, signed};
use crate::error::{CircuitError, VerifyError};
use crate::keys::Level;
use crate::prove::{FoldedModel, Request};
use crate::rules::Rule;
use crate::testing::{self, Forge, MODEL, Xorshift};
use crate::transcript::NetworkChallenges1;

const RELU: Gadget = Gadget::Relu { shift: 8 };

fn fixture() -> Fixture {
    Fixture::new(mlp(&[6, 8, 5, 3], &[RELU, RELU], 11), Level::One, 1)
}

/// A pool between input and outputs.
fn pooled(layer: Layer) -> Fixture {
    let mut rng = Xorshift(5);
    let dense = Layer::Linear {
        from: 1,
        op: Linear::Dense { outputs: 2 },
        parameters: parameters(2, 4, 100, &mut rng),
        activation: None,
        plus: None,
    };
    Fixture::new(Graph::new(vec![Layer::Input { dims: vec![1, 4, 4] }, layer, dense]).unwrap(), Level::One, 1)
}

/// The elements that the first sample claims for a port.
fn elements(statements: &mut [NetworkStatement], port: usize) -> &mut Vec<i64> {
    match &mut statements[0].ports[port] {
        PortValue::Elements(elements) => elements,
        PortValue::Commitment(_) => panic!("a committed port"),
    }
}

fn needed(rule: Rule, fixture: &Fixture, cheat: &dyn Cheat) {
    needed_for(1, rule, fixture, cheat);
}

/// The same for a batch.
fn needed_for(samples: usize, rule: Rule, fixture: &Fixture, cheat: &dyn Cheat) {
    let requests = fixture.requests(samples, 9);
    let (statements, proof) = fixture.cheat(&requests, Some(rule), cheat);
    assert!(fixture.verdict(&statements, &proof, Some(rule)), "{rule:?}: the attack works without the check");
    assert!(!fixture.verdict(&statements, &proof, None), "{rule:?}: the check catches the proof");
    record(rule, fixture, &statements, &proof);
    let (statements, proof) = fixture.cheat(&requests, None, cheat);
    assert!(!fixture.verdict(&statements, &proof, None), "{rule:?}: the full protocol holds");
}

/// Writes a forged proof to the directory in `ZKINFER_NETWORK_ATTACKS`, if there is one, for the contract: in the form of the
/// vectors, with the only rule that the proof breaks.
fn record(rule: Rule, fixture: &Fixture, statements: &[NetworkStatement], proof: &[u8]) {
    let Some(directory) = std::env::var_os("ZKINFER_NETWORK_ATTACKS") else {
        return;
    };
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!("\"0x{digits}\"")
    };
    let port = |port: &PortValue| match port {
        PortValue::Elements(elements) => format!("{elements:?}"),
        PortValue::Commitment(point) => hex(&point.to_bytes()),
    };
    let statement = |s: &NetworkStatement| {
        let ports = s.ports.iter().map(port).collect::<Vec<_>>().join(", ");
        let (model, context) = (hex(&s.model_id), hex(&s.context_id));
        format!("{{\"model_id\": {model}, \"context_id\": {context}, \"ports\": [{ports}]}}")
    };
    let vk = fixture.verifier.key();
    let fields = [
        ("rule", format!("\"{rule:?}\"")),
        ("vk", hex(&vk.to_bytes())),
        ("program", hex(&vk.program().to_bytes())),
        ("srs", format!("{{\"id\": {}}}", hex(vk.srs_id()))),
        ("statements", format!("[{}]", statements.iter().map(statement).collect::<Vec<_>>().join(", "))),
        ("challenges", format!("{{\"vkd\": {}}}", hex(&vk.digest()))),
        ("proof", hex(proof)),
    ]
    .map(|(name, value)| format!("  \"{name}\": {value}"));
    let json = format!("{{\n{}\n}}\n", fields.join(",\n"));
    // Several proofs break one rule.
    let digits = &hex(&keccak(&[proof]))[3..7];
    let path = std::path::Path::new(&directory).join(format!("{rule:?}-{digits}.json"));
    std::fs::write(path, json).unwrap();
}

/// A layer between the input `[n, 1]` or `[2, 2]` and two outputs.
fn between(dims: Vec<u32>, layer: Layer, tables: &[[i16; 256]], outputs_of: usize, samples: usize) -> Fixture {
    between_with(dims, layer, tables.iter().map(|t| Table::Values(*t)).collect(), outputs_of, samples)
}

/// The same with tables of any sort.
fn between_with(dims: Vec<u32>, layer: Layer, tables: Vec<Table>, outputs_of: usize, samples: usize) -> Fixture {
    let mut rng = Xorshift(5);
    let dense = Layer::Linear {
        from: 1,
        op: Linear::Dense { outputs: 2 },
        parameters: parameters(2, outputs_of, 100, &mut rng),
        activation: None,
        plus: None,
    };
    let graph = Graph::with_functions(vec![Layer::Input { dims }, layer, dense], tables).unwrap();
    Fixture::new(graph, Level::One, samples)
}

/// Replaces rows of layer 1, and the outputs follow.
#[derive(Debug)]
struct NewRows<'a> {
    fixture: &'a Fixture,
    /// Sample, element, row.
    rows: Vec<(usize, usize, Row)>,
    /// What is added to helper columns, given them: column, row, difference.
    helpers: Option<HelperDeltas>,
}

/// Differences of helper columns, from the columns, the helpers and the challenges after M1.
type HelperDeltas = fn(&NetworkColumns, &Helpers, &NetworkChallenges1, &Fixture, usize) -> Vec<(usize, usize, Fr)>;

impl NewRows<'_> {
    fn position(&self, element: usize) -> usize {
        self.fixture.graph().positions(self.fixture.verifier.key().program().parts(), 1)[element]
    }
}

impl Cheat for NewRows<'_> {
    fn rows(&self, rows: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {
        for (sample, element, new) in &self.rows {
            let position = self.position(*element);
            // A default row may stand at the same position; the element comes last.
            rows[*sample].iter_mut().rev().find(|(at, _)| *at == position).unwrap().1 = *new;
        }
    }
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        let samples = 1 + self.rows.iter().map(|r| r.0).max().unwrap();
        let view = &self.fixture.graph().gadget(1).unwrap().kind(0, 0, 12).views[0];
        let value =
            |row: &Row| -> i64 { view.terms.iter().map(|(c, v)| v * i64::from(row.limbs[usize::from(*c)])).sum() };
        for (sample, request) in self.fixture.requests(samples.max(statements.len()), 9).iter().enumerate() {
            let run = self.fixture.graph().run(&request.inputs, 0).unwrap();
            for (_, element, new) in self.rows.iter().filter(|r| r.0 == sample) {
                let by = value(new) - value(&run.rows[1][*element]);
                shift_outputs(self.fixture.graph(), &mut statements[sample..], *element, by);
            }
        }
    }
    fn after_helpers(&self, mut columns: NetworkColumns, helpers: &Helpers, c1: &NetworkChallenges1) -> NetworkColumns {
        if let Some(deltas) = self.helpers {
            let row = columns.size.row(self.position(self.rows[0].1)) + self.rows[0].0;
            let deltas = deltas(&columns, helpers, c1, self.fixture, row);
            columns.deltas.extend(deltas);
        }
        columns
    }
}

/// The honest row of an element of layer 1.
fn honest(f: &Fixture, samples: usize, sample: usize, element: usize) -> Row {
    f.graph().run(&f.requests(samples, 9)[sample].inputs, 0).unwrap().rows[1][element]
}

/// Changes one row of a layer and what the outputs make of its value.
#[derive(Debug)]
struct FalseRow<'a> {
    fixture: &'a Fixture,
    /// A layer that the last one reads, and an element of it.
    layer: usize,
    element: usize,
    /// What is added to limbs, low byte first, per value: first limb, bytes, difference.
    cells: Vec<(usize, usize, i64)>,
    /// Recomputes the operands of a maximum.
    maximum: bool,
    /// What is added to the value.
    by: i64,
}

impl FalseRow<'_> {
    fn position(&self) -> usize {
        self.fixture.graph().positions(self.fixture.verifier.key().program().parts(), self.layer)[self.element]
    }

    fn change(&self, row: &mut Row) {
        let value = |row: &Row, first: usize, bytes: usize| {
            (0..bytes).map(|i| i64::from(row.limbs[first + i]) << (8 * i)).sum::<i64>()
        };
        for (first, bytes, by) in &self.cells {
            let new = (value(row, *first, *bytes) + by).to_le_bytes();
            row.limbs[*first..first + bytes].copy_from_slice(&new[..*bytes]);
        }
        if self.maximum {
            let d = |i: usize| value(row, 2 + 2 * i, 2);
            row.operands = [d(0) * d(1), d(2) * d(3), 0];
        }
    }
}

/// Adds what a change by `by` of an element of the last source changes in the outputs.
fn shift_outputs(graph: &Graph, statements: &mut [NetworkStatement], element: usize, by: i64) {
    let Some(Layer::Linear { from, parameters, .. }) = graph.layers().last() else { panic!("no last layer") };
    let inputs = graph.elements(*from);
    for (i, o) in elements(statements, 1).iter_mut().enumerate() {
        *o += i64::from(parameters.weights[i * inputs + element]) * by;
    }
}

impl Cheat for FalseRow<'_> {
    fn rows(&self, rows: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {
        // A default row may stand at the same position; the element comes last.
        let row = rows[0].iter_mut().rev().find(|(position, _)| *position == self.position()).unwrap();
        self.change(&mut row.1);
    }
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        shift_outputs(self.fixture.graph(), statements, self.element, self.by);
    }
}

/// The first element of a layer whose value is in a range, for the request of [`needed`].
fn element(fixture: &Fixture, layer: usize, range: core::ops::Range<i64>) -> usize {
    let run = fixture.graph().run(&fixture.requests(1, 9)[0].inputs, 0).unwrap();
    let view = &fixture.graph().gadget(layer).unwrap().kind(0, 0, 12).views[0];
    let value = |row: &Row| view.terms.iter().map(|(c, v)| v * i64::from(row.limbs[usize::from(*c)])).sum::<i64>();
    run.rows[layer].iter().position(|row| range.contains(&value(row))).unwrap()
}

#[test]
fn gates_of_relu() {
    let f = fixture();
    let element = element(&f, 2, 1..60_000);
    // (y + 3, w + 3)
    let cells = vec![(1, 2, 3), (3, 3, 3)];
    needed(Rule::Gate, &f, &FalseRow { fixture: &f, layer: 2, element, cells, maximum: false, by: 3 });
}

#[test]
fn gates_and_relations_of_a_maximum() {
    let f = pooled(Layer::MaxPool { from: 0, window: 2 });
    let element = element(&f, 1, 1..60_000);
    let row = |cells| FalseRow { fixture: &f, layer: 1, element, cells, maximum: true, by: 1 };
    // Larger than all: no difference is 0.
    needed(Rule::Gate, &f, &row((0..5).map(|i| (2 * i, 2, 1)).collect()));
    // Differences that are none.
    needed(Rule::Relation, &f, &row(vec![(0, 2, 1)]));
}

#[test]
fn gates_and_relations_of_a_division() {
    let f = pooled(Layer::MeanPool { from: 0, window: 2 });
    let element = element(&f, 1, 2..60_000);
    let row = |cells| FalseRow { fixture: &f, layer: 1, element, cells, maximum: false, by: -1 };
    // A remainder that is not below the divisor.
    needed(Rule::Gate, &f, &row(vec![(0, 1, 4), (2, 2, -1)]));
    // Another sum.
    needed(Rule::Relation, &f, &row(vec![(2, 2, -1)]));
}

/// A forged `y` whose limbs are not bytes: limb 1 grows by 1000, limb 0 shrinks by 256000.
#[derive(Debug)]
struct NotBytes<'a> {
    fixture: &'a Fixture,
    inverses: bool,
    balance: bool,
}

impl NotBytes<'_> {
    fn row(&self) -> usize {
        self.fixture.graph().positions(self.fixture.verifier.key().program().parts(), 2)[0]
    }
}

impl Cheat for NotBytes<'_> {
    fn columns(&self, columns: &mut NetworkColumns) {
        columns.deltas.push((1, self.row(), signed(1000)));
        columns.deltas.push((0, self.row(), signed(-256_000)));
    }
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        shift_outputs(self.fixture.graph(), statements, 0, 1000);
    }
    fn after_m1(&self, mut columns: NetworkColumns, c1: &NetworkChallenges1) -> NetworkColumns {
        let (row, order) = (self.row(), columns.order);
        if self.inverses {
            let mut balance = Fr::ZERO;
            for (c, by) in [(1, 1000), (0, -256_000)] {
                let byte = Fr::from(columns.limbs[c][row]) + c1.beta;
                let delta = (byte + signed(by)).inverse().unwrap() - byte.inverse().unwrap();
                columns.deltas.push((order.h(c), row, delta));
                balance += delta;
            }
            if self.balance {
                columns.deltas.push((order.h(order.limbs), row, balance));
            }
        }
        columns
    }
}

#[test]
fn limbs_are_bytes() {
    // A large bias keeps the element positive, so that no gate notices.
    let mut layers = mlp(&[6, 8, 5, 3], &[RELU, RELU], 11).layers().to_vec();
    if let Layer::Linear { parameters, .. } = &mut layers[2] {
        parameters.biases[0] = 2_000_000;
    }
    let f = Fixture::new(Graph::new(layers).unwrap(), Level::One, 1);
    let cheat = |inverses, balance| NotBytes { fixture: &f, inverses, balance };
    needed(Rule::Limb, &f, &cheat(false, false));
    needed(Rule::LookupSum, &f, &cheat(true, false));
    needed(Rule::Table, &f, &cheat(true, true));
}

#[derive(Debug)]
struct FalseOutput(Forge);
impl Cheat for FalseOutput {
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        elements(statements, 1)[1] += 1;
    }
    fn forge(&self) -> Forge {
        self.0
    }
}

#[test]
fn operators_and_opening() {
    let f = fixture();
    needed(Rule::Linear, &f, &FalseOutput(Forge::No));
    needed(Rule::V4, &f, &FalseOutput(Forge::No));
    needed(Rule::V5b, &f, &FalseOutput(Forge::Evals));
    needed(Rule::V5a, &f, &FalseOutput(Forge::Fin));
    needed(Rule::FoldOpening, &f, &FalseOutput(Forge::LastFold));
    needed(Rule::V7, &f, &FalseOutput(Forge::Values));
    needed(Rule::Sigma, &f, &FalseOutput(Forge::Sigma));
}

#[derive(Debug)]
struct FalseInput;
impl Cheat for FalseInput {
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        elements(statements, 0)[3] ^= 1;
    }
}

#[test]
fn inputs() {
    needed(Rule::Relation, &fixture(), &FalseInput);
}

/// `Y` makes up for a false output.
#[derive(Debug)]
struct FalseHat<'a>(&'a Fixture);
impl Cheat for FalseHat<'_> {
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        elements(statements, 1)[0] += 1;
    }
    fn hats(&self, y: &mut [Fr], model: &FoldedModel, _: &NetworkChallenges1) {
        let q = self.0.verifier.key().program().parts().linear_ops.last().unwrap().segment.0 as usize;
        y[q] += model.g[q].inverse().unwrap();
    }
}

#[test]
fn hats_are_what_the_columns_say() {
    let f = fixture();
    needed(Rule::Link, &f, &FalseHat(&f));
}

/// Two entries of `Y` whose errors cancel under a `theta` that is known when they are sent.
#[derive(Debug)]
struct CancellingHats<'a>(&'a Fixture);
impl Cheat for CancellingHats<'_> {
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        elements(statements, 1)[0] += 1;
    }
    fn hats(&self, y: &mut [Fr], model: &FoldedModel, c1: &NetworkChallenges1) {
        let q = self.0.verifier.key().program().parts().linear_ops.last().unwrap().segment.0 as usize;
        let ratio = c1.gamma.inverse().unwrap();
        let e = (model.g[q] - model.g[q + 1] * ratio).inverse().unwrap();
        y[q] += e;
        y[q + 1] -= e * ratio;
    }
}

#[test]
fn theta_is_drawn_after_the_hats() {
    let f = fixture();
    needed(Rule::Theta, &f, &CancellingHats(&f));
}

/// Hides the difference between two models in `D`.
#[derive(Debug)]
struct OtherModel {
    position: usize,
    row: u64,
    by: i64,
}
impl Cheat for OtherModel {
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        elements(statements, 1)[self.row as usize] += self.by;
    }
    fn model(&self, model: &mut FoldedModel, c1: &NetworkChallenges1) {
        // `G` folds the changed bias; `C_f` and the quotients are the old ones.
        let by = signed(self.by) * c1.alpha.pow([self.row]);
        model.g[self.position] += by;
        model.d = (testing::powers(self.position + 1)[self.position] * by + model.d).into_affine();
    }
}

#[test]
fn blinding_of_the_model_is_a_blinding() {
    for level in [Level::One, Level::Two { rho2: 1 }] {
        let f = Fixture::new(mlp(&[6, 8, 5, 3], &[RELU, RELU], 11), level, 1);
        let position = f.prover.key().weights.units.last().unwrap().bias;
        needed(Rule::Schnorr, &f, &OtherModel { position, row: 1, by: 77 });
    }
}

#[derive(Debug)]
struct Honest;
impl Cheat for Honest {}

#[test]
fn statement_ids_prevent_replay() {
    let f = fixture();
    let replay = |dropped| {
        let (mut statements, proof) = f.cheat(&f.requests(1, 9), dropped, &Honest);
        assert!(f.verdict(&statements, &proof, dropped));
        statements[0].context_id[31] ^= 1;
        if let Some(rule) = dropped {
            record(rule, &f, &statements, &proof);
        }
        f.verdict(&statements, &proof, dropped)
    };
    assert!(replay(Some(Rule::StatementId)));
    assert!(!replay(None));
}

/// `G + e X^p (X^b - alpha)` with `q_1 - e X^p`: right modulo `X^b - alpha`, but too long.
#[derive(Debug)]
struct TooLong {
    block: usize,
    position: usize,
}
impl Cheat for TooLong {
    fn model(&self, model: &mut FoldedModel, c1: &NetworkChallenges1) {
        model.g.resize(self.block + self.position + 1, Fr::ZERO);
        model.g[self.block + self.position] += Fr::ONE;
        model.g[self.position] -= c1.alpha;
        model.c_q[0] = (testing::powers(self.position + 1)[self.position] * -Fr::ONE + model.c_q[0]).into_affine();
    }
}

#[test]
fn eight_coefficients_bound_the_degree_of_g() {
    let f = fixture();
    let p = f.verifier.key().program().parts();
    // At a position that nothing reads, so that the length is the only thing that is wrong.
    assert!((p.hat_end as usize) < block(p));
    needed(Rule::V5a, &f, &TooLong { block: block(p), position: p.hat_end as usize });
}

/// Every word of a proof matters, and so does its length.
#[test]
fn changed_proofs_are_refused() {
    let f = fixture();
    let (statements, proof) = f.prover.prove(MODEL, &f.requests(1, 9)).unwrap();
    let proof = proof.to_bytes();
    assert_eq!(f.verifier.proof_len(1).unwrap(), proof.len());
    assert!(f.verdict(&statements, &proof, None));
    for word in 0..proof.len() / 32 {
        let mut changed = proof.clone();
        changed[32 * word + 31] ^= 1;
        assert!(!f.verdict(&statements, &changed, None), "word {word}");
    }
    assert!(!f.verdict(&statements, &proof[..proof.len() - 32], None));
    assert!(!f.verdict(&statements, &[&proof[..], &[0; 32]].concat(), None));
}

/// V1: elements within the bounds of their ports, and as many as the program says.
#[test]
fn public_values_fit_their_ports() {
    let f = fixture();
    let (statements, proof) = f.prover.prove(MODEL, &f.requests(1, 9)).unwrap();
    let proof = proof.to_bytes();
    for (element, value) in [(0, -1), (5, 65_536), (2, i64::MAX)] {
        let mut statements = statements.clone();
        elements(&mut statements, 0)[element] = value;
        let error = f.verifier.verify(&statements, &proof).unwrap_err();
        assert!(matches!(error, VerifyError::Circuit(CircuitError::Element { port: 0, element: e }) if e == element));
    }
    let mut short = statements.clone();
    elements(&mut short, 1).pop();
    assert!(matches!(f.verifier.verify(&short, &proof), Err(VerifyError::Circuit(CircuitError::Length { .. }))));
    assert!(f.verifier.verify(&[], &proof).is_err());
    let twice = [statements.clone(), statements.clone()].concat();
    assert!(f.verifier.verify(&twice, &proof).is_err());
    let mut others = twice;
    others[1].model_id[0] ^= 1;
    assert!(matches!(f.verifier.verify(&others, &proof), Err(VerifyError::MixedModels)));
}

/// A key that names another commitment, program or level is another key.
#[test]
fn proofs_are_for_one_key() {
    let f = fixture();
    let (statements, proof) = f.prover.prove(MODEL, &f.requests(1, 9)).unwrap();
    let proof = proof.to_bytes();
    let vk = f.verifier.key();
    let (bytes, program) = (vk.to_bytes(), vk.program().to_bytes());
    let fixed = super::Fixed::default().to_bytes();
    assert_eq!(&super::keys::NetworkVerifyingKey::from_bytes(&bytes, &program, &fixed).unwrap(), vk);
    let other = Fixture::new(mlp(&[6, 8, 5, 3], &[RELU, RELU], 12), Level::One, 1);
    assert!(other.verifier.verify(&statements, &proof).is_err());
    // Same commitment, another program: the digest does not match.
    let clamped = mlp(&[6, 8, 5, 3], &[RELU, Gadget::Clamp { shift: 8, lo: 0, hi: 65535 }], 11);
    let clamped = clamped.compile().unwrap().program.to_bytes();
    assert!(super::keys::NetworkVerifyingKey::from_bytes(&bytes, &clamped, &fixed).is_err());
    let mut identity = bytes.clone();
    identity[36..100].fill(0);
    let key = super::keys::NetworkVerifyingKey::from_bytes(&identity, &program, &fixed).unwrap();
    assert_eq!(key.commitment(), G1Affine::identity());
    let verifier = super::NetworkVerifier::new(key, testing::srs().pinned()).unwrap();
    assert!(verifier.verify(&statements, &proof).is_err());
}
