// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../contracts/libraries/Identities.sol";
import {BundleTest} from "./helpers/BundleTest.sol";
import {Answer, MockAdapter, YesAdapter} from "./helpers/Mocks.sol";

contract ProofRegistrySubmitTest is BundleTest {
    IProofRegistry.Assignment private _assignment;

    function setUp() public override {
        super.setUp();
        assertEq(registerModel(), modelId, "run `make fixtures` again: the bundle is for another adapter or verifier");
        _assignment = assignmentOf(ALICE);
    }

    /* REVERTS: THE ASSIGNMENT */

    function testFuzz_revert_anotherSender(address sender) public {
        vm.assume(sender != ALICE);
        vm.expectRevert(abi.encodeWithSelector(IProofRegistry.SubmitterMismatch.selector, ALICE, sender));
        vm.prank(sender);
        proofs.submit(modelId, _assignment, publicValues, proof);
    }

    function testFuzz_revert_pastDeadline(uint64 deadline, uint256 time) public {
        deadline = uint64(bound(deadline, 0, type(uint64).max - 1));
        vm.warp(bound(time, uint256(deadline) + 1, type(uint64).max));
        _assignment.deadline = deadline;
        _expectRevert(abi.encodeWithSelector(IProofRegistry.DeadlinePassed.selector, deadline));
    }

    function test_revert_oneSecondPastDeadline() public {
        vm.warp(uint256(_assignment.deadline) + 1);
        _expectRevert(abi.encodeWithSelector(IProofRegistry.DeadlinePassed.selector, _assignment.deadline));
    }

    function test_revert_replay() public {
        bytes32 statementId = _submit();
        _expectRevert(abi.encodeWithSelector(IProofRegistry.ClaimExists.selector, statementId));
        // Nor with other proof bytes, good or bad: a statement is recorded once.
        vm.expectRevert(abi.encodeWithSelector(IProofRegistry.ClaimExists.selector, statementId));
        vm.prank(ALICE);
        proofs.submit(modelId, _assignment, publicValues, "another proof");
    }

    /* REVERTS: THE MODEL */

    function testFuzz_revert_unknownModel(bytes32 other) public {
        vm.assume(other != modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, other));
        vm.prank(ALICE);
        proofs.submit(other, _assignment, publicValues, proof);
    }

    /// @dev The proof of one model is no proof of another: here one whose verifying key differs in one constant.
    function test_revert_wrongModel() public {
        address other = address(new Answer(""));
        vm.etch(other, _withAnotherKey(verifier.code));
        bytes32 otherId = models.register(address(adapter), other, keccak256("other vk"), srsId, schema);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(ALICE);
        proofs.submit{gas: VERIFY_GAS}(otherId, _assignment, publicValues, proof);
    }

    function test_revert_modelCodeChanged() public {
        vm.etch(verifier, address(new Answer(abi.encode(true))).code);
        _expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, verifier));
        vm.etch(verifier, "");
        _expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, verifier));
    }

    function test_revert_adapterChanged() public {
        vm.etch(address(adapter), address(new YesAdapter()).code);
        _expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, address(adapter)));
        vm.etch(address(adapter), "");
        _expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, address(adapter)));
    }

    /// @dev A model without code of its own registers, but not every adapter can do without.
    function test_revert_ezklModelWithoutCode() public {
        bytes32 bare = models.register(address(adapter), address(0), vkDigest, srsId, schema);
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, address(0)));
        vm.prank(ALICE);
        proofs.submit(bare, _assignment, publicValues, proof);
    }

    /* REVERTS: THE PROOF */

    function test_revert_badProof() public {
        uint256 words = proof.length / 32;
        bytes memory good = proof;
        for (uint256 i = 0; i < words; i += words / 16) {
            proof = withWord(good, i, wordAt(good, i) ^ 1);
            _expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
        }
    }

    function test_revert_everyInstanceChanged() public {
        bytes memory good = publicValues;
        for (uint256 i = 0; i < good.length / 32; i++) {
            unchecked {
                publicValues = withWord(good, i, wordAt(good, i) + 1);
            }
            _expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
        }
    }

    function test_revert_everyInstancePlusOrder() public {
        bytes memory good = publicValues;
        for (uint256 i = 0; i < good.length / 32; i++) {
            unchecked {
                publicValues = withWord(good, i, wordAt(good, i) + ORDER);
            }
            _expectRevert(abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, i));
        }
    }

    /// @dev A proof that binds its statement is worthless under any other assignment.
    function test_revert_boundProofUnderAnotherAssignment() public {
        (bytes32 mockId, bytes memory mockProof) = _mockModel();
        vm.prank(ALICE);
        proofs.submit(mockId, _assignment, publicValues, mockProof);

        IProofRegistry.Assignment memory other = _assignment;
        other.submitter = MALLORY;
        _expectInvalid(mockId, other, mockProof);
        other = _assignment;
        other.consumer = MALLORY;
        _expectInvalid(mockId, other, mockProof);
        other = _assignment;
        other.job = keccak256("another job");
        _expectInvalid(mockId, other, mockProof);
        other = _assignment;
        other.deadline += 1;
        _expectInvalid(mockId, other, mockProof);
        other = _assignment;
        vm.chainId(block.chainid + 1);
        _expectInvalid(mockId, other, mockProof);
    }

    function test_revert_boundProofInAnotherRegistry() public {
        (bytes32 mockId, bytes memory mockProof) = _mockModel();
        proofs = new ProofRegistry(models);
        _expectInvalid(mockId, _assignment, mockProof);
    }

    /* SUCCESS */

    function test_submit() public {
        bytes32 contextId = keccak256(
            abi.encode(
                keccak256("zkinfer/context/v1"),
                block.chainid,
                address(proofs),
                ALICE,
                _assignment.consumer,
                _assignment.job,
                _assignment.deadline
            )
        );
        bytes32 expected =
            keccak256(abi.encode(keccak256("zkinfer/statement/v1"), modelId, keccak256(publicValues), contextId));

        vm.expectEmit(address(proofs));
        emit IProofRegistry.ClaimRecorded(
            expected,
            modelId,
            ALICE,
            _assignment.consumer,
            _assignment.job,
            _assignment.deadline,
            keccak256(publicValues),
            sha256(proof),
            IProofRegistry.Assurance.Verified,
            true
        );
        bytes32 statementId = _submit();

        assertEq(statementId, expected);
        IProofRegistry.Claim memory claim = proofs.claim(statementId);
        assertEq(claim.submitter, ALICE);
        assertEq(claim.recordedAt, block.timestamp);
        assertEq(uint8(claim.assurance), uint8(IProofRegistry.Assurance.Verified));
        assertTrue(claim.transferable);
        assertTrue(proofs.isVerified(statementId));
    }

    /// @dev A record is one storage slot.
    function test_submitWritesOneSlot() public {
        vm.record();
        _submit();
        (, bytes32[] memory writes) = vm.accesses(address(proofs));
        assertGt(writes.length, 0);
        for (uint256 i = 1; i < writes.length; i++) {
            assertEq(writes[i], writes[0]);
        }
        (, writes) = vm.accesses(address(models));
        assertEq(writes.length, 0);
    }

    function test_submitInTheLastSecond() public {
        vm.warp(_assignment.deadline);
        assertTrue(proofs.isVerified(_submit()));
    }

    function testFuzz_submit(address submitter, address consumer, bytes32 job, uint64 deadline, uint64 time) public {
        time = uint64(bound(time, 0, deadline));
        vm.warp(time);
        _assignment = IProofRegistry.Assignment(submitter, consumer, job, deadline);
        bytes32 expected = proofs.statementIdOf(modelId, _assignment, publicValues);
        assertFalse(proofs.isVerified(expected));
        vm.prank(submitter);
        assertEq(proofs.submit{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof), expected);
        assertTrue(proofs.isVerified(expected));
        assertEq(proofs.claim(expected).submitter, submitter);
        assertEq(proofs.claim(expected).recordedAt, time);
    }

    /// @dev Why `transferable` is recorded: whoever saw Alice's proof has a claim too. Under another statement id, and never under hers.
    function test_submitACopiedProof() public {
        bytes32 hers = _submit();
        _assignment.submitter = MALLORY;
        vm.prank(MALLORY);
        bytes32 copied = proofs.submit{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof);
        assertNotEq(copied, hers);
        assertTrue(proofs.claim(copied).transferable);
        assertEq(proofs.claim(hers).submitter, ALICE);
    }

    /// @dev And a copy that arrives first does not keep her out.
    function test_submitAfterACopy() public {
        IProofRegistry.Assignment memory copied = _assignment;
        copied.submitter = MALLORY;
        vm.prank(MALLORY);
        proofs.submit{gas: VERIFY_GAS}(modelId, copied, publicValues, proof);
        assertEq(proofs.claim(_submit()).submitter, ALICE);
    }

    function test_submitABoundProof() public {
        (bytes32 mockId, bytes memory mockProof) = _mockModel();
        vm.prank(ALICE);
        bytes32 statementId = proofs.submit(mockId, _assignment, publicValues, mockProof);
        assertFalse(proofs.claim(statementId).transferable);
        assertTrue(proofs.isVerified(statementId));
    }

    /// @dev One statement for each assignment and each list of values.
    function test_submitForTwoJobs() public {
        bytes32 first = _submit();
        _assignment.job = keccak256("job 2");
        bytes32 second = _submit();
        assertNotEq(first, second);
        assertTrue(proofs.isVerified(first) && proofs.isVerified(second));
    }

    /* CALL DATA */

    /// @dev A caller may lay out its call data as it likes: with gaps, in another order, with something between. What is hashed into the
    /// statement is what the verifier is given, in the standard encoding.
    function testFuzz_submitWithAnotherLayout(bytes32 gap) public {
        bytes32 expected = proofs.statementIdOf(modelId, _assignment, publicValues);
        // modelId, the assignment (4 words), two offsets: the head has 7 words. Then a gap, the proof, a gap, the public values, a gap.
        bytes memory head = abi.encode(modelId, _assignment, 0x120 + 0x20 + proof.length, 0x100);
        bytes memory tail = abi.encodePacked(gap, proof.length, proof, gap, publicValues.length, publicValues, gap);

        uint256[] memory instances = instancesOf(publicValues);
        vm.expectCall(verifier, abi.encodeWithSignature("verifyProof(bytes,uint256[])", proof, instances));
        vm.prank(ALICE);
        (bool success, bytes memory returned) =
            address(proofs).call{gas: VERIFY_GAS}(bytes.concat(IProofRegistry.submit.selector, head, tail));
        assertTrue(success);
        assertEq(abi.decode(returned, (bytes32)), expected);
        assertTrue(proofs.isVerified(expected));
    }

    /// @dev Two arguments in one place are still two arguments: the values are then the proof's words, which are no valid statement.
    function test_revert_overlappingArguments() public {
        bytes memory call = bytes.concat(
            IProofRegistry.submit.selector,
            abi.encode(modelId, _assignment, 0xe0, 0xe0),
            abi.encodePacked(proof.length, proof)
        );
        vm.prank(ALICE);
        (bool success,) = address(proofs).call{gas: VERIFY_GAS}(call);
        assertFalse(success);
    }

    function test_revert_dirtyArguments() public {
        bytes memory call = abi.encodeCall(proofs.submit, (modelId, _assignment, publicValues, proof));
        // The high bits of the submitter, of the consumer and of the deadline; and an offset past the end.
        uint256[4] memory places = [uint256(4 + 0x20), 4 + 0x40, 4 + 0x80, 4 + 0xa0];
        for (uint256 i = 0; i < places.length; i++) {
            bytes memory dirty = bytes.concat(call);
            dirty[places[i]] = 0x01;
            vm.prank(ALICE);
            (bool success,) = address(proofs).call{gas: VERIFY_GAS}(dirty);
            assertFalse(success);
        }
    }

    /* SQUATTERS */

    /// @dev Whoever registers with another adapter or verifier gets another id, and claims under that id only.
    function test_squatterWithOtherCode() public {
        YesAdapter yes = new YesAdapter();
        vm.startPrank(MALLORY);
        bytes32 otherAdapter = models.register(address(yes), verifier, vkDigest, srsId, schema);
        address accepts = address(new Answer(abi.encode(true)));
        bytes32 otherVerifier = models.register(address(adapter), accepts, vkDigest, srsId, schema);
        _assignment.submitter = MALLORY;
        bytes32 fake = proofs.submit(otherAdapter, _assignment, publicValues, "no proof");
        bytes32 fake2 = proofs.submit(otherVerifier, _assignment, publicValues, new bytes(32));
        vm.stopPrank();

        assertNotEq(otherAdapter, modelId);
        assertNotEq(otherVerifier, modelId);
        bytes32 real = proofs.statementIdOf(modelId, _assignment, publicValues);
        assertTrue(real != fake && real != fake2);
        assertFalse(proofs.isVerified(real));
        _assignment.submitter = ALICE;
        assertTrue(proofs.isVerified(_submit()));
    }

    /// @dev Whoever is first with the same code at another address has registered the same model.
    function test_squatterWithACopyOfTheCode() public {
        IModelRegistry fresh = IModelRegistry(deployCode("ModelRegistry.sol:ModelRegistry"));
        address copy = deployVerifier();
        address adapterCopy = deployCode("EzklAdapter.sol:EzklAdapter");
        vm.prank(MALLORY);
        assertEq(fresh.register(adapterCopy, copy, vkDigest, srsId, schema), modelId);
        assertEq(fresh.register(address(adapter), verifier, vkDigest, srsId, schema), modelId);
        assertEq(fresh.model(modelId).modelCode, copy);

        proofs = new ProofRegistry(fresh);
        assertTrue(proofs.isVerified(_submit()));
        _assignment.job = keccak256("job 2");
        bytes memory good = proof;
        proof = withWord(good, 0, wordAt(good, 0) ^ 1);
        _expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
    }

    /// @dev Copies that have vanished are replaced by whoever registers the model with code that is there.
    function test_squatterWithCodeThatVanishes() public {
        IModelRegistry fresh = IModelRegistry(deployCode("ModelRegistry.sol:ModelRegistry"));
        address copy = deployVerifier();
        vm.prank(MALLORY);
        fresh.register(address(adapter), copy, vkDigest, srsId, schema);
        vm.etch(copy, "");
        proofs = new ProofRegistry(fresh);
        _expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, copy));

        assertEq(fresh.register(address(adapter), verifier, vkDigest, srsId, schema), modelId);
        assertTrue(proofs.isVerified(_submit()));
    }

    function test_squatterWhoRetires() public {
        vm.startPrank(MALLORY);
        models.register(address(adapter), verifier, vkDigest, srsId, schema);
        models.retire(modelId, "mine now");
        vm.stopPrank();
        assertTrue(proofs.isVerified(_submit()));
    }

    /// @dev Not even the first registrant can stop anybody.
    function test_retirementStopsNobody() public {
        models.retire(modelId, "superseded");
        assertTrue(proofs.isVerified(_submit()));
    }

    /* HELPERS */

    function _submit() private returns (bytes32) {
        vm.prank(ALICE);
        return proofs.submit{gas: VERIFY_GAS}(modelId, _assignment, publicValues, proof);
    }

    function _expectRevert(bytes memory reason) private {
        bytes32 statementId = proofs.statementIdOf(modelId, _assignment, publicValues);
        bytes32 before = keccak256(abi.encode(proofs.claim(statementId)));
        vm.expectRevert(reason);
        _submit();
        assertEq(keccak256(abi.encode(proofs.claim(statementId))), before);
    }

    function _expectInvalid(bytes32 id, IProofRegistry.Assignment memory assignment, bytes memory proof_) private {
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(assignment.submitter);
        proofs.submit(id, assignment, publicValues, proof_);
    }

    /// @dev A model whose adapter binds the statement, and a proof for the assignment.
    function _mockModel() private returns (bytes32 id, bytes memory proof_) {
        MockAdapter mock = new MockAdapter(1);
        id = models.register(address(mock), verifier, vkDigest, srsId, schema);
        (, ModelKey memory key) = models.resolve(id);
        proof_ = mock.proofOf(key, proofs.contextIdOf(_assignment), publicValues);
    }

    /// @dev The verifier's code with another digest of the verifying key, which begins its transcript. The source marks the constant with
    /// a comment; every occurrence in the code is changed.
    function _withAnotherKey(bytes memory code) private view returns (bytes memory) {
        bytes memory before = bytes(vm.split(readGenerated("Halo2Verifier.sol"), ") // vk_digest")[0]);
        uint256 digest;
        for (uint256 i = before.length - 64; i < before.length; i++) {
            uint8 c = uint8(before[i]);
            digest = 16 * digest + (c < 0x3a ? c - 0x30 : c - 0x57);
        }
        uint256 changed;
        for (uint256 i = 0; i + 32 <= code.length; i++) {
            if (_load(code, i) != digest) continue;
            code[i + 31] ^= 0x01;
            changed++;
        }
        require(changed > 0, "the digest was not found in the code of the verifier");
        return code;
    }

    function _load(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
