//! Products of two computed operands: gates, factors, the operator, its hats and their links.

use super::*;

/// The square of four elements, one by one.
fn squares() -> Fixture {
    between(vec![4, 1], Layer::Mul { from: [0, 0], shift: 8 }, &[], 4, 1)
}

/// The square of a matrix.
fn matrix(samples: usize) -> Fixture {
    let activation = Gadget::Requantize { shift: 8 };
    between(vec![2, 2], Layer::MatMul { from: [0, 0], activation }, &[], 4, samples)
}

#[test]
fn gates_and_factors() {
    let f = squares();
    let mut row = honest(&f, 1, 0, 1);
    let factor = row.operands[0];
    row.limbs[1] += 1;
    needed(Rule::Gate, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
    let row = Gadget::product_row(8, [factor + 9, factor]).unwrap();
    needed(Rule::Relation, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
}

/// Element `[0, 1]` with another remainder: its sum grows by one, its value stays.
fn remainder(f: &Fixture, samples: usize) -> Row {
    let mut row = honest(f, samples, 0, 1);
    row.limbs[0] = row.limbs[0].checked_add(1).unwrap();
    row
}

#[test]
fn the_operator() {
    let f = matrix(1);
    let row = remainder(&f, 1);
    needed(Rule::Product, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
    let mut row = honest(&f, 1, 0, 1);
    row.limbs[1] += 1;
    needed(Rule::Product, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
}

/// A false sum that one of the hats makes up for: only its link notices.
#[test]
fn links_of_both_hats() {
    fn adapt(side: usize, columns: &NetworkColumns, h: &Helpers, c1: &NetworkChallenges1) -> Vec<(usize, usize, Fr)> {
        let row = columns.size.row(2);
        // z[0, 1] weighs chi.
        let by = c1.chi * h.rows[1 - side].at(row).inverse().unwrap();
        vec![(columns.order.width() + side, row, by)]
    }
    let f = matrix(1);
    let row = remainder(&f, 1);
    needed(
        Rule::LinkLeft,
        &f,
        &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: Some(|c, h, c1, _, _| adapt(0, c, h, c1)) },
    );
    needed(
        Rule::LinkRight,
        &f,
        &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: Some(|c, h, c1, _, _| adapt(1, c, h, c1)) },
    );
}

/// Errors of two samples that cancel under `mu`, which is known when the hats are sent: `psi` is not.
#[test]
fn psi_separates_the_samples() {
    let f = matrix(2);
    let row = remainder(&f, 2);
    let cheat = NewRows {
        fixture: &f,
        rows: vec![(0, 1, row)],
        helpers: Some(|columns, h, c1, _, _| {
            let (row, left) = (columns.size.row(2), columns.order.width());
            let e = c1.chi * (h.rows[1].at(row) - h.rows[1].at(row + 1)).inverse().unwrap();
            vec![(left, row, e), (left, row + 1, -e * c1.mu.inverse().unwrap())]
        }),
    };
    needed_for(2, Rule::Psi, &f, &cheat);
}
