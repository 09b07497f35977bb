//! No wrap: every identity that the proof shows mod `r` has sides far below `r` as integers.

use super::{Access, Form, Parts, PublicHat, Term};
use crate::error::ProgramError;

/// Identities whose sides are below `2^200` hold over the integers. Bounds are computed in floating
/// point; a factor of 2 covers its rounding many times over.
const LIMIT: f64 = (1u128 << 100) as f64 * (1u128 << 99) as f64;
/// Largest absolute value of a coefficient of `f` at a hat and at a public hat (N11).
const WEIGHT: f64 = (1u64 << 15) as f64;
const BIAS: f64 = (1u64 << 47) as f64;

/// Bound of an operand: what ties it is below this.
const OPERAND: f64 = (1u64 << 47) as f64;

/// The largest absolute value of a form of bytes; `None` if it reads an operand.
fn magnitude(form: &Form, limbs: u8) -> Option<f64> {
    let bytes = form.terms.iter().map(|(c, v)| (*c < limbs).then_some(255.0 * v.unsigned_abs() as f64));
    Some(bytes.sum::<Option<f64>>()? + form.constant.unsigned_abs() as f64)
}

/// The largest absolute value of all coefficients of an access together; `None` if it reads an operand.
fn access(p: &Parts, a: &Access) -> Option<f64> {
    let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
    let points: f64 = a.vars.iter().map(|v| f64::from(v.size)).product();
    let view = |view: u8| magnitude(&kind.views[usize::from(view)], p.limbs);
    let second = a.view2.map_or(Some(1.0), view)?;
    Some(view(a.view)? * second * points * a.coefficient.unsigned_abs() as f64)
}

/// A relation: one of its accesses may read an operand, which is then the sum of the others.
fn relation(p: &Parts, accesses: &[Access]) -> Option<f64> {
    let (operands, others): (Vec<_>, Vec<_>) = accesses.iter().partition(|a| access(p, a).is_none());
    let sum = others.iter().filter_map(|a| access(p, a)).sum::<f64>();
    match operands[..] {
        [] => Some(sum),
        [a] if a.view2.is_none() && sum < OPERAND => Some(2.0 * sum),
        _ => None,
    }
}

fn sum(p: &Parts, accesses: &[Access]) -> Option<f64> {
    accesses.iter().map(|a| access(p, a)).sum()
}

/// The largest absolute value of terms on ports.
fn terms(terms: &[Term]) -> f64 {
    let points = |t: &Term| t.vars.iter().map(|(size, ..)| f64::from(*size)).product::<f64>();
    terms.iter().map(|t| points(t) * t.coefficient.unsigned_abs() as f64 * 2f64.powi(63)).sum()
}

/// Checks every constraint; gates are checked once and for all with their gadget, whose factors are
/// below `2^47` and products below `2^94`.
pub(super) fn check(p: &Parts) -> Result<(), ProgramError> {
    let limit = |what, index, total: Option<f64>| match total {
        None => Err(ProgramError::Unsupported { what: "view of operands in a constraint", index }),
        Some(total) if total < LIMIT => Ok(()),
        Some(_) => Err(ProgramError::Wraps { what, index }),
    };
    for (index, r) in p.relations.iter().enumerate() {
        limit("relation", index, relation(p, &r.accesses).map(|s| s + terms(&r.terms)))?;
    }
    for (index, op) in p.linear_ops.iter().enumerate() {
        let biases: f64 = op
            .public_hats
            .iter()
            .map(|hat| match hat {
                PublicHat::Geometric { count, sums, .. } => {
                    sums.iter().map(|(size, _)| f64::from(*size)).product::<f64>() * f64::from(*count) * BIAS
                }
                PublicHat::Indexed { vars, .. } => {
                    vars.iter().map(|(size, ..)| f64::from(*size)).product::<f64>() * BIAS
                }
            })
            .sum();
        let both = sum(p, &op.z).zip(sum(p, &op.hats));
        limit("operator", index, both.map(|(z, hats)| z + terms(&op.terms) + hats * WEIGHT + biases))?;
    }
    for (index, op) in p.product_ops.iter().enumerate() {
        let sides = sum(p, &op.left).zip(sum(p, &op.right));
        limit("product", index, sum(p, &op.z).zip(sides).map(|(z, (left, right))| z + left * right))?;
    }
    Ok(())
}
