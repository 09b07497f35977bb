// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Key, NativeKey} from "../../../contracts/libraries/native/NativeKey.sol";
import {NativeOpening} from "../../../contracts/libraries/native/NativeOpening.sol";
import {NativePrefix} from "../../../contracts/libraries/native/NativePrefix.sol";
import {NativeProof, Proof} from "../../../contracts/libraries/native/NativeProof.sol";
import {NativeStatement, Statement} from "../../../contracts/libraries/native/NativeStatement.sol";
import {NativeSumcheck} from "../../../contracts/libraries/native/NativeSumcheck.sol";
import {Challenges, NativeTranscript} from "../../../contracts/libraries/native/NativeTranscript.sol";
import {Srs as TestSrs} from "../../../contracts/libraries/native/srs/test/Srs.sol";
import {INativeHarness} from "./INativeHarness.sol";
import {Srs} from "srs/Srs.sol";

/// @notice The libraries of the native verifier, from the inside. Compiled as the verifier is (foundry.toml).
contract NativeHarness is INativeHarness {
    function challenges(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proofBytes
    ) external view returns (Seen memory seen) {
        Key memory key = NativeKey.load(model.modelCode);
        Statement memory statement = NativeStatement.batch(key, model.modelId, contextIds, publicValues);
        Proof memory proof = NativeProof.load(key, contextIds.length, proofBytes);
        Challenges memory c = NativeTranscript.challenges(key, statement, proof);
        seen.vkd = key.digest;
        seen.sid = statement.id;
        seen.alpha = c.alpha;
        seen.beta = c.beta;
        seen.lambda = c.lambda;
        seen.mu = c.mu;
        seen.theta = c.theta;
        seen.zeta = c.zeta;
        seen.schnorr = c.schnorr;
        seen.xi = _list(c.xi, proof.variables);
        seen.r = _list(c.point, proof.variables);
        seen.rho = c.rho;
        seen.x = c.x;
        seen.eta = c.eta;
        seen.z = c.z;
        seen.delta = c.delta;
    }

    function verifyInDirtyMemory(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proofBytes
    ) external view {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(0x00, not(0))
            mstore(0x20, not(0))
            for { let end := add(at, 0x20000) } lt(at, end) { at := add(at, 0x20) } { mstore(at, not(0)) }
        }
        Key memory key = NativeKey.load(model.modelCode);
        Statement memory statement = NativeStatement.batch(key, model.modelId, contextIds, publicValues);
        Proof memory proof = NativeProof.load(key, contextIds.length, proofBytes);
        Challenges memory c = NativeTranscript.challenges(key, statement, proof);
        require(NativeSumcheck.check(key, statement, proof, c), "V3, V4");
        require(NativeOpening.check(key, statement, proof, c), "V5 to V7");
    }

    function srsPoints(uint256 exponent) external pure returns (uint256[6] memory points) {
        uint256 at;
        assembly ("memory-safe") {
            at := points
        }
        Srs.load(exponent, at);
    }

    function pointsOfTheTestSrs(uint256 exponent) external pure returns (uint256[6] memory points) {
        uint256 at;
        assembly ("memory-safe") {
            at := points
        }
        TestSrs.load(exponent, at);
    }

    function interval(uint256 base, uint256[] memory r, uint256 from, uint256 to) external pure returns (uint256) {
        uint256 at;
        assembly ("memory-safe") {
            at := add(r, 0x20)
        }
        return NativePrefix.interval(NativePrefix.powers(base, at, r.length), r.length, from, to);
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
