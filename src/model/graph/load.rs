//! From a file's tensors to constants: every encoding, half precision, sparse and external data.

use super::{
    GraphError,
    bytes::Bytes,
    element::Element,
    external::Files,
    packed::{Encoding, Packed},
    proto,
    small::SmallFloat,
    tensor::{Numbers, Tensor, checked_elements},
    wire::{Field, MAX_INTS},
};
use std::sync::Arc;

/// Integers of a tensor in other forms than bytes: too many for a file's size are no integers of weights.
fn dims(name: &str, dims: &[i64]) -> Result<Vec<usize>, GraphError> {
    let shape: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let shape = shape.filter(|shape| checked_elements(shape).is_some());
    shape.ok_or_else(|| GraphError::tensor(name, format!("has the impossible shape {dims:?}")))
}

/// Reads a tensor. Its numbers stay as the file has them, and share its memory where they can.
pub(super) fn tensor(proto: &proto::Tensor<'_>, name: &str, files: &Files) -> Result<Tensor, GraphError> {
    let tensor = stored(proto, name, files)?;
    if let Some(mask) = tensor.as_mask() {
        files.note_mask(name);
        return Ok(mask);
    }
    tensor.expect_finite(name)?;
    Ok(tensor)
}

/// Floats of an attribute in which NaN is no number but a mark, which the caller takes out.
pub(super) fn marked(proto: &proto::Tensor<'_>, name: &str) -> Result<Vec<f32>, GraphError> {
    let tensor = stored(proto, name, &Files::of(&Arc::default(), None))?;
    tensor.as_floats().map(<[f32]>::to_vec).ok_or_else(|| GraphError::tensor(name, "holds no floats"))
}

fn stored(proto: &proto::Tensor<'_>, name: &str, files: &Files) -> Result<Tensor, GraphError> {
    let refuse = |reason: String| GraphError::tensor(name, reason);
    let shape = dims(name, &proto.dims)?;
    let element =
        Element::from_onnx(proto.element).map_err(|what| refuse(format!("holds {what}, which is not read")))?;
    let encoding = match (proto.element, SmallFloat::from_onnx(proto.element)) {
        (_, Some(small)) => Encoding::Small(small),
        (10, _) => Encoding::Float16,
        (16, _) => Encoding::BFloat16,
        (11, _) => Encoding::Float64,
        _ if element.is_float() => Encoding::Float32,
        _ => Encoding::Integers(element),
    };
    let count = shape.iter().product();
    let bytes = match proto.raw {
        _ if proto.external => Some(files.read(name, &proto.location)?),
        Some(raw) => Some(files.share(raw)),
        None => None,
    };
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => from_lists(proto, &encoding, files)?,
    };
    let bytes = spread(bytes, &encoding, count).map_err(refuse)?;
    let width = encoding.width();
    if count.checked_mul(width) != Some(bytes.len()) {
        let found = if proto.raw.is_some() || proto.external {
            format!("has {} bytes where its shape needs {count} times {width}", bytes.len())
        } else {
            format!("has the shape {shape:?} and {} numbers", bytes.len() / width)
        };
        return Err(refuse(found));
    }
    Ok(Tensor::packed(shape, Packed::new(bytes, encoding)))
}

/// Numbers of fewer bits than a byte, of which a file has several in one, the first in its lowest bits: one in each.
fn spread(bytes: Bytes, encoding: &Encoding, count: usize) -> Result<Bytes, String> {
    let bits = match encoding {
        Encoding::Integers(Element::Int4 | Element::Uint4) | Encoding::Small(SmallFloat::E2m1) => 4,
        Encoding::Integers(Element::Int2 | Element::Uint2) => 2,
        _ => return Ok(bytes),
    };
    let each = 8 / bits;
    if bytes.len() != count.div_ceil(each) {
        return Err(format!("has {} bytes where its shape needs {count} of {each} in a byte", bytes.len()));
    }
    let numbers = bytes.iter().flat_map(|byte| (0..each).map(move |at| byte >> (at * bits) & ((1 << bits) - 1)));
    let numbers = numbers.take(count);
    Ok(Bytes::own(match encoding {
        // The low byte of the number in two's complement.
        Encoding::Integers(element) => numbers.map(|number| element.wrap(number.into()) as u8).collect(),
        _ => numbers.collect(),
    }))
}

/// Typed lists, in the encoding of raw bytes. What has no list of its own lies in `int32_data`, as its bits.
fn from_lists(proto: &proto::Tensor<'_>, encoding: &Encoding, files: &Files) -> Result<Bytes, GraphError> {
    let own = match encoding {
        Encoding::Float32 => Some(4),
        Encoding::Float64 => Some(10),
        _ => None,
    };
    let is_own = |number: u32| own.map_or(![4, 10].contains(&number), |own| number == own);
    let fields: Vec<Field<'_>> =
        proto.typed.iter().filter(|(number, _)| is_own(*number)).map(|&(_, field)| field).collect();
    if let (&[Field::Bytes(packed)], Some(_)) = (&fields[..], own) {
        return Ok(files.share(packed));
    }
    let width = encoding.width();
    let mut bytes = Vec::new();
    for field in fields {
        let most = MAX_INTS.saturating_sub(bytes.len() / width);
        match own {
            Some(4) => field.each_float(|word| bytes.extend(word))?,
            Some(_) => field.each_double(|word| bytes.extend(word))?,
            None => field.each_int(most, |number| {
                let is_truth = *encoding == Encoding::Integers(Element::Bool);
                let number = if is_truth { (number != 0).into() } else { number };
                bytes.extend_from_slice(&number.to_le_bytes()[..width]);
            })?,
        }
    }
    Ok(Bytes::own(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_numbers_have_to_agree() {
        let files = Files::of(&Arc::default(), None);
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
