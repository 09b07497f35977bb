// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../interfaces/INativeVerifier.sol";
import {INetworkSumcheck, Reduced} from "../interfaces/INetworkSumcheck.sol";
import {INetworkVerifier} from "../interfaces/INetworkVerifier.sol";
import {IVerifierAdapter, ModelKey} from "../interfaces/IVerifierAdapter.sol";
import {Identities} from "../libraries/Identities.sol";
import {R} from "../libraries/native/Bn254.sol";
import {Proof} from "../libraries/native/NativeProof.sol";
import {Key, NetworkKey} from "../libraries/network/NetworkKey.sol";
import {NetworkOpening} from "../libraries/network/NetworkOpening.sol";
import {NetworkShape} from "../libraries/network/NetworkShape.sol";
import {NETWORK_SUMCHECK} from "./NetworkParts.sol";
import {Srs} from "srs/Srs.sol";

/// @title NetworkVerifier
/// @notice Verifies proofs of general networks under one SRS, whose points are in this code and nowhere else.
///
/// @dev `srs/Srs.sol` is the table of an SRS (libraries/native/srs), as for `NativeVerifier`: that of the ceremony hez final in
/// `NetworkVerifier`, that of the TEST SRS in `NetworkTestVerifier`. ANYBODY CAN PROVE ANYTHING to the latter; `ACCEPTS_TEST_SRS` says so.
///
/// Two contracts, because one would be too long for the chain. This one has keys, statements and openings (V1, V5 to V7); the one that it
/// makes when it is made reads programs (V1 to V4). Its address follows from this one's, and before each call its code is compared with the
/// hash that is in this code. So the hash of this code, which is the adapter's id, covers both, and says which code is run on any chain.
///
/// What a proof says, and what is checked: docs/protocol-networks.md, whose numbers (N, V) the comments of the libraries use.
/// `schemaHash` of the model is not read: the program says what ports there are; the schema names what the same bytes mean.
///
/// No immutables: the code hash is the same on every chain. It is that of this contract compiled alone (tools/alone.mjs).
contract NetworkVerifier is INetworkVerifier {
    /* CONSTRUCTION */

    /// @param part The creation code of `NetworkSumcheck`.
    constructor(bytes memory part) {
        address made;
        assembly ("memory-safe") {
            made := create(0, add(part, 0x20), mload(part))
        }
        if (made.codehash != NETWORK_SUMCHECK || made != address(_sumcheck())) revert PartInvalid(made.codehash);
    }

    /* VERIFICATION */

    /// @inheritdoc IVerifierAdapter
    function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        external
        view
    {
        Key memory key = _key(model);
        bytes32 id = Identities.statementId(model.modelId, keccak256(publicValues), contextId);
        _verify(key, id, 1, publicValues, proof);
    }

    /// @inheritdoc INativeVerifier
    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view {
        Key memory key = _key(model);
        uint256 samples = contextIds.length;
        if (samples == 0 || samples > 4096) revert BatchSize(samples);
        if (publicValues.length != samples) revert BatchSize(publicValues.length);
        // One after the other, all of the same length.
        uint256 stride = publicValues[0].length;
        bytes memory values = new bytes(stride * samples);
        bytes32[] memory ids = new bytes32[](samples);
        for (uint256 k = 0; k < samples; k++) {
            bytes calldata own = publicValues[k];
            if (own.length != stride) revert PublicValuesLength(own.length);
            bytes32 hash;
            assembly ("memory-safe") {
                let to := add(add(values, 0x20), mul(k, stride))
                calldatacopy(to, own.offset, stride)
                hash := keccak256(to, stride)
            }
            ids[k] = Identities.statementId(model.modelId, hash, contextIds[k]);
        }
        _verify(key, samples == 1 ? ids[0] : Identities.batchId(ids), samples, values, proof);
    }

    /* VIEWS */

    /// @inheritdoc INativeVerifier
    function srsId() external pure returns (bytes32) {
        return Srs.ID;
    }

    /// @inheritdoc INativeVerifier
    function ACCEPTS_TEST_SRS() external pure returns (bool) {
        return Srs.IS_TEST;
    }

    /// @inheritdoc IVerifierAdapter
    function bindsStatement() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IVerifierAdapter
    function name() external pure returns (string memory) {
        return Srs.IS_TEST ? "network-test" : "network";
    }

    /* INTERNAL */

    /// @dev The verifying key of a model. V1: the key is the one the model names, and both name the SRS whose points are here.
    function _key(ModelKey calldata model) private view returns (Key memory key) {
        if (model.srsId != Srs.ID) revert UnknownSrs(model.srsId);
        key = NetworkKey.load(model.modelCode);
        if (key.digest != model.vkDigest) revert KeyDigest(key.digest);
        if (key.srsId != Srs.ID) revert UnknownSrs(key.srsId);
    }

    /// @dev V1 to V7, for a key of the model and a statement that is made from these values.
    function _verify(Key memory key, bytes32 id, uint256 samples, bytes memory values, bytes calldata proof)
        private
        view
    {
        Reduced memory c = _sumcheck().reduce(R, key.digest, id, samples, key.logRows2, values, key.program, proof);
        // D = b 2^rho2 is the highest power that V6 and V7 need.
        uint256 exponent = c.shape.logWeights + key.logRows2;
        if (exponent > Srs.LAST) revert SrsTooSmall(exponent);

        uint256 start;
        uint256 valuesAt;
        assembly ("memory-safe") {
            start := mload(0x40)
            calldatacopy(start, proof.offset, proof.length)
            mstore(0x40, add(start, and(add(proof.length, 0x1f), not(0x1f))))
            valuesAt := add(values, 0x20)
        }
        Proof memory layout = NetworkShape.layOut(c.shape, start);
        if (!NetworkOpening.check(key, c, layout, valuesAt, values.length / samples)) revert ProofInvalid();
    }

    /// @dev The part that reads programs: the first contract that this one has made. What is there has to be the code that this code names.
    function _sumcheck() private view returns (INetworkSumcheck part) {
        // The list of this address and the nonce 1, in RLP.
        bytes32 hash = keccak256(abi.encodePacked(bytes2(0xd694), address(this), bytes1(0x01)));
        part = INetworkSumcheck(address(uint160(uint256(hash))));
        if (address(part).codehash != NETWORK_SUMCHECK) revert PartInvalid(address(part).codehash);
    }
}
