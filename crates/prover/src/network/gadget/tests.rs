//! Every gadget: recognised, rows that meet their gates, uniqueness.

use super::*;
use crate::network::program::{Form, Kind};

fn all() -> Vec<Gadget> {
    let mut out = vec![Gadget::Input];
    for shift in [8, 16] {
        out.extend([Gadget::Requantize { shift }, Gadget::Relu { shift }]);
        for (lo, hi) in [(0, 255), (0, 65535), (-128, 127), (-7, 900)] {
            out.push(Gadget::Clamp { shift, lo, hi });
        }
    }
    out.extend([2, 3, 4].map(|inputs| Gadget::Max { inputs }));
    out.extend([2, 9, 255, 256].map(|by| Gadget::Divide { by }));
    out.extend([8, 16, 24, 32].map(|shift| Gadget::Product { shift }));
    out.extend([(1, 1), (2, 2)].map(|(table, bytes)| Gadget::Function { table, bytes }));
    out.extend([8, 16].map(|shift| Gadget::UnsignedProduct { shift }));
    out.extend([
        Gadget::Copy,
        Gadget::Compare,
        Gadget::Score { shift: 8 },
        Gadget::Score { shift: 16 },
        Gadget::Reciprocal,
    ]);
    out.push(Gadget::Falling { table: 4 });
    out.extend([(1, 8), (768, 16)].map(|(width, shift)| Gadget::Variance { width, shift }));
    out.extend([16, 36, 39].map(|log| Gadget::InverseRoot { log }));
    out.extend([16, 36, 39].map(|log| Gadget::RootAbove { log }));
    for signed in [false, true] {
        out.extend([Gadget::Choose { signed }, Gadget::Constant { signed }]);
        for (table, slope) in [(3, Slope::Rising), (4, Slope::Falling), (5, Slope::Signed)] {
            for (value, shift) in [(false, 0), (true, 0), (false, 8), (true, 16)] {
                out.push(Gadget::Interpolate { table, slope, signed: [signed, value], shift });
            }
        }
    }
    out
}

/// One of bytes, one of 16-bit numbers, and of each sort of slopes one with entries.
fn tables() -> [[i64; 256]; 5] {
    let entry = |a: i64, b: i64| a + (b << 16);
    [
        core::array::from_fn(|i| (i as i64 * 37) % 256),
        core::array::from_fn(|i| (i as i64 * 997 + 5) % 65_536),
        core::array::from_fn(|i| entry(i as i64 * 250, 250)),
        core::array::from_fn(|i| entry(65_535 - i as i64 * 255, 255)),
        core::array::from_fn(|i| entry(40_000 + i as i64 % 2 * 99, (1 << 15) + 99 - i as i64 % 2 * 198)),
    ]
}

/// The value of a function of 16 bits, in floating point.
fn interpolated(table: u8, slope: Slope, argument: i64) -> i64 {
    let entry = tables()[usize::from(table) - 1][(argument >> 8) as usize];
    let (a, b) = ((entry & 0xffff) as f64, (entry >> 16) as f64);
    let step = match slope {
        Slope::Rising => b,
        Slope::Falling => -b,
        Slope::Signed => b - 32_768.0,
    };
    (a + step * (argument & 255) as f64 / 256.0 + 0.5).floor() as i64
}

fn value(form: &Form, row: &Row, limbs: u8) -> i64 {
    let column = |c: u8| match c.checked_sub(limbs) {
        Some(x) => row.operands[usize::from(x)],
        None => row.limbs[usize::from(c)].into(),
    };
    form.terms.iter().map(|(c, v)| v * column(*c)).sum::<i64>() + form.constant
}

fn gates_hold(kind: &Kind, row: &Row, limbs: u8) -> bool {
    let at = |f: &Form| i128::from(value(f, row, limbs));
    let looked_up = kind.lookups.iter().all(|l| {
        tables()[usize::from(l.id) - 1].get(at(&l.input) as usize).map(|v| i128::from(*v)) == Some(at(&l.output))
    });
    looked_up && kind.gates.iter().all(|g| at(&g.a) * at(&g.b) == at(&g.c))
}

#[test]
fn kinds_are_recognised() {
    for gadget in all() {
        assert!(gadget.is_valid());
        let limbs = 12;
        let kind = gadget.kind(5, 9, limbs);
        assert_eq!(Gadget::recognise(&kind, limbs), Some(gadget));
        let used = kind.views.iter().flat_map(|v| &v.terms).map(|t| t.0).filter(|c| *c < limbs).max();
        assert!(used < Some(gadget.limbs()), "{gadget:?}");
        assert!(gates_hold(&kind, &gadget.default_row(&tables()), limbs), "{gadget:?}");
        for gate in 0..kind.gates.len() {
            let mut without = kind.clone();
            without.gates.remove(gate);
            assert_eq!(Gadget::recognise(&without, limbs), None, "{gadget:?} without gate {gate}");
        }
    }
}

/// The rows compute what the gadget says, and meet their own gates.
#[test]
fn rows_compute_the_function() {
    for gadget in all() {
        let kind = gadget.kind(2, 3, 12);
        for z in [-9_000_000i64, -40_000, -300, -129, -128, -1, 0, 1, 127, 128, 300, 40_000, 9_000_000] {
            let expected = |shift: u8| (z as f64 / f64::from(1u32 << shift) + 0.5).floor() as i64;
            let y = match gadget {
                Gadget::Input => z,
                Gadget::Requantize { shift } => expected(shift),
                Gadget::Relu { shift } => expected(shift).max(0),
                Gadget::Clamp { shift, lo, hi } => expected(shift).clamp(lo.into(), hi.into()),
                Gadget::Divide { by } => (z + i64::from(by) / 2).div_euclid(by.into()),
                Gadget::Function { table, bytes } => {
                    let at = (expected(8).clamp(-128, 127) + 128) as usize;
                    tables()[usize::from(table) - 1][at] - (1 << (8 * bytes - 1))
                }
                Gadget::Falling { table } => interpolated(table, Slope::Falling, z.clamp(0, 65_535)),
                Gadget::Copy | Gadget::Constant { .. } => z,
                Gadget::Interpolate { table, slope, signed, shift } => {
                    let half = |on: bool| if on { 1 << 15 } else { 0 };
                    let argument = if shift > 0 { expected(shift) } else { z } + half(signed[0]);
                    if !(0..1 << 16).contains(&argument) {
                        assert!(gadget.row(z, &tables()).is_err());
                        continue;
                    }
                    interpolated(table, slope, argument) - half(signed[1])
                }
                _ => continue,
            };
            let range = match gadget {
                Gadget::Requantize { .. } | Gadget::Copy | Gadget::Constant { signed: true } => -(1 << 15)..1 << 15,
                Gadget::Clamp { .. } | Gadget::Function { .. } | Gadget::Interpolate { .. } => i64::MIN..i64::MAX,
                // What is no distance has no row, whatever it would be.
                Gadget::Falling { .. } if z < 0 => 0..0,
                _ => 0..1 << 16,
            };
            match gadget.row(z, &tables()) {
                Ok(row) => {
                    assert_eq!(value(&kind.views[0], &row, 12), y, "{gadget:?} {z}");
                    if gadget.is_linear() {
                        assert_eq!(value(&kind.views[1], &row, 12), z, "{gadget:?} {z}");
                    }
                    assert!(gates_hold(&kind, &row, 12));
                }
                Err(_) => assert!(!range.contains(&y), "{gadget:?} {z}"),
            }
        }
    }
    for values in [&[3i64, 9][..], &[0, 0, 7], &[5, 5, 5, 5], &[1, 2, 40_000, 3]] {
        let kind = Gadget::Max { inputs: values.len() as u8 }.kind(2, 3, 12);
        let row = Gadget::max_row(values).unwrap();
        assert!(gates_hold(&kind, &row, 12));
        assert_eq!(value(&kind.views[0], &row, 12), *values.iter().max().unwrap());
        for (i, x) in values.iter().enumerate() {
            assert_eq!(value(&kind.views[1 + i], &row, 12), values.iter().max().unwrap() - x);
        }
    }
}

/// Uniqueness by enumeration, for all rows with small cells: two rows with one `z` and met
/// gates have one value.
#[test]
fn rows_are_unique() {
    use std::collections::HashMap;
    // (gadget, cells that are enumerated: column and values)
    let narrow = Gadget::Clamp { shift: 8, lo: 0, hi: 255 };
    let shifted = Gadget::Clamp { shift: 8, lo: -2, hi: 3 };
    for (gadget, columns) in [
        (Gadget::Relu { shift: 8 }, vec![(0, 256), (1, 3), (3, 3)]),
        (narrow, vec![(0, 256), (1, 256), (2, 3), (5, 3)]),
        (shifted, vec![(0, 256), (1, 8), (3, 3), (6, 3), (9, 8)]),
        (Gadget::Divide { by: 7 }, vec![(0, 256), (1, 256), (2, 4)]),
    ] {
        let kind = gadget.kind(2, 3, 12);
        let mut seen: HashMap<i64, Row> = HashMap::new();
        let total: usize = columns.iter().map(|c| c.1).product();
        for code in 0..total {
            let (mut rest, mut row) = (code, Row::default());
            for (column, size) in &columns {
                row.limbs[*column] = (rest % size) as u8;
                rest /= size;
            }
            if gates_hold(&kind, &row, 12) {
                let z = value(&kind.views[1], &row, 12);
                let old = seen.insert(z, row);
                assert!(old.is_none_or(|old| old == row), "{gadget:?} {z}");
            }
        }
        assert!(seen.len() > 20);
    }
}

/// Rows of operands compute what the gadget says, and meet their own gates; no other value does.
#[test]
fn rows_of_operands_are_unique() {
    let cases: [(Gadget, &[i64], i64); 12] = [
        (Gadget::Reciprocal, &[65_535, 7], 65_535),
        (Gadget::Reciprocal, &[65_536, -7], 65_534),
        (Gadget::Reciprocal, &[4_000_000_000, 0], 1),
        (Gadget::Compare, &[5, 5], 1),
        (Gadget::Compare, &[-32_768, 32_767], 0),
        (Gadget::Compare, &[65_535, 0], 1),
        (Gadget::Choose { signed: false }, &[1, 65_535, 3], 65_535),
        (Gadget::Choose { signed: true }, &[0, 77, -32_768], -32_768),
        (Gadget::Choose { signed: true }, &[1, 77, 77], 77),
        (Gadget::UnsignedProduct { shift: 16 }, &[65_535, 65_535], 65_534),
        (Gadget::UnsignedProduct { shift: 8 }, &[3, 128], 2),
        (Gadget::Copy, &[-9], -9),
    ];
    for (gadget, operands, expected) in cases {
        let kind = gadget.kind(2, 3, 12);
        let row = gadget.operand_row(operands).unwrap();
        assert!(gates_hold(&kind, &row, 12), "{gadget:?}");
        assert_eq!(value(&kind.views[0], &row, 12), expected, "{gadget:?}");
        for (cell, by) in (0..usize::from(gadget.limbs())).flat_map(|cell| (1..=255).map(move |by| (cell, by))) {
            let mut other = row;
            other.limbs[cell] = other.limbs[cell].wrapping_add(by);
            assert!(!gates_hold(&kind, &other, 12), "{gadget:?} {cell}");
        }
    }
    assert!(Gadget::Reciprocal.operand_row(&[65_534, 0]).is_err() && Gadget::Reciprocal.operand_row(&[0, 0]).is_err());
    assert!(Gadget::Choose { signed: false }.operand_row(&[1, -1, 0]).is_err());
    assert!(Gadget::Compare.operand_row(&[-2, 65_535]).is_err());
    assert!(Gadget::UnsignedProduct { shift: 8 }.operand_row(&[65_535, 65_535]).is_err());
}

/// A root and the bound above it leave one number, and nothing else meets both gates.
#[test]
fn roots_are_exact() {
    for log in [16u8, 36, 39] {
        let (below, above) = (Gadget::InverseRoot { log }, Gadget::RootAbove { log });
        for v in [1i64, 2, 3, 255, 256, 4_097, 65_535, 1 << 24] {
            let (Ok(root), Ok(bound)) = (below.operand_row(&[v]), above.operand_row(&[v])) else {
                assert!(((1i64 << log) / v).isqrt() >= 1 << 24 || log == 39, "{log} {v}");
                continue;
            };
            let (kind, other) = (below.kind(2, 3, 12), above.kind(2, 3, 12));
            assert!(gates_hold(&kind, &root, 12) && gates_hold(&other, &bound, 12));
            let r = value(&kind.views[0], &root, 12);
            assert!(r * r * v <= 1 << log && (r + 1) * (r + 1) * v > 1 << log);
            assert_eq!(value(&kind.views[2], &root, 12), value(&other.views[0], &bound, 12), "the next square");
            assert_eq!(value(&kind.views[1], &root, 12), value(&other.views[1], &bound, 12));
        }
    }
    let row = Gadget::Variance { width: 3, shift: 8 }.operand_row(&[30, 500]).unwrap();
    // (3 * 500 - 900) / 256, and one.
    assert_eq!(value(&Gadget::Variance { width: 3, shift: 8 }.kind(2, 3, 12).views[0], &row, 12), 3);
    assert!(
        Gadget::Variance { width: 1, shift: 8 }.operand_row(&[1 << 20, 0]).is_err(),
        "sums that belong to no values"
    );
}

/// A falling function ends with its table: whatever is beyond has the last value, and nothing before is taken for it.
#[test]
fn distances_beyond_a_table_are_its_last() {
    let gadget = Gadget::Falling { table: 4 };
    let kind = gadget.kind(2, 3, 12);
    for distance in [0i64, 255, 65_534, 65_535, 65_536, 9_000_000] {
        let row = gadget.row(distance, &tables()).unwrap();
        assert!(gates_hold(&kind, &row, 12));
        assert_eq!(value(&kind.views[1], &row, 12), distance);
        let expected = interpolated(4, Slope::Falling, distance.min(65_535));
        assert_eq!(value(&kind.views[0], &row, 12), expected, "{distance}");
        // The same distance, counted from an argument before the end.
        for argument in [1, 300].map(|less| distance.min(65_535) - less).into_iter().filter(|a| *a >= 0) {
            let mut other = gadget.row(argument, &tables()).unwrap();
            let beyond = u32::try_from(distance - argument).unwrap();
            other.limbs[9..12].copy_from_slice(&beyond.to_le_bytes()[..3]);
            assert_eq!(value(&kind.views[1], &other, 12), distance);
            assert!(!gates_hold(&kind, &other, 12), "{distance} from {argument}");
        }
    }
    assert!(gadget.row(-1, &tables()).is_err() && gadget.row(65_535 + (1 << 24), &tables()).is_err());
}
