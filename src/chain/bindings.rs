//! The contracts' interfaces and their errors. They live in [`crate::evm`], because the embedded EVM needs them too.

pub use crate::evm::{
    ClaimRefusal, Refusal,
    bindings::{
        IBatchVerifierAdapter, IClaimRegistry, IEzklVerifier, IModelRegistry, IProofRegistry, IVerifierAdapter,
        ModelKey,
    },
};
