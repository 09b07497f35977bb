// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimConsumer} from "../../../contracts/periphery/ClaimConsumer.sol";
import {InferenceEscrow} from "../../../contracts/periphery/examples/InferenceEscrow.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {StatementTree} from "../helpers/StatementTree.sol";

contract InferenceEscrowTest is ClaimTest {
    uint256 private constant PRICE = 3 ether;

    address private immutable _CLIENT = makeAddr("client");

    InferenceEscrow private _escrow;
    ClaimConsumer.Place private _alone;
    bytes32 private _job;
    bytes32[] private _ids;

    function setUp() public override {
        super.setUp();
        _escrow = new InferenceEscrow(registry);
        vm.deal(_CLIENT, 100 ether);
        _job = _open(IProofRegistry.Assurance.Optimistic);
        assignment = _escrow.assignmentOf(_job);
    }

    /* REVERTS */

    function test_open_revert() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        uint256 earliest = uint256(deadline) + CHALLENGE_WINDOW + ANSWER_WINDOW;
        vm.expectRevert(InferenceEscrow.NoLevel.selector);
        _escrow.open(ALICE, modelId, "", IProofRegistry.Assurance.None, deadline, uint64(earliest + 1));
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.RefundsTooEarly.selector, earliest));
        _escrow.open(ALICE, modelId, "", IProofRegistry.Assurance.Verified, deadline, uint64(earliest));
    }

    function test_settle_revert_notFinal() public {
        _notFinal();
        post();
        _notFinal();
        challenge();
        skip(CHALLENGE_WINDOW + 1);
        _notFinal();
        finalize();
        _notFinal();
    }

    /// @dev An attested claim is not enough for who asked for more.
    function test_settle_revert_belowTheLevel() public {
        attest();
        _notFinal();
    }

    function test_settle_revert_otherInputs() public {
        values = abi.encode(uint256(8), uint256(64));
        submit();
        vm.expectRevert(InferenceEscrow.OtherInputs.selector);
        _escrow.settle(_job, values, _alone);
        vm.expectRevert(InferenceEscrow.OtherInputs.selector);
        _escrow.settle(_job, hex"00", _alone);
    }

    function test_settle_revert_twice() public {
        submit();
        _escrow.settle(_job, values, _alone);
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.NotOpen.selector, _job, InferenceEscrow.State.Paid));
        _escrow.settle(_job, values, _alone);
    }

    /// @dev What is broken is paid to nobody any more.
    function test_settle_revert_broken() public {
        submit();
        breakModel();
        _notFinal();
    }

    function test_refund_revert_inTheLastSecond() public {
        uint256 last = _escrow.jobOf(_job).refundAfter;
        vm.warp(last);
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.TooEarly.selector, last));
        _escrow.refund(_job);
    }

    function test_withdraw_revert() public {
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NothingOwed.selector, ALICE));
        _escrow.withdraw(ALICE);
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.NoSuchJob.selector, bytes32("no")));
        _escrow.jobOf("no");
    }

    function test_revert_plainTransfer() public {
        vm.prank(_CLIENT);
        (bool sent, bytes memory reason) = address(_escrow).call{value: 1}("");
        assertFalse(sent);
        assertEq(reason, abi.encodeWithSelector(ClaimConsumer.NotTheRegistry.selector, _CLIENT));
    }

    function test_takeShare_revert() public {
        post();
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NotSlashed.selector, statementId()));
        _escrow.takeShare(_job, keccak256(values));
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        _escrow.takeShare(_job, keccak256(values));
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.AlreadyShared.selector, statementId()));
        _escrow.takeShare(_job, keccak256(values));
    }

    /* SUCCESS */

    /// @dev At each level, in the first second in which the claim is final.
    function test_settle() public {
        post();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory outputs = _escrow.settle(_job, values, _alone);
        assertEq(outputs, abi.encode(uint256(49)));
        assertEq(_escrow.owed(ALICE), PRICE);
        uint256 before = ALICE.balance;
        _escrow.withdraw(ALICE);
        assertEq(ALICE.balance, before + PRICE);
        assertEq(address(_escrow).balance, 0);
    }

    function test_settle_attested() public {
        _job = _open(IProofRegistry.Assurance.Attested);
        assignment = _escrow.assignmentOf(_job);
        attest();
        _escrow.settle(_job, values, _alone);
        assertEq(_escrow.owed(ALICE), PRICE);
    }

    /// @dev The latest claim that can be made, challenged in the last second and answered in the last second, is still paid.
    function test_settle_atTheVeryEnd() public {
        vm.warp(assignment.deadline);
        post();
        skip(CHALLENGE_WINDOW);
        challenge();
        skip(ANSWER_WINDOW);
        answer();
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.TooEarly.selector, _escrow.jobOf(_job).refundAfter));
        _escrow.refund(_job);
        _escrow.settle(_job, values, _alone);
    }

    function test_refund() public {
        vm.warp(uint256(_escrow.jobOf(_job).refundAfter) + 1);
        _escrow.refund(_job);
        assertEq(_escrow.owed(_CLIENT), PRICE);
        vm.expectRevert(abi.encodeWithSelector(InferenceEscrow.NotOpen.selector, _job, InferenceEscrow.State.Refunded));
        _escrow.refund(_job);
    }

    /// @dev The client whose job was answered falsely has the price back and the consumer's share of the bond.
    function test_shareOfASlashedClaim() public {
        post();
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        _escrow.takeShare(_job, keccak256(values));
        vm.warp(uint256(_escrow.jobOf(_job).refundAfter) + 1);
        _escrow.refund(_job);
        uint256 before = _CLIENT.balance;
        _escrow.withdraw(_CLIENT);
        assertEq(_CLIENT.balance, before + PRICE + BOND - BOND / 2);
        assertEq(address(_escrow).balance, 0);
    }

    /// @dev A batch of three jobs is slashed for the third. The first was proven when it was challenged, and is paid; the others are not, and
    /// their clients have their shares.
    function test_partOfABatch() public {
        bytes32[3] memory jobs;
        for (uint256 i = 0; i < 3; i++) {
            jobs[i] = _open(IProofRegistry.Assurance.Optimistic);
            assignment = _escrow.assignmentOf(jobs[i]);
            _ids.push(statementId());
        }
        IClaimBatches.Batch memory batch =
            IClaimBatches.Batch(modelId, ALICE, address(_escrow), assignment.deadline, StatementTree.root(_ids), 3);
        vm.prank(ALICE);
        bytes32 batchId = registry.postBatch{value: 3 * BOND}(batch, 0);
        _challengeLeaf(batchId, 0);
        _challengeLeaf(batchId, 2);

        assignment = _escrow.assignmentOf(jobs[0]);
        IClaimBatches.Leaf[] memory leaves = new IClaimBatches.Leaf[](1);
        leaves[0] = IClaimBatches.Leaf(0, jobs[0], values, StatementTree.path(_ids, 0));
        bytes memory proof_ = proof();
        vm.prank(ALICE);
        registry.answerLeaves(batch, leaves, proof_);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 2);

        _escrow.settle(jobs[0], values, ClaimConsumer.Place(batchId, 0, StatementTree.path(_ids, 0)));
        ClaimConsumer.Place memory second = ClaimConsumer.Place(batchId, 1, StatementTree.path(_ids, 1));
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NotFinal.selector, _ids[1]));
        _escrow.settle(jobs[1], values, second);

        uint256 share = (3 * BOND - 3 * BOND / 2) / 3;
        _escrow.takeLeafShare(jobs[1], keccak256(values), batch, 1, second.path);
        _escrow.takeLeafShare(jobs[2], keccak256(values), batch, 2, StatementTree.path(_ids, 2));
        assertEq(_escrow.owed(_CLIENT), 2 * share);
        vm.expectRevert(
            abi.encodeWithSelector(ClaimConsumer.AlreadyShared.selector, keccak256(abi.encode(batchId, uint16(1))))
        );
        _escrow.takeLeafShare(jobs[1], keccak256(values), batch, 1, second.path);
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NotInBatch.selector, _ids[1]));
        _escrow.takeLeafShare(jobs[1], keccak256(values), batch, 2, second.path);
    }

    /// @dev A batch that nobody objected to pays each of its jobs.
    function test_wholeBatch() public {
        _ids.push(statementId());
        IClaimBatches.Batch memory batch =
            IClaimBatches.Batch(modelId, ALICE, address(_escrow), assignment.deadline, StatementTree.root(_ids), 1);
        vm.prank(ALICE);
        bytes32 batchId = registry.postBatch{value: BOND}(batch, 0);
        skip(CHALLENGE_WINDOW + 1);
        _escrow.settle(_job, values, ClaimConsumer.Place(batchId, 0, StatementTree.path(_ids, 0)));
        assertEq(_escrow.owed(ALICE), PRICE);
    }

    /* HELPERS */

    function _open(IProofRegistry.Assurance level) private returns (bytes32) {
        uint64 deadline = uint64(block.timestamp + 1 days);
        uint64 refundAfter = deadline + CHALLENGE_WINDOW + ANSWER_WINDOW + 1;
        vm.prank(_CLIENT);
        return _escrow.open{value: PRICE}(ALICE, modelId, abi.encode(uint256(7)), level, deadline, refundAfter);
    }

    function _challengeLeaf(bytes32 batchId, uint16 index) private {
        vm.prank(CAROL);
        registry.challengeLeaf{value: FEE}(batchId, index);
    }

    function _notFinal() private {
        bytes32 id = statementId();
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NotFinal.selector, id));
        _escrow.settle(_job, values, _alone);
    }
}
