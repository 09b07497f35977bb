//! Where things are kept.

mod cache;

pub use cache::{Cache, Lock, StorageError, check_writable, write_atomic};
