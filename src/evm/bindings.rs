//! The contracts' interfaces as Rust types: `contracts/interfaces/`, declaration by declaration.
//!
//! They are written out, not generated from the artifacts, so that they are read together with the code that uses
//! them. A test compares every selector and event with the artifacts' ABIs.

// The declarations are documented where they are defined, contracts/interfaces/, and have as many fields as there.
#![allow(missing_docs, clippy::too_many_arguments)]

mod claims;

pub use claims::IClaimRegistry;

use alloy::sol;

sol! {
    /// What a model id is made of, as far as a verifier may need it.
    #[derive(Debug, PartialEq, Eq)]
    struct ModelKey {
        bytes32 modelId;
        address modelCode;
        bytes32 vkDigest;
        bytes32 schemaHash;
        bytes32 srsId;
    }

    #[derive(Debug, PartialEq, Eq)]
    interface IVerifierAdapter {
        error ProofInvalid();
        error NoCode(address account);
        error PublicValuesLength(uint256 length);
        error ProofLength(uint256 length);
        error ValueOutOfRange(uint256 index);

        function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
            external view;
        function bindsStatement() external pure returns (bool);
        function name() external pure returns (string memory);
    }

    /// What an adapter has besides when one proof can be about several statements.
    #[derive(Debug, PartialEq, Eq)]
    interface IBatchVerifierAdapter {
        function verifyBatch(
            ModelKey calldata model,
            bytes32[] calldata contextIds,
            bytes[] calldata publicValues,
            bytes calldata proof
        ) external view;
    }

    /// What the native verifier refuses with besides the errors of every adapter.
    #[derive(Debug, PartialEq, Eq)]
    interface INativeVerifier {
        function srsId() external pure returns (bytes32);
        function ACCEPTS_TEST_SRS() external pure returns (bool);

        error KeyPrefix();
        error KeyLength(uint256 length);
        error KeyVersion();
        error KeyShape();
        error KeyPoint();
        error KeyDigest(bytes32 digest);
        error UnknownSrs(bytes32 srsId);
        error SrsTooSmall(uint256 exponent);
        error BatchSize(uint256 statements);
        error ScalarOutOfRange(uint256 offset);
        error PointInvalid(uint256 offset);
        error CommitmentInvalid(uint256 offset);
        error PrecompileFailed(uint256 precompile);
    }

    /// What the verifier of general networks refuses with besides those of the native verifier.
    #[derive(Debug, PartialEq, Eq)]
    interface INetworkVerifier {
        error ProgramDigest(bytes32 digest);
        error ProgramLength(uint256 length);
        error ProgramEnd();
        error ProgramHeader();
        error ProgramKind(uint256 offset);
        error ProgramTensor(uint256 offset);
        error ProgramPort(uint256 offset);
        error ProgramAccess(uint256 offset);
        error ProgramTerm(uint256 offset);
        error ProgramHat(uint256 offset);
        error ProgramSegment(uint256 offset);
        error ProgramLimit(uint256 offset);
        error PartInvalid(bytes32 codeHash);
    }

    #[derive(Debug, PartialEq, Eq)]
    interface IModelRegistry {
        struct Model {
            address adapter;
            address modelCode;
            bytes32 adapterId;
            bytes32 codeHash;
            bytes32 vkDigest;
            bytes32 schemaHash;
            bytes32 srsId;
        }

        enum Standing { None, Registered, Retired }

        error UnknownModel(bytes32 modelId);
        error NoCode(address account);
        error DelegatedCode(address account);
        error CodeChanged(address account);
        error NotRegistrant(bytes32 modelId, address account);

        event ModelRegistered(
            bytes32 indexed modelId,
            address indexed adapter,
            address indexed modelCode,
            bytes32 adapterId,
            bytes32 codeHash,
            bytes32 vkDigest,
            bytes32 schemaHash,
            bytes32 srsId,
            bytes schema
        );
        event ModelRelocated(bytes32 indexed modelId, address indexed adapter, address indexed modelCode);
        event RegistrantAdded(bytes32 indexed modelId, address indexed registrant);
        event ModelRetired(bytes32 indexed modelId, address indexed registrant, string reason);

        function register(address adapter, address modelCode, bytes32 vkDigest, bytes32 srsId, bytes calldata schema)
            external returns (bytes32 modelId);
        function retire(bytes32 modelId, string calldata reason) external;
        function model(bytes32 modelId) external view returns (Model memory);
        function resolve(bytes32 modelId) external view returns (address adapter, ModelKey memory key);
        function standing(bytes32 modelId, address account) external view returns (Standing);
    }

    #[derive(Debug, PartialEq, Eq)]
    interface IProofRegistry {
        struct Assignment {
            address submitter;
            address consumer;
            bytes32 job;
            uint64 deadline;
        }

        enum Assurance { None, Attested, Optimistic, Verified }

        struct Claim {
            address submitter;
            uint64 recordedAt;
            Assurance assurance;
            bool transferable;
        }

        error SubmitterMismatch(address submitter, address caller);
        error DeadlinePassed(uint64 deadline);
        error ClaimExists(bytes32 statementId);
        error EmptyBatch();
        error BatchLengths(uint256 assignments, uint256 publicValues);
        error BatchUnsupported(address adapter);

        event ClaimRecorded(
            bytes32 indexed statementId,
            bytes32 indexed modelId,
            address indexed submitter,
            address consumer,
            bytes32 job,
            uint64 deadline,
            bytes32 publicValuesHash,
            bytes32 proofHash,
            Assurance assurance,
            bool transferable
        );
        event BatchRecorded(
            bytes32 indexed batchId,
            bytes32 indexed modelId,
            address indexed submitter,
            uint256 count,
            bytes32 proofHash
        );

        function submit(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues, bytes calldata proof)
            external returns (bytes32 statementId);
        function submitBatch(
            bytes32 modelId,
            Assignment[] calldata assignments,
            bytes[] calldata publicValues,
            bytes calldata proof
        ) external returns (bytes32[] memory statementIds);
        function modelRegistry() external view returns (address);
        function claim(bytes32 statementId) external view returns (Claim memory);
        function isVerified(bytes32 statementId) external view returns (bool);
        function statementIdOf(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues)
            external view returns (bytes32);
        function contextIdOf(Assignment calldata assignment) external view returns (bytes32);
    }

    /// The plain verifier that EZKL generates. It reverts with empty data instead of returning false.
    #[derive(Debug, PartialEq, Eq)]
    interface IEzklVerifier {
        function verifyProof(bytes calldata proof, uint256[] calldata instances) external returns (bool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::artifacts::{self, Artifact};
    use alloy::{
        json_abi::JsonAbi,
        primitives::B256,
        sol_types::{SolEvent, SolInterface},
    };
    use std::collections::BTreeSet;

    fn abi(artifact: &Artifact) -> JsonAbi {
        serde_json::from_value(artifact.abi.clone()).unwrap()
    }

    fn functions(abi: &JsonAbi) -> BTreeSet<[u8; 4]> {
        abi.functions().map(|function| function.selector().0).collect()
    }

    fn errors(abi: &JsonAbi) -> BTreeSet<[u8; 4]> {
        abi.errors().map(|error| error.selector().0).collect()
    }

    fn events(abi: &JsonAbi) -> BTreeSet<String> {
        abi.events().map(|event| event.selector().to_string()).collect()
    }

    #[test]
    fn the_adapter_is_as_its_artifact_says() {
        let abi = abi(artifacts::ezkl_adapter());
        assert_eq!(functions(&abi), IVerifierAdapter::IVerifierAdapterCalls::selectors().collect());
        assert_eq!(errors(&abi), IVerifierAdapter::IVerifierAdapterErrors::selectors().collect());
    }

    #[test]
    fn the_native_verifier_takes_batches_and_refuses_with_errors_that_are_known_here() {
        let batches = IBatchVerifierAdapter::IBatchVerifierAdapterCalls::selectors().collect();
        let known: BTreeSet<[u8; 4]> = INativeVerifier::INativeVerifierErrors::selectors()
            .chain(IVerifierAdapter::IVerifierAdapterErrors::selectors())
            .collect();
        let perceptrons = abi(artifacts::native_verifier());
        assert!(functions(&perceptrons).is_superset(&batches));
        assert_eq!(errors(&perceptrons), known);
        let networks = abi(artifacts::network_verifier());
        assert!(functions(&networks).is_superset(&batches));
        let known = known.into_iter().chain(INetworkVerifier::INetworkVerifierErrors::selectors()).collect();
        assert_eq!(errors(&networks), known);
    }

    #[test]
    fn the_model_registry_is_as_its_artifact_says() {
        let abi = abi(artifacts::model_registry());
        assert_eq!(functions(&abi), IModelRegistry::IModelRegistryCalls::selectors().collect());
        assert_eq!(errors(&abi), IModelRegistry::IModelRegistryErrors::selectors().collect());
        let ours = [
            IModelRegistry::ModelRegistered::SIGNATURE_HASH,
            IModelRegistry::ModelRelocated::SIGNATURE_HASH,
            IModelRegistry::RegistrantAdded::SIGNATURE_HASH,
            IModelRegistry::ModelRetired::SIGNATURE_HASH,
        ];
        assert_eq!(events(&abi), ours.iter().map(ToString::to_string).collect());
    }

    #[test]
    fn the_proof_registry_is_as_its_artifact_says() {
        let abi = abi(artifacts::proof_registry());
        assert_eq!(functions(&abi), IProofRegistry::IProofRegistryCalls::selectors().collect());
        assert_eq!(errors(&abi), IProofRegistry::IProofRegistryErrors::selectors().collect());
        let ours = [IProofRegistry::ClaimRecorded::SIGNATURE_HASH, IProofRegistry::BatchRecorded::SIGNATURE_HASH];
        assert_eq!(events(&abi), ours.iter().map(ToString::to_string).collect());
        for event in abi.events() {
            assert_eq!(event.inputs.iter().filter(|input| input.indexed).count(), 3, "{}", event.name);
        }
    }

    #[test]
    fn the_claim_registry_is_as_its_artifact_says() {
        let abi = abi(artifacts::claim_registry());
        assert_eq!(functions(&abi), IClaimRegistry::IClaimRegistryCalls::selectors().collect());
        assert_eq!(errors(&abi), IClaimRegistry::IClaimRegistryErrors::selectors().collect());
        let ours: BTreeSet<String> =
            IClaimRegistry::IClaimRegistryEvents::SELECTORS.iter().map(|s| B256::from(*s).to_string()).collect();
        assert_eq!(events(&abi), ours);
        // A selector does not say which words of an event are indexed.
        let indexed = |name: &str| {
            let event = abi.events().find(|event| event.name == name).unwrap();
            event.inputs.iter().map(|input| input.indexed).collect::<Vec<_>>()
        };
        assert_eq!(indexed("BatchSlashed"), [true, true, true, false]);
        assert_eq!(indexed("ClaimChallenged"), [true, true]);
        assert_eq!(indexed("AdapterBroken"), [true, true, true, false]);
        assert_eq!(indexed("Credited"), [true, false]);
        assert_eq!(indexed("Withdrawn"), [true, true, false]);
        for name in ["ClaimAttested", "ClaimPosted", "ClaimVerified", "BatchPosted", "LeafChallenged", "LeafAnswered"] {
            assert_eq!(indexed(name).iter().filter(|indexed| **indexed).count(), 3, "{name}");
        }
    }

    #[test]
    fn the_verifier_has_the_generated_ones_selector() {
        assert_eq!(IEzklVerifier::IEzklVerifierCalls::selectors().next().unwrap(), [0x1e, 0x8e, 0x1e, 0x13]);
    }
}
