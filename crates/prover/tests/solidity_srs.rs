//! `contracts/libraries/native/srs` holds the points of ceremonies and of the TEST SRS, printed.
//!
//! `ZKINFER_WRITE=1 cargo test --workspace --test solidity_srs` writes them.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use zkinfer_prover::srs::{HEZ_FINAL, Srs, test_srs};

/// The exponents that a key can need, as far as there are points: 0, then from the least of a network.
fn exponents(srs: &Srs) -> Vec<usize> {
    std::iter::once(0).chain((4..).take_while(|&j| srs.pinned().g2(j).is_some())).collect()
}

const HEAD: &str = r#"// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../../../interfaces/INativeVerifier.sol";

/// @title Srs
/// @notice $NOTICE
/// @dev Printed by crates/prover/tests/solidity_srs.rs, which also compares; $CHECKED.
library Srs {
    /// @notice The SRS id (docs/identities.md).
    bytes32 internal constant ID = $ID;

    /// @notice Whether everybody knows its tau.
    bool internal constant IS_TEST = $TEST;

    /// @notice The last exponent.
    uint256 internal constant LAST = $LAST;

    /// @notice Writes [tau^(2^exponent)]_1 (x, y) and [tau^(2^exponent)]_2 (as in EIP-197) to the six words at `to`. There are the exponents
    /// 0 and 4 to $LAST: keys need tau, tau^b with b >= 2^4, and tau^D with D > b.
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

fn render(srs: &Srs, notice: &str, checked: &str) -> String {
    let exponents = exponents(srs);
    let mut out = [
        ("$NOTICE", notice),
        ("$CHECKED", checked),
        ("$ID", &hex(srs.id())),
        ("$TEST", if srs.kind().is_test() { "true" } else { "false" }),
        ("$LAST", &exponents.last().unwrap().to_string()),
    ]
    .into_iter()
    .fold(HEAD.to_owned(), |text, (from, to)| text.replace(from, to));
    for j in exponents {
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

fn compare(name: &str, rendered: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../contracts/libraries/native/srs/{name}/Srs.sol"));
    if std::env::var_os("ZKINFER_WRITE").is_some() {
        std::fs::write(&path, rendered).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), rendered);
}

#[test]
fn the_ceremonys_table_is_printed_from_its_powers() {
    let notice =
        "The points of the Perpetual Powers of Tau (hez final) that verification needs (docs/protocol.md, §3).";
    let checked = "the Solidity tests check them by pairings";
    compare(HEZ_FINAL.name, &render(&HEZ_FINAL.open(2).unwrap(), notice, checked));
}

#[test]
fn the_test_table_is_printed_from_its_tau() {
    let notice = "The points of the TEST SRS that verification needs (docs/protocol.md, §3). Its tau is keccak256(\"zkinfer TEST SRS: \
                  never use in\n/// production\") modulo r: ANYBODY CAN FORGE PROOFS UNDER IT.";
    let checked = "the Solidity tests compute it again from tau";
    compare("test", &render(&test_srs(2).unwrap(), notice, checked));
}
