// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IModelRegistry} from "./IModelRegistry.sol";

/// @title IProofRegistry
/// @notice Verifies proofs of inference and records what they prove. A record says: the code that the model id names accepted a proof of
/// this statement, here, at that time. It says nothing about whether the model is any good or the inputs are true.
/// @dev Nothing is owned, paused or upgraded, and no record is ever changed or removed. The records can be rebuilt from the events
/// (`recordedAt` is the time of the event's block).
///
/// `submit` and `submitBatch` also revert with the errors of `IModelRegistry.resolve` (`UnknownModel`, `CodeChanged`) and of the model's
/// adapter (`ProofInvalid` and others, see IVerifierAdapter).
interface IProofRegistry {
    /* TYPES */

    /// @notice Who makes a claim, for whom, about which job, until when. Together with the chain and the registry this is the context of
    /// the statement.
    /// @param submitter The only account that may submit the claim.
    /// @param consumer The contract that the claim is made for, 0 for anybody's.
    /// @param job The work that the consumer assigned: any 32 bytes.
    /// @param deadline The last second (Unix time) in which the claim is accepted.
    struct Assignment {
        address submitter;
        address consumer;
        bytes32 job;
        uint64 deadline;
    }

    /// @notice What a claim rests on.
    /// None: there is no claim. Attested: only a hash was posted. Optimistic: bonded, and could be challenged. Verified: a verifier
    /// contract accepted a proof. This registry records Verified claims only; the others keep the numbers stable.
    enum Assurance {
        None,
        Attested,
        Optimistic,
        Verified
    }

    /// @notice The record of a claim.
    /// @param submitter The account that submitted it.
    /// @param recordedAt The time of its block, in seconds.
    /// @param assurance What it rests on.
    /// @param transferable Whether its proof could have been copied from somebody else's: the adapter does not bind the context. That a
    /// transferable proof was submitted by an account does not show that the account ran the model.
    struct Claim {
        address submitter;
        uint64 recordedAt;
        Assurance assurance;
        bool transferable;
    }

    /* ERRORS */

    /// @notice The caller is not the submitter of the assignment.
    error SubmitterMismatch(address submitter, address caller);

    /// @notice The deadline of the assignment has passed.
    error DeadlinePassed(uint64 deadline);

    /// @notice The statement is recorded already.
    error ClaimExists(bytes32 statementId);

    /// @notice There is no statement in the batch.
    error EmptyBatch();

    /// @notice The lists of a batch differ in length.
    error BatchLengths(uint256 assignments, uint256 publicValues);

    /// @notice The model's adapter takes one statement per proof. This says nothing about the proof, which nobody looked at.
    error BatchUnsupported(address adapter);

    /* EVENTS */

    /// @notice A claim was recorded.
    /// @param statementId The statement.
    /// @param modelId Its model.
    /// @param submitter The submitter of the assignment, as are the next three.
    /// @param publicValuesHash keccak256 of the public values.
    /// @param proofHash SHA-256 of the proof. One statement has many proofs: this names the one that was seen.
    /// @param assurance What the claim rests on.
    /// @param transferable Whether the proof could have been copied.
    event ClaimRecorded(
        bytes32 indexed statementId,
        bytes32 indexed modelId,
        address indexed submitter,
        address consumer,
        bytes32 job,
        uint64 deadline,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        Assurance assurance,
        bool transferable
    );

    /// @notice One proof of several statements was accepted. The `count` events `ClaimRecorded` just before this one are their claims, in
    /// the order of the batch.
    /// @param batchId The batch: the hash of the statement ids in their order (docs/identities.md).
    /// @param modelId The model of all of them.
    /// @param submitter The submitter of all of them.
    /// @param count How many statements there are.
    /// @param proofHash SHA-256 of the proof, as in their claims' events.
    event BatchRecorded(
        bytes32 indexed batchId, bytes32 indexed modelId, address indexed submitter, uint256 count, bytes32 proofHash
    );

    /* FUNCTIONS */

    /// @notice Verifies a proof and records its statement.
    /// @dev A proof that fails can cost all the gas of the transaction, if the model's code is made that way: simulate first.
    /// @param modelId The model, registered.
    /// @param assignment The context. The caller has to be its submitter.
    /// @param publicValues The public values, canonical bytes by the model's schema.
    /// @param proof The canonical proof bytes.
    /// @return statementId The statement that is recorded now.
    function submit(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues, bytes calldata proof)
        external
        returns (bytes32 statementId);

    /// @notice Verifies one proof of several statements about one model, and records each of them. All are recorded or none is, and every
    /// claim is what `submit` would have made of it: whoever looks one up need not know that it came in a batch.
    /// @dev A statement that occurs twice is refused like one that is recorded (`ClaimExists`). A model whose adapter takes one statement
    /// per proof is refused with `BatchUnsupported`. The number of statements is limited by the adapter and by the gas of a transaction.
    /// @param modelId The model of all statements, registered.
    /// @param assignments The context of each statement. The caller has to be the submitter of every one.
    /// @param publicValues The public values of each statement, canonical bytes by the model's schema.
    /// @param proof The canonical proof bytes. They bind the order.
    /// @return statementIds The statements that are recorded now, in the same order.
    function submitBatch(
        bytes32 modelId,
        Assignment[] calldata assignments,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32[] memory statementIds);

    /// @notice The registry that models are looked up in.
    function modelRegistry() external view returns (IModelRegistry);

    /// @notice The record of a statement; all zero if there is none.
    function claim(bytes32 statementId) external view returns (Claim memory);

    /// @notice Whether a verifier contract accepted a proof of the statement.
    function isVerified(bytes32 statementId) external view returns (bool);

    /// @notice The id of the statement that `model maps publicValues` for an assignment, in this registry on this chain. A consumer
    /// derives the id of what it asked for, and never takes one from a caller.
    function statementIdOf(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues)
        external
        view
        returns (bytes32);

    /// @notice The context id of an assignment, in this registry on this chain.
    function contextIdOf(Assignment calldata assignment) external view returns (bytes32);
}
