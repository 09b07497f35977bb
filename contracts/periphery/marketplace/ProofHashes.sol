// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IClaimRegistry} from "../../interfaces/IClaimRegistry.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {PeripheryVerifier} from "../PeripheryVerifier.sol";
import {IProofHashes} from "./IProofHashes.sol";

/// @title ProofHashes
/// @notice For marketplaces that know a proof by the SHA-256 of its bytes, and keep the bytes in a store: whether a hash is that of a valid proof,
/// and of which node.
///
/// A node proves its hash once, with the bytes. After that the marketplace asks `isVerified`, or uses the hash up (`markProofUsed`).
/// @dev A statement has many proofs, hence many hashes. What is used up is the statement: a proof that was re-randomized has another hash, and is
/// used already. What a hash does not cover is the number of tokens that a node wants to be paid for: nothing in a proof says it.
contract ProofHashes is IProofHashes, PeripheryVerifier {
    /// @notice What a hash stands for.
    struct Entry {
        address prover;
        bytes32 modelId;
        bytes32 statementId;
    }

    IClaimRegistry public immutable claims;

    /// @dev By the node that proved the hash: the same bytes may prove the statements of two.
    mapping(bytes32 proofHash => mapping(address prover => Entry)) private _entries;
    mapping(address marketplace => mapping(bytes32 statementId => bool)) private _used;

    constructor(IClaimRegistry claims_) PeripheryVerifier(claims_.modelRegistry()) {
        claims = claims_;
    }

    /// @inheritdoc IProofHashes
    function prove(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 proofHash) {
        if (claims.isBroken(modelId)) revert Broken(modelId);
        IProofRegistry registry = claims.proofRegistry();
        (address adapter,) = modelRegistry.resolve(modelId);
        if (!IVerifierAdapter(adapter).bindsStatement()) revert Transferable(modelId);
        if (!_accepts(modelId, registry.contextIdOf(assignment), publicValues, proof)) revert ProofInvalid();
        proofHash = sha256(proof);
        bytes32 statementId = claims.statementIdOf(modelId, assignment, keccak256(publicValues));
        _entries[proofHash][assignment.submitter] = Entry(assignment.submitter, modelId, statementId);
        emit HashProven(proofHash, assignment.submitter, modelId, statementId);
    }

    /// @inheritdoc IProofHashes
    function isVerified(bytes32 proofHash, address prover) public view returns (bool) {
        Entry memory entry = _entries[proofHash][prover];
        return entry.prover != address(0) && !claims.isBroken(entry.modelId);
    }

    /// @inheritdoc IProofHashes
    function markProofUsed(bytes32 proofHash, address prover, uint256, bytes32 modelId) external returns (bool) {
        Entry memory entry = _entries[proofHash][prover];
        if (!isVerified(proofHash, prover) || entry.modelId != modelId) return false;
        if (_used[msg.sender][entry.statementId]) return false;
        _used[msg.sender][entry.statementId] = true;
        emit HashUsed(msg.sender, proofHash, prover, entry.statementId);
        return true;
    }
}
