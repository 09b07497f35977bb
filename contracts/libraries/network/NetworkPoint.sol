// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Bn254} from "../native/Bn254.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";

/// @notice An access, but for the variables.
/// @param tensor The record of its tensor.
/// @param views Where the value of its view is, after it those of the views that follow.
/// @param left How many views there are from that one on.
/// @param factor The value of its second view, or 1.
/// @param second Whether there is one.
/// @param offsets Where its offsets are.
/// @param count Number of variables.
/// @param vars Where they are.
/// @param row The variable s of the triangle, or none.
/// @param column Its variable t.
/// @param done A bit for each axis that the triangle is on.
/// @param lane The lane variable, or 0.
/// @param value Coefficient and monomial.
/// @param sums The sums over the variables without target.
struct Access {
    uint256 tensor;
    uint256 views;
    uint256 left;
    uint256 factor;
    bool second;
    uint256 offsets;
    uint256 count;
    uint256 vars;
    uint256 row;
    uint256 column;
    uint256 done;
    uint256 lane;
    uint256 value;
    uint256 sums;
}

/// @notice An axis of an access: where the variables are, and how far apart; the main variable, or 0; the dimension; the position of the
/// first element; where its variables of the point are, and how many; prefix sums of powers of the main variable, once there are several
/// pieces.
struct Axis {
    uint256 vars;
    uint256 width;
    uint256 main;
    uint256 size;
    uint256 start;
    uint256 r;
    uint256 n;
    uint256 table;
}

/// @notice What public functions are evaluated at (docs/protocol-networks.md, N7): the challenges, and the point r.
/// @param alpha With chi and theta, what monomials are of.
/// @param inverseAlpha 1/alpha, and so on.
/// @param r Where r_kappa is in memory, the first variable of the position.
/// @param n Number of variables of the position, l - kappa.
/// @param cache 64 pairs of words, a monomial and its value at each; the monomial 0 is none.
/// @param known 64 pairs of words, an axis of an access and its factor at each (`NetworkAccess`).
/// @param boxes 32 times three words: a digest of what accesses of one relation have in common, its value, its pieces (`NetworkAccess`).
/// @param axes 12 words of working space for an access: the main variable of each axis, and its other variables.
/// @param accesses How many accesses there were so far.
/// @param pieces How many pieces.
/// @param points How many points of boxes.
/// @param single Whether accesses have one view, as those of hats have.
/// @param access The access that is being evaluated, and
/// @param axis the axis of it.
struct Point {
    uint256 alpha;
    uint256 chi;
    uint256 theta;
    uint256 inverseAlpha;
    uint256 inverseChi;
    uint256 inverseTheta;
    uint256 r;
    uint256 n;
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
/// @notice Monomials, geometric sums, and sums over an interval of `base^p eq(p, r)`.
/// @dev A monomial alpha^a chi^c theta^t is the integer a 2^64 + c 2^32 + t, as in the 12 bytes of its encoding.
library NetworkPoint {
    /* POINT */

    function at(uint256 alpha, uint256 chi, uint256 theta, uint256 r, uint256 n)
        internal
        view
        returns (Point memory p)
    {
        (p.alpha, p.chi, p.theta, p.r, p.n) = (alpha, chi, theta, r, n);
        // One inversion for three: V2 has refused challenges that are 0.
        uint256 both = mulmod(alpha, chi, order());
        uint256 inverse = Bn254.inverse(mulmod(both, theta, order()));
        p.inverseTheta = mulmod(inverse, both, order());
        inverse = mulmod(inverse, theta, order());
        p.inverseChi = mulmod(inverse, alpha, order());
        p.inverseAlpha = mulmod(inverse, chi, order());
        p.cache = NetworkMemory.words(128);
        p.known = NetworkMemory.words(128);
        p.boxes = NetworkMemory.words(96);
        p.axes = NetworkMemory.words(12);
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
        value = _product(p.alpha, p.chi, p.theta, mono, 1);
        assembly ("memory-safe") {
            mstore(slot, mono)
            mstore(add(slot, 0x20), value)
        }
    }

    /// @notice The value of a monomial to the power of -exponent, where |exponent| < 2^53.
    function shifted(Point memory p, uint256 mono, int256 exponent) internal pure returns (uint256) {
        if (exponent == 0 || mono == 0) return 1;
        if (exponent < 0) return _product(p.alpha, p.chi, p.theta, mono, uint256(-exponent));
        return _product(p.inverseAlpha, p.inverseChi, p.inverseTheta, mono, uint256(exponent));
    }

    /// @notice base^exponent.
    function raised(uint256 base, uint256 exponent) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := 1
            for {} 1 {} {
                if and(exponent, 1) { result := mulmod(result, base, calldataload(0x04)) }
                exponent := shr(1, exponent)
                if iszero(exponent) { break }
                base := mulmod(base, base, calldataload(0x04))
            }
        }
    }

    function _product(uint256 alpha, uint256 chi, uint256 theta, uint256 mono, uint256 times)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            value = 1;
            uint256 exponent = mono >> 64;
            if (exponent != 0) value = raised(alpha, exponent * times);
            exponent = (mono >> 32) & 0xffffffff;
            if (exponent != 0) value = mulmod(value, raised(chi, exponent * times), order());
            exponent = mono & 0xffffffff;
            if (exponent != 0) value = mulmod(value, raised(theta, exponent * times), order());
        }
    }

    /* SUMS */

    /// @notice sum_{i < count} base^i, by doublings.
    function geometric(uint256 base, uint256 count) internal pure returns (uint256 total) {
        if (base == 1) return count;
        assembly ("memory-safe") {
            // Of the bits read so far: the sum, and base to the power of them.
            let power := 1
            let bit := 1
            for {} iszero(gt(bit, count)) { bit := shl(1, bit) } {}
            for { bit := shr(1, bit) } bit { bit := shr(1, bit) } {
                total := mulmod(total, add(1, power), calldataload(0x04))
                power := mulmod(power, power, calldataload(0x04))
                if and(count, bit) {
                    total := addmod(total, power, calldataload(0x04))
                    power := mulmod(power, base, calldataload(0x04))
                }
            }
        }
    }

    /// @notice eq(position, the n variables at `r`), for a position below 2^n.
    function equal(uint256 position, uint256 r, uint256 n) internal pure returns (uint256 product) {
        assembly ("memory-safe") {
            product := 1
            for { let end := add(r, shl(5, n)) } lt(r, end) { r := add(r, 0x20) } {
                let v := mload(r)
                if iszero(and(position, 1)) { v := add(1, sub(calldataload(0x04), v)) }
                product := mulmod(product, v, calldataload(0x04))
                position := shr(1, position)
            }
        }
    }

    /// @notice sum_{lo <= p < hi} base^p eq(p, the n variables at `r`), where lo <= hi <= 2^n.
    /// @dev From the lowest bit up: `full` is the sum over all p of the bits so far; `to` and `from` are those over all p below the same
    /// bits of hi and of lo.
    function interval(uint256 base, uint256 lo, uint256 hi, uint256 r, uint256 n) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let full := 1
            let end := add(r, shl(5, n))
            let to := 0
            switch lo
            case 0 {
                for {} lt(r, end) { r := add(r, 0x20) } {
                    let v := mload(r)
                    let zero := add(1, sub(calldataload(0x04), v))
                    let one := mulmod(v, base, calldataload(0x04))
                    switch and(hi, 1)
                    case 0 { to := mulmod(zero, to, calldataload(0x04)) }
                    default {
                        to := addmod(
                            mulmod(zero, full, calldataload(0x04)),
                            mulmod(one, to, calldataload(0x04)),
                            calldataload(0x04)
                        )
                    }
                    full := mulmod(full, add(zero, one), calldataload(0x04))
                    base := mulmod(base, base, calldataload(0x04))
                    hi := shr(1, hi)
                }
                sum := to
                if hi { sum := full }
            }
            default {
                let from := 0
                for {} lt(r, end) { r := add(r, 0x20) } {
                    let v := mload(r)
                    let zero := add(1, sub(calldataload(0x04), v))
                    let one := mulmod(v, base, calldataload(0x04))
                    let low := mulmod(zero, full, calldataload(0x04))
                    switch and(hi, 1)
                    case 0 { to := mulmod(zero, to, calldataload(0x04)) }
                    default { to := addmod(low, mulmod(one, to, calldataload(0x04)), calldataload(0x04)) }
                    switch and(lo, 1)
                    case 0 { from := mulmod(zero, from, calldataload(0x04)) }
                    default { from := addmod(low, mulmod(one, from, calldataload(0x04)), calldataload(0x04)) }
                    full := mulmod(full, add(zero, one), calldataload(0x04))
                    base := mulmod(base, base, calldataload(0x04))
                    hi := shr(1, hi)
                    lo := shr(1, lo)
                }
                if hi { to := full }
                if lo { from := full }
                sum := addmod(to, sub(calldataload(0x04), from), calldataload(0x04))
            }
        }
    }

    /// @notice sum_{lo <= i < hi} B^i eq(i + shift, the n variables at `r`) for a monomial B (N7), where 0 <= lo + shift and
    /// hi + shift <= 2^n.
    function run(Point memory p, uint256 mono, uint256 lo, uint256 hi, int256 shift, uint256 r, uint256 n)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 from = uint256(int256(lo) + shift);
            uint256 to = uint256(int256(hi) + shift);
            uint256 sum = interval(monomial(p, mono), from, to, r, n);
            return mulmod(sum, shifted(p, mono, shift), order());
        }
    }
}
