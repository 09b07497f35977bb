// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IClaimBreaker
/// @notice A breaker that nobody owns. Whoever shows two proofs that contradict each other stops what accepted them, in one transaction and
/// for ever, in this registry. Nobody can stop anything in any other way.
/// @dev What is stopped is what the contradiction incriminates, and no more. Anybody can register a model whose own code accepts everything,
/// or an honest model under a schema that calls its inputs outputs: two proofs for such a model say nothing about its adapter, which serves
/// other people's models. So `breakModel` stops that model. An adapter is stopped by `breakAdapter`, if it vouches itself for every key that
/// it accepts, and for where the inputs of each end (`IDeterministicAdapter`).
///
/// Out of reach: models with a committed side. Their public values have a hiding point where the inputs or the outputs would be, and two
/// different points may hide the same tensor.
interface IClaimBreaker {
    /* TYPES */

    /// @notice Half of a contradiction: a proof, of any context, and the public values that it proves.
    struct Evidence {
        bytes32 contextId;
        bytes publicValues;
        bytes proof;
    }

    /* ERRORS */

    /// @notice The model or its adapter is broken. It is asked nothing any more.
    error Broken(bytes32 modelId);

    /// @notice The public values do not contradict each other: the inputs differ, or the outputs do not.
    error NoContradiction();

    /// @notice The schema is not the model's.
    error OtherSchema(bytes32 schemaHash);

    /// @notice A side of the model is committed: see above.
    error HiddenSide();

    /// @notice The adapter does not vouch for the keys that it accepts (`IDeterministicAdapter`): only its models can be broken.
    error DoesNotVouch(address adapter);

    /// @notice The adapter refused without saying why: it has no such function, or the call ran out of gas.
    error SilentRefusal(address adapter);

    /* EVENTS */

    /// @notice A model was broken.
    event ModelBroken(bytes32 indexed modelId, address indexed breaker, bytes32 inputsHash);

    /// @notice An adapter, and with it each of its models, was broken.
    event AdapterBroken(
        bytes32 indexed adapterId, bytes32 indexed modelId, address indexed breaker, bytes32 inputsHash
    );

    /* FUNCTIONS */

    /// @notice Stops a model: `schema` says where its inputs end.
    function breakModel(bytes32 modelId, bytes calldata schema, Evidence calldata first, Evidence calldata second)
        external;

    /// @notice Stops an adapter with all of its models.
    function breakAdapter(bytes32 modelId, Evidence calldata first, Evidence calldata second) external;

    /// @notice Whether a model, or its adapter, is broken here. Reverts for a model that is in no registry (`UnknownModel`).
    function isBroken(bytes32 modelId) external view returns (bool);

    /// @notice Whether an adapter, named by its code hash, is broken here.
    function isAdapterBroken(bytes32 adapterId) external view returns (bool);

    /// @notice The registry's number of a model, 0 if it has none yet.
    function modelNumber(bytes32 modelId) external view returns (uint40);
}
