// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";

contract ClaimRegistryPostBatchTest is ClaimBatchTest {
    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        vm.deal(sender, BOND * COUNT);
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.postBatch{value: BOND * COUNT}(batch, 0);
    }

    function test_revert_oneSecondPastDeadline() public {
        vm.warp(uint256(batch.deadline) + 1);
        _expect(abi.encodeWithSelector(IClaims.DeadlinePassed.selector, batch.deadline), BOND * COUNT);
    }

    function test_revert_leafCount() public {
        batch.count = 0;
        _expect(abi.encodeWithSelector(IClaimBatches.LeafCount.selector, 0), 0);
        batch.count = 4097;
        _expect(abi.encodeWithSelector(IClaimBatches.LeafCount.selector, 4097), BOND * 4097);
    }

    function test_revert_oneWeiOff() public {
        uint256 total = BOND * COUNT;
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, total, total - 1), total - 1);
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, total, total + 1), total + 1);
    }

    function test_revert_twice() public {
        postBatch();
        _expect(abi.encodeWithSelector(IClaimBatches.BatchExists.selector, batchId()), BOND * COUNT);
    }

    function test_revert_unknownModel() public {
        batch.modelId = "unknown";
        _expect(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, batch.modelId), BOND * COUNT);
    }

    /* SUCCESS */

    function testFuzz_postBatch(bytes32 root, uint16 count, bytes32 contentHash) public {
        batch.root = root;
        batch.count = uint16(bound(count, 1, 4096));
        bytes32 id = batchId();
        uint256 total = BOND * batch.count;
        vm.expectEmit(address(registry));
        emit IClaimBatches.BatchPosted(
            id, modelId, ALICE, batch.consumer, batch.deadline, root, batch.count, contentHash
        );
        vm.prank(ALICE);
        assertEq(registry.postBatch{value: total}(batch, contentHash), id);
        IClaimBatches.BatchRecord memory record = registry.batch(id);
        assertEq(record.root, root);
        assertEq(record.count, batch.count);
        assertEq(record.open, 0);
        assertEq(record.model, 1);
        assertEq(record.closesAt, block.timestamp + CHALLENGE_WINDOW);
        assertEq(uint8(record.stage), uint8(Stage.Open));
        assertEq(address(registry).balance, total);
    }

    /// @dev Every part of a batch is in its id, and so are the chain and the registry.
    function test_batchId() public view {
        bytes32 id = batchId();
        assertEq(
            id,
            keccak256(
                abi.encode(
                    keccak256("zkinfer/claim-batch/v1"),
                    block.chainid,
                    address(registry),
                    batch.modelId,
                    batch.submitter,
                    batch.consumer,
                    batch.deadline,
                    batch.root,
                    batch.count
                )
            )
        );
    }

    function _expect(bytes memory reason, uint256 value) private {
        vm.deal(ALICE, value);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        registry.postBatch{value: value}(batch, "content");
    }
}
