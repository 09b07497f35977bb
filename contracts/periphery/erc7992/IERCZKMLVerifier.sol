// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IERCZKMLVerifier
/// @notice The verifier of ERC-7992, "Verifiable ML Model Inference (ZKML)".
/// @dev A draft. This is the interface of ethereum/ERCs, ERCS/erc-7992.md, at commit 08db06416b6b8e1b6782b0bdc09a7977cfe877ea, in which the
/// reference implementation disagrees with the interface about the type of `registry`; the interface is followed.
interface IERCZKMLVerifier {
    event InferenceVerified(
        uint256 indexed modelId, bytes32 indexed inputCommitment, bytes output, address indexed caller
    );

    error InvalidProof();
    error ModelMismatch();
    error InputCommitmentMismatch();
    error OutputMismatch();
    error UnsupportedProofSystem(bytes4 proofSystemId);
    error VerificationRefused_ModelDeprecated(uint256 modelId);

    /// @notice Returns if the proof is valid, and reverts if not.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external;

    /// @notice The proof system of a model.
    function proofSystemOf(uint256 modelId) external view returns (bytes4);

    /// @notice The registry of the models.
    function registry() external view returns (address registryAddress);
}
