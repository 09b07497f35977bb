// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev The code hash of `NetworkSumcheck`, compiled alone. `node tools/alone.mjs --parts` writes it; `make check` compares.
bytes32 constant NETWORK_SUMCHECK = 0xdf01c113ae0036ebc812a94d5d281cedddcfc3422f8f5c5bbcb6629f0d4f7a35;
