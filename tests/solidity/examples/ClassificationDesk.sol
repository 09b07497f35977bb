// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {PublicValues} from "../../../contracts/libraries/PublicValues.sol";
import {Schemas, Tensor} from "../../../contracts/libraries/Schemas.sol";

/// @title ClassificationDesk
/// @notice An example of a consumer: it assigns the classification of given inputs to a worker, and believes the answer only if the
/// registry has a verified claim of exactly that. See docs/contracts.md.
/// @dev The five things a consumer does itself: it pins the model id, it assigns each job to one submitter, it fixes the inputs, it
/// derives the statement id from all of these instead of taking one from the caller, and it reads the outputs from the bytes whose hash
/// is in that id.
///
/// Native and EZKL models alike: where the inputs end and how an output is read is taken from the model's schema, whose hash is in the model id.
contract ClassificationDesk {
    using PublicValues for PublicValues.TensorView;

    struct Job {
        address worker;
        uint64 deadline;
        bool settled;
        bytes32 inputsHash;
    }

    error OtherSchema(bytes32 schemaHash);
    error CommittedInputs();
    error WrongLength(uint256 length);
    error NoOpenJob(bytes32 job);
    error OtherInputs();
    error NotProven(bytes32 statementId);

    event JobOpened(bytes32 indexed job, address indexed worker, uint64 deadline, bytes inputs);
    event JobSettled(bytes32 indexed job, uint256 class, int256 score);

    IProofRegistry public immutable registry;
    bytes32 public immutable modelId;

    /// @notice The bytes of the inputs, and of all public values.
    uint256 public immutable inputBytes;
    uint256 public immutable totalBytes;

    /// @notice How the scores are read: the first output.
    PublicValues.TensorView public scores;

    mapping(bytes32 job => Job) public jobs;
    uint256 private _opened;

    constructor(IProofRegistry registry_, bytes32 modelId_, bytes memory schema) {
        bytes32 schemaHash = Identities.schemaHash(schema);
        if (registry_.modelRegistry().model(modelId_).schemaHash != schemaHash) revert OtherSchema(schemaHash);
        Tensor[] memory tensors = abi.decode(schema, (Tensor[]));
        (uint256 inputs, uint256 total, bool allPublic) = Schemas.split(tensors);
        if (!allPublic) revert CommittedInputs();
        (registry, modelId, inputBytes, totalBytes) = (registry_, modelId_, inputs, total);
        scores = PublicValues.viewOf(tensors, PublicValues.firstOutput(tensors));
    }

    /// @notice Asks a worker to classify quantized inputs.
    function open(address worker, uint64 deadline, bytes calldata inputs) external returns (bytes32 job) {
        if (inputs.length != inputBytes) revert WrongLength(inputs.length);
        job = bytes32(++_opened);
        jobs[job] = Job(worker, deadline, false, keccak256(inputs));
        emit JobOpened(job, worker, deadline, inputs);
    }

    /// @notice Takes the answer to a job from the public values that its worker has proven. Anybody may call.
    /// @return class The index of the greatest output.
    /// @return score That output, quantized: `(score - zeroPoint) * scale` by the schema.
    function settle(bytes32 job, bytes calldata publicValues) external returns (uint256 class, int256 score) {
        Job storage open_ = jobs[job];
        if (open_.inputsHash == 0 || open_.settled) revert NoOpenJob(job);
        if (publicValues.length != totalBytes) revert WrongLength(publicValues.length);
        if (keccak256(publicValues[:inputBytes]) != open_.inputsHash) revert OtherInputs();

        IProofRegistry.Assignment memory assignment = IProofRegistry.Assignment({
            submitter: open_.worker, consumer: address(this), job: job, deadline: open_.deadline
        });
        bytes32 statementId = registry.statementIdOf(modelId, assignment, publicValues);
        if (!registry.isVerified(statementId)) revert NotProven(statementId);

        open_.settled = true;
        (class, score) = _greatest(publicValues);
        emit JobSettled(job, class, score);
    }

    function _greatest(bytes calldata publicValues) private view returns (uint256 class, int256 score) {
        PublicValues.TensorView memory outputs = scores;
        score = type(int256).min;
        for (uint256 i = 0; i < outputs.elements; i++) {
            int256 output = outputs.at(publicValues, i);
            if (output > score) (class, score) = (i, output);
        }
    }
}
