//! Steps that become a part of others: what is only moved is put where it goes at once, and a sum is a part of what is added.

use super::{Part, Plan, Then, Work};

impl Plan {
    /// Puts steps together where the prover computes them in one; what nothing needs any more is left to be pruned.
    pub(in crate::model::network) fn fuse(&mut self) {
        for at in 0..self.steps.len() {
            self.place_products(at);
            self.add_within(at);
        }
    }

    /// The layer of every step, and the function that is computed with it: what only a table reads is that table's argument and
    /// has no row of its own.
    pub(in crate::model::network) fn layers(&self) -> (Vec<usize>, Vec<Option<usize>>) {
        let mut functions = vec![None; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate() {
            if let (Work::Function(_), &[source]) = (&step.work, &step.from[..])
                && self.takes_a_function(source)
            {
                functions[source] = Some(at);
            }
        }
        let (mut place, mut next) = (vec![0; self.steps.len()], 0);
        for at in 0..self.steps.len() {
            match functions.iter().position(|function| *function == Some(at)) {
                Some(source) => place[at] = place[source],
                None => {
                    place[at] = next;
                    next += 1;
                }
            }
        }
        (place, functions)
    }

    /// Whether a step divides by a power of two, and one other step reads it.
    fn takes_a_function(&self, step: usize) -> bool {
        let of = &self.steps[step];
        let divides = match &of.work {
            Work::Linear { .. } | Work::Pass | Work::Add | Work::MatMul => true,
            Work::Products(products) => !products.scores && of.from.len() == 2,
            _ => false,
        };
        divides && of.then == Then::Nothing && self.readers(step) == 1
    }

    /// How many steps read one, outputs included.
    fn readers(&self, step: usize) -> usize {
        let reads =
            self.steps.iter().map(|other| other.from.iter().filter(|from| **from == step).count()).sum::<usize>();
        reads + usize::from(step + 1 == self.steps.len())
    }

    /// A copy that puts all products in another order: they are computed in that order.
    fn place_products(&mut self, at: usize) {
        let (Work::Copy(indices), &[source]) = (&self.steps[at].work, &self.steps[at].from[..]) else { return };
        let Work::Products(products) = &self.steps[source].work else { return };
        if products.scores || self.readers(source) != 1 {
            return;
        }
        let (own, dims) = (products.results(&self.steps[source].dims), &self.steps[at].dims);
        let mut goes = vec![u32::MAX; self.steps[source].elements()];
        indices.iter().enumerate().for_each(|(to, from)| goes[*from as usize] = to as u32);
        let [count, m, _, n] = products.sizes;
        let of = |index| goes[own.place(&self.steps[source].dims, index)];
        let once = indices.len() == goes.len() && !goes.contains(&u32::MAX);
        let Some(part) = Part::of(dims, [count, m, n], of).filter(|part| once && part.first.iter().all(|x| *x == 0))
        else {
            return;
        };
        let mut products = products.clone();
        products.steps = part.steps;
        let from = self.steps[source].from.clone();
        let step = &mut self.steps[at];
        (step.work, step.from) = (Work::Products(products), from);
    }

    /// A sum of what a linear step makes and of something else: that step adds it.
    fn add_within(&mut self, at: usize) {
        let (Work::Add, &[a, b]) = (&self.steps[at].work, &self.steps[at].from[..]) else { return };
        let adds = |linear: usize, other: usize| {
            let step = &self.steps[linear];
            let is_one = matches!(step.work, Work::Linear { .. }) && step.from.len() == 1 && step.then == Then::Nothing;
            let same = step.dims == self.steps[at].dims && self.steps[other].dims == step.dims;
            let free = self.steps[other].exponent().is_none() && !self.is_offset(other);
            is_one && same && free && linear != other && self.readers(linear) == 1
        };
        let (linear, other) = match () {
            () if adds(b, a) => (b, a),
            () if adds(a, b) => (a, b),
            () => return,
        };
        let from = vec![self.steps[linear].from[0], other];
        let work = self.steps[linear].work.clone();
        let step = &mut self.steps[at];
        (step.work, step.from) = (work, from);
    }
}
