// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {Glutton, Moody, Reentrant} from "../helpers/HostileAdapters.sol";

/// @dev A proof, or nothing: whatever does not convince the adapter changes nothing, and costs nobody their bond.
contract ClaimRegistryAnswerTest is ClaimTest {
    /* REVERTS */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        _challenged();
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IClaims.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        registry.answer(modelId, assignment, values, proof_);
    }

    function testFuzz_revert_invalid(bytes calldata bad) public {
        _challenged();
        vm.assume(keccak256(bad) != keccak256(proof()));
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), bad);
    }

    /// @dev A proof of another job of the same submitter.
    function test_revert_foreign() public {
        _challenged();
        IProofRegistry.Assignment memory other = assignment;
        other.job = "another job";
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), proofOf(other, values));
    }

    /// @dev Other values are another statement: there is no claim of it.
    function test_revert_otherValues() public {
        _challenged();
        values = "other values";
        bytes32 id = statementId();
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IClaims.WrongStage.selector, id, Stage.None));
        vm.prank(ALICE);
        registry.answer(modelId, assignment, values, proof_);
    }

    function test_revert_oneSecondLate() public {
        _challenged();
        uint256 last = block.timestamp + ANSWER_WINDOW;
        vm.warp(last + 1);
        _expect(abi.encodeWithSelector(IClaims.TooLate.selector, last), proof());
    }

    function test_revert_broken() public {
        _challenged();
        bytes memory good = proof();
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), good);
    }

    /// @dev A valid proof with too little gas is no answer, and no loss.
    function test_revert_outOfGas() public {
        _challenged();
        bytes memory good = proof();
        for (uint256 gas_ = 30_000; gas_ < 130_000; gas_ += 10_000) {
            vm.prank(ALICE);
            (bool answered,) =
                address(registry).call{gas: gas_}(abi.encodeCall(registry.answer, (modelId, assignment, values, good)));
            if (answered) return;
            assertStage(Stage.Challenged);
            assertCredits(0, 0, 0);
        }
        fail();
    }

    /// @dev A verifier that burns whatever it is given refuses without a reason: the 1/64 that is left is enough to say so.
    function test_revert_glutton() public {
        modelId = models.register(address(new Glutton()), address(0), 0, 0, schema);
        _challenged();
        vm.prank(ALICE);
        (bool answered, bytes memory reason) =
            address(registry).call{gas: 10_000_000}(abi.encodeCall(registry.answer, (modelId, assignment, values, "")));
        assertFalse(answered);
        (address adapter_,) = models.resolve(modelId);
        assertEq(reason, abi.encodeWithSelector(IClaimBreaker.SilentRefusal.selector, adapter_));
        assertStage(Stage.Challenged);
    }

    /// @dev A hostile adapter that comes back in is in a static call.
    function test_revert_reentrant() public {
        modelId = models.register(address(new Reentrant(registry)), address(0), 0, 0, schema);
        _challenged();
        _expect("", "");
        assertStage(Stage.Challenged);
    }

    /// @dev One that changes its mind accepts at one time and refuses at another: only what it accepts is recorded.
    function test_moody() public {
        modelId = models.register(address(new Moody()), address(0), 0, 0, schema);
        vm.roll(1);
        _challenged();
        _expect(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), "");
        vm.roll(2);
        vm.prank(ALICE);
        registry.answer(modelId, assignment, values, "");
        assertStage(Stage.Verified);
    }

    /* SUCCESS */

    function testFuzz_answer(uint256 wait) public {
        _challenged();
        skip(bound(wait, 0, ANSWER_WINDOW));
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
            keccak256(values),
            sha256(proof_),
            false
        );
        answer();
        assertStage(Stage.Verified);
        assertFinal(IProofRegistry.Assurance.Verified);
        assertCredits(BOND + FEE, 0, 0);
    }

    /// @dev Nobody has to be challenged to prove.
    function test_unchallenged() public {
        post();
        answer();
        assertFinal(IProofRegistry.Assurance.Verified);
        assertCredits(BOND, 0, 0);
    }

    /// @dev The assignment's deadline is for posting.
    function test_pastTheDeadline() public {
        vm.warp(assignment.deadline);
        _challenged();
        skip(ANSWER_WINDOW);
        answer();
        assertFinal(IProofRegistry.Assurance.Verified);
    }

    function _challenged() private {
        post();
        challenge();
    }

    function _expect(bytes memory reason, bytes memory proof_) private {
        if (reason.length != 0) vm.expectRevert(reason);
        else vm.expectRevert();
        vm.prank(ALICE);
        registry.answer(modelId, assignment, values, proof_);
    }
}
