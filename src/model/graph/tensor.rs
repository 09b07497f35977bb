//! Element types, shapes and constant tensors.

use super::{GraphError, packed::Packed, store::Store};
use std::sync::Arc;

pub(super) use super::element::Element;

/// Numbers that one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 30;
/// What stands for minus infinity in masks: far below every score, and the sum of two is still a number.
pub(super) const MASKED: f32 = f32::MIN / 4.0;
/// Axes that a tensor may have.
pub const MAX_RANK: usize = 16;

/// Element type and fixed shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Its elements.
    pub element: Element,
    /// Row-major; empty for a single number.
    pub shape: Vec<usize>,
}

impl TensorType {
    pub(super) fn new(element: Element, shape: Vec<usize>) -> Self {
        Self { element, shape }
    }

    /// The number of elements. Shapes are checked when a type is made known to the graph.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The number of elements, if a tensor may have so many.
pub(super) fn checked_elements(shape: &[usize]) -> Option<usize> {
    if shape.len() > MAX_RANK {
        return None;
    }
    // A zero anywhere does not excuse an overflow elsewhere.
    let mut all = 1usize;
    for &dim in shape {
        all = all.checked_mul(dim.max(1)).filter(|&all| all <= MAX_ELEMENTS)?;
    }
    Some(if shape.contains(&0) { 0 } else { all })
}

/// The numbers of a constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Of [`Element::Float32`].
    Floats(Vec<f32>),
    /// Of every other type; truth values are 0 and 1.
    Ints(Vec<i64>),
}

/// A tensor whose numbers are known. Cheap to clone.
///
/// They stay as the file has them, so many bits each, until somebody computes with them.
#[derive(Clone)]
pub struct Tensor {
    element: Element,
    shape: Vec<usize>,
    store: Arc<Store>,
}

impl std::fmt::Debug for Tensor {
    /// Type and shape; numbers may be secret weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {:?})", self.element, self.shape)
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.element == other.element && self.shape == other.shape && self.numbers() == other.numbers()
    }
}

impl Tensor {
    /// A tensor of floats. The caller guarantees that the shape holds as many.
    pub(in crate::model) fn floats(shape: Vec<usize>, numbers: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        Self { element: Element::Float32, shape, store: Arc::new(Numbers::Floats(numbers).into()) }
    }

    /// A tensor of integers, wrapped to its type. The caller guarantees that the shape holds as many.
    pub(super) fn ints(element: Element, shape: Vec<usize>, mut numbers: Vec<i64>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        debug_assert!(!element.is_float());
        numbers.iter_mut().for_each(|number| *number = element.wrap(*number));
        Self { element, shape, store: Arc::new(Numbers::Ints(numbers).into()) }
    }

    /// A tensor of numbers as a file has them. The caller guarantees that the shape holds as many.
    pub(super) fn packed(shape: Vec<usize>, packed: Packed) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), packed.len());
        Self { element: packed.element(), shape, store: Arc::new(packed.into()) }
    }

    /// A list of 64-bit integers: a shape, axes, indices.
    pub(in crate::model) fn list(numbers: &[i64]) -> Self {
        Self::ints(Element::Int64, vec![numbers.len()], numbers.to_vec())
    }

    pub(super) fn scalar(number: f32) -> Self {
        Self::floats(vec![], vec![number])
    }

    pub(super) fn new(element: Element, shape: Vec<usize>, numbers: Numbers) -> Self {
        match numbers {
            Numbers::Floats(numbers) => Self::floats(shape, numbers),
            Numbers::Ints(numbers) => Self::ints(element, shape, numbers),
        }
    }

    /// Its element type.
    #[must_use]
    pub const fn element(&self) -> Element {
        self.element
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, row-major. They are unpacked at the first call and kept.
    #[must_use]
    pub fn numbers(&self) -> &Numbers {
        self.store.numbers()
    }

    /// Where its numbers are.
    pub(super) const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The same tensor with its numbers elsewhere. The caller guarantees that they are the same.
    pub(super) fn stored(&self, store: Arc<Store>) -> Self {
        Self { element: self.element, shape: self.shape.clone(), store }
    }

    /// Where each number of a tensor of `shape` comes from, when this one is broadcast to it. The caller guarantees that it can.
    pub(in crate::model) fn broadcast_positions(&self, shape: &[usize]) -> Vec<usize> {
        broadcast_indices(&self.shape, shape)
    }

    pub(super) fn kind(&self) -> TensorType {
        TensorType::new(self.element, self.shape.clone())
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its floats.
    #[must_use]
    pub fn as_floats(&self) -> Option<&[f32]> {
        match self.element.is_float().then(|| self.numbers())? {
            Numbers::Floats(numbers) => Some(numbers),
            Numbers::Ints(_) => None,
        }
    }

    /// Its integers.
    #[must_use]
    pub fn as_ints(&self) -> Option<&[i64]> {
        match (!self.element.is_float()).then(|| self.numbers())? {
            Numbers::Floats(_) => None,
            Numbers::Ints(numbers) => Some(numbers),
        }
    }

    /// The same numbers in another shape of as many elements.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { element: self.element, shape, store: self.store.clone() }
    }

    /// The numbers at these flat positions, in another shape. The caller guarantees that they exist.
    pub(super) fn pick(&self, shape: Vec<usize>, positions: impl Iterator<Item = usize>) -> Self {
        let store = match self.store.still_packed() {
            Some(packed) if packed.is_uniform() => packed.pick(positions).into(),
            _ => match self.numbers() {
                Numbers::Floats(numbers) => Numbers::Floats(positions.map(|at| numbers[at]).collect()).into(),
                Numbers::Ints(numbers) => Numbers::Ints(positions.map(|at| numbers[at]).collect()).into(),
            },
        };
        Self { element: self.element, shape, store: Arc::new(store) }
    }

    /// With its axes in another order. The caller guarantees that `perm` is one.
    pub(super) fn transposed(&self, perm: &[usize]) -> Self {
        let own = strides(&self.shape);
        let shape: Vec<usize> = perm.iter().map(|&axis| self.shape[axis]).collect();
        let turned: Vec<i64> = perm.iter().map(|&axis| own[axis] as i64).collect();
        let positions = Positions::new(&shape, &turned, 0);
        let Some(packed) = self.store.still_packed() else { return self.pick(shape, positions) };
        // Scales along an axis go where that axis goes.
        let place = match packed.scaling_along(&own, &self.shape) {
            _ if packed.is_uniform() => None,
            Some(along) => perm.iter().position(|&axis| axis == along),
            None => return self.pick(shape, positions),
        };
        let made = match (perm, &self.shape[..]) {
            ([1, 0], &[rows, columns]) => packed.turned(rows, columns),
            _ => packed.pick(positions),
        };
        let made = match place {
            Some(place) => made.with_stride(strides(&shape)[place]),
            None => made,
        };
        Self { element: self.element, shape, store: Arc::new(made.into()) }
    }

    /// Its integers less `zeros`, times `scales`, which lie along `(stride, size)` of an axis: `None` when they are not packed,
    /// or a product might leave the floats.
    pub(super) fn scaled(&self, scales: &[f32], zeros: &[i64], along: (usize, usize)) -> Option<Self> {
        let packed = self.store.still_packed()?.scaled(scales, zeros, along)?;
        Some(Self::packed(self.shape.clone(), packed))
    }

    /// Minus infinity in what holds nothing else but zeros is a mask: what it is added to takes no part. No proof has infinities;
    /// [`MASKED`] does the same. Gives that tensor, or none.
    pub(super) fn as_mask(&self) -> Option<Self> {
        self.first_not_finite().filter(|&(_, value)| value == f32::NEG_INFINITY)?;
        let numbers = self.as_floats()?;
        if numbers.iter().any(|&x| x != 0.0 && x != f32::NEG_INFINITY) {
            return None;
        }
        let masked = |&x: &f32| if x.is_infinite() { MASKED } else { x };
        Some(Self::floats(self.shape.clone(), numbers.iter().map(masked).collect()))
    }

    fn first_not_finite(&self) -> Option<(usize, f32)> {
        self.store.first_not_finite()
    }

    /// Fails when a float is not finite.
    pub(super) fn expect_finite(&self, name: &str) -> Result<(), GraphError> {
        match self.first_not_finite() {
            None => Ok(()),
            Some((index, value)) => Err(GraphError::NotFinite { tensor: name.to_owned(), index, value }),
        }
    }
}

/// The distance between neighbours along every axis, in elements.
pub(in crate::model) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The flat positions that a walk over a shape meets in a tensor with certain strides, one after the other: all of them at
/// once would be eight times as much memory as 8-bit weights.
#[derive(Clone, Debug)]
pub(super) struct Positions {
    shape: Vec<usize>,
    strides: Vec<i64>,
    index: Vec<usize>,
    at: i64,
    left: usize,
}

impl Positions {
    /// Over `shape` from `offset` on. The caller guarantees that what is met are positions.
    pub(super) fn new(shape: &[usize], strides: &[i64], offset: i64) -> Self {
        let left = shape.iter().product();
        Self { shape: shape.to_vec(), strides: strides.to_vec(), index: vec![0; shape.len()], at: offset, left }
    }

    /// When a tensor of shape `from` is read as if it were one of `to`, to which it broadcasts.
    pub(super) fn broadcast(from: &[usize], to: &[usize]) -> Self {
        Self::new(to, &broadcast_strides(from, to), 0)
    }
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.at += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.at -= self.strides[axis] * self.shape[axis] as i64;
            self.index[axis] = 0;
        }
        Some(at as usize)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// The flat positions that a walk over `shape` meets in a tensor with these strides, from `offset` on.
pub(in crate::model) fn positions(shape: &[usize], strides: &[i64], offset: i64) -> Vec<usize> {
    Positions::new(shape, strides, offset).collect()
}

/// The shape that two shapes broadcast to, as in NumPy.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (a, b) if a == b => Some(a),
            (1, other) | (other, 1) => Some(other),
            _ => None,
        })
        .collect()
}

/// Where each number of a tensor of shape `to` comes from, when one of shape `from` is broadcast to it. The caller guarantees
/// that it can.
pub(in crate::model) fn broadcast_indices(from: &[usize], to: &[usize]) -> Vec<usize> {
    positions(to, &broadcast_strides(from, to), 0)
}

/// Strides with which `shape` is read as if it were `target`, to which it broadcasts.
pub(super) fn broadcast_strides(shape: &[usize], target: &[usize]) -> Vec<i64> {
    let own = strides(shape);
    let lead = target.len() - shape.len();
    (0..target.len())
        .map(|axis| match axis.checked_sub(lead) {
            Some(axis) if shape[axis] > 1 => own[axis] as i64,
            _ => 0,
        })
        .collect()
}
