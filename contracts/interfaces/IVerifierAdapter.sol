// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice What a model id is made of, as far as a verifier may need it.
/// @param modelId The id under which the registry knows the model.
/// @param modelCode The contract that holds the model's own code, 0 when it has none.
/// @param vkDigest The digest of the verifying key.
/// @param schemaHash The hash of the schema of the public values.
/// @param srsId The id of the structured reference string.
struct ModelKey {
    bytes32 modelId;
    address modelCode;
    bytes32 vkDigest;
    bytes32 schemaHash;
    bytes32 srsId;
}

/// @title IVerifierAdapter
/// @notice Turns public values and a proof into one verdict. One adapter serves every model of its backend.
/// @dev An adapter is named by its code hash. So it has to be immutable, to keep no state, and to delegate to nobody: whatever it reads
/// besides its arguments and its own code is outside of what a model id promises. It cannot know its own id, and takes the model id from
/// the caller: a caller who passes a key that it made up learns nothing about the model of that id.
interface IVerifierAdapter {
    /// @notice The proof was not accepted.
    /// @dev NOT evidence that the statement is false, nor even that the proof is bad: a call with too little gas ends here as well.
    error ProofInvalid();

    /// @notice The model's code is not there.
    error NoCode(address account);

    /// @notice The public values are not a whole number of elements.
    error PublicValuesLength(uint256 length);

    /// @notice The proof cannot have this length.
    error ProofLength(uint256 length);

    /// @notice The element at `index` of the public values has no counterpart in the field, or a second encoding.
    error ValueOutOfRange(uint256 index);

    /// @notice Returns if the proof is valid for the statement, and reverts if not. There is no third outcome.
    /// @param model The model, from its registry.
    /// @param contextId The context of the statement. An adapter that cannot bind it ignores it, see `bindsStatement`.
    /// @param publicValues The public values, canonical bytes by the model's schema.
    /// @param proof The canonical proof bytes.
    function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        external
        view;

    /// @notice Whether a proof is good for one context only. False: whoever sees a proof can submit it for a context of their own.
    function bindsStatement() external pure returns (bool);

    /// @notice The adapter's name, for people and logs. Nothing is decided by it.
    function name() external pure returns (string memory);
}
