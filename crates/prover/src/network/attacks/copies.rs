//! Copies: the sum, the inverses of reads and of what is read, the sample in the tuple.

use super::*;

/// Elements 3, 1, 1, 0, 2 of four.
fn gather(samples: usize) -> Fixture {
    let indices = vec![3, 1, 1, 0, 2];
    between(vec![4, 1], Layer::Gather { from: 0, dims: vec![5], indices }, &[], 5, samples)
}

/// `H_X` of the forged read less that of the true one, whose value is one less.
fn difference(columns: &NetworkColumns, h: &Helpers, row: usize) -> Fr {
    let forged = h.rows[0].at(row);
    let _ = columns;
    // 1 / (d - 1) with d = 1 / forged
    forged - (forged.inverse().unwrap() - Fr::ONE).inverse().unwrap()
}

#[test]
fn reads_are_what_they_copy() {
    let f = gather(1);
    let value = honest(&f, 1, 0, 2).operands[0];
    let rows = vec![(0, 2, Gadget::Copy.row(value + 1, &[]).unwrap())];
    needed(Rule::CopySum, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: None });
    let forged = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, _: &Fixture, row: usize| {
        vec![(columns.order.read(1), row, -difference(columns, h, row))]
    };
    needed(Rule::Read, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: Some(forged) });
    // At the element that is read, and on a row of no kind.
    let read = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, f: &Fixture, row: usize| {
        let input = f.verifier.key().program().parts().tensors[0].base as usize;
        vec![(columns.order.write(), columns.size.row(input + 1), difference(columns, h, row))]
    };
    needed(Rule::Write, &f, &NewRows { fixture: &f, rows: rows.clone(), helpers: Some(read) });
    let nowhere = |columns: &NetworkColumns, h: &Helpers, _: &NetworkChallenges1, f: &Fixture, row: usize| {
        let p = f.verifier.key().program().parts();
        let free = (2..p.positions).find(|at| p.kinds.iter().all(|k| !(k.lo..k.hi).contains(at))).unwrap();
        vec![(columns.order.write(), columns.size.row(free as usize), difference(columns, h, row))]
    };
    needed(Rule::Write, &f, &NewRows { fixture: &f, rows, helpers: Some(nowhere) });
    // The value of a row that reads is what it read.
    let mut row = honest(&f, 1, 0, 2);
    row.limbs[0] ^= 1;
    needed(Rule::Gate, &f, &NewRows { fixture: &f, rows: vec![(0, 2, row)], helpers: None });
}

#[test]
fn samples_are_not_exchanged() {
    let f = gather(2);
    let [a, b] = [0, 1].map(|sample| honest(&f, 2, sample, 2));
    assert_ne!(a, b);
    needed_for(2, Rule::CopySample, &f, &NewRows { fixture: &f, rows: vec![(0, 2, b), (1, 2, a)], helpers: None });
}
