//! Rounding to floating-point numbers of 8 and 4 bits, as arithmetic.

use super::Step;
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::Operator,
    small::{Format, POWERS, Power, Rounding, SmallFloat, power},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    /// To the element type that has this number in ONNX. Half precision and double precision are 32-bit floats here.
    pub(super) fn cast_to_number(&mut self, operand: &Operand, number: i64) -> Result<Operand, GraphError> {
        let to = Element::from_onnx(number);
        let to = to.map_err(|what| self.refuse(format!("makes {what}, which cannot be proven")))?;
        let made = self.cast(operand, to)?;
        match SmallFloat::from_onnx(number) {
            Some(small) => self.rounded_to(&made, small),
            None => Ok(made),
        }
    }

    /// The nearest of a type's numbers, as the node says.
    pub(super) fn rounded_to(&mut self, x: &Operand, small: SmallFloat) -> Result<Operand, GraphError> {
        let rounding = self.call.rounding().ok_or_else(|| self.refuse("has an unknown round_mode"))?;
        if let Some(known) = tensor(x)
            && let Some(numbers) = known.as_floats()
        {
            let made = numbers.iter().map(|&x| small.round(x, rounding)).collect();
            return self.builder.computed(self.call, Tensor::floats(known.shape().to_vec(), made));
        }
        match small.format() {
            Some(format) => self.rounded(x, small, format, rounding),
            None => self.rounded_to_power(x, rounding),
        }
    }

    /// The exponent is looked for by halves: `size` is divided by powers of two until it is where numbers are evenly spaced.
    fn rounded(
        &mut self,
        x: &Operand,
        small: SmallFloat,
        format: Format,
        rounding: Rounding,
    ) -> Result<Operand, GraphError> {
        let Format { fraction, least, most, greatest } = format;
        let mut size = self.plain(Operator::Abs, &[x])?;
        let zero = self.number(0.0);
        let (greatest, saturate) = (self.number(greatest), rounding.saturate || small == SmallFloat::E2m1);
        if saturate {
            size = self.at_most(&size, &greatest)?;
        }
        if small == SmallFloat::E2m1 {
            // It has no NaN: what is no number becomes 0.
            let number = self.plain(Operator::GreaterOrEqual, &[&size, &zero])?;
            size = self.plain(Operator::Where, &[&number, &size, &zero])?;
        }
        let mut scale = self.number(1.0);
        for by in halves(most - least) {
            let (bound, up, down) = (self.number(power(least + by)), self.number(power(by)), self.number(power(-by)));
            let large = self.plain(Operator::GreaterOrEqual, &[&size, &bound])?;
            let smaller = self.plain(Operator::Mul, &[&size, &down])?;
            size = self.plain(Operator::Where, &[&large, &smaller, &size])?;
            let larger = self.plain(Operator::Mul, &[&scale, &up])?;
            scale = self.plain(Operator::Where, &[&large, &larger, &scale])?;
        }
        let (steps, step) = (self.number(power(fraction - least)), self.number(power(least - fraction)));
        let count = self.plain(Operator::Mul, &[&size, &steps])?;
        let count = self.plain(Operator::Round, &[&count])?;
        let near = self.plain(Operator::Mul, &[&count, &step])?;
        let near = self.plain(Operator::Mul, &[&near, &scale])?;
        let (negative, below) = (self.plain(Operator::Less, &[x, &zero])?, self.plain(Operator::Neg, &[&near])?);
        let signed = self.plain(Operator::Where, &[&negative, &below, &near])?;
        if saturate {
            return Ok(signed);
        }
        // What is too large is no number afterwards: a division by 0.
        let inside = self.plain(Operator::LessOrEqual, &[&near, &greatest])?;
        let inside = self.cast(&inside, Element::Float32)?;
        let above = if small == SmallFloat::E5m2 { signed } else { self.plain(Operator::Mul, &[&signed, &inside])? };
        self.plain(Operator::Div, &[&above, &inside])
    }

    /// Powers of two without a sign.
    fn rounded_to_power(&mut self, x: &Operand, rounding: Rounding) -> Result<Operand, GraphError> {
        if !rounding.saturate {
            return Err(self.refuse("makes powers of two and of what is too large no number, which cannot be proven"));
        }
        let (least, most) = POWERS.into_inner();
        let (size, greatest) = (self.plain(Operator::Abs, &[x])?, self.number(power(most)));
        let size = self.at_most(&size, &greatest)?;
        // What is greater than this many times a power goes on to the next.
        let (operator, times) = match rounding.power {
            Power::Above => (Operator::Greater, 0.5),
            Power::Below => (Operator::GreaterOrEqual, 1.0),
            Power::Nearest => (Operator::GreaterOrEqual, 0.75),
        };
        let mut made = None;
        for by in halves(most - least) {
            let (larger, bound) = match &made {
                // Before the first, everything is the least power.
                None => (self.number(power(least + by)), self.number(times * power(least + by))),
                Some(made) => {
                    let (up, bound) = (self.number(power(by)), self.number(times * power(by)));
                    (self.plain(Operator::Mul, &[made, &up])?, self.plain(Operator::Mul, &[made, &bound])?)
                }
            };
            let large = self.plain(operator, &[&size, &bound])?;
            let before = made.unwrap_or_else(|| self.number(power(least)));
            made = Some(self.plain(Operator::Where, &[&large, &larger, &before])?);
        }
        made.ok_or_else(|| self.refuse("has no powers"))
    }

    fn at_most(&mut self, size: &Operand, greatest: &Operand) -> Result<Operand, GraphError> {
        let over = self.plain(Operator::Greater, &[size, greatest])?;
        self.plain(Operator::Where, &[&over, greatest, size])
    }
}

/// Powers of two, the greatest first, whose sums are all numbers up to `count`.
fn halves(count: i32) -> impl Iterator<Item = i32> {
    (0..i32::BITS - count.leading_zeros()).rev().map(|bit| 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::{
        normalize::tests::{answers, expect, refusal},
        testing::{File, Writer, attribute},
    };

    fn cast(count: usize, number: i64, mode: &str, saturate: i64) -> File {
        let file = File::of(25).floats("x", &[&count.to_string()]);
        let write = |writer: &mut Writer| {
            attribute(writer, "to", number);
            attribute(writer, "saturate", saturate);
            attribute(writer, "round_mode", mode);
        };
        file.node_with("Cast", &["x"], &["y"], write).output("y")
    }

    /// Every number of the type, the middle between it and the next, and what is just beside these.
    fn interesting(small: SmallFloat) -> Vec<f32> {
        let numbers: Vec<f32> =
            (0..=u8::MAX >> (8 - small.bits())).map(|bits| small.decode(bits)).filter(|x| x.is_finite()).collect();
        let mut sorted = numbers.clone();
        sorted.sort_by(f32::total_cmp);
        let middles = sorted.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0);
        let exact: Vec<f32> = numbers.iter().copied().chain(middles).collect();
        let near = exact.iter().flat_map(|x| [*x, x.next_up(), x.next_down(), 1.3 * x]);
        // Subnormal numbers are left out: not every processor keeps them.
        near.filter(|x| x.is_normal() || *x == 0.0).chain([1e-30, -1e30, 1e30]).collect()
    }

    /// The arithmetic that rounds what enters, against the rounding of constants.
    #[test]
    fn rounding_is_the_same_for_what_enters_and_for_constants() {
        for (number, modes) in [(17, 1), (18, 1), (19, 1), (20, 1), (23, 1), (24, 3)] {
            let small = SmallFloat::from_onnx(number).unwrap();
            let numbers = interesting(small);
            let given: Vec<f64> = numbers.iter().map(|&x| f64::from(x)).collect();
            let modes =
                [("up", Power::Above), ("down", Power::Below), ("nearest", Power::Nearest)].into_iter().take(modes);
            for (mode, power) in modes {
                let made = answers(cast(numbers.len(), number, mode, 1), &[&given]);
                for (x, y) in numbers.iter().zip(made) {
                    let expected = small.round(*x, Rounding { saturate: true, power });
                    assert!(y == expected, "{small:?} {mode}: {x:e} became {y:e}, not {expected:e}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_large_is_refused_where_it_is_no_number() {
        expect(cast(2, 17, "up", 0), &[&[464.0, -0.3]], &[448.0, -0.3125]);
        let weights = File::of(25).floats("x", &["1"]).weights("w", &[1], &[500.0]);
        let weights = weights.node_with("Cast", &["w"], &["c"], |writer| {
            attribute(writer, "to", 17);
            attribute(writer, "saturate", 0);
        });
        assert!(refusal(weights.node("Mul", &["x", "c"], "y").output("y")).contains("NaN"));
        assert!(refusal(cast(1, 24, "up", 0)).contains("no number"));
    }

    /// A tensor of the file's with these bytes.
    fn stored(file: File, name: &str, element: i64, dims: &[i64], bytes: &[u8]) -> File {
        file.raw(5, |tensor| {
            dims.iter().for_each(|&dim| tensor.int(1, dim));
            tensor.int(2, element);
            tensor.text(8, name);
            tensor.bytes(9, bytes);
        })
    }

    #[test]
    fn weights_of_few_bits_are_numbers_from_the_start() {
        let scaled = |element, bytes| {
            let file = stored(File::of(23).floats("x", &["3"]), "w", element, &[3], bytes).weights("s", &[], &[2.0]);
            file.node("DequantizeLinear", &["w", "s"], "d").node("Mul", &["x", "d"], "y").output("y")
        };
        expect(scaled(17, &[0x30, 0xb8, 0x7e]), &[&[1.0; 3]], &[1.0, -2.0, 896.0]);
        expect(scaled(23, &[0x71, 0x0a]), &[&[1.0; 3]], &[1.0, 12.0, -2.0]);
        assert!(refusal(scaled(17, &[0x30, 0x7f, 0x30])).contains("NaN"));
        assert!(refusal(scaled(17, &[0x30])).contains("`w`"));
    }

    /// What a tensor was cast to is not forgotten where its numbers are moved only.
    #[test]
    fn likeness_is_to_the_type_of_few_bits() {
        let file = stored(File::of(25).floats("x", &["1"]), "w", 17, &[1, 1], &[0x30]).list("one", &[1]);
        let file = file.node("Reshape", &["w", "one"], "r").node("Identity", &["r"], "like");
        expect(file.node("CastLike", &["x", "like"], "y").output("y"), &[&[0.3]], &[0.3125]);
        let file = stored(File::of(23).floats("x", &["3"]), "z", 17, &[], &[0]).weights("s", &[], &[2.0]);
        let quantized = file.node("QuantizeLinear", &["x", "s", "z"], "y").output("y");
        expect(quantized, &[&[2.0, 1e5, 210.0]], &[1.0, 448.0, 104.0]);
    }
}
