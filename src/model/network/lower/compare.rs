//! Comparisons, truth values and choices. A truth value is 1 or 0.

use super::{Lowered, Lowering, Wire, elementwise::HIDES, layout::Place, refuse};
use crate::model::{
    graph::{Node, Operator},
    network::plan::{Function, Then, Work},
};

/// What a line makes of a truth value.
const NOT: (f64, f64) = (-1.0, 1.0);

impl<'g> Lowering<'g> {
    /// An operand as a step with the elements of what the node makes; a constant that is one number is a step of one.
    fn side(&mut self, node: &'g Node, index: usize) -> Lowered<usize> {
        if self.constant(node, index).is_none() {
            let wire = self.wire(node, index)?;
            let step = self.broadcast(node, &wire)?;
            return Ok(self.centered(step));
        }
        let numbers = self.along(node, index)?;
        Ok(self.numbers(numbers))
    }

    /// A step of constants; one alone, when all are the same.
    pub(super) fn numbers(&mut self, mut numbers: Vec<f64>) -> usize {
        if numbers.windows(2).all(|pair| pair[0] == pair[1]) {
            numbers.truncate(1);
        }
        let dims = vec![1, 1, numbers.len() as u32];
        self.push(vec![], dims, Work::Constant(numbers), Then::Nothing)
    }

    /// `[a >= b]`. Two constants are none: reading evaluates those.
    pub(super) fn at_least(&mut self, a: usize, b: usize) -> usize {
        let longer = if self.plan.steps[a].elements() >= self.plan.steps[b].elements() { a } else { b };
        let dims = match self.plan.steps[longer].dims[..] {
            [c, h, w] => vec![c, h, w],
            ref other => vec![1, 1, other.iter().product()],
        };
        let count: u32 = dims.iter().product();
        let [(a, first), (b, second)] = [a, b].map(|side| self.behind_copies(side, count as usize));
        let picks = Some(Box::new([first, second]));
        self.push(vec![a, b], dims, Work::Compare(picks), Then::Nothing)
    }

    /// The step that `step` has `count` numbers from, and which: a comparison or a choice reads them where they are.
    fn behind_copies(&self, step: usize, count: usize) -> (usize, Vec<u32>) {
        let of = &self.plan.steps[step];
        let own = match of.elements() {
            1 => vec![0; count],
            _ => (0..count as u32).collect(),
        };
        match &of.work {
            Work::Copy(places) => (of.from[0], own.iter().map(|i| places[*i as usize]).collect()),
            _ => (step, own),
        }
    }

    pub(super) fn compared(&mut self, node: &'g Node) -> Lowered<()> {
        use Operator as O;
        let at = usize::from(self.constant(node, 0).is_some());
        let (a, b) = match self.compared_in_units(node, at)? {
            Some((step, constants)) if at == 0 => (step, constants),
            Some((step, constants)) => (constants, step),
            None => (self.side(node, 0)?, self.side(node, 1)?),
        };
        match node.operator {
            O::GreaterOrEqual => {
                let step = self.at_least(a, b);
                self.give(node.outputs[0], step)
            }
            O::LessOrEqual => {
                let step = self.at_least(b, a);
                self.give(node.outputs[0], step)
            }
            O::Less => {
                let step = self.at_least(a, b);
                self.give_not(node, step)
            }
            O::Greater => {
                let step = self.at_least(b, a);
                self.give_not(node, step)
            }
            _ => {
                let step = self.equal(a, b)?;
                let step = self.clipped(step, (1.0, -1.0), Then::Relu)?;
                self.give(node.outputs[0], step)
            }
        }
    }

    fn give_not(&mut self, node: &'g Node, step: usize) -> Lowered<()> {
        self.give_lazy(node.outputs[0], step, Function::new(|x| 1.0 - x), Some(NOT))
    }

    /// 2 where both are equal, else 1.
    fn equal(&mut self, a: usize, b: usize) -> Lowered<usize> {
        let (first, second) = (self.at_least(a, b), self.at_least(b, a));
        self.sum(first, second)
    }

    /// A line of a step, and what it is cut to.
    fn clipped(&mut self, step: usize, line: (f64, f64), then: Then) -> Lowered<usize> {
        let step = self.line_of(step, line)?;
        Ok(self.activated(step, then))
    }

    /// And, Or, Xor: lines of the sum that are cut off.
    pub(super) fn logic(&mut self, node: &'g Node) -> Lowered<()> {
        let step = match (0..2).find(|index| self.constant(node, *index).is_some()) {
            Some(constant) => {
                let wire = self.wire(node, 1 - constant)?;
                let step = self.broadcast(node, &wire)?;
                let numbers = self.along(node, constant)?;
                self.affine(step, &vec![1.0; numbers.len()], &numbers)?
            }
            None => {
                let (a, b) = (self.wire(node, 0)?, self.wire(node, 1)?);
                let (a, b) = (self.broadcast(node, &a)?, self.broadcast(node, &b)?);
                self.sum(a, b)?
            }
        };
        let step = match node.operator {
            Operator::And => self.clipped(step, (1.0, -1.0), Then::Relu)?,
            Operator::Or => self.clipped(step, (1.0, 0.0), Then::Clip(0.0, 1.0))?,
            _ => {
                // s - 2 max(s - 1, 0)
                let both = self.clipped(step, (1.0, -1.0), Then::Relu)?;
                let twice = self.line_of(both, (-2.0, 0.0))?;
                self.sum(step, twice)?
            }
        };
        self.give(node.outputs[0], step)
    }

    /// `[x >= 0] - [0 >= x]`.
    pub(super) fn sign(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let step = self.centered(wire.step);
        let zero = self.numbers(vec![0.0]);
        let (above, below) = (self.at_least(step, zero), self.at_least(zero, step));
        let opposite = self.line_of(below, (-1.0, 0.0))?;
        self.sum(above, opposite)
    }

    pub(super) fn line_of(&mut self, step: usize, (a, b): (f64, f64)) -> Lowered<usize> {
        let n = self.plan.steps[step].elements();
        self.line(step, &vec![a; n], &vec![b; n])
    }

    /// Numbers of another type. Floats become integers towards 0, and truth values by whether they are 0.
    pub(super) fn cast(&mut self, node: &'g Node) -> Lowered<()> {
        let from = self.graph.value(self.operand(node, 0)?).kind.element;
        let to = self.graph.value(node.outputs[0]).kind.element;
        use crate::model::graph::Element;
        if to == Element::Bool && from != Element::Bool {
            let wire = self.wire(node, 0)?;
            let (step, zero) = (self.centered(wire.step), self.numbers(vec![0.0]));
            let same = self.equal(step, zero)?;
            let step = self.clipped(same, (-1.0, 2.0), Then::Relu)?;
            return self.give(node.outputs[0], step);
        }
        if !from.is_float() || to.is_float() {
            return self.passed_on(node);
        }
        let wire = self.wire(node, 0)?;
        let step = self.towards_zero(wire.step, 0.0)?;
        self.give(node.outputs[0], step)
    }

    /// `a` where the comparison gave 1, else `b`. A step of one number stands for as many as are needed.
    pub(super) fn chosen(&mut self, decides: usize, a: usize, b: usize) -> usize {
        let dims = self.plan.steps[decides].dims.clone();
        let count = self.plan.steps[decides].elements();
        let [(decides, first), (a, second), (b, third)] = [decides, a, b].map(|side| self.behind_copies(side, count));
        let picks = Some(Box::new([first, second, third]));
        self.push(vec![decides, a, b], dims, Work::Choose(picks), Then::Nothing)
    }

    pub(super) fn choice(&mut self, node: &'g Node) -> Lowered<()> {
        if self.constant(node, 0).is_some() {
            let places = self.placed_by_constant(node)?;
            let shape = self.shape(node.outputs[0]).to_vec();
            let low = |index: usize| {
                let numbers = self.constant(node, index).and_then(|_| self.floats(node, index).ok());
                numbers.is_some_and(|numbers| numbers.iter().all(|x| *x <= HIDES))
            };
            let lows = [low(1), low(2)];
            let is_low = |place: &Place| matches!(place, Place::Of(index, _) if lows[index - 1]);
            if let Some(hidden) = self.hides(node, places.iter().map(is_low)) {
                let seen = |row: &[Place]| row.iter().copied().find(|place| !is_low(place));
                let width = shape.last().copied().unwrap_or(1).max(1);
                let rows = places.chunks(width).flat_map(|row| {
                    row.iter().map(move |place| if is_low(place) { seen(row).unwrap_or(*place) } else { *place })
                });
                let visible: Vec<Place> = rows.collect();
                let step = self.placed(node, &visible, &shape)?;
                self.give(node.outputs[0], step)?;
                self.hidden.insert(node.outputs[0], hidden);
                return Ok(());
            }
            let step = self.placed(node, &places, &shape)?;
            return self.give(node.outputs[0], step);
        }
        let (decides, turned) = self.decision(node)?;
        let (a, b) = (self.side(node, 1)?, self.side(node, 2)?);
        let step = if turned { self.chosen(decides, b, a) } else { self.chosen(decides, a, b) };
        self.give(node.outputs[0], step)
    }

    /// The condition as a comparison, and whether it says the opposite.
    fn decision(&mut self, node: &'g Node) -> Lowered<(usize, bool)> {
        let (step, _, line) = self.as_function(node, 0)?;
        let is_whole = self.plan.steps[step].elements() == self.shape(node.outputs[0]).iter().product::<usize>();
        if matches!(self.plan.steps[step].work, Work::Compare(_)) && is_whole {
            if line == Some((1.0, 0.0)) {
                return Ok((step, false));
            }
            if line == Some(NOT) {
                return Ok((step, true));
            }
        }
        let wire = self.wire(node, 0)?;
        let step = self.broadcast(node, &wire)?;
        let (step, half) = (self.centered(step), self.numbers(vec![0.5]));
        Ok((self.at_least(step, half), false))
    }

    fn placed_by_constant(&self, node: &'g Node) -> Lowered<Vec<Place>> {
        let places = self.evaluated(node, &[1, 2]).and_then(|mut all| all.pop());
        places.ok_or_else(|| refuse(node, "chooses what reading cannot follow"))
    }

    /// `x` above a bound, else 0.
    pub(super) fn above(&mut self, wire: &Wire, bound: f64) -> Lowered<usize> {
        let step = self.centered(wire.step);
        let (bound, zero) = (self.numbers(vec![bound]), self.numbers(vec![0.0]));
        let below = self.at_least(bound, step);
        Ok(self.chosen(below, zero, step))
    }
}
