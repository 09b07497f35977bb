//! Floating-point numbers of 8 and 4 bits. They are so few that rounding to them is part of what a model computes, unlike
//! rounding to half precision: a canonical graph holds their values as 32-bit floats, all of which are exact.

use super::{call::Call, proto};

/// Bytes that hold a floating-point number, or half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SmallFloat {
    /// Four bits of exponent, three of fraction; NaN, but no infinity.
    E4m3Fn,
    /// The same with another bias, and one zero.
    E4m3Fnuz,
    /// Five bits of exponent, two of fraction, as IEEE 754 has them.
    E5m2,
    /// The same with another bias, one zero and no infinity.
    E5m2Fnuz,
    /// Powers of two, without a sign or a zero.
    E8m0,
    /// Half a byte: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
    E2m1,
}

/// A type with a sign: numbers of `fraction` bits after the leading one, for exponents from `least` to `most`; evenly spaced
/// below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) fraction: i32,
    pub(super) least: i32,
    pub(super) most: i32,
    pub(super) greatest: f32,
}

/// The exponents of [`SmallFloat::E8m0`].
pub(super) const POWERS: std::ops::RangeInclusive<i32> = -127..=127;

/// How a number becomes one of few.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounding {
    /// What is too large becomes the greatest number, not one that is none.
    pub(super) saturate: bool,
    /// Of powers of two: to the one above, the one below, or the nearest.
    pub(super) power: Power,
}

/// Which power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    Above,
    Below,
    Nearest,
}

impl SmallFloat {
    /// By the element type's number in ONNX.
    pub(super) const fn from_onnx(number: i64) -> Option<Self> {
        Some(match number {
            17 => Self::E4m3Fn,
            18 => Self::E4m3Fnuz,
            19 => Self::E5m2,
            20 => Self::E5m2Fnuz,
            23 => Self::E2m1,
            24 => Self::E8m0,
            _ => return None,
        })
    }

    /// What is known of those with a sign.
    pub(super) const fn format(self) -> Option<Format> {
        let (fraction, least, most, greatest) = match self {
            Self::E4m3Fn => (3, -6, 8, 448.0),
            Self::E4m3Fnuz => (3, -7, 7, 240.0),
            Self::E5m2 => (2, -14, 15, 57344.0),
            Self::E5m2Fnuz => (2, -15, 15, 57344.0),
            Self::E2m1 => (1, 0, 2, 6.0),
            Self::E8m0 => return None,
        };
        Some(Format { fraction, least, most, greatest })
    }

    /// Bits of one number in a file.
    pub(super) const fn bits(self) -> usize {
        if matches!(self, Self::E2m1) { 4 } else { 8 }
    }

    /// The number that has these bits.
    pub(super) fn decode(self, bits: u8) -> f32 {
        let Some(Format { fraction, least, .. }) = self.format() else {
            return if bits == u8::MAX { f32::NAN } else { power(i32::from(bits) - 127) };
        };
        match (self, bits) {
            (Self::E4m3Fn, 0x7f | 0xff) | (Self::E4m3Fnuz | Self::E5m2Fnuz, 0x80) => return f32::NAN,
            (Self::E5m2, 0x7c) => return f32::INFINITY,
            (Self::E5m2, 0xfc) => return f32::NEG_INFINITY,
            (Self::E5m2, _) if bits & 0x7c == 0x7c => return f32::NAN,
            _ => {}
        }
        let (sign, bits) = (bits >> (self.bits() - 1) & 1, i32::from(bits) & ((1 << (self.bits() - 1)) - 1));
        let (exponent, rest) = (bits >> fraction, bits & ((1 << fraction) - 1));
        let size = match exponent {
            0 => rest as f32 * power(least - fraction),
            _ => (rest + (1 << fraction)) as f32 * power(least - fraction + exponent - 1),
        };
        if sign == 1 { -size } else { size }
    }

    /// The number that a finite one becomes; NaN or infinite where it is too large and not to be kept.
    pub(super) fn round(self, x: f32, rounding: Rounding) -> f32 {
        let size = f64::from(x.abs());
        let Some(Format { fraction, least, most, greatest }) = self.format() else {
            return round_to_power(size, rounding);
        };
        // Every 32-bit float is a normal 64-bit one, or zero.
        let exponent = ((size.to_bits() >> 52) as i32 - 1023).clamp(least, most);
        let step = 2f64.powi(exponent - fraction);
        let made = ((size / step).round_ties_even() * step) as f32;
        let made = match (made > greatest, rounding.saturate || self == Self::E2m1) {
            (false, _) => made,
            (true, true) => greatest,
            (true, false) if self == Self::E5m2 => f32::INFINITY,
            (true, false) => f32::NAN,
        };
        made.copysign(x)
    }
}

fn round_to_power(size: f64, rounding: Rounding) -> f32 {
    let (least, most) = POWERS.into_inner();
    let found = POWERS.rev().find(|&exponent| size >= 2f64.powi(exponent)).unwrap_or(least);
    let above = match rounding.power {
        Power::Above => size > 2f64.powi(found),
        Power::Below => false,
        Power::Nearest => size >= 1.5 * 2f64.powi(found),
    };
    match (found + i32::from(above), rounding.saturate) {
        (exponent, false) if exponent > most => f32::NAN,
        (exponent, _) => power(exponent.min(most)),
    }
}

/// A power of two, exact also where 32-bit floats are subnormal.
pub(super) fn power(exponent: i32) -> f32 {
    2f64.powi(exponent) as f32
}

impl<'a> Call<'a> {
    /// How a node casts.
    pub(super) fn rounding(&self) -> Option<Rounding> {
        let power = match self.text("round_mode").unwrap_or("up") {
            "up" => Power::Above,
            "down" => Power::Below,
            "nearest" => Power::Nearest,
            _ => return None,
        };
        Some(Rounding { saturate: self.int("saturate").unwrap_or(1) != 0, power })
    }

    /// What a file's operand is an element of, where that has 8 or 4 bits.
    pub(super) fn small(&self, index: usize) -> Option<SmallFloat> {
        self.small.get(index).copied().flatten()
    }

    /// What a node of ONNX's makes, where that has 8 or 4 bits. Those that move numbers leave them what they are.
    pub(super) fn makes_small(&self) -> Option<SmallFloat> {
        let stored = |name| match self.attribute(name) {
            Some(proto::Value::Tensor(tensor)) => SmallFloat::from_onnx(tensor.element),
            _ => None,
        };
        match self.operator {
            "Cast" => SmallFloat::from_onnx(self.int("to")?),
            "QuantizeLinear" => self.small(2).or_else(|| SmallFloat::from_onnx(self.int("output_dtype")?)),
            "CastLike" | "Where" => self.small(1),
            "Constant" | "ConstantOfShape" => stored("value"),
            "EyeLike" => self.int("dtype").map_or_else(|| self.small(0), SmallFloat::from_onnx),
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Expand" | "Tile"
            | "Concat" | "Split" | "Slice" | "Gather" | "GatherElements" | "GatherND" | "Scatter"
            | "ScatterElements" | "ScatterND" | "Pad" | "DepthToSpace" | "SpaceToDepth" | "ReverseSequence"
            | "Compress" | "Trilu" => self.small(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: [SmallFloat; 5] =
        [SmallFloat::E4m3Fn, SmallFloat::E4m3Fnuz, SmallFloat::E5m2, SmallFloat::E5m2Fnuz, SmallFloat::E2m1];
    const KEPT: Rounding = Rounding { saturate: true, power: Power::Above };

    #[test]
    fn bits_are_the_numbers_of_the_standards() {
        for (kind, bits, number) in [
            (SmallFloat::E4m3Fn, 0x7e, 448.0),
            (SmallFloat::E4m3Fn, 0x01, 2f32.powi(-9)),
            (SmallFloat::E4m3Fnuz, 0x7f, 240.0),
            (SmallFloat::E4m3Fnuz, 0x01, 2f32.powi(-10)),
            (SmallFloat::E5m2, 0xfb, -57344.0),
            (SmallFloat::E5m2Fnuz, 0x7f, 57344.0),
            (SmallFloat::E8m0, 127, 1.0),
            (SmallFloat::E8m0, 0, 2f32.powi(-126) / 2.0),
            (SmallFloat::E2m1, 0x0d, -3.0),
        ] {
            assert_eq!(kind.decode(bits), number, "{kind:?} {bits:#x}");
        }
    }

    /// Against the list of all numbers: the nearest, and of two the one whose last bit is 0.
    #[test]
    fn every_number_goes_to_its_nearest() {
        for kind in SIGNED {
            // Without the sign's bit they ascend.
            let numbers = (0..1u8 << (kind.bits() - 1)).map(|bits| kind.decode(bits));
            let numbers: Vec<f32> = numbers.take_while(|x| x.is_finite()).collect();
            for (index, pair) in numbers.windows(2).enumerate() {
                let middle = (pair[0] + pair[1]) / 2.0;
                for (x, expected) in [
                    (pair[0], pair[0]),
                    (middle.next_down(), pair[0]),
                    (middle, pair[index % 2]),
                    (middle.next_up(), pair[1]),
                ] {
                    assert_eq!(kind.round(x, KEPT), expected, "{kind:?} {x}");
                    assert_eq!(kind.round(-x, KEPT), -expected, "{kind:?} -{x}");
                }
            }
            let greatest = numbers.last().copied().unwrap();
            assert_eq!(kind.format().unwrap().greatest, greatest, "{kind:?}");
            assert_eq!(kind.round(-1e30, KEPT), -greatest, "{kind:?}");
        }
        let open = Rounding { saturate: false, power: Power::Above };
        assert!(SmallFloat::E4m3Fn.round(470.0, open).is_nan() && SmallFloat::E4m3Fn.round(464.0, open) == 448.0);
        assert_eq!(SmallFloat::E5m2.round(-61440.0, open), f32::NEG_INFINITY);
    }

    #[test]
    fn powers_of_two_are_above_below_or_near() {
        let round = |x, power| SmallFloat::E8m0.round(x, Rounding { saturate: true, power });
        for (x, above, below, nearest) in
            [(1.1, 2.0, 1.0, 1.0), (1.5, 2.0, 1.0, 2.0), (4.0, 4.0, 4.0, 4.0), (-0.3, 0.5, 0.25, 0.25)]
        {
            assert_eq!(round(x, Power::Above), above, "{x}");
            assert_eq!(round(x, Power::Below), below, "{x}");
            assert_eq!(round(x, Power::Nearest), nearest, "{x}");
        }
        assert_eq!(round(0.0, Power::Above), power(-127));
        assert_eq!(round(f32::MAX, Power::Above), power(127));
        assert!(SmallFloat::E8m0.round(f32::MAX, Rounding { saturate: false, power: Power::Above }).is_nan());
    }
}
