// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {Proof} from "../../../contracts/libraries/native/NativeProof.sol";
import {Key, NetworkKey} from "../../../contracts/libraries/network/NetworkKey.sol";
import {NetworkProgram, Program} from "../../../contracts/libraries/network/NetworkProgram.sol";
import {NetworkShape, Shape} from "../../../contracts/libraries/network/NetworkShape.sol";
import {Challenges, NetworkTranscript} from "../../../contracts/libraries/network/NetworkTranscript.sol";
import {INetworkHarness} from "./INetworkHarness.sol";

/// @notice Compiled as the verifier is (foundry.toml).
contract NetworkHarness is INetworkHarness {
    function challenges(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proofBytes
    ) external view returns (Seen memory seen) {
        Key memory key = NetworkKey.load(model.modelCode);
        bytes32 id = _id(model.modelId, contextIds, publicValues);
        bytes memory values;
        for (uint256 k = 0; k < publicValues.length; k++) {
            values = bytes.concat(values, publicValues[k]);
        }
        Shape memory shape = _shape(key, contextIds.length);
        Proof memory proof = NetworkShape.layOut(shape, _copy(proofBytes));
        NetworkShape.check(proof, proofBytes.length);
        Challenges memory c = NetworkTranscript.challenges(key.digest, id, _copy(values), values.length, proof);
        seen.vkd = key.digest;
        seen.scalars = [
            c.alpha, c.beta, c.gamma, c.chi, c.mu, c.lambda, c.theta, c.psi, c.zeta, c.schnorr, c.rho, c.x, c.eta, c.z, c.delta
        ];
        seen.xi = _list(c.xi, shape.variables);
        seen.r = _list(c.point, shape.variables);
    }

    function _shape(Key memory key, uint256 samples) private pure returns (Shape memory) {
        bytes memory program = key.program;
        uint256 start;
        assembly ("memory-safe") {
            start := add(program, 0x20)
        }
        return NetworkShape.shape(NetworkProgram.load(start, program.length), samples, key.logRows2);
    }

    function _id(bytes32 modelId, bytes32[] calldata contextIds, bytes[] calldata publicValues)
        private
        pure
        returns (bytes32)
    {
        bytes32[] memory ids = new bytes32[](contextIds.length);
        for (uint256 k = 0; k < ids.length; k++) {
            ids[k] = Identities.statementId(modelId, keccak256(publicValues[k]), contextIds[k]);
        }
        return ids.length == 1 ? ids[0] : Identities.batchId(ids);
    }

    /// @dev A copy with two words in front of it.
    function _copy(bytes memory data) private pure returns (uint256 at) {
        bytes memory copied = bytes.concat(new bytes(64), data);
        assembly ("memory-safe") {
            at := add(copied, 0x60)
        }
    }

    function _list(uint256 at, uint256 count) private pure returns (uint256[] memory list) {
        list = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(at, shl(5, i)))
            }
            list[i] = value;
        }
    }
}
