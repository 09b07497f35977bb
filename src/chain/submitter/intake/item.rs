//! A file that waits to be submitted: a bundle, what is ordered for it, and what opens what it hides.

use super::IntakeError;
use crate::proof::{Bundle, Context, Structure, bundle::MAX_BUNDLE_BYTES};
use alloy::primitives::{Address, B256, keccak256};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The largest order that is read, in bytes.
const MAX_ORDER_BYTES: u64 = 4096;
/// What may be as large as a bundle: openings.
const MAX_BYTES: u64 = MAX_BUNDLE_BYTES as u64;

/// What is ordered for a bundle: a TOML file beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The 32 bytes that the consumer assigned.
    #[serde(default)]
    pub job: B256,
    /// The contract that it is for; zero: anybody.
    #[serde(default)]
    pub consumer: Address,
    /// Whether it is another claim of what was submitted before.
    #[serde(default)]
    pub again: bool,
}

/// A bundle that waits.
#[derive(Clone, Debug)]
pub struct Item {
    /// The name of its file.
    pub name: String,
    /// One inference, made for no chain.
    pub bundle: Bundle,
    /// What is ordered.
    pub order: Order,
    /// What opens its hidden tensors: the file's content.
    pub openings: Option<Vec<u8>>,
    /// When the file was written last, in Unix seconds.
    pub since: u64,
    /// Of what is to be claimed and for whom: the same wish has the same key.
    pub key: B256,
}

impl Item {
    /// Reads a file, and those beside it. `None`: it is not written to its end yet, as far as can be told.
    pub(super) fn read(path: &Path, now: u64) -> Result<Option<Self>, IntakeError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let since = modified(path)?;
        let bytes = read(path, MAX_BYTES)?.ok_or_else(|| IntakeError::Refused("it is gone".into()))?;
        let bundle = match Structure::decode(&bytes) {
            Ok(Structure::Single(bundle)) => *bundle,
            Ok(_) => return Err(refused("it holds several bundles: give a file for each")),
            // Whoever writes may not be done.
            Err(_) if now.saturating_sub(since) < super::SETTLED => return Ok(None),
            Err(error) => return Err(IntakeError::Refused(format!("it is no bundle: {error}"))),
        };
        if bundle.is_batch() {
            return Err(refused(
                "it proves several statements together: give a bundle for each inference, and they are put together here",
            ));
        }
        if bundle.statement().context != (Context::Offchain {}) {
            return Err(refused(
                "it is made for a chain already, with a deadline of its own: `zkinfer submit` takes it as it is",
            ));
        }
        let order = order(path)?;
        let openings = read(&beside(path, "openings.json"), MAX_BYTES)?;
        let mut bytes = b"zkinfer/submitter/wish/v1".to_vec();
        bytes.extend_from_slice(bundle.model_id().as_slice());
        bytes.extend_from_slice(keccak256(bundle.statement().public_values.as_bytes()).as_slice());
        bytes.extend_from_slice(order.job.as_slice());
        bytes.extend_from_slice(order.consumer.as_slice());
        Ok(Some(Self { name, bundle, order, openings, since, key: keccak256(bytes) }))
    }
}

/// The file that belongs to another one: `a.order.toml` to `a.bundle.json`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    path.with_file_name(format!("{stem}.{ending}"))
}

/// Whether a file is one that waits, by its name.
pub(super) fn is_item(name: &str) -> bool {
    let is_beside = name.ends_with(".openings.json") || name.ends_with(".order.toml");
    let is_partial = name.starts_with('.') || name.ends_with(".tmp") || name.ends_with(".part");
    !is_beside && !is_partial
}

fn order(path: &Path) -> Result<Order, IntakeError> {
    let Some(bytes) = read(&beside(path, "order.toml"), MAX_ORDER_BYTES)? else { return Ok(Order::default()) };
    let text = String::from_utf8(bytes).map_err(|_| refused("its order is no text"))?;
    toml::from_str(&text)
        .map_err(|error| IntakeError::Refused(format!("its order cannot be understood: {}", error.message())))
}

/// A file's content; `None` when there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, IntakeError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IntakeError::io(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| IntakeError::io(path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(IntakeError::Refused(format!("it is larger than {limit} bytes")));
    }
    Ok(Some(bytes))
}

fn modified(path: &Path) -> Result<u64, IntakeError> {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let modified: SystemTime = modified.map_err(|error| IntakeError::io(path, &error))?;
    Ok(modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn refused(reason: &str) -> IntakeError {
    IntakeError::Refused(reason.into())
}
