// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IProofRegistry} from "./interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "./interfaces/IVerifierAdapter.sol";
import {Identities} from "./libraries/Identities.sol";

/// @title ProofRegistry
/// @dev Adapters are not trusted by this contract, only by those who pin a model id that contains their hash. A hostile adapter can put
/// false claims under its own model ids and under no others. It is called statically, so it cannot come back in and change anything.
contract ProofRegistry is IProofRegistry {
    /* STORAGE */

    /// @inheritdoc IProofRegistry
    IModelRegistry public immutable modelRegistry;

    /// @dev One slot each.
    mapping(bytes32 statementId => Claim) private _claims;

    /* CONSTRUCTION */

    constructor(IModelRegistry modelRegistry_) {
        modelRegistry = modelRegistry_;
    }

    /* SUBMISSION */

    /// @inheritdoc IProofRegistry
    function submit(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues, bytes calldata proof)
        external
        returns (bytes32 statementId)
    {
        if (msg.sender != assignment.submitter) revert SubmitterMismatch(assignment.submitter, msg.sender);
        if (block.timestamp > assignment.deadline) revert DeadlinePassed(assignment.deadline);

        bytes32 contextId = contextIdOf(assignment);
        bytes32 publicValuesHash = keccak256(publicValues);
        statementId = Identities.statementId(modelId, publicValuesHash, contextId);
        if (_claims[statementId].assurance != Assurance.None) revert ClaimExists(statementId);

        bool transferable = _verify(modelId, contextId, publicValues, proof);
        _record(statementId, modelId, assignment, publicValuesHash, sha256(proof), transferable);
    }

    /* VIEWS */

    /// @inheritdoc IProofRegistry
    function claim(bytes32 statementId) external view returns (Claim memory) {
        return _claims[statementId];
    }

    /// @inheritdoc IProofRegistry
    function isVerified(bytes32 statementId) external view returns (bool) {
        return _claims[statementId].assurance == Assurance.Verified;
    }

    /// @inheritdoc IProofRegistry
    function statementIdOf(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues)
        external
        view
        returns (bytes32)
    {
        return Identities.statementId(modelId, keccak256(publicValues), contextIdOf(assignment));
    }

    /// @inheritdoc IProofRegistry
    /// @dev The chain id is read each time: after a fork of the chain the claims of one side are not those of the other.
    function contextIdOf(Assignment calldata assignment) public view returns (bytes32) {
        return Identities.contextId(
            block.chainid, address(this), assignment.submitter, assignment.consumer, assignment.job, assignment.deadline
        );
    }

    /* INTERNAL */

    /// @dev Reverts unless the model's adapter accepts the proof. `resolve` has compared the code of the adapter and of the model with
    /// the hashes in the id just before, in this transaction, so what accepts the proof is the code that the id names.
    function _verify(bytes32 modelId, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        private
        view
        returns (bool transferable)
    {
        (address adapter, ModelKey memory key) = modelRegistry.resolve(modelId);
        IVerifierAdapter(adapter).verify(key, contextId, publicValues, proof);
        return !IVerifierAdapter(adapter).bindsStatement();
    }

    function _record(
        bytes32 statementId,
        bytes32 modelId,
        Assignment calldata assignment,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        bool transferable
    ) private {
        _claims[statementId] = Claim({
            submitter: assignment.submitter,
            recordedAt: uint64(block.timestamp),
            assurance: Assurance.Verified,
            transferable: transferable
        });
        emit ClaimRecorded(
            statementId,
            modelId,
            assignment.submitter,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            publicValuesHash,
            proofHash,
            Assurance.Verified,
            transferable
        );
    }
}
