//! Scores, maxima, reciprocals: which is the greatest, that one is selected, the remainder.

use super::*;
use crate::network::graph::samples::softmax;

/// Other rows of several layers, and the outputs follow from those of the last layer but one.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) fixture: &'a Fixture,
    /// Layer, element, row.
    pub(super) rows: Vec<(usize, usize, Row)>,
}

/// The value of a row of a layer.
pub(super) fn value(f: &Fixture, layer: usize, row: &Row) -> i64 {
    let view = &f.graph().gadget(layer).unwrap().kind(0, 0, 12).views[0];
    view.terms.iter().map(|(c, v)| v * i64::from(row.limbs[usize::from(*c)])).sum::<i64>() + view.constant
}

impl Cheat for Rows<'_> {
    fn rows(&self, rows: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {
        let graph = self.fixture.graph();
        for (layer, element, new) in &self.rows {
            let position = graph.positions(self.fixture.verifier.key().program().parts(), *layer)[*element];
            // A default row may stand at the same position; the element comes last.
            rows[0].iter_mut().rev().find(|(at, _)| *at == position).unwrap().1 = *new;
        }
    }
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        let graph = self.fixture.graph();
        let run = graph.run(&self.fixture.requests(1, 9)[0].inputs, 0).unwrap();
        let last = graph.layers().len() - 2;
        for (layer, element, new) in self.rows.iter().filter(|r| r.0 == last) {
            let by = value(self.fixture, *layer, new) - value(self.fixture, *layer, &run.rows[*layer][*element]);
            shift_outputs(graph, statements, *element, by);
        }
    }
}

/// The first row of scores with maximum `greatest + by`, whose selection is `selected`, and what follows from it; the
/// reciprocal is less by `less`.
fn forged(f: &Fixture, by: i64, selected: [bool; 3], less: i64) -> Vec<(usize, usize, Row)> {
    let graph = f.graph();
    let run = graph.run(&f.requests(1, 9)[0].inputs, 0).unwrap();
    let t: Vec<i64> = (0..3).map(|i| value(f, 2, &run.rows[2][i])).collect();
    let greatest = t.iter().max().unwrap() + by;
    let (mut rows, mut exponentials) = (Vec::new(), Vec::new());
    for i in 0..3 {
        rows.push((2, i, Gadget::score_row(8, t[i] << 8, greatest - t[i], selected[i]).unwrap()));
        let row = graph.gadget(3).unwrap().row(greatest - t[i], graph.tables()).unwrap();
        exponentials.push(value(f, 3, &row));
        rows.push((3, i, row));
    }
    let mut reciprocal = Gadget::Reciprocal.operand_row(&[exponentials.iter().sum(), greatest]).unwrap();
    let r = value(f, 4, &reciprocal) - less;
    if less > 0 {
        reciprocal = Row { operands: reciprocal.operands, ..Row::default() };
        let remainder = 65_535 * 65_535 - r * reciprocal.operands[0];
        reciprocal.limbs[..2].copy_from_slice(&(r as u16).to_le_bytes());
        reciprocal.limbs[2..6].copy_from_slice(&(remainder as u32).to_le_bytes());
    }
    rows.push((4, 0, reciprocal));
    for (i, e) in exponentials.iter().enumerate() {
        rows.push((5, i, Gadget::UnsignedProduct { shift: 16 }.operand_row(&[*e, r]).unwrap()));
    }
    rows
}

/// Which score of the first row is selected.
fn selected(f: &Fixture) -> [bool; 3] {
    let run = f.graph().run(&f.requests(1, 9)[0].inputs, 0).unwrap();
    core::array::from_fn(|i| run.rows[2][i].limbs[5] == 1)
}

#[test]
fn maxima_are_attained_and_reciprocals_exact() {
    let f = Fixture::new(softmax(4, false), Level::One, 1);
    let honest = selected(&f);
    let attack = |by, selected, less| Rows { fixture: &f, rows: forged(&f, by, selected, less) };
    // Larger than all scores: none of them is at the distance 0, and one is selected all the same, or none.
    needed(Rule::Gate, &f, &attack(1, honest, 0));
    needed(Rule::Relation, &f, &attack(1, [false; 3], 0));
    // A remainder that is not below the sum.
    needed(Rule::Gate, &f, &attack(0, honest, 1));
    // Distances that are none.
    let mut rows = forged(&f, 1, honest, 0);
    rows.retain(|r| r.0 != 2);
    needed(Rule::Relation, &f, &Rows { fixture: &f, rows });
}

/// Of two equal scores either is selected, and both proofs are valid: what a program may not read.
#[test]
fn which_of_equal_scores_is_selected_is_open() {
    let f = Fixture::new(softmax(4, false), Level::One, 1);
    let request = Request { inputs: vec![70; 9], context_id: [0; 32] };
    let run = f.graph().run(&request.inputs, 0).unwrap();
    let t: Vec<i64> = (0..3).map(|i| value(&f, 2, &run.rows[2][i])).collect();
    assert!(t.iter().all(|v| *v == t[0]), "equal rows of inputs have equal scores");
    for select in 0..3 {
        let rows = (0..3).map(|i| (2, i, Gadget::score_row(8, t[i] << 8, 0, i == select).unwrap())).collect();
        let (statements, proof) = f.cheat(core::slice::from_ref(&request), None, &Rows { fixture: &f, rows });
        assert!(f.verdict(&statements, &proof, None), "score {select} of three");
    }
}
