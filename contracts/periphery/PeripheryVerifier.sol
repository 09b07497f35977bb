// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../interfaces/IVerifierAdapter.sol";

/// @title PeripheryVerifier
/// @notice Asks a model's adapter for a yes or a no.
/// @dev Adapters revert for every refusal, and one that ran out of gas may look like one that refused. Interfaces with a boolean would make a
/// "no" of it, and a settlement that punishes a "no" could be made to by whoever sends too little gas. So a refusal that left hardly any gas is
/// an error here, not a "no".
abstract contract PeripheryVerifier {
    /// @notice The adapter refused, and so much of the gas was gone by then that nothing follows from it. Send more.
    error NoVerdict(uint256 gasBefore, uint256 gasAfter);

    /// @dev A refusal counts if at least this part of the gas is left.
    uint256 private constant LEFT = 16;

    /// @notice The registry that models are looked up in.
    IModelRegistry public immutable modelRegistry;

    constructor(IModelRegistry modelRegistry_) {
        modelRegistry = modelRegistry_;
    }

    /// @dev Whether the model's adapter accepts the proof. Reverts with the errors of `IModelRegistry.resolve`, and with `NoVerdict`.
    function _accepts(bytes32 modelId, bytes32 contextId, bytes memory publicValues, bytes memory proof)
        internal
        view
        returns (bool)
    {
        (address adapter, ModelKey memory key) = modelRegistry.resolve(modelId);
        uint256 before = gasleft();
        try IVerifierAdapter(adapter).verify(key, contextId, publicValues, proof) {
            return true;
        } catch {
            if (gasleft() < before / LEFT) revert NoVerdict(before, gasleft());
            return false;
        }
    }
}
