// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {MerkleStatements} from "../../../contracts/libraries/MerkleStatements.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";
import {StatementTree} from "../helpers/StatementTree.sol";

contract ClaimRegistryIsFinalInBatchTest is ClaimBatchTest {
    function test_byTime() public {
        postBatch();
        skip(CHALLENGE_WINDOW);
        assertFinalLeaf(0, IProofRegistry.Assurance.None);
        skip(1);
        for (uint16 i = 0; i < COUNT; i++) {
            assertFinalLeaf(i, IProofRegistry.Assurance.Optimistic);
        }
        registry.finalizeBatch(batch);
        assertFinalLeaf(COUNT - 1, IProofRegistry.Assurance.Optimistic);
    }

    function test_notWhileChallenged() public {
        postBatch();
        challengeLeaf(0);
        skip(1000 days);
        assertFinalLeaf(1, IProofRegistry.Assurance.None);
    }

    function test_notWhenBroken() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        registry.finalizeBatch(batch);
        breakModel();
        assertFinalLeaf(0, IProofRegistry.Assurance.None);
    }

    function testFuzz_notWithoutAPath(uint16 index, bytes32 other) public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        bytes32 id = batchId();
        IProofRegistry.Assurance level = IProofRegistry.Assurance.Optimistic;
        assertFalse(registry.isFinalInBatch(id, 0, path(0), other, level));
        vm.assume(index != 0);
        assertFalse(registry.isFinalInBatch(id, index, path(0), ids[0], level));
        assertFalse(registry.isFinalInBatch(other, 0, path(0), ids[0], level));
        assertFalse(registry.isFinalInBatch(id, 0, new bytes32[](0), ids[0], level));
        assertFalse(registry.isFinalInBatch(id, 0, new bytes32[](300), ids[0], level));
    }

    /// @dev A statement whose own claim was slashed has no second life in a batch.
    function test_slashedAlone() public {
        assignment.job = bytes32(0);
        values = leafValues(0);
        post();
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        assertFinalLeaf(0, IProofRegistry.Assurance.None);
        assertFinalLeaf(1, IProofRegistry.Assurance.Optimistic);
    }

    /// @dev One that is Verified by itself is so in whatever batch, slashed or made up.
    function test_verifiedAlone() public {
        postBatch();
        challengeLeaf(0);
        challengeLeaf(1);
        answerLeaves(0, 1);
        skip(ANSWER_WINDOW + 1);
        registry.slashBatch(batch, 1);
        assertFinalLeaf(0, IProofRegistry.Assurance.Verified);
        assertFinalLeaf(2, IProofRegistry.Assurance.None);
    }

    /// @dev Every leaf of every small tree has a path, and no path leads elsewhere.
    function test_trees() public view {
        for (uint256 count = 1; count <= 17; count++) {
            bytes32[] memory list = new bytes32[](count);
            for (uint256 i = 0; i < count; i++) {
                list[i] = keccak256(abi.encode(i));
            }
            bytes32 root = StatementTree.root(list);
            for (uint256 i = 0; i < count; i++) {
                bytes32[] memory path_ = StatementTree.path(list, i);
                for (uint256 j = 0; j < count; j++) {
                    assertEq(this.verify(path_, root, j, count, list[i]), i == j);
                }
            }
        }
    }

    /// @dev A node is never taken for a leaf: the tag makes a leaf's preimage 47 bytes, and a node's has 64.
    function test_nodeIsNoLeaf() public view {
        bytes32[] memory list = new bytes32[](2);
        (list[0], list[1]) = (bytes32("a"), bytes32("b"));
        bytes32 root = StatementTree.root(list);
        assertFalse(this.verify(new bytes32[](0), root, 0, 1, root));
    }

    function verify(bytes32[] calldata path_, bytes32 root, uint256 index, uint256 count, bytes32 id)
        external
        pure
        returns (bool)
    {
        return MerkleStatements.verify(path_, root, index, count, id);
    }
}
