// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev The code hash of `NetworkSumcheck`, compiled alone. `node tools/alone.mjs --parts` writes it; `make check` compares.
bytes32 constant NETWORK_SUMCHECK = 0x9d3f1c7ab5e2486077c1f0a4d6be8395120f6c8e4d7ba1932e58f06d3ca974b1;
