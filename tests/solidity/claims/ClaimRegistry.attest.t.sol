// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

contract ClaimRegistryAttestTest is ClaimTest {
    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.attest(modelId, assignment, 0, 0, 0);
    }

    function test_revert_oneSecondPastDeadline() public {
        vm.warp(uint256(assignment.deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClaims.DeadlinePassed.selector, assignment.deadline));
        vm.prank(ALICE);
        registry.attest(modelId, assignment, 0, 0, 0);
    }

    function test_revert_twice() public {
        attest();
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.ClaimExists.selector, statementId()));
        vm.prank(ALICE);
        registry.attest(modelId, assignment, keccak256(values), "another proof", "other content");
    }

    /* SUCCESS */

    function testFuzz_attest(bytes32 model, bytes32 valuesHash, bytes32 proofHash, bytes32 contentHash) public {
        bytes32 id = registry.statementIdOf(model, assignment, valuesHash);
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimAttested(
            id,
            model,
            ALICE,
            assignment.consumer,
            assignment.job,
            assignment.deadline,
            valuesHash,
            proofHash,
            contentHash
        );
        vm.prank(ALICE);
        assertEq(registry.attest(model, assignment, valuesHash, proofHash, contentHash), id);
        IClaimRegistry.Claim memory claim = registry.claim(id);
        assertEq(claim.submitter, ALICE);
        assertEq(claim.since, block.timestamp);
        assertEq(claim.model, 0);
        assertEq(uint8(claim.stage), uint8(Stage.Attested));
        assertTrue(registry.isFinal(id, IProofRegistry.Assurance.Attested));
        assertFalse(registry.isFinal(id, IProofRegistry.Assurance.Optimistic));
    }

    function test_inTheLastSecond() public {
        vm.warp(assignment.deadline);
        attest();
        assertStage(Stage.Attested);
        assertFinal(IProofRegistry.Assurance.Attested);
    }

    /// @dev The statement has the id that `ProofRegistry` gives it.
    function testFuzz_sharedIds(bytes32 job, address consumer, uint64 deadline, bytes calldata values_) public view {
        IProofRegistry.Assignment memory other = IProofRegistry.Assignment(ALICE, consumer, job, deadline);
        assertEq(
            registry.statementIdOf(modelId, other, keccak256(values_)), proofs.statementIdOf(modelId, other, values_)
        );
    }

    /// @dev Nothing judges an attested claim, so nothing that is broken touches it.
    function test_survivesTheBreaker() public {
        attest();
        breakModel();
        assertFinal(IProofRegistry.Assurance.Attested);
    }
}
