//! One malicious prover per condition of the protocol.
//!
//! [`needed`] shows three things: with the condition dropped on both sides the forged proof is
//! accepted, the same proof is rejected by the real verifier, and the same cheat against the full
//! protocol is rejected. So every condition is needed, and none of the others stands in for it.
//! Conditions without a test here: V2 (an event of probability 3/r), and the lengths, bounds and
//! encodings of V1 (tests of the public interface).

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;

use crate::circuit::{Committed, Layout, Saturation, Shape, Weights};
use crate::columns::LimbColumns;
use crate::encoding::{keccak, signed};
use crate::keys::Level;
use crate::prove::{FoldedModel, MaskedTensors, Tensors};
use crate::rules::{Rule, Rules};
use crate::statement::{PublicValues, Statement};
use crate::sumcheck::phi::{EvalOrder, recompose};
use crate::testing::{self, Cheat, Fixture, Forge};
use crate::transcript::Challenges1;
use crate::witness::Witness;

/// Weights small enough for activations that neither vanish nor overflow.
fn fixture(saturation: Option<Vec<Saturation>>) -> Fixture {
    Fixture::new(Shape::new(vec![6, 8, 5, 3], saturation).unwrap(), Level::One, 11, 4)
}

fn needed(rule: Rule, fixture: &Fixture, cheat: &dyn Cheat) {
    let requests = fixture.requests(1, 9);
    let (statements, proof) = fixture.cheat(&requests, Some(rule), cheat);
    assert!(fixture.verdict(&statements, &proof, Some(rule)), "{rule:?}: the attack works without the check");
    assert!(!fixture.verdict(&statements, &proof, None), "{rule:?}: the check catches the proof");
    record(rule, fixture, &statements, &proof);
    let (statements, proof) = fixture.cheat(&requests, None, cheat);
    assert!(!fixture.verdict(&statements, &proof, None), "{rule:?}: the full protocol holds");
}

/// Writes a forged proof to the directory in `ZKINFER_ATTACKS`, if there is one, for verifiers in
/// other languages. The file names the only rule that the proof breaks. They are under the TEST SRS, or
/// under the ceremony that `ZKINFER_ATTACKS_SRS` names: none of the attacks needs its tau.
fn record(rule: Rule, fixture: &Fixture, statements: &[Statement], proof: &[u8]) {
    let Some(directory) = std::env::var_os("ZKINFER_ATTACKS") else {
        return;
    };
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!("\"0x{digits}\"")
    };
    let statement = |s: &Statement| {
        let values = &s.values;
        format!(
            "{{\"model_id\": {}, \"context_id\": {}, \"inputs\": {}, \"outputs\": {}}}",
            hex(&s.model_id),
            hex(&s.context_id),
            values.input_point.map_or_else(|| format!("{:?}", values.inputs), |p| hex(&p.to_bytes())),
            values.output_point.map_or_else(|| format!("{:?}", values.outputs), |p| hex(&p.to_bytes())),
        )
    };
    let vk = fixture.verifier.key();
    let fields = [
        ("rule", format!("\"{rule:?}\"")),
        ("vk", hex(&vk.to_bytes())),
        ("vkd", hex(&vk.digest())),
        ("srs_id", hex(vk.srs_id())),
        ("statements", format!("[{}]", statements.iter().map(statement).collect::<Vec<_>>().join(", "))),
        ("proof", hex(proof)),
    ]
    .map(|(name, value)| format!("  \"{name}\": {value}"));
    let json = format!("{{\n{}\n}}\n", fields.join(",\n"));
    // Several proofs break one rule.
    let digits = &hex(&keccak(&[proof]))[3..7];
    let path = std::path::Path::new(&directory).join(format!("{rule:?}-{digits}.json"));
    std::fs::write(path, json).unwrap();
}

/// Adds what a change of `by` in wire `j` of the last layer's input changes in the outputs.
fn shift_outputs(weights: &Weights, values: &mut [PublicValues], j: usize, by: i64) {
    let shape = weights.shape();
    let inputs = shape.dims()[shape.layers() - 1];
    let layer = weights.layer(shape.layers());
    for (i, o) in values[0].outputs.iter_mut().enumerate() {
        *o += i64::from(layer[i * inputs + j]) * by;
    }
}

/// The last hidden layer with a wire that is neither 0 nor saturated.
fn active(witnesses: &[Witness]) -> (usize, usize) {
    let layer = witnesses[0].hidden.len() - 1;
    (layer, witnesses[0].hidden[layer].iter().position(|c| c.y > 0 && c.v == 0).unwrap())
}

#[derive(Debug)]
struct BothSigns<'a>(&'a Weights);
impl Cheat for BothSigns<'_> {
    fn witness(&self, values: &mut Vec<PublicValues>, witnesses: &mut Vec<Witness>) {
        let (layer, j) = active(witnesses);
        let cell = &mut witnesses[0].hidden[layer][j];
        (cell.y, cell.w) = (cell.y + 3, cell.w + 3);
        shift_outputs(self.0, values, j, 3);
    }
}

#[test]
fn relu() {
    let f = fixture(None);
    needed(Rule::Relu, &f, &BothSigns(f.prover.key().weights()));
}

#[derive(Debug)]
struct SaturatesEarly<'a>(&'a Weights);
impl Cheat for SaturatesEarly<'_> {
    fn witness(&self, values: &mut Vec<PublicValues>, witnesses: &mut Vec<Witness>) {
        let (layer, j) = active(witnesses);
        let cell = &mut witnesses[0].hidden[layer][j];
        (cell.y, cell.v) = (cell.y - 1, cell.v + 1);
        shift_outputs(self.0, values, j, -1);
    }
}

#[test]
fn saturation() {
    let f = fixture(Some(vec![Saturation::Wide, Saturation::Wide]));
    needed(Rule::Saturate, &f, &SaturatesEarly(f.prover.key().weights()));
}

#[derive(Debug)]
struct IgnoresNarrow<'a>(&'a Weights);
impl Cheat for IgnoresNarrow<'_> {
    fn witness(&self, values: &mut Vec<PublicValues>, witnesses: &mut Vec<Witness>) {
        let layer = witnesses[0].hidden.len() - 1;
        let j = witnesses[0].hidden[layer].iter().position(|c| c.v > 0).unwrap();
        let cell = &mut witnesses[0].hidden[layer][j];
        let by = cell.v;
        (cell.y, cell.v) = (cell.y + by, 0);
        shift_outputs(self.0, values, j, by.into());
    }
}

#[test]
fn narrow_layers() {
    // One neuron with a large bias is sure to saturate.
    let shape = Shape::new(vec![6, 8, 5, 3], Some(vec![Saturation::Wide, Saturation::Narrow])).unwrap();
    let mut weights = testing::weights(&shape, 11);
    *weights.bias_mut(2, 2) = 4_000_000;
    let f = Fixture::from_weights(weights, Level::One, 1);
    needed(Rule::Narrow, &f, &IgnoresNarrow(f.prover.key().weights()));
}

/// A forged `y` whose limbs are not bytes: `L_1` grows by 1000, `L_0` shrinks by 256000.
#[derive(Debug)]
struct NotBytes<'a> {
    weights: &'a Weights,
    /// Also makes `H = 1/(beta + L)` true for the forged limbs.
    inverses: bool,
    /// And balances the lookup sum through `H_ell`.
    balance: bool,
}
impl NotBytes<'_> {
    fn row(&self) -> (usize, usize) {
        let layout = Layout::new(self.weights.shape());
        (layout.start(self.weights.shape().layers()), 0)
    }
}
impl Cheat for NotBytes<'_> {
    fn columns(&self, columns: &mut LimbColumns) {
        let row = self.row().0;
        columns.deltas.push((1, row, signed(1000)));
        columns.deltas.push((0, row, signed(-256_000)));
    }
    fn statement(&self, values: &mut Vec<PublicValues>) {
        shift_outputs(self.weights, values, self.row().1, 1000);
    }
    fn after_m1(&self, mut columns: LimbColumns, c1: &Challenges1) -> LimbColumns {
        let (row, ell) = (self.row().0, columns.limbs.len());
        if self.inverses {
            let mut balance = Fr::ZERO;
            for (c, by) in [(1, 1000), (0, -256_000)] {
                let byte = Fr::from(columns.limbs[c][row]) + c1.beta;
                let delta = (byte + signed(by)).inverse().unwrap() - byte.inverse().unwrap();
                columns.deltas.push((EvalOrder { ell }.h(c), row, delta));
                balance += delta;
            }
            if self.balance {
                columns.deltas.push((EvalOrder { ell }.h(ell), row, balance));
            }
        }
        columns
    }
}

#[test]
fn limbs_are_bytes() {
    // The weight vector is positive on wire 0, and y >= 0 stays true: nothing else notices.
    let f = fixture(None);
    let weights = f.prover.key().weights();
    let cheat = |inverses, balance| NotBytes { weights, inverses, balance };
    needed(Rule::Limb, &f, &cheat(false, false));
    needed(Rule::LookupSum, &f, &cheat(true, false));
    needed(Rule::Table, &f, &cheat(true, true));
}

#[derive(Debug)]
struct FalseOutput(Forge);
impl Cheat for FalseOutput {
    fn statement(&self, values: &mut Vec<PublicValues>) {
        values[0].outputs[1] += 1;
    }
    fn forge(&self) -> Forge {
        self.0
    }
}

#[test]
fn layer_relation_and_opening() {
    let f = fixture(None);
    needed(Rule::Layer, &f, &FalseOutput(Forge::No));
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
    fn statement(&self, values: &mut Vec<PublicValues>) {
        values[0].inputs[3] ^= 1;
    }
}

#[test]
fn inputs() {
    needed(Rule::Wires, &fixture(None), &FalseInput);
}

#[derive(Debug)]
struct ConstantTwo<'a>(&'a Weights);
impl Cheat for ConstantTwo<'_> {
    fn columns(&self, columns: &mut LimbColumns) {
        let shape = self.0.shape();
        let (row, ell) = (Layout::new(shape).constant(shape.layers()), columns.limbs.len());
        assert_eq!(columns.limbs[1][row], 1);
        columns.limbs[1][row] = 2;
        let slot = |v: usize| (v + 256 - columns.size.first_real() % 256) % 256;
        let (one, two) = (slot(1), slot(2));
        columns.multiplicities[one] -= 1;
        columns.multiplicities[two] += 1;
        assert_eq!(ell, 6);
    }
    fn statement(&self, values: &mut Vec<PublicValues>) {
        let biases = self.0.bias(self.0.shape().layers());
        values[0].outputs.iter_mut().zip(biases).for_each(|(o, b)| *o += i64::from(*b));
    }
}

#[test]
fn constant_wires() {
    let f = fixture(None);
    needed(Rule::Constants, &f, &ConstantTwo(f.prover.key().weights()));
}

/// Uses the mask rows as a wire: `G(0) y(0) = -1`, `G(1) = 0`.
#[derive(Debug)]
struct MaskWire;
impl Cheat for MaskWire {
    fn statement(&self, values: &mut Vec<PublicValues>) {
        values[0].outputs[0] += 1;
    }
    fn model(&self, columns: &LimbColumns, model: &mut FoldedModel, _: &Challenges1) {
        let ell = columns.limbs.len();
        let masks: Vec<Fr> = columns.l_masks[..ell].iter().map(|m| m[0]).collect();
        let wire = recompose(&masks)[0];
        let tau = testing::powers(2)[1];
        for (position, (point, target)) in
            [(G1Affine::generator(), wire.inverse().unwrap()), (tau, Fr::ZERO)].into_iter().enumerate()
        {
            let by = target - model.g[position];
            model.g[position] += by;
            model.masks[position] += by;
            model.d = (point * by + model.d).into_affine();
        }
    }
}

#[test]
fn mask_positions_are_no_wires() {
    let shape = Shape::new(vec![6, 3], None).unwrap();
    needed(Rule::MaskPositions, &Fixture::new(shape, Level::One, 11, 1), &MaskWire);
}

/// Hides the difference between two models in `D`.
#[derive(Debug)]
struct OtherModel {
    position: usize,
    row: u64,
    by: i64,
}
impl Cheat for OtherModel {
    fn model(&self, _: &LimbColumns, model: &mut FoldedModel, c1: &Challenges1) {
        // `G` already folds the changed weights; `C_f` and the quotients are the old ones.
        let by = signed(self.by) * c1.alpha.pow([self.row]);
        model.d = (testing::powers(self.position + 1)[self.position] * by + model.d).into_affine();
    }
}

#[test]
fn blinding_of_the_model_is_a_blinding() {
    for level in [Level::One, Level::Two { rho2: 1 }] {
        let shape = Shape::new(vec![6, 8, 5, 3], None).unwrap();
        let layout = Layout::new(&shape);
        let mut f = Fixture::new(shape, level, 11, 1);
        let key = f.prover.key_mut();
        *key.weights.weight_mut(1, 2, 4) -= 5;
        let weight = OtherModel { position: layout.start(1) + 4, row: 2, by: -5 };
        needed(Rule::Schnorr, &f, &weight);
        let key = f.prover.key_mut();
        *key.weights.weight_mut(1, 2, 4) += 5;
        *key.weights.bias_mut(3, 1) += 77;
        needed(Rule::Schnorr, &f, &OtherModel { position: layout.constant(3), row: 1, by: 77 });
    }
}

#[derive(Debug)]
struct Honest;
impl Cheat for Honest {}

#[test]
fn statement_ids_prevent_replay() {
    let f = fixture(None);
    let replay = |dropped| {
        let (mut statements, proof) = f.cheat(&f.requests(1, 9), dropped, &Honest);
        assert!(f.verdict(&statements, &proof, dropped));
        statements[0].context_id[31] ^= 1;
        if dropped.is_some() {
            record(Rule::StatementId, &f, &statements, &proof);
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
    fn model(&self, _: &LimbColumns, model: &mut FoldedModel, c1: &Challenges1) {
        model.g.resize(self.block + self.position + 1, Fr::ZERO);
        model.g[self.block + self.position] += Fr::ONE;
        model.g[self.position] -= c1.alpha;
        model.c_q[0] = (testing::powers(self.position + 1)[self.position] * -Fr::ONE + model.c_q[0]).into_affine();
    }
}

#[test]
fn eight_coefficients_bound_the_degree_of_g() {
    let f = Fixture::new(Shape::new(vec![6, 3], None).unwrap(), Level::One, 11, 8);
    let layout = Layout::new(f.verifier.key().shape());
    // At a position that nothing reads, so that the length is the only thing that is wrong.
    needed(Rule::V5a, &f, &TooLong { block: layout.b(), position: layout.act() });
}

/// Attack A5: a registrar hides a weight outside the segments and uses it as a free wire.
#[derive(Debug)]
struct Backdoor {
    row: usize,
    position: usize,
    wire: u8,
    claim: i64,
}
impl Cheat for Backdoor {
    fn columns(&self, columns: &mut LimbColumns) {
        let (row, first) = (self.position, columns.size.first_real());
        columns.limbs[1][row] = self.wire;
        let slot = |v: u8| (usize::from(v) + 256 - first % 256) % 256;
        let (zero, used) = (slot(0), slot(self.wire));
        columns.multiplicities[zero] -= 1;
        columns.multiplicities[used] += 1;
    }
    fn statement(&self, values: &mut Vec<PublicValues>) {
        values[0].outputs[self.row] += self.claim;
    }
    fn model(&self, _: &LimbColumns, model: &mut FoldedModel, c1: &Challenges1) {
        model.g[self.position] += c1.alpha.pow([self.row as u64]);
    }
}

#[test]
fn a5_malformed_commitments_give_no_second_output() {
    // Known tau stands in for the registrar's honest computation of the malformed commitment.
    let shape = Shape::new(vec![6, 8, 5, 3], None).unwrap();
    let layout = Layout::new(&shape);
    let honest = Fixture::new(shape, Level::One, 11, 1);
    let mut key = honest.prover.key().clone();
    let (row, position) = (2usize, layout.act());
    let tau = testing::tau();
    let add = |point: &mut G1Affine, exponent: usize| {
        *point = (G1Affine::generator() * tau.pow([exponent as u64]) + *point).into_affine();
    };
    add(&mut key.vk.commitment, layout.b() * row + position);
    for (d, point) in key.quotients.iter_mut().enumerate().take(row) {
        add(point, layout.b() * (row - d - 1) + position);
    }
    let f = Fixture::from_key(key, 1);
    let verdict = |wire, claim| {
        let (statements, proof) = f.cheat(&f.requests(1, 9), None, &Backdoor { row, position, wire, claim });
        f.verdict(&statements, &proof, None)
    };
    assert!(verdict(0, 0), "the hidden weight changes nothing");
    assert!(verdict(9, 0), "its wire is free, and used by nothing");
    assert!(!verdict(9, 9), "it gives no second output");
    assert!(!verdict(0, 9));
}

/// The model of [`fixture`] with committed sides.
fn committed_fixture(inputs: bool, outputs: bool) -> Fixture {
    let shape = Shape::new(vec![6, 8, 5, 3], None).unwrap();
    Fixture::new(shape.with_committed(Committed { inputs, outputs }).unwrap(), Level::One, 11, 4)
}

#[test]
fn committed_inputs_are_the_wires() {
    needed(Rule::CommittedInputs, &committed_fixture(true, false), &FalseInput);
    needed(Rule::CommittedInputs, &committed_fixture(true, true), &FalseInput);
}

#[test]
fn committed_outputs_are_those_of_the_model() {
    needed(Rule::CommittedOutputs, &committed_fixture(false, true), &FalseOutput(Forge::No));
    needed(Rule::CommittedOutputs, &committed_fixture(true, true), &FalseOutput(Forge::No));
}

/// Commits to another tensor than it proves and hides the difference in `D_x` or `D_o`.
#[derive(Debug)]
struct OtherTensor {
    index: usize,
    element: usize,
    by: i64,
}
impl Cheat for OtherTensor {
    fn tensors(&self, tensors: &mut [Tensors]) {
        tensors[self.index].elements[0][self.element] += self.by;
    }
    fn masked(&self, _: &[Tensors], masked: &mut [MaskedTensors], _: &Challenges1) {
        let position = 2 + self.element;
        let difference = testing::powers(position + 1)[position] * signed(-self.by);
        masked[self.index].d = (difference + masked[self.index].d).into_affine();
    }
    fn combined(&self, combined: &mut [Zeroizing<Vec<Fr>>]) {
        combined[self.index][2 + self.element] -= signed(self.by);
    }
}

#[test]
fn masks_of_committed_tensors_are_masks() {
    let cheat = |index, element| OtherTensor { index, element, by: 5 };
    needed(Rule::SchnorrInputs, &committed_fixture(true, false), &cheat(0, 4));
    needed(Rule::SchnorrOutputs, &committed_fixture(false, true), &cheat(0, 2));
    // The proofs for the two sides do not stand in for each other.
    needed(Rule::SchnorrInputs, &committed_fixture(true, true), &cheat(0, 1));
    needed(Rule::SchnorrOutputs, &committed_fixture(true, true), &cheat(1, 0));
}

/// Makes up for a false output with `e_0`, which is chosen when `alpha` is known.
#[derive(Debug)]
struct MaskAsOutput;
impl Cheat for MaskAsOutput {
    fn tensors(&self, tensors: &mut [Tensors]) {
        tensors[0].elements[0][1] += 1;
    }
    fn masked(&self, tensors: &[Tensors], masked: &mut [MaskedTensors], c1: &Challenges1) {
        // alpha^{act-2} (b + e_0) + alpha^{act-1} e_1 = - alpha^{act+1}
        let (side, b) = (&mut masked[0], tensors[0].blindings[0]);
        side.masks = [-b - c1.alpha.pow([3]), Fr::ZERO];
        side.d = (G1Affine::generator() * side.masks[0]).into_affine();
    }
}

#[test]
fn mask_positions_of_tensors_enter_no_sum() {
    needed(Rule::TensorPositions, &committed_fixture(false, true), &MaskAsOutput);
}

/// Shares the constant wire of the first layer with the coefficient behind the inputs.
#[derive(Debug)]
struct ConstantInTensor<'a>(&'a Weights);
impl Cheat for ConstantInTensor<'_> {
    fn columns(&self, columns: &mut LimbColumns) {
        let row = Layout::new(self.0.shape()).constant(1);
        assert_eq!(columns.limbs[1][row], 1);
        columns.limbs[1][row] = 2;
        let slot = |v: usize| (v + 256 - columns.size.first_real() % 256) % 256;
        let (one, two) = (slot(1), slot(2));
        columns.multiplicities[one] -= 1;
        columns.multiplicities[two] += 1;
    }
    fn tensors(&self, tensors: &mut [Tensors]) {
        tensors[0].elements[0].push(1);
    }
    fn statement(&self, values: &mut Vec<PublicValues>) {
        // The model has one layer: its outputs gain the biases once more.
        values[0].outputs.iter_mut().zip(self.0.bias(1)).for_each(|(o, b)| *o += i64::from(*b));
    }
}

#[test]
fn coefficients_behind_a_tensor_mean_nothing() {
    let shape = Shape::new(vec![6, 3], None).unwrap();
    let f = Fixture::new(shape.with_committed(Committed { inputs: true, outputs: false }).unwrap(), Level::One, 11, 1);
    needed(Rule::TensorEnd, &f, &ConstantInTensor(f.prover.key().weights()));
    // Alone they change nothing: the proof is about the coefficients of the tensor.
    let (statements, proof) = f.cheat(&f.requests(1, 9), None, &Longer(4));
    assert!(f.verdict(&statements, &proof, None));
}

/// Coefficients behind the tensor, the last one `self.0` positions behind it.
#[derive(Debug)]
struct Longer(usize);
impl Cheat for Longer {
    fn tensors(&self, tensors: &mut [Tensors]) {
        let elements = &mut tensors[0].elements[0];
        let len = elements.len();
        elements.resize(len + self.0, 7);
    }
}

#[test]
fn eight_coefficients_bound_the_degree_of_tensors() {
    let shape = Shape::new(vec![6, 3], None).unwrap();
    let committed = Committed { inputs: true, outputs: false };
    let f = Fixture::new(shape.with_committed(committed).unwrap(), Level::One, 11, 8);
    let b = Layout::new(f.verifier.key().shape()).b();
    // The last coefficient is at b: one too many, at a position whose evaluation is not that of 0.
    needed(Rule::V5a, &f, &Longer(b - 2 - 6 + 1));
}

/// The points of a batch are bound before `mu`: afterwards `C_0 + mu P` and `C_1 - P` would do.
#[test]
fn points_are_bound() {
    for (inputs, outputs) in [(true, false), (false, true)] {
        let f = committed_fixture(inputs, outputs);
        let replaced = |dropped: Option<Rule>| {
            let (mut statements, proof) = f.cheat(&f.requests(2, 9), dropped, &Honest);
            assert!(f.verdict(&statements, &proof, dropped));
            let (challenges, _) = f.verifier.reduce(&statements, &proof, Rules { dropped }).unwrap();
            let p = testing::powers(4)[3];
            for (k, by) in [challenges.m2.mu, -Fr::ONE].into_iter().enumerate() {
                let values = &mut statements[k].values;
                let point = values.input_point.as_mut().or(values.output_point.as_mut()).unwrap();
                point.0 = (p * by + point.0).into_affine();
            }
            if dropped.is_some() {
                record(Rule::Points, &f, &statements, &proof);
            }
            f.verdict(&statements, &proof, dropped)
        };
        assert!(replaced(Some(Rule::Points)));
        assert!(!replaced(None));
    }
}
