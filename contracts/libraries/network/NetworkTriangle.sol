// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {NetworkMemory, order} from "./NetworkMemory.sol";

/// @title NetworkTriangle
/// @notice sum_{t <= s < size} of products over bits (docs/protocol-networks.md, N7).
/// @dev A list of factors has two words for each bit: that of a zero and that of a one.
library NetworkTriangle {
    using NetworkMemory for uint256;

    /// @notice Factors (1, odds_i base^(2^i)): those of base^p eq(p, r) by odds, at the `bits` variables at `odds`.
    function powers(uint256 base, uint256 odds, uint256 bits) internal pure returns (uint256 factors) {
        unchecked {
            factors = NetworkMemory.words(2 * bits);
            for (uint256 i = 0; i < bits; i++) {
                factors.put(2 * i, 1);
                factors.put(2 * i + 1, mulmod(odds.word(i), base, order()));
                base = mulmod(base, base, order());
            }
        }
    }

    /// @notice Factors (1, base^(2^i)).
    function broadcast(uint256 base, uint256 bits) internal pure returns (uint256 factors) {
        unchecked {
            factors = NetworkMemory.words(2 * bits);
            for (uint256 i = 0; i < bits; i++) {
                factors.put(2 * i, 1);
                factors.put(2 * i + 1, base);
                base = mulmod(base, base, order());
            }
        }
    }

    /// @notice sum_{t <= s < size} prod_i rows_i[bit i of s] columns_i[bit i of t], where size <= 2^bits.
    /// @dev From the top bit down. The states: bit 1, s is equal so far to size - 1; bit 0, t is equal so far to s.
    function sum(uint256 rows, uint256 columns, uint256 bits, uint256 size) internal pure returns (uint256 total) {
        unchecked {
            if (bits == 0) return 1;
            uint256[4] memory states;
            states[3] = 1;
            for (uint256 i = bits; i > 0; i--) {
                uint256[4] memory next;
                uint256 bound = (size - 1) >> (i - 1) & 1;
                for (uint256 state = 0; state < 4; state++) {
                    if (states[state] == 0) continue;
                    for (uint256 s = 0; s < 2; s++) {
                        if (state >= 2 && s > bound) continue;
                        uint256 tight = state >= 2 && s == bound ? 2 : 0;
                        uint256 row = mulmod(states[state], rows.word(2 * i - 2 + s), order());
                        for (uint256 t = 0; t < 2; t++) {
                            if (state & 1 == 1 && t > s) continue;
                            uint256 to = tight | (state & 1 == 1 && s == t ? 1 : 0);
                            next[to] = addmod(next[to], mulmod(row, columns.word(2 * i - 2 + t), order()), order());
                        }
                    }
                }
                states = next;
            }
            total = addmod(addmod(states[0], states[1], order()), addmod(states[2], states[3], order()), order());
        }
    }
}
