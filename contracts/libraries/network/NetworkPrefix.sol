// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Bn254} from "../native/Bn254.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";

/// @title NetworkPrefix
/// @notice Odds, and sums of products of them over all positions below another.
/// @dev An indicator at r is a product over bits of 1 - r_i or r_i. Divided by all the 1 - r_i it is the product of the odds r_i / (1 - r_i) of
/// those bits that are 1: bits that are 0 cost nothing, nor do those above the highest one. So all sums over positions are taken of odds, and
/// the factors 1 - r_i (`zeros`) are put back once, where sums meet. One inversion makes all odds; that it needs every 1 - r_i to be other
/// than 0 is true of whatever a hash can be made to give, and of anything else a proof is refused.
library NetworkPrefix {
    using NetworkMemory for uint256;

    /* ODDS */

    /// @notice The odds of r_i, and those of eq(xi, .) at r, which are xi_i r_i / ((1 - xi_i) (1 - r_i)), one word each; and 1/other, which is
    /// inverted with them and is not 0.
    function odds(uint256 xi, uint256 r, uint256 n, uint256 other)
        internal
        view
        returns (uint256 list, uint256 equalities, uint256 inverse)
    {
        // For a sum that is over all of a list its next word is read, and meets a 0.
        list = NetworkMemory.words(2 * n + 2);
        uint256 product = other;
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            equalities := add(list, shl(5, add(n, 1)))
            // Where odds will be: the product before; where those of eq will be: (1 - xi_i) (1 - r_i).
            for { let at := 0 } lt(at, shl(5, n)) { at := add(at, 0x20) } {
                let zero := add(1, sub(m, mload(add(xi, at))))
                zero := mulmod(zero, add(1, sub(m, mload(add(r, at)))), m)
                mstore(add(list, at), product)
                mstore(add(equalities, at), zero)
                product := mulmod(product, zero, m)
            }
        }
        if (product == 0) revert IVerifierAdapter.ProofInvalid();
        inverse = Bn254.inverse(product);
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            for { let at := shl(5, n) } at {} {
                at := sub(at, 0x20)
                let x := mload(add(xi, at))
                // r_i / ((1 - xi_i) (1 - r_i))
                let part := mulmod(mload(add(r, at)), mulmod(inverse, mload(add(list, at)), m), m)
                inverse := mulmod(inverse, mload(add(equalities, at)), m)
                mstore(add(list, at), mulmod(part, add(1, sub(m, x)), m))
                mstore(add(equalities, at), mulmod(part, x, m))
            }
        }
    }

    /// @notice The product of 1 - r_i over `n` variables.
    function zeros(uint256 r, uint256 n) internal pure returns (uint256 product) {
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            product := 1
            for { let end := add(r, shl(5, n)) } lt(r, end) { r := add(r, 0x20) } {
                product := mulmod(product, add(1, sub(m, mload(r))), m)
            }
        }
    }

    /* TABLES */

    /// @notice A table of `n` odds: for each bit its odds and the sum over all positions of the bits below.
    function table(uint256 list, uint256 n) internal pure returns (uint256 at) {
        at = NetworkMemory.words(2 * n + 2);
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            let full := 1
            for { let to := at } 1 { to := add(to, 0x40) } {
                mstore(add(to, 0x20), full)
                if iszero(n) { break }
                let odd := mload(list)
                mstore(to, odd)
                full := mulmod(full, add(1, odd), m)
                list := add(list, 0x20)
                n := sub(n, 1)
            }
        }
    }

    /// @notice The sum over all positions below `end` of the products of odds, where end <= 2^n.
    function below(uint256 entry, uint256 end) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            // What is below the bits of `end` so far: a bit that is 1 adds all that have a 0 there.
            let m := calldataload(0x04)
            for {} end { end := shr(1, end) } {
                if and(end, 1) { sum := addmod(mload(add(entry, 0x20)), mulmod(mload(entry), sum, m), m) }
                entry := add(entry, 0x40)
            }
        }
    }
}
