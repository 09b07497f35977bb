// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {order} from "./NetworkMemory.sol";

/// @title NetworkPrefix
/// @notice Sums over an interval of products over bits, `sum_{from <= p < to} prod_i f_i[bit_i p]`, in O(n) for n bits: `NativePrefix` with the
/// order of the groups from the calldata, which costs a fifth of a constant from the code, and both ends of an interval in one pass.
/// @dev A table has three words for each bit i: f_i[0], f_i[1] and prod_{j<i} (f_j[0] + f_j[1]), the sum over the bits below i; and one
/// word after them at the place of a third, the sum over all.
library NetworkPrefix {
    /* TABLES */

    /// @notice Factors (1 - r_i, r_i base^(2^i)): the multilinear extension of base^p at r. For base 1 it is that of an indicator.
    function powers(uint256 base, uint256 point, uint256 n) internal pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            let full := 1
            let to := table
            for { let end := add(table, mul(n, 0x60)) } lt(to, end) { to := add(to, 0x60) } {
                let r := mload(point)
                point := add(point, 0x20)
                let zero := addmod(1, sub(calldataload(0x04), r), calldataload(0x04))
                let one := mulmod(r, base, calldataload(0x04))
                base := mulmod(base, base, calldataload(0x04))
                mstore(to, zero)
                mstore(add(to, 0x20), one)
                mstore(add(to, 0x40), full)
                full := mulmod(full, add(zero, one), calldataload(0x04))
            }
            mstore(add(to, 0x40), full)
            mstore(0x40, add(to, 0x60))
        }
    }

    /// @notice Factors ((1 - a_i) (1 - b_i), a_i b_i): the multilinear extension of eq(a, .) at b.
    function equality(uint256 a, uint256 b, uint256 n) internal pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            let full := 1
            let to := table
            for { let end := add(table, mul(n, 0x60)) } lt(to, end) { to := add(to, 0x60) } {
                let u := mload(a)
                let v := mload(b)
                a := add(a, 0x20)
                b := add(b, 0x20)
                // 1 - u and 1 - v, not reduced.
                let zero := add(1, sub(calldataload(0x04), u))
                zero := mulmod(zero, add(1, sub(calldataload(0x04), v)), calldataload(0x04))
                let one := mulmod(u, v, calldataload(0x04))
                mstore(to, zero)
                mstore(add(to, 0x20), one)
                mstore(add(to, 0x40), full)
                full := mulmod(full, add(zero, one), calldataload(0x04))
            }
            mstore(add(to, 0x40), full)
            mstore(0x40, add(to, 0x60))
        }
    }

    /* SUMS */

    /// @notice The sum over all p < 2^n.
    function all(uint256 table, uint256 n) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            sum := mload(add(add(table, mul(n, 0x60)), 0x40))
        }
    }

    /// @notice The sum over all p < length, where length <= 2^n.
    function at(uint256 table, uint256 n, uint256 length) internal pure returns (uint256 sum) {
        if (length >> n != 0) return all(table, n);
        assembly ("memory-safe") {
            // From the highest bit down: where length has a one, all p with a zero in that place and the same bits above are less.
            let path := 1
            let entry := add(table, mul(n, 0x60))
            for { let bit := shr(1, shl(n, 1)) } bit { bit := shr(1, bit) } {
                entry := sub(entry, 0x60)
                switch and(length, bit)
                case 0 { path := mulmod(path, mload(entry), calldataload(0x04)) }
                default {
                    let below := mulmod(path, mload(entry), calldataload(0x04))
                    sum := addmod(sum, mulmod(below, mload(add(entry, 0x40)), calldataload(0x04)), calldataload(0x04))
                    path := mulmod(path, mload(add(entry, 0x20)), calldataload(0x04))
                }
            }
        }
    }

    /// @notice The sum over from <= p < to, where from <= to <= 2^n.
    /// @dev Down to the first bit in which the ends differ they have one path: what is below both counts for neither.
    function interval(uint256 table, uint256 n, uint256 from, uint256 to) internal pure returns (uint256 sum) {
        if (from == 0) return at(table, n, to);
        if (to >> n != 0) return addmod(all(table, n), order() - at(table, n, from), order());
        assembly ("memory-safe") {
            let path := 1
            let entry := add(table, mul(n, 0x60))
            let bit := shr(1, shl(n, 1))
            for { let differ := xor(from, to) } gt(bit, differ) { bit := shr(1, bit) } {
                entry := sub(entry, 0x60)
                path := mulmod(path, mload(add(entry, shl(5, gt(and(to, bit), 0)))), calldataload(0x04))
            }
            if bit {
                // `to` has a one here, `from` a zero.
                entry := sub(entry, 0x60)
                let low := mulmod(path, mload(entry), calldataload(0x04))
                path := mulmod(path, mload(add(entry, 0x20)), calldataload(0x04))
                sum := mulmod(low, mload(add(entry, 0x40)), calldataload(0x04))
                for { bit := shr(1, bit) } bit { bit := shr(1, bit) } {
                    entry := sub(entry, 0x60)
                    let zero := mload(entry)
                    let one := mload(add(entry, 0x20))
                    let below := mulmod(zero, mload(add(entry, 0x40)), calldataload(0x04))
                    switch and(to, bit)
                    case 0 { path := mulmod(path, zero, calldataload(0x04)) }
                    default {
                        sum := addmod(sum, mulmod(path, below, calldataload(0x04)), calldataload(0x04))
                        path := mulmod(path, one, calldataload(0x04))
                    }
                    switch and(from, bit)
                    case 0 { low := mulmod(low, zero, calldataload(0x04)) }
                    default {
                        let less := mulmod(low, below, calldataload(0x04))
                        sum := addmod(sum, sub(calldataload(0x04), less), calldataload(0x04))
                        low := mulmod(low, one, calldataload(0x04))
                    }
                }
            }
        }
    }
}
