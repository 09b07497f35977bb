// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IClaimBatches} from "../../interfaces/IClaimBatches.sol";
import {IClaimRegistry} from "../../interfaces/IClaimRegistry.sol";
import {IClaims} from "../../interfaces/IClaims.sol";
import {IProofRegistry} from "../../interfaces/IProofRegistry.sol";
import {ClaimConsumer} from "../ClaimConsumer.sol";

/// @title InferenceEscrow
/// @notice An example of a consumer that pays: a client locks the price of an inference, a node is paid when its claim is final at the level that
/// the client asked for, and the client has the price back when the time for that is over.
/// @dev The five things a consumer does itself (docs/contracts.md): the model id, the submitter and the inputs are the job's, the statement id is
/// derived from them, and the outputs are read from the same bytes. Payments are credits, as in the registry.
contract InferenceEscrow is ClaimConsumer {
    enum State {
        None,
        Open,
        Paid,
        Refunded
    }

    /// @param client Who locked the price, and gets it back.
    /// @param node Who may make the claim, and gets the price.
    /// @param modelId The model.
    /// @param inputsHash keccak256 of the input bytes of the public values.
    /// @param inputBytes How many there are, by the model's schema.
    /// @param minimum The level that the claim has to reach.
    /// @param deadline The assignment's: the last second for posting.
    /// @param refundAfter The last second in which there is no refund.
    /// @param price What the node gets, in wei.
    struct Job {
        address client;
        address node;
        bytes32 modelId;
        bytes32 inputsHash;
        uint32 inputBytes;
        IProofRegistry.Assurance minimum;
        State state;
        uint64 deadline;
        uint64 refundAfter;
        uint256 price;
    }

    error NoLevel();
    error NoSuchJob(bytes32 job);
    error NotOpen(bytes32 job, State state);
    error OtherInputs();
    /// @notice A claim could not be final by then: an Optimistic one takes both windows.
    error RefundsTooEarly(uint256 earliest);
    error TooEarly(uint256 lastSecond);

    event JobOpened(bytes32 indexed job, address indexed client, address indexed node, Job terms, bytes inputs);
    event JobPaid(bytes32 indexed job, bytes32 statementId, bytes outputs);
    event JobRefunded(bytes32 indexed job);

    mapping(bytes32 job => Job) private _jobs;
    uint256 private _opened;

    constructor(IClaimRegistry claims_) ClaimConsumer(claims_) {}

    /// @notice Locks the price of an inference. The inputs are in the event, for the node.
    function open(
        address node,
        bytes32 modelId,
        bytes calldata inputs,
        IProofRegistry.Assurance minimum,
        uint64 deadline,
        uint64 refundAfter
    ) external payable returns (bytes32 job) {
        if (minimum == IProofRegistry.Assurance.None) revert NoLevel();
        IClaims.Terms memory windows = claims.terms();
        uint256 earliest = uint256(deadline) + windows.challengeWindow + windows.answerWindow;
        if (refundAfter <= earliest) revert RefundsTooEarly(earliest);
        job = bytes32(++_opened);
        Job memory terms = Job({
            client: msg.sender,
            node: node,
            modelId: modelId,
            inputsHash: keccak256(inputs),
            inputBytes: uint32(inputs.length),
            minimum: minimum,
            state: State.Open,
            deadline: deadline,
            refundAfter: refundAfter,
            price: msg.value
        });
        _jobs[job] = terms;
        emit JobOpened(job, msg.sender, node, terms, inputs);
    }

    /// @notice Pays the node of a job whose claim is final. Anybody may call, until the refund.
    /// @return outputs The output bytes of the public values.
    function settle(bytes32 job, bytes calldata publicValues, Place calldata place)
        external
        returns (bytes memory outputs)
    {
        Job storage terms = _requireOpen(job);
        if (publicValues.length < terms.inputBytes) revert OtherInputs();
        if (keccak256(publicValues[:terms.inputBytes]) != terms.inputsHash) revert OtherInputs();
        bytes32 statementId = claims.statementIdOf(terms.modelId, assignmentOf(job), keccak256(publicValues));
        _requireFinal(statementId, terms.minimum, place);
        terms.state = State.Paid;
        _owe(terms.node, terms.price);
        outputs = publicValues[terms.inputBytes:];
        emit JobPaid(job, statementId, outputs);
    }

    /// @notice Gives the price of a job back that was not settled in time. Anybody may call.
    function refund(bytes32 job) external {
        Job storage terms = _requireOpen(job);
        if (block.timestamp <= terms.refundAfter) revert TooEarly(terms.refundAfter);
        terms.state = State.Refunded;
        _owe(terms.client, terms.price);
        emit JobRefunded(job);
    }

    /// @notice Passes the consumer's share of a slashed claim on to the client whose job it was about.
    function takeShare(bytes32 job, bytes32 publicValuesHash) external {
        bytes32 statementId = claims.statementIdOf(_jobs[job].modelId, assignmentOf(job), publicValuesHash);
        _owe(_jobs[job].client, _takeShare(statementId));
    }

    /// @notice The same for the leaf of a batch that was slashed.
    function takeLeafShare(
        bytes32 job,
        bytes32 publicValuesHash,
        IClaimBatches.Batch calldata batch,
        uint16 index,
        bytes32[] calldata path
    ) external {
        bytes32 statementId = claims.statementIdOf(_jobs[job].modelId, assignmentOf(job), publicValuesHash);
        _owe(_jobs[job].client, _takeLeafShare(batch, index, path, statementId));
    }

    /// @notice A job; it reverts if there is none.
    function jobOf(bytes32 job) public view returns (Job memory terms) {
        terms = _jobs[job];
        if (terms.state == State.None) revert NoSuchJob(job);
    }

    /// @notice The assignment under which the node makes the claim.
    function assignmentOf(bytes32 job) public view returns (IProofRegistry.Assignment memory) {
        Job memory terms = jobOf(job);
        return IProofRegistry.Assignment(terms.node, address(this), job, terms.deadline);
    }

    function _requireOpen(bytes32 job) private view returns (Job storage terms) {
        terms = _jobs[job];
        if (terms.state != State.Open) revert NotOpen(job, terms.state);
    }
}
