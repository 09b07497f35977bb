//! Functionals of ports: terms on public values, and terms on committed ones as accesses.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::access::{Bases, geometric};
use super::program::{Access, Mode, Monomial, Tensor, Term, Var};
use crate::circuit::layout::FIRST;
use crate::encoding::signed;

/// Calls `on(element, weight)` for every point of a box of elements.
pub(crate) fn each(
    elements: &[i64],
    first: u32,
    vars: &[(u32, Monomial, u32)],
    bases: &Bases,
    weight: Fr,
    on: &mut impl FnMut(i64, Fr),
) {
    let weights: Vec<Fr> = vars.iter().map(|(_, m, _)| bases.monomial(m).0).collect();
    walk(elements, first as usize, vars, &weights, weight, on);
}

fn walk(
    elements: &[i64],
    at: usize,
    vars: &[(u32, Monomial, u32)],
    weights: &[Fr],
    weight: Fr,
    on: &mut impl FnMut(i64, Fr),
) {
    let (Some(((size, _, stride), vars)), Some((base, weights))) = (vars.split_first(), weights.split_first()) else {
        return on(elements.get(at).copied().unwrap_or_default(), weight);
    };
    let mut weight = weight;
    for i in 0..*size {
        walk(elements, at + (i * stride) as usize, vars, weights, weight, on);
        weight *= base;
    }
}

/// A term on the elements of one sample.
pub(crate) fn term(term: &Term, elements: &[i64], bases: &Bases) -> Fr {
    let base = bases.monomial(&term.base).0;
    let weight = signed(term.coefficient) * bases.monomial(&term.monomial).0;
    let mut sum = Fr::ZERO;
    each(elements, term.first, &term.vars, bases, weight, &mut |element, weight| {
        sum += weight
            * match term.mode {
                Mode::Value => signed(element),
                // An index: V1 has checked that it is not negative.
                Mode::Power => base.pow([element.unsigned_abs()]),
                Mode::Geometric => geometric(base, element.unsigned_abs()),
            };
    });
    sum
}

/// A term on a committed port of `count` elements as an access: element `i` is the coefficient `2 + i`.
pub(crate) fn as_access(term: &Term, count: u32) -> (Access, Tensor) {
    let vars =
        term.vars.iter().map(|(size, weight, stride)| Var { size: *size, weight: *weight, target: Some((0, *stride)) });
    let access = Access {
        tensor: 0,
        view: 0,
        view2: None,
        coefficient: term.coefficient,
        monomial: term.monomial,
        // Below 2^16: it is an element of the port.
        offsets: vec![term.first.cast_signed()],
        triangle: None,
        vars: vars.collect(),
    };
    (access, Tensor { kind: 0, base: FIRST as u32, dims: vec![count] })
}
