//! Why a contract refused a call: revert data as typed errors.

mod claims;

pub use claims::ClaimRefusal;

use super::bindings::{
    IClaimRegistry::IClaimRegistryErrors as OfClaims, IModelRegistry::IModelRegistryErrors as OfModels,
    INativeVerifier::INativeVerifierErrors as OfNative, INetworkVerifier::INetworkVerifierErrors as OfNetwork,
    IProofRegistry::IProofRegistryErrors as OfProofs, IVerifierAdapter::IVerifierAdapterErrors as OfAdapter,
};
use crate::FailureClass;
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{GenericContractError, SolInterface},
};

/// A revert, decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The adapter did not accept the proof.
    #[error("the proof does not prove this statement (ProofInvalid)")]
    ProofInvalid,
    /// A call to a contract that is not there.
    #[error("there is no contract at {0}; deploy it first, or check that the chain is the right one")]
    NoCode(Address),
    /// The public values are not a whole number of elements.
    #[error(
        "the public values have {0} bytes, which is no whole number of elements; they do not follow the model's schema"
    )]
    PublicValuesLength(U256),
    /// The proof cannot have this length.
    #[error("no proof of this model is {0} bytes long; the proof is damaged or of another backend")]
    ProofLength(U256),
    /// An element has no counterpart in the field, or a second encoding.
    #[error("element {0} of the public values is outside the field's range; only the canonical encoding is accepted")]
    ValueOutOfRange(U256),
    /// The registry does not know the model.
    #[error("model {0} is not registered there; register it first")]
    UnknownModel(B256),
    /// The account delegates to other code (EIP-7702).
    #[error("{0} is an account that delegates to other code (EIP-7702), not a contract; deploy the contract itself")]
    DelegatedCode(Address),
    /// The code is not what the model id names.
    #[error("the code at {0} is not the code that the model id names; deploy it anew and register the model again")]
    CodeChanged(Address),
    /// The account has not registered the model, or has retired it.
    #[error(
        "{account} is no registrant of model {model_id}, or has retired it already; only registrants retire a model"
    )]
    NotRegistrant {
        /// The model.
        model_id: B256,
        /// The caller.
        account: Address,
    },
    /// The caller is not the submitter of the assignment.
    #[error(
        "only {submitter} may submit this claim, not {caller}; submit with its key, or make the statement for yours"
    )]
    SubmitterMismatch {
        /// Whom the statement is made for.
        submitter: Address,
        /// Who tried.
        caller: Address,
    },
    /// The deadline has passed.
    #[error("the statement's deadline (Unix time {0}) has passed; prove or wrap it again with a later one")]
    DeadlinePassed(u64),
    /// The statement is recorded already.
    #[error("statement {0} is recorded already; a claim is made once, so there is nothing left to submit")]
    ClaimExists(B256),
    /// There is no statement in the batch.
    #[error("the batch has no statements; a batch takes one at least")]
    EmptyBatch,
    /// The lists of a batch differ in length.
    #[error("the batch has {assignments} assignments and {public_values} lists of public values; it takes one each")]
    BatchLengths {
        /// How many contexts.
        assignments: U256,
        /// How many lists of public values.
        public_values: U256,
    },
    /// The model's adapter takes one statement per proof.
    #[error(
        "the adapter at {0} takes one statement per proof (the proof was not looked at); \
         prove and submit the statements one by one, or use the native backend"
    )]
    BatchUnsupported(Address),
    /// The native verifier does not take this many statements of this model.
    #[error("no proof of this model can be about {0} statements; prove fewer at once")]
    BatchSize(U256),
    /// A scalar of a native proof is not canonical.
    #[error("the word at byte {0} of the proof is no scalar; the proof is damaged")]
    ScalarOutOfRange(U256),
    /// A point of a native proof is none.
    #[error("the 64 bytes at byte {0} of the proof are no point; the proof is damaged")]
    PointInvalid(U256),
    /// A commitment among the public values is no point.
    #[error("the 64 bytes at byte {0} of the public values are no commitment, which the model's key says they are")]
    CommitmentInvalid(U256),
    /// The model's code is no verifying key of the native verifier.
    #[error("the model's code is no verifying key: {0}; deploy the key object anew and register the model with it")]
    KeyObject(&'static str),
    /// The model's code holds a verifying key, but not the model's.
    #[error("the model's code holds the verifying key with digest {0}, which is not the model's")]
    KeyDigest(B256),
    /// The model's key object has another program than its key names.
    #[error(
        "the model's code has the program with digest {0}, which its verifying key does not name; is a page another one?"
    )]
    ProgramDigest(B256),
    /// The program in the model's key object is not one that the verifier takes.
    #[error(
        "the program in the model's code is refused: {what}, at its byte {offset}; no proof of this model is accepted"
    )]
    Program {
        /// What of it.
        what: &'static str,
        /// Where, in bytes; 0 where that says nothing.
        offset: U256,
    },
    /// A contract that the verifier calls is not there, or is another one.
    #[error(
        "the part of the verifier has code hash {0}, which is not the one that the verifier names; deploy the verifier anew"
    )]
    PartInvalid(B256),
    /// The verifier has no points of the model's SRS.
    #[error("the verifier does not know SRS {0}; each ceremony has a verifier of its own")]
    UnknownSrs(B256),
    /// The verifier's points do not reach far enough.
    #[error("the verifier's SRS does not reach tau^(2^{0}), which the model needs")]
    SrsTooSmall(U256),
    /// A precompiled contract failed although its input was checked.
    #[error(
        "precompiled contract {0} gave no answer: too little gas, or a chain with other prices; this says nothing of the proof"
    )]
    PrecompileFailed(U256),
    /// A claim registry refused.
    #[error(transparent)]
    Claim(#[from] ClaimRefusal),
    /// A revert without data.
    #[error("the contract refused without giving a reason")]
    Silent,
    /// `revert("…")`, `assert` and the like.
    #[error("the contract refused: {0:?}")]
    Text(String),
    /// Not an error of the contracts here.
    #[error("the contract refused with an unknown error {0}; it is not one of this toolkit's, or of another version")]
    Unknown(Bytes),
}

impl Refusal {
    /// Decodes revert data.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        if data.is_empty() {
            return Self::Silent;
        }
        if let Ok(error) = OfAdapter::abi_decode_validate(data) {
            return match error {
                OfAdapter::ProofInvalid(_) => Self::ProofInvalid,
                OfAdapter::NoCode(error) => Self::NoCode(error.account),
                OfAdapter::PublicValuesLength(error) => Self::PublicValuesLength(error.length),
                OfAdapter::ProofLength(error) => Self::ProofLength(error.length),
                OfAdapter::ValueOutOfRange(error) => Self::ValueOutOfRange(error.index),
            };
        }
        if let Ok(error) = OfModels::abi_decode_validate(data) {
            return match error {
                OfModels::UnknownModel(error) => Self::UnknownModel(error.modelId),
                OfModels::NoCode(error) => Self::NoCode(error.account),
                OfModels::DelegatedCode(error) => Self::DelegatedCode(error.account),
                OfModels::CodeChanged(error) => Self::CodeChanged(error.account),
                OfModels::NotRegistrant(error) => {
                    Self::NotRegistrant { model_id: error.modelId, account: error.account }
                }
            };
        }
        if let Ok(error) = OfProofs::abi_decode_validate(data) {
            return match error {
                OfProofs::SubmitterMismatch(error) => {
                    Self::SubmitterMismatch { submitter: error.submitter, caller: error.caller }
                }
                OfProofs::DeadlinePassed(error) => Self::DeadlinePassed(error.deadline),
                OfProofs::ClaimExists(error) => Self::ClaimExists(error.statementId),
                OfProofs::EmptyBatch(_) => Self::EmptyBatch,
                OfProofs::BatchLengths(error) => {
                    Self::BatchLengths { assignments: error.assignments, public_values: error.publicValues }
                }
                OfProofs::BatchUnsupported(error) => Self::BatchUnsupported(error.adapter),
            };
        }
        if let Ok(error) = OfNative::abi_decode_validate(data) {
            return Self::of_native(error);
        }
        if let Ok(error) = OfNetwork::abi_decode_validate(data) {
            return Self::of_network(error);
        }
        if let Some(refusal) = OfClaims::abi_decode_validate(data).ok().and_then(ClaimRefusal::decode) {
            return Self::Claim(refusal);
        }
        match GenericContractError::abi_decode_validate(data) {
            Ok(GenericContractError::Revert(error)) => Self::Text(error.reason),
            Ok(GenericContractError::Panic(error)) => Self::Text(error.to_string()),
            Err(_) => Self::Unknown(Bytes::copy_from_slice(data)),
        }
    }

    fn of_native(error: OfNative) -> Self {
        match error {
            OfNative::KeyPrefix(_) => Self::KeyObject("it does not begin with a zero byte"),
            OfNative::KeyLength(_) => Self::KeyObject("it has a length that no key has"),
            OfNative::KeyVersion(_) => Self::KeyObject("it is of a version that the verifier does not know"),
            OfNative::KeyShape(_) => Self::KeyObject("its shape is outside of the protocol's bounds"),
            OfNative::KeyPoint(_) => Self::KeyObject("its commitment is no point"),
            OfNative::KeyDigest(error) => Self::KeyDigest(error.digest),
            OfNative::UnknownSrs(error) => Self::UnknownSrs(error.srsId),
            OfNative::SrsTooSmall(error) => Self::SrsTooSmall(error.exponent),
            OfNative::BatchSize(error) => Self::BatchSize(error.statements),
            OfNative::ScalarOutOfRange(error) => Self::ScalarOutOfRange(error.offset),
            OfNative::PointInvalid(error) => Self::PointInvalid(error.offset),
            OfNative::CommitmentInvalid(error) => Self::CommitmentInvalid(error.offset),
            OfNative::PrecompileFailed(error) => Self::PrecompileFailed(error.precompile),
        }
    }

    fn of_network(error: OfNetwork) -> Self {
        let program = |what, offset| Self::Program { what, offset };
        match error {
            OfNetwork::ProgramDigest(error) => Self::ProgramDigest(error.digest),
            OfNetwork::PartInvalid(error) => Self::PartInvalid(error.codeHash),
            OfNetwork::ProgramLength(error) => program("it does not end where its last operation does", error.length),
            OfNetwork::ProgramEnd(_) => program("it ends within a kind", U256::ZERO),
            OfNetwork::ProgramHeader(_) => program("a number is outside of the protocol's bounds", U256::ZERO),
            OfNetwork::ProgramKind(error) => program("a kind", error.offset),
            OfNetwork::ProgramTensor(error) => program("a tensor", error.offset),
            OfNetwork::ProgramPort(error) => program("a port", error.offset),
            OfNetwork::ProgramAccess(error) => program("an access", error.offset),
            OfNetwork::ProgramTerm(error) => program("a term", error.offset),
            OfNetwork::ProgramHat(error) => program("a public hat", error.offset),
            OfNetwork::ProgramSegment(error) => program("a segment", error.offset),
            OfNetwork::ProgramLimit(error) => {
                program("it has more of something than the protocol allows", error.offset)
            }
        }
    }

    /// [`FailureClass::Invalid`] when it is the proof that was refused, the environment's fault when the chain or node could
    /// not tell, bad input otherwise.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::ProofInvalid => FailureClass::Invalid,
            Self::PrecompileFailed(_) => FailureClass::Environment,
            _ => FailureClass::BadInput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::bindings::{INativeVerifier, IProofRegistry, IVerifierAdapter};
    use alloy::{
        primitives::{address, bytes},
        sol_types::{Revert, SolError},
    };

    #[test]
    fn decodes_what_the_contracts_revert_with() {
        let account = address!("0x00000000000000000000000000000000000000aa");
        let cases = [
            (IVerifierAdapter::ProofInvalid {}.abi_encode(), Refusal::ProofInvalid),
            (IVerifierAdapter::NoCode { account }.abi_encode(), Refusal::NoCode(account)),
            (IProofRegistry::DeadlinePassed { deadline: 7 }.abi_encode(), Refusal::DeadlinePassed(7)),
            (IProofRegistry::BatchUnsupported { adapter: account }.abi_encode(), Refusal::BatchUnsupported(account)),
            (IProofRegistry::EmptyBatch {}.abi_encode(), Refusal::EmptyBatch),
            (
                INativeVerifier::ScalarOutOfRange { offset: U256::from(64) }.abi_encode(),
                Refusal::ScalarOutOfRange(U256::from(64)),
            ),
            (INativeVerifier::BatchSize { statements: U256::ZERO }.abi_encode(), Refusal::BatchSize(U256::ZERO)),
            (
                INativeVerifier::KeyShape {}.abi_encode(),
                Refusal::KeyObject("its shape is outside of the protocol's bounds"),
            ),
            (Vec::new(), Refusal::Silent),
            (Revert::from("out of order").abi_encode(), Refusal::Text("out of order".into())),
            (vec![1, 2, 3, 4, 5], Refusal::Unknown(bytes!("0102030405"))),
        ];
        for (data, expected) in cases {
            assert_eq!(Refusal::decode(&data), expected);
        }
    }

    #[test]
    fn truncated_errors_are_unknown_not_guessed() {
        let mut data = IProofRegistry::DeadlinePassed { deadline: 7 }.abi_encode();
        data.pop();
        assert!(matches!(Refusal::decode(&data), Refusal::Unknown(_)));
    }

    /// None of the contracts' errors is unknown, whatever its arguments.
    #[test]
    fn every_error_of_the_contracts_is_known() {
        let selectors = OfAdapter::selectors()
            .chain(OfModels::selectors())
            .chain(OfProofs::selectors())
            .chain(OfNative::selectors())
            .chain(OfNetwork::selectors())
            .chain(OfClaims::selectors());
        for selector in selectors {
            // Two words of arguments, or one, or none: whichever it takes.
            let known = (0..3).any(|words| {
                let data = [&selector[..], &vec![0; 32 * words]].concat();
                !matches!(Refusal::decode(&data), Refusal::Unknown(_))
            });
            assert!(known, "{selector:02x?}");
        }
    }

    #[test]
    fn only_a_refused_proof_is_invalid() {
        assert_eq!(Refusal::ProofInvalid.class(), FailureClass::Invalid);
        assert_eq!(Refusal::BatchUnsupported(Address::ZERO).class(), FailureClass::BadInput);
        assert_eq!(Refusal::Silent.class(), FailureClass::BadInput);
        assert_eq!(Refusal::PrecompileFailed(U256::from(8)).class(), FailureClass::Environment);
    }
}
