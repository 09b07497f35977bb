// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../interfaces/IClaimBatches.sol";
import {Stage} from "../interfaces/IClaims.sol";
import {IProofRegistry} from "../interfaces/IProofRegistry.sol";
import {ModelKey} from "../interfaces/IVerifierAdapter.sol";
import {Identities} from "../libraries/Identities.sol";
import {MerkleStatements} from "../libraries/MerkleStatements.sol";
import {SingleClaims} from "./SingleClaims.sol";

/// @title BatchClaims
/// @notice Optimistic claims of many statements under one root.
/// @dev Why an answer can prolong the time for challenges. Only `maxOpenChallenges` can be open at once, or a griefer could demand thousands
/// of proofs in one answer window. But then a submitter with a false leaf could have an accomplice take all the places until the time is
/// over. So an answer that comes while all places are taken gives everybody another challenge window. An answered leaf cannot be challenged
/// again: to keep others out for ever, the two would have to prove every leaf but the false one, and then have none left to keep them out.
abstract contract BatchClaims is SingleClaims {
    /// @dev Here and not in Identities: the native verifiers are compiled with that file, and their code is their identity.
    bytes32 private constant TAG_CLAIM_BATCH = keccak256("zkinfer/claim-batch/v1");

    /* STORAGE */

    uint256 private constant MAX_LEAVES = 1 << 12;

    uint16 internal immutable MAX_OPEN;

    mapping(bytes32 batchId => BatchRecord) private _batches;
    mapping(bytes32 batchId => mapping(uint256 index => LeafRecord)) private _leaves;

    constructor(uint16 maxOpen) {
        if (maxOpen == 0) revert ZeroTerm();
        MAX_OPEN = maxOpen;
    }

    /* POSTING */

    /// @inheritdoc IClaimBatches
    function postBatch(Batch calldata batch_, bytes32 contentHash) external payable returns (bytes32 batchId) {
        _requireSubmitter(batch_.submitter);
        _requireInTime(batch_.deadline);
        if (batch_.count == 0 || batch_.count > MAX_LEAVES) revert LeafCount(batch_.count);
        _requireValue(BOND * batch_.count);
        batchId = batchIdOf(batch_);
        if (_batches[batchId].stage != Stage.None) revert BatchExists(batchId);
        (,, Model memory model) = _judge(batch_.modelId);
        _batches[batchId] = BatchRecord({
            closesAt: uint40(block.timestamp) + CHALLENGE_WINDOW,
            model: model.number,
            count: batch_.count,
            open: 0,
            stage: Stage.Open,
            root: batch_.root
        });
        emit BatchPosted(
            batchId,
            batch_.modelId,
            msg.sender,
            batch_.consumer,
            batch_.deadline,
            batch_.root,
            batch_.count,
            contentHash
        );
    }

    /* DISPUTING */

    /// @inheritdoc IClaimBatches
    function challengeLeaf(bytes32 batchId, uint16 index) external payable {
        _requireValue(FEE);
        BatchRecord storage record = _batches[batchId];
        BatchRecord memory known = record;
        if (known.stage != Stage.Open) revert WrongStage(batchId, known.stage);
        _requireNotLater(known.closesAt);
        if (index >= known.count) revert NoSuchLeaf(index);
        LeafRecord storage leafRecord = _leaves[batchId][index];
        if (leafRecord.stage != LeafStage.None) revert WrongLeafStage(index, leafRecord.stage);
        if (known.open == MAX_OPEN) revert TooManyChallenges(known.open);
        if (_isBroken(known.model)) revert Broken(_modelIdOf(known.model));
        record.open = known.open + 1;
        _leaves[batchId][index] = LeafRecord(msg.sender, uint40(block.timestamp), LeafStage.Challenged);
        emit LeafChallenged(batchId, index, msg.sender);
    }

    /// @inheritdoc IClaimBatches
    function answerLeaves(Batch calldata batch_, Leaf[] calldata leaves, bytes calldata proof) external {
        _requireSubmitter(batch_.submitter);
        bytes32 batchId = batchIdOf(batch_);
        uint256 open = _requireOpen(batchId).open;
        // The loops below end with the open challenges, whatever the caller brings.
        if (leaves.length == 0 || leaves.length > open) revert AnswerSize(leaves.length);

        bytes32[] memory statementIds = new bytes32[](leaves.length);
        bytes32[] memory contextIds = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            (statementIds[i], contextIds[i]) = _take(batchId, batch_, leaves[i]);
        }
        _leave(batchId, open, leaves.length);
        _credit(msg.sender, FEE * leaves.length);
        _proveLeaves(batch_, leaves, statementIds, contextIds, proof);
    }

    /// @inheritdoc IClaimBatches
    function finalizeBatch(Batch calldata batch_) external returns (Stage stage) {
        bytes32 batchId = batchIdOf(batch_);
        BatchRecord memory known = _requireOpen(batchId);
        if (isBroken(batch_.modelId)) {
            stage = Stage.Void;
            emit BatchVoided(batchId);
        } else {
            if (known.open != 0) revert OpenChallenges(known.open);
            _requireLater(known.closesAt);
            stage = Stage.Final;
            emit BatchFinalized(batchId);
        }
        _batches[batchId].stage = stage;
        _credit(batch_.submitter, BOND * batch_.count);
    }

    /// @inheritdoc IClaimBatches
    function slashBatch(Batch calldata batch_, uint16 index) external {
        bytes32 batchId = batchIdOf(batch_);
        _requireOpen(batchId);
        if (isBroken(batch_.modelId)) revert Broken(batch_.modelId);
        LeafRecord memory leaf_ = _requireChallenged(batchId, index);
        _requireLater(uint256(leaf_.since) + ANSWER_WINDOW);
        _leaves[batchId][index].stage = LeafStage.Settled;
        _batches[batchId].stage = Stage.Slashed;
        address beneficiary = _slash(leaf_.challenger, batch_.consumer, BOND * batch_.count);
        emit BatchSlashed(batchId, index, leaf_.challenger, beneficiary);
    }

    /// @inheritdoc IClaimBatches
    function returnFee(bytes32 batchId, uint16 index) external {
        Stage stage = _batches[batchId].stage;
        if (stage != Stage.Slashed && stage != Stage.Void) revert WrongStage(batchId, stage);
        LeafRecord memory leaf_ = _requireChallenged(batchId, index);
        _leaves[batchId][index].stage = LeafStage.Settled;
        _credit(leaf_.challenger, FEE);
        emit FeeReturned(batchId, index, leaf_.challenger);
    }

    /* VIEWS */

    /// @inheritdoc IClaimBatches
    function isFinalInBatch(
        bytes32 batchId,
        uint16 index,
        bytes32[] calldata path,
        bytes32 statementId,
        IProofRegistry.Assurance minimumAssurance
    ) external view returns (bool) {
        Stage own = _claims[statementId].stage;
        if (own == Stage.Slashed || own == Stage.Void) return false;
        if (isFinal(statementId, minimumAssurance)) return true;
        if (minimumAssurance > IProofRegistry.Assurance.Optimistic) return false;
        BatchRecord memory known = _batches[batchId];
        bool unchallenged = known.stage == Stage.Final
            || (known.stage == Stage.Open && known.open == 0 && block.timestamp > known.closesAt);
        if (!unchallenged || _isBroken(known.model)) return false;
        return MerkleStatements.verify(path, known.root, index, known.count, statementId);
    }

    /// @inheritdoc IClaimBatches
    function batch(bytes32 batchId) external view returns (BatchRecord memory) {
        return _batches[batchId];
    }

    /// @inheritdoc IClaimBatches
    function leaf(bytes32 batchId, uint16 index) external view returns (LeafRecord memory) {
        return _leaves[batchId][index];
    }

    /// @inheritdoc IClaimBatches
    function batchIdOf(Batch calldata batch_) public view returns (bytes32) {
        return keccak256(abi.encode(TAG_CLAIM_BATCH, block.chainid, address(this), batch_));
    }

    /* PRIVATE */

    function _requireOpen(bytes32 batchId) private view returns (BatchRecord memory known) {
        known = _batches[batchId];
        if (known.stage != Stage.Open) revert WrongStage(batchId, known.stage);
    }

    function _requireChallenged(bytes32 batchId, uint16 index) private view returns (LeafRecord memory leaf_) {
        leaf_ = _leaves[batchId][index];
        if (leaf_.stage != LeafStage.Challenged) revert WrongLeafStage(index, leaf_.stage);
    }

    /// @dev Takes a leaf that is shown in time and is where it was said to be. A leaf that comes twice is refused the second time.
    function _take(bytes32 batchId, Batch calldata batch_, Leaf calldata shown)
        private
        returns (bytes32 statementId, bytes32 contextId)
    {
        LeafRecord memory leaf_ = _requireChallenged(batchId, shown.index);
        _requireNotLater(uint256(leaf_.since) + ANSWER_WINDOW);
        (statementId, contextId) = _ids(batch_.modelId, _assignmentOf(batch_, shown.job), keccak256(shown.publicValues));
        if (!MerkleStatements.verify(shown.path, batch_.root, shown.index, batch_.count, statementId)) {
            revert NotInTree(shown.index);
        }
        _leaves[batchId][shown.index].stage = LeafStage.Answered;
        emit LeafAnswered(batchId, shown.index, statementId);
    }

    /// @dev Makes room for as many challenges as were answered, and time if there was no room.
    function _leave(bytes32 batchId, uint256 open, uint256 answered) private {
        BatchRecord storage record = _batches[batchId];
        record.open = uint16(open - answered);
        if (open != MAX_OPEN) return;
        uint40 closesAt = uint40(block.timestamp) + CHALLENGE_WINDOW;
        if (closesAt <= record.closesAt) return;
        record.closesAt = closesAt;
        emit BatchProlonged(batchId, closesAt);
    }

    /// @dev Asks the adapter about all leaves at once, and records each statement that has no judged claim of its own.
    function _proveLeaves(
        Batch calldata batch_,
        Leaf[] calldata leaves,
        bytes32[] memory statementIds,
        bytes32[] memory contextIds,
        bytes calldata proof
    ) private {
        (address adapter, ModelKey memory key, Model memory model) = _judge(batch_.modelId);
        if (leaves.length == 1) {
            _verify(adapter, key, contextIds[0], leaves[0].publicValues, proof);
        } else {
            bytes[] memory publicValues = new bytes[](leaves.length);
            for (uint256 i = 0; i < leaves.length; i++) {
                publicValues[i] = leaves[i].publicValues;
            }
            _verifyBatch(adapter, key, contextIds, publicValues, proof);
        }
        bytes32 proofHash = sha256(proof);
        for (uint256 i = 0; i < leaves.length; i++) {
            if (_claims[statementIds[i]].stage > Stage.Attested) continue;
            _record(
                statementIds[i],
                batch_.modelId,
                _assignmentOf(batch_, leaves[i].job),
                keccak256(leaves[i].publicValues),
                proofHash,
                model
            );
        }
    }

    function _assignmentOf(Batch calldata batch_, bytes32 job) private pure returns (IProofRegistry.Assignment memory) {
        return IProofRegistry.Assignment({
            submitter: batch_.submitter, consumer: batch_.consumer, job: job, deadline: batch_.deadline
        });
    }
}
