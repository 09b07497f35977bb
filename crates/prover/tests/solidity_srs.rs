//! `contracts/libraries/native/TestSrs.sol` is the TEST SRS, printed.
//!
//! `ZKINFER_WRITE=1 cargo test -p zkinfer-prover --test solidity_srs` writes it.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use zkinfer_prover::srs::test_srs;

/// The exponents that a shape can need: 0, then from the least `nu` up to the last pinned power.
const EXPONENTS: [usize; 21] = [0, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28];

const HEAD: &str = r#"// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";

/// @title TestSrs
/// @notice The points of the TEST SRS that verification needs (docs/protocol.md, §3). Its tau is keccak256("zkinfer TEST SRS: never use in
/// production") modulo r: ANYBODY CAN FORGE PROOFS UNDER IT.
/// @dev Printed by crates/prover/tests/solidity_srs.rs, which also compares; the Solidity tests compute it again from tau.
library TestSrs {
    /// @notice The SRS id (docs/identities.md).
    bytes32 internal constant ID = $ID;

    /// @notice The last exponent.
    uint256 internal constant LAST = 28;

    /// @notice Writes [tau^(2^exponent)]_1 (x, y) and [tau^(2^exponent)]_2 (as in EIP-197) to the six words at `to`. There are the exponents
    /// 0 and 9 to 28: layouts need the powers tau, tau^b with b >= 2^9, and tau^D with D > b.
    function load(uint256 exponent, uint256 to) internal pure {
        bool found = true;
        assembly ("memory-safe") {
            switch exponent
"#;

const TAIL: &str = r#"            default { found := false }
        }
        if (!found) revert INativeVerifier.SrsTooSmall(exponent);
    }
}
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn render() -> String {
    let srs = test_srs(2).unwrap();
    let mut out = HEAD.replace("$ID", &hex(srs.id()));
    for j in EXPONENTS {
        let (x, y) = srs.pinned().g1(j).unwrap().xy().unwrap();
        let (u, v) = srs.pinned().g2(j).unwrap().xy().unwrap();
        let _ = writeln!(out, "            case {j} {{");
        for (i, word) in [x, y, u.c1, u.c0, v.c1, v.c0].into_iter().enumerate() {
            let word = hex(&word.into_bigint().to_bytes_be());
            let place = match i {
                0 => "to".to_owned(),
                _ => format!("add(to, {:#04x})", 32 * i),
            };
            let _ = writeln!(out, "                mstore({place}, {word})");
        }
        out.push_str("            }\n");
    }
    out + TAIL
}

#[test]
fn the_table_of_the_contract_is_the_test_srs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/libraries/native/TestSrs.sol");
    let rendered = render();
    if std::env::var_os("ZKINFER_WRITE").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), rendered);
}
