// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

/// @notice The state table of batches in docs/contracts.md, row by row. Leaf 3 is the one that is challenged.
contract ClaimRegistryBatchTableTest is ClaimBatchTest {
    enum Call {
        Post,
        Challenge,
        Answer,
        Finalize,
        Slash,
        ReturnFee
    }

    uint16 private constant LEAF = 3;
    uint256 private constant TOTAL = BOND * COUNT;
    uint256 private constant SHARE = TOTAL / 2;

    bytes4 private immutable EXISTS = IClaimBatches.BatchExists.selector;
    bytes4 private immutable STAGE = IClaims.WrongStage.selector;
    bytes4 private immutable LEAF_STAGE = IClaimBatches.WrongLeafStage.selector;
    bytes4 private immutable SIZE = IClaimBatches.AnswerSize.selector;
    bytes4 private immutable OPEN = IClaimBatches.OpenChallenges.selector;
    bytes4 private immutable EARLY = IClaims.TooEarly.selector;
    bytes4 private immutable LATE = IClaims.TooLate.selector;
    bytes4 private immutable BROKEN = IClaimBreaker.Broken.selector;

    function test_none() public {
        _goes(Call.Post, Stage.Open, 0, 0, 0);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
        _refuses(Call.Slash, STAGE);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_none_broken() public {
        breakModel();
        _refuses(Call.Post, BROKEN);
    }

    function test_open_inTime() public {
        postBatch();
        skip(CHALLENGE_WINDOW);
        _refuses(Call.Post, EXISTS);
        _goes(Call.Challenge, Stage.Open, 0, 0, 0);
        _refuses(Call.Answer, SIZE);
        _refuses(Call.Finalize, EARLY);
        _refuses(Call.Slash, LEAF_STAGE);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_open_late() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, LATE);
        _refuses(Call.Answer, SIZE);
        _goes(Call.Finalize, Stage.Final, TOTAL, 0, 0);
        _refuses(Call.Slash, LEAF_STAGE);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_challenged_inTime() public {
        postBatch();
        challengeLeaf(LEAF);
        skip(ANSWER_WINDOW);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, LEAF_STAGE);
        _goes(Call.Answer, Stage.Open, FEE, 0, 0);
        _refuses(Call.Finalize, OPEN);
        _refuses(Call.Slash, EARLY);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_challenged_late() public {
        postBatch();
        challengeLeaf(LEAF);
        skip(ANSWER_WINDOW + 1);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, LEAF_STAGE);
        _refuses(Call.Answer, LATE);
        _refuses(Call.Finalize, OPEN);
        _goes(Call.Slash, Stage.Slashed, 0, FEE + SHARE, TOTAL - SHARE);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_challenged_broken() public {
        postBatch();
        challengeLeaf(LEAF);
        skip(ANSWER_WINDOW + 1);
        breakModel();
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, LEAF_STAGE);
        _refuses(Call.Answer, LATE);
        _goes(Call.Finalize, Stage.Void, TOTAL, 0, 0);
        _refuses(Call.Slash, BROKEN);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_open_broken() public {
        postBatch();
        breakModel();
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, BROKEN);
        _refuses(Call.Answer, SIZE);
        _goes(Call.Finalize, Stage.Void, TOTAL, 0, 0);
        _refuses(Call.Slash, BROKEN);
        _refuses(Call.ReturnFee, STAGE);
    }

    function test_answered() public {
        postBatch();
        challengeLeaf(LEAF);
        answerLeaves(LEAF, 1);
        _refuses(Call.Challenge, LEAF_STAGE);
        _refuses(Call.Answer, SIZE);
        _refuses(Call.Finalize, EARLY);
        _refuses(Call.Slash, LEAF_STAGE);
        skip(CHALLENGE_WINDOW + 1);
        _goes(Call.Finalize, Stage.Final, TOTAL, 0, 0);
    }

    function test_final() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        registry.finalizeBatch(batch);
        _ended();
        _refuses(Call.ReturnFee, STAGE);
    }

    /// @dev Slashed for another leaf: the fee of this one's challenge comes back, once.
    function test_slashed() public {
        postBatch();
        challengeLeaf(0);
        challengeLeaf(LEAF);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 0);
        _ended();
        _goes(Call.ReturnFee, Stage.Slashed, 0, FEE, 0);
        registry.returnFee(batchId(), LEAF);
        _refuses(Call.ReturnFee, LEAF_STAGE);
    }

    function test_void() public {
        postBatch();
        challengeLeaf(LEAF);
        breakModel();
        registry.finalizeBatch(batch);
        _ended();
        _goes(Call.ReturnFee, Stage.Void, 0, FEE, 0);
        registry.returnFee(batchId(), LEAF);
        _refuses(Call.ReturnFee, LEAF_STAGE);
    }

    function _ended() private {
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
        _refuses(Call.Slash, STAGE);
    }

    function _goes(Call call_, Stage next, uint256 alice, uint256 carol, uint256 consumer) private {
        uint256 snapshot = vm.snapshotState();
        uint256[3] memory before = [registry.credit(ALICE), registry.credit(CAROL), registry.credit(CONSUMER)];
        _make(call_);
        assertBatchStage(next);
        assertCredits(before[0] + alice, before[1] + carol, before[2] + consumer);
        vm.revertToState(snapshot);
    }

    function _refuses(Call call_, bytes4 selector) private {
        uint256 snapshot = vm.snapshotState();
        try this.make(call_) {
            fail();
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), selector);
        }
        vm.revertToState(snapshot);
    }

    function make(Call call_) external {
        _make(call_);
    }

    function _make(Call call_) private {
        if (call_ == Call.Post) postBatch();
        if (call_ == Call.Challenge) challengeLeaf(LEAF);
        if (call_ == Call.Answer) answerLeaves(LEAF, 1);
        if (call_ == Call.Finalize) registry.finalizeBatch(batch);
        if (call_ == Call.Slash) registry.slashBatch(batch, LEAF);
        if (call_ == Call.ReturnFee) registry.returnFee(batchId(), LEAF);
    }
}
