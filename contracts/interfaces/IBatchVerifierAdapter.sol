// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IVerifierAdapter, ModelKey} from "./IVerifierAdapter.sol";

/// @title IBatchVerifierAdapter
/// @notice An adapter whose proofs can be about several statements at once.
/// @dev Like `verify`, `verifyBatch` answers by returning or reverting alone. Two rules besides, by which a caller can tell an adapter
/// without this function: every refusal has error data, the refusal of an empty batch too; and an adapter without it has no fallback
/// function, which would accept every batch.
interface IBatchVerifierAdapter is IVerifierAdapter {
    /// @notice Returns if one proof is valid for all statements, and reverts if not. There is no third outcome. The statements are ordered,
    /// and the same one may occur twice: whoever counts statements counts their ids, not their number.
    /// @param model The model of all statements, from its registry.
    /// @param contextIds The context of each statement.
    /// @param publicValues The public values of each statement, canonical bytes by the model's schema.
    /// @param proof The canonical proof bytes.
    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view;
}
