// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {MockAdapter} from "./helpers/Mocks.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Submits good, bad, late and repeated claims of two models, by three accounts, as time goes on. The adapter is a mock that
/// binds the statement, so that there are many claims.
contract ProofRegistryHandler is Test {
    ModelRegistry private immutable _models;
    ProofRegistry private immutable _proofs;
    MockAdapter[2] private _adapters;
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
            _adapters[i] = new MockAdapter(i);
            _modelIds[i] = models.register(address(_adapters[i]), address(0), 0, 0, "");
        }
    }

    function submit(uint256 model, uint256 account, uint256 job, uint256 values, uint256 flaw) external {
        model %= 2;
        IProofRegistry.Assignment memory assignment = IProofRegistry.Assignment({
            submitter: address(uint160(1 + account % 3)),
            consumer: address(0),
            job: bytes32(job % 4),
            deadline: uint64(10_000 * (1 + job % 4))
        });
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
            recorded.push(statementId);
            claimHash[statementId] = keccak256(abi.encode(_proofs.claim(statementId)));
            _assignments[statementId] = assignment;
        } catch {
            assertFalse(acceptable);
            refused.push(statementId);
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
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = ProofRegistryHandler.submit.selector;
        selectors[1] = ProofRegistryHandler.submitForAnother.selector;
        selectors[2] = ProofRegistryHandler.retire.selector;
        selectors[3] = ProofRegistryHandler.wait.selector;
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
