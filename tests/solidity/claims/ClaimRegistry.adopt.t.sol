// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

/// @notice What `ProofRegistry` has verified counts here, whoever says so.
contract ClaimRegistryAdoptTest is ClaimTest {
    /* REVERTS */

    function test_revert_notProven() public {
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotProven.selector, statementId()));
        adopt();
        post();
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotProven.selector, statementId()));
        adopt();
    }

    function testFuzz_revert_otherValues(bytes32 valuesHash) public {
        vm.assume(valuesHash != keccak256(values));
        prove();
        bytes32 other = registry.statementIdOf(modelId, assignment, valuesHash);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotProven.selector, other));
        registry.adopt(modelId, assignment, valuesHash);
    }

    function test_revert_twice() public {
        prove();
        adopt();
        vm.expectRevert(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.Verified));
        adopt();
    }

    /// @dev It was proven in time, but nobody said so here in time.
    function test_revert_tooLateForAnAnswer() public {
        post();
        challenge();
        prove();
        uint256 last = block.timestamp + ANSWER_WINDOW;
        vm.warp(last + 1);
        vm.expectRevert(abi.encodeWithSelector(IClaims.TooLate.selector, last));
        adopt();
    }

    function test_revert_broken() public {
        prove();
        breakModel();
        vm.expectRevert(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId));
        adopt();
    }

    /* SUCCESS */

    function testFuzz_adopt(address caller) public {
        prove();
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimVerified(
            id, modelId, ALICE, assignment.consumer, assignment.job, assignment.deadline, keccak256(values), 0, false
        );
        vm.prank(caller);
        adopt();
        assertFinal(IProofRegistry.Assurance.Verified);
        assertEq(registry.claim(statementId()).submitter, ALICE);
    }

    /// @dev Adoption has no deadline of its own: the claim met the assignment's in the other registry.
    function test_adoptLater() public {
        prove();
        vm.warp(uint256(assignment.deadline) + 365 days);
        adopt();
        assertFinal(IProofRegistry.Assurance.Verified);
    }

    function test_answersAChallenge() public {
        post();
        challenge();
        skip(ANSWER_WINDOW);
        prove();
        adopt();
        assertCredits(BOND + FEE, 0, 0);
        assertFinal(IProofRegistry.Assurance.Verified);
    }
}
