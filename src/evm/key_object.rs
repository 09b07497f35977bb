//! Key objects of general networks: code that nobody can call into, with a verifying key and its program
//! (`docs/protocol-networks.md`, N3).
//!
//! A program that is too long for one account goes on in pages, which are accounts of their own. Where a page is follows from what
//! is in it ([`super::factory`]), so that the same model has the same key object, hence the same id, on every chain. A chain may
//! have other ones: whoever reads a key object goes to the addresses that it names.

use super::{CompiledContract, EvmError, compile::MAX_RUNTIME_BYTES};
use alloy::primitives::{Address, Bytes};

/// The most pages that an object names.
pub const MAX_PAGES: usize = 4;

/// The zero byte and the length of the verifying key.
const HEAD: usize = 3;
const ADDRESS: usize = 20;
/// A verifying key without fixed commitments: no key is shorter.
const LEAST_KEY: usize = 164;

/// Code that a key object names by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it is.
    pub address: Address,
    /// Its run-time code: a zero byte and a part of the program. Empty where nothing is.
    pub code: Bytes,
}

/// The parts of a key object. That they make a key is for their reader to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyObject<'a> {
    /// The bytes of the verifying key.
    pub key: &'a [u8],
    /// Where the pages are, in their order.
    pub pages: Vec<Address>,
    /// The program, or its first part when there are pages.
    pub first: &'a [u8],
}

impl<'a> KeyObject<'a> {
    /// Takes run-time code apart. `None` when it is no key object of a network; those of perceptrons are none.
    #[must_use]
    pub fn read(code: &'a [u8]) -> Option<Self> {
        let (&[zero, high, low], rest) = code.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if zero != 0 || length < LEAST_KEY {
            return None;
        }
        let (key, rest) = rest.split_at_checked(length)?;
        let (&count, rest) = rest.split_first()?;
        let count = usize::from(count);
        if count > MAX_PAGES {
            return None;
        }
        let (addresses, first) = rest.split_at_checked(ADDRESS * count)?;
        let pages = addresses.chunks_exact(ADDRESS).map(Address::from_slice).collect();
        Some(Self { key, pages, first })
    }

    /// The program. `None` when a page is missing, or could be called.
    #[must_use]
    pub fn program(&self, pages: &[Page]) -> Option<Vec<u8>> {
        let mut program = self.first.to_vec();
        for address in &self.pages {
            match pages.iter().find(|page| page.address == *address)?.code.split_first() {
                Some((0, part)) => program.extend_from_slice(part),
                _ => return None,
            }
        }
        Some(program)
    }
}

/// The key object of a key and its program, with as few pages as will do.
///
/// # Errors
/// [`EvmError::ContractTooLarge`] when four pages do not hold the rest of the program: no canonical program is as long.
pub fn write(name: &str, key: &[u8], program: &[u8]) -> Result<CompiledContract, EvmError> {
    let too_large = |size| EvmError::ContractTooLarge { contract: name.into(), size, limit: MAX_RUNTIME_BYTES };
    let length = u16::try_from(key.len()).map_err(|_| too_large(key.len()))?;
    // Without pages, and in one page behind its zero byte.
    let whole = MAX_RUNTIME_BYTES.checked_sub(HEAD + key.len() + 1).ok_or_else(|| too_large(key.len()))?;
    let of_page = MAX_RUNTIME_BYTES - 1;
    let room = |pages: usize| whole.checked_sub(ADDRESS * pages);
    let count =
        (0..=MAX_PAGES).find(|&pages| room(pages).is_some_and(|first| program.len() <= first + of_page * pages));
    let (Some(count), Some(first)) = (count, count.and_then(room)) else {
        return Err(too_large(program.len()));
    };
    let (first, rest) = program.split_at(first.min(program.len()));
    let pages =
        rest.chunks(of_page).map(|part| CompiledContract::data(&format!("{name}Page"), [&[0], part].concat().into()));
    let pages = pages.collect::<Result<Vec<_>, _>>()?;
    let mut code = vec![0];
    code.extend(length.to_be_bytes());
    code.extend_from_slice(key);
    // At most four.
    code.push(count as u8);
    pages.iter().for_each(|page| code.extend(page.place()));
    code.extend_from_slice(first);
    CompiledContract::data(name, code.into())?.with_pages(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(of: &CompiledContract) -> Vec<Page> {
        of.pages.iter().map(|page| Page { address: page.place(), code: page.runtime_code.clone() }).collect()
    }

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        let (key, page) = (vec![7; 165], MAX_RUNTIME_BYTES - 1);
        let whole = MAX_RUNTIME_BYTES - 3 - key.len() - 1;
        for (length, count) in [
            (0, 0),
            (5000, 0),
            (whole, 0),
            (whole + 1, 1),
            (whole - 20 + page, 1),
            (whole - 20 + page + 1, 2),
            (98_304, 4),
        ] {
            let program: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let object = write("Key", &key, &program).unwrap();
            assert_eq!(object.pages.len(), count, "{length}");
            let read = KeyObject::read(&object.runtime_code).unwrap();
            assert_eq!((read.key, read.pages.len()), (&key[..], count));
            assert_eq!(read.program(&pages(&object)).unwrap(), program);
            let codes = object.pages.iter().chain([&object]).map(|code| &code.runtime_code);
            assert!(codes.into_iter().all(|code| code[0] == 0 && code.len() <= MAX_RUNTIME_BYTES));
        }
        assert!(matches!(write("Key", &key, &vec![0; 5 * page]), Err(EvmError::ContractTooLarge { .. })));
        assert!(matches!(write("Key", &vec![7; 70_000], &[]), Err(EvmError::ContractTooLarge { .. })));
        assert!(matches!(write("Key", &vec![7; 24_576], &[]), Err(EvmError::ContractTooLarge { .. })));
    }

    #[test]
    fn pages_that_are_missing_or_can_be_called_make_no_program() {
        let object = write("Key", &[7; 165], &vec![1; 60_000]).unwrap();
        let (read, all) = (KeyObject::read(&object.runtime_code).unwrap(), pages(&object));
        assert!(read.program(&all[1..]).is_none() && read.program(&[]).is_none());
        for code in [vec![], vec![0x5b, 1]] {
            let mut changed = all.clone();
            changed[0].code = code.into();
            assert!(read.program(&changed).is_none());
        }
        // The order is the object's.
        let reversed: Vec<Page> = all.iter().rev().cloned().collect();
        assert_eq!(read.program(&reversed), read.program(&all));
    }

    #[test]
    fn other_code_is_no_key_object() {
        let object = write("Key", &[7; 165], &[1; 30]).unwrap().runtime_code;
        assert!(KeyObject::read(&object).is_some());
        for (at, byte) in [(0, 0x60), (1, 0xff), (2, 0), (168, 5)] {
            let mut changed = object.to_vec();
            changed[at] = byte;
            assert!(KeyObject::read(&changed).is_none(), "{at}");
        }
        // Four pages, and room for one.
        let mut cut = object.to_vec();
        cut[168] = 4;
        assert!(KeyObject::read(&cut).is_none());
        for length in 0..169 {
            assert!(KeyObject::read(&object[..length]).is_none(), "{length}");
        }
        // A perceptron's: its key begins with version 1.
        assert!(KeyObject::read(&[&[0, 0, 1][..], &[7; 200]].concat()).is_none());
    }
}
