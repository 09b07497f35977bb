// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IClaimBatches} from "../../interfaces/IClaimBatches.sol";
import {IClaimRegistry} from "../../interfaces/IClaimRegistry.sol";
import {IClaims} from "../../interfaces/IClaims.sol";
import {IProofRegistry} from "../../interfaces/IProofRegistry.sol";
import {ClaimConsumer} from "../ClaimConsumer.sol";
import {IAgenticCommerce} from "./IAgenticCommerce.sol";

/// @title ClaimEvaluator
/// @notice An ERC-8183 evaluator without an opinion: a job is complete when the claim of its provider is final at the level that its client
/// asked for, and rejected when the time for that is over.
/// @dev The client says once what the job is. A provider looks at it before taking the job, and makes its claim under the assignment that
/// `assignmentOf` gives. Both calls that decide are anybody's.
contract ClaimEvaluator is ClaimConsumer {
    /// @param modelId The model.
    /// @param inputsHash keccak256 of the input bytes of the public values.
    /// @param inputBytes How many there are, by the model's schema.
    /// @param minimum The level that the claim has to reach.
    /// @param deadline The assignment's: the last second for posting.
    /// @param rejectAfter The last second in which the job cannot be rejected.
    struct Terms {
        bytes32 modelId;
        bytes32 inputsHash;
        uint32 inputBytes;
        IProofRegistry.Assurance minimum;
        uint64 deadline;
        uint64 rejectAfter;
    }

    error NotClient(address caller);
    error NotEvaluator(uint256 jobId);
    error TermsExist(uint256 jobId);
    error NoTerms(uint256 jobId);
    /// @notice The provider could not have a claim final by then: an Optimistic one takes both windows.
    error RejectsTooEarly(uint256 earliest);
    error OtherInputs();
    error TooEarly(uint256 lastSecond);

    event TermsSet(uint256 indexed jobId, Terms terms);

    IAgenticCommerce public immutable commerce;

    mapping(uint256 jobId => Terms) private _terms;

    constructor(IAgenticCommerce commerce_, IClaimRegistry claims_) ClaimConsumer(claims_) {
        commerce = commerce_;
    }

    /// @notice The client says what the job is. Once.
    function setTerms(uint256 jobId, Terms calldata terms_) external {
        IAgenticCommerce.Job memory job = commerce.getJob(jobId);
        if (msg.sender != job.client) revert NotClient(msg.sender);
        if (job.evaluator != address(this)) revert NotEvaluator(jobId);
        if (_terms[jobId].modelId != 0) revert TermsExist(jobId);
        if (terms_.modelId == 0 || terms_.minimum == IProofRegistry.Assurance.None) revert NoTerms(jobId);
        IClaims.Terms memory windows = claims.terms();
        uint256 earliest = uint256(terms_.deadline) + windows.challengeWindow + windows.answerWindow;
        if (terms_.rejectAfter <= earliest) revert RejectsTooEarly(earliest);
        _terms[jobId] = terms_;
        emit TermsSet(jobId, terms_);
    }

    /// @notice Completes a job whose claim is final. The reason is the statement id.
    function complete(uint256 jobId, bytes calldata publicValues, Place calldata place) external {
        Terms memory terms_ = _termsOf(jobId);
        if (publicValues.length < terms_.inputBytes) revert OtherInputs();
        if (keccak256(publicValues[:terms_.inputBytes]) != terms_.inputsHash) revert OtherInputs();
        bytes32 statementId = _statementId(jobId, keccak256(publicValues));
        _requireFinal(statementId, terms_.minimum, place);
        commerce.complete(jobId, statementId, "");
    }

    /// @notice Rejects a job that was not completed in time. The reason is 0.
    function reject(uint256 jobId) external {
        Terms memory terms_ = _termsOf(jobId);
        if (block.timestamp <= terms_.rejectAfter) revert TooEarly(terms_.rejectAfter);
        commerce.reject(jobId, 0, "");
    }

    /// @notice Passes the consumer's share of a slashed claim on to the job's client, who is owed it then.
    function takeShare(uint256 jobId, bytes32 publicValuesHash) external {
        _owe(commerce.getJob(jobId).client, _takeShare(_statementId(jobId, publicValuesHash)));
    }

    /// @notice The same for the leaf of a batch that was slashed.
    function takeLeafShare(
        uint256 jobId,
        bytes32 publicValuesHash,
        IClaimBatches.Batch calldata batch,
        uint16 index,
        bytes32[] calldata path
    ) external {
        uint256 share = _takeLeafShare(batch, index, path, _statementId(jobId, publicValuesHash));
        _owe(commerce.getJob(jobId).client, share);
    }

    /// @notice The assignment under which the provider makes the claim.
    function assignmentOf(uint256 jobId) public view returns (IProofRegistry.Assignment memory) {
        return IProofRegistry.Assignment({
            submitter: commerce.getJob(jobId).provider,
            consumer: address(this),
            job: bytes32(jobId),
            deadline: _termsOf(jobId).deadline
        });
    }

    /// @notice What a job is.
    function terms(uint256 jobId) external view returns (Terms memory) {
        return _termsOf(jobId);
    }

    function _statementId(uint256 jobId, bytes32 publicValuesHash) private view returns (bytes32) {
        return claims.statementIdOf(_termsOf(jobId).modelId, assignmentOf(jobId), publicValuesHash);
    }

    function _termsOf(uint256 jobId) private view returns (Terms memory terms_) {
        terms_ = _terms[jobId];
        if (terms_.modelId == 0) revert NoTerms(jobId);
    }
}
