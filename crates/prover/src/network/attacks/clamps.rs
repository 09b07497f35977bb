//! Clamps, requantized values and unsigned products: saturation too early or too late, other arguments.

use super::*;

/// The request of [`needed`] for four inputs.
fn inputs() -> [i32; 4] {
    let mut rng = Xorshift(9);
    core::array::from_fn(|_| rng.below(256) as i32)
}

#[test]
fn gates_of_clamps() {
    let x = inputs();
    let top = (0..4).max_by_key(|i| x[*i]).unwrap();
    let inner = (top + 1) % 4;
    // The greatest input is one above.
    let (lo, hi) = (-20, x[top] - 1);
    let activation = Gadget::Clamp { shift: 8, lo, hi };
    let f = between(vec![4, 1], Layer::Activation { from: 0, activation }, &[], 4, 1);
    let honest_input = |i: usize| i32::from(f.requests(1, 9)[0].inputs[i]);
    assert!((0..4).all(|i| honest_input(i) == x[i]) && activation.limbs() == 11 && x[inner] < hi);
    let row = |element, cells, by| FalseRow { fixture: &f, layer: 1, element, cells, maximum: false, by };
    // `y`, `w`, `v`, `c` with their bytes.
    let (y, w, v, c) = (1, 3, 6, 9);
    // Saturated below, or above, where it is neither.
    needed(Rule::Gate, &f, &row(inner, vec![(y, 2, 1), (w, 3, 1), (c, 2, -1)], 1));
    needed(Rule::Gate, &f, &row(inner, vec![(y, 2, -1), (v, 3, 1), (c, 2, 1)], -1));
    // Not saturated where it is: there is no `c` for a value beyond the bound.
    needed(Rule::Gate, &f, &row(top, vec![(y, 2, 1), (v, 3, -1)], 1));
    // Another argument.
    needed(Rule::Relation, &f, &row(inner, vec![(y, 2, 1), (c, 2, -1)], 1));
}

#[test]
fn requantized_values_are_tied() {
    let activation = Gadget::Requantize { shift: 8 };
    let f = between(vec![4, 1], Layer::Activation { from: 0, activation }, &[], 4, 1);
    let row = |cells, by| FalseRow { fixture: &f, layer: 1, element: 1, cells, maximum: false, by };
    needed(Rule::Relation, &f, &row(vec![(1, 2, 1)], 1));
    // What an operator computes.
    let f = Fixture::new(mlp(&[6, 8, 3], &[activation], 11), Level::One, 1);
    let row = FalseRow { fixture: &f, layer: 1, element: 2, cells: vec![(1, 2, 1)], maximum: false, by: 1 };
    needed(Rule::Linear, &f, &row);
}

#[test]
fn gates_and_factors_of_unsigned_products() {
    let f = between(vec![4, 1], Layer::MulUnsigned { from: [0, 0], shift: 8 }, &[], 4, 1);
    let mut row = honest(&f, 1, 0, 1);
    let factor = row.operands[0];
    row.limbs[1] = row.limbs[1].checked_add(1).unwrap();
    needed(Rule::Gate, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
    let row = Gadget::UnsignedProduct { shift: 8 }.operand_row(&[factor + 99, factor]).unwrap();
    needed(Rule::Relation, &f, &NewRows { fixture: &f, rows: vec![(0, 1, row)], helpers: None });
}
