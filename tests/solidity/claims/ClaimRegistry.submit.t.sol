// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {TransferableBatchAdapter} from "../helpers/Mocks.sol";

contract ClaimRegistrySubmitTest is ClaimTest {
    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.submit(modelId, assignment, values, proof_);
    }

    function test_revert_oneSecondPastDeadline() public {
        vm.warp(uint256(assignment.deadline) + 1);
        _expect(abi.encodeWithSelector(IClaims.DeadlinePassed.selector, assignment.deadline), proof());
    }

    function test_revert_twice() public {
        submit();
        _expect(abi.encodeWithSelector(IClaimRegistry.ClaimExists.selector, statementId()), proof());
    }

    function test_revert_unknownModel() public {
        modelId = "unknown";
        _expect(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, modelId), "");
    }

    function testFuzz_revert_badProof(bytes calldata bad) public {
        vm.assume(keccak256(bad) != keccak256(proof()));
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), bad);
        assertStage(Stage.None);
    }

    /// @dev A proof for another context: another job, or another registry behind the same contract.
    function test_revert_anotherContext() public {
        IProofRegistry.Assignment memory other = assignment;
        other.job = "another job";
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), proofOf(other, values));
        bytes memory here = proof();
        vm.chainId(block.chainid + 1);
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), here);
    }

    function test_revert_broken() public {
        bytes memory good = proof();
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), good);
    }

    /* SUCCESS */

    function testFuzz_submit(bytes calldata values_) public {
        values = values_;
        bytes memory proof_ = proof();
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimVerified(
            id,
            modelId,
            ALICE,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            keccak256(values_),
            sha256(proof_),
            false
        );
        submit();
        assertStage(Stage.Verified);
        assertFinal(IProofRegistry.Assurance.Verified);
        assertEq(registry.claim(statementId()).since, block.timestamp);
    }

    function test_overAnAttestedClaim() public {
        attest();
        submit();
        assertFinal(IProofRegistry.Assurance.Verified);
    }

    function test_transferable() public {
        modelId = models.register(address(new TransferableBatchAdapter()), address(0), 0, 0, schema);
        submit();
        assertTrue(registry.claim(statementId()).transferable);
    }

    /// @dev A record is one slot; the second claim of a model writes nothing else.
    function test_writesOneSlot() public {
        submit();
        assignment.job = "another job";
        bytes memory proof_ = proof();
        vm.record();
        vm.prank(ALICE);
        registry.submit(modelId, assignment, values, proof_);
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        assertGt(writes.length, 0);
        for (uint256 i = 1; i < writes.length; i++) {
            assertEq(writes[i], writes[0]);
        }
    }

    /// @dev Models are numbered in the order of their first use.
    function test_modelNumbers() public {
        assertEq(registry.modelNumber(modelId), 0);
        submit();
        assertEq(registry.modelNumber(modelId), 1);
        modelId = models.register(address(standIn), address(0), "another key", 0, schema);
        submit();
        assertEq(registry.modelNumber(modelId), 2);
        assertEq(registry.claim(statementId()).model, 2);
    }

    function _expect(bytes memory reason, bytes memory proof_) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        registry.submit(modelId, assignment, values, proof_);
    }
}
