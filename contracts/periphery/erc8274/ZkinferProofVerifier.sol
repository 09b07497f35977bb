// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {PeripheryVerifier} from "../PeripheryVerifier.sol";
import {IProofVerifier} from "./IProofVerifier.sol";

/// @title ZkinferProofVerifier
/// @notice Models of one adapter as an ERC-8274 proof system. One deployment serves every model of that adapter.
///
/// * `metadata`: `abi.encode(bytes32 modelId, uint256 inputBytes)`. The model, and how many bytes of its public values are inputs: it is the
///   deployer of the outer layer who has looked at the model's schema.
/// * `inputHash`, `outputHash`: keccak256 of the input bytes and of the output bytes of the public values.
/// * `proof`: `abi.encode(bytes32 contextId, bytes publicValues, bytes proof)`. A native proof is valid for its context alone, an EZKL proof for
///   any. This interface does not say whose context it is to be: the outer layer does, or takes the work of whoever copies it.
/// * `proofSystem`: "zk/zkinfer". `proofProfile`: keccak256 of that and of the adapter id, which is the hash of the code that judges.
///
/// @dev "False" means that a hash differs, the model belongs to another adapter, or the adapter refused with gas to spare. Bytes that decode to
/// nothing, an unknown model and a refusal that ate the gas revert (`PeripheryVerifier`).
contract ZkinferProofVerifier is IProofVerifier, PeripheryVerifier {
    /// @notice The code hash of the adapter whose models are verified.
    bytes32 public immutable adapterId;

    constructor(IModelRegistry modelRegistry_, bytes32 adapterId_) PeripheryVerifier(modelRegistry_) {
        adapterId = adapterId_;
    }

    /// @inheritdoc IProofVerifier
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool)
    {
        (bytes32 modelId, uint256 inputBytes) = abi.decode(metadata, (bytes32, uint256));
        (bytes32 contextId, bytes memory publicValues, bytes memory proof_) = abi.decode(proof, (bytes32, bytes, bytes));
        if (modelRegistry.model(modelId).adapterId != adapterId) return false;
        if (publicValues.length < inputBytes) return false;
        if (_hash(publicValues, 0, inputBytes) != inputHash) return false;
        if (_hash(publicValues, inputBytes, publicValues.length) != outputHash) return false;
        return _accepts(modelId, contextId, publicValues, proof_);
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() public pure returns (string memory) {
        return "zk/zkinfer";
    }

    /// @inheritdoc IProofVerifier
    function proofProfile() external view returns (bytes32) {
        return keccak256(abi.encodePacked(proofSystem(), adapterId));
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IProofVerifier).interfaceId || interfaceId == 0x01ffc9a7;
    }

    /// @dev keccak256 of data[from:to]; both are within.
    function _hash(bytes memory data, uint256 from, uint256 to) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(add(add(data, 0x20), from), sub(to, from))
        }
    }
}
