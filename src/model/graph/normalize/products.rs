//! Products of many numbers: along an axis, and determinants.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::Operator,
    tensor::{Numbers, Tensor},
};
use std::collections::HashMap;

/// Rows of a matrix whose determinant is written out: every set of columns is a sum.
const MAX_ROWS: usize = 8;

impl Step<'_, '_> {
    pub(super) fn cum_prod(&mut self) -> Made {
        let x = self.call.input(0)?;
        let kind = self.builder.kind(&x);
        let axis = self.known(&self.call.input(1)?, "an axis")?.first().copied().unwrap_or(0);
        let axis = self.axis(axis, kind.shape.len())?;
        let (mut one, count) = (kind.shape.clone(), kind.shape[axis]);
        one[axis] = 1;
        let elements = one.iter().product();
        self.builder.afford(self.call, elements)?;
        let ones = match kind.element.is_float() {
            true => Numbers::Floats(vec![1.0; elements]),
            false => Numbers::Ints(vec![1; elements]),
        };
        let ones = self.constant_of(Tensor::new(kind.element, one, ones));
        let (exclusive, reverse) = (self.call.flag("exclusive"), self.call.flag("reverse"));
        let (mut product, mut made): (Option<Operand>, Vec<Operand>) = (None, Vec::new());
        for step in 0..count {
            let at = if reverse { count - 1 - step } else { step };
            let factor = self.between(&x, axis, at, at + 1)?;
            let next = match &product {
                Some(product) => self.plain(Operator::Mul, &[product, &factor])?,
                None => factor,
            };
            let before = product.replace(next.clone()).unwrap_or_else(|| ones.clone());
            made.push(if exclusive { before } else { next });
        }
        if made.is_empty() {
            return Ok(vec![x]);
        }
        if reverse {
            made.reverse();
        }
        let made: Vec<&Operand> = made.iter().collect();
        Ok(vec![self.joined(&made, axis)?])
    }

    /// By Laplace, from the last row up: a determinant for every set of columns.
    pub(super) fn determinant(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let &[ref batch @ .., rows, columns] = &shape[..] else { return Err(self.refuse("takes no matrices")) };
        if rows != columns || !(1..=MAX_ROWS).contains(&rows) {
            return Err(self.refuse(format!("takes matrices of {rows} by {columns}; up to {MAX_ROWS} rows are read")));
        }
        let mut minors: HashMap<u32, Operand> = HashMap::new();
        for row in (0..rows).rev() {
            let line = self.between(&x, batch.len(), row, row + 1)?;
            let mut entries = Vec::new();
            for column in 0..columns {
                let entry = self.between(&line, batch.len() + 1, column, column + 1)?;
                entries.push(self.reshaped(&entry, batch)?);
            }
            let sets = (1u32..1 << columns).filter(|set| set.count_ones() as usize == rows - row);
            let mut next = HashMap::new();
            for set in sets {
                next.insert(set, self.expansion(set, &entries, &minors)?);
            }
            minors = next;
        }
        let all = minors.remove(&((1 << columns) - 1));
        Ok(vec![all.ok_or_else(|| self.refuse("has no determinant"))?])
    }

    /// The determinant of a set of columns, by its first row and the minors below.
    fn expansion(
        &mut self,
        set: u32,
        entries: &[Operand],
        minors: &HashMap<u32, Operand>,
    ) -> Result<Operand, GraphError> {
        let mut sum: Option<Operand> = None;
        let columns = (0..entries.len()).filter(|column| set >> column & 1 == 1);
        for (index, column) in columns.enumerate() {
            let term = match minors.get(&(set & !(1 << column))) {
                Some(minor) => self.plain(Operator::Mul, &[&entries[column], minor])?,
                None => entries[column].clone(),
            };
            sum = Some(match (sum, index % 2) {
                (None, _) => term,
                (Some(sum), 0) => self.plain(Operator::Add, &[&sum, &term])?,
                (Some(sum), _) => self.plain(Operator::Sub, &[&sum, &term])?,
            });
        }
        sum.ok_or_else(|| self.refuse("has no columns"))
    }
}
