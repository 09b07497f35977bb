//! Layouts that a float executor knows only with constants, made of operators that it knows.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    /// The first steps of every sequence backwards, as many as it has: each place is read from another.
    pub(super) fn reverse_sequence(&mut self, shape: &[usize]) -> Made {
        let (input, lengths) = (self.call.input(0)?, self.call.input(1)?);
        let axis = |step: &Self, name, default| step.axis(step.call.int(name).unwrap_or(default), shape.len());
        let (batch, time) = (axis(self, "batch_axis", 1)?, axis(self, "time_axis", 0)?);
        if batch == time || self.shape(&lengths) != [shape[batch]] {
            let found = self.shape(&lengths);
            return Err(self.refuse(format!("turns sequences of {shape:?} around with lengths of the shape {found:?}")));
        }
        if let Some(known) = tensor(&lengths).and_then(Tensor::as_ints)
            && let Some(length) = known.iter().find(|&&length| !(0..=shape[time] as i64).contains(&length))
        {
            return Err(self.refuse(format!("turns {length} steps of {} around", shape[time])));
        }
        let along = |axis: usize| -> Vec<usize> {
            (0..shape.len()).map(|at| if at == axis { shape[axis] } else { 1 }).collect()
        };
        let lengths = self.cast(&lengths, Element::Int64)?;
        let lengths = self.reshaped(&lengths, &along(batch))?;
        self.builder.afford(self.call, shape[time])?;
        let steps = Tensor::ints(Element::Int64, along(time), (0..shape[time] as i64).collect());
        let steps = self.constant_of(steps);
        let one = self.integer(1);
        let last = self.plain(Operator::Sub, &[&lengths, &one])?;
        let mirrored = self.plain(Operator::Sub, &[&last, &steps])?;
        let inside = self.plain(Operator::Less, &[&steps, &lengths])?;
        let places = self.plain(Operator::Where, &[&inside, &mirrored, &steps])?;
        let places = self.expanded(&places, shape)?;
        let attributes = Attributes::of([("axis", (time as i64).into())]);
        Ok(vec![self.apply(Operator::GatherElements, attributes, &[&input, &places])?])
    }

    /// Padding with a number that is computed: zeros, and that number where there are only zeros.
    pub(super) fn padded_with(
        &mut self,
        input: &Operand,
        pads: &Operand,
        value: &Operand,
    ) -> Result<Operand, GraphError> {
        let kind = self.builder.kind(input);
        if kind.element == Element::Bool || self.builder.kind(value).elements() != 1 {
            return Err(self.refuse("pads with a value that is neither constant nor one number"));
        }
        let constant = || Attributes::of([("mode", "constant".into())]);
        let padded = self.apply(Operator::Pad, constant(), &[input, pads])?;
        self.builder.afford(self.call, kind.elements())?;
        let (count, shape) = (kind.elements(), kind.shape.clone());
        let (inner, outer) = if kind.element.is_float() {
            (Tensor::floats(shape, vec![0.0; count]), Tensor::scalar(1.0))
        } else {
            (Tensor::ints(kind.element, shape, vec![0; count]), Tensor::ints(kind.element, vec![], vec![1]))
        };
        let (inner, outer) = (self.constant_of(inner), self.constant_of(outer));
        let border = self.apply(Operator::Pad, constant(), &[&inner, pads, &outer])?;
        let value = self.reshaped(value, &[])?;
        let border = self.plain(Operator::Mul, &[&border, &value])?;
        self.plain(Operator::Add, &[&padded, &border])
    }
}
