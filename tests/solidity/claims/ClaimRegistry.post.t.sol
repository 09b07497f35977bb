// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

contract ClaimRegistryPostTest is ClaimTest {
    /* REVERTS: THE TERMS */

    function test_revert_zeroTerm() public {
        for (uint256 i = 0; i < 5; i++) {
            IClaims.Terms memory bad = terms();
            if (i == 0) bad.bond = 0;
            if (i == 1) bad.fee = 0;
            if (i == 2) bad.challengeWindow = 0;
            if (i == 3) bad.answerWindow = 0;
            if (i == 4) bad.maxOpenChallenges = 0;
            vm.expectRevert(IClaims.ZeroTerm.selector);
            new ClaimRegistry(proofs, bad);
        }
    }

    function test_revert_windowTooLong() public {
        IClaims.Terms memory bad = terms();
        bad.challengeWindow = 365 days + 1;
        vm.expectRevert(abi.encodeWithSelector(IClaims.WindowTooLong.selector, bad.challengeWindow));
        new ClaimRegistry(proofs, bad);
        bad = terms();
        bad.answerWindow = 365 days + 1;
        vm.expectRevert(abi.encodeWithSelector(IClaims.WindowTooLong.selector, bad.answerWindow));
        new ClaimRegistry(proofs, bad);
    }

    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        vm.deal(sender, BOND);
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.post{value: BOND}(modelId, assignment, values);
    }

    function test_revert_oneSecondPastDeadline() public {
        vm.warp(uint256(assignment.deadline) + 1);
        _expect(abi.encodeWithSelector(IClaims.DeadlinePassed.selector, assignment.deadline), BOND);
    }

    function test_revert_oneWeiOff() public {
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, BOND, BOND - 1), BOND - 1);
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, BOND, BOND + 1), BOND + 1);
        _expect(abi.encodeWithSelector(IClaims.WrongValue.selector, BOND, 0), 0);
    }

    /// @dev Not over an attested claim either: what was final at its level would not be for a while.
    function test_revert_existing() public {
        attest();
        _expect(abi.encodeWithSelector(IClaimRegistry.ClaimExists.selector, statementId()), BOND);
    }

    function testFuzz_revert_unknownModel(bytes32 model) public {
        vm.assume(model != modelId);
        modelId = model;
        _expect(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, model), BOND);
    }

    function test_revert_codeChanged() public {
        vm.etch(address(standIn), "other code");
        _expect(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, address(standIn)), BOND);
    }

    function test_revert_broken() public {
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), BOND);
    }

    /// @dev No function takes ether that belongs to nothing.
    function test_revert_plainTransfer() public {
        vm.prank(ALICE);
        (bool sent,) = address(registry).call{value: 1}("");
        assertFalse(sent);
    }

    /* SUCCESS */

    function testFuzz_post(bytes calldata values_, uint256 time) public {
        values = values_;
        vm.warp(bound(time, block.timestamp, assignment.deadline));
        bytes32 id = statementId();
        vm.expectEmit(address(registry));
        emit IClaimRegistry.ClaimPosted(
            id, modelId, ALICE, assignment.consumer, assignment.job, assignment.deadline, false, values_
        );
        post();
        IClaimRegistry.Claim memory claim = registry.claim(statementId());
        assertEq(claim.submitter, ALICE);
        assertEq(claim.since, block.timestamp);
        assertEq(claim.model, 1);
        assertEq(uint8(claim.stage), uint8(Stage.Open));
        assertFalse(claim.transferable);
        assertEq(address(registry).balance, BOND);
    }

    /// @dev Final a second after the last one for challenges, with nobody doing anything.
    function test_finalByTime() public {
        post();
        skip(CHALLENGE_WINDOW);
        assertFinal(IProofRegistry.Assurance.None);
        skip(1);
        assertFinal(IProofRegistry.Assurance.Optimistic);
    }

    /// @dev While it is challenged it is final at no level, however long that is.
    function test_notFinalWhileChallenged() public {
        post();
        challenge();
        skip(1000 days);
        assertFinal(IProofRegistry.Assurance.None);
    }

    /// @dev What is broken takes back what was final, for whoever asks from then on.
    function test_brokenTakesFinalityBack() public {
        reach(Stage.Final);
        assertFinal(IProofRegistry.Assurance.Optimistic);
        breakModel();
        assertFinal(IProofRegistry.Assurance.None);
    }

    function _expect(bytes memory reason, uint256 value) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        registry.post{value: value}(modelId, assignment, values);
    }
}
