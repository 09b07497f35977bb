//! Where a constant's numbers are: packed as the file has them, and unpacked once somebody computes with them.

use super::{packed::Packed, tensor::Numbers};
use std::sync::OnceLock;

/// Numbers, packed or not; several tensors may share them.
pub(super) struct Store {
    packed: Option<Packed>,
    numbers: OnceLock<Numbers>,
}

impl std::fmt::Debug for Store {
    /// Nothing of the numbers: weights may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl From<Numbers> for Store {
    fn from(numbers: Numbers) -> Self {
        Self { packed: None, numbers: numbers.into() }
    }
}

impl From<Packed> for Store {
    fn from(packed: Packed) -> Self {
        Self { packed: Some(packed), numbers: OnceLock::new() }
    }
}

impl Store {
    pub(super) fn numbers(&self) -> &Numbers {
        self.numbers.get_or_init(|| match &self.packed {
            Some(packed) => packed.numbers(),
            // Made of numbers, which are there then.
            None => Numbers::Ints(Vec::new()),
        })
    }

    /// The packed numbers, as long as nobody unpacked them.
    pub(super) fn still_packed(&self) -> Option<&Packed> {
        self.packed.as_ref().filter(|_| self.numbers.get().is_none())
    }

    pub(super) fn first_not_finite(&self) -> Option<(usize, f32)> {
        match (&self.packed, self.numbers.get()) {
            (_, Some(Numbers::Floats(numbers))) => {
                let at = numbers.iter().position(|x| !x.is_finite())?;
                Some((at, numbers[at]))
            }
            (Some(packed), None) => packed.first_not_finite(),
            _ => None,
        }
    }

    /// The same numbers in memory of their own, if they are in a file's.
    pub(super) fn apart(&self) -> Option<Self> {
        let packed = self.packed.as_ref()?;
        if let (true, Some(numbers)) = (packed.is_shared(), self.numbers.get()) {
            return Some(numbers.clone().into());
        }
        packed.apart().map(|apart| apart.map_or_else(Self::from, Self::from))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{bytes::Bytes, element::Element, packed::Encoding},
        *,
    };
    use std::sync::Arc;

    fn packed(bytes: &[u8], encoding: Encoding) -> Packed {
        Packed::new(Bytes::own(bytes.to_vec()), encoding)
    }

    #[test]
    fn what_is_not_finite_is_found_without_unpacking() {
        let halves = Store::from(packed(&[0, 0x3c, 0, 0x7c], Encoding::Float16));
        assert_eq!(halves.first_not_finite(), Some((1, f32::INFINITY)));
        assert!(halves.still_packed().is_some());
        let large = Store::from(packed(&1e300f64.to_le_bytes(), Encoding::Float64));
        assert_eq!(large.first_not_finite(), Some((0, f32::INFINITY)), "a double that no float holds");
        let nan = Store::from(packed(&f32::NAN.to_le_bytes(), Encoding::Float32));
        assert!(matches!(nan.first_not_finite(), Some((0, x)) if x.is_nan()));
    }

    #[test]
    fn memory_of_a_file_is_left_as_narrow_as_it_is() {
        let file = Arc::new(vec![1, 2, 3, 4]);
        let of = |encoding| Store::from(Packed::new(Bytes::piece(&file, 0, 4).unwrap(), encoding)).apart().unwrap();
        let (bytes, words) = (of(Encoding::Integers(Element::Uint8)), of(Encoding::Float32));
        assert_eq!(Arc::strong_count(&file), 1);
        assert!(bytes.still_packed().is_some() && words.still_packed().is_none());
        assert!(bytes.apart().is_none(), "it has memory of its own");
        assert_eq!(bytes.numbers(), &Numbers::Ints(vec![1, 2, 3, 4]));
    }
}
