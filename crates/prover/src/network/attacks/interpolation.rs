//! Functions of 16 bits: the interpolation, the table's entries, the argument.

use super::*;

/// Four elements through a table that rises and falls.
fn function(slope: Slope) -> Fixture {
    let at = |i: usize| match slope {
        Slope::Rising => 40 * i as i32,
        Slope::Falling => 30_000 - 70 * i as i32,
        Slope::Signed => ((i as f64 / 9.0).sin() * 9_000.0) as i32,
    };
    let activation = Gadget::Interpolate { table: 1, slope, signed: [false, true], shift: 0 };
    let table = Table::Samples(core::array::from_fn(at));
    between_with(vec![4, 1], Layer::Activation { from: 0, activation }, vec![table], 4, 1)
}

#[test]
fn values_are_interpolated_between_entries() {
    for slope in [Slope::Rising, Slope::Falling, Slope::Signed] {
        let f = function(slope);
        let old = honest(&f, 1, 0, 2);
        let changed = |cells: &[usize]| {
            let mut row = old;
            cells.iter().for_each(|c| row.limbs[*c] ^= 1);
            NewRows { fixture: &f, rows: vec![(0, 2, row)], helpers: None }
        };
        // Another value, another remainder.
        needed(Rule::Gate, &f, &changed(&[7]));
        // An entry that is not the table's, with the value that would be right for it.
        let mut row = old;
        for cell in [3, 7] {
            let up = u16::from_le_bytes([row.limbs[cell], row.limbs[cell + 1]]) + 1;
            row.limbs[cell..cell + 2].copy_from_slice(&up.to_le_bytes());
        }
        needed(Rule::LookupSum, &f, &NewRows { fixture: &f, rows: vec![(0, 2, row)], helpers: None });
        // The value at another argument.
        let view = &f.graph().gadget(1).unwrap().kind(0, 0, 12).views[1];
        let argument: i64 = view.terms.iter().map(|(c, v)| v * i64::from(old.limbs[usize::from(*c)])).sum();
        let row = f.graph().gadget(1).unwrap().row(argument + 9, f.graph().tables()).unwrap();
        needed(Rule::Relation, &f, &NewRows { fixture: &f, rows: vec![(0, 2, row)], helpers: None });
    }
}
