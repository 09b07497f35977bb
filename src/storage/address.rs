//! What content is called: its BLAKE3 and its size.

use super::{Base, CidDialect, CidError, cid};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

/// How much is read at once when a file is hashed or copied, in bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// The address of bytes, made from them alone: their BLAKE3 and their number. Whoever has the bytes can check it.
///
/// Shown as an S5 blob identifier in base 32 (`blobb…`); read from both dialects of S5 identifiers in any of the four
/// bases, with or without `s5://` before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentAddress {
    blake3: [u8; 32],
    size: u64,
}

impl ContentAddress {
    /// Of a hash and a size that are known.
    #[must_use]
    pub const fn new(blake3: [u8; 32], size: u64) -> Self {
        Self { blake3, size }
    }

    /// Of bytes in memory.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self { blake3: *blake3::hash(content).as_bytes(), size: content.len() as u64 }
    }

    /// Of everything that `reader` yields, 64 KiB at a time.
    ///
    /// # Errors
    /// The reader's.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = AddressHasher::default();
        let mut block = vec![0; BLOCK];
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(n) => hasher.update(&block[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The hash.
    #[must_use]
    pub const fn blake3(&self) -> &[u8; 32] {
        &self.blake3
    }

    /// The hash in lower-case hex: 64 characters.
    #[must_use]
    pub fn blake3_hex(&self) -> String {
        blake3::Hash::from_bytes(self.blake3).to_hex().to_string()
    }

    /// The number of bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// As an S5 identifier.
    #[must_use]
    pub fn to_cid(&self, dialect: CidDialect, base: Base) -> String {
        base.encode(&cid::to_bytes(self, dialect))
    }

    /// `s5://` and the identifier that this is shown as.
    #[must_use]
    pub fn to_url(&self) -> String {
        format!("s5://{self}")
    }
}

impl fmt::Display for ContentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_cid(CidDialect::Blob, Base::Base32))
    }
}

impl fmt::Debug for ContentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentAddress({self}, {} bytes)", self.size)
    }
}

impl FromStr for ContentAddress {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        cid::from_text(text.strip_prefix("s5://").unwrap_or(text))
    }
}

impl From<ContentAddress> for String {
    fn from(address: ContentAddress) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for ContentAddress {
    type Error = CidError;

    fn try_from(text: String) -> Result<Self, CidError> {
        text.parse()
    }
}

/// Makes an address of bytes that come piece by piece.
#[derive(Debug, Default)]
pub(super) struct AddressHasher {
    hasher: blake3::Hasher,
    size: u64,
}

impl AddressHasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn finish(&self) -> ContentAddress {
        ContentAddress::new(*self.hasher.finalize().as_bytes(), self.size)
    }
}
