//! How structures are written: Standard (JSON) or Compact (canonical binary), either one optionally compressed.
//!
//! | first bytes | what it is |
//! |---|---|
//! | `{` | Standard: a bundle, `zkinfer-aggregated` or `zkinfer-recursive` |
//! | `zkic` | Compact, version 1 |
//! | `zkiz` | the length of what follows as 8 bytes big-endian, then one zstd frame that holds a Standard or Compact form |
//!
//! Reading is bounded by [`MAX_BUNDLE_BYTES`], before and after decompression.

mod compact;
mod flat;
#[cfg(test)]
mod tests;

use super::{
    Bundle, BundleError, SchemaError, Structure,
    bundle::{MAX_BUNDLE_BYTES, MAX_STATEMENTS},
    structure::StructureError,
};
use flat::Flat;
use serde::{Deserialize, Serialize};

const COMPRESSED: &[u8; 4] = b"zkiz";
const LENGTH_BYTES: usize = 8;
/// 2^26 bytes is [`MAX_BUNDLE_BYTES`]: no frame needs a larger window.
const WINDOW_LOG_MAX: u32 = 26;

/// How a structure is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// JSON: for people and other programs.
    #[default]
    Standard,
    /// Binary, one form per structure, what can be derived left out.
    Compact,
}

/// How much work goes into making the bytes few. Every level keeps the smallest of what it and the levels below make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As encoded.
    #[default]
    None,
    /// zstd 1.
    Fast,
    /// zstd 6.
    Balanced,
    /// zstd 19.
    Maximum,
}

/// Why bytes are no structure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// Larger than [`MAX_BUNDLE_BYTES`], compressed or not.
    #[error("{0} bytes are more than the {MAX_BUNDLE_BYTES} that are read")]
    TooLarge(u64),
    /// Neither JSON nor one of the binary forms.
    #[error("these bytes are no bundle in any encoding")]
    Unknown,
    /// The JSON is of another format or version.
    #[error("the format is `{format}` version {version}, which this release does not read")]
    UnknownFormat {
        /// As the file says.
        format: String,
        /// As the file says.
        version: u32,
    },
    /// Not the JSON of its format.
    #[error("this is not JSON of the format it names: {0}")]
    Json(#[from] serde_json::Error),
    /// The binary form ends too soon, or a field holds what it cannot.
    #[error("malformed at byte {offset}: {problem}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What.
        problem: &'static str,
    },
    /// Bytes after the end.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// Another way to write what has one way.
    #[error("this is not the canonical form: {0}")]
    NotCanonical(&'static str),
    /// A text or a list is longer than it may be.
    #[error("{what} is longer than {limit}")]
    TooLong {
        /// What.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The compressed part is damaged, or is not of the length it declares.
    #[error("cannot decompress: {0}")]
    Decompression(String),
    /// A part is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A schema is not canonical.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The bundles make no structure.
    #[error(transparent)]
    Structure(#[from] StructureError),
}

impl Structure {
    /// Writes it. The same structure, encoding and compression give the same bytes in one release.
    #[must_use]
    pub fn encode(&self, encoding: Encoding, compression: Compression) -> Vec<u8> {
        let plain = match (encoding, self) {
            (Encoding::Standard, Self::Single(bundle)) => bundle.to_json(),
            (Encoding::Standard, _) => Flat::of(self).to_json(),
            (Encoding::Compact, _) => compact::write(&Flat::of(self)),
        };
        compress(plain, compression)
    }

    /// Reads any encoding.
    ///
    /// # Errors
    /// [`EncodingError`]; nothing it returns has an inner contradiction, and reading is bounded in time and memory.
    pub fn decode(bytes: &[u8]) -> Result<Self, EncodingError> {
        check_size(bytes.len() as u64)?;
        match bytes.strip_prefix(COMPRESSED) {
            Some(rest) => Self::decode_plain(&decompress(rest)?),
            None => Self::decode_plain(bytes),
        }
    }

    fn decode_plain(bytes: &[u8]) -> Result<Self, EncodingError> {
        if compact::is(bytes) {
            let structure = compact::read(bytes)?.into_structure()?;
            // One comparison covers every way of writing the same thing twice: unused or repeated rows, their order.
            if compact::write(&Flat::of(&structure)) != bytes {
                return Err(EncodingError::NotCanonical("its table of models is not in the order of use"));
            }
            return Ok(structure);
        }
        if bytes.first() != Some(&b'{') {
            return Err(EncodingError::Unknown);
        }
        if flat::is_bundle(bytes)? {
            return Ok(Bundle::from_json(bytes)?.into());
        }
        Flat::from_json(bytes)?.into_structure()
    }
}

fn check_size(bytes: u64) -> Result<(), EncodingError> {
    if bytes > MAX_BUNDLE_BYTES as u64 { Err(EncodingError::TooLarge(bytes)) } else { Ok(()) }
}

fn compress(plain: Vec<u8>, compression: Compression) -> Vec<u8> {
    let levels = [(Compression::Fast, 1), (Compression::Balanced, 6), (Compression::Maximum, 19)];
    let header = [&COMPRESSED[..], &(plain.len() as u64).to_be_bytes()].concat();
    let forms = levels.iter().filter(|(level, _)| *level <= compression).filter_map(|(_, zstd)| {
        // zstd refuses no input; if it ever did, the uncompressed form is there.
        let frame = zstd::bulk::compress(&plain, *zstd).ok()?;
        Some([&header[..], &frame].concat())
    });
    let smallest = forms.min_by_key(Vec::len);
    smallest.filter(|form| form.len() < plain.len()).unwrap_or(plain)
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let failed = |problem: &str| EncodingError::Decompression(problem.into());
    let (length, frame) = bytes.split_at_checked(LENGTH_BYTES).ok_or_else(|| failed("the length is missing"))?;
    let declared = length.iter().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    check_size(declared)?;
    // Not checked by the decompressor: it reads all frames that follow each other.
    if zstd::zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(failed("it is not one zstd frame"));
    }
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(|error| failed(&error.to_string()))?;
    let window = zstd::zstd_safe::DParameter::WindowLogMax(WINDOW_LOG_MAX);
    decompressor.set_parameter(window).map_err(|error| failed(&error.to_string()))?;
    // Bounded above; the frame cannot write past it.
    let capacity = usize::try_from(declared).map_err(|_| EncodingError::TooLarge(declared))?;
    let plain = decompressor.decompress(frame, capacity).map_err(|error| failed(&error.to_string()))?;
    if plain.len() != capacity {
        return Err(failed("it is shorter than it declares"));
    }
    Ok(plain)
}
