//! Products of matrices, quantized operators.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
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
            "DequantizeLinear" => self.dequantize(),
            "DynamicQuantizeLinear" => {
                let inputs = self.call.inputs.clone();
                self.builder.node(self.call, Operator::DynamicQuantizeLinear, Attributes::none(), inputs, 3)
            }
            _ => Err(self.refuse("is not one that is read")),
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

    /// Of one scale, or one for each place of an axis.
    pub(super) fn quantized_axis(&self) -> Result<Attributes, GraphError> {
        let (scale, rank) = (self.shape(&self.call.input(1)?), self.shape(&self.call.input(0)?).len());
        if scale.iter().all(|&dim| dim == 1) {
            return Ok(Attributes::none());
        }
        let axis = self.axis(self.call.int("axis").unwrap_or(1), rank)?;
        Ok(Attributes::of([("axis", (axis as i64).into())]))
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
