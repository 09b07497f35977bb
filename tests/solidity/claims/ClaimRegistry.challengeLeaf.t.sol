// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

contract ClaimRegistryChallengeLeafTest is ClaimBatchTest {
    /* REVERTS */

    function test_revert_oneWeiOff() public {
        postBatch();
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, FEE, FEE - 1), 0, FEE - 1);
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, FEE, FEE + 1), 0, FEE + 1);
    }

    function test_revert_noBatch() public {
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.None), 0, FEE);
    }

    function testFuzz_revert_noSuchLeaf(uint16 index) public {
        index = uint16(bound(index, COUNT, type(uint16).max));
        postBatch();
        _expect(abi.encodeWithSelector(IClaimBatches.NoSuchLeaf.selector, index), index, FEE);
    }

    function test_revert_twice() public {
        postBatch();
        challengeLeaf(3);
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 3, IClaimBatches.LeafStage.Challenged), 3, FEE
        );
        answerLeaves(3, 1);
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 3, IClaimBatches.LeafStage.Answered), 3, FEE
        );
    }

    function test_revert_oneSecondLate() public {
        postBatch();
        uint256 last = block.timestamp + CHALLENGE_WINDOW;
        vm.warp(last + 1);
        _expect(abi.encodeWithSelector(IClaims.TooLate.selector, last), 0, FEE);
    }

    function test_revert_noPlace() public {
        postBatch();
        for (uint16 i = 0; i < MAX_OPEN; i++) {
            challengeLeaf(i);
        }
        _expect(abi.encodeWithSelector(IClaimBatches.TooManyChallenges.selector, MAX_OPEN), MAX_OPEN, FEE);
    }

    /* SUCCESS */

    function testFuzz_challengeLeaf(uint16 index, uint256 wait) public {
        index = uint16(bound(index, 0, COUNT - 1));
        postBatch();
        skip(bound(wait, 0, CHALLENGE_WINDOW));
        bytes32 id = batchId();
        vm.expectEmit(address(registry));
        emit IClaimBatches.LeafChallenged(id, index, CAROL);
        challengeLeaf(index);
        IClaimBatches.LeafRecord memory leaf = registry.leaf(id, index);
        assertEq(leaf.challenger, CAROL);
        assertEq(leaf.since, block.timestamp);
        assertEq(uint8(leaf.stage), uint8(IClaimBatches.LeafStage.Challenged));
        assertEq(registry.batch(id).open, 1);
    }

    /// @dev The leaves were never published: whoever misses one names its place, and the whole batch is lost.
    function test_withheldData() public {
        batch.root = keccak256("of what?");
        postBatch();
        challengeLeaf(0);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 0);
        assertCredits(0, FEE + BOND * COUNT / 2, BOND * COUNT - BOND * COUNT / 2);
        assertFalse(isFinalLeaf(1, IProofRegistry.Assurance.Attested));
    }

    /// @dev An accomplice takes all places until the time is over, so that nobody can object to the one false leaf. But each answer makes a
    /// place, and gives everybody another window; in the end the leaves run out, and the honest challenger has a place.
    function test_colludingChallengerCannotKeepOthersOut() public {
        uint16 falseLeaf = COUNT - 1;
        postBatch();
        skip(CHALLENGE_WINDOW);
        uint16 next = 0;
        while (next < MAX_OPEN) {
            challengeLeaf(next++);
        }
        for (uint16 answered = 0; answered < falseLeaf; answered++) {
            skip(ANSWER_WINDOW / 8);
            answerLeaves(answered, 1);
            // Somebody may find the place first, or the accomplice may, as long as there are leaves that can be proven.
            if (next < falseLeaf) challengeLeaf(next++);
        }
        bytes32 id = batchId();
        assertEq(registry.batch(id).open, 0);
        assertGe(registry.batch(id).closesAt, block.timestamp);
        vm.deal(MALLORY, FEE);
        vm.prank(MALLORY);
        registry.challengeLeaf{value: FEE}(id, falseLeaf);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, falseLeaf);
        assertEq(registry.credit(MALLORY), FEE + BOND * COUNT / 2);
    }

    function _expect(bytes memory reason, uint16 index, uint256 value) private {
        bytes32 id = batchId();
        vm.expectRevert(reason);
        vm.prank(CAROL);
        registry.challengeLeaf{value: value}(id, index);
    }
}
