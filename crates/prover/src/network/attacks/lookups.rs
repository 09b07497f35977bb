//! Function tables: the sum of lookups, the inverses, the tables, where lookups count.

use super::*;
use crate::network::layout::TABLE_START;

fn table() -> [i16; 256] {
    core::array::from_fn(|i| (i as i16 - 128) * 3 % 101 + 20)
}

/// Four elements through a table.
fn function() -> Fixture {
    let activation = Gadget::Function { table: 1, bytes: 1 };
    between(vec![4, 1], Layer::Activation { from: 0, activation }, &[table()], 4, 1)
}

/// An element whose argument is neither the least nor the greatest.
fn inner(f: &Fixture) -> usize {
    (0..4).find(|i| (130..250).contains(&honest(f, 1, 0, *i).limbs[1])).unwrap()
}

/// A value that is not the table's.
fn another_value(f: &Fixture) -> (usize, usize, Row) {
    let element = inner(f);
    let mut row = honest(f, 1, 0, element);
    row.limbs[2] ^= 1;
    (0, element, row)
}

#[test]
fn values_are_the_tables() {
    let f = function();
    let rows = vec![another_value(&f)];
    needed(Rule::LookupSum, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: None });
    // The inverse of the false tuple is left out.
    let forged = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, _: &Fixture, row: usize| {
        vec![(columns.order.j(0), row, -h.rows[0].at(row))]
    };
    needed(Rule::Lookup, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: Some(forged) });
    // Or it is counted among the entries of the table.
    let counted = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, _: &Fixture, row: usize| {
        vec![(columns.order.table(), columns.size.row(TABLE_START + 300), h.rows[0].at(row))]
    };
    needed(Rule::Table, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: Some(counted) });
    // Or it is taken back on a row that looks nothing up.
    let elsewhere = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, f: &Fixture, row: usize| {
        let input = f.verifier.key().program().parts().tensors[0].base as usize;
        vec![(columns.order.j(0), columns.size.row(input), -h.rows[0].at(row))]
    };
    needed(Rule::LookupRows, &f, &NewRows { fixture: &f, rows, helpers: Some(elsewhere) });
}

#[test]
fn arguments_are_clamped_and_tied() {
    let f = function();
    let element = inner(&f);
    let old = honest(&f, 1, 0, element);
    let moved = |by: i8| {
        let mut row = old;
        row.limbs[1] = old.limbs[1].checked_add_signed(by).unwrap();
        row.limbs[2] = f.graph().tables()[0][usize::from(row.limbs[1])] as u8;
        row
    };
    let (mut low, mut high) = (moved(1), moved(-1));
    low.limbs[3] += 1;
    high.limbs[6] += 1;
    for row in [low, high] {
        needed(Rule::Gate, &f, &NewRows { fixture: &f, rows: vec![(0, element, row)], helpers: None });
    }
    needed(Rule::Relation, &f, &NewRows { fixture: &f, rows: vec![(0, element, moved(1))], helpers: None });
}
