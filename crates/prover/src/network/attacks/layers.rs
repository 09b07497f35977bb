//! Repeated blocks: what a layer of the middle computes, and what it reads.

use super::*;
use crate::network::graph::samples::{added, residual};

/// Row `element` of layer `layer` of blocks of 7 elements, and all that follows from it.
fn followed(f: &Fixture, layer: usize, element: usize, by: i64) -> Vec<(usize, usize, Row)> {
    let graph = f.graph();
    let run = graph.run(&f.requests(1, 9)[0].inputs, 0).unwrap();
    let last = graph.layers().len() - 1;
    let value = |layer: usize, row: &Row| softmax::value(f, layer, row);
    let mut values: Vec<Vec<i64>> =
        (0..last).map(|at| run.rows[at].iter().map(|row| value(at, row)).collect()).collect();
    let mut rows = Vec::new();
    let mut set = |values: &mut Vec<Vec<i64>>, at: usize, i: usize, row: Row| {
        values[at][i] = value(at, &row);
        rows.push((at, i, row));
    };
    // The value itself is false, whatever the layer reads.
    let of = |at: usize, z: i64| graph.gadget(at).unwrap().row(z, graph.tables()).unwrap();
    let false_row = of(layer, (values[layer][element] + by) << 8);
    set(&mut values, layer, element, false_row);
    for at in layer + 1..last {
        for i in 0..7 {
            let z = match &graph.layers()[at] {
                Layer::Add { from: [a, b], .. } => (values[*a][i] + values[*b][i]) << 8,
                Layer::Linear { from, parameters, plus, .. } => {
                    let row = parameters.weights[7 * i..][..7].iter().zip(&values[*from]);
                    let sum = row.map(|(w, x)| i64::from(*w) * x).sum::<i64>() + i64::from(parameters.biases[i]);
                    sum + plus.map_or(0, |(added, shift)| values[added][i] << shift)
                }
                _ => panic!("no such layer"),
            };
            set(&mut values, at, i, of(at, z));
        }
    }
    rows
}

/// The rows, and the outputs that follow from the last block.
#[derive(Debug)]
struct Followed<'a> {
    fixture: &'a Fixture,
    rows: Vec<(usize, usize, Row)>,
}

impl Cheat for Followed<'_> {
    fn rows(&self, rows: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {
        softmax::Rows { fixture: self.fixture, rows: self.rows.clone() }.rows(rows);
    }
    fn statement(&self, statements: &mut Vec<NetworkStatement>) {
        let f = self.fixture;
        let run = f.graph().run(&f.requests(1, 9)[0].inputs, 0).unwrap();
        let last = f.graph().layers().len() - 2;
        for (_, element, new) in self.rows.iter().filter(|(layer, ..)| *layer == last) {
            let by = softmax::value(f, last, new) - softmax::value(f, last, &run.rows[last][*element]);
            shift_outputs(f.graph(), statements, *element, by);
        }
    }
}

/// A false result of the second block's operator, which may have the block before's added to it, and a sum that reads another value than
/// the block before has written: all are consistent with everything behind.
#[test]
fn layers_of_the_middle_are_tied_to_those_before() {
    for (graph, tensors, attacks) in
        [(residual(4, 11), 3, vec![(Rule::Linear, 3), (Rule::Relation, 4)]), (added(4, 11), 2, vec![(Rule::Linear, 2)])]
    {
        let f = Fixture::new(graph, Level::One, 1);
        assert_eq!(f.verifier.key().program().parts().tensors.len(), tensors, "blocks are layers of tensors");
        let run = f.graph().run(&f.requests(1, 9)[0].inputs, 0).unwrap();
        for (rule, layer) in attacks {
            let value = |i: &usize| softmax::value(&f, layer, &run.rows[layer][*i]);
            let element = (0..7).find(|i| (1..350).contains(&value(i))).unwrap();
            let rows = followed(&f, layer, element, 3);
            needed(rule, &f, &Followed { fixture: &f, rows });
        }
    }
}
