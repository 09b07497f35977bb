//! An array of numbers as a file has it, and the inferences that it holds for one tensor.

use super::{InputError, form::InputTensor};
use crate::model::graph::Element;

/// Integers of this size and beyond are not exact as binary64, in which numbers are kept.
const INEXACT: f64 = (1u64 << 53) as f64;

/// Numbers in row-major order. The maker guarantees that the shape holds as many.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Vec<f64>,
}

impl Array {
    /// One flat list per inference.
    ///
    /// The shape is the tensor's; or has no batch axis; or has it with N rows, or N rows in front; or is a flat list, or N of
    /// them. With `samples` a flat list may also hold several inferences, one after the other.
    pub(super) fn inferences(self, tensor: &InputTensor, samples: bool) -> Result<Vec<Vec<f64>>, InputError> {
        let count = self.count(tensor, samples).ok_or_else(|| InputError::tensor(tensor, self.misfit(tensor)))?;
        if let Some((at, why)) =
            self.numbers.iter().enumerate().find_map(|(at, &x)| Some((at, misfit(tensor.element, x)?)))
        {
            let (row, at) = (at / tensor.info.elements().max(1), at % tensor.info.elements().max(1));
            let row = if count > 1 { format!(" of row {row}") } else { String::new() };
            return Err(InputError::tensor(tensor, format!("is given {why} as number {at}{row}")));
        }
        if count == 1 {
            return Ok(vec![self.numbers]);
        }
        Ok(self.numbers.chunks_exact(tensor.info.elements().max(1)).map(<[f64]>::to_vec).collect())
    }

    fn count(&self, tensor: &InputTensor, samples: bool) -> Option<usize> {
        let (shape, item, length) = (self.shape.as_slice(), tensor.shape(), tensor.info.elements());
        if self.numbers.is_empty() || length == 0 {
            return None;
        }
        let same = shape == item || shape == [length] || (tensor.batch && Some(shape) == item.get(1..));
        if same {
            return Some(1);
        }
        let (&first, rest) = shape.split_first()?;
        let rows = rest == item || rest == [length] || (tensor.batch && Some(rest) == item.get(1..));
        match rest {
            _ if rows => Some(first),
            [] if samples && first % length == 0 => Some(first / length),
            _ => None,
        }
    }

    fn misfit(&self, tensor: &InputTensor) -> String {
        let length = tensor.info.elements();
        match self.shape.as_slice() {
            _ if self.numbers.is_empty() => "is given no number".into(),
            [found] => format!("is given {found} numbers and takes {length}"),
            found => format!(
                "is given numbers nested as {found:?}; nest them as the shape, or give a flat list of {length}. Several \
                 inferences are a list of such lists"
            ),
        }
    }
}

/// What is wrong with a number for a tensor of these elements, as a noun.
fn misfit(element: Element, x: f64) -> Option<String> {
    let bounds = match element {
        Element::Float32 => {
            let what = if x.is_finite() { "which float32 cannot hold" } else { "which is not finite" };
            return (!x.is_finite() || x.abs() > f64::from(f32::MAX)).then(|| format!("{x}, {what},"));
        }
        Element::Bool => (0.0, 1.0),
        Element::Int2 => (-2.0, 1.0),
        Element::Uint2 => (0.0, 3.0),
        Element::Int4 => (-8.0, 7.0),
        Element::Uint4 => (0.0, 15.0),
        Element::Int8 => (i8::MIN.into(), i8::MAX.into()),
        Element::Int16 => (i16::MIN.into(), i16::MAX.into()),
        Element::Int32 => (i32::MIN.into(), i32::MAX.into()),
        Element::Int64 => (f64::NEG_INFINITY, f64::INFINITY),
        Element::Uint8 => (0.0, u8::MAX.into()),
        Element::Uint16 => (0.0, u16::MAX.into()),
        Element::Uint32 => (0.0, u32::MAX.into()),
        Element::Uint64 => (0.0, f64::INFINITY),
    };
    let what = if !x.is_finite() {
        "which is not finite,".into()
    } else if x.fract() != 0.0 {
        format!("which is no {element},")
    } else if x < bounds.0 || x > bounds.1 {
        format!("which {element} cannot hold,")
    } else if x.abs() >= INEXACT {
        "which is beyond 2^53 and would not be exact,".into()
    } else {
        return None;
    };
    Some(format!("{x}, {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TensorInfo;

    fn tensor(shape: &[u64], element: Element, batch: bool) -> InputTensor {
        InputTensor { info: TensorInfo { name: "x".into(), shape: shape.to_vec() }, element, batch }
    }

    fn count(shape: &[usize], of: &[u64], batch: bool, samples: bool) -> Option<usize> {
        let array = Array { shape: shape.to_vec(), numbers: vec![0.5; shape.iter().product()] };
        let length: u64 = of.iter().product();
        let found = array.inferences(&tensor(of, Element::Float32, batch), samples).ok()?;
        assert!(found.iter().all(|list| list.len() as u64 == length), "every inference is whole");
        Some(found.len())
    }

    #[test]
    fn shapes_are_the_tensors_or_rows_of_it() {
        for (shape, of, batch, expected) in [
            (&[1, 4][..], &[1, 4][..], true, Some(1)),
            (&[4], &[1, 4], true, Some(1)),
            (&[3, 4], &[1, 4], true, Some(3)),
            (&[3, 1, 4], &[1, 4], true, Some(3)),
            (&[8], &[1, 4], true, None),
            (&[3], &[1, 4], true, None),
            (&[4, 1], &[1, 4], true, None),
            (&[2, 3, 4], &[1, 4], true, None),
            (&[0], &[1, 4], true, None),
            (&[0, 4], &[1, 4], true, None),
            // A rank-1 model has no batch axis: rows stand in front.
            (&[14], &[14], false, Some(1)),
            (&[2, 14], &[14], false, Some(2)),
            (&[2, 7], &[14], false, None),
            (&[5], &[1], false, None),
            (&[5], &[1], true, Some(5)),
            (&[], &[], false, Some(1)),
            (&[3], &[], false, Some(3)),
            // Images, with and without batch axis, and flat.
            (&[8, 8], &[1, 8, 8], true, Some(1)),
            (&[5, 8, 8], &[1, 8, 8], true, Some(5)),
            (&[5, 64], &[1, 8, 8], true, Some(5)),
            (&[8, 8, 1], &[1, 1, 8, 8], true, None),
            // A batch of the user's size is one inference.
            (&[4, 10], &[4, 10], false, Some(1)),
            (&[8, 10], &[4, 10], false, None),
            (&[2, 4, 10], &[4, 10], false, Some(2)),
        ] {
            assert_eq!(count(shape, of, batch, false), expected, "{shape:?} for {of:?}");
        }
        assert_eq!(count(&[8], &[1, 4], true, true), Some(2));
        assert_eq!(count(&[7], &[1, 4], true, true), None);
    }

    #[test]
    fn numbers_have_to_fit_their_type() {
        for (element, good, bad) in [
            (Element::Float32, &[0.5, -3.0e38][..], &[f64::NAN, f64::INFINITY, 1e39][..]),
            (Element::Bool, &[0.0, 1.0], &[2.0, -1.0, 0.5]),
            (Element::Int8, &[-128.0, 127.0], &[128.0, -129.0, 0.5]),
            (Element::Uint8, &[0.0, 255.0], &[256.0, -1.0]),
            (Element::Int16, &[-32768.0], &[32768.0]),
            (Element::Uint16, &[65535.0], &[65536.0]),
            (Element::Int32, &[-2147483648.0], &[2147483648.0]),
            (Element::Uint32, &[4294967295.0], &[4294967296.0]),
            (Element::Int64, &[-9007199254740991.0], &[9007199254740992.0, f64::NEG_INFINITY]),
            (Element::Uint64, &[9007199254740991.0], &[-1.0, 1e300]),
        ] {
            good.iter().for_each(|&x| assert_eq!(misfit(element, x), None));
            bad.iter().for_each(|&x| assert!(misfit(element, x).is_some(), "{element} {x}"));
        }
        let array = Array { shape: vec![2, 2], numbers: vec![1.0, 2.0, 3.0, 300.0] };
        assert_eq!(
            array.inferences(&tensor(&[1, 2], Element::Uint8, true), false).unwrap_err().to_string(),
            "the input `x` (uint8, shape [1, 2]) is given 300, which uint8 cannot hold, as number 1 of row 1"
        );
    }
}
