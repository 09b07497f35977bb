//! What a proof says and how it travels: plain data, no I/O.
//!
//! [`Statement`] is what is claimed, [`Bundle`] the file that carries it with its proof, [`Verdict`] what a verifier
//! answers; [`Structure`] is how bundles travel together. The names of all of them are computed in [`identity`]; `docs/identities.md` defines them.

pub mod bundle;
pub mod encoding;
pub mod identity;
pub mod merkle;
pub mod schema;
pub mod srs;
pub mod statement;
pub mod structure;
mod verdict;

pub use bundle::{Bundle, BundleError, Manifest};
pub use encoding::{Compression, Encoding, EncodingError};
pub use merkle::{InclusionProof, MerkleTree};
pub use schema::{PublicValues, Schema, SchemaError, TensorSchema};
pub use statement::{Assignment, Context, Statement};
pub use structure::{Aggregated, Branch, Recursive, Structure, StructureError};
pub use verdict::Verdict;
