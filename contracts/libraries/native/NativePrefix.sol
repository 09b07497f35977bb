// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {R} from "./Bn254.sol";

/// @title NativePrefix
/// @notice Sums over an interval of products over bits, `sum_{p < length} prod_i f_i[bit_i p]` (docs/protocol.md, §7, V4), in O(n) for n bits.
/// @dev A table has three words for each bit i: f_i[0], f_i[1] and prod_{j<i} (f_j[0] + f_j[1]), the sum over the bits below i; and one
/// word after them at the place of a third, the sum over all.
library NativePrefix {
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
                let zero := addmod(1, sub(R, r), R)
                let one := mulmod(r, base, R)
                base := mulmod(base, base, R)
                mstore(to, zero)
                mstore(add(to, 0x20), one)
                mstore(add(to, 0x40), full)
                full := mulmod(full, add(zero, one), R)
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
                let zero := mulmod(add(1, sub(R, u)), add(1, sub(R, v)), R)
                let one := mulmod(u, v, R)
                mstore(to, zero)
                mstore(add(to, 0x20), one)
                mstore(add(to, 0x40), full)
                full := mulmod(full, add(zero, one), R)
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
                case 0 { path := mulmod(path, mload(entry), R) }
                default {
                    let below := mulmod(mulmod(path, mload(entry), R), mload(add(entry, 0x40)), R)
                    sum := addmod(sum, below, R)
                    path := mulmod(path, mload(add(entry, 0x20)), R)
                }
            }
        }
    }

    /// @notice The sum over from <= p < to, where from <= to <= 2^n.
    function interval(uint256 table, uint256 n, uint256 from, uint256 to) internal pure returns (uint256) {
        return addmod(at(table, n, to), R - at(table, n, from), R);
    }

    /// @notice The summand of p < 2^n alone.
    function single(uint256 table, uint256 n, uint256 p) internal pure returns (uint256 product) {
        assembly ("memory-safe") {
            product := 1
            let entry := table
            for { let end := add(table, mul(n, 0x60)) } lt(entry, end) { entry := add(entry, 0x60) } {
                product := mulmod(product, mload(add(entry, shl(5, and(p, 1)))), R)
                p := shr(1, p)
            }
        }
    }
}
