// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {ModelKey} from "./interfaces/IVerifierAdapter.sol";
import {Identities} from "./libraries/Identities.sol";

/// @title ModelRegistry
/// @dev Why the code hashes are compared again on every `resolve`, although they are part of the id. The code at an address is not for
/// ever: a contract that is destroyed in the transaction that created it leaves an address at which CREATE2 can put other code, and a
/// chain may have kept older rules. The entry holds addresses because code can only be called by address; the id holds hashes because
/// only they say what the code does; `resolve` is where the two are held together, in the transaction that uses them.
contract ModelRegistry is IModelRegistry {
    /* STORAGE */

    /// @dev An entry exists if its adapter is not 0.
    mapping(bytes32 modelId => Model) private _models;

    /// @inheritdoc IModelRegistry
    mapping(bytes32 modelId => mapping(address account => Standing)) public standing;

    /* REGISTRATION */

    /// @inheritdoc IModelRegistry
    function register(address adapter, address modelCode, bytes32 vkDigest, bytes32 srsId, bytes calldata schema)
        external
        returns (bytes32 modelId)
    {
        Model memory entry = Model({
            adapter: adapter,
            modelCode: modelCode,
            adapterId: _codeHash(adapter),
            codeHash: modelCode == address(0) ? bytes32(0) : _codeHash(modelCode),
            vkDigest: vkDigest,
            schemaHash: Identities.schemaHash(schema),
            srsId: srsId
        });
        modelId = Identities.modelId(entry.adapterId, entry.codeHash, vkDigest, entry.schemaHash, srsId);

        Model storage known = _models[modelId];
        if (known.adapter == address(0)) {
            _models[modelId] = entry;
            emit ModelRegistered(
                modelId, adapter, modelCode, entry.adapterId, entry.codeHash, vkDigest, entry.schemaHash, srsId, schema
            );
        } else if (_changed(known) != address(0)) {
            // The hashes are the same: they are what the id was found by.
            known.adapter = adapter;
            known.modelCode = modelCode;
            emit ModelRelocated(modelId, adapter, modelCode);
        }

        if (standing[modelId][msg.sender] == Standing.None) {
            standing[modelId][msg.sender] = Standing.Registered;
            emit RegistrantAdded(modelId, msg.sender);
        }
    }

    /// @inheritdoc IModelRegistry
    function retire(bytes32 modelId, string calldata reason) external {
        if (standing[modelId][msg.sender] != Standing.Registered) revert NotRegistrant(modelId, msg.sender);
        standing[modelId][msg.sender] = Standing.Retired;
        emit ModelRetired(modelId, msg.sender, reason);
    }

    /* VIEWS */

    /// @inheritdoc IModelRegistry
    function model(bytes32 modelId) public view returns (Model memory entry) {
        entry = _models[modelId];
        if (entry.adapter == address(0)) revert UnknownModel(modelId);
    }

    /// @inheritdoc IModelRegistry
    function resolve(bytes32 modelId) external view returns (address adapter, ModelKey memory key) {
        Model memory entry = model(modelId);
        address changed = _changed(entry);
        if (changed != address(0)) revert CodeChanged(changed);
        adapter = entry.adapter;
        key = ModelKey({
            modelId: modelId,
            modelCode: entry.modelCode,
            vkDigest: entry.vkDigest,
            schemaHash: entry.schemaHash,
            srsId: entry.srsId
        });
    }

    /* INTERNAL */

    /// @dev The first account of an entry whose code is not the code of the id, 0 if there is none.
    function _changed(Model memory entry) private view returns (address) {
        if (entry.adapter.codehash != entry.adapterId) return entry.adapter;
        // Without code of its own the address is 0, and so is the hash, but address 0 may have another one: it holds ether.
        if (entry.modelCode != address(0) && entry.modelCode.codehash != entry.codeHash) return entry.modelCode;
        return address(0);
    }

    /// @dev The code hash of an account that has code of its own.
    function _codeHash(address account) private view returns (bytes32) {
        if (account.code.length == 0) revert NoCode(account);
        uint256 prefix;
        assembly ("memory-safe") {
            // The first three bytes of the code, in scratch space.
            mstore(0x00, 0)
            extcodecopy(account, 0x1d, 0, 3)
            prefix := mload(0x00)
        }
        // Code that begins like this is 0xef0100 and an address (EIP-7702); none that was deployed can (EIP-3541). Its hash would promise
        // an address only, and what is there, or will be, may differ from chain to chain and from day to day.
        if (prefix == 0xef0100) revert DelegatedCode(account);
        return account.codehash;
    }
}
