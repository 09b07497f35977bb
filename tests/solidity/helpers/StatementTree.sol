// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleStatements} from "../../../contracts/libraries/MerkleStatements.sol";

/// @notice Makes the trees that `MerkleStatements` reads, the plain way: level by level, a node without a sibling moves up.
library StatementTree {
    function root(bytes32[] memory statementIds) internal pure returns (bytes32) {
        bytes32[] memory level = _leaves(statementIds);
        while (level.length > 1) {
            level = _above(level);
        }
        return level[0];
    }

    function path(bytes32[] memory statementIds, uint256 index) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory level = _leaves(statementIds);
        siblings = new bytes32[](16);
        uint256 used = 0;
        while (level.length > 1) {
            if (index ^ 1 < level.length) siblings[used++] = level[index ^ 1];
            level = _above(level);
            index /= 2;
        }
        assembly ("memory-safe") {
            mstore(siblings, used)
        }
    }

    function _leaves(bytes32[] memory statementIds) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](statementIds.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = MerkleStatements.leafOf(statementIds[i]);
        }
    }

    function _above(bytes32[] memory level) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; i++) {
            above[i] = 2 * i + 1 < level.length ? keccak256(abi.encode(level[2 * i], level[2 * i + 1])) : level[2 * i];
        }
    }
}
