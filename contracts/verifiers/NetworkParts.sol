// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev The code hash of `NetworkSumcheck`, compiled alone. `node tools/alone.mjs --parts` writes it; `make check` compares.
bytes32 constant NETWORK_SUMCHECK = 0x305ba30824c39b1a7fdd3139285dec8db736224f800744ec32f71b9773829308;
