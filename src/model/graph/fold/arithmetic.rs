//! Constants in arithmetic.

use super::{MAX_PRODUCTS, Work, cast};
use crate::model::graph::{
    operators::Operator,
    tensor::{Element, Numbers, Positions, Tensor, strides},
};

impl Work<'_> {
    pub(super) fn arithmetic(&self) -> Option<Result<Tensor, String>> {
        use Operator as O;
        match self.operator {
            O::Cast => self.input(0).map(|tensor| Ok(cast(tensor, self.target().element))),
            O::Add
            | O::Sub
            | O::Mul
            | O::Div
            | O::Mod
            | O::Pow
            | O::Max
            | O::Min
            | O::And
            | O::Or
            | O::Xor
            | O::Equal
            | O::Less
            | O::LessOrEqual
            | O::Greater
            | O::GreaterOrEqual => self.pairs(),
            O::ReduceMax | O::ReduceMean | O::ReduceMin | O::ReduceProd | O::ReduceSum => self.reduce().map(Ok),
            O::MatMul => self.mat_mul().map(Ok),
            O::DequantizeLinear => self.dequantize().map(Ok),
            O::Clip => self.clip().map(Ok),
            _ => self.each(),
        }
    }

    /// Operators of one operand.
    fn each(&self) -> Option<Result<Tensor, String>> {
        let input = self.input(0)?;
        let shape = input.shape().to_vec();
        match input.numbers() {
            Numbers::Floats(numbers) => {
                let f = unary(self.operator)?;
                Some(Ok(Tensor::floats(shape, numbers.iter().map(|&x| f(x)).collect())))
            }
            Numbers::Ints(numbers) => {
                let f: fn(i64) -> i64 = match self.operator {
                    Operator::Not => |x| (x == 0).into(),
                    Operator::Neg => i64::wrapping_neg,
                    Operator::Abs => i64::wrapping_abs,
                    Operator::Sign => i64::signum,
                    Operator::Identity => |x| x,
                    _ => return None,
                };
                Some(Ok(Tensor::ints(input.element(), shape, numbers.iter().map(|&x| f(x)).collect())))
            }
        }
    }

    /// Between two bounds, either of which may be left out.
    fn clip(&self) -> Option<Tensor> {
        let input = self.input(0)?;
        let shape = input.shape().to_vec();
        match input.numbers() {
            Numbers::Floats(numbers) => {
                let bound = |at, none| self.input(at).map_or(Some(none), |bound| bound.as_floats()?.first().copied());
                let (least, most) = (bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?);
                Some(Tensor::floats(shape, numbers.iter().map(|x| x.max(least).min(most)).collect()))
            }
            Numbers::Ints(numbers) => {
                let bound = |at, none| self.input(at).map_or(Some(none), |bound| bound.as_ints()?.first().copied());
                let (least, most) = (bound(1, i64::MIN)?, bound(2, i64::MAX)?);
                Some(Tensor::ints(input.element(), shape, numbers.iter().map(|&x| x.max(least).min(most)).collect()))
            }
        }
    }

    fn pairs(&self) -> Option<Result<Tensor, String>> {
        if self.inputs.len() != 2 {
            return None;
        }
        let (a, b) = (self.input(0)?, self.input(1)?);
        let (target, shape) = (self.target(), &self.target().shape);
        let places = Positions::broadcast(a.shape(), shape).zip(Positions::broadcast(b.shape(), shape));
        match (a.numbers(), b.numbers()) {
            (Numbers::Floats(a), Numbers::Floats(b)) if target.element == Element::Bool => {
                let f = compare::<f32>(self.operator)?;
                Some(Ok(Tensor::ints(
                    Element::Bool,
                    shape.clone(),
                    places.map(|(i, j)| f(&a[i], &b[j]).into()).collect(),
                )))
            }
            (Numbers::Floats(a), Numbers::Floats(b)) => {
                let f = floats(self.operator)?;
                Some(Ok(Tensor::floats(shape.clone(), places.map(|(i, j)| f(a[i], b[j])).collect())))
            }
            (Numbers::Ints(a), Numbers::Ints(b)) if self.compares() => {
                let f = compare::<i64>(self.operator)?;
                Some(Ok(Tensor::ints(
                    Element::Bool,
                    shape.clone(),
                    places.map(|(i, j)| f(&a[i], &b[j]).into()).collect(),
                )))
            }
            (Numbers::Ints(a), Numbers::Ints(b)) => {
                let truncating = self.attributes.int("fmod").unwrap_or(0) != 0;
                let made: Option<Vec<i64>> =
                    places.map(|(i, j)| integers(self.operator, truncating, a[i], b[j])).collect();
                let refuse = || "divides constants by 0, or leaves the integers".to_owned();
                Some(made.map(|made| Tensor::ints(target.element, shape.clone(), made)).ok_or_else(refuse))
            }
            _ => None,
        }
    }

    fn compares(&self) -> bool {
        use Operator as O;
        matches!(self.operator, O::Equal | O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual)
    }

    fn reduce(&self) -> Option<Tensor> {
        let input = self.input(0)?;
        let axes = match self.operator {
            Operator::ReduceSum => self.ints(1)?,
            _ => self.attributes.ints("axes")?,
        };
        let rank = input.shape().len();
        let axes: Vec<usize> = axes.iter().filter_map(|&axis| super::super::infer::axis(axis, rank).ok()).collect();
        // The strides of the result, read as if it kept the reduced axes.
        let kept: Vec<usize> =
            input.shape().iter().enumerate().map(|(at, &dim)| if axes.contains(&at) { 1 } else { dim }).collect();
        let own: Vec<i64> =
            strides(&kept).iter().zip(&kept).map(|(&stride, &dim)| if dim == 1 { 0 } else { stride as i64 }).collect();
        let places = Positions::new(input.shape(), &own, 0);
        let count = kept.iter().product::<usize>();
        let shape = self.target().shape.clone();
        let each = input.elements() / count.max(1);
        match input.numbers() {
            Numbers::Floats(numbers) => {
                let (start, f): (f32, fn(f32, f32) -> f32) = match self.operator {
                    Operator::ReduceMax => (f32::NEG_INFINITY, f32::max),
                    Operator::ReduceMin => (f32::INFINITY, f32::min),
                    Operator::ReduceProd => (1.0, |a, b| a * b),
                    _ => (0.0, |a, b| a + b),
                };
                let mut made = vec![start; count];
                places.zip(numbers).for_each(|(at, &x)| made[at] = f(made[at], x));
                if self.operator == Operator::ReduceMean {
                    made.iter_mut().for_each(|x| *x /= each as f32);
                }
                Some(Tensor::floats(shape, made))
            }
            Numbers::Ints(numbers) => {
                let (start, f): (i64, fn(i64, i64) -> i64) = match self.operator {
                    Operator::ReduceMax => (i64::MIN, i64::max),
                    Operator::ReduceMin => (i64::MAX, i64::min),
                    Operator::ReduceProd => (1, i64::wrapping_mul),
                    Operator::ReduceSum => (0, i64::wrapping_add),
                    _ => return None,
                };
                let mut made = vec![start; count];
                places.zip(numbers).for_each(|(at, &x)| made[at] = f(made[at], x));
                Some(Tensor::ints(input.element(), shape, made))
            }
        }
    }

    /// Matrices alone.
    fn mat_mul(&self) -> Option<Tensor> {
        let (a, b) = (self.input(0)?, self.input(1)?);
        let (&[m, inner], &[_, n]) = (a.shape(), b.shape()) else { return None };
        if m.checked_mul(inner)?.checked_mul(n)? > MAX_PRODUCTS {
            return None;
        }
        let (a, b) = (a.as_floats()?, b.as_floats()?);
        let mut made = vec![0.0f32; m * n];
        for (row, sums) in a.chunks_exact(inner.max(1)).zip(made.chunks_exact_mut(n.max(1))) {
            for (&x, line) in row.iter().zip(b.chunks_exact(n.max(1))) {
                sums.iter_mut().zip(line).for_each(|(sum, y)| *sum += x * y);
            }
        }
        Some(Tensor::floats(vec![m, n], made))
    }

    /// `(x - zero) * scale`, by tensor or along an axis.
    fn dequantize(&self) -> Option<Tensor> {
        let (x, scale) = (self.input(0)?, self.input(1)?.as_floats()?);
        let zeros: Vec<i64> = match self.input(2) {
            Some(zero) => zero.as_ints()?.to_vec(),
            None => vec![0; scale.len()],
        };
        if x.element().is_float() {
            return None;
        }
        let along = if scale.len() == 1 {
            (1, 1)
        } else {
            let axis = super::super::infer::axis(self.attributes.int("axis").unwrap_or(1), x.shape().len()).ok()?;
            (strides(x.shape())[axis], x.shape()[axis])
        };
        if scale.len() != zeros.len() || (scale.len() != 1 && scale.len() != along.1) {
            return None;
        }
        if let Some(made) = x.scaled(scale, &zeros, along) {
            return Some(made);
        }
        let number = |(at, &q): (usize, &i64)| {
            let channel = at / along.0 % along.1;
            (q - zeros[channel]) as f32 * scale[channel]
        };
        Some(Tensor::floats(x.shape().to_vec(), x.as_ints()?.iter().enumerate().map(number).collect()))
    }
}

fn unary(operator: Operator) -> Option<fn(f32) -> f32> {
    Some(match operator {
        Operator::Identity => |x| x,
        Operator::Neg => |x| -x,
        Operator::Abs => f32::abs,
        Operator::Sqrt => f32::sqrt,
        Operator::Exp => f32::exp,
        Operator::Log => f32::ln,
        Operator::Reciprocal => |x| 1.0 / x,
        Operator::Floor => f32::floor,
        Operator::Ceil => f32::ceil,
        Operator::Round => f32::round_ties_even,
        Operator::Relu => |x| x.max(0.0),
        Operator::Sin => f32::sin,
        Operator::Cos => f32::cos,
        Operator::Tanh => f32::tanh,
        Operator::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
        Operator::Sign => |x| if x == 0.0 { 0.0 } else { x.signum() },
        _ => return None,
    })
}

fn floats(operator: Operator) -> Option<fn(f32, f32) -> f32> {
    Some(match operator {
        Operator::Add => |a, b| a + b,
        Operator::Sub => |a, b| a - b,
        Operator::Mul => |a, b| a * b,
        Operator::Div => |a, b| a / b,
        Operator::Pow => f32::powf,
        Operator::Max => f32::max,
        Operator::Min => f32::min,
        _ => return None,
    })
}

fn compare<T: PartialOrd>(operator: Operator) -> Option<fn(&T, &T) -> bool> {
    Some(match operator {
        Operator::Equal => |a, b| a == b,
        Operator::Less => |a, b| a < b,
        Operator::LessOrEqual => |a, b| a <= b,
        Operator::Greater => |a, b| a > b,
        Operator::GreaterOrEqual => |a, b| a >= b,
        _ => return None,
    })
}

/// `None` for a division by zero or a power that overflows.
fn integers(operator: Operator, truncating: bool, a: i64, b: i64) -> Option<i64> {
    Some(match operator {
        Operator::Add => a.wrapping_add(b),
        Operator::Sub => a.wrapping_sub(b),
        Operator::Mul => a.wrapping_mul(b),
        Operator::Div => a.checked_div(b)?,
        Operator::Mod if truncating => a.checked_rem(b)?,
        // The sign of the divisor, as in Python.
        Operator::Mod => {
            let rest = a.checked_rem(b)?;
            if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
        }
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?)?,
        Operator::Max => a.max(b),
        Operator::Min => a.min(b),
        Operator::And => a & b,
        Operator::Or => a | b,
        Operator::Xor => a ^ b,
        _ => return None,
    })
}
