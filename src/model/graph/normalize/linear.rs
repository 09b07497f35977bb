//! Products of matrices, recurrent networks, quantized operators.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn linear(&mut self) -> Made {
        match self.call.operator {
            "Gemm" => self.gemm(),
            "MatMul" => self.mat_mul().map(|made| vec![made]),
            "MatMulInteger" => self.keep(Operator::MatMulInteger, Attributes::none()),
            "QLinearMatMul" => self.keep(Operator::QLinearMatMul, Attributes::none()),
            "Einsum" => self.einsum(),
            "QuantizeLinear" => self.quantize(),
            "DequantizeLinear" => {
                let axis = self.quantized_axis()?;
                self.keep(Operator::DequantizeLinear, axis)
            }
            "DynamicQuantizeLinear" => {
                let inputs = self.call.inputs.clone();
                self.builder.node(self.call, Operator::DynamicQuantizeLinear, Attributes::none(), inputs, 3)
            }
            _ => self.recurrent(),
        }
    }

    fn gemm(&mut self) -> Made {
        let (mut a, b) = (self.call.input(0)?, self.call.input(1)?);
        let shape = self.shape(&a);
        let mut turn = self.call.flag("transA");
        // A row or a column is turned by another shape alone.
        if let (true, &[rows, columns]) = (turn, &shape[..])
            && (rows == 1 || columns == 1)
        {
            a = self.reshaped(&a, &[columns, rows])?;
            turn = false;
        }
        let mut attributes = Attributes::of([
            ("alpha", self.call.float("alpha").unwrap_or(1.0).into()),
            ("beta", self.call.float("beta").unwrap_or(1.0).into()),
            ("transB", self.call.int("transB").unwrap_or(0).into()),
        ]);
        if turn {
            attributes.set("transA", 1);
        }
        match self.call.optional(2) {
            Some(c) => Ok(vec![self.apply(Operator::Gemm, attributes, &[&a, &b, &c.clone()])?]),
            None => Ok(vec![self.apply(Operator::Gemm, attributes, &[&a, &b])?]),
        }
    }

    /// Vectors become matrices with one row or column.
    fn mat_mul(&mut self) -> Result<Operand, GraphError> {
        let (a, b) = (self.call.input(0)?, self.call.input(1)?);
        let (left, right) = (self.shape(&a), self.shape(&b));
        if left.len() != 1 && right.len() != 1 {
            return self.plain(Operator::MatMul, &[&a, &b]);
        }
        let a = if left.len() == 1 { self.reshaped(&a, &[1, left[0]])? } else { a };
        let b = if right.len() == 1 { self.reshaped(&b, &[right[0], 1])? } else { b };
        let made = self.plain(Operator::MatMul, &[&a, &b])?;
        let mut shape = self.shape(&made);
        if right.len() == 1 {
            shape.pop();
        }
        if left.len() == 1 {
            let row = shape.len() - usize::from(right.len() != 1) - 1;
            shape.remove(row);
        }
        self.reshaped(&made, &shape)
    }

    /// The equation is written out: no ellipsis, the result named.
    fn einsum(&mut self) -> Made {
        let equation = self.call.text("equation").ok_or_else(|| self.refuse("has no equation"))?;
        let equation: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
        let ranks: Vec<usize> = self.call.all_inputs()?.iter().map(|operand| self.shape(operand).len()).collect();
        let explicit = explicit_equation(&equation, &ranks);
        let explicit =
            explicit.ok_or_else(|| self.refuse(format!("has the equation `{equation}`, which does not fit")))?;
        self.keep(Operator::Einsum, Attributes::of([("equation", explicit.as_str().into())]))
    }

    fn quantized_axis(&self) -> Result<Attributes, GraphError> {
        let (scale, rank) = (self.shape(&self.call.input(1)?), self.shape(&self.call.input(0)?).len());
        if self.call.int("block_size").unwrap_or(0) != 0 || scale.len() > 1 {
            return Err(self.refuse("has a scale for every block, which is not read"));
        }
        if scale.iter().all(|&dim| dim == 1) {
            return Ok(Attributes::none());
        }
        let axis = self.axis(self.call.int("axis").unwrap_or(1), rank)?;
        Ok(Attributes::of([("axis", (axis as i64).into())]))
    }

    fn quantize(&mut self) -> Made {
        let attributes = self.quantized_axis()?;
        let mut inputs = self.call.inputs.clone();
        inputs.truncate(3);
        if self.call.optional(2).is_none() {
            let element = match self.call.int("output_dtype").unwrap_or(0) {
                0 => Element::Uint8,
                number => Element::from_onnx(number)
                    .map_err(|what| self.refuse(format!("makes {what}, which is not read")))?,
            };
            let shape = self.shape(&self.call.input(1)?);
            let zeros = vec![0; shape.iter().product()];
            inputs.truncate(2);
            inputs.push(Some(self.constant_of(Tensor::ints(element, shape, zeros))));
        }
        self.builder.node(self.call, Operator::QuantizeLinear, attributes, inputs, 1)
    }

    fn recurrent(&mut self) -> Made {
        let operator: Operator = self.call.operator.parse().map_err(|()| self.refuse("is not one that is read"))?;
        let mut inputs = self.call.inputs.clone();
        let weights = self.shape(&self.call.input(2)?);
        let &[_, _, hidden] = &weights[..] else {
            return Err(self.refuse("has recurrent weights that are no three axes"));
        };
        let batch_first = self.call.flag("layout");
        let swap = |step: &mut Self, operand: &mut Option<Operand>| match operand {
            Some(found) if batch_first => {
                *operand = Some(step.transposed(&found.clone(), &[1, 0, 2])?);
                Ok(())
            }
            _ => Ok::<_, GraphError>(()),
        };
        swap(self, &mut inputs[0])?;
        for index in [5, 6] {
            if let Some(state) = inputs.get_mut(index) {
                swap(self, state)?;
            }
        }
        let steps = inputs[0].as_ref().map_or(0, |x| self.shape(x).first().copied().unwrap_or(0)) as i64;
        if let Some(Some(lengths)) = inputs.get(4) {
            let whole = tensor(lengths).and_then(Tensor::as_ints).is_some_and(|list| list.iter().all(|&n| n == steps));
            if !whole {
                return Err(self.refuse("has sequences of different lengths, which are not read"));
            }
            inputs[4] = None;
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        let attributes = self.recurrent_attributes(operator, hidden);
        let outputs = if operator == Operator::LSTM { 3 } else { 2 };
        let mut made = self.builder.node(self.call, operator, attributes, inputs, outputs)?;
        if batch_first {
            made[0] = self.transposed(&made[0].clone(), &[2, 0, 1, 3])?;
            for state in made.iter_mut().skip(1) {
                *state = self.transposed(&state.clone(), &[1, 0, 2])?;
            }
        }
        Ok(made)
    }

    fn recurrent_attributes(&self, operator: Operator, hidden: usize) -> Attributes {
        let mut attributes = Attributes::of([
            ("hidden_size", (hidden as i64).into()),
            ("direction", self.call.text("direction").unwrap_or("forward").into()),
        ]);
        if let Some(activations) = self.call.texts("activations") {
            attributes.set("activations", activations);
        }
        for name in ["activation_alpha", "activation_beta"] {
            if let Some(list) = self.call.floats(name) {
                attributes.set(name, list.to_vec());
            }
        }
        if let Some(clip) = self.call.float("clip") {
            attributes.set("clip", clip);
        }
        let flag = match operator {
            Operator::GRU => "linear_before_reset",
            Operator::LSTM => "input_forget",
            _ => return attributes,
        };
        attributes.set(flag, self.call.int(flag).unwrap_or(0));
        attributes
    }
}

/// Puts letters in place of the ellipsis, and the result's letters where they are left out.
fn explicit_equation(equation: &str, ranks: &[usize]) -> Option<String> {
    let (operands, result) = match equation.split_once("->") {
        Some((operands, result)) => (operands, Some(result)),
        None => (equation, None),
    };
    let terms: Vec<&str> = operands.split(',').collect();
    if terms.len() != ranks.len() {
        return None;
    }
    let used: Vec<char> = operands.chars().filter(char::is_ascii_alphabetic).collect();
    let mut free = ('a'..='z').chain('A'..='Z').filter(|letter| !used.contains(letter));
    let hidden = |term: &str, rank: usize| rank.checked_sub(term.chars().filter(char::is_ascii_alphabetic).count());
    let mut most = 0;
    for (term, &rank) in terms.iter().zip(ranks) {
        let hidden = hidden(term, rank)?;
        if hidden > 0 && !term.contains("...") {
            return None;
        }
        most = most.max(hidden);
    }
    let dots: String = free.by_ref().take(most).collect();
    let filled: Option<Vec<String>> = terms
        .iter()
        .zip(ranks)
        .map(|(term, &rank)| Some(term.replace("...", &dots[most - hidden(term, rank)?..])))
        .collect();
    let result = match result {
        Some(result) => result.replace("...", &dots),
        None => {
            let mut once: Vec<char> =
                used.iter().copied().filter(|letter| used.iter().filter(|l| *l == letter).count() == 1).collect();
            once.sort_unstable();
            dots + &once.into_iter().collect::<String>()
        }
    };
    Some(format!("{}->{result}", filled?.join(",")))
}
