// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

contract ClaimRegistryReturnFeeTest is ClaimBatchTest {
    /* REVERTS */

    function test_revert_noBatch() public {
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.None), 0);
    }

    function test_revert_open() public {
        postBatch();
        challengeLeaf(0);
        skip(CHALLENGE_WINDOW + ANSWER_WINDOW + 1);
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.Open), 0);
    }

    function test_revert_final() public {
        postBatch();
        challengeLeaf(0);
        answerLeaves(0, 1);
        skip(CHALLENGE_WINDOW + 1);
        registry.finalizeBatch(batch);
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, batchId(), Stage.Final), 0);
    }

    function testFuzz_revert_notChallenged(uint16 index) public {
        index = uint16(bound(index, 2, type(uint16).max));
        _slashed();
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, index, IClaimBatches.LeafStage.None), index
        );
    }

    /// @dev The challenge that slashed the batch was paid then.
    function test_revert_settled() public {
        _slashed();
        _expect(abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 0, IClaimBatches.LeafStage.Settled), 0);
        registry.returnFee(batchId(), 1);
        _expect(abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 1, IClaimBatches.LeafStage.Settled), 1);
    }

    function test_revert_answered() public {
        postBatch();
        challengeLeaf(0);
        challengeLeaf(1);
        answerLeaves(0, 1);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 1);
        _expect(abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 0, IClaimBatches.LeafStage.Answered), 0);
    }

    /* SUCCESS */

    function testFuzz_returnFee(address caller) public {
        _slashed();
        uint256 before = registry.credit(CAROL);
        bytes32 id = batchId();
        vm.expectEmit(address(registry));
        emit IClaimBatches.FeeReturned(id, 1, CAROL);
        vm.prank(caller);
        registry.returnFee(id, 1);
        assertEq(registry.credit(CAROL), before + FEE);
    }

    /// @dev Everybody has what they brought, and nothing is left.
    function testFuzz_void(uint16 challenges) public {
        challenges = uint16(bound(challenges, 1, MAX_OPEN));
        postBatch();
        for (uint16 i = 0; i < challenges; i++) {
            challengeLeaf(i);
        }
        breakModel();
        registry.finalizeBatch(batch);
        bytes32 id = batchId();
        for (uint16 i = 0; i < challenges; i++) {
            registry.returnFee(id, i);
        }
        assertEq(registry.credit(CAROL), FEE * challenges);
        registry.withdraw(CAROL);
        registry.withdraw(ALICE);
        assertEq(address(registry).balance, 0);
    }

    /// @dev Slashed for leaf 0 while the challenge of leaf 1 was open.
    function _slashed() private {
        postBatch();
        challengeLeaf(0);
        challengeLeaf(1);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 0);
    }

    function _expect(bytes memory reason, uint16 index) private {
        bytes32 id = batchId();
        vm.expectRevert(reason);
        registry.returnFee(id, index);
    }
}
