//! Operators that only move numbers: copies, of computed numbers and of constants.

use super::{Lowered, Lowering, dims_of, refuse};
use crate::model::{
    graph::{Node, Operand, Operator},
    network::plan::{Then, Work},
};

mod places;

/// Where a number comes from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Element of an operand.
    Of(usize, usize),
    /// A constant.
    Number(f64),
}

impl<'g> Lowering<'g> {
    /// The shape alone changes.
    pub(super) fn passed_on(&mut self, node: &'g Node) -> Lowered<()> {
        let id = self.operand(node, 0)?;
        let last = |id| self.shape(id).last().copied();
        if last(id) != last(node.outputs[0]) && self.pending.contains_key(&id) {
            self.settled(id)?;
        }
        if let Some(along) = self.pending.get(&id).cloned() {
            self.pending.insert(node.outputs[0], along);
        }
        let Some(mut wire) = self.wires.get(&id).cloned() else { return Err(refuse(node, "reads nothing")) };
        wire.shape = self.shape(node.outputs[0]).to_vec();
        self.wires.insert(node.outputs[0], wire);
        Ok(())
    }

    pub(super) fn moved(&mut self, node: &'g Node) -> Lowered<()> {
        if node.operator == Operator::Resize && node.attributes.text("mode") != Some("nearest") {
            let step = self.interpolated(node)?;
            return self.give(node.outputs[0], step);
        }
        let shape = |index: usize| self.shape(node.outputs[index]).to_vec();
        let all = match places::places(self, node, &shape(0))? {
            Some(places) => vec![places],
            None => {
                let data: Vec<usize> = match node.operator {
                    Operator::Concat => (0..node.inputs.len()).collect(),
                    Operator::Pad => vec![0, 2],
                    _ => vec![0],
                };
                let all = self.evaluated(node, &data);
                all.ok_or_else(|| refuse(node, "moves numbers to places that the input decides"))?
            }
        };
        for (index, places) in all.iter().enumerate() {
            let shape = self.shape(node.outputs[index]).to_vec();
            let step = self.placed(node, places, &shape)?;
            self.give(node.outputs[index], step)?;
        }
        Ok(())
    }

    /// Numbers put together from operands and constants.
    pub(super) fn placed(&mut self, node: &'g Node, places: &[Place], shape: &[usize]) -> Lowered<usize> {
        // Steps, and where their numbers start in all of them together.
        let mut starts: Vec<(usize, usize, usize)> = Vec::new();
        let mut steps = Vec::new();
        let mut count = 0;
        let mut numbers: Vec<f64> = Vec::new();
        for place in places {
            let Place::Of(operand, _) = place else { continue };
            if self.constant(node, *operand).is_none() && starts.iter().all(|(of, ..)| of != operand) {
                let step = self.wire(node, *operand)?.step;
                starts.push((*operand, step, count));
                steps.push(step);
                count += self.plan.steps[step].elements();
            }
        }
        let mut constant = |x: f64| {
            let at = numbers.iter().position(|y| *y == x).unwrap_or(numbers.len());
            if at == numbers.len() {
                numbers.push(x);
            }
            count + at
        };
        let constants: std::collections::HashMap<usize, Vec<f64>> = (0..node.inputs.len())
            .filter(|index| self.constant(node, *index).is_some())
            .filter_map(|index| Some((index, self.floats(node, index).ok()?)))
            .collect();
        let index = |place: &Place| match place {
            Place::Of(operand, at) => match constants.get(operand) {
                Some(numbers) => constant(numbers.get(*at).copied().unwrap_or_default()),
                None => starts.iter().find(|(of, ..)| of == operand).map_or(0, |(_, _, start)| start + at),
            },
            Place::Number(x) => constant(*x),
        };
        let indices: Vec<u32> = places.iter().map(index).map(|at| at as u32).collect();
        if steps.is_empty() {
            return Err(refuse(node, "makes what does not depend on the input"));
        }
        if !numbers.is_empty() {
            let step = self.push(vec![], vec![numbers.len() as u32], Work::Constant(numbers), Then::Nothing);
            steps.push(step);
        }
        let same = indices.iter().enumerate().all(|(at, &i)| at as u32 == i);
        if let [step] = steps[..]
            && same
            && indices.len() == self.plan.steps[step].elements()
        {
            return Ok(step);
        }
        let dims = dims_of(node, shape)?;
        self.join(steps, dims, indices)
    }

    /// All of the steps, one after the other.
    pub(super) fn joined(&mut self, node: &Node, steps: Vec<usize>, shape: &[usize]) -> Lowered<usize> {
        let count: usize = steps.iter().map(|step| self.plan.steps[*step].elements()).sum();
        let dims = dims_of(node, shape)?;
        self.join(steps, dims, (0..count as u32).collect())
    }

    /// Elements of steps, numbered from one to the next, in any order.
    pub(super) fn join(&mut self, steps: Vec<usize>, dims: Vec<u32>, indices: Vec<u32>) -> Lowered<usize> {
        // Copies of copies are one, and sources that nothing is read from are left out.
        let mut sources: Vec<usize> = Vec::new();
        let mut places = Vec::new();
        for step in steps {
            let step = self.centered(step);
            let of = &self.plan.steps[step];
            let own: Vec<(usize, u32)> = match &of.work {
                Work::Copy(first) => first.iter().map(|i| (of.from[0], *i)).collect(),
                Work::Join(first) => {
                    let all = of
                        .from
                        .iter()
                        .flat_map(|from| (0..self.plan.steps[*from].elements() as u32).map(move |i| (*from, i)));
                    let all: Vec<(usize, u32)> = all.collect();
                    first.iter().map(|i| all[*i as usize]).collect()
                }
                _ => (0..of.elements() as u32).map(|i| (step, i)).collect(),
            };
            places.extend(own);
        }
        let places: Vec<(usize, u32)> = indices.iter().map(|i| places[*i as usize]).collect();
        places.iter().for_each(|(step, _)| {
            if !sources.contains(step) {
                sources.push(*step);
            }
        });
        if let [step] = sources[..] {
            let indices = places.into_iter().map(|(_, i)| i).collect();
            return Ok(self.copy(step, dims, indices));
        }
        let mut next = 0;
        let starts: std::collections::HashMap<usize, u32> = sources
            .iter()
            .map(|step| {
                let first = next;
                next += self.plan.steps[*step].elements() as u32;
                (*step, first)
            })
            .collect();
        let indices = places.into_iter().map(|(step, i)| starts[&step] + i).collect();
        Ok(self.push(sources, dims, Work::Join(indices), Then::Nothing))
    }

    /// Where the numbers of all results come from, for a node that reading can evaluate; `data` are the operands that are moved.
    pub(super) fn evaluated(&self, node: &Node, data: &[usize]) -> Option<Vec<Vec<Place>>> {
        let mut starts = Vec::new();
        let mut next = 1;
        for index in data.iter().copied().filter(|index| self.has(node, *index)) {
            starts.push((index, next));
            next += self.operand_shape(node, index).iter().product::<usize>();
        }
        // 0 is what a node fills up with.
        let place = |at: &i64| match usize::try_from(*at).ok()? {
            0 => Some(Place::Number(0.0)),
            at => {
                starts.iter().rev().find(|(_, first)| *first <= at).map(|(index, first)| Place::Of(*index, at - first))
            }
        };
        let made = self.graph.numbered(node, data)?;
        made.iter().map(|tensor| tensor.as_ints()?.iter().map(place).collect()).collect()
    }

    /// The shape of an operand, computed or constant; none for one that is left out.
    pub(super) fn operand_shape(&self, node: &Node, index: usize) -> Vec<usize> {
        match node.inputs.get(index) {
            Some(Some(Operand::Value(id))) => self.shape(*id).to_vec(),
            Some(Some(Operand::Constant(constant))) => constant.tensor.shape().to_vec(),
            _ => Vec::new(),
        }
    }

    /// A constant operand of integers.
    pub(super) fn ints(&self, node: &'g Node, index: usize) -> Lowered<&'g [i64]> {
        let ints = self.constant(node, index).and_then(|tensor| tensor.as_ints());
        ints.ok_or_else(|| refuse(node, format!("has an operand {index} that is no constant of integers")))
    }
}
