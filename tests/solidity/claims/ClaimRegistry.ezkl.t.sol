// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {BundleTest} from "../helpers/BundleTest.sol";

/// @notice A real EZKL proof as a claim and as an answer.
contract ClaimRegistryEzklTest is BundleTest {
    ClaimRegistry private _registry;
    IProofRegistry.Assignment private _assignment;

    function setUp() public override {
        super.setUp();
        registerModel();
        _registry = new ClaimRegistry(proofs, IClaims.Terms(1 ether, 0.1 ether, 1 days, 2 hours, 4));
        _assignment = assignmentOf(ALICE);
        vm.deal(ALICE, 10 ether);
        vm.deal(MALLORY, 10 ether);
    }

    function test_submit() public {
        vm.prank(ALICE);
        bytes32 id = _registry.submit{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof);
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Verified));
        assertTrue(_registry.claim(id).transferable);
    }

    function test_answer() public {
        bytes32 id = _challenged();
        vm.prank(ALICE);
        _registry.answer{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof);
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Verified));
        assertEq(_registry.credit(ALICE), 1.1 ether);
    }

    function test_answer_revert_badProof() public {
        bytes32 id = _challenged();
        proof = withWord(proof, 3, wordAt(proof, 3) ^ 1);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(ALICE);
        _registry.answer{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof);
        assertEq(uint8(_registry.claim(id).stage), uint8(Stage.Challenged));
    }

    /// @dev An honest proof contradicts nothing, and a changed output is not accepted.
    function test_break_revert() public {
        IClaimBreaker.Evidence memory first = IClaimBreaker.Evidence(0, publicValues, proof);
        vm.expectRevert(IClaimBreaker.NoContradiction.selector);
        _registry.breakModel(modelId, schema, first, first);
        uint256 last = publicValues.length / 32 - 1;
        bytes memory other = withWord(publicValues, last, wordAt(publicValues, last) + 1);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        _registry.breakModel{gas: 3 * VERIFY_GAS}(modelId, schema, first, IClaimBreaker.Evidence(0, other, proof));
    }

    function _challenged() private returns (bytes32 id) {
        vm.prank(ALICE);
        id = _registry.post{value: 1 ether}(modelId, _assignment, publicValues);
        vm.prank(MALLORY);
        _registry.challenge{value: 0.1 ether}(id);
    }
}
