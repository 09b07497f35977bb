// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimRegistry} from "../interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../interfaces/IClaims.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../interfaces/IProofRegistry.sol";
import {ModelKey} from "../interfaces/IVerifierAdapter.sol";
import {Identities} from "../libraries/Identities.sol";
import {ClaimJudge} from "./ClaimJudge.sol";
import {ClaimLedger} from "./ClaimLedger.sol";

/// @title SingleClaims
/// @notice Claims of one statement each.
/// @dev Stages change before an adapter is asked where that is possible, and adapters are asked statically: nobody can come back in.
abstract contract SingleClaims is IClaimRegistry, ClaimLedger, ClaimJudge {
    /* STORAGE */

    /// @inheritdoc IClaims
    IProofRegistry public immutable proofRegistry;

    uint40 private constant MAX_WINDOW = 365 days;

    uint256 internal immutable BOND;
    uint256 internal immutable FEE;
    uint40 internal immutable CHALLENGE_WINDOW;
    uint40 internal immutable ANSWER_WINDOW;

    mapping(bytes32 statementId => Claim) internal _claims;

    /// @inheritdoc IClaimRegistry
    mapping(bytes32 statementId => address) public challengerOf;

    constructor(IProofRegistry proofs, Terms memory terms_) ClaimJudge(proofs.modelRegistry()) {
        if (terms_.bond == 0 || terms_.fee == 0) revert ZeroTerm();
        if (terms_.challengeWindow == 0 || terms_.answerWindow == 0) revert ZeroTerm();
        if (terms_.challengeWindow > MAX_WINDOW) revert WindowTooLong(terms_.challengeWindow);
        if (terms_.answerWindow > MAX_WINDOW) revert WindowTooLong(terms_.answerWindow);
        proofRegistry = proofs;
        BOND = terms_.bond;
        FEE = terms_.fee;
        CHALLENGE_WINDOW = terms_.challengeWindow;
        ANSWER_WINDOW = terms_.answerWindow;
    }

    /* POSTING */

    /// @inheritdoc IClaimRegistry
    function attest(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        bytes32 contentHash
    ) external returns (bytes32 statementId) {
        _requireSubmitter(assignment.submitter);
        _requireInTime(assignment.deadline);
        (statementId,) = _ids(modelId, assignment, publicValuesHash);
        if (_claims[statementId].stage != Stage.None) revert ClaimExists(statementId);
        _claims[statementId] = Claim(msg.sender, uint40(block.timestamp), 0, Stage.Attested, false);
        emit ClaimAttested(
            statementId,
            modelId,
            msg.sender,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            publicValuesHash,
            proofHash,
            contentHash
        );
    }

    /// @inheritdoc IClaimRegistry
    function post(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes calldata publicValues)
        external
        payable
        returns (bytes32 statementId)
    {
        _requireSubmitter(assignment.submitter);
        _requireInTime(assignment.deadline);
        _requireValue(BOND);
        (statementId,) = _ids(modelId, assignment, keccak256(publicValues));
        if (_claims[statementId].stage != Stage.None) revert ClaimExists(statementId);
        (,, Model memory model) = _judge(modelId);
        _claims[statementId] = Claim(msg.sender, uint40(block.timestamp), model.number, Stage.Open, model.transferable);
        emit ClaimPosted(
            statementId,
            modelId,
            msg.sender,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            model.transferable,
            publicValues
        );
    }

    /// @inheritdoc IClaimRegistry
    function submit(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 statementId) {
        _requireSubmitter(assignment.submitter);
        _requireInTime(assignment.deadline);
        bytes32 contextId;
        bytes32 publicValuesHash = keccak256(publicValues);
        (statementId, contextId) = _ids(modelId, assignment, publicValuesHash);
        if (_claims[statementId].stage > Stage.Attested) revert ClaimExists(statementId);
        _prove(statementId, contextId, modelId, assignment, publicValues, publicValuesHash, proof);
    }

    /// @inheritdoc IClaimRegistry
    function adopt(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        returns (bytes32 statementId)
    {
        (statementId,) = _ids(modelId, assignment, publicValuesHash);
        if (!proofRegistry.isVerified(statementId)) revert NotProven(statementId);
        Claim memory known = _claims[statementId];
        if (known.stage > Stage.Challenged) revert WrongStage(statementId, known.stage);
        if (known.stage > Stage.Attested) _settleAnswer(known);
        (,, Model memory model) = _judge(modelId);
        _record(statementId, modelId, assignment, publicValuesHash, 0, model);
    }

    /* DISPUTING */

    /// @inheritdoc IClaimRegistry
    function challenge(bytes32 statementId) external payable {
        _requireValue(FEE);
        Claim memory known = _claims[statementId];
        if (known.stage != Stage.Open) revert WrongStage(statementId, known.stage);
        _requireNotLater(uint256(known.since) + CHALLENGE_WINDOW);
        if (_isBroken(known.model)) revert Broken(_modelIdOf(known.model));
        known.stage = Stage.Challenged;
        known.since = uint40(block.timestamp);
        _claims[statementId] = known;
        challengerOf[statementId] = msg.sender;
        emit ClaimChallenged(statementId, msg.sender);
    }

    /// @inheritdoc IClaimRegistry
    function answer(
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes calldata proof
    ) external returns (bytes32 statementId) {
        _requireSubmitter(assignment.submitter);
        bytes32 contextId;
        bytes32 publicValuesHash = keccak256(publicValues);
        (statementId, contextId) = _ids(modelId, assignment, publicValuesHash);
        Claim memory known = _claims[statementId];
        if (known.stage != Stage.Open && known.stage != Stage.Challenged) {
            revert WrongStage(statementId, known.stage);
        }
        _settleAnswer(known);
        _prove(statementId, contextId, modelId, assignment, publicValues, publicValuesHash, proof);
    }

    /// @inheritdoc IClaimRegistry
    function finalize(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        returns (Stage stage)
    {
        (bytes32 statementId,) = _ids(modelId, assignment, publicValuesHash);
        // The record is one slot, read and written as a word: what most claims end with is to be cheap.
        Claim storage record = _claims[statementId];
        uint256 packed;
        assembly ("memory-safe") {
            packed := sload(record.slot)
        }
        uint256 known = uint8(packed >> 240);
        if (known == uint256(Stage.Open)) {
            if (_isUsedBroken(modelId)) {
                stage = Stage.Void;
                emit ClaimVoided(statementId);
            } else {
                _requireLater(_end(packed, CHALLENGE_WINDOW));
                stage = Stage.Final;
                emit ClaimFinalized(statementId);
            }
        } else if (known == uint256(Stage.Challenged)) {
            address challenger = challengerOf[statementId];
            if (_isUsedBroken(modelId)) {
                stage = Stage.Void;
                emit ClaimVoided(statementId);
                _credit(challenger, FEE);
            } else {
                _requireLater(_end(packed, ANSWER_WINDOW));
                stage = Stage.Slashed;
                emit ClaimSlashed(statementId, challenger, _slash(challenger, assignment.consumer, BOND));
            }
        } else {
            revert WrongStage(statementId, Stage(known));
        }
        unchecked {
            // Only the stage changes.
            packed += (uint256(stage) - known) << 240;
        }
        assembly ("memory-safe") {
            sstore(record.slot, packed)
        }
        if (stage != Stage.Slashed) _credit(address(uint160(packed)), BOND);
    }

    /* VIEWS */

    /// @inheritdoc IClaimRegistry
    function isFinal(bytes32 statementId, IProofRegistry.Assurance minimumAssurance) public view returns (bool) {
        IProofRegistry.Assurance reached = finalAssurance(statementId);
        return reached != IProofRegistry.Assurance.None && reached >= minimumAssurance;
    }

    /// @inheritdoc IClaimRegistry
    function finalAssurance(bytes32 statementId) public view returns (IProofRegistry.Assurance) {
        Claim memory known = _claims[statementId];
        if (known.stage == Stage.Attested) return IProofRegistry.Assurance.Attested;
        bool verified = known.stage == Stage.Verified;
        bool unchallenged = known.stage == Stage.Final
            || (known.stage == Stage.Open && block.timestamp > uint256(known.since) + CHALLENGE_WINDOW);
        if (!(verified || unchallenged) || _isBroken(known.model)) return IProofRegistry.Assurance.None;
        return verified ? IProofRegistry.Assurance.Verified : IProofRegistry.Assurance.Optimistic;
    }

    /// @inheritdoc IClaimRegistry
    function claim(bytes32 statementId) external view returns (Claim memory) {
        return _claims[statementId];
    }

    /// @inheritdoc IClaimRegistry
    function statementIdOf(bytes32 modelId, IProofRegistry.Assignment calldata assignment, bytes32 publicValuesHash)
        external
        view
        returns (bytes32 statementId)
    {
        (statementId,) = _ids(modelId, assignment, publicValuesHash);
    }

    /// @inheritdoc IClaims
    function modelRegistry() external view returns (IModelRegistry) {
        return MODELS;
    }

    /* INTERNAL */

    /// @dev The ids of a statement: the context is one of `proofRegistry`, on the chain of now.
    function _ids(bytes32 modelId, IProofRegistry.Assignment memory assignment, bytes32 publicValuesHash)
        internal
        view
        returns (bytes32 statementId, bytes32 contextId)
    {
        contextId = Identities.contextId(
            block.chainid,
            address(proofRegistry),
            assignment.submitter,
            assignment.consumer,
            assignment.job,
            assignment.deadline
        );
        statementId = Identities.statementId(modelId, publicValuesHash, contextId);
    }

    /// @dev Writes the record of a Verified claim.
    function _record(
        bytes32 statementId,
        bytes32 modelId,
        IProofRegistry.Assignment memory assignment,
        bytes32 publicValuesHash,
        bytes32 proofHash,
        Model memory model
    ) internal {
        _claims[statementId] = Claim(
            assignment.submitter, uint40(block.timestamp), model.number, Stage.Verified, model.transferable
        );
        emit ClaimVerified(
            statementId,
            modelId,
            assignment.submitter,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            publicValuesHash,
            proofHash,
            model.transferable
        );
    }

    /// @dev What a challenger gets who was not answered: the fee, and half of the bond, rounded down. The rest is the consumer's; without a
    /// consumer it is burned.
    function _slash(address challenger, address consumer, uint256 total) internal returns (address beneficiary) {
        uint256 share = total / 2;
        beneficiary = consumer == address(0) ? BURNED : consumer;
        _credit(challenger, FEE + share);
        _credit(beneficiary, total - share);
    }

    function _requireSubmitter(address submitter) internal view {
        if (msg.sender != submitter) revert SubmitterMismatch(submitter, msg.sender);
    }

    function _requireInTime(uint64 deadline) internal view {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
    }

    function _requireValue(uint256 required) internal view {
        if (msg.value != required) revert WrongValue(required, msg.value);
    }

    function _requireNotLater(uint256 lastSecond) internal view {
        if (block.timestamp > lastSecond) revert TooLate(lastSecond);
    }

    function _requireLater(uint256 lastSecond) internal view {
        if (block.timestamp <= lastSecond) revert TooEarly(lastSecond);
    }

    /* PRIVATE */

    /// @dev The last second of a window that began when a claim, as its slot has it, entered its stage.
    function _end(uint256 packed, uint256 window) private pure returns (uint256) {
        unchecked {
            return uint40(packed >> 160) + window;
        }
    }

    /// @dev Gives bond and fee of an Open or Challenged claim to its submitter, if it is in time. The caller then makes it Verified, or
    /// reverts.
    function _settleAnswer(Claim memory known) private {
        uint256 amount = BOND;
        if (known.stage == Stage.Challenged) {
            _requireNotLater(uint256(known.since) + ANSWER_WINDOW);
            amount += FEE;
        }
        _credit(known.submitter, amount);
    }

    function _prove(
        bytes32 statementId,
        bytes32 contextId,
        bytes32 modelId,
        IProofRegistry.Assignment calldata assignment,
        bytes calldata publicValues,
        bytes32 publicValuesHash,
        bytes calldata proof
    ) private {
        (address adapter, ModelKey memory key, Model memory model) = _judge(modelId);
        _verify(adapter, key, contextId, publicValues, proof);
        _record(statementId, modelId, assignment, publicValuesHash, sha256(proof), model);
    }
}
