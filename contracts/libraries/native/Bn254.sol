// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";

/* CONSTANTS */

/// @dev The order of the groups: scalars are integers modulo this.
uint256 constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @dev The order of the field that coordinates of points are in.
uint256 constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

/// @dev 1/2 and 1/6 modulo R.
uint256 constant HALF = 10944121435919637611123202872628637544274182200208017171849102093287904247809;
uint256 constant SIXTH = 18240202393199396018538671454381062573790303667013361953081836822146507079681;

/// @dev The generator of the second group, x then y, imaginary parts first (EIP-197).
uint256 constant G2_X1 = 11559732032986387107991004021392285783925812861821192530917403151452391805634;
uint256 constant G2_X0 = 10857046999023057135944570762232829481370756359578518086990519993285655852781;
uint256 constant G2_Y1 = 4082367875863433681332203403145435568316851327593401208105741076214120093531;
uint256 constant G2_Y0 = 8495653923123431417604973247489272438418190587263600148770280649306958101930;

/// @dev What precompiles may burn: several times their prices in Cancun (150, 6000, 45000 + 34000 per pair, and up to about 1400), so
/// that they may become dearer. Points are checked before they are used, so nothing is expected to fail; should it all the same, a
/// failing precompile takes what it was given and not the gas of the transaction.
uint256 constant GAS_ADD = 10_000;
uint256 constant GAS_MUL = 100_000;
uint256 constant GAS_PAIRING = 500_000;
uint256 constant GAS_PAIR = 500_000;
uint256 constant GAS_MODEXP = 100_000;

/// @title Bn254
/// @notice Scalars and points of BN254.
/// @dev Scalars are less than R wherever a function takes one, and so is what it returns, unless it says otherwise. Points are `x, y` in
/// memory, (0, 0) is the identity.
///
/// Yul evaluates arguments from right to left: no expression contains both a call and something the call changes.
library Bn254 {
    /* SCALARS */

    /// @notice base^exponent.
    function power(uint256 base, uint256 exponent) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := 1
            for {} exponent { exponent := shr(1, exponent) } {
                if and(exponent, 1) { result := mulmod(result, base, R) }
                base := mulmod(base, base, R)
            }
        }
    }

    /// @notice 1/value. Reverts for 0.
    function inverse(uint256 value) internal view returns (uint256 result) {
        bool success;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 0x20)
            mstore(add(input, 0x20), 0x20)
            mstore(add(input, 0x40), 0x20)
            mstore(add(input, 0x60), value)
            mstore(add(input, 0x80), sub(R, 2))
            mstore(add(input, 0xa0), R)
            success := staticcall(GAS_MODEXP, 0x05, input, 0xc0, 0x00, 0x20)
            result := mload(0x00)
            // Nothing is believed that can be checked for less than it cost.
            success := and(and(success, eq(returndatasize(), 0x20)), eq(mulmod(result, value, R), 1))
            success := and(success, lt(result, R))
        }
        if (!success) revert INativeVerifier.PrecompileFailed(0x05);
    }

    /* POINTS */

    /// @notice Whether `x, y` are the canonical coordinates of a point on the curve, or the identity. The cofactor is 1: such a point is in
    /// the group.
    function isPoint(uint256 x, uint256 y) internal pure returns (bool result) {
        assembly ("memory-safe") {
            let onCurve := eq(mulmod(y, y, Q), addmod(mulmod(mulmod(x, x, Q), x, Q), 3, Q))
            result := and(and(lt(x, Q), lt(y, Q)), or(onCurve, iszero(or(x, y))))
        }
    }

    /// @notice Adds scalar * point to the sum at `sum`, which has three more words after its two: working space.
    function accumulate(uint256 sum, uint256 point, uint256 scalar) internal view {
        uint256 failed;
        assembly ("memory-safe") {
            let product := add(sum, 0x40)
            mcopy(product, point, 0x40)
            mstore(add(sum, 0x80), scalar)
            let success := staticcall(GAS_MUL, 0x07, product, 0x60, product, 0x40)
            if iszero(and(success, eq(returndatasize(), 0x40))) { failed := 0x07 }
            if iszero(failed) {
                success := staticcall(GAS_ADD, 0x06, sum, 0x80, sum, 0x40)
                if iszero(and(success, eq(returndatasize(), 0x40))) { failed := 0x06 }
            }
        }
        if (failed != 0) revert INativeVerifier.PrecompileFailed(failed);
    }

    /// @notice Writes scalar * point to `to`, which has a third word: working space.
    function multiply(uint256 to, uint256 point, uint256 scalar) internal view {
        bool success;
        assembly ("memory-safe") {
            mcopy(to, point, 0x40)
            mstore(add(to, 0x40), scalar)
            success := staticcall(GAS_MUL, 0x07, to, 0x60, to, 0x40)
            success := and(success, eq(returndatasize(), 0x40))
        }
        if (!success) revert INativeVerifier.PrecompileFailed(0x07);
    }

    /// @notice Writes minus the point to `to`. The negative of the identity is the identity: (Q - 0) mod Q = 0.
    function negate(uint256 to, uint256 point) internal pure {
        assembly ("memory-safe") {
            mstore(to, mload(point))
            mstore(add(to, 0x20), mod(sub(Q, mload(add(point, 0x20))), Q))
        }
    }

    /// @notice Whether the product of the pairings of `pairs` pairs of points at `input` is 1.
    function pairingsAreOne(uint256 input, uint256 pairs) internal view returns (bool result) {
        bool success;
        assembly ("memory-safe") {
            let limit := add(GAS_PAIRING, mul(GAS_PAIR, pairs))
            success := staticcall(limit, 0x08, input, mul(pairs, 0xc0), 0x00, 0x20)
            success := and(success, eq(returndatasize(), 0x20))
            result := eq(mload(0x00), 1)
        }
        if (!success) revert INativeVerifier.PrecompileFailed(0x08);
    }
}
