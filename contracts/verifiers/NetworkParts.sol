// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev The code hash of `NetworkSumcheck`, compiled alone. `node tools/alone.mjs --parts` writes it; `make check` compares.
bytes32 constant NETWORK_SUMCHECK = 0xa0dd5cbdfd1b56f141dfab3a19a23fdc6860fd2b7493f14c91af1b8c13af6b05;
