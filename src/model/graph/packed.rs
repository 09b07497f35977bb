//! Numbers as a file has them, in so many bits each.

use super::{
    bytes::Bytes,
    element::Element,
    half::{brain, half},
    small::SmallFloat,
    tensor::Numbers,
};
use std::sync::Arc;

/// What packed bytes mean; all are little-endian.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Encoding {
    /// Of so many bits.
    Float32,
    Float16,
    BFloat16,
    Float64,
    /// One in a byte.
    Small(SmallFloat),
    /// Of [`Element::width`] bytes each.
    Integers(Element),
    /// Such integers, which stand for floats.
    Scaled(Element, Arc<Scaling>),
}

/// The floats `(q - zero) * scale` of integers `q`, with zero and scale by place along an axis.
#[derive(PartialEq)]
pub(super) struct Scaling {
    scales: Vec<f32>,
    zeros: Vec<i64>,
    /// Elements between neighbours along the axis.
    stride: usize,
}

impl std::fmt::Debug for Scaling {
    /// Nothing of the numbers: weights may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scaling({} places)", self.scales.len())
    }
}

/// Numbers as a file has them.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    bytes: Bytes,
    encoding: Encoding,
}

impl Packed {
    pub(super) const fn new(bytes: Bytes, encoding: Encoding) -> Self {
        Self { bytes, encoding }
    }

    /// Whether it keeps a file's memory.
    pub(super) const fn is_shared(&self) -> bool {
        self.bytes.is_shared()
    }

    /// The same in memory of its own, if it is in a file's. Floats of 32 bits are unpacked, since that takes no more.
    pub(super) fn apart(&self) -> Option<Result<Self, Numbers>> {
        let own = || Self::new(Bytes::own(self.bytes.to_vec()), self.encoding.clone());
        self.bytes.is_shared().then(|| match self.encoding {
            Encoding::Float32 => Err(self.numbers()),
            _ => Ok(own()),
        })
    }

    /// The type of the numbers that they stand for.
    pub(super) const fn element(&self) -> Element {
        match self.encoding {
            Encoding::Integers(element) => element,
            _ => Element::Float32,
        }
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.encoding.width()
    }

    /// Whether a number means the same wherever it stands.
    pub(super) fn is_uniform(&self) -> bool {
        !matches!(&self.encoding, Encoding::Scaled(_, scaling) if scaling.scales.len() != 1)
    }

    /// The axis of a tensor of this shape and these strides along which its scales lie, if they do.
    pub(super) fn scaling_along(&self, strides: &[usize], shape: &[usize]) -> Option<usize> {
        let Encoding::Scaled(_, scaling) = &self.encoding else { return None };
        (0..shape.len()).find(|&axis| strides[axis] == scaling.stride && shape[axis] == scaling.scales.len())
    }

    /// With the scales' axis elsewhere.
    pub(super) fn with_stride(mut self, stride: usize) -> Self {
        if let Encoding::Scaled(_, scaling) = &mut self.encoding {
            let Scaling { scales, zeros, .. } = &**scaling;
            *scaling = Arc::new(Scaling { scales: scales.clone(), zeros: zeros.clone(), stride });
        }
        self
    }

    /// Those at these positions, which the caller guarantees to exist.
    pub(super) fn pick(&self, positions: impl Iterator<Item = usize>) -> Self {
        fn gather<const N: usize>(bytes: &[u8], positions: impl Iterator<Item = usize>) -> Vec<u8> {
            let words = bytes.as_chunks::<N>().0;
            let mut made = Vec::with_capacity(N * positions.size_hint().0);
            positions.for_each(|at| made.extend_from_slice(&words[at]));
            made
        }
        let bytes = match self.encoding.width() {
            1 => positions.map(|at| self.bytes[at]).collect(),
            2 => gather::<2>(&self.bytes, positions),
            4 => gather::<4>(&self.bytes, positions),
            _ => gather::<8>(&self.bytes, positions),
        };
        Self { bytes: Bytes::own(bytes), encoding: self.encoding.clone() }
    }

    /// A matrix of so many rows and columns, turned round: tile by tile, since numbers of a column are far apart.
    pub(super) fn turned(&self, rows: usize, columns: usize) -> Self {
        const TILE: usize = 64;
        fn turn<const N: usize>(bytes: &[u8], rows: usize, columns: usize) -> Vec<u8> {
            let from = bytes.as_chunks::<N>().0;
            let mut made = vec![[0; N]; from.len()];
            for (row, column) in (0..rows).step_by(TILE).flat_map(|r| (0..columns).step_by(TILE).map(move |c| (r, c))) {
                for c in column..columns.min(column + TILE) {
                    for r in row..rows.min(row + TILE) {
                        made[c * rows + r] = from[r * columns + c];
                    }
                }
            }
            made.into_flattened()
        }
        let bytes = match self.encoding.width() {
            1 => turn::<1>(&self.bytes, rows, columns),
            2 => turn::<2>(&self.bytes, rows, columns),
            4 => turn::<4>(&self.bytes, rows, columns),
            _ => turn::<8>(&self.bytes, rows, columns),
        };
        Self { bytes: Bytes::own(bytes), encoding: self.encoding.clone() }
    }

    /// Integers as the floats `(q - zero) * scale`: `None` for others, and where a product might not be finite.
    pub(super) fn scaled(&self, scales: &[f32], zeros: &[i64], (stride, size): (usize, usize)) -> Option<Self> {
        let Encoding::Integers(element) = self.encoding else { return None };
        let (least, most) = element.range()?;
        let finite = |(&scale, &zero): (&f32, &i64)| {
            [least, most].iter().all(|&q| q.checked_sub(zero).is_some_and(|q| (q as f32 * scale).is_finite()))
        };
        if scales.len() != size || zeros.len() != size || !scales.iter().zip(zeros).all(finite) {
            return None;
        }
        let scaling = Scaling { scales: scales.to_vec(), zeros: zeros.to_vec(), stride };
        Some(Self { bytes: self.bytes.clone(), encoding: Encoding::Scaled(element, Arc::new(scaling)) })
    }

    pub(super) fn numbers(&self) -> Numbers {
        let bytes = &*self.bytes;
        match &self.encoding {
            Encoding::Float32 => Numbers::Floats(words(bytes, |_, word| f32::from_le_bytes(word))),
            Encoding::Float16 => Numbers::Floats(words(bytes, |_, word| half(u16::from_le_bytes(word)))),
            Encoding::BFloat16 => Numbers::Floats(words(bytes, |_, word| brain(u16::from_le_bytes(word)))),
            Encoding::Float64 => Numbers::Floats(words(bytes, |_, word| f64::from_le_bytes(word) as f32)),
            Encoding::Small(small) => {
                let all = every(*small);
                Numbers::Floats(bytes.iter().map(|&byte| all[usize::from(byte)]).collect())
            }
            Encoding::Integers(element) => Numbers::Ints(integers(*element, bytes, |_, q| q)),
            Encoding::Scaled(element, scaling) => Numbers::Floats(match (&scaling.scales[..], &scaling.zeros[..]) {
                (&[scale], &[zero]) => integers(*element, bytes, |_, q| (q - zero) as f32 * scale),
                (scales, zeros) => integers(*element, bytes, |at, q| {
                    let place = at / scaling.stride % scales.len();
                    (q - zeros[place]) as f32 * scales[place]
                }),
            }),
        }
    }

    /// The first number that is NaN or infinite.
    pub(super) fn first_not_finite(&self) -> Option<(usize, f32)> {
        fn find<const N: usize>(bytes: &[u8], is_none: impl Fn([u8; N]) -> bool) -> Option<usize> {
            bytes.as_chunks::<N>().0.iter().position(|&word| is_none(word))
        }
        let bytes = &*self.bytes;
        // All bits of the exponent are set where a number is none, which is quicker to see than the number.
        let at = match self.encoding {
            Encoding::Float32 => find(bytes, |word| u32::from_le_bytes(word) & 0x7f80_0000 == 0x7f80_0000),
            Encoding::Float16 => find(bytes, |[_, high]| high & 0x7c == 0x7c),
            Encoding::BFloat16 => find(bytes, |word| u16::from_le_bytes(word) & 0x7f80 == 0x7f80),
            Encoding::Float64 => find(bytes, |word| !(f64::from_le_bytes(word) as f32).is_finite()),
            Encoding::Small(small) => {
                let all = every(small).map(f32::is_finite);
                find(bytes, |[byte]| !all[usize::from(byte)])
            }
            // Looked at when they were scaled.
            Encoding::Integers(_) | Encoding::Scaled(..) => None,
        }?;
        match self.pick(std::iter::once(at)).numbers() {
            Numbers::Floats(numbers) => numbers.first().map(|&number| (at, number)),
            Numbers::Ints(_) => None,
        }
    }
}

impl Encoding {
    /// Bytes of one number.
    pub(super) const fn width(&self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 | Self::BFloat16 => 2,
            Self::Float64 => 8,
            Self::Small(_) => 1,
            Self::Integers(element) | Self::Scaled(element, _) => element.width(),
        }
    }
}

/// The numbers of all bytes.
fn every(small: SmallFloat) -> [f32; 256] {
    std::array::from_fn(|bits| small.decode(bits as u8))
}

fn words<const N: usize, T>(bytes: &[u8], make: impl Fn(usize, [u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().enumerate().map(|(at, &word)| make(at, word)).collect()
}

fn integers<T>(element: Element, bytes: &[u8], make: impl Fn(usize, i64) -> T) -> Vec<T> {
    use Element as E;
    match element {
        E::Bool => words(bytes, |at, [byte]| make(at, (byte != 0).into())),
        E::Uint8 | E::Uint4 | E::Uint2 => words(bytes, |at, [byte]| make(at, byte.into())),
        E::Int8 | E::Int4 | E::Int2 => words(bytes, |at, word| make(at, i8::from_le_bytes(word).into())),
        E::Uint16 => words(bytes, |at, word| make(at, u16::from_le_bytes(word).into())),
        E::Int16 => words(bytes, |at, word| make(at, i16::from_le_bytes(word).into())),
        E::Uint32 => words(bytes, |at, word| make(at, u32::from_le_bytes(word).into())),
        E::Int32 => words(bytes, |at, word| make(at, i32::from_le_bytes(word).into())),
        // Bits of floats never get here: their encodings are others.
        E::Uint64 | E::Int64 | E::Float32 => words(bytes, |at, word| make(at, i64::from_le_bytes(word))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], encoding: Encoding) -> Packed {
        Packed::new(Bytes::own(bytes.to_vec()), encoding)
    }

    #[test]
    fn every_encoding_is_unpacked_as_it_is() {
        let floats = |numbers: &[f32]| Numbers::Floats(numbers.to_vec());
        let ints = |numbers: &[i64]| Numbers::Ints(numbers.to_vec());
        for (bytes, encoding, numbers) in [
            (&1.5f32.to_le_bytes()[..], Encoding::Float32, floats(&[1.5])),
            (&[0, 0x3c, 0, 0xc0], Encoding::Float16, floats(&[1.0, -2.0])),
            (&[0xc0, 0x3f], Encoding::BFloat16, floats(&[1.5])),
            (&0.1f64.to_le_bytes(), Encoding::Float64, floats(&[0.1])),
            (&[0, 1, 7], Encoding::Integers(Element::Bool), ints(&[0, 1, 1])),
            (&[1, 0x80, 0xff], Encoding::Integers(Element::Int8), ints(&[1, -128, -1])),
            (&[1, 0x80, 0xff], Encoding::Integers(Element::Uint8), ints(&[1, 128, 255])),
            (&[0xff, 0xff], Encoding::Integers(Element::Int16), ints(&[-1])),
            (&[0xff, 0xff], Encoding::Integers(Element::Uint16), ints(&[65_535])),
            (&[0xff; 4], Encoding::Integers(Element::Int32), ints(&[-1])),
            (&[0xff; 4], Encoding::Integers(Element::Uint32), ints(&[0xffff_ffff])),
            (&[0xff; 8], Encoding::Integers(Element::Int64), ints(&[-1])),
            (&[0xf8, 7], Encoding::Integers(Element::Int4), ints(&[-8, 7])),
            (&[0x38, 0xb8], Encoding::Small(SmallFloat::E4m3Fn), floats(&[1.0, -1.0])),
            (&[0x02, 0x0d], Encoding::Small(SmallFloat::E2m1), floats(&[1.0, -3.0])),
        ] {
            let made = packed(bytes, encoding.clone());
            assert_eq!((made.numbers(), made.len()), (numbers.clone(), bytes.len() / encoding.width()), "{encoding:?}");
            // Picked, reversed, before they are unpacked: the same numbers.
            let picked = made.pick((0..made.len()).rev()).numbers();
            let reversed = match numbers {
                Numbers::Floats(list) => Numbers::Floats(list.into_iter().rev().collect()),
                Numbers::Ints(list) => Numbers::Ints(list.into_iter().rev().collect()),
            };
            assert_eq!(picked, reversed, "{encoding:?}");
        }
    }

    /// `(q - zero) * scale` in 32-bit floats, by the place along an axis, and never what is not finite.

    #[test]
    fn scaled_integers_are_the_products_that_they_stand_for() {
        let q = packed(&[0xff, 2, 0x80, 3], Encoding::Integers(Element::Int8));
        let one = q.scaled(&[0.1], &[1], (1, 1)).unwrap();
        let products: Vec<f32> = [-1i64, 2, -128, 3].iter().map(|q| (q - 1) as f32 * 0.1).collect();
        assert_eq!((one.numbers(), one.is_uniform()), (Numbers::Floats(products), true));
        let two = q.scaled(&[0.5, 2.0], &[0, 1], (1, 2)).unwrap();
        assert_eq!((two.numbers(), two.is_uniform()), (Numbers::Floats(vec![-0.5, 2.0, -64.0, 4.0]), false));
        let rows = q.scaled(&[0.5, 2.0], &[0, 1], (2, 2)).unwrap();
        assert_eq!(rows.numbers(), Numbers::Floats(vec![-0.5, 1.0, -258.0, 4.0]));
        assert!(q.scaled(&[1e37], &[0], (1, 1)).is_none(), "-128 times that is infinite");
        assert!(q.scaled(&[0.5], &[0, 1], (1, 2)).is_none() && one.scaled(&[0.5], &[0], (1, 1)).is_none());
    }
}
