//! N5 M3: the prover of the sumcheck.
//!
//! Columns are kept up to their last real row, row by row; the first round reads the bytes
//! themselves. Public functions are kept per position or per sample, those of a kind over its own
//! interval. `G` and `Y`, and committed tensors, have sums of their own: they meet rows nowhere.
//!
//! Nearly all of the summand is a line times a quadratic polynomial, or a quadratic one: these are added up by their
//! values at 0 and 1 and their leading coefficients, with one reduction for a sum ([`crate::wide`]).

mod first;
mod hats;
mod interval;
mod kinds;
mod pairs;
mod state;
mod tensors;
#[cfg(test)]
mod tests;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use self::hats::HatRounds;
use self::interval::add;
use self::state::State;
use self::tensors::TensorRounds;
use super::columns::NetworkColumns;
use super::functions::Functions;
use super::helpers::Helpers;
use super::program::Parts;
use crate::sumcheck::masks::{MaskColumns, MaskRounds};
use crate::transcript::{NetworkChallenges1, NetworkChallenges2, Transcript, stage};

/// What M3 and M4 leave behind.
pub(crate) struct Output {
    pub(crate) rounds: Vec<[Fr; 3]>,
    pub(crate) r: Vec<Fr>,
    /// The evaluations in the order of M4.
    pub(crate) evals: Vec<Fr>,
}

/// The inputs of the sumcheck.
pub(crate) struct Inputs<'a> {
    pub(crate) p: &'a Parts,
    pub(crate) columns: &'a NetworkColumns,
    pub(crate) helpers: &'a Helpers,
    /// The fixed columns by position.
    pub(crate) fixed: &'a [Vec<i64>],
    pub(crate) masks: &'a MaskColumns,
    pub(crate) functions: &'a Functions<'a>,
    /// `G` and `Y` over positions `0..qend`, or longer for a test.
    pub(crate) g: &'a [Fr],
    pub(crate) y: &'a [Fr],
    /// `X_s` of the committed ports.
    pub(crate) tensors: &'a [Zeroizing<Vec<Fr>>],
    pub(crate) c1: &'a NetworkChallenges1,
    pub(crate) c2: &'a NetworkChallenges2,
}

/// Runs all rounds.
pub(crate) fn prove(inputs: &Inputs<'_>, mut transcript: Transcript<stage::M3>) -> (Transcript<stage::M3>, Output) {
    let (size, order) = (inputs.columns.size, inputs.columns.order);
    #[cfg(test)]
    tests::check_the_first_round(inputs);
    let mut state = State::new(inputs);
    if first::is_changed(&state.rows) {
        state.expand();
    }
    let mut masks = MaskRounds::new(inputs.masks, inputs.c2.zeta);
    let mut hats = HatRounds::new(inputs.functions.hat_tables(), inputs.g, inputs.y, size.lo());
    let tensors = inputs.functions.tensor_tables().into_iter().zip(inputs.tensors).enumerate();
    let mut tensors: Vec<_> = tensors.map(|(s, (e, x))| TensorRounds::new(e, x, size.tensor_level(s))).collect();
    let (mut rounds, mut r) = (Vec::new(), Vec::new());
    for _ in 0..size.rows.variables() {
        let mut e = state.message();
        e = add(add(e, masks.message()), hats.message());
        tensors.iter().for_each(|t| e = add(e, t.message()));
        let (next, challenge) = transcript.round(&e);
        transcript = next;
        state.fix(challenge);
        masks.fix(challenge);
        hats.fix(challenge);
        tensors.iter_mut().for_each(|t| t.fix(challenge));
        rounds.push(e);
        r.push(challenge);
    }
    let mut evals = vec![Fr::ZERO; order.count()];
    state.last_row().into_iter().enumerate().for_each(|(i, v)| evals[order.of_row(i)] = v);
    let [s1, s2, s3, s0] = inputs.masks.evaluate(&r);
    [evals[order.g()], evals[order.y()]] = hats.evaluations();
    [evals[order.s(1)], evals[order.s(2)], evals[order.s(3)], evals[order.s0()]] = [s1, s2, s3, s0];
    state.fixed().enumerate().for_each(|(i, value)| evals[order.fixed() + i] = value);
    tensors.iter().enumerate().for_each(|(s, t)| evals[order.tensor(s)] = t.evaluation());
    (transcript, Output { rounds, r, evals })
}
