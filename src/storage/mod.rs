//! Where things are kept: the cache of artifacts, and content-addressed stores of what travels.

mod address;
mod cache;
mod cid;
mod local;
mod lru;
mod multibase;
mod pins;
pub mod s5;
mod store;

pub use address::ContentAddress;
pub use cache::{Cache, Lock, StorageError, check_writable, write_atomic};
pub use cid::{CidDialect, CidError};
pub use local::LocalStore;
pub use lru::{Eviction, Lease};
pub use multibase::Base;
pub use s5::S5Store;
pub use store::{ContentStore, MAX_IN_MEMORY_BYTES, StoreError};
