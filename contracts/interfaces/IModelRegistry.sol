// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {ModelKey} from "./IVerifierAdapter.sol";

/// @title IModelRegistry
/// @notice The list of models: which code verifies a model's proofs, and what its public values mean.
/// @dev A model id is the hash of everything that is registered under it, code hashes included (docs/identities.md). So anybody may
/// register anything: the entry of an id says what the id says, whoever wrote it, and gives the writer no rights. Nothing is owned,
/// paused or upgraded. That an id stands for a sound model is not claimed here: a consumer pins the ids that it (or an auditor) examined.
///
/// The whole state can be rebuilt from the events.
interface IModelRegistry {
    /* TYPES */

    /// @notice A registered model.
    /// @param adapter The contract that verifies proofs of the model.
    /// @param modelCode The contract that holds the model's own code, 0 when it has none.
    /// @param adapterId The code hash of the adapter.
    /// @param codeHash The code hash of `modelCode`, 0 when there is none.
    /// @param vkDigest The digest of the verifying key.
    /// @param schemaHash The hash of the schema of the public values. The schema itself is in the event.
    /// @param srsId The id of the structured reference string.
    struct Model {
        address adapter;
        address modelCode;
        bytes32 adapterId;
        bytes32 codeHash;
        bytes32 vkDigest;
        bytes32 schemaHash;
        bytes32 srsId;
    }

    /// @notice What an account has said about a model. It only ever goes up.
    enum Standing {
        None,
        Registered,
        Retired
    }

    /* ERRORS */

    /// @notice No model has this id.
    error UnknownModel(bytes32 modelId);

    /// @notice There is no code at the account.
    error NoCode(address account);

    /// @notice The account is a key holder's that delegates to other code (EIP-7702): its code hash names an address, not code.
    error DelegatedCode(address account);

    /// @notice The code at the account is not the code that the model id names.
    error CodeChanged(address account);

    /// @notice The account has not registered the model, or has retired it already.
    error NotRegistrant(bytes32 modelId, address account);

    /* EVENTS */

    /// @notice A model was registered for the first time.
    event ModelRegistered(
        bytes32 indexed modelId,
        address indexed adapter,
        address indexed modelCode,
        bytes32 adapterId,
        bytes32 codeHash,
        bytes32 vkDigest,
        bytes32 schemaHash,
        bytes32 srsId,
        bytes schema
    );

    /// @notice The code that the entry pointed to was gone, and the entry points to the same code at other addresses now.
    event ModelRelocated(bytes32 indexed modelId, address indexed adapter, address indexed modelCode);

    /// @notice An account registered a model, alone or after others.
    event RegistrantAdded(bytes32 indexed modelId, address indexed registrant);

    /// @notice A registrant advises against further use of a model. This binds nobody.
    event ModelRetired(bytes32 indexed modelId, address indexed registrant, string reason);

    /* FUNCTIONS */

    /// @notice Registers a model. Open to everybody and idempotent: a model that is known stays as it is, and the caller becomes one more
    /// of its registrants.
    /// @dev One exception: if the code that the entry points to is gone, the entry is relocated to the same code at the addresses given
    /// here. A contract that is destroyed in the transaction that created it (EIP-6780) could otherwise occupy an id for ever.
    ///
    /// The schema is hashed, not decoded: bytes that are no schema give an id that no tool derives.
    /// @param adapter The contract that verifies proofs of the model. It must have code.
    /// @param modelCode The contract that holds the model's own code; 0, or it must have code.
    /// @param vkDigest The digest of the verifying key.
    /// @param srsId The id of the structured reference string.
    /// @param schema The schema of the public values, in its standard encoding.
    /// @return modelId The id of the model.
    function register(address adapter, address modelCode, bytes32 vkDigest, bytes32 srsId, bytes calldata schema)
        external
        returns (bytes32 modelId);

    /// @notice Advises against further use of a model. A notice by one registrant, which binds nobody else and cannot be taken back.
    /// @param modelId The model.
    /// @param reason Why, for people.
    function retire(bytes32 modelId, string calldata reason) external;

    /// @notice The entry of a model. Reverts with `UnknownModel` if there is none.
    function model(bytes32 modelId) external view returns (Model memory);

    /// @notice The adapter of a model and the key to call it with, after checking that the code at both addresses is still the code that
    /// the id names. Whoever verifies a proof, in a transaction or by eth_call, starts here.
    /// @dev Reverts with `UnknownModel` or `CodeChanged`.
    function resolve(bytes32 modelId) external view returns (address adapter, ModelKey memory key);

    /// @notice What `account` has said about a model.
    function standing(bytes32 modelId, address account) external view returns (Standing);
}
