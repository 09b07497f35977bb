//! Constants that are moved, not changed.

use super::Work;
use crate::model::graph::{
    infer::{axis, clamp_slice},
    operators::Operator,
    tensor::{Numbers, Positions, Tensor, strides},
};

impl Work<'_> {
    pub(super) fn layout(&self) -> Option<Tensor> {
        let (input, shape) = (self.input(0)?, self.target().shape.clone());
        match self.operator {
            Operator::Reshape => Some(input.reshaped(shape)),
            Operator::Expand => {
                let places = Positions::broadcast(input.shape(), &shape);
                Some(input.pick(shape, places))
            }
            Operator::Transpose => {
                let perm = self.attributes.ints("perm")?;
                let perm: Option<Vec<usize>> = perm.iter().map(|&at| axis(at, input.shape().len()).ok()).collect();
                Some(input.transposed(&perm?))
            }
            Operator::Concat => self.concat(shape),
            Operator::Slice => self.slice(shape),
            Operator::Gather => self.gather(shape),
            Operator::Tile => {
                let own = strides(input.shape());
                let from = input.shape();
                let all = strides(&shape);
                let place = |flat: usize| {
                    (0..shape.len()).map(|at| (flat / all[at] % shape[at]) % from[at] * own[at]).sum::<usize>()
                };
                let places = (0..self.target().elements()).map(place);
                Some(input.pick(shape.clone(), places))
            }
            Operator::Pad => self.pad(shape),
            Operator::Where => self.choose(shape),
            Operator::Trilu => self.trilu(),
            _ => None,
        }
    }

    fn concat(&self, shape: Vec<usize>) -> Option<Tensor> {
        let at = axis(self.attributes.int("axis")?, shape.len()).ok()?;
        let outer: usize = shape[..at].iter().product();
        let inner: usize = shape[at + 1..].iter().product();
        let pieces: Option<Vec<&Tensor>> = (0..self.inputs.len()).map(|index| self.input(index)).collect();
        let pieces = pieces?;
        fn join<T: Copy>(outer: usize, pieces: &[(&[T], usize)]) -> Vec<T> {
            let mut made = Vec::new();
            for row in 0..outer {
                for (numbers, width) in pieces {
                    made.extend_from_slice(&numbers[row * width..(row + 1) * width]);
                }
            }
            made
        }
        let width = |piece: &Tensor| piece.shape()[at] * inner;
        let numbers = match pieces.first()?.numbers() {
            Numbers::Floats(_) => {
                let list: Option<Vec<_>> = pieces.iter().map(|p| Some((p.as_floats()?, width(p)))).collect();
                Numbers::Floats(join(outer, &list?))
            }
            Numbers::Ints(_) => {
                let list: Option<Vec<_>> = pieces.iter().map(|p| Some((p.as_ints()?, width(p)))).collect();
                Numbers::Ints(join(outer, &list?))
            }
        };
        Some(Tensor::new(self.target().element, shape, numbers))
    }

    fn slice(&self, shape: Vec<usize>) -> Option<Tensor> {
        let input = self.input(0)?;
        let mut walk: Vec<i64> = strides(input.shape()).into_iter().map(|stride| stride as i64).collect();
        let mut offset = 0;
        let (starts, ends, axes, steps) = (self.ints(1)?, self.ints(2)?, self.ints(3)?, self.ints(4)?);
        for (((&start, &end), &at), &step) in starts.iter().zip(ends).zip(axes).zip(steps) {
            let at = axis(at, shape.len()).ok()?;
            let (start, _) = clamp_slice(input.shape()[at], start, end, step);
            offset += start * walk[at];
            walk[at] *= step;
        }
        let places = Positions::new(&shape, &walk, offset);
        Some(input.pick(shape, places))
    }

    pub(super) fn split(&self) -> Option<Vec<Tensor>> {
        let input = self.input(0)?;
        let at = axis(self.attributes.int("axis")?, input.shape().len()).ok()?;
        let walk: Vec<i64> = strides(input.shape()).into_iter().map(|stride| stride as i64).collect();
        let mut offset = 0;
        let pieces = self.made.iter().map(|kind| {
            let places = Positions::new(&kind.shape, &walk, offset);
            offset += kind.shape[at] as i64 * walk[at];
            input.pick(kind.shape.clone(), places)
        });
        Some(pieces.collect())
    }

    fn gather(&self, shape: Vec<usize>) -> Option<Tensor> {
        let (input, indices) = (self.input(0)?, self.ints(1)?);
        let at = axis(self.attributes.int("axis")?, input.shape().len()).ok()?;
        let dim = input.shape()[at];
        let inner: usize = input.shape()[at + 1..].iter().product();
        let outer: usize = input.shape()[..at].iter().product();
        let rows: Option<Vec<usize>> = indices.iter().map(|&index| axis(index, dim).ok()).collect();
        let rows = rows?;
        let starts = (0..outer).flat_map(|block| rows.iter().map(move |row| (block * dim + row) * inner));
        Some(input.pick(shape, starts.flat_map(|start| start..start + inner)))
    }

    /// With a constant alone.
    fn pad(&self, shape: Vec<usize>) -> Option<Tensor> {
        if self.attributes.text("mode") != Some("constant") {
            return None;
        }
        let (input, pads) = (self.input(0)?, self.ints(1)?);
        if pads.iter().any(|&pad| pad < 0) {
            return None;
        }
        let all = strides(&shape);
        let walk: Vec<i64> = all.iter().map(|&stride| stride as i64).collect();
        let offset: i64 = pads.iter().zip(&walk).map(|(&pad, &stride)| pad * stride).sum();
        let places = Positions::new(input.shape(), &walk, offset);
        let count = self.target().elements();
        Some(match input.numbers() {
            Numbers::Floats(numbers) => {
                let fill =
                    self.input(2).and_then(Tensor::as_floats).and_then(|fill| fill.first()).copied().unwrap_or(0.0);
                let mut made = vec![fill; count];
                places.zip(numbers).for_each(|(at, &x)| made[at] = x);
                Tensor::floats(shape, made)
            }
            Numbers::Ints(numbers) => {
                let fill = self.input(2).and_then(Tensor::as_ints).and_then(|fill| fill.first()).copied().unwrap_or(0);
                let mut made = vec![fill; count];
                places.zip(numbers).for_each(|(at, &x)| made[at] = x);
                Tensor::ints(input.element(), shape, made)
            }
        })
    }

    fn choose(&self, shape: Vec<usize>) -> Option<Tensor> {
        let (condition, yes, no) = (self.input(0)?, self.input(1)?, self.input(2)?);
        let at = |tensor: &Tensor| Positions::broadcast(tensor.shape(), &shape);
        let picks = condition.as_ints()?;
        let picks = at(condition).map(|at| picks[at] != 0);
        let places = at(yes).zip(at(no)).zip(picks);
        Some(match (yes.numbers(), no.numbers()) {
            (Numbers::Floats(a), Numbers::Floats(b)) => {
                let made = places.map(|((i, j), first)| if first { a[i] } else { b[j] }).collect();
                Tensor::floats(shape, made)
            }
            (Numbers::Ints(a), Numbers::Ints(b)) => {
                let made = places.map(|((i, j), first)| if first { a[i] } else { b[j] }).collect();
                Tensor::ints(yes.element(), shape, made)
            }
            _ => return None,
        })
    }

    fn trilu(&self) -> Option<Tensor> {
        let input = self.input(0)?;
        let &[.., rows, columns] = input.shape() else { return None };
        let k = match self.input(1) {
            Some(k) => *k.as_ints()?.first()?,
            None => 0,
        };
        let upper = self.attributes.int("upper").unwrap_or(1) != 0;
        let keeps = |at: usize| {
            let (row, column) = ((at / columns % rows) as i64, (at % columns) as i64);
            if upper { column - row >= k } else { column - row <= k }
        };
        let shape = input.shape().to_vec();
        Some(match input.numbers() {
            Numbers::Floats(numbers) => {
                let made = numbers.iter().enumerate().map(|(at, &x)| if keeps(at) { x } else { 0.0 });
                Tensor::floats(shape, made.collect())
            }
            Numbers::Ints(numbers) => {
                let made = numbers.iter().enumerate().map(|(at, &x)| if keeps(at) { x } else { 0 });
                Tensor::ints(input.element(), shape, made.collect())
            }
        })
    }
}
