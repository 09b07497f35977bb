// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBatchVerifierAdapter} from "../interfaces/IBatchVerifierAdapter.sol";
import {IClaimBreaker} from "../interfaces/IClaimBreaker.sol";
import {IDeterministicAdapter} from "../interfaces/IDeterministicAdapter.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../interfaces/IVerifierAdapter.sol";
import {Identities} from "../libraries/Identities.sol";
import {Schemas} from "../libraries/Schemas.sol";

/// @title ClaimJudge
/// @notice The models of a claim registry: their numbers, the verdicts of their adapters, and the breaker.
/// @dev Adapters are called statically and only while nothing has shown that they contradict themselves. The code behind an id is compared
/// with the id in the same transaction (`IModelRegistry.resolve`).
abstract contract ClaimJudge is IClaimBreaker {
    /* STORAGE */

    /// @dev What is known here of a model, one slot.
    struct Model {
        // From 1 on, in the order of first use: so a claim names its model in 5 bytes. Shortened hashes would do for neither: somebody could
        // look for a model with the same ones, and break it.
        uint40 number;
        // The number of its adapter.
        uint40 adapter;
        bool transferable;
        bool broken;
    }

    IModelRegistry internal immutable MODELS;

    mapping(bytes32 modelId => Model) private _models;
    mapping(uint40 number => bytes32) private _modelIds;
    mapping(bytes32 adapterId => uint40 number) private _adapters;
    mapping(uint40 number => bool) private _brokenAdapters;

    uint40 private _modelCount;
    uint40 private _adapterCount;

    constructor(IModelRegistry models_) {
        MODELS = models_;
    }

    /* BREAKER */

    /// @inheritdoc IClaimBreaker
    function breakModel(bytes32 modelId, bytes calldata schema, Evidence calldata first, Evidence calldata second)
        external
    {
        (address adapter, ModelKey memory key,) = _judge(modelId);
        bytes32 schemaHash = Identities.schemaHash(schema);
        if (schemaHash != key.schemaHash) revert OtherSchema(schemaHash);
        (uint256 inputs,, bool allPublic) = Schemas.split(Schemas.decode(schema));
        if (!allPublic) revert HiddenSide();
        bytes32 inputsHash = _contradiction(adapter, key, inputs, first, second);
        _models[modelId].broken = true;
        emit ModelBroken(modelId, msg.sender, inputsHash);
    }

    /// @inheritdoc IClaimBreaker
    function breakAdapter(bytes32 modelId, Evidence calldata first, Evidence calldata second) external {
        (address adapter, ModelKey memory key, Model memory model) = _judge(modelId);
        bytes32 inputsHash = _contradiction(adapter, key, _vouchedInputs(adapter, key), first, second);
        _brokenAdapters[model.adapter] = true;
        emit AdapterBroken(adapter.codehash, modelId, msg.sender, inputsHash);
    }

    /// @inheritdoc IClaimBreaker
    function isBroken(bytes32 modelId) public view returns (bool) {
        // A model that was never used here has no number, but its adapter may be broken by another one's evidence.
        if (_models[modelId].number == 0) return _brokenAdapters[_adapters[MODELS.model(modelId).adapterId]];
        return _isUsedBroken(modelId);
    }

    /// @inheritdoc IClaimBreaker
    function isAdapterBroken(bytes32 adapterId) external view returns (bool) {
        return _brokenAdapters[_adapters[adapterId]];
    }

    /// @inheritdoc IClaimBreaker
    function modelNumber(bytes32 modelId) external view returns (uint40) {
        return _models[modelId].number;
    }

    /* INTERNAL */

    function _modelIdOf(uint40 number) internal view returns (bytes32) {
        return _modelIds[number];
    }

    function _isBroken(uint40 number) internal view returns (bool) {
        return _isUsedBroken(_modelIds[number]);
    }

    /// @dev The same for a model that has a number.
    function _isUsedBroken(bytes32 modelId) internal view returns (bool) {
        Model storage model = _models[modelId];
        return model.broken || _brokenAdapters[model.adapter];
    }

    /// @dev What judges a model, and its number. Reverts if it is broken.
    function _judge(bytes32 modelId) internal returns (address adapter, ModelKey memory key, Model memory model) {
        (adapter, key) = MODELS.resolve(modelId);
        model = _models[modelId];
        if (model.number == 0) model = _enter(modelId, adapter);
        if (model.broken || _brokenAdapters[model.adapter]) revert Broken(modelId);
    }

    /// @dev Reverts unless the adapter accepts the proof.
    function _verify(
        address adapter,
        ModelKey memory key,
        bytes32 contextId,
        bytes calldata publicValues,
        bytes calldata proof
    ) internal view {
        try IVerifierAdapter(adapter).verify(key, contextId, publicValues, proof) {}
        catch (bytes memory reason) {
            _pass(adapter, reason);
        }
    }

    /// @dev Reverts unless the adapter accepts one proof of all statements.
    function _verifyBatch(
        address adapter,
        ModelKey memory key,
        bytes32[] memory contextIds,
        bytes[] memory publicValues,
        bytes calldata proof
    ) internal view {
        try IBatchVerifierAdapter(adapter).verifyBatch(key, contextIds, publicValues, proof) {}
        catch (bytes memory reason) {
            _pass(adapter, reason);
        }
    }

    /* PRIVATE */

    function _enter(bytes32 modelId, address adapter) private returns (Model memory model) {
        bytes32 adapterId = adapter.codehash;
        uint40 number = _adapters[adapterId];
        if (number == 0) {
            number = ++_adapterCount;
            _adapters[adapterId] = number;
        }
        model = Model({
            number: ++_modelCount,
            adapter: number,
            transferable: !IVerifierAdapter(adapter).bindsStatement(),
            broken: false
        });
        _models[modelId] = model;
        _modelIds[model.number] = modelId;
    }

    /// @dev Reverts unless both proofs are accepted and contradict each other. The comparison comes first, being cheaper.
    function _contradiction(
        address adapter,
        ModelKey memory key,
        uint256 inputs,
        Evidence calldata first,
        Evidence calldata second
    ) private view returns (bytes32 inputsHash) {
        uint256 length = first.publicValues.length;
        if (length != second.publicValues.length || length < inputs) revert NoContradiction();
        inputsHash = keccak256(first.publicValues[:inputs]);
        if (inputsHash != keccak256(second.publicValues[:inputs])) revert NoContradiction();
        if (keccak256(first.publicValues[inputs:]) == keccak256(second.publicValues[inputs:])) {
            revert NoContradiction();
        }
        _verify(adapter, key, first.contextId, first.publicValues, first.proof);
        _verify(adapter, key, second.contextId, second.publicValues, second.proof);
    }

    function _vouchedInputs(address adapter, ModelKey memory key) private view returns (uint256 inputs) {
        bytes memory question = abi.encodeCall(IDeterministicAdapter.inputBytes, (key));
        bool vouches;
        assembly ("memory-safe") {
            vouches := staticcall(gas(), adapter, add(question, 0x20), mload(question), 0x00, 0x20)
            vouches := and(vouches, eq(returndatasize(), 0x20))
            inputs := mload(0x00)
        }
        if (!vouches) revert DoesNotVouch(adapter);
    }

    function _pass(address adapter, bytes memory reason) private pure {
        if (reason.length == 0) revert SilentRefusal(adapter);
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
