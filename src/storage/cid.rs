//! S5 content identifiers in both dialects. They name BLAKE3 and size; nothing in them is to be believed unhashed.

use super::{ContentAddress, multibase};

/// The old dialect's first byte: raw content.
const RAW: u8 = 0x26;
/// The new dialect's first two bytes: an S5 blob, not encrypted.
const BLOB: [u8; 2] = [0x5b, 0x82];
/// An encrypted blob of the new dialect.
const ENCRYPTED: u8 = 0x83;
/// BLAKE3 in the multicodec table, and as S5 wrote it at first.
const BLAKE3: u8 = 0x1e;
const OLD_BLAKE3: u8 = 0x1f;
const MAX_SIZE_BYTES: usize = 8;

/// Which form of identifier a node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CidDialect {
    /// `26 1f`, BLAKE3, size: what the nodes in operation print (`z…`).
    Raw,
    /// `5b 82 1e`, BLAKE3, size: the S5 v1 specification's blob identifier (`blobb…`).
    Blob,
}

/// Why a text is no identifier that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidError {
    /// Nothing.
    #[error("an S5 identifier is missing: it is empty")]
    Empty,
    /// More than any identifier takes.
    #[error("{chars} characters are no S5 identifier: one has at most 128")]
    TooLong {
        /// How many.
        chars: usize,
    },
    /// The first character names no base that S5 uses.
    #[error("`{0}…` is no S5 identifier: it begins with f, b, z or u")]
    UnknownBase(char),
    /// Not in the base's alphabet.
    #[error("`{0}` does not occur in S5 identifiers of this base")]
    BadCharacter(char),
    /// Nobody would have encoded it this way: a character is missing, or was added or changed.
    #[error("the S5 identifier is cut short or was changed: its last characters are not canonical")]
    NotCanonical,
    /// Another kind of identifier.
    #[error("this is an identifier, but not one of plain content under BLAKE3: {0}")]
    OtherKind(&'static str),
    /// A hash and a size do not fit.
    #[error("an S5 identifier has a hash of 32 bytes and a size of at most 8; this one has {bytes} bytes in all")]
    BadLength {
        /// How many.
        bytes: usize,
    },
}

pub(super) fn to_bytes(address: &ContentAddress, dialect: CidDialect) -> Vec<u8> {
    let prefix: &[u8] = match dialect {
        CidDialect::Raw => &[RAW, OLD_BLAKE3],
        CidDialect::Blob => &[BLOB[0], BLOB[1], BLAKE3],
    };
    let size = address.size().to_le_bytes();
    let used = size.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    // The old dialect writes size 0 as one byte, the new one as none.
    let used = if dialect == CidDialect::Raw { used.max(1) } else { used };
    [prefix, address.blake3(), &size[..used]].concat()
}

pub(super) fn from_text(text: &str) -> Result<ContentAddress, CidError> {
    from_bytes(&multibase::decode(text)?)
}

fn from_bytes(bytes: &[u8]) -> Result<ContentAddress, CidError> {
    let rest = match bytes {
        [RAW, OLD_BLAKE3 | BLAKE3, rest @ ..] => rest,
        [RAW, ..] => return Err(CidError::OtherKind("another hash function")),
        [magic, kind, BLAKE3, rest @ ..] if [*magic, *kind] == BLOB => rest,
        [magic, kind, ..] if [*magic, *kind] == BLOB => return Err(CidError::OtherKind("another hash function")),
        [magic, ENCRYPTED, ..] if *magic == BLOB[0] => return Err(CidError::OtherKind("an encrypted blob")),
        _ => return Err(CidError::OtherKind("neither S5 raw content nor an S5 blob")),
    };
    let Some((hash, size)) = rest.split_first_chunk::<32>() else {
        return Err(CidError::BadLength { bytes: bytes.len() });
    };
    if size.len() > MAX_SIZE_BYTES {
        return Err(CidError::BadLength { bytes: bytes.len() });
    }
    // Zeros at the end are read: implementations differ in how they write a size of 0.
    let mut le = [0; MAX_SIZE_BYTES];
    le[..size.len()].copy_from_slice(size);
    Ok(ContentAddress::new(*hash, u64::from_le_bytes(le)))
}

/// A hash as the tus interface wants it named: multihash in base 64 for URLs.
pub(super) fn multihash(address: &ContentAddress, dialect: CidDialect) -> String {
    let function = match dialect {
        CidDialect::Raw => OLD_BLAKE3,
        CidDialect::Blob => BLAKE3,
    };
    multibase::encode_base64url(&[&[function][..], address.blake3()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Base;
    use proptest::prelude::*;

    /// Written by the crate `s5_core` 1.0.0-beta.2, an implementation by other people.
    const S5_CORE: &str = include_str!("../../tests/fixtures/s5/blob-identifiers.json");

    #[test]
    fn blob_identifiers_are_those_of_another_implementation() {
        let vectors: Vec<serde_json::Value> = serde_json::from_str(S5_CORE).unwrap();
        assert_eq!(vectors.len(), 14);
        for vector in vectors {
            let size = vector["size"].as_u64().unwrap();
            let hash = blake3::Hash::from_hex(vector["blake3"].as_str().unwrap()).unwrap();
            let address = ContentAddress::new(*hash.as_bytes(), size);
            for (base, name) in Base::ALL.into_iter().zip(["base16", "base32", "base58btc", "base64url"]) {
                let theirs = vector[name].as_str().unwrap();
                assert_eq!(address.to_cid(CidDialect::Blob, base), theirs);
                assert_eq!(theirs.parse::<ContentAddress>().unwrap(), address);
                assert_eq!(format!("s5://{theirs}").parse::<ContentAddress>().unwrap(), address);
            }
        }
    }

    /// The example of another library's documentation.
    #[test]
    fn raw_identifiers_are_those_of_another_implementation() {
        let theirs = "uJh9HlpMAkwc3YGnUflReWWPwj6Vtg3ihGyXFYNe_KvJbGl_fj1s";
        let address: ContentAddress = theirs.parse().unwrap();
        assert_eq!(address.blake3_hex(), "479693009307376069d47e545e5963f08fa56d8378a11b25c560d7bf2af25b1a");
        assert_eq!(address.size(), 1_536_155_487);
        assert_eq!(address.to_cid(CidDialect::Raw, Base::Base64Url), theirs);
    }

    #[test]
    fn other_identifiers_are_told_apart() {
        // "Hello, world!" under SHA-256, from the S5 specification.
        let sha256 = "blobbf3pfycyq6lwes6ogtnjpmhsc75nucnizzye34dyu2cmnz7s7n6i";
        assert_eq!(sha256.parse::<ContentAddress>(), Err(CidError::OtherKind("another hash function")));
        let of = |bytes: &[u8]| from_bytes(bytes).unwrap_err();
        assert_eq!(of(&[0x5b, 0x83, 0x1e]), CidError::OtherKind("an encrypted blob"));
        assert_eq!(of(&[0x26, 0x12]), CidError::OtherKind("another hash function"));
        for other in [&[][..], &[0x26], &[0x5b], &[0x5b, 0x84, 0x1e], &[0x12, 0x20], &[1, 0x55, 0x1e, 0x20]] {
            assert!(matches!(of(other), CidError::OtherKind(_)), "{other:?}");
        }
        let hash = [7; 32];
        let short = [&[0x26, 0x1f], &hash[..31]].concat();
        assert_eq!(of(&short), CidError::BadLength { bytes: 33 });
        let long = [&[0x26, 0x1f], &hash[..], &[1; 9]].concat();
        assert_eq!(of(&long), CidError::BadLength { bytes: 43 });
        assert!("s5://".parse::<ContentAddress>().is_err());
    }

    proptest! {
        #[test]
        fn both_dialects_in_all_bases_read_what_they_wrote(hash in any::<[u8; 32]>(), size in any::<u64>(), shift in 0..64) {
            let address = ContentAddress::new(hash, size >> shift);
            for dialect in [CidDialect::Raw, CidDialect::Blob] {
                for base in Base::ALL {
                    prop_assert_eq!(address.to_cid(dialect, base).parse::<ContentAddress>().unwrap(), address);
                }
            }
            let json = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<ContentAddress>(&json).unwrap(), address);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,140}") {
            let _ = text.parse::<ContentAddress>();
        }
    }
}
