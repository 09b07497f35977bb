//! Functions of one number.

use super::{Lowered, Lowering, refuse};
use crate::model::graph::{Node, Operator};

impl<'g> Lowering<'g> {
    pub(super) fn unary(&mut self, node: &'g Node) -> Lowered<()> {
        use Operator as O;
        let float = |name, default: f32| f64::from(node.attributes.float(name).unwrap_or(default));
        let plain: fn(f64) -> f64 = match node.operator {
            O::Neg => return self.along_line(node, (-1.0, 0.0)),
            O::Not => return self.along_line(node, (-1.0, 1.0)),
            O::Elu => {
                let alpha = float("alpha", 1.0);
                return self.give_function(node, 0, move |x| if x < 0.0 { alpha * x.exp_m1() } else { x });
            }
            O::Selu => {
                let (alpha, gamma) = (float("alpha", 1.673_263_2), float("gamma", 1.050_701));
                return self.give_function(node, 0, move |x| gamma * if x < 0.0 { alpha * x.exp_m1() } else { x });
            }
            O::Abs => f64::abs,
            O::Acos => f64::acos,
            O::Acosh => f64::acosh,
            O::Asin => f64::asin,
            O::Asinh => f64::asinh,
            O::Atan => f64::atan,
            O::Atanh => f64::atanh,
            O::Cos => f64::cos,
            O::Cosh => f64::cosh,
            O::Erf => erf,
            O::Exp => f64::exp,
            O::Log => f64::ln,
            O::Reciprocal => f64::recip,
            O::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
            O::Sin => f64::sin,
            O::Sinh => f64::sinh,
            // No overflow for great numbers.
            O::Softplus => |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
            O::Softsign => |x| x / (1.0 + x.abs()),
            O::Sqrt => f64::sqrt,
            O::Tan => f64::tan,
            O::Tanh => f64::tanh,
            _ => return Err(refuse(node, "is no function of one number")),
        };
        self.give_function(node, 0, plain)
    }

    /// `a x + b` of every number: a part of the function that its operand is, or of the step that makes it.
    pub(super) fn along_line(&mut self, node: &'g Node, (a, b): (f64, f64)) -> Lowered<()> {
        let (step, of, line) = self.as_function(node, 0)?;
        self.give_line(node, 0, (step, of, line), (a, b))
    }
}

/// The error function: Abramowitz and Stegun's 7.1.5 near 0, and the continued fraction 7.1.14 of its complement elsewhere.
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size > 6.0 {
        return x.signum();
    }
    if size < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..=60).rev().fold(size, |rest, k| size + f64::from(k) / 2.0 / rest);
    x.signum() * (1.0 - (-x * x).exp() / fraction * std::f64::consts::FRAC_2_SQRT_PI / 2.0)
}

#[cfg(test)]
mod tests {
    use super::erf;

    #[test]
    fn the_error_function_has_the_values_of_its_tables() {
        for (x, value) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.4, 0.999_311_486_103_355),
            (2.6, 0.999_763_965_583_470_6),
            (3.0, 0.999_977_909_503_001_4),
            (7.0, 1.0),
        ] {
            assert!((erf(x) - value).abs() < 1e-12, "{x}: {}", erf(x));
            assert!((erf(-x) + value).abs() < 1e-12);
        }
    }
}
