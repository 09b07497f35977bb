//! NumPy's `.npy`: a header that is a Python dictionary, then the numbers as they lay in memory.

use super::{InputError, MAX_NUMBERS, array::Array};
use crate::model::graph::{MAX_RANK, half, positions};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes that a header may have: as many as NumPy reads.
const MAX_HEADER: usize = 10_000;

pub(super) fn read(bytes: &[u8]) -> Result<Array, InputError> {
    let (header, data) = split(bytes).map_err(refuse)?;
    let header = Header::parse(header).map_err(refuse)?;
    let (kind, count) = (Kind::of(&header.descr).map_err(refuse)?, count(&header.shape)?);
    let expected = count * kind.width;
    if data.len() != expected {
        let shape = &header.shape;
        return Err(refuse(format!(
            "{} bytes follow the header, {expected} are its numbers, of shape {shape:?}",
            data.len()
        )));
    }
    let mut numbers: Vec<f64> = data.chunks_exact(kind.width).map(|chunk| kind.number(chunk)).collect();
    if header.fortran {
        numbers = row_major(&header.shape, &numbers);
    }
    Ok(Array { shape: header.shape, numbers })
}

fn refuse(reason: impl Into<String>) -> InputError {
    InputError::Format { format: ".npy file", reason: reason.into() }
}

/// Header and data.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), &'static str> {
    const CUT: &str = "it is cut off within its header";
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
    let (length, rest) = match major {
        1 => rest.split_first_chunk().map(|(&length, rest)| (u16::from_le_bytes(length).into(), rest)).ok_or(CUT)?,
        2 | 3 => rest.split_first_chunk().map(|(&length, rest)| (u32::from_le_bytes(length), rest)).ok_or(CUT)?,
        _ => return Err("its version is not 1, 2 or 3"),
    };
    let length = usize::try_from(length).ok().filter(|&length| length <= MAX_HEADER).ok_or("its header is too long")?;
    let (header, data) = rest.split_at_checked(length).ok_or(CUT)?;
    Ok((std::str::from_utf8(header).map_err(|_| "its header is no text")?, data))
}

fn count(shape: &[usize]) -> Result<usize, InputError> {
    // A zero anywhere does not excuse an overflow elsewhere.
    let all = shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim.max(1)).filter(|&all| all <= MAX_NUMBERS));
    match all {
        None => Err(InputError::TooMuch { limit: MAX_NUMBERS, unit: "numbers" }),
        Some(all) => Ok(if shape.contains(&0) { 0 } else { all }),
    }
}

/// Numbers whose first axis is the fastest, in the order in which the last one is.
fn row_major(shape: &[usize], numbers: &[f64]) -> Vec<f64> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1i64;
    for &dim in shape {
        // Within `count`, except beside a zero, where there is nothing to read.
        strides.push(stride);
        stride = stride.saturating_mul(dim as i64);
    }
    positions(shape, &strides, 0).into_iter().map(|at| numbers[at]).collect()
}

/// What a header says.
#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const MALFORMED: &str = "its header is not the dictionary that NumPy writes";
        let mut words = Words(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        words.expect('{').ok_or(MALFORMED)?;
        while words.expect('}').is_none() {
            let key = words.quoted().ok_or(MALFORMED)?;
            words.expect(':').ok_or(MALFORMED)?;
            let new = match key {
                "descr" if words.0.trim_start().starts_with('[') => return Err("structured arrays are not read"),
                "descr" => descr.replace(words.quoted().ok_or(MALFORMED)?).is_none(),
                "fortran_order" => fortran.replace(words.truth().ok_or(MALFORMED)?).is_none(),
                "shape" => shape.replace(words.tuple().ok_or(MALFORMED)?).is_none(),
                _ => false,
            };
            if !new || (words.expect(',').is_none() && !words.0.trim_start().starts_with('}')) {
                return Err(MALFORMED);
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) if words.0.trim().is_empty() => {
                Ok(Self { descr: descr.into(), fortran, shape })
            }
            _ => Err(MALFORMED),
        }
    }
}

/// What is left of a header.
struct Words<'h>(&'h str);

impl<'h> Words<'h> {
    fn expect(&mut self, what: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(what)?;
        Some(())
    }

    fn quoted(&mut self) -> Option<&'h str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (word, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(word)
    }

    fn truth(&mut self) -> Option<bool> {
        let text = self.0.trim_start();
        let (truth, rest) = match text.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(truth)
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut dims = Vec::new();
        self.expect('(')?;
        while self.expect(')').is_none() {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = text.split_at(end);
            // Python 2 wrote `3L`.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            dims.push(digits.parse().ok().filter(|_| dims.len() <= MAX_RANK)?);
            // A comma is only left out before the end.
            if self.expect(',').is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(dims)
    }
}

/// How numbers are written.
#[derive(Clone, Copy)]
struct Kind {
    letter: u8,
    width: usize,
    big: bool,
}

impl Kind {
    fn of(descr: &str) -> Result<Self, String> {
        let (big, rest) = match descr.as_bytes().split_first() {
            Some((b'>', rest)) => (true, rest),
            Some((b'<' | b'|', rest)) => (false, rest),
            _ => (false, descr.as_bytes()),
        };
        let (letter, width) = match rest {
            &[letter @ (b'f' | b'i' | b'u' | b'b'), digit @ b'1'..=b'8'] => (letter, usize::from(digit - b'0')),
            [b'?'] => (b'b', 1),
            [b'O', ..] => return Err("it holds pickled Python objects, which are not read; save numbers".into()),
            [b'U' | b'S' | b'a', ..] => return Err("it holds text; save numbers".into()),
            [b'c', ..] => return Err("it holds complex numbers".into()),
            _ => (0, 0),
        };
        match (letter, width) {
            (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) => Ok(Self { letter, width, big }),
            _ => Err(format!("it holds {}, which is not read", super::form::shown([descr].into_iter()))),
        }
    }

    /// A chunk of as many bytes as its width.
    fn number(self, chunk: &[u8]) -> f64 {
        let mut bits = [0; 8];
        let to = &mut bits[..self.width];
        to.copy_from_slice(chunk);
        if self.big {
            to.reverse();
        }
        let bits = u64::from_le_bytes(bits);
        match (self.letter, self.width) {
            (b'f', 2) => half(bits as u16).into(),
            (b'f', 4) => f32::from_bits(bits as u32).into(),
            (b'f', _) => f64::from_bits(bits),
            (b'i', 1) => (bits as i8).into(),
            (b'i', 2) => (bits as i16).into(),
            (b'i', 4) => (bits as i32).into(),
            (b'i', _) => bits as i64 as f64,
            // A byte that is neither 0 nor 1 is no truth value: it is refused as a number that does not fit.
            _ => bits as f64,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of this version.
    pub(in super::super) fn file(version: u8, dict: &str, data: &[u8]) -> Vec<u8> {
        let length = dict.len() as u32;
        let length = if version == 1 { (length as u16).to_le_bytes().to_vec() } else { length.to_le_bytes().to_vec() };
        [MAGIC, &[version, 0], &length, dict.as_bytes(), data].concat()
    }

    fn dict(descr: &str, fortran: bool, shape: &str) -> String {
        let fortran = if fortran { "True" } else { "False" };
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}          \n")
    }

    fn numbers(descr: &str, data: &[u8]) -> Vec<f64> {
        let shape = format!("({},)", data.len() / usize::from(descr.as_bytes()[2] - b'0'));
        read(&file(1, &dict(descr, false, &shape), data)).unwrap().numbers
    }

    #[test]
    fn every_type_is_read_in_both_byte_orders() {
        assert_eq!(numbers("<f4", &[1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat()), [1.5, -2.0]);
        assert_eq!(numbers(">f4", &1.5f32.to_be_bytes()), [1.5]);
        assert_eq!(numbers("<f8", &0.1f64.to_le_bytes()), [0.1]);
        assert_eq!(numbers(">f8", &0.1f64.to_be_bytes()), [0.1]);
        assert_eq!(numbers("<f2", &[0x00, 0x3c]), [1.0]);
        assert_eq!(numbers(">f2", &[0xc0, 0x00]), [-2.0]);
        assert_eq!(numbers("|b1", &[1, 0, 2]), [1.0, 0.0, 2.0]);
        assert_eq!(numbers("|u1", &[255]), [255.0]);
        assert_eq!(numbers("|i1", &[255]), [-1.0]);
        assert_eq!(numbers(">i2", &[0xff, 0xfe]), [-2.0]);
        assert_eq!(numbers("<u2", &[0xff, 0xff]), [65535.0]);
        assert_eq!(numbers("<i4", &(-7i32).to_le_bytes()), [-7.0]);
        assert_eq!(numbers("<u4", &u32::MAX.to_le_bytes()), [4294967295.0]);
        assert_eq!(numbers(">i8", &(-7i64).to_be_bytes()), [-7.0]);
        assert_eq!(numbers("<u8", &7u64.to_le_bytes()), [7.0]);
    }

    #[test]
    fn every_version_and_order_is_read() {
        let six: Vec<u8> = (1..=6).collect();
        for version in 1..=3 {
            let array = read(&file(version, &dict("|u1", false, "(2, 3)"), &six)).unwrap();
            assert_eq!((array.shape, array.numbers), (vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        }
        // Columns first: the rows are 1 3 5 and 2 4 6.
        let array = read(&file(1, &dict("|u1", true, "(2, 3)"), &six)).unwrap();
        assert_eq!(array.numbers, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        let array = read(&file(1, &dict("|u1", true, "()"), &[9])).unwrap();
        assert_eq!((array.shape, array.numbers), (vec![], vec![9.0]));
        let other_order = "{\"shape\": (3L,), \"fortran_order\": False, \"descr\": \"|u1\"}";
        assert_eq!(read(&file(1, other_order, &[1, 2, 3])).unwrap().shape, [3]);
        assert!(read(&file(1, &dict("|u1", true, "(0, 9)"), &[])).unwrap().numbers.is_empty());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let fine = file(1, &dict("<f4", false, "(2,)"), &[0; 8]);
        assert!(read(&fine).is_ok());
        (0..fine.len()).for_each(|end| assert!(read(&fine[..end]).is_err(), "cut at {end}"));
        for (dict, data, why) in [
            (dict("<f4", false, "(2,)"), 9, "9 bytes follow"),
            (dict("<f4", false, "(2"), 8, "dictionary"),
            (dict("<f4", false, "(2 2)"), 8, "dictionary"),
            (dict("<f4", false, "(-2,)"), 8, "dictionary"),
            (dict("<f4", false, "(99999999999999999999,)"), 8, "dictionary"),
            (dict("<f4", false, "(4294967296, 4294967296)"), 0, "more than"),
            (dict("<f4", false, "(0, 99999999999)"), 0, "more than"),
            (dict("<f4", false, &format!("({})", "1,".repeat(40))), 4, "dictionary"),
            (dict("|O", false, "(2,)"), 8, "pickled"),
            (dict("<U5", false, "(2,)"), 8, "text"),
            (dict("<c8", false, "(1,)"), 8, "complex"),
            (dict("<f1", false, "(8,)"), 8, "`<f1`"),
            (dict("<M8[ns]", false, "(1,)"), 8, "not read"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}".into(), 8, "structured"),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}".into(), 8, "dictionary"),
            ("{'descr': '<f4', 'shape': (2,)}".into(), 8, "dictionary"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x".into(), 8, "dictionary"),
            (" ".repeat(20_000), 8, "too long"),
        ] {
            let error = read(&file(1, &dict, &vec![0; data])).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(read(&file(4, &dict("<f4", false, "(2,)"), &[0; 8])).unwrap_err().to_string().contains("version"));
    }
}
