//! Quantization by arithmetic: what operator set 17 has no scales or no types for.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    small::SmallFloat,
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn dequantize(&mut self) -> Made {
        let x = self.call.input(0)?;
        let known = [Element::Int8, Element::Uint8, Element::Int32].contains(&self.builder.kind(&x).element);
        if known && !self.blocked()? {
            let axis = self.quantized_axis()?;
            return self.keep(Operator::DequantizeLinear, axis);
        }
        let mut number = self.cast(&x, Element::Float32)?;
        if let Some(zero) = self.call.optional(2).cloned() {
            let zero = self.cast(&zero, Element::Float32)?;
            let zero = self.laid_along(&zero, &self.shape(&x))?;
            number = self.plain(Operator::Sub, &[&number, &zero])?;
        }
        let scale = self.laid_along(&self.call.input(1)?, &self.shape(&x))?;
        Ok(vec![self.plain(Operator::Mul, &[&number, &scale])?])
    }

    pub(super) fn quantize(&mut self) -> Made {
        if let Some(small) = self.call.makes_small() {
            return self.quantize_to_floats(small).map(|made| vec![made]);
        }
        let element = match (self.call.optional(2), self.call.int("output_dtype").unwrap_or(0)) {
            (Some(zero), _) => self.builder.kind(zero).element,
            (None, 0) => Element::Uint8,
            (None, number) => {
                Element::from_onnx(number).map_err(|what| self.refuse(format!("makes {what}, which is not read")))?
            }
        };
        if self.blocked()? || ![Element::Int8, Element::Uint8].contains(&element) {
            return self.quantize_by_hand(element);
        }
        let attributes = self.quantized_axis()?;
        let mut inputs = self.call.inputs.clone();
        inputs.truncate(3);
        if self.call.optional(2).is_none() {
            let shape = self.shape(&self.call.input(1)?);
            let zeros = vec![0; shape.iter().product()];
            inputs.truncate(2);
            inputs.push(Some(self.constant_of(Tensor::ints(element, shape, zeros))));
        }
        self.builder.node(self.call, Operator::QuantizeLinear, attributes, inputs, 1)
    }

    /// The nearest whole number, to the even one from the middle, kept within the type.
    fn quantize_by_hand(&mut self, element: Element) -> Made {
        let x = self.call.input(0)?;
        let Some((least, most)) = element.range() else {
            return Err(self.refuse(format!("makes {element}, which is not read")));
        };
        let shape = self.shape(&x);
        let scale = self.laid_along(&self.call.input(1)?, &shape)?;
        let part = self.plain(Operator::Div, &[&x, &scale])?;
        let mut number = self.plain(Operator::Round, &[&part])?;
        if let Some(zero) = self.call.optional(2).cloned() {
            let zero = self.cast(&zero, Element::Float32)?;
            let zero = self.laid_along(&zero, &shape)?;
            number = self.plain(Operator::Add, &[&number, &zero])?;
        }
        let (least, most) = (self.number(least as f32), self.number(most as f32));
        let kept = self.plain(Operator::Clip, &[&number, &least, &most])?;
        Ok(vec![self.cast(&kept, element)?])
    }

    /// Floats of few bits have no zero point but 0.
    fn quantize_to_floats(&mut self, small: SmallFloat) -> Result<Operand, GraphError> {
        if let Some(zero) = self.call.optional(2) {
            let zeros = tensor(zero).and_then(Tensor::as_floats);
            let zeros = zeros.ok_or_else(|| self.refuse("has a zero point that depends on the input"))?;
            if zeros.iter().any(|&zero| zero != 0.0) {
                return Err(self.refuse("has a zero point that is not 0, which floats do not have"));
            }
        }
        let x = self.call.input(0)?;
        let x = self.cast(&x, Element::Float32)?;
        let scale = self.laid_along(&self.call.input(1)?, &self.shape(&x))?;
        let part = self.plain(Operator::Div, &[&x, &scale])?;
        self.rounded_to(&part, small)
    }

    fn blocked(&self) -> Result<bool, GraphError> {
        let scale = self.shape(&self.call.input(1)?);
        Ok(self.call.int("block_size").unwrap_or(0) != 0 || scale.len() > 1)
    }

    /// Scales or zero points, of a shape that broadcasts to the tensor's: one for all, for each place of an axis, or for blocks.
    fn laid_along(&mut self, numbers: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let own = self.shape(numbers);
        if own.iter().all(|&dim| dim == 1) {
            return self.reshaped(numbers, &[]);
        }
        let axis = self.axis(self.call.int("axis").unwrap_or(1), shape.len())?;
        if own.len() == 1 && own[0] == shape[axis] {
            let mut along = vec![1; shape.len()];
            along[axis] = own[0];
            return self.reshaped(numbers, &along);
        }
        let block =
            self.call.int("block_size").and_then(|block| usize::try_from(block).ok()).filter(|&block| block > 0);
        let fits = own.len() == shape.len()
            && (0..own.len()).all(|at| match (at == axis, block) {
                (true, Some(block)) => own[at] == shape[at].div_ceil(block),
                _ => own[at] == shape[at],
            });
        let Some(block) = block.filter(|_| fits) else {
            return Err(self.refuse(format!("has scales of shape {own:?} for a tensor of shape {shape:?}")));
        };
        let apart = [&own[..=axis], &[1], &own[axis + 1..]].concat();
        let apart = self.reshaped(numbers, &apart)?;
        let again = [&own[..=axis], &[block], &own[axis + 1..]].concat();
        let again = self.expanded(&apart, &again)?;
        let mut long = own;
        long[axis] *= block;
        let long = self.reshaped(&again, &long)?;
        self.between(&long, axis, 0, shape[axis])
    }

    /// Integers of fewer bits than a byte: towards zero, and around as two's complement has it.
    pub(super) fn cast_narrow(&mut self, operand: &Operand, to: Element) -> Result<Operand, GraphError> {
        if let Some(known) = tensor(operand) {
            let wide = self.cast(operand, Element::Int64)?;
            let ints = tensor(&wide).and_then(Tensor::as_ints).map(<[i64]>::to_vec);
            let ints = ints.ok_or_else(|| self.refuse("casts no numbers"))?;
            return Ok(self.constant_of(Tensor::ints(to, known.shape().to_vec(), ints)));
        }
        let Some((least, most)) = to.range() else { return Err(self.refuse(format!("makes {to}"))) };
        let constant = |number| Tensor::ints(Element::Int32, vec![], vec![number]);
        let (shift, all) = (self.constant_of(constant(-least)), self.constant_of(constant(most - least + 1)));
        let wide = self.cast(operand, Element::Int32)?;
        let shifted = self.plain(Operator::Add, &[&wide, &shift])?;
        let rest = self.apply(Operator::Mod, Attributes::of([("fmod", 0.into())]), &[&shifted, &all])?;
        let back = self.plain(Operator::Sub, &[&rest, &shift])?;
        self.cast(&back, if least < 0 { Element::Int8 } else { Element::Uint8 })
    }

    /// Bits of signed integers, by way of unsigned ones of 64 bits. A shift by no place of the type leaves nothing but the sign.
    pub(super) fn shift_signed(&mut self, x: &Operand, by: &Operand) -> Result<Operand, GraphError> {
        let element = self.builder.kind(x).element;
        let (x, by) = (self.cast(x, Element::Int64)?, self.cast(by, Element::Int64)?);
        let (zero, bits, one) = (self.integer(0), self.integer(8 * element.width() as i64), self.integer(-1));
        let (some, few) =
            (self.plain(Operator::GreaterOrEqual, &[&by, &zero])?, self.plain(Operator::Less, &[&by, &bits])?);
        let within = self.plain(Operator::And, &[&some, &few])?;
        let by = self.plain(Operator::Where, &[&within, &by, &zero])?;
        let negative = self.plain(Operator::Less, &[&x, &zero])?;
        let left = self.call.text("direction").unwrap_or("LEFT") == "LEFT";
        let bare = if left {
            x
        } else {
            let other = self.plain(Operator::Sub, &[&one, &x])?;
            self.plain(Operator::Where, &[&negative, &other, &x])?
        };
        let (bare, by) = (self.cast(&bare, Element::Uint64)?, self.cast(&by, Element::Uint64)?);
        let direction = Attributes::of([("direction", if left { "LEFT" } else { "RIGHT" }.into())]);
        let moved = self.apply(Operator::BitShift, direction, &[&bare, &by])?;
        let moved = self.cast(&moved, Element::Int64)?;
        let mut made = self.plain(Operator::Where, &[&within, &moved, &zero])?;
        if !left {
            let other = self.plain(Operator::Sub, &[&one, &made])?;
            made = self.plain(Operator::Where, &[&negative, &other, &made])?;
        }
        self.cast(&made, element)
    }
}
