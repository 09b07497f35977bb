// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IProofRegistry} from "../../interfaces/IProofRegistry.sol";

/// @title IProofHashes
/// @notice What a marketplace that takes `submitProofOfWork(uint256 jobId, uint256 tokensClaimed, bytes32 proofHash, string proofCID, string deltaCID)`
/// asks of a proof system.
/// @dev The marketplace in production has no published standard. `markProofUsed` has the name, arguments and result with which contracts of that
/// family call their proof system, as of February 2026; no interface text of it was found, so the signature is taken from a caller. `isVerified`
/// is ours.
interface IProofHashes {
    /// @notice The model or its adapter is broken in the claim registry.
    error Broken(bytes32 modelId);

    /// @notice Proofs of the model bind no submitter: whoever sees one could have its hash noted for themselves.
    error Transferable(bytes32 modelId);

    /// @notice The proof was not accepted.
    error ProofInvalid();

    /// @notice A node's hash is that of a valid proof.
    event HashProven(bytes32 indexed proofHash, address indexed prover, bytes32 indexed modelId, bytes32 statementId);

    /// @notice A marketplace used a hash up, and with it the statement that it proves.
    event HashUsed(address indexed marketplace, bytes32 indexed proofHash, address indexed prover, bytes32 statementId);

    /// @notice Verifies a proof and notes its hash for the submitter of its assignment. Anybody may call.
    /// @return proofHash SHA-256 of the proof.
    function prove(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 proofHash);

    /// @notice Whether the hash is that of a valid proof of the node's, whose model is not broken.
    function isVerified(bytes32 proofHash, address prover) external view returns (bool);

    /// @notice Uses up, for the calling marketplace, the statement that a node's hash proves. False if there is none, it is of another model, or it
    /// was used.
    /// @param tokensClaimed Not looked at: no proof says it.
    function markProofUsed(bytes32 proofHash, address prover, uint256 tokensClaimed, bytes32 modelId)
        external
        returns (bool);
}
