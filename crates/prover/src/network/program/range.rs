//! No wrap: every identity that the proof shows mod `r` has sides far below `r` as integers.

use super::check::Slices;
use super::{Access, Form, Parts, PublicHat, Term};
use crate::error::ProgramError;
use crate::network::gadget::Gadget;

/// Identities whose sides are below `2^200` hold over the integers. Bounds are computed in floating
/// point; a factor of 2 covers its rounding many times over.
const LIMIT: f64 = (1u128 << 100) as f64 * (1u128 << 99) as f64;
/// Largest absolute value of a coefficient of `f` at a hat and at a public hat (N11).
const WEIGHT: f64 = (1u64 << 15) as f64;
const BIAS: f64 = (1u64 << 47) as f64;

/// Bound of an operand: what ties it is below this.
const OPERAND: f64 = (1u64 << 62) as f64;

/// The largest absolute value of a form of bytes; `None` if it reads an operand without a bound.
fn magnitude(form: &Form, limbs: u8, operand: &dyn Fn(u8) -> Option<f64>) -> Option<f64> {
    let bound = |c: u8| c.checked_sub(limbs).map_or(Some(255.0), operand);
    let terms = form.terms.iter().map(|(c, v)| Some(bound(*c)? * v.unsigned_abs() as f64));
    Some(terms.sum::<Option<f64>>()? + form.constant.unsigned_abs() as f64)
}

/// Bounds of operands that relations have tied so far, by tensor and operand.
type Operands = std::collections::BTreeMap<(u16, u8), f64>;

/// The largest absolute value of all coefficients of an access together; `None` if it reads an operand.
fn access(p: &Parts, a: &Access, operands: &Operands) -> Option<f64> {
    let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
    let points: f64 = a.vars.iter().map(|v| f64::from(v.size)).product();
    let operand = |x: u8| operands.get(&(a.tensor, x)).copied();
    let view = |view: u8| magnitude(&kind.views[usize::from(view)], p.limbs, &operand);
    let second = a.view2.map_or(Some(1.0), view)?;
    Some(view(a.view)? * second * points * a.coefficient.unsigned_abs() as f64)
}

/// A relation, in the order in which they define tensors: what it reads has been tied before, and an operand without a
/// bound is the one that it ties, the sum of the others.
fn relation(p: &Parts, accesses: &[Access], operands: &mut Operands) -> Option<f64> {
    let (open, others): (Vec<_>, Vec<_>) = accesses.iter().partition(|a| access(p, a, operands).is_none());
    let sum = others.iter().filter_map(|a| access(p, a, operands)).sum::<f64>();
    let [a] = open[..] else {
        return open.is_empty().then_some(sum);
    };
    let view = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)].views[usize::from(a.view)];
    // An operand that is a view of its own: every element of it is the sum of others.
    let ([(c, 1)], 0, 1) = (&view.terms[..], view.constant, a.coefficient.unsigned_abs()) else {
        return None;
    };
    let x = c.checked_sub(p.limbs).filter(|_| a.view2.is_none() && sum < OPERAND)?;
    operands.insert((a.tensor, x), sum);
    Some(2.0 * sum)
}

fn sum(p: &Parts, accesses: &[Access]) -> Option<f64> {
    accesses.iter().map(|a| access(p, a, &Operands::new())).sum()
}

/// Whether accesses are one, to an operand as it is.
fn is_operand(p: &Parts, accesses: &[Access]) -> bool {
    let [a] = accesses else { return false };
    let view = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)].views[usize::from(a.view)];
    let operand = matches!(&view.terms[..], [(c, 1)] if *c >= p.limbs) && view.constant == 0;
    operand && a.view2.is_none() && a.coefficient.unsigned_abs() == 1
}

/// Operands with a bound of their own: the square of a root of three bytes.
fn roots(p: &Parts, gadgets: &[Gadget]) -> Operands {
    let is_root = |t: &super::Tensor| matches!(gadgets[usize::from(t.kind)], Gadget::InverseRoot { .. });
    // At most 1,024 tensors.
    let roots = p.tensors.iter().enumerate().filter(|(_, t)| is_root(t));
    roots.map(|(index, _)| ((index as u16, 1), (1u64 << 48) as f64)).collect()
}

/// The largest absolute value of terms on ports.
fn terms(terms: &[Term]) -> f64 {
    let points = |t: &Term| t.vars.iter().map(|(size, ..)| f64::from(*size)).product::<f64>();
    terms.iter().map(|t| points(t) * t.coefficient.unsigned_abs() as f64 * 2f64.powi(63)).sum()
}

/// Checks every constraint; gates are checked once and for all with their gadget, whose factors are
/// below `2^62` and products below `2^124`. `order` is that in which relations define tensors: a bound that is taken from a
/// relation that only reads an operand would be one of a sum, in which elements cancel.
pub(super) fn check(slices: &Slices, gadgets: &[Gadget], order: &[usize]) -> Result<(), ProgramError> {
    let p = &slices.parts;
    let limit = |what, index, total: Option<f64>| match total {
        None => Err(ProgramError::Unsupported { what: "view of operands in a constraint", index }),
        Some(total) if total < LIMIT => Ok(()),
        Some(_) => Err(ProgramError::Wraps { what, index }),
    };
    let mut operands = roots(p, gadgets);
    for index in order {
        let r = &p.relations[*index];
        let total = relation(p, &r.accesses, &mut operands).map(|s| s + terms(&r.terms));
        limit("relation", slices.relations[*index], total)?;
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
        limit(
            "operator",
            slices.linear_ops[index],
            both.map(|(z, hats)| z + terms(&op.terms) + hats * WEIGHT + biases),
        )?;
    }
    for (index, op) in p.product_ops.iter().enumerate() {
        let sides = sum(p, &op.left).zip(sum(p, &op.right)).map(|(left, right)| left * right);
        // An operand is what the product is.
        let z = sum(p, &op.z).or_else(|| sides.filter(|sides| *sides < OPERAND && is_operand(p, &op.z)));
        limit("product", slices.product_ops[index], z.zip(sides).map(|(z, sides)| z + sides))?;
    }
    Ok(())
}
