// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Identities
/// @notice The names of models, schemas, contexts, statements and batches, as defined in docs/identities.md. The definitions are frozen:
/// a change is a new tag, never a new meaning of an old one. Known answers: tests/fixtures/identities.json.
/// @dev Every preimage is a list of whole words, except for a schema (one word, then the schema bytes), and starts with a tag that no
/// other preimage starts with. `abi.encode` of words is their concatenation.
library Identities {
    /* TAGS */

    bytes32 internal constant TAG_MODEL = keccak256("zkinfer/model/v1");
    bytes32 internal constant TAG_SCHEMA = keccak256("zkinfer/schema/v1");
    bytes32 internal constant TAG_CONTEXT = keccak256("zkinfer/context/v1");
    bytes32 internal constant TAG_STATEMENT = keccak256("zkinfer/statement/v1");
    bytes32 internal constant TAG_BATCH = keccak256("zkinfer/batch/v1");
    bytes32 internal constant TAG_SRS = keccak256("zkinfer/srs/v1");
    bytes32 internal constant TAG_EZKL_VK = keccak256("zkinfer/ezkl-vk/v2");
    bytes32 internal constant TAG_NATIVE_VK = keccak256("zkinfer/native-vk/v1");
    bytes32 internal constant TAG_COMMITTED = keccak256("zkinfer/committed-tensor/v1");

    /// @notice The context id of a statement that is made for no chain. No registry can compute it from an assignment.
    bytes32 internal constant CONTEXT_OFFCHAIN = keccak256("zkinfer/context/offchain/v1");

    /* MODELS */

    /// @notice The id of a model.
    /// @param adapterId EXTCODEHASH of the adapter contract.
    /// @param codeHash EXTCODEHASH of the model's own code, 0 when it has none.
    /// @param vkDigest The digest of the verifying key, as the backend defines it.
    /// @param schemaHash_ The hash of the schema, see `schemaHash`.
    /// @param srsId The id of the structured reference string.
    function modelId(bytes32 adapterId, bytes32 codeHash, bytes32 vkDigest, bytes32 schemaHash_, bytes32 srsId)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(TAG_MODEL, adapterId, codeHash, vkDigest, schemaHash_, srsId));
    }

    /// @notice The hash of a schema.
    /// @param schema The standard ABI encoding of the list of public tensors.
    function schemaHash(bytes memory schema) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(TAG_SCHEMA, schema));
    }

    /* STATEMENTS */

    /// @notice The id of the context that a claim is made in.
    /// @param chainId The chain of the registry.
    /// @param registry The registry that records the claim.
    /// @param submitter The account that may submit it.
    /// @param consumer The contract that the claim is made for, 0 for anybody's.
    /// @param job The work that the consumer assigned: any 32 bytes.
    /// @param deadline The Unix time in seconds after which the registry refuses the claim.
    function contextId(
        uint256 chainId,
        address registry,
        address submitter,
        address consumer,
        bytes32 job,
        uint64 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(TAG_CONTEXT, chainId, registry, submitter, consumer, job, deadline));
    }

    /// @notice The id of a statement: this model maps these public values, for this context. It never covers proof bytes.
    function statementId(bytes32 modelId_, bytes32 publicValuesHash, bytes32 contextId_)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(TAG_STATEMENT, modelId_, publicValuesHash, contextId_));
    }

    /// @notice The id of an ordered list of statements.
    function batchId(bytes32[] memory statementIds) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(TAG_BATCH, statementIds.length, statementIds));
    }
}
