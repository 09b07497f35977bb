// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../contracts/interfaces/INativeVerifier.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {NativeRegistryTest} from "./helpers/NativeRegistryTest.sol";

contract ProofRegistryNativeTest is NativeRegistryTest {
    /* REVERTS */

    /// @dev Each word of the values, contexts and proof of a batch is bound: changed, nothing of the batch is recorded.
    function testFuzz_revert_tampered(uint256 what, uint256 item, uint256 at, uint8 change) public {
        Batch memory batch = load("four");
        item %= 4;
        change = uint8(bound(change, 1, 255));
        what %= 4;
        if (what == 0) _flip(batch.publicValues[item], at, change);
        if (what == 1) _flip(batch.proof, at, change);
        if (what == 2) batch.assignments[item].job ^= bytes32(uint256(change));
        if (what == 3) {
            uint256 other = (item + 1 + at % 3) % 4;
            (batch.publicValues[item], batch.publicValues[other]) =
            (batch.publicValues[other], batch.publicValues[item]);
        }
        vm.prank(batch.assignments[0].submitter);
        (bool success, bytes memory reason) = address(proofs)
            .call(abi.encodeCall(proofs.submitBatch, (nativeId, batch.assignments, batch.publicValues, batch.proof)));
        assertFalse(success);
        // A change of the proof may as well leave no point or scalar.
        bytes4 selector = bytes4(reason);
        assertTrue(
            selector == IVerifierAdapter.ProofInvalid.selector || what == 1
                && (selector == INativeVerifier.PointInvalid.selector
                    || selector == INativeVerifier.ScalarOutOfRange.selector)
        );
        for (uint256 i = 0; i < 4; i++) {
            assertFalse(proofs.isVerified(batch.statementIds[i]));
        }
    }

    /// @dev A proof of four statements is none of three of them, and none of each.
    function test_revert_partOfABatch() public {
        Batch memory batch = load("four");
        IProofRegistry.Assignment[] memory assignments = batch.assignments;
        bytes[] memory values = batch.publicValues;
        assembly ("memory-safe") {
            mstore(assignments, 3)
            mstore(values, 3)
        }
        address submitter = assignments[0].submitter;
        vm.expectRevert();
        vm.prank(submitter);
        proofs.submitBatch(nativeId, assignments, values, batch.proof);
        for (uint256 i = 0; i < 3; i++) {
            vm.expectRevert();
            vm.prank(submitter);
            proofs.submit(nativeId, assignments[i], values[i], batch.proof);
        }
    }

    function test_revert_elsewhere() public {
        Batch memory batch = load("four");
        vm.chainId(1);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(batch.assignments[0].submitter);
        proofs.submitBatch(nativeId, batch.assignments, batch.publicValues, batch.proof);
    }

    /* SUCCESS */

    function test_submitBatch() public {
        Batch memory batch = load("four");
        vm.expectEmit(address(proofs));
        emit IProofRegistry.BatchRecorded(
            keccak256(abi.encodePacked(keccak256("zkinfer/batch/v1"), uint256(4), batch.statementIds)),
            nativeId,
            batch.assignments[0].submitter,
            4,
            sha256(batch.proof)
        );
        vm.prank(batch.assignments[0].submitter);
        bytes32[] memory ids = proofs.submitBatch(nativeId, batch.assignments, batch.publicValues, batch.proof);
        assertEq(abi.encode(ids), abi.encode(batch.statementIds));
        for (uint256 i = 0; i < 4; i++) {
            assertTrue(proofs.isVerified(ids[i]));
            assertFalse(proofs.claim(ids[i]).transferable);
        }
    }

    function test_submit() public {
        Batch memory one = load("single");
        vm.prank(one.assignments[0].submitter);
        bytes32 id = proofs.submit(nativeId, one.assignments[0], one.publicValues[0], one.proof);
        assertEq(id, one.statementIds[0]);
        assertTrue(proofs.isVerified(id));
        assertFalse(proofs.claim(id).transferable);
    }

    /// @dev A proof of one statement is the same in a batch of one.
    function test_submitBatchOfOne() public {
        Batch memory one = load("single");
        vm.prank(one.assignments[0].submitter);
        bytes32[] memory ids = proofs.submitBatch(nativeId, one.assignments, one.publicValues, one.proof);
        assertEq(abi.encode(ids), abi.encode(one.statementIds));
    }

    /// @dev And it is bound to its submitter: seen, it is worth nothing to anybody else.
    function test_revert_copied() public {
        Batch memory one = load("single");
        one.assignments[0].submitter = MALLORY;
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(MALLORY);
        proofs.submit(nativeId, one.assignments[0], one.publicValues[0], one.proof);
    }

    /* HELPERS */

    function _flip(bytes memory data, uint256 at, uint8 change) private pure {
        at %= data.length;
        data[at] ^= bytes1(change);
    }
}
