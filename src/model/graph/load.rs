//! From a file's tensors to constants: every encoding, half precision, sparse and external data.

use super::{
    GraphError,
    external::Files,
    proto,
    small::SmallFloat,
    tensor::{Element, Numbers, Tensor, checked_elements},
};
use std::borrow::Cow;

/// Integers of a tensor in other forms than bytes: too many for a file's size are no integers of weights.
fn dims(name: &str, dims: &[i64]) -> Result<Vec<usize>, GraphError> {
    let shape: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let shape = shape.filter(|shape| checked_elements(shape).is_some());
    shape.ok_or_else(|| GraphError::tensor(name, format!("has the impossible shape {dims:?}")))
}

/// Reads a tensor's numbers.
pub(super) fn tensor(proto: &proto::Tensor<'_>, name: &str, files: &Files) -> Result<Tensor, GraphError> {
    let tensor = stored(proto, name, files)?.with_masks();
    tensor.expect_finite(name)?;
    Ok(tensor)
}

/// Floats of an attribute in which NaN is no number but a mark, which the caller takes out.
pub(super) fn marked(proto: &proto::Tensor<'_>, name: &str) -> Result<Vec<f32>, GraphError> {
    let tensor = stored(proto, name, &Files::none())?;
    tensor.as_floats().map(<[f32]>::to_vec).ok_or_else(|| GraphError::tensor(name, "holds no floats"))
}

fn stored(proto: &proto::Tensor<'_>, name: &str, files: &Files) -> Result<Tensor, GraphError> {
    let refuse = |reason: String| GraphError::tensor(name, reason);
    let shape = dims(name, &proto.dims)?;
    let element =
        Element::from_onnx(proto.element).map_err(|what| refuse(format!("holds {what}, which is not read")))?;
    let count = shape.iter().product();
    let bytes = match proto.raw {
        _ if proto.external => Some(files.read(name, &proto.location)?),
        Some(raw) => Some(Cow::Borrowed(raw)),
        None => None,
    };
    let numbers = match bytes {
        Some(bytes) => from_raw(proto.element, element, &bytes, count).map_err(refuse)?,
        None => from_lists(proto, element, count)?,
    };
    let found = match &numbers {
        Numbers::Floats(numbers) => numbers.len(),
        Numbers::Ints(numbers) => numbers.len(),
    };
    if found != count {
        return Err(refuse(format!("has the shape {shape:?} and {found} numbers")));
    }
    Ok(Tensor::new(element, shape, numbers))
}

/// Little-endian bytes.
fn from_raw(onnx: i64, element: Element, bytes: &[u8], count: usize) -> Result<Numbers, String> {
    if element.is_narrow() {
        return narrow(element, bytes.iter().copied(), count);
    }
    if let Some(small) = SmallFloat::from_onnx(onnx) {
        return few_bits(small, bytes.iter().copied(), count);
    }
    let width = match onnx {
        10 | 16 => 2,
        11 => 8,
        _ => element.width(),
    };
    if count.checked_mul(width) != Some(bytes.len()) {
        return Err(format!("has {} bytes where its shape needs {count} times {width}", bytes.len()));
    }
    fn map<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
    }
    Ok(match (onnx, element) {
        (10, _) => Numbers::Floats(map(bytes, |b| half(u16::from_le_bytes(b)))),
        (16, _) => Numbers::Floats(map(bytes, |b| brain(u16::from_le_bytes(b)))),
        (11, _) => Numbers::Floats(map(bytes, |b| f64::from_le_bytes(b) as f32)),
        (_, Element::Float32) => Numbers::Floats(map(bytes, f32::from_le_bytes)),
        (_, Element::Bool) => Numbers::Ints(map(bytes, |[b]| (b != 0).into())),
        (_, Element::Int8) => Numbers::Ints(map(bytes, |b| i8::from_le_bytes(b).into())),
        (_, Element::Uint8) => Numbers::Ints(map(bytes, |[b]| b.into())),
        (_, Element::Int16) => Numbers::Ints(map(bytes, |b| i16::from_le_bytes(b).into())),
        (_, Element::Uint16) => Numbers::Ints(map(bytes, |b| u16::from_le_bytes(b).into())),
        (_, Element::Int32) => Numbers::Ints(map(bytes, |b| i32::from_le_bytes(b).into())),
        (_, Element::Uint32) => Numbers::Ints(map(bytes, |b| u32::from_le_bytes(b).into())),
        // Read above.
        (_, Element::Int4 | Element::Uint4 | Element::Int2 | Element::Uint2) => Numbers::Ints(Vec::new()),
        (_, Element::Int64 | Element::Uint64) => Numbers::Ints(map(bytes, i64::from_le_bytes)),
    })
}

/// Several integers in a byte, the first in its lowest bits.
fn narrow(element: Element, bytes: impl Iterator<Item = u8>, count: usize) -> Result<Numbers, String> {
    let bits = if matches!(element, Element::Int4 | Element::Uint4) { 4 } else { 2 };
    let each = 8 / bits;
    let numbers = bytes.flat_map(|byte| (0..each).map(move |at| i64::from(byte >> (at * bits))));
    let mut numbers: Vec<i64> = numbers.map(|number| element.wrap(number)).collect();
    if numbers.len() != count.div_ceil(each) * each {
        return Err(format!("has {} bytes where its shape needs {count} of {each} in a byte", numbers.len() / each));
    }
    numbers.truncate(count);
    Ok(Numbers::Ints(numbers))
}

/// Floats of 8 bits, or of 4: two in a byte, the first in its lower half.
fn few_bits(small: SmallFloat, bytes: impl Iterator<Item = u8>, count: usize) -> Result<Numbers, String> {
    let each = 8 / small.bits();
    let part = |byte: u8, at: usize| if each == 1 { byte } else { byte >> (4 * at) & 15 };
    let mut numbers: Vec<f32> = bytes.flat_map(|byte| (0..each).map(move |at| small.decode(part(byte, at)))).collect();
    if numbers.len() != count.div_ceil(each) * each {
        return Err(format!("has {} bytes where its shape needs {count} of {each} in a byte", numbers.len() / each));
    }
    numbers.truncate(count);
    Ok(Numbers::Floats(numbers))
}

/// Typed lists: half precision lies in `int32_data`, as its bits.
fn from_lists(proto: &proto::Tensor<'_>, element: Element, count: usize) -> Result<Numbers, GraphError> {
    let (mut floats, mut doubles, mut ints) = (Vec::new(), Vec::new(), Vec::new());
    for (number, field) in &proto.typed {
        match number {
            4 => field.push_floats(&mut floats)?,
            10 => field.push_doubles(&mut doubles)?,
            _ => field.push_ints(&mut ints)?,
        }
    }
    if let Some(small) = SmallFloat::from_onnx(proto.element) {
        let bytes = ints.into_iter().map(|byte| byte as u8);
        return few_bits(small, bytes, count).map_err(|reason| GraphError::tensor(proto.name, reason));
    }
    Ok(match (proto.element, element) {
        (10, _) => Numbers::Floats(ints.into_iter().map(|bits| half(bits as u16)).collect()),
        (16, _) => Numbers::Floats(ints.into_iter().map(|bits| brain(bits as u16)).collect()),
        (11, _) => Numbers::Floats(doubles.into_iter().map(|x| x as f32).collect()),
        (_, Element::Float32) => Numbers::Floats(floats),
        _ if element.is_narrow() => narrow(element, ints.into_iter().map(|byte| byte as u8), count)
            .map_err(|reason| GraphError::tensor(proto.name, reason))?,
        _ => Numbers::Ints(ints),
    })
}

/// A coordinate list, made dense.
pub(super) fn sparse(proto: &proto::Sparse<'_>, name: &str, files: &Files) -> Result<Tensor, GraphError> {
    let refuse = |reason: &str| GraphError::tensor(name, reason);
    let shape = dims(name, &proto.dims)?;
    let (values, indices) = (tensor(&proto.values, name, files)?, tensor(&proto.indices, name, files)?);
    let indices_list = indices.as_ints().ok_or_else(|| refuse("is sparse, with indices that are no integers"))?;
    let strides = super::tensor::strides(&shape);
    let count = values.elements();
    let positions: Option<Vec<usize>> = match indices.shape() {
        [n] if *n == count => indices_list.iter().map(|&at| usize::try_from(at).ok()).collect(),
        [n, rank] if *n == count && *rank == shape.len() => indices_list
            .chunks_exact((*rank).max(1))
            .map(|row| {
                let axes = row.iter().zip(&shape).zip(&strides);
                axes.map(|((&at, &dim), &stride)| usize::try_from(at).ok().filter(|&at| at < dim).map(|at| at * stride))
                    .sum()
            })
            .collect(),
        _ => None,
    };
    let total = shape.iter().product::<usize>();
    let positions = positions.filter(|list| list.iter().all(|&at| at < total));
    let positions = positions.ok_or_else(|| refuse("is sparse, with indices that do not fit its shape"))?;
    Ok(match values.numbers() {
        Numbers::Floats(values) => {
            let mut dense = vec![0.0; total];
            positions.iter().zip(values).for_each(|(&at, &value)| dense[at] = value);
            Tensor::floats(shape, dense)
        }
        Numbers::Ints(numbers) => {
            let mut dense = vec![0; total];
            positions.iter().zip(numbers).for_each(|(&at, &value)| dense[at] = value);
            Tensor::ints(values.element(), shape, dense)
        }
    })
}

/// A tensor that lies in an attribute of the node `label`.
pub(super) fn attribute(value: &proto::Value<'_>, label: &str, files: &Files) -> Result<Tensor, GraphError> {
    match value {
        proto::Value::Tensor(tensor) => self::tensor(tensor, label, files),
        proto::Value::Sparse(sparse) => self::sparse(sparse, label, files),
        _ => Err(GraphError::tensor(label, "is a constant without a tensor")),
    }
}

/// IEEE 754 binary16.
pub(in crate::model) fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        // Subnormal: a multiple of 2^-24, which binary32 has exactly.
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        0x1f => f32::from_bits(sign | 0xff << 23 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// bfloat16: the upper half of a binary32.
pub(super) fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f32.powi(-24)), (0x7bff, 65504.0), (0x8000, -0.0)]
        {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value));
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
        assert_eq!(brain(0x3fc0), 1.5);
    }

    #[test]
    fn shapes_and_numbers_have_to_agree() {
        let files = Files::none();
        let proto = |dims: &[i64], raw: &'static [u8]| proto::Tensor {
            dims: dims.to_vec(),
            element: 1,
            raw: Some(raw),
            ..Default::default()
        };
        assert!(tensor(&proto(&[1], &[0, 0, 0x80, 0x3f]), "w", &files).is_ok());
        for (dims, raw) in [(&[2][..], &[0; 4][..]), (&[-1], &[]), (&[1 << 40, 1 << 40], &[]), (&[0, 1 << 62], &[])] {
            assert!(matches!(tensor(&proto(dims, raw), "w", &files), Err(GraphError::Tensor { .. })), "{dims:?}");
        }
        let error = tensor(&proto(&[1], &[0, 0, 0xc0, 0x7f]), "w", &files).unwrap_err();
        assert!(matches!(error, GraphError::NotFinite { index: 0, .. }));
    }
}
