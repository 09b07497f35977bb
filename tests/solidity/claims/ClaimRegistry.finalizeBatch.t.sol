// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

contract ClaimRegistryFinalizeBatchTest is ClaimBatchTest {
    /* REVERTS */

    function test_revert_noBatch() public {
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.None));
    }

    /// @dev Any word of it makes another batch.
    function testFuzz_revert_otherWords(uint64 deadline) public {
        vm.assume(deadline != batch.deadline);
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        batch.deadline = deadline;
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.None));
    }

    function test_revert_inTheLastSecond() public {
        postBatch();
        uint256 last = block.timestamp + CHALLENGE_WINDOW;
        vm.warp(last);
        _expect(abi.encodeWithSelector(IClaims.TooEarly.selector, last));
    }

    function testFuzz_revert_challenged(uint16 challenges) public {
        challenges = uint16(bound(challenges, 1, MAX_OPEN));
        postBatch();
        for (uint16 i = 0; i < challenges; i++) {
            challengeLeaf(i);
        }
        skip(CHALLENGE_WINDOW + ANSWER_WINDOW + 1);
        _expect(abi.encodeWithSelector(IClaimBatches.OpenChallenges.selector, challenges));
    }

    function test_revert_twice() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        registry.finalizeBatch(batch);
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.Final));
    }

    /* SUCCESS */

    /// @dev Whoever calls, the bonds are the submitter's.
    function testFuzz_finalizeBatch(address caller, uint256 wait) public {
        postBatch();
        skip(CHALLENGE_WINDOW + bound(wait, 1, 3650 days));
        bytes32 id = batchId();
        vm.expectEmit(address(registry));
        emit IClaimBatches.BatchFinalized(id);
        vm.prank(caller);
        assertEq(uint8(registry.finalizeBatch(batch)), uint8(Stage.Final));
        assertEq(registry.credit(ALICE), BOND * COUNT);
        assertBatchStage(Stage.Final);
    }

    /// @dev A broken model ends it at once, open challenges or not.
    function testFuzz_void(uint16 challenges) public {
        challenges = uint16(bound(challenges, 0, MAX_OPEN));
        postBatch();
        for (uint16 i = 0; i < challenges; i++) {
            challengeLeaf(i);
        }
        breakModel();
        bytes32 id = batchId();
        vm.expectEmit(address(registry));
        emit IClaimBatches.BatchVoided(id);
        assertEq(uint8(registry.finalizeBatch(batch)), uint8(Stage.Void));
        assertEq(registry.credit(ALICE), BOND * COUNT);
        assertEq(registry.credit(CAROL), 0, "fees go back one by one");
        assertEq(address(registry).balance, BOND * COUNT + FEE * challenges);
    }

    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
        registry.finalizeBatch(batch);
    }
}
