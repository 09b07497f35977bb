// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

contract ClaimRegistryChallengeTest is ClaimTest {
    /* REVERTS */

    function test_revert_oneWeiOff() public {
        post();
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, FEE, FEE - 1), FEE - 1);
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, FEE, FEE + 1), FEE + 1);
    }

    function test_revert_noClaim() public {
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.None), FEE);
    }

    function test_revert_attested() public {
        attest();
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.Attested), FEE);
    }

    /// @dev One live challenge per claim.
    function test_revert_twice() public {
        post();
        challenge();
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.Challenged), FEE);
    }

    /// @dev And no second one after it was answered: the claim is proven.
    function test_revert_answered() public {
        post();
        challenge();
        answer();
        _expect(abi.encodeWithSelector(IClaims.WrongStage.selector, statementId(), Stage.Verified), FEE);
    }

    function test_revert_oneSecondLate() public {
        post();
        uint256 last = block.timestamp + CHALLENGE_WINDOW;
        vm.warp(last + 1);
        _expect(abi.encodeWithSelector(IClaims.TooLate.selector, last), FEE);
    }

    /// @dev A challenge that could only be given back.
    function test_revert_broken() public {
        post();
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), FEE);
    }

    /* SUCCESS */

    function testFuzz_challenge(address challenger, uint256 wait) public {
        vm.assume(challenger != address(registry));
        post();
        skip(bound(wait, 0, CHALLENGE_WINDOW));
        vm.deal(challenger, FEE);
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimChallenged(id, challenger);
        vm.prank(challenger);
        registry.challenge{value: FEE}(id);
        assertStage(Stage.Challenged);
        assertEq(registry.challengerOf(id), challenger);
        assertEq(registry.claim(id).since, block.timestamp);
        assertEq(address(registry).balance, BOND + FEE);
    }

    function test_inTheLastSecond() public {
        post();
        skip(CHALLENGE_WINDOW);
        challenge();
        assertStage(Stage.Challenged);
    }

    /// @dev A submitter who has an accomplice challenge a false claim keeps others out, but the claim is slashed all the same: whoever it was
    /// who objected, only a proof saves it. The two lose what the consumer gets.
    function test_colludingChallenger() public {
        vm.prank(ALICE);
        registry.post{value: BOND}(modelId, assignment, values);
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        assertFinal(IProofRegistry.Assurance.None);
        assertEq(registry.credit(ALICE) + registry.credit(CAROL), FEE + BOND / 2);
        assertEq(registry.credit(CONSUMER), BOND - BOND / 2);
    }

    /// @dev A thousand challenges of a thousand claims: each has its own clock, and each that is answered pays the submitter.
    function test_thousandChallenges() public {
        uint256 count = 1000;
        for (uint256 i = 0; i < count; i++) {
            assignment.job = bytes32(i);
            post();
            challenge();
        }
        for (uint256 i = 0; i < count; i++) {
            assignment.job = bytes32(i);
            answer();
        }
        assertCredits(count * (BOND + FEE), 0, 0);
        assertEq(address(registry).balance, count * (BOND + FEE));
    }

    function _expect(bytes memory reason, uint256 value) private {
        bytes32 id = statementId();
        vm.expectRevert(reason);
        vm.prank(CAROL);
        registry.challenge{value: value}(id);
    }
}
