//! What a proof says and how it travels: plain data, no I/O.
//!
//! [`Statement`] is what is claimed, [`Bundle`] the file that carries it with its proof, [`Verdict`] what a verifier
//! answers. The names of all of them are computed in [`identity`]; `docs/identities.md` defines them.

pub mod bundle;
pub mod identity;
pub mod schema;
pub mod statement;
mod verdict;

pub use bundle::{Bundle, BundleError, Manifest};
pub use schema::{PublicValues, Schema, SchemaError, TensorSchema};
pub use statement::{Assignment, Context, Statement};
pub use verdict::Verdict;
