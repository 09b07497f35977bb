// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev The order of the groups, which is the first argument of the part that computes with it (`INetworkSumcheck.reduce`) and has been
/// compared with the constant. The compiler would copy a constant of this size from the code each time that it is used.
function order() pure returns (uint256 r) {
    assembly ("memory-safe") {
        r := calldataload(0x04)
    }
}

/// @title NetworkMemory
/// @notice Words in memory, and the big-endian integers of a program.
library NetworkMemory {
    /* WORDS */

    /// @notice The word `index` of those at `at`.
    function word(uint256 at, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(at, shl(5, index)))
        }
    }

    /// @notice Writes the word `index` of those at `at`.
    function put(uint256 at, uint256 index, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(at, shl(5, index)), value)
        }
    }

    /// @notice Memory for `count` words, which are 0.
    function words(uint256 count) internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
            let size := shl(5, count)
            calldatacopy(at, calldatasize(), size)
            mstore(0x40, add(at, size))
        }
    }

    /* INTEGERS */

    function u8(uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, mload(at))
        }
    }

    function u16(uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(240, mload(at))
        }
    }

    function u32(uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(at))
        }
    }

    function i32(uint256 at) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(224, mload(at))
        }
    }

    function i64(uint256 at) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(192, mload(at))
        }
    }

    /// @notice The least n with 2^n >= value, for value >= 1.
    function log2(uint256 value) internal pure returns (uint256 n) {
        assembly ("memory-safe") {
            value := sub(value, 1)
            for {} value { value := shr(1, value) } { n := add(n, 1) }
        }
    }

    /* INTERVALS */

    /// @notice Adds [lo, hi) to a list of `count` disjoint intervals in ascending order, which has room for one more. False if it
    /// overlaps one of them.
    /// @dev Nearly all are added in ascending order: then only the last one is read.
    function claim(uint256 list, uint256 count, uint256 lo, uint256 hi) internal pure returns (bool disjoint) {
        assembly ("memory-safe") {
            let entry := or(shl(128, lo), hi)
            let end := add(list, shl(5, count))
            let to := end
            for {} gt(to, list) { to := sub(to, 0x20) } {
                let before := mload(sub(to, 0x20))
                if lt(before, entry) { break }
                mstore(to, before)
            }
            mstore(to, entry)
            disjoint := 1
            if gt(to, list) { disjoint := iszero(gt(and(mload(sub(to, 0x20)), sub(shl(128, 1), 1)), lo)) }
            if lt(to, end) { disjoint := and(disjoint, iszero(gt(hi, shr(128, mload(add(to, 0x20)))))) }
        }
    }
}
