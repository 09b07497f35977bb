//! The different members of a constant: how many there are decides the shape, so they have to be known.

use super::{Made, Step};
use crate::model::graph::{
    build::tensor,
    tensor::{Numbers, strides},
};
use std::cmp::Ordering;

impl Step<'_, '_> {
    /// The members, where each is first, which of them is at every place, and how often.
    pub(super) fn unique(&mut self) -> Made {
        let x = self.call.input(0)?;
        let known = tensor(&x).ok_or_else(|| self.refuse("makes a tensor whose shape depends on the input"))?;
        let known = match self.call.int("axis") {
            Some(_) => known.clone(),
            None => known.reshaped(vec![known.elements()]),
        };
        let shape = known.shape().to_vec();
        let axis = self.axis(self.call.int("axis").unwrap_or(0), shape.len())?;
        self.builder.afford(self.call, known.elements())?;
        let step = strides(&shape)[axis];
        let (before, count) = (shape[..axis].iter().product::<usize>(), shape[axis]);
        // All numbers at one place of the axis.
        let slice = |at: usize| {
            let offset = move |row: usize| (row * count + at) * step;
            (0..before).flat_map(move |row| offset(row)..offset(row) + step)
        };
        let compare = |a: usize, b: usize| match known.numbers() {
            Numbers::Floats(x) => {
                slice(a).zip(slice(b)).map(|(i, j)| (x[i] + 0.0).total_cmp(&(x[j] + 0.0))).find(|o| o.is_ne())
            }
            Numbers::Ints(x) => slice(a).zip(slice(b)).map(|(i, j)| x[i].cmp(&x[j])).find(|o| o.is_ne()),
        };
        let compare = |a: usize, b: usize| compare(a, b).unwrap_or(Ordering::Equal);
        let mut order: Vec<usize> = (0..count).collect();
        // Stable: of equal ones the first stays first.
        order.sort_by(|&a, &b| compare(a, b));
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for at in order {
            match classes.last_mut() {
                Some(class) if compare(class[0], at).is_eq() => class.push(at),
                _ => classes.push(vec![at]),
            }
        }
        if self.call.int("sorted") == Some(0) {
            classes.sort_by_key(|class| class[0]);
        }
        let firsts: Vec<i64> = classes.iter().map(|class| class[0] as i64).collect();
        let counts: Vec<i64> = classes.iter().map(|class| class.len() as i64).collect();
        let mut which = vec![0; count];
        for (index, class) in classes.iter().enumerate() {
            class.iter().for_each(|&at| which[at] = index as i64);
        }
        let mut made = shape;
        made[axis] = classes.len();
        let places = (0..before).flat_map(|row| {
            classes.iter().flat_map(move |class| (row * count + class[0]) * step..(row * count + class[0] + 1) * step)
        });
        let members = known.pick(made, places.collect::<Vec<_>>().into_iter());
        let members = self.constant_of(members);
        Ok(vec![members, self.list(&firsts), self.list(&which), self.list(&counts)])
    }
}
