// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

contract ClaimRegistrySlashBatchTest is ClaimBatchTest {
    uint16 private constant LEAF = 3;

    /* REVERTS */

    function test_revert_noBatch() public {
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.None), LEAF);
    }

    function testFuzz_revert_notChallenged(uint16 index) public {
        vm.assume(index != LEAF);
        _challenged();
        skip(ANSWER_WINDOW + 1);
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, index, IClaimBatches.LeafStage.None), index
        );
    }

    function test_revert_answered() public {
        _challenged();
        answerLeaves(LEAF, 1);
        skip(ANSWER_WINDOW + 1);
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, LEAF, IClaimBatches.LeafStage.Answered), LEAF
        );
    }

    function test_revert_inTheLastSecond() public {
        _challenged();
        uint256 last = block.timestamp + ANSWER_WINDOW;
        vm.warp(last);
        _expect(abi.encodeWithSelector(IClaims.TooEarly.selector, last), LEAF);
    }

    /// @dev Nobody can be asked any more, so that nobody is slashed.
    function test_revert_broken() public {
        _challenged();
        skip(ANSWER_WINDOW + 1);
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), LEAF);
    }

    function test_revert_twice() public {
        _challenged();
        challengeLeaf(LEAF + 1);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, LEAF);
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.Slashed), LEAF + 1);
    }

    /* SUCCESS */

    /// @dev Half of all bonds, rounded down, and the fee are the challenger's; the rest is the consumer's, or burned.
    function testFuzz_slashBatch(address caller, uint256 wait, bool hasConsumer) public {
        if (!hasConsumer) assignment.consumer = address(0);
        makeBatch(COUNT);
        _challenged();
        skip(ANSWER_WINDOW + bound(wait, 1, 3650 days));
        address rest = hasConsumer ? assignment.consumer : registry.BURNED();
        bytes32 id = batchId();
        vm.expectEmit(address(registry));
        emit IClaimBatches.BatchSlashed(id, LEAF, CAROL, rest);
        vm.prank(caller);
        registry.slashBatch(batch, LEAF);
        uint256 total = BOND * COUNT;
        assertEq(registry.credit(CAROL), FEE + total / 2);
        assertEq(registry.credit(rest), total - total / 2);
        assertEq(registry.credit(ALICE), 0);
        assertEq(address(registry).balance, total + FEE);
        assertBatchStage(Stage.Slashed);
    }

    function _challenged() private {
        postBatch();
        challengeLeaf(LEAF);
    }

    function _expect(bytes memory reason, uint16 index) private {
        vm.expectRevert(reason);
        registry.slashBatch(batch, index);
    }
}
