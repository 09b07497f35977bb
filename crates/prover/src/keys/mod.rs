//! §3: keys of a model. Neither holds an SRS point.

mod proving;
mod verifying;

pub use proving::{ModelSecret, ProvingKey};
pub use verifying::{Level, VerifyingKey};
