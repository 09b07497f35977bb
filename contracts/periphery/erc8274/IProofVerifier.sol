// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IProofVerifier
/// @notice The verifier of ERC-8274, "AI Inference Proof Verification Interfaces": the inner of its two layers.
/// @dev A draft. This is the interface of ethereum/ERCs, ERCS/erc-8274.md, at commit 07139e1698ede7ef3ff1f5ea66aeda7e14ab61b2.
interface IProofVerifier {
    /// @notice Whether a proof is valid for an input and an output.
    /// @param inputHash A commitment to the input; the implementation says which.
    /// @param outputHash A commitment to the output; the implementation says which.
    /// @param metadata What stays the same from call to call.
    /// @param proof What is shown for this inference.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool);

    /// @notice The proof system, as "{paradigm}/{variant}".
    function proofSystem() external view returns (string memory);

    /// @notice An identifier of this deployment.
    function proofProfile() external view returns (bytes32);
}
