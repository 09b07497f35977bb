// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {NetworkMemory} from "./NetworkMemory.sol";

/// @title NetworkBox
/// @notice Goes over all values of some variables, each of which has a size, a stride and a weight: the sum of strides times values, and the
/// product of weights to the power of values. The last variable moves first.
/// @dev In memory: the number of variables, the sum, the product; then for each variable its size, its stride, its weight, its value, and the
/// product up to it. It is no recursion, because the compiler moves nothing from the stack to memory in a contract that has one.
library NetworkBox {
    using NetworkMemory for uint256;

    uint256 private constant HEAD = 3;
    uint256 private constant VARIABLE = 160;

    /// @notice A box without variables, with room for `most`: its one point has the sum 0 and the product 1.
    function make(uint256 most) internal pure returns (uint256 box) {
        unchecked {
            box = NetworkMemory.words(HEAD + 5 * most);
            box.put(2, 1);
        }
    }

    /// @notice Adds a variable.
    function add(uint256 box, uint256 size, uint256 stride, uint256 weight) internal pure {
        unchecked {
            uint256 count = box.word(0);
            box.put(0, count + 1);
            uint256 variable = box + 32 * HEAD + VARIABLE * count;
            variable.put(0, size);
            variable.put(1, stride);
            variable.put(2, weight);
            variable.put(4, 1);
        }
    }

    /// @notice The sum of strides times values.
    function sum(uint256 box) internal pure returns (uint256) {
        return box.word(1);
    }

    /// @notice The product of weights to the power of values.
    function product(uint256 box) internal pure returns (uint256) {
        return box.word(2);
    }

    /// @notice Moves on. False if this was the last point: then it is at the first one again.
    function next(uint256 box) internal pure returns (bool more) {
        assembly ("memory-safe") {
            let first := add(box, 0x60)
            let end := add(first, mul(VARIABLE, mload(box)))
            let variable := end
            let total := mload(add(box, 0x20))
            let power := 1
            for {} gt(variable, first) {} {
                variable := sub(variable, VARIABLE)
                let value := add(mload(add(variable, 0x60)), 1)
                let stride := mload(add(variable, 0x20))
                if lt(value, mload(variable)) {
                    more := 1
                    mstore(add(variable, 0x60), value)
                    total := add(total, stride)
                    power := mulmod(mload(add(variable, 0x80)), mload(add(variable, 0x40)), calldataload(0x04))
                    break
                }
                // It was the last value: it starts again, and the variable before it moves.
                mstore(add(variable, 0x60), 0)
                total := sub(total, mul(stride, sub(value, 1)))
            }
            mstore(add(box, 0x20), total)
            mstore(add(box, 0x40), power)
            for {} lt(variable, end) { variable := add(variable, VARIABLE) } { mstore(add(variable, 0x80), power) }
        }
    }
}
