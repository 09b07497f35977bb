// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {NetworkMemory, order} from "./NetworkMemory.sol";

/// @notice An access, but for coefficient, monomial and the value of its views.
/// @param tensor The record of its tensor.
/// @param views Where the value of its view is, after it those of the views that follow.
/// @param left How many views there are from that one on.
/// @param second Whether there is a second view.
/// @param offsets Where its offsets are.
/// @param count Number of variables.
/// @param vars Where they are.
/// @param row The variable s of the triangle, or none.
/// @param column Its variable t.
/// @param done A bit for each axis that the triangle is on.
/// @param lane The lane variable, or 0.
/// @param sums The sums over the variables without target.
struct Access {
    uint256 tensor;
    uint256 views;
    uint256 left;
    bool second;
    uint256 offsets;
    uint256 count;
    uint256 vars;
    uint256 row;
    uint256 column;
    uint256 done;
    uint256 lane;
    uint256 sums;
}

/// @notice An axis of an access: where the variables are, and how far apart; the main variable, or 0; the dimension; the position of the
/// first element; the odds of its variables of the point.
struct Axis {
    uint256 vars;
    uint256 width;
    uint256 main;
    uint256 size;
    uint256 start;
    uint256 odds;
}

/// @notice What public functions are evaluated at (docs/protocol-networks.md, N7): the challenges, and the point r.
/// @param ladders The powers of alpha, chi, theta, and of their inverses (`power`).
/// @param odds Where the odds of r_0, r_1, .. are, and
/// @param r those of r_kappa, the first variable of the position.
/// @param cache 64 pairs of words, a monomial and its value at each; the monomial 0 is none.
/// @param known 64 pairs of words, an axis of an access and its factor at each (`NetworkAccess`).
/// @param boxes 32 times three words: a digest of what accesses of one relation have in common, its value, its pieces (`NetworkAccess`).
/// @param axes 12 words of working space for an access: for each axis the main variable, and which variables are on it.
/// @param accesses How many accesses there were so far.
/// @param pieces How many pieces.
/// @param points How many points of boxes.
/// @param single Whether accesses have one view, as those of hats have.
/// @param access The access that is being evaluated, and
/// @param axis the axis of it, when it has several pieces.
struct Point {
    uint256 ladders;
    uint256 odds;
    uint256 r;
    uint256 cache;
    uint256 known;
    uint256 boxes;
    uint256 axes;
    uint256 accesses;
    uint256 pieces;
    uint256 points;
    bool single;
    Access access;
    Axis axis;
}

/// @title NetworkPoint
/// @notice Monomials, geometric sums, and sums over an interval of `base^p eq(p, r)`, by odds: divided by the product of the 1 - r_i of their
/// variables (`NetworkPrefix`).
/// @dev A monomial alpha^a chi^c theta^t is the integer a 2^64 + c 2^32 + t, as in the 12 bytes of its encoding.
library NetworkPoint {
    /* CONSTANTS */

    /// @dev A ladder: four rows of eight words, the powers 0 to 7 of base, base^8, base^64, base^512, each row made when it is needed; and
    /// after them, in the second word of two, base^4096.
    uint256 private constant ROW = 0x100;
    uint256 private constant LADDER = 0x440;

    /* POINT */

    /// @notice From the challenges and their inverses.
    /// @param odds Where the odds of r are.
    /// @param skipped kappa.
    function at(uint256[3] memory challenges, uint256[3] memory inverses, uint256 odds, uint256 skipped)
        internal
        pure
        returns (Point memory p)
    {
        unchecked {
            p.odds = odds;
            p.r = odds + 32 * skipped;
            uint256 ladders = NetworkMemory.words(6 * LADDER / 32);
            p.ladders = ladders;
            for (uint256 i = 0; i < 3; i++) {
                NetworkMemory.put(ladders + LADDER * i, 1, challenges[i]);
                NetworkMemory.put(ladders + LADDER * (i + 3), 1, inverses[i]);
            }
            p.cache = NetworkMemory.words(128);
            p.known = NetworkMemory.words(128);
            p.boxes = NetworkMemory.words(96);
            p.axes = NetworkMemory.words(12);
        }
    }

    /* MONOMIALS */

    /// @notice The value of a monomial.
    function monomial(Point memory p, uint256 mono) internal pure returns (uint256 value) {
        if (mono == 0) return 1;
        uint256 slot;
        uint256 known;
        uint256 cache = p.cache;
        assembly ("memory-safe") {
            let index := add(mono, add(mul(7, shr(32, mono)), mul(29, shr(64, mono))))
            slot := add(cache, shl(6, and(index, 63)))
            known := eq(mload(slot), mono)
            value := mload(add(slot, 0x20))
        }
        if (known != 0) return value;
        value = _product(p.ladders, mono, 1);
        assembly ("memory-safe") {
            mstore(slot, mono)
            mstore(add(slot, 0x20), value)
        }
    }

    /// @notice The value of a monomial to the power of -exponent, where |exponent| < 2^53.
    function shifted(Point memory p, uint256 mono, int256 exponent) internal pure returns (uint256) {
        unchecked {
            if (exponent == 0 || mono == 0) return 1;
            if (exponent < 0) return _product(p.ladders, mono, uint256(-exponent));
            return _product(p.ladders + 3 * LADDER, mono, uint256(exponent));
        }
    }

    /// @notice base^exponent.
    function raised(uint256 base, uint256 exponent) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            result := 1
            for {} exponent { exponent := shr(1, exponent) } {
                if and(exponent, 1) { result := mulmod(result, base, m) }
                base := mulmod(base, base, m)
            }
        }
    }

    function _product(uint256 ladders, uint256 mono, uint256 times) private pure returns (uint256 value) {
        unchecked {
            value = 1;
            uint256 exponent = mono & 0xffffffff;
            if (exponent != 0) value = power(ladders + 2 * LADDER, exponent * times);
            if (mono >> 32 == 0) return value;
            exponent = (mono >> 32) & 0xffffffff;
            if (exponent != 0) value = mulmod(value, power(ladders + LADDER, exponent * times), order());
            exponent = mono >> 64;
            if (exponent != 0) value = mulmod(value, power(ladders, exponent * times), order());
        }
    }

    /// @notice The base of a ladder to the power of the exponent.
    function power(uint256 row, uint256 exponent) internal pure returns (uint256 value) {
        uint256 end = row + 4 * ROW;
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            value := 1
            for {} exponent {} {
                if iszero(mload(row)) {
                    mstore(row, 1)
                    let base := mload(add(row, 0x20))
                    let last := mulmod(base, base, m)
                    mstore(add(row, 0x40), last)
                    last := mulmod(last, base, m)
                    mstore(add(row, 0x60), last)
                    last := mulmod(last, base, m)
                    mstore(add(row, 0x80), last)
                    last := mulmod(last, base, m)
                    mstore(add(row, 0xa0), last)
                    last := mulmod(last, base, m)
                    mstore(add(row, 0xc0), last)
                    last := mulmod(last, base, m)
                    mstore(add(row, 0xe0), last)
                    // The second word of the next row.
                    mstore(add(row, 0x120), mulmod(last, base, m))
                }
                value := mulmod(value, mload(add(row, shl(5, and(exponent, 7)))), m)
                exponent := shr(3, exponent)
                row := add(row, ROW)
                if eq(row, end) { break }
            }
        }
        if (exponent != 0) value = mulmod(value, raised(NetworkMemory.word(row, 1), exponent), order());
    }

    /* SUMS */

    /// @notice sum_{i < count} base^i, by doublings.
    function geometric(uint256 base, uint256 count) internal pure returns (uint256 total) {
        if (base == 1) return count;
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            // Of the bits read so far: the sum, and base to the power of them.
            let power_ := 1
            let bit := 1
            for {} iszero(gt(bit, count)) { bit := shl(1, bit) } {}
            for { bit := shr(1, bit) } bit { bit := shr(1, bit) } {
                total := mulmod(total, add(1, power_), m)
                power_ := mulmod(power_, power_, m)
                if and(count, bit) {
                    total := addmod(total, power_, m)
                    power_ := mulmod(power_, base, m)
                }
            }
        }
    }

    /// @notice eq(position, r) by odds.
    function equal(uint256 position, uint256 odds) internal pure returns (uint256 product) {
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            product := 1
            for {} position { position := shr(1, position) } {
                if and(position, 1) { product := mulmod(product, mload(odds), m) }
                odds := add(odds, 0x20)
            }
        }
    }

    /// @notice sum_{lo <= p < hi} base^p eq(p, r) by odds, where lo <= hi <= 2^n for the n variables at `odds`.
    function interval(uint256 base, uint256 lo, uint256 hi, uint256 odds) internal pure returns (uint256 sum) {
        unchecked {
            uint256 rest;
            (sum, rest, base, odds) = _between(base, lo, hi, odds);
            if (rest == 0) return sum;
            sum = mulmod(sum, equal(rest, odds), order());
            if (base != 1) sum = mulmod(sum, raised(base, rest), order());
        }
    }

    /// @notice sum_{lo <= i < hi} B^i eq(i + shift, r) by odds for a monomial B (N7), where 0 <= lo + shift and hi + shift <= 2^n for the n
    /// variables at `odds`.
    function run(Point memory p, uint256 mono, uint256 lo, uint256 hi, int256 shift, uint256 odds)
        internal
        pure
        returns (uint256 sum)
    {
        unchecked {
            if (lo >= hi) return 0;
            uint256 from = uint256(int256(lo) + shift);
            if (hi - lo == 1) {
                sum = equal(from, odds);
                return lo == 0 ? sum : mulmod(sum, shifted(p, mono, -int256(lo)), order());
            }
            uint256 rest;
            uint256 next;
            (sum, rest,, next) = _between(monomial(p, mono), from, uint256(int256(hi) + shift), odds);
            if (rest != 0) {
                // What both ends have in common is no power of B, but part of the shift.
                sum = mulmod(sum, equal(rest, next), order());
                shift -= int256(rest << ((next - odds) >> 5));
            }
            if (shift != 0) sum = mulmod(sum, shifted(p, mono, shift), order());
        }
    }

    /// @dev From the lowest bit up, until the ends have the rest in common: the sum over the bits so far; the rest, where its odds are, and
    /// the base of it. `full` is the sum over all p of the bits so far; `sum` and `from` are those over all p below the same bits of hi and
    /// of lo. By odds, a bit that is 0 changes neither.
    function _between(uint256 base, uint256 lo, uint256 hi, uint256 odds)
        private
        pure
        returns (uint256 sum, uint256, uint256, uint256)
    {
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            let full := 1
            switch lo
            case 0 {
                for {} hi { hi := shr(1, hi) } {
                    let one := mulmod(mload(odds), base, m)
                    if and(hi, 1) { sum := addmod(full, mulmod(one, sum, m), m) }
                    full := mulmod(full, add(one, 1), m)
                    base := mulmod(base, base, m)
                    odds := add(odds, 0x20)
                }
            }
            default {
                let from := 0
                for {} xor(hi, lo) {} {
                    let one := mulmod(mload(odds), base, m)
                    if and(hi, 1) { sum := addmod(full, mulmod(one, sum, m), m) }
                    if and(lo, 1) { from := addmod(full, mulmod(one, from, m), m) }
                    full := mulmod(full, add(one, 1), m)
                    base := mulmod(base, base, m)
                    odds := add(odds, 0x20)
                    hi := shr(1, hi)
                    lo := shr(1, lo)
                }
                sum := addmod(sum, sub(m, from), m)
            }
        }
        return (sum, hi, base, odds);
    }
}
