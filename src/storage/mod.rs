//! Where things are kept.

mod cache;

pub use cache::{Cache, Lock, StorageError, write_atomic};
