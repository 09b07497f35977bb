// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Identities} from "../Identities.sol";
import {Key} from "./NativeKey.sol";

/// @notice What a proof is about. The id is computed from the very bytes that the claim of the sumcheck is computed from.
/// @param id sid of docs/protocol.md, §4: the statement id, or the batch id of two or more.
/// @param values Where PV_0 .. PV_{N-1} are in memory, one after the other. There are at least two words in front of them.
/// @param length Their length in bytes, all together.
struct Statement {
    bytes32 id;
    uint256 values;
    uint256 length;
}

/// @title NativeStatement
/// @notice Copies public values to memory and names the statements made with them.
library NativeStatement {
    /* READING */

    /// @notice The statement of a single sample.
    function single(Key memory key, bytes32 modelId, bytes32 contextId, bytes calldata publicValues)
        internal
        pure
        returns (Statement memory statement)
    {
        uint256 length = _length(key);
        uint256 at = _allocate(length);
        statement.values = at;
        statement.length = length;
        statement.id = Identities.statementId(modelId, _copy(publicValues, at, length), contextId);
    }

    /// @notice The statement of a batch. A batch of one is that one statement.
    function batch(Key memory key, bytes32 modelId, bytes32[] calldata contextIds, bytes[] calldata publicValues)
        internal
        pure
        returns (Statement memory statement)
    {
        uint256 samples = contextIds.length;
        if (publicValues.length != samples) revert INativeVerifier.BatchSize(publicValues.length);
        uint256 length = _length(key);
        uint256 at = _allocate(length * samples);
        statement.values = at;
        statement.length = length * samples;

        bytes32[] memory ids = new bytes32[](samples);
        for (uint256 k = 0; k < samples; k++) {
            ids[k] = Identities.statementId(modelId, _copy(publicValues[k], at, length), contextIds[k]);
            at += length;
        }
        statement.id = samples == 1 ? ids[0] : Identities.batchId(ids);
    }

    /* INTERNAL */

    /// @dev The length of the public values of one sample: inputs of 2 bytes, outputs of 8.
    function _length(Key memory key) private pure returns (uint256) {
        return 2 * key.dims[0] + 8 * key.dims[key.layers];
    }

    /// @dev Memory for `length` bytes with two words in front of them.
    function _allocate(uint256 length) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(mload(0x40), 0x40)
            mstore(0x40, and(add(add(at, length), 0x1f), not(0x1f)))
        }
    }

    /// @dev Copies public values, which have to have this length (V1), and hashes the copy. Every integer of 2 and 8 bytes is a value, so
    /// nothing else can be wrong with them.
    function _copy(bytes calldata publicValues, uint256 to, uint256 length) private pure returns (bytes32 hash) {
        if (publicValues.length != length) revert IVerifierAdapter.PublicValuesLength(publicValues.length);
        assembly ("memory-safe") {
            calldatacopy(to, publicValues.offset, length)
            hash := keccak256(to, length)
        }
    }
}
