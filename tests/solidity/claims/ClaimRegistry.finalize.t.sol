// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimLedger} from "../../../contracts/interfaces/IClaimLedger.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

contract ClaimRegistryFinalizeTest is ClaimTest {
    /* REVERTS */

    function test_revert_noClaim() public {
        vm.expectRevert(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.None));
        finalize();
    }

    function test_revert_inTheLastSecondForChallenges() public {
        post();
        uint256 last = block.timestamp + CHALLENGE_WINDOW;
        vm.warp(last);
        vm.expectRevert(abi.encodeWithSelector(IClaims.TooEarly.selector, last));
        finalize();
    }

    function test_revert_inTheLastSecondForAnswers() public {
        post();
        challenge();
        uint256 last = block.timestamp + ANSWER_WINDOW;
        vm.warp(last);
        vm.expectRevert(abi.encodeWithSelector(IClaims.TooEarly.selector, last));
        finalize();
    }

    function test_revert_twice() public {
        reach(Stage.Final);
        vm.expectRevert(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.Final));
        finalize();
    }

    /* SUCCESS */

    function testFuzz_finalize(address caller, uint256 wait) public {
        post();
        skip(bound(wait, uint256(CHALLENGE_WINDOW) + 1, 1000 days));
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimFinalized(id);
        vm.expectEmit(address(registry));
        emit IClaimLedger.Credited(ALICE, BOND);
        vm.prank(caller);
        finalize();
        assertStage(Stage.Final);
        assertFinal(IProofRegistry.Assurance.Optimistic);
        assertCredits(BOND, 0, 0);
    }

    function testFuzz_slash(uint256 bond, uint256 wait) public {
        IClaims.Terms memory other = terms();
        other.bond = bound(bond, 1, 1000 ether);
        registry = new ClaimRegistry(proofs, other);
        vm.prank(ALICE);
        registry.post{value: other.bond}(modelId, assignment, values);
        challenge();
        skip(bound(wait, uint256(ANSWER_WINDOW) + 1, 1000 days));
        finalize();
        assertStage(Stage.Slashed);
        assertFinal(IProofRegistry.Assurance.None);
        uint256 share = other.bond / 2;
        assertCredits(0, FEE + share, other.bond - share);
        assertLe(share * 2, other.bond);
    }

    /// @dev With a bond of one wei there is no half of it: the challenger has the fee back.
    function test_slashOneWei() public {
        IClaims.Terms memory other = terms();
        other.bond = 1;
        registry = new ClaimRegistry(proofs, other);
        vm.prank(ALICE);
        registry.post{value: 1}(modelId, assignment, values);
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        assertCredits(0, FEE, 1);
    }

    /// @dev A claim for nobody in particular: what would be the consumer's is burned, and anybody can see to that.
    function test_burn() public {
        assignment.consumer = address(0);
        reach(Stage.Slashed);
        assertEq(registry.credit(registry.BURNED()), BOND - BOND / 2);
        registry.withdraw(registry.BURNED());
        assertEq(registry.BURNED().balance, BOND - BOND / 2);
        registry.withdraw(CAROL);
        assertEq(address(registry).balance, 0);
    }

    function test_void() public {
        post();
        challenge();
        breakModel();
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimVoided(id);
        finalize();
        assertStage(Stage.Void);
        assertFinal(IProofRegistry.Assurance.None);
        assertCredits(BOND, FEE, 0);
    }

    /// @dev Its statement has had its claim: to make it again takes another job.
    function test_slashedForEver() public {
        reach(Stage.Slashed);
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.ClaimExists.selector, statementId()));
        vm.prank(ALICE);
        registry.submit(modelId, assignment, values, proof_);
    }
}
