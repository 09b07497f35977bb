// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IClaimBatches} from "./IClaimBatches.sol";
import {IClaimBreaker} from "./IClaimBreaker.sol";
import {IClaimLedger} from "./IClaimLedger.sol";
import {IClaims, Stage} from "./IClaims.sol";
import {IProofRegistry} from "./IProofRegistry.sol";

/// @title IClaimRegistry
/// @notice Claims at three prices: Attested (a hash, no judgement), Optimistic (bonded, and judged by the model's verifier only if somebody
/// objects), Verified (judged at once). Beside `ProofRegistry`, whose statement ids it shares: a statement has one id in both, a proof made
/// for that registry serves here, and a claim that it recorded can be adopted.
/// @dev Nobody owns it and nobody can pause or upgrade it. Its terms are fixed when it is deployed. The state table, with who pays whom, is
/// in docs/contracts.md; the tests follow it row by row. All clocks are `block.timestamp` and all edges are inclusive: what is allowed until
/// a second is allowed in that second.
///
/// Whatever judges also reverts with the errors of `IModelRegistry.resolve` and of the model's adapter.
interface IClaimRegistry is IClaims, IClaimLedger, IClaimBreaker, IClaimBatches {
    /* TYPES */

    /// @notice The record of a claim, one slot.
    /// @param submitter The submitter of the assignment.
    /// @param since When it entered its stage: the clock of Open and Challenged.
    /// @param model The registry's number of the model, 0 for Attested claims, which nothing judges.
    /// @param stage Where it is.
    /// @param transferable Whether proofs of the model can be copied from one context to another. Meaningless for Attested claims.
    struct Claim {
        address submitter;
        uint40 since;
        uint40 model;
        Stage stage;
        bool transferable;
    }

    /* ERRORS */

    /// @notice There is a claim of the statement already, or was.
    error ClaimExists(bytes32 statementId);

    /// @notice `ProofRegistry` has no Verified claim of the statement.
    error NotProven(bytes32 statementId);

    /* EVENTS */

    /// @notice A statement was attested. Nothing was judged.
    /// @param proofHash SHA-256 of the proof, as the submitter says.
    /// @param contentHash BLAKE3 of what is to be found in the store: the content address.
    event ClaimAttested(
        bytes32 indexed statementId,
        bytes32 indexed modelId,
        address indexed submitter,
        address consumer,
        bytes32 job,
        uint64 deadline,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        bytes32 contentHash
    );

    /// @notice An Optimistic claim was posted. It carries the public values, so that anybody can judge it.
    event ClaimPosted(
        bytes32 indexed statementId,
        bytes32 indexed modelId,
        address indexed submitter,
        address consumer,
        bytes32 job,
        uint64 deadline,
        bool transferable,
        bytes publicValues
    );

    /// @notice An Optimistic claim was challenged.
    event ClaimChallenged(bytes32 indexed statementId, address indexed challenger);

    /// @notice The model's adapter accepted a proof of the statement.
    /// @param proofHash SHA-256 of the proof that was seen, 0 if `ProofRegistry` had seen it.
    event ClaimVerified(
        bytes32 indexed statementId,
        bytes32 indexed modelId,
        address indexed submitter,
        address consumer,
        bytes32 job,
        uint64 deadline,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        bool transferable
    );

    /// @notice Nobody objected in time: the bond is the submitter's again.
    event ClaimFinalized(bytes32 indexed statementId);

    /// @notice A challenge was not answered in time.
    event ClaimSlashed(bytes32 indexed statementId, address indexed challenger, address indexed beneficiary);

    /// @notice The model or its adapter is broken: bond and fee are theirs again who brought them.
    event ClaimVoided(bytes32 indexed statementId);

    /* POSTING */

    /// @notice Attests a statement: a hash and where to find what is behind it. None -> Attested.
    /// @param publicValuesHash keccak256 of the public values.
    /// @param proofHash SHA-256 of the proof.
    /// @param contentHash BLAKE3 of the stored object, 0 if there is none.
    function attest(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        bytes32 contentHash
    ) external returns (bytes32 statementId);

    /// @notice Posts an Optimistic claim with its bond. None -> Open.
    function post(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes calldata publicValues)
        external
        payable
        returns (bytes32 statementId);

    /// @notice Verifies a proof and records the statement. None, Attested -> Verified.
    function submit(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 statementId);

    /// @notice Takes over what `ProofRegistry` has verified: None, Attested, Open, Challenged -> Verified. Anybody may call; to count as an
    /// answer it has to come in time, like one.
    function adopt(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        returns (bytes32 statementId);

    /* DISPUTING */

    /// @notice Objects to an Optimistic claim, and brings the fee. Open -> Challenged, once per claim.
    function challenge(bytes32 statementId) external payable;

    /// @notice Proves an Optimistic claim, challenged or not: Open, Challenged -> Verified. Bond and fee are the submitter's. A proof that is
    /// not accepted reverts and changes nothing.
    function answer(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 statementId);

    /// @notice Ends an Optimistic claim whose time is over: Open -> Final, Challenged -> Slashed, and both -> Void if the model is broken.
    /// Anybody may call.
    function finalize(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        returns (Stage stage);

    /* VIEWS */

    /// @notice Whether a consumer may rely on the statement at this level, now: its claim can no longer be objected to, and neither its
    /// model nor its adapter is broken. This is the one lookup for consumers.
    function isFinal(bytes32 statementId, IProofRegistry.Assurance minimumAssurance) external view returns (bool);

    /// @notice The level at which a statement is final now, None if it is not.
    function finalAssurance(bytes32 statementId) external view returns (IProofRegistry.Assurance);

    /// @notice The record of a statement; all zero if there is none.
    function claim(bytes32 statementId) external view returns (Claim memory);

    /// @notice Who challenged a claim, 0 if nobody did.
    function challengerOf(bytes32 statementId) external view returns (address);

    /// @notice The id of a statement, here as in `ProofRegistry`.
    function statementIdOf(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        view
        returns (bytes32);
}
