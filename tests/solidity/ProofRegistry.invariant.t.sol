// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {MockBatchAdapter} from "./helpers/Mocks.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Submits good, bad, late and repeated claims of two models, singly and in batches, by three accounts, as time goes on. The adapter
/// is a mock that binds the statement, so that there are many claims.
contract ProofRegistryHandler is Test {
    ModelRegistry private immutable _models;
    ProofRegistry private immutable _proofs;
    MockBatchAdapter[2] private _adapters;
    bytes32[2] private _modelIds;

    /// @dev The recorded claims, and what the registry said of each when it was recorded.
    bytes32[] public recorded;
    mapping(bytes32 statementId => bytes32) public claimHash;
    mapping(bytes32 statementId => IProofRegistry.Assignment) private _assignments;

    /// @dev Statements that were refused and never accepted.
    bytes32[] public refused;

    constructor(ModelRegistry models, ProofRegistry proofs) {
        _models = models;
        _proofs = proofs;
        for (uint256 i = 0; i < 2; i++) {
            _adapters[i] = new MockBatchAdapter(i);
            _modelIds[i] = models.register(address(_adapters[i]), address(0), 0, 0, "");
        }
    }

    function submit(uint256 model, uint256 account, uint256 job, uint256 values, uint256 flaw) external {
        model %= 2;
        IProofRegistry.Assignment memory assignment = _assignment(account, job);
        bytes memory publicValues = abi.encode(values % 4);
        bytes32 statementId = _proofs.statementIdOf(_modelIds[model], assignment, publicValues);

        (, ModelKey memory key) = _models.resolve(_modelIds[model]);
        bytes memory proof = _adapters[model].proofOf(key, _proofs.contextIdOf(assignment), publicValues);
        bool good = flaw % 4 != 0;
        if (!good) proof[proof.length - 1] ^= 0x01;
        bool acceptable = good && block.timestamp <= assignment.deadline && claimHash[statementId] == 0;

        vm.prank(assignment.submitter);
        try _proofs.submit(_modelIds[model], assignment, publicValues, proof) returns (bytes32 returned) {
            assertTrue(acceptable);
            assertEq(returned, statementId);
            _note(statementId, assignment);
        } catch {
            assertFalse(acceptable);
            refused.push(statementId);
        }
    }

    /// @dev One to three items with jobs and values that repeat now and then.
    function submitBatch(uint256 model, uint256 account, uint256 jobs, uint256 values, uint256 flaw) external {
        model %= 2;
        uint256 count = 1 + flaw % 3;
        IProofRegistry.Assignment[] memory assignments = new IProofRegistry.Assignment[](count);
        bytes[] memory publicValues = new bytes[](count);
        bytes32[] memory ids = new bytes32[](count);
        bytes32[] memory contextIds = new bytes32[](count);
        bool acceptable = flaw % 4 != 0;
        for (uint256 i = 0; i < count; i++) {
            assignments[i] = _assignment(account, jobs >> (2 * i));
            publicValues[i] = abi.encode((values >> (2 * i)) % 4);
            ids[i] = _proofs.statementIdOf(_modelIds[model], assignments[i], publicValues[i]);
            contextIds[i] = _proofs.contextIdOf(assignments[i]);
            acceptable = acceptable && block.timestamp <= assignments[i].deadline && claimHash[ids[i]] == 0;
            for (uint256 j = 0; j < i; j++) {
                acceptable = acceptable && ids[j] != ids[i];
            }
        }
        (, ModelKey memory key) = _models.resolve(_modelIds[model]);
        bytes memory proof = _adapters[model].batchProofOf(key, contextIds, publicValues);
        if (flaw % 4 == 0) proof[proof.length - 1] ^= 0x01;

        vm.prank(assignments[0].submitter);
        try _proofs.submitBatch(_modelIds[model], assignments, publicValues, proof) returns (
            bytes32[] memory returned
        ) {
            assertTrue(acceptable);
            assertEq(abi.encode(returned), abi.encode(ids));
            for (uint256 i = 0; i < count; i++) {
                _note(ids[i], assignments[i]);
            }
        } catch {
            assertFalse(acceptable);
            for (uint256 i = 0; i < count; i++) {
                refused.push(ids[i]);
            }
        }
    }

    function submitForAnother(uint256 account, uint256 job) external {
        IProofRegistry.Assignment memory assignment = IProofRegistry.Assignment({
            submitter: address(uint160(1 + account % 3)),
            consumer: address(0),
            job: bytes32(job % 4),
            deadline: type(uint64).max
        });
        bytes32 statementId = _proofs.statementIdOf(_modelIds[0], assignment, "");
        (, ModelKey memory key) = _models.resolve(_modelIds[0]);
        bytes memory proof = _adapters[0].proofOf(key, _proofs.contextIdOf(assignment), "");
        try _proofs.submit(_modelIds[0], assignment, "", proof) {
            fail();
        } catch {
            refused.push(statementId);
        }
    }

    function retire(uint256 model) external {
        if (_models.standing(_modelIds[model % 2], address(this)) != IModelRegistry.Standing.Registered) return;
        _models.retire(_modelIds[model % 2], "");
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + time % 2000);
    }

    function _assignment(uint256 account, uint256 job) private pure returns (IProofRegistry.Assignment memory) {
        return IProofRegistry.Assignment({
            submitter: address(uint160(1 + account % 3)),
            consumer: address(0),
            job: bytes32(job % 4),
            deadline: uint64(10_000 * (1 + job % 4))
        });
    }

    function _note(bytes32 statementId, IProofRegistry.Assignment memory assignment) private {
        recorded.push(statementId);
        claimHash[statementId] = keccak256(abi.encode(_proofs.claim(statementId)));
        _assignments[statementId] = assignment;
    }

    function recordedCount() external view returns (uint256) {
        return recorded.length;
    }

    function refusedCount() external view returns (uint256) {
        return refused.length;
    }

    function assignmentOf(bytes32 statementId) external view returns (IProofRegistry.Assignment memory) {
        return _assignments[statementId];
    }
}

contract ProofRegistryInvariantTest is BaseTest {
    ProofRegistryHandler private _handler;

    function setUp() public override {
        super.setUp();
        vm.warp(1);
        _handler = new ProofRegistryHandler(models, proofs);
        targetContract(address(_handler));
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = ProofRegistryHandler.submit.selector;
        selectors[1] = ProofRegistryHandler.submitForAnother.selector;
        selectors[2] = ProofRegistryHandler.retire.selector;
        selectors[3] = ProofRegistryHandler.wait.selector;
        selectors[4] = ProofRegistryHandler.submitBatch.selector;
        targetSelector(FuzzSelector(address(_handler), selectors));
    }

    /// @dev A claim is never changed or removed, and is what its assignment allowed.
    function invariant_claimsAreForEver() public view {
        for (uint256 i = 0; i < _handler.recordedCount(); i++) {
            bytes32 statementId = _handler.recorded(i);
            IProofRegistry.Claim memory claim = proofs.claim(statementId);
            IProofRegistry.Assignment memory assignment = _handler.assignmentOf(statementId);
            assertEq(keccak256(abi.encode(claim)), _handler.claimHash(statementId));
            assertTrue(proofs.isVerified(statementId));
            assertEq(claim.submitter, assignment.submitter);
            assertLe(claim.recordedAt, assignment.deadline);
            assertFalse(claim.transferable);
        }
    }

    /// @dev What was refused is a claim only if it was accepted at another time.
    function invariant_refusedIsNotRecorded() public view {
        for (uint256 i = 0; i < _handler.refusedCount(); i++) {
            bytes32 statementId = _handler.refused(i);
            assertEq(proofs.isVerified(statementId), _handler.claimHash(statementId) != 0);
        }
    }
}
