//! Attention and what goes with it.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Element, MASKED, Tensor},
};

/// Where a query stands among the keys.
enum Offset {
    /// The same for all samples.
    Known(i64),
    /// For each sample, of shape `[batch, 1, 1, 1]`.
    Each(Operand),
}

impl Step<'_, '_> {
    /// `softmax(Q K^T scale + bias) V` of every head.
    pub(super) fn attention(&mut self) -> Made {
        let (q, flat) = self.heads(0, "q_num_heads")?;
        let (mut keys, _) = self.heads(1, "kv_num_heads")?;
        let (mut values, _) = self.heads(2, "kv_num_heads")?;
        let past = match (self.call.optional(4).cloned(), self.call.optional(5).cloned()) {
            (Some(past_keys), Some(past_values)) => {
                keys = self.joined(&[&past_keys, &keys], 2)?;
                values = self.joined(&[&past_values, &values], 2)?;
                self.shape(&past_keys)[2]
            }
            (None, None) => 0,
            _ => return Err(self.refuse("has one of past_key and past_value without the other")),
        };
        let present = (keys.clone(), values.clone());
        let (heads, size) = (self.shape(&q)[1], self.shape(&q)[3]);
        let (keys, values) = (self.repeated(&keys, heads)?, self.repeated(&values, heads)?);
        let scale = self.call.float("scale").filter(|&scale| scale != 0.0).unwrap_or((size as f32).sqrt().recip());
        let scale = self.number(scale);
        let (scaled, turned) = (self.plain(Operator::Mul, &[&q, &scale])?, self.transposed(&keys, &[0, 1, 3, 2])?);
        let products = self.plain(Operator::MatMul, &[&scaled, &turned])?;
        let capped = match self.call.float("softcap").filter(|&cap| cap > 0.0) {
            Some(cap) => self.capped(&products, cap)?,
            None => products.clone(),
        };
        let bias = self.bias(&self.shape(&capped), past)?;
        let biased = match &bias {
            Some(bias) => self.plain(Operator::Add, &[&capped, bias])?,
            None => capped.clone(),
        };
        let mut weights = self.apply(Operator::Softmax, Attributes::of([("axis", 3.into())]), &[&biased])?;
        if let Some(bias) = &bias {
            weights = self.without_empty_rows(&weights, bias)?;
        }
        let answers = self.plain(Operator::MatMul, &[&weights, &values])?;
        let shown = match self.call.int("qk_matmul_output_mode").unwrap_or(0) {
            0 => products,
            1 => capped,
            2 => biased,
            _ => weights,
        };
        Ok(vec![if flat { self.side_by_side(&answers)? } else { answers }, present.0, present.1, shown])
    }

    pub(super) fn flex_scores(&mut self) -> Result<Operand, GraphError> {
        let (q, keys) = (self.heads(0, "")?.0, self.heads(1, "")?.0);
        let (heads, size) = (self.shape(&q)[1], self.shape(&q)[3]);
        let keys = self.repeated(&keys, heads)?;
        let scale = self.call.float("scale").filter(|&scale| scale != 0.0).unwrap_or((size as f32).sqrt().recip());
        let scale = self.number(scale);
        let turned = self.transposed(&keys, &[0, 1, 3, 2])?;
        let products = self.plain(Operator::MatMul, &[&q, &turned])?;
        self.plain(Operator::Mul, &[&products, &scale])
    }

    pub(super) fn flex_weights(&mut self, scores: &Operand) -> Result<Operand, GraphError> {
        self.apply(Operator::Softmax, Attributes::of([("axis", 3.into())]), &[scores])
    }

    pub(super) fn flex_answer(&mut self, weights: &Operand) -> Made {
        let (heads, values) = (self.shape(weights)[1], self.heads(2, "")?.0);
        let values = self.repeated(&values, heads)?;
        Ok(vec![self.plain(Operator::MatMul, &[weights, &values])?])
    }

    /// `[batch, heads, places, size]`, also where the file has the heads side by side, which is said.
    fn heads(&mut self, index: usize, name: &str) -> Result<(Operand, bool), GraphError> {
        let operand = self.call.input(index)?;
        match self.shape(&operand)[..] {
            [_, _, _, _] => Ok((operand, false)),
            [batch, places, all] => {
                let heads =
                    self.call.int(name).and_then(|heads| usize::try_from(heads).ok()).filter(|&heads| heads > 0);
                let heads = heads.filter(|heads| all % heads == 0);
                let heads =
                    heads.ok_or_else(|| self.refuse(format!("has no {name} that {all} numbers are made of")))?;
                let apart = self.reshaped(&operand, &[batch, places, heads, all / heads])?;
                Ok((self.transposed(&apart, &[0, 2, 1, 3])?, true))
            }
            _ => Err(self.refuse("takes a tensor that has neither 3 nor 4 axes")),
        }
    }

    /// The heads side by side again.
    pub(super) fn side_by_side(&mut self, operand: &Operand) -> Result<Operand, GraphError> {
        let turned = self.transposed(operand, &[0, 2, 1, 3])?;
        let shape = self.shape(&turned);
        self.reshaped(&turned, &[shape[0], shape[1], shape[2] * shape[3]])
    }

    /// Keys or values of fewer heads, each for several heads of queries in a row.
    pub(super) fn repeated(&mut self, operand: &Operand, heads: usize) -> Result<Operand, GraphError> {
        let &[batch, own, places, size] = &self.shape(operand)[..] else {
            return Err(self.refuse("has keys or values that do not have 4 axes"));
        };
        if own == heads {
            return Ok(operand.clone());
        }
        if own == 0 || !heads.is_multiple_of(own) {
            return Err(self.refuse(format!("has {heads} heads of queries and {own} of keys")));
        }
        let apart = self.reshaped(operand, &[batch, own, 1, places, size])?;
        let again = self.expanded(&apart, &[batch, own, heads / own, places, size])?;
        self.reshaped(&again, &[batch, heads, places, size])
    }

    /// `cap tanh(x / cap)`.
    fn capped(&mut self, x: &Operand, cap: f32) -> Result<Operand, GraphError> {
        let cap = self.number(cap);
        let part = self.plain(Operator::Div, &[x, &cap])?;
        let bent = self.plain(Operator::Tanh, &[&part])?;
        self.plain(Operator::Mul, &[&bent, &cap])
    }

    /// What is added to the scores, of a shape that broadcasts to theirs.
    fn bias(&mut self, scores: &[usize], past: usize) -> Result<Option<Operand>, GraphError> {
        let &[batch, _, queries, keys] = scores else { return Err(self.refuse("has no scores")) };
        let known = match self.call.optional(6).cloned() {
            Some(lengths) => {
                let lengths = self.cast(&lengths, Element::Int64)?;
                Some(self.reshaped(&lengths, &[batch, 1, 1, 1])?)
            }
            None => None,
        };
        let offset = match &known {
            Some(lengths) if past == 0 => {
                let queries = self.integer(queries as i64);
                Offset::Each(self.plain(Operator::Sub, &[lengths, &queries])?)
            }
            _ => Offset::Known(past as i64),
        };
        let mut allowed: Vec<Operand> = Vec::new();
        let window = |name| self.call.int(name).filter(|&size| size >= 0);
        let (left, right) = (window("left_window_size"), window("right_window_size"));
        if self.call.flag("is_causal") {
            allowed.push(self.up_to(queries, keys, &offset, 0)?);
        }
        if let Some(right) = right {
            allowed.push(self.up_to(queries, keys, &offset, right)?);
        }
        if let Some(left) = left {
            let before = self.up_to(queries, keys, &offset, -left - 1)?;
            allowed.push(self.plain(Operator::Not, &[&before])?);
        }
        if let Some(lengths) = &known {
            let places = Tensor::ints(Element::Int64, vec![1, 1, 1, keys], (0..keys as i64).collect());
            let places = self.constant_of(places);
            allowed.push(self.plain(Operator::Less, &[&places, lengths])?);
        }
        let mut bias = None;
        if let Some(mask) = self.call.optional(3).cloned() {
            if self.builder.kind(&mask).element == Element::Bool {
                allowed.push(self.padded(&mask, keys, false)?);
            } else {
                bias = Some(self.padded(&mask, keys, true)?);
            }
        }
        let Some(mut all) = allowed.pop() else { return Ok(bias) };
        for other in allowed {
            all = self.plain(Operator::And, &[&all, &other])?;
        }
        let (zero, masked) = (self.number(0.0), self.number(MASKED));
        let masks = self.plain(Operator::Where, &[&all, &zero, &masked])?;
        Ok(Some(match bias {
            Some(bias) => self.plain(Operator::Add, &[&bias, &masks])?,
            None => masks,
        }))
    }

    /// Whether key `j` is at most `offset + reach` behind query `i`.
    fn up_to(&mut self, queries: usize, keys: usize, offset: &Offset, reach: i64) -> Result<Operand, GraphError> {
        self.builder.afford(self.call, queries * keys)?;
        let behind = |at: usize| (at % keys) as i64 - (at / keys) as i64;
        let behind = (0..queries * keys).map(behind);
        match offset {
            Offset::Known(offset) => {
                let allowed = behind.map(|behind| i64::from(behind <= offset + reach)).collect();
                Ok(self.constant_of(Tensor::ints(Element::Bool, vec![queries, keys], allowed)))
            }
            Offset::Each(offset) => {
                let behind = Tensor::ints(Element::Int64, vec![queries, keys], behind.collect());
                let (behind, reach) = (self.constant_of(behind), self.integer(reach));
                let most = self.plain(Operator::Add, &[offset, &reach])?;
                self.plain(Operator::LessOrEqual, &[&behind, &most])
            }
        }
    }

    /// A mask for fewer keys than there are: the others take no part.
    fn padded(&mut self, mask: &Operand, keys: usize, float: bool) -> Result<Operand, GraphError> {
        let mut shape = self.shape(mask);
        let Some(last) = shape.last_mut().filter(|last| **last < keys) else { return Ok(mask.clone()) };
        *last = keys - *last;
        let count = shape.iter().product();
        self.builder.afford(self.call, count)?;
        let axis = shape.len() - 1;
        let rest = match float {
            true => Tensor::floats(shape, vec![MASKED; count]),
            false => Tensor::ints(Element::Bool, shape, vec![0; count]),
        };
        let rest = self.constant_of(rest);
        self.joined(&[mask, &rest], axis)
    }

    /// A query that may look at no key sees nothing.
    fn without_empty_rows(&mut self, weights: &Operand, bias: &Operand) -> Result<Operand, GraphError> {
        let last = self.shape(bias).len() as i64 - 1;
        let attributes = Attributes::of([("keepdims", 1.into()), ("axes", vec![last].into())]);
        let most = self.apply(Operator::ReduceMax, attributes, &[bias])?;
        let bound = self.number(MASKED / 2.0);
        let empty = self.plain(Operator::Less, &[&most, &bound])?;
        if tensor(&empty).and_then(Tensor::as_ints).is_some_and(|rows| rows.iter().all(|&empty| empty == 0)) {
            return Ok(weights.clone());
        }
        let zero = self.number(0.0);
        self.plain(Operator::Where, &[&empty, &zero, weights])
    }

    /// Pairs of numbers turned by angles whose cosines and sines are given for every place.
    pub(super) fn rotary_embedding(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let x = match shape[..] {
            [_, _, _, _] => self.transposed(&x, &[0, 2, 1, 3])?,
            _ => {
                let heads = self.heads(0, "num_heads")?.0;
                self.transposed(&heads, &[0, 2, 1, 3])?
            }
        };
        let &[batch, places, heads, size] = &self.shape(&x)[..] else { return Err(self.refuse("has no heads")) };
        let turned = match self.call.int("rotary_embedding_dim").unwrap_or(0) {
            0 => size,
            dim => usize::try_from(dim).unwrap_or(0),
        };
        if turned == 0 || turned > size || turned % 2 != 0 {
            return Err(self.refuse(format!("turns {turned} of {size} numbers")));
        }
        let half = turned / 2;
        let (cos, sin) = (self.angles(1, places, half)?, self.angles(2, places, half)?);
        let part = self.between(&x, 3, 0, turned)?;
        let beside = self.call.flag("interleaved");
        let (first, second) = if beside {
            let pairs = self.reshaped(&part, &[batch, places, heads, half, 2])?;
            let (first, second) = (self.between(&pairs, 4, 0, 1)?, self.between(&pairs, 4, 1, 2)?);
            let flat = [batch, places, heads, half];
            (self.reshaped(&first, &flat)?, self.reshaped(&second, &flat)?)
        } else {
            (self.between(&part, 3, 0, half)?, self.between(&part, 3, half, turned)?)
        };
        let mut product = |a: &Operand, b: &Operand| self.plain(Operator::Mul, &[a, b]);
        let (a, b, c, d) =
            (product(&cos, &first)?, product(&sin, &second)?, product(&sin, &first)?, product(&cos, &second)?);
        let (real, imaginary) = (self.plain(Operator::Sub, &[&a, &b])?, self.plain(Operator::Add, &[&c, &d])?);
        let made = if beside {
            let apart = [batch, places, heads, half, 1];
            let (real, imaginary) = (self.reshaped(&real, &apart)?, self.reshaped(&imaginary, &apart)?);
            let pairs = self.joined(&[&real, &imaginary], 4)?;
            self.reshaped(&pairs, &[batch, places, heads, turned])?
        } else {
            self.joined(&[&real, &imaginary], 3)?
        };
        let made = match turned < size {
            true => {
                let rest = self.between(&x, 3, turned, size)?;
                self.joined(&[&made, &rest], 3)?
            }
            false => made,
        };
        Ok(vec![if shape.len() == 4 { self.transposed(&made, &[0, 2, 1, 3])? } else { self.reshaped(&made, &shape)? }])
    }

    /// `[batch, places, 1, half]`, picked by the positions where there are some.
    fn angles(&mut self, index: usize, places: usize, half: usize) -> Result<Operand, GraphError> {
        let mut angles = self.call.input(index)?;
        if let Some(positions) = self.call.optional(3).cloned() {
            angles = self.apply(Operator::Gather, Attributes::of([("axis", 0.into())]), &[&angles, &positions])?;
        }
        match self.shape(&angles)[..] {
            [batch, rows, columns] if (rows, columns) == (places, half) => {
                self.reshaped(&angles, &[batch, places, 1, half])
            }
            ref other => Err(self.refuse(format!("has angles of shape {other:?} for {places} places of {half} pairs"))),
        }
    }
}
