// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NativeRegistryTest} from "../helpers/NativeRegistryTest.sol";
import {StatementTree} from "../helpers/StatementTree.sol";

/// @notice Real native proofs as claims, as answers, and as one answer for four leaves.
contract ClaimRegistryNativeTest is NativeRegistryTest {
    ClaimRegistry private _registry;

    function setUp() public override {
        super.setUp();
        _registry = new ClaimRegistry(proofs, IClaims.Terms(1 ether, 0.1 ether, 1 days, 2 hours, 4));
        vm.deal(MALLORY, 1000 ether);
    }

    function test_submit() public {
        Batch memory one = load("single");
        vm.prank(one.assignments[0].submitter);
        bytes32 id = _registry.submit(nativeId, one.assignments[0], one.publicValues[0], one.proof);
        assertEq(id, one.statementIds[0]);
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Verified));
        assertFalse(_registry.claim(id).transferable);
    }

    function test_answer() public {
        Batch memory one = load("single");
        bytes32 id = _challenged(one);
        vm.prank(one.assignments[0].submitter);
        _registry.answer(nativeId, one.assignments[0], one.publicValues[0], one.proof);
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Verified));
        assertEq(_registry.credit(one.assignments[0].submitter), 1.1 ether);
    }

    /// @dev A proof of four statements answers for none of them alone, and neither does one that was tampered with.
    function test_answer_revert() public {
        Batch memory one = load("single");
        Batch memory four = load("four");
        bytes32 id = _challenged(one);
        vm.expectRevert();
        vm.prank(one.assignments[0].submitter);
        _registry.answer(nativeId, one.assignments[0], one.publicValues[0], four.proof);
        one.proof[one.proof.length - 1] ^= 0x01;
        vm.expectRevert();
        vm.prank(one.assignments[0].submitter);
        _registry.answer(nativeId, one.assignments[0], one.publicValues[0], one.proof);
        assertEq(uint8(_registry.claim(id).stage), uint8(Stage.Challenged));
    }

    /// @dev A proof cannot be carried to another job, although it is the same submitter's and the same values are proven.
    function test_answer_revert_anotherJob() public {
        Batch memory one = load("single");
        one.assignments[0].job = "another job";
        _challenged(one);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(one.assignments[0].submitter);
        _registry.answer(nativeId, one.assignments[0], one.publicValues[0], one.proof);
    }

    function test_adopt() public {
        Batch memory four = load("four");
        vm.prank(four.assignments[0].submitter);
        proofs.submitBatch(nativeId, four.assignments, four.publicValues, four.proof);
        for (uint256 i = 0; i < 4; i++) {
            _registry.adopt(nativeId, four.assignments[i], keccak256(four.publicValues[i]));
            assertTrue(_registry.isFinal(four.statementIds[i], IProofRegistry.Assurance.Verified));
        }
    }

    /// @dev One proof answers for four leaves.
    function test_answerLeaves() public {
        Batch memory four = load("four");
        IClaimBatches.Batch memory batch = IClaimBatches.Batch({
            modelId: nativeId,
            submitter: four.assignments[0].submitter,
            consumer: four.assignments[0].consumer,
            deadline: four.assignments[0].deadline,
            root: StatementTree.root(four.statementIds),
            count: 4
        });
        vm.deal(batch.submitter, 4 ether);
        vm.prank(batch.submitter);
        bytes32 batchId = _registry.postBatch{value: 4 ether}(batch, 0);
        IClaimBatches.Leaf[] memory leaves = new IClaimBatches.Leaf[](4);
        for (uint16 i = 0; i < 4; i++) {
            vm.prank(MALLORY);
            _registry.challengeLeaf{value: 0.1 ether}(batchId, i);
            leaves[i] = IClaimBatches.Leaf(
                i, four.assignments[i].job, four.publicValues[i], StatementTree.path(four.statementIds, i)
            );
        }
        vm.prank(batch.submitter);
        _registry.answerLeaves(batch, leaves, four.proof);
        for (uint16 i = 0; i < 4; i++) {
            assertTrue(_registry.isFinal(four.statementIds[i], IProofRegistry.Assurance.Verified));
        }
        assertEq(_registry.credit(batch.submitter), 0.4 ether);
    }

    function _challenged(Batch memory one) private returns (bytes32 id) {
        address submitter = one.assignments[0].submitter;
        vm.deal(submitter, 1 ether);
        vm.prank(submitter);
        id = _registry.post{value: 1 ether}(nativeId, one.assignments[0], one.publicValues[0]);
        vm.prank(MALLORY);
        _registry.challenge{value: 0.1 ether}(id);
    }
}
