//! Layers that carry a state from one run to the next.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::Tensor,
};

impl Step<'_, '_> {
    /// A convolution of every channel with what came before, and the end of its input for the next run.
    pub(super) fn causal_conv(&mut self) -> Made {
        let (x, weights) = (self.call.input(0)?, self.call.input(1)?);
        let (&[batch, channels, _], &[_, _, kernel]) = (&self.shape(&x)[..], &self.shape(&weights)[..]) else {
            return Err(self.refuse("takes tensors that do not have 3 axes"));
        };
        let before = kernel.checked_sub(1).ok_or_else(|| self.refuse("has an empty kernel"))?;
        let past = match self.call.optional(3).cloned() {
            Some(past) => Some(past),
            None if before == 0 => None,
            None => {
                let count = batch * channels * before;
                self.builder.afford(self.call, count)?;
                Some(self.constant_of(Tensor::floats(vec![batch, channels, before], vec![0.0; count])))
            }
        };
        let padded = match &past {
            Some(past) if before > 0 => self.joined(&[past, &x], 2)?,
            _ => x,
        };
        let attributes = Attributes::of([
            ("kernel_shape", vec![kernel as i64].into()),
            ("strides", vec![1].into()),
            ("dilations", vec![1].into()),
            ("pads", vec![0, 0].into()),
            ("group", (channels as i64).into()),
        ]);
        let mut operands = vec![&padded, &weights];
        let bias = self.call.optional(2).cloned();
        operands.extend(&bias);
        let mut made = self.apply(Operator::Conv, attributes, &operands)?;
        match self.call.text("activation").unwrap_or("none") {
            "none" => {}
            "silu" | "swish" => {
                let gate = self.plain(Operator::Sigmoid, &[&made])?;
                made = self.plain(Operator::Mul, &[&made, &gate])?;
            }
            other => return Err(self.refuse(format!("has the activation `{other}`"))),
        }
        if !self.call.uses(1) {
            return Ok(vec![made]);
        }
        let state = match before {
            0 => self.constant_of(Tensor::floats(vec![batch, channels, 0], vec![])),
            _ => {
                let length = self.shape(&padded)[2];
                self.between(&padded, 2, length - before, length)?
            }
        };
        Ok(vec![made, state])
    }

    /// A state that every place decays, corrects, adds to and reads, unrolled: one step after the other.
    pub(super) fn linear_attention(&mut self) -> Made {
        let number = |name| self.call.int(name).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
        let missing = || self.refuse("has no numbers of heads that fit");
        let (heads, own) = (number("q_num_heads").ok_or_else(missing)?, number("kv_num_heads").ok_or_else(missing)?);
        if heads % own != 0 {
            return Err(missing());
        }
        let rule = self.call.text("update_rule").unwrap_or("gated_delta");
        if !["linear", "gated", "delta", "gated_delta"].contains(&rule) {
            return Err(self.refuse(format!("has the rule `{rule}`")));
        }
        let (gated, corrected) = (rule.starts_with("gated"), rule.ends_with("delta"));
        let q = self.split_heads(&self.call.input(0)?, heads)?;
        let keys = self.split_heads(&self.call.input(1)?, own)?;
        let values = self.split_heads(&self.call.input(2)?, own)?;
        let (&[batch, _, places, size], &[.., wide]) = (&self.shape(&q)[..], &self.shape(&values)[..]) else {
            return Err(self.refuse("has no heads"));
        };
        let decay = match gated {
            true => Some(self.split_heads(&self.call.input(4)?, own)?),
            false => None,
        };
        let beta = match corrected {
            true => {
                let beta = self.call.input(5)?;
                let last = self.shape(&beta).last().copied().unwrap_or(1);
                Some(self.split_heads(&beta, if last == 1 { 1 } else { own })?)
            }
            false => None,
        };
        let mut state = match self.call.optional(3) {
            Some(state) => state.clone(),
            None => {
                let shape = vec![batch, own, size, wide];
                let count = shape.iter().product();
                self.builder.afford(self.call, count)?;
                self.constant_of(Tensor::floats(shape, vec![0.0; count]))
            }
        };
        let scale = self.call.float("scale").filter(|&scale| scale != 0.0).unwrap_or((size as f32).sqrt().recip());
        let scale = self.number(scale);
        let mut rows = Vec::new();
        for at in 0..places {
            let (query, key) = (self.between(&q, 2, at, at + 1)?, self.between(&keys, 2, at, at + 1)?);
            let mut value = self.between(&values, 2, at, at + 1)?;
            let column = self.transposed(&key, &[0, 1, 3, 2])?;
            if let Some(decay) = &decay {
                let decay = self.between(decay, 2, at, at + 1)?;
                let factor = self.plain(Operator::Exp, &[&decay])?;
                let factor = self.transposed(&factor, &[0, 1, 3, 2])?;
                state = self.plain(Operator::Mul, &[&state, &factor])?;
            }
            if let Some(beta) = &beta {
                let known = self.plain(Operator::MatMul, &[&key, &state])?;
                let error = self.plain(Operator::Sub, &[&value, &known])?;
                let beta = self.between(beta, 2, at, at + 1)?;
                value = self.plain(Operator::Mul, &[&beta, &error])?;
            }
            let new = self.plain(Operator::MatMul, &[&column, &value])?;
            state = self.plain(Operator::Add, &[&state, &new])?;
            let read = self.repeated(&state, heads)?;
            let row = self.plain(Operator::MatMul, &[&query, &read])?;
            rows.push(self.plain(Operator::Mul, &[&row, &scale])?);
        }
        let rows: Vec<&Operand> = rows.iter().collect();
        let all = self.joined(&rows, 2)?;
        Ok(vec![self.side_by_side(&all)?, state])
    }

    /// `[batch, heads, places, size]` of `[batch, places, heads * size]`.
    fn split_heads(&mut self, operand: &Operand, heads: usize) -> Result<Operand, GraphError> {
        let &[batch, places, all] = &self.shape(operand)[..] else {
            return Err(self.refuse("takes a tensor that does not have 3 axes"));
        };
        if all % heads != 0 {
            return Err(self.refuse(format!("makes {heads} heads of {all} numbers")));
        }
        let apart = self.reshaped(operand, &[batch, places, heads, all / heads])?;
        self.transposed(&apart, &[0, 2, 1, 3])
    }
}
