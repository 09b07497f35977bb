//! Variances and inverse roots: the quotient, roots that are too small and too large, bounds of another root.

use super::softmax::{Rows, value};
use super::*;
use crate::network::graph::samples::norm;

const LOG: u8 = 36;

/// A row of a root with this `r`; what is left over is 0 where it would be negative.
fn root(r: i64, v: i64) -> Row {
    let mut row = Row { operands: [v, r * r, 0], ..Row::default() };
    row.limbs[..3].copy_from_slice(&r.to_le_bytes()[..3]);
    row.limbs[3..8].copy_from_slice(&((1 << LOG) - r * r * v).max(0).to_le_bytes()[..5]);
    row
}

/// The row of its bound.
fn bound(r: i64, v: i64) -> Row {
    let next = (r + 1) * (r + 1);
    let mut row = Row { operands: [next, v, 0], ..Row::default() };
    row.limbs[..5].copy_from_slice(&(next * v - (1 << LOG) - 1).max(0).to_le_bytes()[..5]);
    row
}

/// The first row with another root `r + by`, and normalized values that follow from it.
fn forged(f: &Fixture, by: i64) -> Vec<(usize, usize, Row)> {
    let run = f.graph().run(&f.requests(1, 9)[0].inputs, 0).unwrap();
    let (v, r) = (run.rows[3][0].operands[0], value(f, 3, &run.rows[3][0]) + by);
    let mut rows = vec![(3, 0, root(r, v)), (4, 0, bound(r, v))];
    for i in 0..3 {
        rows.push((5, i, Gadget::product_row(16, [run.rows[5][i].operands[0], r]).unwrap()));
    }
    rows
}

#[test]
fn roots_are_the_greatest() {
    let f = Fixture::new(norm(4), Level::One, 1);
    // Large enough to be seen in the normalized values.
    for by in [-2_000, 2_000] {
        needed(Rule::Gate, &f, &Rows { fixture: &f, rows: forged(&f, by) });
    }
    // A smaller root beside the bound of the true one.
    let mut rows = forged(&f, -2_000);
    rows.remove(1);
    needed(Rule::Relation, &f, &Rows { fixture: &f, rows });
}

#[test]
fn variances_are_quotients() {
    let f = Fixture::new(norm(4), Level::One, 1);
    let run = f.graph().run(&f.requests(1, 9)[0].inputs, 0).unwrap();
    // A variance twice as large, and all that follows from it.
    let mut row = run.rows[2][0];
    let v = value(&f, 2, &row) * 2;
    row.limbs[1..4].copy_from_slice(&(v - 1).to_le_bytes()[..3]);
    let below = Gadget::InverseRoot { log: LOG }.operand_row(&[v]).unwrap();
    let r = value(&f, 3, &below);
    let above = Gadget::RootAbove { log: LOG }.operand_row(&[v]).unwrap();
    let mut rows = vec![(2, 0, row), (3, 0, below), (4, 0, above)];
    for i in 0..3 {
        rows.push((5, i, Gadget::product_row(16, [run.rows[5][i].operands[0], r]).unwrap()));
    }
    needed(Rule::Gate, &f, &Rows { fixture: &f, rows });
}
