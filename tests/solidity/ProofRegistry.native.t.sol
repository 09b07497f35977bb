// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {INativeVerifier} from "../../contracts/interfaces/INativeVerifier.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./helpers/BaseTest.sol";

/// @notice Real native proofs, of one statement and of four, through the registry. tests/chain/registry_fixture.rs made them for a
/// registry at a fixed address.
/// @dev They are for a fixed model id too, and the id of a registered model contains the hash of the verifier's code. So the answer of the
/// model registry is set here, with the verifier that is built now: the fixture survives changes of the verifier that accept the same
/// proofs. The real model registry is between them on anvil, in tests/chain/batches.rs.
contract ProofRegistryNativeTest is BaseTest {
    struct Batch {
        IProofRegistry.Assignment[] assignments;
        bytes[] publicValues;
        bytes32[] statementIds;
        bytes proof;
    }

    bytes32 private _modelId;
    address private _verifier;

    function setUp() public override {
        super.setUp();
        string memory json = _json();
        vm.chainId(vm.parseJsonUint(json, ".chain_id"));
        address registry = vm.parseJsonAddress(json, ".registry");
        deployCodeTo("ProofRegistry.sol:ProofRegistry", abi.encode(models), registry);
        proofs = ProofRegistry(registry);

        _verifier = deployCode("contracts/artifacts/NativeVerifier.json");
        _modelId = vm.parseJsonBytes32(json, ".model_id");
        address key = makeAddr("key object");
        vm.etch(key, vm.parseJsonBytes(json, ".model_code"));
        ModelKey memory model = ModelKey({
            modelId: _modelId,
            modelCode: key,
            vkDigest: vm.parseJsonBytes32(json, ".vk_digest"),
            schemaHash: vm.parseJsonBytes32(json, ".schema_hash"),
            srsId: vm.parseJsonBytes32(json, ".srs_id")
        });
        vm.mockCall(address(models), abi.encodeCall(IModelRegistry.resolve, (_modelId)), abi.encode(_verifier, model));
    }

    /* REVERTS */

    /// @dev Each word of the values, contexts and proof of a batch is bound: changed, nothing of the batch is recorded.
    function testFuzz_revert_tampered(uint256 what, uint256 item, uint256 at, uint8 change) public {
        Batch memory batch = _load("four");
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
            .call(abi.encodeCall(proofs.submitBatch, (_modelId, batch.assignments, batch.publicValues, batch.proof)));
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
        Batch memory batch = _load("four");
        IProofRegistry.Assignment[] memory assignments = batch.assignments;
        bytes[] memory values = batch.publicValues;
        assembly ("memory-safe") {
            mstore(assignments, 3)
            mstore(values, 3)
        }
        address submitter = assignments[0].submitter;
        vm.expectRevert();
        vm.prank(submitter);
        proofs.submitBatch(_modelId, assignments, values, batch.proof);
        for (uint256 i = 0; i < 3; i++) {
            vm.expectRevert();
            vm.prank(submitter);
            proofs.submit(_modelId, assignments[i], values[i], batch.proof);
        }
    }

    function test_revert_elsewhere() public {
        Batch memory batch = _load("four");
        vm.chainId(1);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(batch.assignments[0].submitter);
        proofs.submitBatch(_modelId, batch.assignments, batch.publicValues, batch.proof);
    }

    /* SUCCESS */

    function test_submitBatch() public {
        Batch memory batch = _load("four");
        vm.expectEmit(address(proofs));
        emit IProofRegistry.BatchRecorded(
            keccak256(abi.encodePacked(keccak256("zkinfer/batch/v1"), uint256(4), batch.statementIds)),
            _modelId,
            batch.assignments[0].submitter,
            4,
            sha256(batch.proof)
        );
        vm.prank(batch.assignments[0].submitter);
        bytes32[] memory ids = proofs.submitBatch(_modelId, batch.assignments, batch.publicValues, batch.proof);
        assertEq(abi.encode(ids), abi.encode(batch.statementIds));
        for (uint256 i = 0; i < 4; i++) {
            assertTrue(proofs.isVerified(ids[i]));
            assertFalse(proofs.claim(ids[i]).transferable);
        }
    }

    function test_submit() public {
        Batch memory one = _load("single");
        vm.prank(one.assignments[0].submitter);
        bytes32 id = proofs.submit(_modelId, one.assignments[0], one.publicValues[0], one.proof);
        assertEq(id, one.statementIds[0]);
        assertTrue(proofs.isVerified(id));
        assertFalse(proofs.claim(id).transferable);
    }

    /// @dev A proof of one statement is the same in a batch of one.
    function test_submitBatchOfOne() public {
        Batch memory one = _load("single");
        vm.prank(one.assignments[0].submitter);
        bytes32[] memory ids = proofs.submitBatch(_modelId, one.assignments, one.publicValues, one.proof);
        assertEq(abi.encode(ids), abi.encode(one.statementIds));
    }

    /// @dev And it is bound to its submitter: seen, it is worth nothing to anybody else.
    function test_revert_copied() public {
        Batch memory one = _load("single");
        one.assignments[0].submitter = MALLORY;
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        vm.prank(MALLORY);
        proofs.submit(_modelId, one.assignments[0], one.publicValues[0], one.proof);
    }

    /* HELPERS */

    function _json() private view returns (string memory) {
        return vm.readFile("tests/fixtures/native-registry.json");
    }

    function _load(string memory name) private view returns (Batch memory batch) {
        string memory json = _json();
        string memory prefix = string.concat(".", name);
        bytes32[] memory jobs = vm.parseJsonBytes32Array(json, string.concat(prefix, ".jobs"));
        batch.assignments = new IProofRegistry.Assignment[](jobs.length);
        for (uint256 i = 0; i < jobs.length; i++) {
            batch.assignments[i] = IProofRegistry.Assignment({
                submitter: vm.parseJsonAddress(json, string.concat(prefix, ".submitter")),
                consumer: vm.parseJsonAddress(json, string.concat(prefix, ".consumer")),
                job: jobs[i],
                deadline: uint64(vm.parseJsonUint(json, string.concat(prefix, ".deadline")))
            });
        }
        batch.publicValues = vm.parseJsonBytesArray(json, string.concat(prefix, ".public_values"));
        batch.statementIds = vm.parseJsonBytes32Array(json, string.concat(prefix, ".statement_ids"));
        batch.proof = vm.parseJsonBytes(json, string.concat(prefix, ".proof"));
    }

    function _flip(bytes memory data, uint256 at, uint8 change) private pure {
        at %= data.length;
        data[at] ^= bytes1(change);
    }
}
