// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";
import {MockAdapter} from "../helpers/Mocks.sol";

contract ClaimRegistryAnswerLeavesTest is ClaimBatchTest {
    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        _challenged(1);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.answerLeaves(batch, leaves, proof_);
    }

    /// @dev No more leaves than are challenged, whatever the caller brings.
    function test_revert_answerSize() public {
        _challenged(2);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 3);
        _expect(abi.encodeWithSelector(IClaimBatches.AnswerSize.selector, 3), leaves, proof_);
        _expect(abi.encodeWithSelector(IClaimBatches.AnswerSize.selector, 0), new IClaimBatches.Leaf[](0), proof_);
    }

    function test_revert_sameLeafTwice() public {
        _challenged(2);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 2);
        leaves[1] = leaves[0];
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 0, IClaimBatches.LeafStage.Answered),
            leaves,
            proof_
        );
    }

    function test_revert_notChallenged() public {
        _challenged(1);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(1, 1);
        _expect(
            abi.encodeWithSelector(IClaimBatches.WrongLeafStage.selector, 1, IClaimBatches.LeafStage.None),
            leaves,
            proof_
        );
    }

    function test_revert_oneSecondLate() public {
        _challenged(1);
        uint256 last = block.timestamp + ANSWER_WINDOW;
        vm.warp(last + 1);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 1);
        _expect(abi.encodeWithSelector(IClaims.TooLate.selector, last), leaves, proof_);
    }

    /// @dev Another leaf of the same batch does not answer for the challenged one, proven or not.
    function test_revert_anotherLeaf() public {
        _challenged(1);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(1, 1);
        leaves[0].index = 0;
        _expect(abi.encodeWithSelector(IClaimBatches.NotInTree.selector, 0), leaves, proof_);
    }

    function testFuzz_revert_otherContent(uint256 what, bytes32 change) public {
        vm.assume(change != 0);
        _challenged(1);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 1);
        what %= 4;
        if (what == 0) leaves[0].job ^= change;
        if (what == 1) leaves[0].publicValues = bytes.concat(leaves[0].publicValues, change);
        if (what == 2) leaves[0].path[uint256(change) % leaves[0].path.length] ^= change;
        if (what == 3) leaves[0].path = new bytes32[](4);
        _expect(abi.encodeWithSelector(IClaimBatches.NotInTree.selector, 0), leaves, proof_);
    }

    function testFuzz_revert_invalid(bytes calldata bad) public {
        _challenged(2);
        (IClaimBatches.Leaf[] memory leaves,) = shownWithProof(0, 2);
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), leaves, bad);
        assertEq(registry.batch(batchId()).open, 2);
        assertEq(uint8(registry.leaf(batchId(), 0).stage), uint8(IClaimBatches.LeafStage.Challenged));
    }

    /// @dev The proof binds the order.
    function test_revert_otherOrder() public {
        _challenged(2);
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 2);
        (leaves[0], leaves[1]) = (leaves[1], leaves[0]);
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), leaves, proof_);
    }

    function test_revert_broken() public {
        _challenged(1);
        breakModel();
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, 1);
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), leaves, proof_);
    }

    /// @dev An adapter that takes one statement per proof has to be asked leaf by leaf.
    function test_revert_noBatches() public {
        MockAdapter adapter_ = new MockAdapter(7);
        modelId = models.register(address(adapter_), address(0), 0, 0, schema);
        makeBatch(COUNT);
        _challenged(2);
        (IClaimBatches.Leaf[] memory leaves,) = shownWithProof(0, 2);
        _expect(abi.encodeWithSelector(IClaimBreaker.SilentRefusal.selector, address(adapter_)), leaves, "proof");
    }

    /* SUCCESS */

    /// @dev Any number of leaves with one proof: each fee is the submitter's, each leaf is Verified.
    function testFuzz_answerLeaves(uint16 count, uint256 wait) public {
        count = uint16(bound(count, 1, MAX_OPEN));
        _challenged(count);
        skip(bound(wait, 0, ANSWER_WINDOW));
        bytes32 id = batchId();
        answerLeaves(0, count);
        assertEq(registry.batch(id).open, 0);
        assertCredits(FEE * count, 0, 0);
        for (uint16 i = 0; i < COUNT; i++) {
            bool proven = i < count;
            assertEq(registry.isFinal(ids[i], IProofRegistry.Assurance.Verified), proven);
            assertFinalLeaf(i, proven ? IProofRegistry.Assurance.Verified : IProofRegistry.Assurance.None);
        }
    }

    /// @dev With room left nothing is prolonged.
    function test_notProlonged() public {
        _challenged(MAX_OPEN - 1);
        uint40 closesAt = registry.batch(batchId()).closesAt;
        skip(ANSWER_WINDOW);
        answerLeaves(0, 1);
        assertEq(registry.batch(batchId()).closesAt, closesAt);
    }

    function test_prolonged() public {
        _challenged(MAX_OPEN);
        skip(ANSWER_WINDOW);
        bytes32 id = batchId();
        vm.expectEmit(true, false, false, true, address(registry));
        emit IClaimBatches.BatchProlonged(id, uint40(block.timestamp) + CHALLENGE_WINDOW);
        answerLeaves(0, 1);
        assertEq(registry.batch(id).closesAt, block.timestamp + CHALLENGE_WINDOW);
    }

    /// @dev A leaf whose statement has a claim of its own: that claim has its own bond, and is not touched.
    function test_ownClaim() public {
        assignment.job = bytes32(0);
        values = leafValues(0);
        assertEq(statementId(), ids[0]);
        post();
        _challenged(1);
        answerLeaves(0, 1);
        assertStage(Stage.Open);
        assertCredits(FEE, 0, 0);
        skip(CHALLENGE_WINDOW + 1);
        finalize();
        assertCredits(FEE + BOND, 0, 0);
    }

    function _challenged(uint16 count) private {
        postBatch();
        for (uint16 i = 0; i < count; i++) {
            challengeLeaf(i);
        }
    }

    function _expect(bytes memory reason, IClaimBatches.Leaf[] memory leaves, bytes memory proof_) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        registry.answerLeaves(batch, leaves, proof_);
    }
}
