// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IERCZKMLRegistry
/// @notice The registry of ERC-7992. The draft declares an event and an error with one name, `ModelDeprecated`, which does not compile; the
/// error is left out.
/// @dev See IERCZKMLVerifier for the version.
interface IERCZKMLRegistry {
    struct ModelCommitment {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        bytes4 proofSystemId;
        string uri;
    }

    event ModelRegistered(uint256 indexed modelId, address indexed owner, ModelCommitment commitment);
    event ModelUpdated(uint256 indexed modelId, ModelCommitment oldCommitment, ModelCommitment newCommitment);
    event ModelDeprecated(uint256 indexed modelId);

    error ModelNotFound(uint256 modelId);
    error NotModelOwner(uint256 modelId, address caller);

    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;
    function deprecateModel(uint256 modelId) external;
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner);
}
