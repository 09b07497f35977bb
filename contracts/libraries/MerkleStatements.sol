// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title MerkleStatements
/// @notice Whether a statement is at a place of the list that a root stands for: the tree of docs/identities.md.
/// @dev A leaf is hashed from 47 bytes and a node from 64, so that neither can be taken for the other. A node without a sibling moves up
/// unchanged, so the number of leaves belongs to what is proven, and fixes the length of the path.
library MerkleStatements {
    /// @notice The tag of a leaf: 15 bytes, not a hash.
    bytes15 internal constant LEAF_TAG = "zkinfer/leaf/v1";

    /// @notice The hash of a leaf.
    function leafOf(bytes32 statementId) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(LEAF_TAG, statementId));
    }

    /// @notice Whether `statementId` is at `index` of the `count` statements under `root`. The path is as long as the place demands, no
    /// longer: the loop ends with the levels of the tree, whatever the caller brings.
    function verify(bytes32[] calldata path, bytes32 root, uint256 index, uint256 count, bytes32 statementId)
        internal
        pure
        returns (bool)
    {
        if (index >= count) return false;
        bytes32 hash = leafOf(statementId);
        uint256 used = 0;
        while (count > 1) {
            if (index ^ 1 < count) {
                if (used == path.length) return false;
                bytes32 sibling = path[used++];
                hash = index & 1 == 0 ? _node(hash, sibling) : _node(sibling, hash);
            }
            index >>= 1;
            count = (count + 1) >> 1;
        }
        return used == path.length && hash == root;
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            // Both words in scratch space.
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}
