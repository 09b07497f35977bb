// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBatchVerifierAdapter} from "./interfaces/IBatchVerifierAdapter.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IProofRegistry} from "./interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "./interfaces/IVerifierAdapter.sol";
import {Identities} from "./libraries/Identities.sol";

/// @title ProofRegistry
/// @dev Adapters are not trusted by this contract, only by those who pin a model id that contains their hash. A hostile adapter can put
/// false claims under its own model ids and under no others. It is called statically, so it cannot come back in and change anything.
contract ProofRegistry is IProofRegistry {
    /* CONSTANTS */

    /// @dev With less gas than this left, an adapter that refuses silently is taken for one that ran out of gas.
    uint256 private constant PROBE_GAS = 100_000;

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
        bytes32 contextId;
        bytes32 publicValuesHash;
        (statementId, contextId, publicValuesHash) = _open(modelId, assignment, publicValues);
        bool transferable = _verify(modelId, contextId, publicValues, proof);
        _record(statementId, modelId, assignment, publicValuesHash, sha256(proof), transferable);
    }

    /// @inheritdoc IProofRegistry
    function submitBatch(
        bytes32 modelId,
        Assignment[] calldata assignments,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32[] memory statementIds) {
        uint256 count = assignments.length;
        if (count == 0) revert EmptyBatch();
        if (publicValues.length != count) revert BatchLengths(count, publicValues.length);

        statementIds = new bytes32[](count);
        bytes32[] memory contextIds = new bytes32[](count);
        bytes32[] memory publicValuesHashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            (statementIds[i], contextIds[i], publicValuesHashes[i]) = _open(modelId, assignments[i], publicValues[i]);
        }

        bool transferable = _verifyBatch(modelId, contextIds, publicValues, proof);

        bytes32 proofHash = sha256(proof);
        for (uint256 i = 0; i < count; i++) {
            // A second time: the same statement may be earlier in the batch.
            _requireNew(statementIds[i]);
            _record(statementIds[i], modelId, assignments[i], publicValuesHashes[i], proofHash, transferable);
        }
        emit BatchRecorded(Identities.batchId(statementIds), modelId, msg.sender, count, proofHash);
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

    /// @dev The ids of a statement that the caller may make a claim of now. Reverts if it may not.
    function _open(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues)
        private
        view
        returns (bytes32 statementId, bytes32 contextId, bytes32 publicValuesHash)
    {
        if (msg.sender != assignment.submitter) revert SubmitterMismatch(assignment.submitter, msg.sender);
        if (block.timestamp > assignment.deadline) revert DeadlinePassed(assignment.deadline);
        contextId = contextIdOf(assignment);
        publicValuesHash = keccak256(publicValues);
        statementId = Identities.statementId(modelId, publicValuesHash, contextId);
        _requireNew(statementId);
    }

    function _requireNew(bytes32 statementId) private view {
        if (_claims[statementId].assurance != Assurance.None) revert ClaimExists(statementId);
    }

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

    /// @dev Like `_verify`, for one proof of several statements.
    function _verifyBatch(
        bytes32 modelId,
        bytes32[] memory contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) private view returns (bool transferable) {
        (address adapter, ModelKey memory key) = modelRegistry.resolve(modelId);
        try IBatchVerifierAdapter(adapter).verifyBatch(key, contextIds, publicValues, proof) {}
        catch (bytes memory reason) {
            // Only a missing function refuses without a reason; or a call that ran out of gas, which leaves the 1/64 that is kept here.
            if (reason.length == 0 && gasleft() > PROBE_GAS && !_takesBatches(adapter, key)) {
                revert BatchUnsupported(adapter);
            }
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        return !IVerifierAdapter(adapter).bindsStatement();
    }

    /// @dev Whether an adapter has `verifyBatch`: then it gives a reason for refusing an empty batch. Asked only after a silent refusal, so
    /// that the answer names the error and decides nothing.
    function _takesBatches(address adapter, ModelKey memory key) private view returns (bool) {
        try IBatchVerifierAdapter(adapter).verifyBatch(key, new bytes32[](0), new bytes[](0), "") {
            return true;
        } catch (bytes memory reason) {
            return reason.length != 0;
        }
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
