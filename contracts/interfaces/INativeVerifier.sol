// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IVerifierAdapter, ModelKey} from "./IVerifierAdapter.sol";

/// @title INativeVerifier
/// @notice The verifier of the native proof system (docs/protocol.md). One contract for every model of an SRS: a model's own code is its
/// verifying key, as data.
///
/// The key says which sides of the model are public and which are committed (docs/protocol.md, §10). The public values of a sample have
/// the elements of a public side, and the 64 bytes of a commitment in place of those of a committed one.
/// @dev Malformed input has an error of its own; a proof that is well-formed and not accepted is `ProofInvalid`. Offsets are in bytes,
/// from the beginning of the proof.
///
/// The key object: code that is one zero byte (STOP, so that nobody can call into the key) and then the canonical bytes of the verifying
/// key, nothing else. `vkDigest` of the model is keccak256(TAG_NATIVE_VK, verifying key).
interface INativeVerifier is IVerifierAdapter {
    /* ERRORS */

    /// @notice The code of the key object does not start with the zero byte.
    error KeyPrefix();

    /// @notice The code of the key object cannot have this length, or not with the shape in it.
    error KeyLength(uint256 length);

    /// @notice The verifying key is of a version, or has flags, that this verifier does not know.
    error KeyVersion();

    /// @notice The shape in the verifying key is outside of the bounds of the protocol.
    error KeyShape();

    /// @notice The model commitment in the verifying key is not a point.
    error KeyPoint();

    /// @notice The key object holds a verifying key with another digest than the model's.
    error KeyDigest(bytes32 digest);

    /// @notice The model, or its verifying key, names an SRS that this verifier has no points of.
    error UnknownSrs(bytes32 srsId);

    /// @notice The SRS points that the verifier has do not reach tau^(2^exponent).
    error SrsTooSmall(uint256 exponent);

    /// @notice The number of statements is 0, too large for the protocol, or too large for this model, or the lists differ in length.
    error BatchSize(uint256 statements);

    /// @notice The word at `offset` of the proof is a scalar and not less than the order of the group.
    error ScalarOutOfRange(uint256 offset);

    /// @notice The 64 bytes at `offset` of the proof are not a point.
    error PointInvalid(uint256 offset);

    /// @notice The 64 bytes at `offset` of the public values of a sample are not a point. They are a commitment, by the key.
    error CommitmentInvalid(uint256 offset);

    /// @notice A precompiled contract failed. Its input has been checked, so it lacked gas.
    error PrecompileFailed(uint256 precompile);

    /* FUNCTIONS */

    /// @notice Returns if one proof is valid for all statements, and reverts if not. There is no third outcome. The statements are ordered,
    /// and the same one may occur twice: whoever counts statements counts their ids, not their number.
    /// @param model The model of all statements, from its registry.
    /// @param contextIds The context of each statement.
    /// @param publicValues The public values of each statement.
    /// @param proof The canonical proof bytes.
    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view;

    /// @notice The SRS that the verifier has the points of.
    function srsId() external pure returns (bytes32);

    /// @notice Whether that SRS is the TEST SRS, whose secret everybody knows. If true, ANYBODY CAN PROVE ANYTHING to this contract.
    function ACCEPTS_TEST_SRS() external pure returns (bool);
}
