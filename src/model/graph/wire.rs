//! Protobuf's wire format: a bounded reader that copies nothing, and a writer.

use super::GraphError;
use std::cell::Cell;

/// Fields that one file may have: each costs the reader a few bytes of memory.
const MAX_FIELDS: u64 = 24_000_000;

/// Integers that one list may have.
pub(super) const MAX_INTS: usize = 1 << 28;

/// Counts down while a file is read, so that small bytes cannot become large memory.
#[derive(Debug)]
pub(super) struct Budget {
    fields: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { fields: Cell::new(MAX_FIELDS) }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], GraphError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(malformed("a field is not of the type that ONNX gives it")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, GraphError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| malformed("a name is not UTF-8"))
    }

    pub(super) fn int(self) -> Result<i64, GraphError> {
        match self {
            // Two's complement, as protobuf has it.
            Self::Varint(value) => Ok(value as i64),
            _ => Err(malformed("a number is not of the type that ONNX gives it")),
        }
    }

    pub(super) fn float(self) -> Result<f32, GraphError> {
        match self {
            Self::Fixed32(bits) => Ok(f32::from_bits(bits)),
            _ => Err(malformed("a float is not of the type that ONNX gives it")),
        }
    }

    /// Appends a repeated integer, packed or not.
    pub(super) fn push_ints(self, list: &mut Vec<i64>) -> Result<(), GraphError> {
        // One byte of the file becomes eight here.
        self.each_int(MAX_INTS.saturating_sub(list.len()), |number| list.push(number))
    }

    /// Hands on every number of a repeated integer, packed or not, of which there may be `most`.
    pub(super) fn each_int(self, most: usize, mut take: impl FnMut(i64)) -> Result<(), GraphError> {
        let Self::Bytes(mut packed) = self else { return self.int().map(take) };
        for _ in 0..most {
            if packed.is_empty() {
                return Ok(());
            }
            take(varint(&mut packed)? as i64);
        }
        if packed.is_empty() {
            Ok(())
        } else {
            Err(GraphError::too_much("a list of too many integers", MAX_INTS as u64))
        }
    }

    /// Appends a repeated float, packed or not.
    pub(super) fn push_floats(self, list: &mut Vec<f32>) -> Result<(), GraphError> {
        self.each_float(|word| list.push(f32::from_le_bytes(word)))
    }

    /// Hands on the bytes of every number of a repeated float, packed or not.
    pub(super) fn each_float(self, mut take: impl FnMut([u8; 4])) -> Result<(), GraphError> {
        match self {
            Self::Bytes(packed) => {
                let (words, []) = packed.as_chunks::<4>() else { return Err(malformed("a list of floats is cut off")) };
                words.iter().for_each(|word| take(*word));
                Ok(())
            }
            _ => self.float().map(|value| take(value.to_le_bytes())),
        }
    }

    /// Hands on the bytes of every number of a repeated double, packed or not.
    pub(super) fn each_double(self, mut take: impl FnMut([u8; 8])) -> Result<(), GraphError> {
        match self {
            Self::Bytes(packed) => {
                let (words, []) = packed.as_chunks::<8>() else {
                    return Err(malformed("a list of doubles is cut off"));
                };
                words.iter().for_each(|word| take(*word));
                Ok(())
            }
            Self::Fixed64(bits) => {
                take(bits.to_le_bytes());
                Ok(())
            }
            _ => Err(malformed("a double is not of the type that ONNX gives it")),
        }
    }
}

/// The fields of one message, in order.
#[derive(Debug)]
pub(super) struct Message<'a, 'b> {
    rest: &'a [u8],
    budget: &'b Budget,
}

impl<'a, 'b> Message<'a, 'b> {
    pub(super) const fn new(bytes: &'a [u8], budget: &'b Budget) -> Self {
        Self { rest: bytes, budget }
    }

    /// The next field's number and value.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, GraphError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let left = self.budget.fields.get();
        if left == 0 {
            return Err(GraphError::too_much("too many protobuf fields", MAX_FIELDS));
        }
        self.budget.fields.set(left - 1);
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|&number| number > 0);
        let number = number.ok_or_else(|| malformed("a field has an impossible number"))?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).map_err(|_| cut_off())?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            kind => return Err(malformed(&format!("a field has the wire type {kind}"))),
        };
        Ok(Some((number, field)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], GraphError> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GraphError> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or_else(cut_off)?;
        self.rest = tail;
        Ok(*head)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, GraphError> {
    let mut value = 0u64;
    for at in 0..10 {
        let (&byte, rest) = bytes.split_first().ok_or_else(cut_off)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(7 * at).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(malformed("a number has more than 64 bits"))
}

pub(super) fn malformed(reason: &str) -> GraphError {
    GraphError::NotOnnx(reason.to_owned())
}

fn cut_off() -> GraphError {
    malformed("it is cut off, or not protobuf at all")
}

/// A message that is being written.
#[derive(Debug, Default)]
pub(in crate::model) struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(in crate::model) fn int(&mut self, number: u32, value: i64) {
        self.varint(u64::from(number) << 3);
        self.varint(value as u64);
    }

    pub(in crate::model) fn float(&mut self, number: u32, value: f32) {
        self.varint(u64::from(number) << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    pub(in crate::model) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    pub(in crate::model) fn text(&mut self, number: u32, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    pub(in crate::model) fn message(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(number, &inner.0);
    }

    pub(in crate::model) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.int(1, -3);
        writer.float(2, 0.5);
        writer.message(300, |inner| inner.text(1, "name"));
        let bytes = writer.finish();
        let budget = Budget::default();
        let mut message = Message::new(&bytes, &budget);
        assert_eq!(message.next().unwrap().map(|(n, f)| (n, f.int().unwrap())), Some((1, -3)));
        assert_eq!(message.next().unwrap().map(|(n, f)| (n, f.float().unwrap())), Some((2, 0.5)));
        let (number, field) = message.next().unwrap().unwrap();
        let mut inner = Message::new(field.bytes().unwrap(), &budget);
        assert_eq!((number, inner.next().unwrap().unwrap().1.text().unwrap()), (300, "name"));
        assert!(message.next().unwrap().is_none());
    }

    #[test]
    fn what_is_cut_off_or_over_long_is_refused() {
        for bytes in [
            &[0x0a, 5, 1][..],
            &[0x08],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[0x0b],
            &[0x00],
        ] {
            let budget = Budget::default();
            assert!(Message::new(bytes, &budget).next().is_err(), "{bytes:?}");
        }
        let budget = Budget { fields: Cell::new(2) };
        let mut message = Message::new(&[8, 1, 8, 1, 8, 1], &budget);
        assert!(message.next().is_ok() && message.next().is_ok());
        assert!(matches!(message.next(), Err(GraphError::TooMuch { .. })));
    }
}
