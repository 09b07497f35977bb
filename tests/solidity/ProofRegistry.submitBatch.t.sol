// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {
    Answer,
    CuriousAdapter,
    MockAdapter,
    MockBatchAdapter,
    SilentAdapter,
    TransferableBatchAdapter,
    YesAdapter
} from "./helpers/Mocks.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Batches, with an adapter whose proof is the list of what it proves. Real proofs: ProofRegistry.native.t.sol.
contract ProofRegistrySubmitBatchTest is BaseTest {
    MockBatchAdapter private _adapter;
    bytes32 private _modelId;

    function setUp() public override {
        super.setUp();
        _adapter = new MockBatchAdapter(0);
        _modelId = models.register(address(_adapter), address(0), 0, 0, "");
    }

    /* REVERTS: THE BATCH */

    function test_revert_empty() public {
        vm.expectRevert(IProofRegistry.EmptyBatch.selector);
        proofs.submitBatch(_modelId, new IProofRegistry.Assignment[](0), new bytes[](0), "");
    }

    /// @dev Not even when there are public values.
    function test_revert_emptyWithValues() public {
        vm.expectRevert(IProofRegistry.EmptyBatch.selector);
        proofs.submitBatch(_modelId, new IProofRegistry.Assignment[](0), new bytes[](2), "");
    }

    function testFuzz_revert_lengths(uint256 assignments, uint256 values) public {
        assignments = bound(assignments, 1, 8);
        values = bound(values, 0, 8);
        vm.assume(assignments != values);
        vm.expectRevert(abi.encodeWithSelector(IProofRegistry.BatchLengths.selector, assignments, values));
        vm.prank(ALICE);
        proofs.submitBatch(_modelId, _assignments(assignments), _values(values), "");
    }

    /// @dev Wherever the second one is, and although the proof is good.
    function testFuzz_revert_twiceInTheBatch(uint256 count, uint256 first, uint256 second) public {
        count = bound(count, 2, 8);
        second = bound(second, 1, count - 1);
        first = bound(first, 0, second - 1);
        IProofRegistry.Assignment[] memory assignments = _assignments(count);
        bytes[] memory values = _values(count);
        assignments[second] = assignments[first];
        values[second] = values[first];
        bytes32 statementId = proofs.statementIdOf(_modelId, assignments[first], values[first]);
        _expectRevert(assignments, values, abi.encodeWithSelector(IProofRegistry.ClaimExists.selector, statementId));
    }

    /* REVERTS: ONE OF THE ITEMS */

    function testFuzz_revert_anotherSubmitter(uint256 count, uint256 which, address submitter) public {
        count = bound(count, 1, 8);
        vm.assume(submitter != ALICE);
        IProofRegistry.Assignment[] memory assignments = _assignments(count);
        assignments[which % count].submitter = submitter;
        _expectRevert(
            assignments,
            _values(count),
            abi.encodeWithSelector(IProofRegistry.SubmitterMismatch.selector, submitter, ALICE)
        );
    }

    function testFuzz_revert_pastOneDeadline(uint256 count, uint256 which) public {
        count = bound(count, 1, 8);
        IProofRegistry.Assignment[] memory assignments = _assignments(count);
        uint64 deadline = uint64(block.timestamp - 1);
        assignments[which % count].deadline = deadline;
        _expectRevert(
            assignments, _values(count), abi.encodeWithSelector(IProofRegistry.DeadlinePassed.selector, deadline)
        );
    }

    /// @dev A statement is recorded once: alone or in a batch, in whichever order.
    function testFuzz_revert_replayOfOne(uint256 count, uint256 which) public {
        count = bound(count, 2, 8);
        which %= count;
        (IProofRegistry.Assignment[] memory assignments, bytes[] memory values) = (_assignments(count), _values(count));
        IProofRegistry.Assignment[] memory one = new IProofRegistry.Assignment[](1);
        bytes[] memory oneValue = new bytes[](1);
        (one[0], oneValue[0]) = (assignments[which], values[which]);
        bytes32 recorded = _submit(one, oneValue)[0];
        bytes memory reason = abi.encodeWithSelector(IProofRegistry.ClaimExists.selector, recorded);

        bytes memory proof = _proof(assignments, values);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        proofs.submitBatch(_modelId, assignments, values, proof);
        for (uint256 i = 0; i < count; i++) {
            bytes32 statementId = proofs.statementIdOf(_modelId, assignments[i], values[i]);
            assertEq(proofs.isVerified(statementId), i == which);
        }
        vm.expectRevert(reason);
        vm.prank(ALICE);
        proofs.submit(_modelId, assignments[which], values[which], "");
    }

    function test_revert_replay() public {
        bytes memory proof = _proof(_assignments(3), _values(3));
        bytes32[] memory ids = _submit(_assignments(3), _values(3));
        vm.expectRevert(abi.encodeWithSelector(IProofRegistry.ClaimExists.selector, ids[0]));
        vm.prank(ALICE);
        proofs.submitBatch(_modelId, _assignments(3), _values(3), proof);
    }

    /* REVERTS: THE MODEL AND THE ADAPTER */

    function testFuzz_revert_unknownModel(bytes32 other) public {
        vm.assume(other != _modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, other));
        vm.prank(ALICE);
        proofs.submitBatch(other, _assignments(2), _values(2), "");
    }

    function test_revert_adapterChanged() public {
        vm.etch(address(_adapter), address(new YesAdapter()).code);
        _expectRevert(
            _assignments(2),
            _values(2),
            "",
            abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, address(_adapter))
        );
    }

    /// @dev Adapters of one statement per proof. Neither is asked about the proof, so neither says that it is invalid.
    function test_revert_unsupported() public {
        address code = address(new Answer(abi.encode(true)));
        bytes32 ezkl = models.register(address(adapter), code, 0, 0, "");
        address single = address(new MockAdapter(1));
        bytes32 mock = models.register(single, address(0), 0, 0, "");
        for (uint256 count = 1; count < 4; count++) {
            vm.expectRevert(abi.encodeWithSelector(IProofRegistry.BatchUnsupported.selector, address(adapter)));
            vm.prank(ALICE);
            proofs.submitBatch(ezkl, _assignments(count), _values(count), new bytes(32));
            vm.expectRevert(abi.encodeWithSelector(IProofRegistry.BatchUnsupported.selector, single));
            vm.prank(ALICE);
            proofs.submitBatch(mock, _assignments(count), _values(count), "");
        }
    }

    /// @dev A refusal without a reason by an adapter that takes batches stays one: it is not unsupported.
    function test_revert_silent() public {
        bytes32 silent = models.register(address(new SilentAdapter()), address(0), 0, 0, "");
        vm.expectRevert(bytes(""));
        vm.prank(ALICE);
        proofs.submitBatch(silent, _assignments(2), _values(2), "");
    }

    /// @dev With so little gas that a probe could run out of it, nothing is said of the adapter.
    function test_revert_unsupportedWithLittleGas() public {
        bytes32 mock = models.register(address(new MockAdapter(1)), address(0), 0, 0, "");
        vm.expectRevert(bytes(""));
        vm.prank(ALICE);
        proofs.submitBatch{gas: 100_000}(mock, _assignments(1), _values(1), "");
    }

    /* REVERTS: THE PROOF */

    function test_revert_badProof() public {
        (IProofRegistry.Assignment[] memory assignments, bytes[] memory values) = (_assignments(3), _values(3));
        bytes memory proof = _proof(assignments, values);
        proof[proof.length - 1] ^= 0x01;
        _expectRevert(assignments, values, proof, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
    }

    /// @dev What was proven is this list in this order, and neither a part of it nor another order.
    function test_revert_anotherBatch() public {
        (IProofRegistry.Assignment[] memory assignments, bytes[] memory values) = (_assignments(3), _values(3));
        bytes memory proof = _proof(assignments, values);
        bytes memory reason = abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector);

        _expectRevert(_assignments(2), _values(2), proof, reason);
        _expectRevert(_assignments(4), _values(4), proof, reason);
        (assignments[0], assignments[1]) = (assignments[1], assignments[0]);
        _expectRevert(assignments, values, proof, reason);
        (values[0], values[1]) = (values[1], values[0]);
        _expectRevert(assignments, values, proof, reason);
        assignments = _assignments(3);
        _expectRevert(assignments, values, proof, reason);
    }

    function testFuzz_revert_boundProofUnderAnotherAssignment(uint256 which, uint256 part) public {
        (IProofRegistry.Assignment[] memory assignments, bytes[] memory values) = (_assignments(3), _values(3));
        bytes memory proof = _proof(assignments, values);
        IProofRegistry.Assignment memory other = assignments[which % 3];
        if (part % 3 == 0) other.consumer = MALLORY;
        if (part % 3 == 1) other.job = keccak256("another job");
        if (part % 3 == 2) other.deadline += 1;
        _expectRevert(assignments, values, proof, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
    }

    function test_revert_anotherRegistryOrChain() public {
        bytes memory proof = _proof(_assignments(2), _values(2));
        bytes memory reason = abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector);
        vm.chainId(block.chainid + 1);
        _expectRevert(_assignments(2), _values(2), proof, reason);
        vm.chainId(block.chainid - 1);
        proofs = new ProofRegistry(models);
        _expectRevert(_assignments(2), _values(2), proof, reason);
    }

    /* SUCCESS */

    /// @dev Every claim and every event is what `submit` would have made, and one event more ties them together.
    function testFuzz_submitBatch(uint256 count, address submitter, uint64 time, bytes32 seed) public {
        count = bound(count, 1, 12);
        vm.warp(time);
        IProofRegistry.Assignment[] memory assignments = new IProofRegistry.Assignment[](count);
        bytes[] memory values = new bytes[](count);
        bytes memory ids;
        for (uint256 i = 0; i < count; i++) {
            bytes32 random = keccak256(abi.encode(seed, i));
            // Deadlines of their own, no earlier than now; values of any length, zero included.
            uint64 deadline = uint64(bound(uint256(random), time, type(uint64).max));
            assignments[i] = IProofRegistry.Assignment(submitter, address(uint160(uint256(random))), random, deadline);
            values[i] = new bytes(uint256(random) % 100);
            ids = bytes.concat(ids, proofs.statementIdOf(_modelId, assignments[i], values[i]));
        }
        bytes memory proof = _proof(assignments, values);

        vm.recordLogs();
        vm.prank(submitter);
        bytes32[] memory statementIds = proofs.submitBatch(_modelId, assignments, values, proof);
        assertEq(abi.encodePacked(statementIds), ids);
        _assertLogs(vm.getRecordedLogs(), assignments, values, statementIds, sha256(proof));
        for (uint256 i = 0; i < count; i++) {
            IProofRegistry.Claim memory claim = proofs.claim(statementIds[i]);
            assertEq(claim.submitter, submitter);
            assertEq(claim.recordedAt, time);
            assertEq(uint8(claim.assurance), uint8(IProofRegistry.Assurance.Verified));
            assertFalse(claim.transferable);
            assertTrue(proofs.isVerified(statementIds[i]));
        }
    }

    /// @dev A claim is one slot, in a batch as well, and the batch has none.
    function test_writesOneSlotPerItem() public {
        bytes memory proof = _proof(_assignments(5), _values(5));
        vm.record();
        vm.prank(ALICE);
        bytes32[] memory ids = proofs.submitBatch(_modelId, _assignments(5), _values(5), proof);
        (, bytes32[] memory writes) = vm.accesses(address(proofs));
        assertEq(writes.length % 5, 0);
        uint256 each = writes.length / 5;
        assertGt(each, 0);
        for (uint256 i = 0; i < writes.length; i++) {
            assertEq(writes[i], keccak256(abi.encode(ids[i / each], 0)));
        }
    }

    function test_transferable() public {
        _adapter = new TransferableBatchAdapter();
        _modelId = models.register(address(_adapter), address(0), 0, 0, "");
        bytes32[] memory ids = _submit(_assignments(3), _values(3));
        for (uint256 i = 0; i < 3; i++) {
            assertTrue(proofs.claim(ids[i]).transferable);
        }
    }

    /// @dev Nothing is recorded before the proof was accepted, so nobody sees a claim that may still be refused.
    function test_recordsAfterVerification() public {
        bytes32 id = models.register(address(new CuriousAdapter(proofs)), address(0), 0, 0, "");
        vm.prank(ALICE);
        bytes32[] memory ids = proofs.submitBatch(id, _assignments(3), _values(3), "");
        assertTrue(proofs.isVerified(ids[2]));
    }

    /* CALL DATA */

    /// @dev Two items may point to the same bytes: they are two statements as long as their assignments differ.
    function test_sharedValues() public {
        IProofRegistry.Assignment[] memory assignments = _assignments(2);
        bytes[] memory values = new bytes[](2);
        values[0] = values[1] = "the same";
        bytes memory proof = _proof(assignments, values);
        // modelId and three offsets; the assignments; two offsets to one list of bytes; the proof.
        bytes memory list = abi.encodePacked(uint256(2), abi.encode(assignments[0]), abi.encode(assignments[1]));
        bytes memory shared =
            abi.encodePacked(uint256(2), uint256(0x40), uint256(0x40), uint256(8), bytes32("the same"));
        bytes memory head = abi.encode(_modelId, 0x80, 0x80 + list.length, 0x80 + list.length + shared.length);
        bytes memory call = bytes.concat(
            IProofRegistry.submitBatch.selector, head, list, shared, abi.encodePacked(proof.length, proof)
        );
        vm.prank(ALICE);
        (bool success, bytes memory returned) = address(proofs).call(call);
        assertTrue(success);
        bytes32[] memory ids = abi.decode(returned, (bytes32[]));
        assertEq(ids[0], proofs.statementIdOf(_modelId, assignments[0], "the same"));
        assertEq(ids[1], proofs.statementIdOf(_modelId, assignments[1], "the same"));
    }

    function test_revert_dirtyArguments() public {
        bytes memory proof = _proof(_assignments(2), _values(2));
        bytes memory call = abi.encodeCall(proofs.submitBatch, (_modelId, _assignments(2), _values(2), proof));
        vm.prank(ALICE);
        (bool success,) = address(proofs).call(call);
        assertTrue(success);
        // The second assignment begins at 4 + 4 words + the length + 4 words: the high bits of its submitter, consumer and deadline.
        uint256 second = 4 + 9 * 0x20;
        uint256[5] memory places = [second, second + 0x20, second + 0x60, 4 + 0x20, 4 + 0x40];
        for (uint256 i = 0; i < places.length; i++) {
            bytes memory dirty = bytes.concat(call);
            dirty[places[i]] = 0x01;
            vm.prank(ALICE);
            (success,) = address(proofs).call(dirty);
            assertFalse(success);
        }
    }

    /* HELPERS */

    function _assignments(uint256 count) private view returns (IProofRegistry.Assignment[] memory list) {
        list = new IProofRegistry.Assignment[](count);
        for (uint256 i = 0; i < count; i++) {
            list[i] = assignmentOf(ALICE);
            list[i].job = bytes32(i);
        }
    }

    function _values(uint256 count) private pure returns (bytes[] memory list) {
        list = new bytes[](count);
        for (uint256 i = 0; i < count; i++) {
            list[i] = abi.encode(i);
        }
    }

    function _proof(IProofRegistry.Assignment[] memory assignments, bytes[] memory values)
        private
        view
        returns (bytes memory)
    {
        bytes32[] memory contextIds = new bytes32[](assignments.length);
        for (uint256 i = 0; i < contextIds.length; i++) {
            contextIds[i] = proofs.contextIdOf(assignments[i]);
        }
        (, ModelKey memory key) = models.resolve(_modelId);
        return _adapter.batchProofOf(key, contextIds, values);
    }

    function _submit(IProofRegistry.Assignment[] memory assignments, bytes[] memory values)
        private
        returns (bytes32[] memory)
    {
        bytes memory proof = _proof(assignments, values);
        vm.prank(ALICE);
        return proofs.submitBatch(_modelId, assignments, values, proof);
    }

    function _expectRevert(IProofRegistry.Assignment[] memory assignments, bytes[] memory values, bytes memory reason)
        private
    {
        _expectRevert(assignments, values, _proof(assignments, values), reason);
    }

    /// @dev All or nothing: no item of a refused batch is recorded.
    function _expectRevert(
        IProofRegistry.Assignment[] memory assignments,
        bytes[] memory values,
        bytes memory proof,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        proofs.submitBatch(_modelId, assignments, values, proof);
        for (uint256 i = 0; i < assignments.length; i++) {
            assertFalse(proofs.isVerified(proofs.statementIdOf(_modelId, assignments[i], values[i])));
        }
    }

    function _assertLogs(
        Vm.Log[] memory logs,
        IProofRegistry.Assignment[] memory assignments,
        bytes[] memory values,
        bytes32[] memory ids,
        bytes32 proofHash
    ) private view {
        assertEq(logs.length, ids.length + 1);
        bytes32 submitter = bytes32(uint256(uint160(assignments[0].submitter)));
        for (uint256 i = 0; i < ids.length; i++) {
            assertEq(logs[i].emitter, address(proofs));
            assertEq(
                abi.encode(logs[i].topics),
                abi.encode(_topics(IProofRegistry.ClaimRecorded.selector, ids[i], _modelId, submitter))
            );
            assertEq(
                logs[i].data,
                abi.encode(
                    assignments[i].consumer,
                    assignments[i].job,
                    assignments[i].deadline,
                    keccak256(values[i]),
                    proofHash,
                    IProofRegistry.Assurance.Verified,
                    false
                )
            );
        }
        Vm.Log memory last = logs[ids.length];
        bytes32 batchId = keccak256(abi.encodePacked(keccak256("zkinfer/batch/v1"), ids.length, ids));
        assertEq(last.emitter, address(proofs));
        assertEq(
            abi.encode(last.topics),
            abi.encode(_topics(IProofRegistry.BatchRecorded.selector, batchId, _modelId, submitter))
        );
        assertEq(last.data, abi.encode(ids.length, proofHash));
    }

    function _topics(bytes32 signature, bytes32 a, bytes32 b, bytes32 c) private pure returns (bytes32[] memory list) {
        list = new bytes32[](4);
        (list[0], list[1], list[2], list[3]) = (signature, a, b, c);
    }
}
