//! Bits of integers: operator set 17 shifts them, and has nothing else.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn bits(&mut self) -> Made {
        let x = self.call.input(0)?;
        let element = self.builder.kind(&x).element;
        let made = match self.call.operator {
            "BitCast" => self.bit_cast(&x, element)?,
            _ if element.is_float() || element == Element::Bool || element.is_narrow() => {
                return Err(self.refuse(format!("takes the bits of {element}")));
            }
            // All bits set is -1, or the greatest number of a type without a sign.
            "BitwiseNot" => {
                let all = self.constant_of(Tensor::ints(element, vec![], vec![-1]));
                self.plain(Operator::Sub, &[&all, &x])?
            }
            _ => self.bitwise(&x, element)?,
        };
        Ok(vec![made])
    }

    /// Integers of as many bits: around, as two's complement has it.
    fn bit_cast(&mut self, x: &Operand, from: Element) -> Result<Operand, GraphError> {
        let to = Element::from_onnx(self.call.int("to").unwrap_or(0));
        let to = to.map_err(|what| self.refuse(format!("makes {what}, which cannot be proven")))?;
        if from.is_float() || to.is_float() {
            return Err(self
                .refuse("reads floats as bits or bits as floats; a proof has numbers, not how a machine stores them"));
        }
        if from.width() != to.width() || from.is_narrow() || to.is_narrow() || (to == Element::Bool && from != to) {
            return Err(self.refuse(format!("reads the bits of {from} as {to}")));
        }
        self.cast(x, to)
    }

    /// Every bit is a number of its own along a further axis.
    fn bitwise(&mut self, x: &Operand, element: Element) -> Result<Operand, GraphError> {
        let y = self.call.input(1)?;
        if self.builder.kind(&y).element != element {
            return Err(self.refuse("has operands of two types"));
        }
        let (a, b) = (self.apart(x, element)?, self.apart(&y, element)?);
        // Of bits, `and` is the product, `or` the sum without it, `xor` the sum without it twice.
        let both = self.plain(Operator::Mul, &[&a, &b])?;
        let times = match self.call.operator {
            "BitwiseAnd" => None,
            "BitwiseOr" => Some(1),
            _ => Some(2),
        };
        let bits = match times {
            None => both,
            Some(times) => {
                let (sum, times) = (self.plain(Operator::Add, &[&a, &b])?, self.integer(times));
                let less = self.plain(Operator::Mul, &[&both, &times])?;
                self.plain(Operator::Sub, &[&sum, &less])?
            }
        };
        let powers: Vec<i64> = (0..8 * element.width()).map(|bit| 1 << bit).collect();
        let powers = self.list(&powers);
        let parts = self.plain(Operator::Mul, &[&bits, &powers])?;
        let last = self.shape(&parts).len() - 1;
        let sum = self.reduced(Operator::ReduceSum, &parts, &[last], false)?;
        self.cast(&sum, element)
    }

    fn apart(&mut self, x: &Operand, element: Element) -> Result<Operand, GraphError> {
        let shape = [&self.shape(x)[..], &[1]].concat();
        let x = self.reshaped(x, &shape)?;
        // Without a sign first: the bits of what is negative are those of a large number.
        let bare = match element {
            Element::Int8 => self.cast(&x, Element::Uint8)?,
            Element::Int16 => self.cast(&x, Element::Uint16)?,
            _ => x,
        };
        let wide = if element.width() == 8 { Element::Uint64 } else { Element::Uint32 };
        let bare = self.cast(&bare, wide)?;
        let places: Vec<i64> = (0..8 * element.width() as i64).collect();
        let places = self.constant_of(Tensor::ints(wide, vec![places.len()], places));
        let right = Attributes::of([("direction", "RIGHT".into())]);
        let shifted = self.apply(Operator::BitShift, right, &[&bare, &places])?;
        let (shifted, two) = (self.cast(&shifted, Element::Int64)?, self.integer(2));
        self.apply(Operator::Mod, Attributes::of([("fmod", 0.into())]), &[&shifted, &two])
    }
}
