//! Comparisons, choices and constants: their gates, what they read, what the model says.

use super::*;

fn of(from: usize, indices: &[u32]) -> Elements {
    Elements { from, indices: indices.to_vec() }
}

/// Elements 0, 1, 2 against elements 3, 3, 0.
fn comparison() -> Layer {
    Layer::Compare { from: [of(0, &[0, 1, 2]), of(0, &[3, 3, 0])], dims: vec![3] }
}

#[test]
fn comparisons_are_true() {
    let f = between(vec![4, 1], comparison(), &[], 3, 1);
    for element in 0..3 {
        let old = honest(&f, 1, 0, element);
        let rows = |row| NewRows { fixture: &f, rows: vec![(0, element, row)], helpers: None };
        // The other answer, with differences that are none, or with both.
        let mut row = old;
        row.limbs[..5].copy_from_slice(&[1 - old.limbs[0], 0, 0, 0, 0]);
        needed(Rule::Gate, &f, &rows(row));
        let by = old.operands[0] - old.operands[1] + i64::from(old.limbs[0]);
        let (pos, neg) = if old.limbs[0] == 1 { (by, 0) } else { (0, -by) };
        let bytes = |v: i64| (v as u16).to_le_bytes();
        row.limbs[1..3].copy_from_slice(&bytes(pos));
        row.limbs[3..5].copy_from_slice(&bytes(neg));
        needed(Rule::Gate, &f, &rows(row));
        // The right answer for other operands.
        let [a, b, _] = old.operands;
        let other = if a >= b { [a, a + 1] } else { [b, b] };
        let row = Gadget::Compare.operand_row(&other).unwrap();
        needed(Rule::CopySum, &f, &rows(row));
    }
}

#[test]
fn a_choice_is_one_of_two() {
    let mut rng = Xorshift(5);
    let dense = Layer::Linear {
        from: 2,
        op: Linear::Dense { outputs: 2 },
        parameters: parameters(2, 3, 100, &mut rng),
        activation: None,
        plus: None,
    };
    for signed in [false, true] {
        let from = Box::new([of(1, &[0, 1, 2]), of(0, &[0, 0, 1]), of(0, &[1, 2, 3])]);
        let choose = Layer::Choose { from, dims: vec![3], signed };
        let layers = vec![Layer::Input { dims: vec![4, 1] }, comparison(), choose, dense.clone()];
        let f = Fixture::new(Graph::new(layers).unwrap(), Level::One, 1);
        for element in 0..3 {
            let cells = vec![(0, 2, 1)];
            let row = FalseRow { fixture: &f, layer: 2, element, cells, maximum: false, by: 1 };
            needed(Rule::Gate, &f, &row);
        }
    }
}

#[test]
fn constants_are_those_of_the_model() {
    let values = Parameters { weights: Vec::new(), biases: vec![7, 30_000, 0, 4] };
    for signed in [false, true] {
        let constant = Layer::Constant { dims: vec![2, 2], values: values.clone(), signed };
        let f = between(vec![4, 1], constant, &[], 4, 1);
        let cells = vec![(0, 2, 1)];
        needed(Rule::Linear, &f, &FalseRow { fixture: &f, layer: 1, element: 1, cells, maximum: false, by: 1 });
    }
}
