//! How often runs of given numbers occur among others.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::Operator,
    tensor::{Element, Tensor},
};

/// Runs of one length, and which column of the result counts each.
struct Runs {
    length: usize,
    numbers: Vec<i64>,
    columns: Vec<usize>,
}

impl Step<'_, '_> {
    pub(super) fn tf_idf(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let (rows, width) = match shape[..] {
            [width] => (1, width),
            [rows, width] => (rows, width),
            _ => return Err(self.refuse(format!("takes rows of numbers, not a tensor of shape {shape:?}"))),
        };
        let element = self.builder.kind(&x).element;
        if element.is_float() {
            return Err(self.refuse("looks for numbers that are no integers"));
        }
        let (runs, columns) = self.runs()?;
        let x = self.reshaped(&x, &[rows, width])?;
        let skips = self.call.int("max_skip_count").unwrap_or(0).clamp(0, width as i64) as usize;
        let (mut counts, mut places): (Vec<Operand>, Vec<usize>) = (Vec::new(), Vec::new());
        for run in &runs {
            // Single numbers have nothing to skip.
            let steps = if run.length == 1 { 1..=1 } else { 1..=skips + 1 };
            let mut sum: Option<Operand> = None;
            for step in steps {
                let Some(starts) = width.checked_sub((run.length - 1) * step).filter(|&starts| starts > 0) else {
                    break;
                };
                let found = self.occurrences(&x, element, run, step, starts)?;
                sum = Some(match sum {
                    Some(sum) => self.plain(Operator::Add, &[&sum, &found])?,
                    None => found,
                });
            }
            if let Some(sum) = sum {
                counts.push(sum);
                places.extend(&run.columns);
            }
        }
        let made = self.in_columns(&counts, &places, rows, columns)?;
        let made = self.weighed(&made, columns)?;
        Ok(vec![if shape.len() == 1 { self.reshaped(&made, &[columns])? } else { made }])
    }

    /// The runs by their length, and the number of columns.
    fn runs(&self) -> Result<(Vec<Runs>, usize), GraphError> {
        let pool = self.call.ints("pool_int64s").ok_or_else(|| self.refuse("looks for texts, which are no numbers"))?;
        let missing = |name: &str| self.refuse(format!("has no {name}"));
        let starts = self.call.ints("ngram_counts").ok_or_else(|| missing("ngram_counts"))?;
        let columns = self.call.ints("ngram_indexes").ok_or_else(|| missing("ngram_indexes"))?;
        let columns: Option<Vec<usize>> =
            columns.iter().map(|&at| usize::try_from(at).ok().filter(|&at| at < 1 << 24)).collect();
        let columns = columns.ok_or_else(|| self.refuse("has ngram_indexes that are none"))?;
        let length = |name| self.call.int(name).and_then(|length| usize::try_from(length).ok());
        let (least, most) = (length("min_gram_length").unwrap_or(1), length("max_gram_length").unwrap_or(1));
        let (mut runs, mut next) = (Vec::new(), 0);
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(pool.len() as i64);
            let numbers = usize::try_from(start).ok().zip(usize::try_from(end).ok());
            let numbers = numbers.and_then(|(start, end)| pool.get(start..end));
            let (numbers, length) =
                (numbers.ok_or_else(|| self.refuse("has ngram_counts that do not fit"))?, index + 1);
            let count = numbers.len() / length;
            let own = columns.get(next..next + count);
            let own = own.ok_or_else(|| self.refuse("has fewer ngram_indexes than runs"))?;
            next += count;
            if count > 0 && (least..=most).contains(&length) {
                runs.push(Runs { length, numbers: numbers[..count * length].to_vec(), columns: own.to_vec() });
            }
        }
        Ok((runs, columns.iter().max().map_or(0, |&most| most + 1)))
    }

    /// How often each run is met, with every number `step` places after the one before.
    fn occurrences(
        &mut self,
        x: &Operand,
        element: Element,
        run: &Runs,
        step: usize,
        starts: usize,
    ) -> Result<Operand, GraphError> {
        let rows = self.shape(x)[0];
        let mut all: Option<Operand> = None;
        for at in 0..run.length {
            let part = self.between(x, 1, at * step, at * step + starts)?;
            let part = self.reshaped(&part, &[rows, starts, 1])?;
            let wanted: Vec<i64> = run.numbers.iter().skip(at).step_by(run.length).copied().collect();
            let wanted = self.constant_of(Tensor::ints(element, vec![wanted.len()], wanted));
            let same = self.plain(Operator::Equal, &[&part, &wanted])?;
            all = Some(match all {
                Some(all) => self.plain(Operator::And, &[&all, &same])?,
                None => same,
            });
        }
        let all = all.ok_or_else(|| self.refuse("has runs of no numbers"))?;
        let all = self.cast(&all, Element::Float32)?;
        self.reduced(Operator::ReduceSum, &all, &[1], false)
    }

    fn in_columns(
        &mut self,
        counts: &[Operand],
        places: &[usize],
        rows: usize,
        columns: usize,
    ) -> Result<Operand, GraphError> {
        self.builder.afford(self.call, columns.saturating_mul(places.len().max(rows)))?;
        if counts.is_empty() {
            return Ok(self.constant_of(Tensor::floats(vec![rows, columns], vec![0.0; rows * columns])));
        }
        let counts: Vec<&Operand> = counts.iter().collect();
        let counts = self.joined(&counts, 1)?;
        let mut matrix = vec![0.0; places.len() * columns];
        places.iter().enumerate().for_each(|(row, &column)| matrix[row * columns + column] = 1.0);
        let matrix = self.constant_of(Tensor::floats(vec![places.len(), columns], matrix));
        self.plain(Operator::MatMul, &[&counts, &matrix])
    }

    fn weighed(&mut self, counts: &Operand, columns: usize) -> Result<Operand, GraphError> {
        let counts = match self.call.text("mode") {
            Some("TF") => return Ok(counts.clone()),
            Some("TFIDF") => counts.clone(),
            Some("IDF") => {
                let zero = self.number(0.0);
                let there = self.plain(Operator::Greater, &[counts, &zero])?;
                self.cast(&there, Element::Float32)?
            }
            other => return Err(self.refuse(format!("has the mode {other:?}"))),
        };
        match self.call.floats("weights").filter(|weights| !weights.is_empty()) {
            None => Ok(counts),
            Some(weights) if weights.len() >= columns => {
                let weights = self.constant_of(Tensor::floats(vec![columns], weights[..columns].to_vec()));
                self.plain(Operator::Mul, &[&counts, &weights])
            }
            Some(weights) => Err(self.refuse(format!("has {} weights for {columns} columns", weights.len()))),
        }
    }
}
