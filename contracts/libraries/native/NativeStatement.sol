// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Identities} from "../Identities.sol";
import {Bn254} from "./Bn254.sol";
import {Key} from "./NativeKey.sol";

/// @notice What a proof is about. The id is computed from the very bytes that the claim of the sumcheck is computed from.
/// @param id sid of docs/protocol.md, §4: the statement id, or the batch id of two or more.
/// @param values Where PV_0 .. PV_{N-1} are in memory, one after the other. There are at least two words in front of them.
/// @param length Their length in bytes, all together.
/// @param middle The length of the inputs of one sample: its elements, or the point they are committed to by.
/// @param stride The length of the public values of one sample.
struct Statement {
    bytes32 id;
    uint256 values;
    uint256 length;
    uint256 middle;
    uint256 stride;
}

/// @title NativeStatement
/// @notice Copies public values to memory and names the statements made with them.
library NativeStatement {
    /* CONSTANTS */

    uint256 private constant POINT = 64;

    /* READING */

    /// @notice The statement of a single sample.
    function single(Key memory key, bytes32 modelId, bytes32 contextId, bytes calldata publicValues)
        internal
        pure
        returns (Statement memory statement)
    {
        uint256 at = _layOut(key, statement, 1);
        statement.id = Identities.statementId(modelId, _copy(key, statement, publicValues, at), contextId);
    }

    /// @notice The statement of a batch. A batch of one is that one statement.
    function batch(Key memory key, bytes32 modelId, bytes32[] calldata contextIds, bytes[] calldata publicValues)
        internal
        pure
        returns (Statement memory statement)
    {
        uint256 samples = contextIds.length;
        if (publicValues.length != samples) revert INativeVerifier.BatchSize(publicValues.length);
        uint256 at = _layOut(key, statement, samples);

        bytes32[] memory ids = new bytes32[](samples);
        for (uint256 k = 0; k < samples; k++) {
            ids[k] = Identities.statementId(modelId, _copy(key, statement, publicValues[k], at), contextIds[k]);
            at += statement.stride;
        }
        statement.id = samples == 1 ? ids[0] : Identities.batchId(ids);
    }

    /* INTERNAL */

    /// @dev Lengths, and memory for the public values with two words in front of them. Inputs have 2 bytes each and outputs 8, a
    /// committed side has the 64 of its point.
    function _layOut(Key memory key, Statement memory statement, uint256 samples) private pure returns (uint256 at) {
        uint256 middle = key.committedInputs ? POINT : 2 * key.dims[0];
        uint256 stride = middle + (key.committedOutputs ? POINT : 8 * key.dims[key.layers]);
        uint256 length = stride * samples;
        (statement.middle, statement.stride, statement.length) = (middle, stride, length);
        assembly ("memory-safe") {
            at := add(mload(0x40), 0x40)
            mstore(0x40, and(add(add(at, length), 0x1f), not(0x1f)))
        }
        statement.values = at;
    }

    /// @dev Copies the public values of a sample, which have to have the right length (V1), and hashes the copy. Every integer of 2 and
    /// 8 bytes is a value, so nothing else can be wrong with elements; a point has to be one.
    function _copy(Key memory key, Statement memory statement, bytes calldata publicValues, uint256 to)
        private
        pure
        returns (bytes32 hash)
    {
        uint256 length = statement.stride;
        if (publicValues.length != length) revert IVerifierAdapter.PublicValuesLength(publicValues.length);
        assembly ("memory-safe") {
            calldatacopy(to, publicValues.offset, length)
            hash := keccak256(to, length)
        }
        if (key.committedInputs) _checkPoint(to, 0);
        if (key.committedOutputs) _checkPoint(to, statement.middle);
    }

    function _checkPoint(uint256 values, uint256 offset) private pure {
        uint256 x;
        uint256 y;
        assembly ("memory-safe") {
            x := mload(add(values, offset))
            y := mload(add(add(values, offset), 0x20))
        }
        if (!Bn254.isPoint(x, y)) revert INativeVerifier.CommitmentInvalid(offset);
    }
}
