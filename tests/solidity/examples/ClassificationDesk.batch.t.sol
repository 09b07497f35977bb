// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "../helpers/BaseTest.sol";
import {MockBatchAdapter} from "../helpers/Mocks.sol";
import {SchemaBuilder} from "../helpers/SchemaBuilder.sol";
import {ClassificationDesk} from "./ClassificationDesk.sol";

/// @notice A consumer that was written for single claims takes those of a batch as they are: it derives each statement id from its own
/// job, and cannot tell whether the claim came alone. The adapter is a mock; what batches are worth is the adapter's business.
contract ClassificationDeskBatchTest is BaseTest {
    uint256 private constant JOBS = 3;

    ClassificationDesk private _desk;
    MockBatchAdapter private _adapter;
    bytes32 private _modelId;
    bytes32[] private _jobs;
    uint64 private _deadline;

    function setUp() public override {
        super.setUp();
        _adapter = new MockBatchAdapter(0);
        bytes memory schema = SchemaBuilder.words(1, 2);
        _modelId = models.register(address(_adapter), address(0), 0, 0, schema);
        _desk = new ClassificationDesk(proofs, _modelId, schema);
        _deadline = uint64(block.timestamp + 1 hours);
        for (uint256 i = 0; i < JOBS; i++) {
            _jobs.push(_desk.open(ALICE, _deadline, abi.encode(i)));
        }
    }

    /// @dev One transaction for the worker, and every job is settled by itself, in any order.
    function test_settleEachJobOfABatch() public {
        bytes[] memory values = _prove();
        for (uint256 i = JOBS; i > 0; i--) {
            (uint256 class, int256 score) = _desk.settle(_jobs[i - 1], values[i - 1]);
            assertEq(class, (i - 1) % 2);
            assertEq(score, 7);
        }
    }

    /// @dev The values of one job settle no other one, although both are in the batch.
    function test_revert_anotherJobsValues() public {
        bytes[] memory values = _prove();
        vm.expectRevert(ClassificationDesk.OtherInputs.selector);
        _desk.settle(_jobs[0], values[1]);
    }

    function test_revert_notInTheBatch() public {
        _prove();
        bytes32 job = _desk.open(ALICE, _deadline, abi.encode(0));
        bytes memory values = abi.encode(0, 7, 0);
        IProofRegistry.Assignment memory asked = IProofRegistry.Assignment(ALICE, address(_desk), job, _deadline);
        bytes32 statementId = proofs.statementIdOf(_modelId, asked, values);
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.NotProven.selector, statementId));
        _desk.settle(job, values);
    }

    /// @dev The class of input `i` is its lowest bit.
    function _prove() private returns (bytes[] memory values) {
        IProofRegistry.Assignment[] memory assignments = new IProofRegistry.Assignment[](JOBS);
        bytes32[] memory contextIds = new bytes32[](JOBS);
        values = new bytes[](JOBS);
        for (uint256 i = 0; i < JOBS; i++) {
            assignments[i] = IProofRegistry.Assignment(ALICE, address(_desk), _jobs[i], _deadline);
            contextIds[i] = proofs.contextIdOf(assignments[i]);
            values[i] = i % 2 == 0 ? abi.encode(i, 7, 0) : abi.encode(i, 0, 7);
        }
        (, ModelKey memory key) = models.resolve(_modelId);
        bytes memory proof = _adapter.batchProofOf(key, contextIds, values);
        vm.prank(ALICE);
        proofs.submitBatch(_modelId, assignments, values, proof);
    }
}
