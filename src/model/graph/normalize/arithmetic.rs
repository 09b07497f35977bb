//! Operators that work number by number.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn arithmetic(&mut self) -> Made {
        let made = match self.call.operator {
            "Sum" | "Mean" => self.sum()?,
            "Max" | "Min" => self.chain()?,
            "Clip" => return self.clip(),
            "PRelu" => self.p_relu()?,
            "Pow" => self.pow()?,
            "Celu" => self.celu()?,
            "Mish" => {
                let x = self.call.input(0)?;
                let soft = self.plain(Operator::Softplus, &[&x])?;
                let tanh = self.plain(Operator::Tanh, &[&soft])?;
                self.plain(Operator::Mul, &[&x, &tanh])?
            }
            "Gelu" => self.gelu()?,
            "Swish" => self.swish()?,
            "SwiGLU" => {
                let (swish, b) = (self.swish()?, self.call.input(1)?);
                self.plain(Operator::Mul, &[&swish, &b])?
            }
            "Shrink" => self.shrink()?,
            "Add" | "Sub" | "Mul" | "Div" | "Mod" | "And" | "Or" | "Xor" | "Equal" | "Greater" | "GreaterOrEqual"
            | "Less" | "LessOrEqual" | "BitShift" => self.pair()?,
            _ => return self.unary(),
        };
        Ok(vec![made])
    }

    fn unary(&mut self) -> Made {
        let float = |name: &str, default: f32| self.call.float(name).unwrap_or(default).into();
        let int = |name: &str, default: i64| self.call.int(name).unwrap_or(default).into();
        let attributes = match self.call.operator {
            "Elu" | "ThresholdedRelu" => Attributes::of([("alpha", float("alpha", 1.0))]),
            "LeakyRelu" => Attributes::of([("alpha", float("alpha", 0.01))]),
            "HardSigmoid" => Attributes::of([("alpha", float("alpha", 0.2)), ("beta", float("beta", 0.5))]),
            "Selu" => {
                let (alpha, gamma) = (float("alpha", 1.673_263_2), float("gamma", 1.050_701));
                Attributes::of([("alpha", alpha), ("gamma", gamma)])
            }
            "IsInf" => Attributes::of([
                ("detect_negative", int("detect_negative", 1)),
                ("detect_positive", int("detect_positive", 1)),
            ]),
            "Abs" | "Acos" | "Acosh" | "Asin" | "Asinh" | "Atan" | "Atanh" | "Ceil" | "Cos" | "Cosh" | "Erf"
            | "Exp" | "Floor" | "HardSwish" | "IsNaN" | "Log" | "Neg" | "Not" | "Reciprocal" | "Relu" | "Round"
            | "Sigmoid" | "Sign" | "Sin" | "Sinh" | "Softplus" | "Softsign" | "Sqrt" | "Tan" | "Tanh" | "Where" => {
                Attributes::none()
            }
            _ => return Err(self.refuse("is not one that is read")),
        };
        let operator: Operator = self.call.operator.parse().map_err(|()| self.refuse("is not one that is read"))?;
        self.keep(operator, attributes)
    }

    /// Two operands that broadcast. Before version 7, the second lay along an axis of the first.
    fn pair(&mut self) -> Result<Operand, GraphError> {
        let (a, b) = self.operands()?;
        let attributes = match self.call.operator {
            "Mod" if self.call.int("fmod").unwrap_or(0) == 0 && self.builder.kind(&a).element.is_float() => {
                return self.floored_mod(&a, &b);
            }
            "Mod" => Attributes::of([("fmod", self.call.int("fmod").unwrap_or(0).into())]),
            "BitShift"
                if [Element::Int8, Element::Int16, Element::Int32, Element::Int64]
                    .contains(&self.builder.kind(&a).element) =>
            {
                return self.shift_signed(&a, &b);
            }
            "BitShift" => Attributes::of([("direction", self.call.text("direction").unwrap_or("LEFT").into())]),
            _ => Attributes::none(),
        };
        let operator: Operator = self.call.operator.parse().map_err(|()| self.refuse("is not one that is read"))?;
        self.apply(operator, attributes, &[&a, &b])
    }

    /// `a - floor(a / b) * b`, with the sign of `b`: operator set 17 has it for integers only.
    fn floored_mod(&mut self, a: &Operand, b: &Operand) -> Result<Operand, GraphError> {
        let quotient = self.plain(Operator::Div, &[a, b])?;
        let whole = self.plain(Operator::Floor, &[&quotient])?;
        let part = self.plain(Operator::Mul, &[&whole, b])?;
        self.plain(Operator::Sub, &[a, &part])
    }

    fn operands(&mut self) -> Result<(Operand, Operand), GraphError> {
        let (a, b) = (self.call.input(0)?, self.call.input(1)?);
        let (kind, other) = (self.builder.kind(&a), self.builder.kind(&b));
        if kind.element != other.element && self.call.operator != "Pow" {
            return Err(self.refuse(format!("has operands of the types {} and {}", kind.element, other.element)));
        }
        if self.call.version >= 7 || !self.call.flag("broadcast") {
            return Ok((a, b));
        }
        let Some(axis) = self.call.int("axis") else { return Ok((a, b)) };
        let axis = self.axis(axis, kind.shape.len())?;
        let trailing = kind.shape.len().checked_sub(axis + other.shape.len());
        let trailing = trailing.ok_or_else(|| self.refuse("has an axis at which its second operand does not fit"))?;
        let shape = [&other.shape[..], &vec![1; trailing]].concat();
        let b = self.reshaped(&b, &shape)?;
        Ok((a, b))
    }

    /// Any number of operands, two at a time.
    fn chain(&mut self) -> Result<Operand, GraphError> {
        let operator = if self.call.operator == "Max" { Operator::Max } else { Operator::Min };
        self.fold_inputs(operator)
    }

    fn fold_inputs(&mut self, operator: Operator) -> Result<Operand, GraphError> {
        let mut operands = self.call.all_inputs()?.into_iter();
        let mut made = operands.next().ok_or_else(|| self.refuse("has no operands"))?;
        for operand in operands {
            made = self.plain(operator, &[&made, &operand])?;
        }
        Ok(made)
    }

    fn sum(&mut self) -> Result<Operand, GraphError> {
        let sum = self.fold_inputs(Operator::Add)?;
        if self.call.operator == "Sum" || self.call.inputs.len() == 1 {
            return Ok(sum);
        }
        let count = self.number(self.call.inputs.len() as f32);
        self.plain(Operator::Div, &[&sum, &count])
    }

    /// Bounds are attributes before version 11, operands since.
    fn clip(&mut self) -> Made {
        let x = self.call.input(0)?;
        let mut bounds = Vec::new();
        for (index, name) in [(1, "min"), (2, "max")] {
            let bound = match self.call.optional(index) {
                Some(operand) => Some(operand.clone()),
                None => self.call.float(name).map(|bound| self.number(bound)),
            };
            bounds.push(match bound {
                // Old exporters write a list of one number.
                Some(bound) if self.shape(&bound).len() == 1 => Some(self.reshaped(&bound, &[])?),
                bound => bound,
            });
        }
        match (bounds.pop().flatten(), bounds.pop().flatten()) {
            (None, None) => Ok(vec![x]),
            (max, min) => {
                let mut inputs = vec![Some(x), min];
                if max.is_some() {
                    inputs.push(max);
                }
                self.builder.node(self.call, Operator::Clip, Attributes::none(), inputs, 1)
            }
        }
    }

    /// Before version 7 the slopes lay along the channels.
    fn p_relu(&mut self) -> Result<Operand, GraphError> {
        let (x, mut slope) = (self.call.input(0)?, self.call.input(1)?);
        let (shape, slopes) = (self.shape(&x), self.shape(&slope));
        if self.call.version < 7 && slopes.len() == 1 && shape.len() > 2 && shape.get(1) == slopes.first() {
            let along = [&slopes[..], &vec![1; shape.len() - 2]].concat();
            slope = self.reshaped(&slope, &along)?;
        }
        self.plain(Operator::PRelu, &[&x, &slope])
    }

    /// The exponent takes the base's type: ONNX lets them differ.
    fn pow(&mut self) -> Result<Operand, GraphError> {
        let (base, exponent) = self.operands()?;
        let element = self.builder.kind(&base).element;
        if !element.is_float() && self.builder.kind(&exponent).element.is_float() {
            // The result is of the base's type.
            let base = self.cast(&base, Element::Float32)?;
            let power = self.plain(Operator::Pow, &[&base, &exponent])?;
            return self.cast(&power, element);
        }
        let exponent = self.cast(&exponent, element)?;
        let square =
            tensor(&exponent).and_then(Tensor::as_floats).is_some_and(|numbers| numbers.iter().all(|&x| x == 2.0));
        let same =
            self.shape(&exponent).iter().all(|&dim| dim == 1) && self.shape(&exponent).len() <= self.shape(&base).len();
        if square && same {
            return self.plain(Operator::Mul, &[&base, &base]);
        }
        self.plain(Operator::Pow, &[&base, &exponent])
    }

    /// `alpha * elu(x / alpha)`.
    fn celu(&mut self) -> Result<Operand, GraphError> {
        let (x, alpha) = (self.call.input(0)?, self.call.float("alpha").unwrap_or(1.0));
        let elu = Attributes::of([("alpha", 1.0.into())]);
        if alpha == 1.0 {
            return self.apply(Operator::Elu, elu, &[&x]);
        }
        let alpha = self.number(alpha);
        let scaled = self.plain(Operator::Div, &[&x, &alpha])?;
        let bent = self.apply(Operator::Elu, elu, &[&scaled])?;
        self.plain(Operator::Mul, &[&bent, &alpha])
    }

    /// `x / 2 (1 + erf(x / sqrt 2))`, or with tanh of a cubic in its place.
    fn gelu(&mut self) -> Result<Operand, GraphError> {
        let x = self.call.input(0)?;
        let inner = if self.call.text("approximate") == Some("tanh") {
            let (square, a) = (self.plain(Operator::Mul, &[&x, &x])?, self.number(0.044_715));
            let cube = self.plain(Operator::Mul, &[&square, &x])?;
            let part = self.plain(Operator::Mul, &[&cube, &a])?;
            let (sum, b) = (self.plain(Operator::Add, &[&x, &part])?, self.number(0.797_884_6));
            let scaled = self.plain(Operator::Mul, &[&sum, &b])?;
            self.plain(Operator::Tanh, &[&scaled])?
        } else {
            let root = self.number(std::f32::consts::FRAC_1_SQRT_2);
            let scaled = self.plain(Operator::Mul, &[&x, &root])?;
            self.plain(Operator::Erf, &[&scaled])?
        };
        let (one, half) = (self.number(1.0), self.number(0.5));
        let gate = self.plain(Operator::Add, &[&inner, &one])?;
        let gated = self.plain(Operator::Mul, &[&x, &gate])?;
        self.plain(Operator::Mul, &[&gated, &half])
    }

    fn swish(&mut self) -> Result<Operand, GraphError> {
        let (x, alpha) = (self.call.input(0)?, self.call.float("alpha").unwrap_or(1.0));
        let scaled = if alpha == 1.0 {
            x.clone()
        } else {
            let alpha = self.number(alpha);
            self.plain(Operator::Mul, &[&x, &alpha])?
        };
        let gate = self.plain(Operator::Sigmoid, &[&scaled])?;
        self.plain(Operator::Mul, &[&x, &gate])
    }

    /// `x + bias` below `-lambd`, `x - bias` above `lambd`, 0 between.
    fn shrink(&mut self) -> Result<Operand, GraphError> {
        let x = self.call.input(0)?;
        let (lambd, bias) = (self.call.float("lambd").unwrap_or(0.5), self.call.float("bias").unwrap_or(0.0));
        let (low, high, bias, zero) = (self.number(-lambd), self.number(lambd), self.number(bias), self.number(0.0));
        let (below, above) = (self.plain(Operator::Less, &[&x, &low])?, self.plain(Operator::Greater, &[&x, &high])?);
        let (up, down) = (self.plain(Operator::Add, &[&x, &bias])?, self.plain(Operator::Sub, &[&x, &bias])?);
        let rest = self.plain(Operator::Where, &[&above, &down, &zero])?;
        self.plain(Operator::Where, &[&below, &up, &rest])
    }
}
