// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {PeripheryVerifier} from "../PeripheryVerifier.sol";
import {IERCZKMLRegistry} from "./IERCZKMLRegistry.sol";
import {IERCZKMLVerifier} from "./IERCZKMLVerifier.sol";

/// @title ZkmlVerifier
/// @notice The models of a `ModelRegistry` as ERC-7992 models, and their verifier.
///
/// * `modelId`: the model id as a number. A model never changes: another commitment is another id. Nobody owns one (`owner` is 0), so nobody
///   updates or deprecates one either, and models are registered in `ModelRegistry`, where what an id stands for can be given.
/// * `ModelCommitment`: the model id (which covers all that follows), the hash of the model's own code, the digest of its verifying key, the
///   first four bytes of keccak256 of "NAME-bn254-v1" with the adapter's name, and no URI.
/// * `inputCommitment`: `inputCommitmentOf(modelId, contextId, inputs)`. The context id makes it unique, and binds a native proof to its job.
/// * `output`: the output bytes of the public values. `proof`: `abi.encode(bytes32 contextId, bytes inputs, bytes proof)`.
///
/// @dev Whoever calls this knows the commitment to the inputs that were meant, which fixes where the inputs end.
contract ZkmlVerifier is IERCZKMLVerifier, IERCZKMLRegistry, PeripheryVerifier {
    /// @notice Models are registered in `ModelRegistry`.
    error RegisterInModelRegistry(address modelRegistry);

    bytes32 private constant TAG_INPUTS = keccak256("zkinfer/erc7992-inputs/v1");

    constructor(IModelRegistry modelRegistry_) PeripheryVerifier(modelRegistry_) {}

    /* THE VERIFIER */

    /// @inheritdoc IERCZKMLVerifier
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
    {
        (bytes32 contextId, bytes memory inputs, bytes memory proof_) = abi.decode(proof, (bytes32, bytes, bytes));
        if (inputCommitmentOf(modelId, contextId, inputs) != inputCommitment) revert InputCommitmentMismatch();
        if (!_accepts(bytes32(modelId), contextId, bytes.concat(inputs, output), proof_)) revert InvalidProof();
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    /// @notice The commitment to the inputs of an inference.
    function inputCommitmentOf(uint256 modelId, bytes32 contextId, bytes memory inputs) public pure returns (bytes32) {
        return keccak256(abi.encode(TAG_INPUTS, modelId, contextId, keccak256(inputs)));
    }

    /// @inheritdoc IERCZKMLVerifier
    function proofSystemOf(uint256 modelId) public view returns (bytes4) {
        address adapter = modelRegistry.model(bytes32(modelId)).adapter;
        return bytes4(keccak256(abi.encodePacked(IVerifierAdapter(adapter).name(), "-bn254-v1")));
    }

    /// @inheritdoc IERCZKMLVerifier
    function registry() external view returns (address) {
        return address(this);
    }

    /* THE REGISTRY */

    /// @inheritdoc IERCZKMLRegistry
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner)
    {
        IModelRegistry.Model memory model = modelRegistry.model(bytes32(modelId));
        commitment = ModelCommitment(bytes32(modelId), model.codeHash, model.vkDigest, proofSystemOf(modelId), "");
        return (commitment, false, address(0));
    }

    /// @inheritdoc IERCZKMLRegistry
    function registerModel(ModelCommitment calldata) external view returns (uint256) {
        revert RegisterInModelRegistry(address(modelRegistry));
    }

    /// @inheritdoc IERCZKMLRegistry
    function updateModel(uint256 modelId, ModelCommitment calldata) external view {
        revert NotModelOwner(modelId, msg.sender);
    }

    /// @inheritdoc IERCZKMLRegistry
    function deprecateModel(uint256 modelId) external view {
        revert NotModelOwner(modelId, msg.sender);
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERCZKMLVerifier).interfaceId || interfaceId == type(IERCZKMLRegistry).interfaceId
            || interfaceId == 0x01ffc9a7;
    }
}
