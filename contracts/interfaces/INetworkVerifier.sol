// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {INativeVerifier} from "./INativeVerifier.sol";

/// @title INetworkVerifier
/// @notice The verifier of general networks (docs/protocol-networks.md). One contract for every model of an SRS: a model's own code is its
/// verifying key and its program, as data. Inputs, outputs and errors are those of `INativeVerifier`, and these.
///
/// The key object: one zero byte (STOP, so that nobody can call into it), the length of the verifying key (2 bytes), the verifying key, the
/// number of pages (1 byte), the address of each page (20 bytes), and the program, or its first part if there are pages. A page is code of
/// one zero byte and the next part of the program. What the pages hold is bound by the digest of the program in the verifying key.
/// `vkDigest` of the model is keccak256(TAG_VK, verifying key).
/// @dev Errors of a program say where in the program the verifier stopped, in bytes. Every rule of docs/protocol-networks.md, N1, is checked
/// in every verification: a program that breaks one is refused, whoever registered it.
interface INetworkVerifier is INativeVerifier {
    /// @notice The verifying key names the digest of another program.
    error ProgramDigest(bytes32 digest);

    /// @notice A program of this length is too long, or its last operation does not end where the program does.
    error ProgramLength(uint256 length);

    /// @notice The program ends within one of its kinds.
    error ProgramEnd();

    /// @notice The header of the program, or one of its numbers of parts, is outside of the bounds of the protocol.
    error ProgramHeader();

    /// @notice A kind in the program is not canonical.
    error ProgramKind(uint256 offset);

    /// @notice A tensor in the program is not canonical, or overlaps another one.
    error ProgramTensor(uint256 offset);

    /// @notice A port in the program is not canonical.
    error ProgramPort(uint256 offset);

    /// @notice An access in the program is not canonical.
    error ProgramAccess(uint256 offset);

    /// @notice A term in the program is not canonical.
    error ProgramTerm(uint256 offset);

    /// @notice A public hat in the program is not canonical.
    error ProgramHat(uint256 offset);

    /// @notice A segment in the program is not canonical, or overlaps another one.
    error ProgramSegment(uint256 offset);

    /// @notice The program has more accesses, pieces or points than the protocol allows.
    error ProgramLimit(uint256 offset);

    /// @notice A part of the verifier is not there, or has other code than the adapter id covers.
    error PartInvalid(bytes32 codeHash);
}
