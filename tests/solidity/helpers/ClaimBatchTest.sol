// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimTest} from "./ClaimTest.sol";
import {StatementTree} from "./StatementTree.sol";

/// @notice A batch of Alice's: leaf `i` has job `i` and says that i gives i * i.
abstract contract ClaimBatchTest is ClaimTest {
    uint16 internal constant COUNT = 7;

    IClaimBatches.Batch internal batch;
    bytes32[] internal ids;

    function setUp() public virtual override {
        super.setUp();
        makeBatch(COUNT);
    }

    /* WHAT THERE IS */

    function makeBatch(uint16 count) internal {
        delete ids;
        for (uint256 i = 0; i < count; i++) {
            ids.push(registry.statementIdOf(modelId, leafAssignment(i), keccak256(leafValues(i))));
        }
        batch = IClaimBatches.Batch({
            modelId: modelId,
            submitter: assignment.submitter,
            consumer: assignment.consumer,
            deadline: assignment.deadline,
            root: StatementTree.root(ids),
            count: count
        });
    }

    function leafAssignment(uint256 i) internal view returns (IProofRegistry.Assignment memory) {
        return IProofRegistry.Assignment(assignment.submitter, assignment.consumer, bytes32(i), assignment.deadline);
    }

    function leafValues(uint256 i) internal pure virtual returns (bytes memory) {
        return abi.encode(i, i * i);
    }

    function batchId() internal view returns (bytes32) {
        return registry.batchIdOf(batch);
    }

    function path(uint256 i) internal view returns (bytes32[] memory) {
        return StatementTree.path(ids, i);
    }

    function shown(uint16 i) internal view returns (IClaimBatches.Leaf memory) {
        return IClaimBatches.Leaf(i, bytes32(uint256(i)), leafValues(i), path(i));
    }

    /// @dev What is shown of leaves `from` to `from + count - 1`, and a proof of all of them.
    function shownWithProof(uint16 from, uint16 count)
        internal
        view
        returns (IClaimBatches.Leaf[] memory leaves, bytes memory proof_)
    {
        leaves = new IClaimBatches.Leaf[](count);
        bytes32[] memory contextIds = new bytes32[](count);
        bytes[] memory values_ = new bytes[](count);
        for (uint16 i = 0; i < count; i++) {
            leaves[i] = shown(from + i);
            contextIds[i] = proofs.contextIdOf(leafAssignment(from + i));
            values_[i] = leaves[i].publicValues;
        }
        (, ModelKey memory key) = models.resolve(modelId);
        proof_ = count == 1
            ? standIn.proofOf(key, contextIds[0], values_[0])
            : standIn.batchProofOf(key, contextIds, values_);
    }

    /* WHAT CAN BE DONE */

    function postBatch() internal {
        vm.prank(batch.submitter);
        registry.postBatch{value: BOND * batch.count}(batch, "content");
    }

    function challengeLeaf(uint16 index) internal {
        bytes32 id = batchId();
        vm.prank(CAROL);
        registry.challengeLeaf{value: FEE}(id, index);
    }

    function answerLeaves(uint16 from, uint16 count) internal {
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(from, count);
        vm.prank(batch.submitter);
        registry.answerLeaves(batch, leaves, proof_);
    }

    /* WHAT IS TRUE */

    function assertBatchStage(Stage stage) internal view {
        assertEq(uint8(registry.batch(batchId()).stage), uint8(stage), "stage of the batch");
    }

    function isFinalLeaf(uint16 i, IProofRegistry.Assurance level) internal view returns (bool) {
        return registry.isFinalInBatch(batchId(), i, path(i), ids[i], level);
    }

    function assertFinalLeaf(uint16 i, IProofRegistry.Assurance reached) internal view {
        for (uint8 level = 1; level <= uint8(type(IProofRegistry.Assurance).max); level++) {
            assertEq(
                isFinalLeaf(i, IProofRegistry.Assurance(level)),
                reached != IProofRegistry.Assurance.None && level <= uint8(reached),
                "isFinalInBatch"
            );
        }
    }
}
