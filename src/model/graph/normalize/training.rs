//! Steps of optimizers: `ai.onnx.preview.training`. They are arithmetic, with nothing drawn.

use super::{Made, Step};
use crate::model::graph::{GraphError, Operand, operators::Operator, tensor::Element};

impl Step<'_, '_> {
    /// Tensors come in groups: all weights, all gradients, all states; and leave in groups, weights first.
    pub(super) fn training(&mut self) -> Made {
        let operator = self.call.operator;
        let states = match operator {
            "Adagrad" | "Momentum" => 1,
            "Adam" => 2,
            _ => return Err(self.refuse("is not one that is read: it asks for a derivative")),
        };
        let (rate, time) = (self.call.input(0)?, self.call.input(1)?);
        let time = self.cast(&time, Element::Float32)?;
        let count = self.call.inputs.len().saturating_sub(2) / (2 + states);
        let mut groups = vec![Vec::new(); 1 + states];
        for at in 0..count {
            let operands: Vec<Operand> =
                (0..2 + states).map(|group| self.call.input(2 + group * count + at)).collect::<Result<_, _>>()?;
            let made = match operator {
                "Adagrad" => self.adagrad(&rate, &time, &operands)?,
                "Adam" => self.adam(&rate, &time, &operands)?,
                _ => self.momentum(&rate, &time, &operands)?,
            };
            groups.iter_mut().zip(made).for_each(|(group, made)| group.push(made));
        }
        Ok(groups.concat())
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        self.call.float(name).unwrap_or(default)
    }

    fn times(&mut self, x: &Operand, factor: f32) -> Result<Operand, GraphError> {
        let factor = self.number(factor);
        self.plain(Operator::Mul, &[x, &factor])
    }

    fn plus(&mut self, x: &Operand, term: f32) -> Result<Operand, GraphError> {
        let term = self.number(term);
        self.plain(Operator::Add, &[x, &term])
    }

    /// The gradient, and that of the weights' size.
    fn regularized(&mut self, operands: &[Operand]) -> Result<Operand, GraphError> {
        let part = self.times(&operands[0], self.float("norm_coefficient", 0.0))?;
        self.plain(Operator::Add, &[&part, &operands[1]])
    }

    fn adagrad(&mut self, rate: &Operand, time: &Operand, operands: &[Operand]) -> Result<Vec<Operand>, GraphError> {
        let decay = self.times(time, self.float("decay_factor", 0.0))?;
        let decay = self.plus(&decay, 1.0)?;
        let rate = self.plain(Operator::Div, &[rate, &decay])?;
        let gradient = self.regularized(operands)?;
        let square = self.plain(Operator::Mul, &[&gradient, &gradient])?;
        let state = self.plain(Operator::Add, &[&operands[2], &square])?;
        let root = self.plain(Operator::Sqrt, &[&state])?;
        let root = self.plus(&root, self.float("epsilon", 0.0))?;
        let step = self.plain(Operator::Mul, &[&rate, &gradient])?;
        let step = self.plain(Operator::Div, &[&step, &root])?;
        Ok(vec![self.plain(Operator::Sub, &[&operands[0], &step])?, state])
    }

    fn adam(&mut self, rate: &Operand, time: &Operand, operands: &[Operand]) -> Result<Vec<Operand>, GraphError> {
        let (alpha, beta) = (self.float("alpha", 0.9), self.float("beta", 0.999));
        let gradient = self.regularized(operands)?;
        let square = self.plain(Operator::Mul, &[&gradient, &gradient])?;
        let (mut states, parts) = (Vec::new(), [(alpha, &gradient), (beta, &square)]);
        for (before, (kept, new)) in operands[2..].iter().zip(parts) {
            let (old, new) = (self.times(before, kept)?, self.times(new, 1.0 - kept)?);
            states.push(self.plain(Operator::Add, &[&old, &new])?);
        }
        let root = self.plain(Operator::Sqrt, &[&states[1]])?;
        let root = self.plus(&root, self.float("epsilon", 0.0))?;
        let rate = self.corrected(rate, time, alpha, beta)?;
        let step = self.plain(Operator::Div, &[&states[0], &root])?;
        let step = self.plain(Operator::Mul, &[&rate, &step])?;
        let made = self.plain(Operator::Sub, &[&operands[0], &step])?;
        let made = self.times(&made, 1.0 - self.float("norm_coefficient_post", 0.0))?;
        Ok([vec![made], states].concat())
    }

    /// `rate * sqrt(1 - beta^time) / (1 - alpha^time)` from the second step on.
    fn corrected(&mut self, rate: &Operand, time: &Operand, alpha: f32, beta: f32) -> Result<Operand, GraphError> {
        let (one, zero) = (self.number(1.0), self.number(0.0));
        let later = self.plain(Operator::Greater, &[time, &zero])?;
        // At the first step the divisor would be 0.
        let time = self.plain(Operator::Where, &[&later, time, &one])?;
        let mut left = Vec::new();
        for base in [alpha, beta] {
            let base = self.number(base);
            let power = self.plain(Operator::Pow, &[&base, &time])?;
            left.push(self.plain(Operator::Sub, &[&one, &power])?);
        }
        let root = self.plain(Operator::Sqrt, &[&left[1]])?;
        let scaled = self.plain(Operator::Mul, &[rate, &root])?;
        let scaled = self.plain(Operator::Div, &[&scaled, &left[0]])?;
        self.plain(Operator::Where, &[&later, &scaled, rate])
    }

    fn momentum(&mut self, rate: &Operand, time: &Operand, operands: &[Operand]) -> Result<Vec<Operand>, GraphError> {
        let alpha = self.float("alpha", 0.0);
        let gradient = self.regularized(operands)?;
        // All of the gradient counts at the first step.
        let (beta, one, zero) = (self.number(self.float("beta", 0.0)), self.number(1.0), self.number(0.0));
        let later = self.plain(Operator::Greater, &[time, &zero])?;
        let beta = self.plain(Operator::Where, &[&later, &beta, &one])?;
        let (old, new) = (self.times(&operands[2], alpha)?, self.plain(Operator::Mul, &[&beta, &gradient])?);
        let state = self.plain(Operator::Add, &[&old, &new])?;
        let step = match self.call.text("mode").unwrap_or("standard") {
            "standard" => state.clone(),
            "nesterov" => {
                let ahead = self.times(&state, alpha)?;
                self.plain(Operator::Add, &[&gradient, &ahead])?
            }
            other => return Err(self.refuse(format!("has the mode `{other}`"))),
        };
        let step = self.plain(Operator::Mul, &[rate, &step])?;
        Ok(vec![self.plain(Operator::Sub, &[&operands[0], &step])?, state])
    }
}
