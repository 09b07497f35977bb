//! Programs that are no functions, and what the check says of them.

use super::*;
use crate::network::fixed::Copied;
use crate::network::graph::samples::{attention, cnn, mixed, mlp, norm, softmax, tree};
use crate::network::program::Form;

fn program() -> Parts {
    let relu = Gadget::Relu { shift: 8 };
    mlp(&[5, 7, 4, 3], &[relu, relu], 1).compile().unwrap().program.parts
}

/// What is said of a changed program: refused when it is read, or by the check.
fn verdict(parts: Parts) -> Result<(), ProgramError> {
    Program::new(parts)?.check(&Fixed::default())
}

fn changed(parts: &Parts, change: impl FnOnce(&mut Parts)) -> ProgramError {
    let mut parts = parts.clone();
    change(&mut parts);
    verdict(parts).unwrap_err()
}

#[test]
fn a_program_with_a_choice_is_refused() {
    let p = program();
    verdict(p.clone()).unwrap();
    let undetermined = |change: &dyn Fn(&mut Parts)| {
        let error = changed(&p, change);
        assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
    };
    // No operator for a layer; a cycle; a layer that reads its own output.
    undetermined(&|p| drop(p.linear_ops.remove(1)));
    undetermined(&|p| p.linear_ops[0].hats[0].tensor = 2);
    undetermined(&|p| p.linear_ops[1].hats[0].tensor = 2);
    // `2 z = x` has solutions in the field that are no integers.
    undetermined(&|p| p.linear_ops[0].z[0].coefficient = 2);
    // Not the whole tensor; an element twice; two elements with one power.
    undetermined(&|p| p.linear_ops[0].z[0].vars[0].size -= 1);
    undetermined(&|p| p.linear_ops[0].z[0].vars[0].target = Some((0, 2)));
    undetermined(&|p| p.linear_ops[0].z[0].offsets[0] = 1);
    undetermined(&|p| p.linear_ops[0].z[0].vars[0].weight = Monomial::default());
    undetermined(&|p| p.linear_ops[0].z[0].vars.push(Var { size: 2, weight: Monomial::alpha(9), target: None }));
    // Digits that overlap, and digits that leave a gap.
    for stride in [1, 3, 7] {
        undetermined(&|p| {
            let axis = Some((0, stride));
            p.linear_ops[0].z[0].vars.push(Var { size: 2, weight: Monomial::alpha(9), target: axis });
        });
    }
    // The value instead of `z`.
    undetermined(&|p| p.linear_ops[0].z[0].view = 0);
    // Inputs that nothing ties, or only some of them.
    undetermined(&|p| drop(p.relations.remove(0)));
    undetermined(&|p| p.relations[0].terms[0].vars[0].0 -= 1);
    undetermined(&|p| p.relations[0].terms[0].vars[0].1 = Monomial::default());
    undetermined(&|p| p.relations[0].accesses[0].vars[0].weight = Monomial::default());
    undetermined(&|p| p.relations[0].accesses[0].vars[0].weight = Monomial::alpha(1));
    // Outputs that nothing ties, or twice.
    undetermined(&|p| drop(p.linear_ops.pop()));
    undetermined(&|p| p.linear_ops[2].terms[0].coefficient = 3);
    undetermined(&|p| {
        let term = p.linear_ops[2].terms[0].clone();
        p.linear_ops[2].terms.push(term);
    });
}

#[test]
fn every_difference_of_a_maximum_is_needed() {
    let p = cnn(3).compile().unwrap().program.parts;
    verdict(p.clone()).unwrap();
    let relations: Vec<usize> = (0..p.relations.len()).filter(|i| p.relations[*i].accesses.len() == 3).collect();
    assert!(relations.len() >= 4);
    for relation in relations {
        let error = changed(&p, |p| drop(p.relations.remove(relation)));
        assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
    }
    let d = p.relations.iter().position(|r| r.accesses[0].view == 1 && r.accesses[1].view == 0).unwrap();
    for change in [2, -1] {
        let error = changed(&p, |p| p.relations[d].accesses[0].coefficient = change);
        assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
    }
}

#[test]
fn unknown_kinds_are_refused() {
    let p = program();
    let unsupported = |change: &dyn Fn(&mut Parts)| {
        let error = changed(&p, change);
        assert!(matches!(error, ProgramError::Unsupported { .. }), "{error:?}");
    };
    unsupported(&|p| drop(p.kinds[1].gates.pop()));
    unsupported(&|p| p.kinds[1].views[1].constant += 1);
    unsupported(&|p| p.kinds[1].views[0] = Form::constant(7));
    let error = changed(&p, |p| p.linear_ops[0].z[0].view2 = Some(0));
    assert!(matches!(error, ProgramError::Undetermined { .. }), "{error:?}");
}

/// A matrix product, a product, functions and copies, and what changes make of them.
fn refused(what: &str, change: impl FnOnce(&mut Parts, &mut Vec<Copied>)) {
    let compiled = mixed(4).compile().unwrap();
    let (mut parts, tables) = (compiled.program.parts, compiled.fixed.tables().to_vec());
    let mut copies = compiled.fixed.copies().to_vec();
    let fixed = |copies: &[Copied]| Fixed::new(tables.clone(), copies.to_vec()).unwrap();
    Program::new(parts.clone()).unwrap().check(&fixed(&copies)).unwrap();
    change(&mut parts, &mut copies);
    let error = Program::new(parts).and_then(|p| p.check(&fixed(&copies)));
    assert!(error.is_err(), "{what}");
}

#[test]
fn products_are_functions_of_both_sides() {
    let factor = |p: &Parts, view: u8| {
        p.relations.iter().position(|r| {
            let a = &r.accesses[0];
            let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
            kind.views.len() == 3 && a.view == view
        })
    };
    for view in [1, 2] {
        refused("without a factor", |p, _| drop(p.relations.remove(factor(p, view).unwrap())));
        refused("two of a factor", |p, _| {
            let at = factor(p, view).unwrap();
            p.relations[at].accesses[0].coefficient = 2;
        });
        refused("not the whole tensor", |p, _| {
            let at = factor(p, view).unwrap();
            p.relations[at].accesses[0].vars[0].size -= 1;
        });
    }
    refused("one factor twice", |p, _| {
        let (one, two) = (factor(p, 1).unwrap(), factor(p, 2).unwrap());
        p.relations[two] = p.relations[one].clone();
    });
    refused("without the operator", |p, _| drop(p.product_ops.pop()));
    refused("an operator that reads what it makes", |p, _| {
        p.product_ops[0].left[0].tensor = p.product_ops[0].z[0].tensor;
    });
    refused("two entries under one power", |p, _| p.product_ops[0].z[0].vars[0].weight = Monomial::default());
    refused("a hat outside of its segment", |p, _| p.product_ops[0].right[0].monomial.theta += 1);
    refused("a value that is squared in its definition", |p, _| p.relations[1].accesses[0].view2 = Some(0));
}

#[test]
fn copies_read_elements_that_are_defined_before() {
    let reader = |p: &Parts| {
        let kind = p.kinds.iter().position(|k| k.reads > 0).unwrap();
        p.tensors.iter().find(|t| usize::from(t.kind) == kind).unwrap().base
    };
    let at = |p: &Parts, copies: &[Copied]| copies.iter().position(|c| c.position == reader(p)).unwrap();
    refused("a copy of nothing", |p, copies| {
        copies.remove(at(p, copies));
    });
    refused("a copy that no row reads", |p, copies| {
        copies.push(Copied { position: p.tensors[0].base, column: 1, address: p.tensors[0].base });
    });
    refused("a copy of itself", |p, copies| {
        let at = at(p, copies);
        copies[at].address = copies[at].position;
    });
    refused("a copy of what depends on it", |p, copies| {
        let at = at(p, copies);
        // The layer behind.
        let z = p.linear_ops[0].z[0].tensor;
        copies[at].address = p.tensors[usize::from(z)].base;
    });
    refused("a copy of a row that holds no element", |p, copies| {
        let at = at(p, copies);
        copies[at].address = p.positions - 1;
    });
    refused("an address that is no position", |p, copies| {
        let at = at(p, copies);
        copies[at].address = p.positions;
    });
    refused("a mask position", |p, copies| {
        let at = at(p, copies);
        copies[at].address = 1;
    });
}

#[test]
fn functions_look_up_their_table() {
    fn function(p: &mut Parts) -> &mut crate::network::program::Kind {
        p.kinds.iter_mut().find(|k| !k.lookups.is_empty()).unwrap()
    }
    refused("without the lookup", |p, _| function(p).lookups.clear());
    refused("of another column", |p, _| function(p).lookups[0].input.terms[0].0 += 1);
    refused("without a gate", |p, _| drop(function(p).gates.pop()));
    refused("of another value", |p, _| function(p).value = Some(1));
}

#[test]
fn bounds_are_enforced() {
    let p = program();
    let refused = |change: &dyn Fn(&mut Parts)| {
        let error = changed(&p, change);
        assert!(matches!(error, ProgramError::Malformed { .. } | ProgramError::Bound { .. }), "{error:?}");
    };
    refused(&|p| p.positions = 511);
    refused(&|p| p.blocks = 0);
    refused(&|p| p.limbs = 33);
    refused(&|p| p.hat_end += 1 << 20);
    refused(&|p| p.kinds[0].lo = 1);
    refused(&|p| p.kinds[1].lo = p.kinds[0].lo);
    refused(&|p| p.tensors[1].base = p.tensors[2].base);
    refused(&|p| p.tensors[0].kind = 9);
    refused(&|p| p.tensors[0].dims = vec![]);
    // Positions of G: the masks, overlapping segments, a bias in a segment.
    refused(&|p| p.linear_ops[0].segment.0 = 1);
    refused(&|p| p.linear_ops[1].segment = p.linear_ops[0].segment);
    refused(&|p| {
        let segment = p.linear_ops[0].segment.0;
        if let PublicHat::Geometric { start, .. } = &mut p.linear_ops[0].public_hats[0] {
            *start = segment;
        }
    });
    // A hat that reaches into another segment.
    refused(&|p| p.linear_ops[0].hats[0].monomial.theta += 1);
    refused(&|p| p.linear_ops[0].hats[0].tensor = 99);
    refused(&|p| p.linear_ops[0].hats[0].view = 2);
    refused(&|p| p.relations[0].terms[0].first = 1);
    refused(&|p| p.ports[0].count += 1 << 16);
    refused(&|p| p.ports[0].max = 65_536);
    refused(&|p| p.ports.swap(0, 1));
    let pieces = Var { size: 9, weight: Monomial::alpha(1), target: Some((0, 3)) };
    refused(&|p| p.linear_ops[0].hats[0].vars.extend([pieces; 3]));
}

#[test]
fn sides_that_could_wrap_are_refused() {
    let p = program();
    let error = changed(&p, |p| {
        p.linear_ops[0].hats[0].coefficient = i64::MAX;
        let wide = Var { size: 1 << 26, weight: Monomial::default(), target: None };
        p.linear_ops[0].hats[0].vars.extend([wide; 6]);
    });
    assert!(matches!(error, ProgramError::Wraps { .. }), "{error:?}");
}

#[test]
fn a_choice_is_made_by_a_comparison() {
    let compiled = tree(5).compile().unwrap();
    compiled.program.check(&compiled.fixed).unwrap();
    let p = &compiled.program.parts;
    let choices = p.kinds.iter().find(|k| k.reads == 0b111).unwrap();
    let mut copies = compiled.fixed.copies().to_vec();
    let first = copies.iter_mut().find(|c| c.position == choices.lo && c.column == 1).unwrap();
    // A feature, which may be neither 0 nor 1.
    first.address = p.tensors[0].base;
    let fixed = Fixed::new(vec![], copies).unwrap();
    let error = compiled.program.check(&fixed).unwrap_err();
    assert!(matches!(error, ProgramError::Undetermined { what: "a choice by what is no comparison", .. }), "{error:?}");
}

#[test]
fn scores_have_maxima_that_nothing_chooses() {
    let compiled = softmax(3, true).compile().unwrap();
    let p = compiled.program.parts.clone();
    let refused = |what: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = p.clone();
        change(&mut parts);
        let verdict = Program::new(parts).and_then(|program| program.check(&compiled.fixed));
        assert!(verdict.is_err(), "{what}");
    };
    compiled.program.check(&compiled.fixed).unwrap();
    for relation in 0..p.relations.len() {
        refused("every relation is needed", &|p| drop(p.relations.remove(relation)));
    }
    // (tensor, view) of what a relation reads first.
    let find = |view: u8, gadget: Gadget| {
        let reads = |a: &Access| {
            let kind = &p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)];
            a.view == view && Gadget::recognise(kind, p.limbs) == Some(gadget)
        };
        p.relations.iter().position(|r| reads(&r.accesses[0])).unwrap()
    };
    let (distances, selection) = (find(2, Gadget::Score { shift: 8 }), find(3, Gadget::Score { shift: 8 }));
    let exponent = p.relations.iter().position(|r| r.accesses.len() == 2 && r.accesses[1].view == 2).unwrap();
    refused("a selection that something reads", &|p| p.relations[exponent].accesses[1].view = 3);
    refused("a maximum times 2", &|p| p.relations[distances].accesses[2].coefficient = -2);
    refused("another score than that of the distance", &|p| p.relations[distances].accesses[1].offsets[0] = 1);
    refused("a selection of a part of the row", &|p| {
        let along = p.relations[selection].accesses[0].vars.iter_mut().find(|v| v.weight == Monomial::default());
        along.unwrap().size = 2;
    });
    refused("a selection by columns", &|p| {
        let vars = &mut p.relations[selection].accesses[0].vars;
        let (a, b) = (vars[0].target, vars[1].target);
        (vars[0].target, vars[1].target) = (b, a);
    });
    refused("a maximum of columns", &|p| {
        let vars = &mut p.relations[distances].accesses[2].vars;
        let (a, b) = (vars[0].target, vars[1].target);
        (vars[0].target, vars[1].target) = (b, a);
    });
    refused("the scores count twice", &|p| {
        let again = p.relations[distances].clone();
        p.relations.push(again);
    });
}

#[test]
fn roots_have_bounds_with_the_same_radicand() {
    let compiled = norm(3).compile().unwrap();
    compiled.program.check(&compiled.fixed).unwrap();
    let p = compiled.program.parts.clone();
    let refused = |what: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = p.clone();
        change(&mut parts);
        let verdict = Program::new(parts).and_then(|program| program.check(&compiled.fixed));
        assert!(verdict.is_err(), "{what}");
    };
    for relation in 0..p.relations.len() {
        refused("every relation is needed", &|p| drop(p.relations.remove(relation)));
    }
    let gadget = |p: &Parts, a: &Access| {
        Gadget::recognise(&p.kinds[usize::from(p.tensors[usize::from(a.tensor)].kind)], p.limbs).unwrap()
    };
    let bound = |r: &Relation| matches!(gadget(&p, &r.accesses[0]), Gadget::RootAbove { .. });
    let radicand = p.relations.iter().position(bound).unwrap();
    refused("another radicand", &|p| p.relations[radicand].accesses[1].offsets[0] = 1);
    refused("the radicand of another row, by its power", &|p| {
        p.relations[radicand].accesses[0].monomial = Monomial::theta(1);
    });
    refused("a radicand times 2", &|p| p.relations[radicand].accesses[1].coefficient = -2);
    let next =
        |r: &Relation| matches!(gadget(&p, &r.accesses[0]), Gadget::InverseRoot { .. }) && r.accesses[0].view == 2;
    let next = p.relations.iter().position(next).unwrap();
    refused("the square of another row", &|p| p.relations[next].accesses[1].offsets[0] = 1);
}

/// The access to every element of a tensor of two axes, each under its own power of `theta`.
fn whole(tensor: u16, dims: [u32; 2], view: u8) -> Access {
    let weights = [Monomial::theta(dims[1]), Monomial::theta(1)];
    let vars = [0, 1].map(|i| Var { size: dims[i], weight: weights[i], target: Some((i as u8, 1)) });
    let (monomial, offsets) = (Monomial::default(), vec![0, 0]);
    Access { tensor, view, view2: None, coefficient: 1, monomial, offsets, triangle: None, vars: vars.to_vec() }
}

/// One more output port, and the relation that says that it is `accesses`.
fn with_output(p: &mut Parts, at: usize, access: Access) {
    let vars: Vec<_> = access.vars.iter().map(|v| (v.size, v.weight)).collect();
    let term = Term {
        port: p.ports.len() as u8,
        mode: Mode::Value,
        coefficient: -1,
        monomial: Monomial::default(),
        base: Monomial::default(),
        first: 0,
        vars: vec![(vars[0].0, vars[0].1, vars[1].0), (vars[1].0, vars[1].1, 1)],
    };
    p.ports.push(Port::output(vars[0].0 * vars[1].0));
    p.relations.insert(at, Relation { accesses: vec![access], terms: vec![term] });
}

fn tensor_of(p: &Parts, gadget: Gadget) -> u16 {
    let is = |t: &Tensor| Gadget::recognise(&p.kinds[usize::from(t.kind)], p.limbs) == Some(gadget);
    p.tensors.iter().position(is).unwrap() as u16
}

/// `t sel` tells which of two equal scores is selected, and that is open: see
/// `attacks::softmax::which_of_equal_scores_is_selected_is_open`.
#[test]
fn a_selection_is_read_by_no_second_view() {
    let compiled = softmax(3, true).compile().unwrap();
    let verdict = |view: u8, second: Option<u8>| {
        let mut parts = compiled.program.parts.clone();
        let (scores, end) = (tensor_of(&parts, Gadget::Score { shift: 8 }), parts.relations.len());
        with_output(&mut parts, end, Access { view2: second, ..whole(scores, [3, 3], view) });
        Program::new(parts)?.check(&compiled.fixed)
    };
    verdict(0, None).unwrap();
    verdict(0, Some(0)).unwrap();
    verdict(0, Some(2)).unwrap();
    for (view, second) in [(0, Some(3)), (3, Some(0)), (3, None), (2, Some(3))] {
        let error = verdict(view, second).unwrap_err();
        assert!(matches!(error, ProgramError::Undetermined { .. }), "views {view}, {second:?}: {error:?}");
    }
}

/// A relation that reads an operand is no bound of it: the one that ties it is, wherever it stands.
#[test]
fn operands_are_bounded_by_what_ties_them() {
    let compiled = mixed(4).compile().unwrap();
    let verdict = |read: bool, factor: i64| {
        let mut parts = compiled.program.parts.clone();
        let product = tensor_of(&parts, Gadget::Product { shift: 8 });
        let ties = |r: &Relation| r.accesses[0].tensor == product && r.accesses[0].view == 1;
        let tie = parts.relations.iter().position(ties).unwrap();
        parts.relations[tie].accesses[1].coefficient *= factor;
        if read {
            with_output(&mut parts, 0, whole(product, [4, 4], 1));
        }
        Program::new(parts)?.check(&compiled.fixed)
    };
    for read in [false, true] {
        verdict(read, 1).unwrap();
        let error = verdict(read, 1 << 60).unwrap_err();
        assert!(matches!(error, ProgramError::Unsupported { .. }), "{error:?}");
    }
}

/// N13 counts on exponents below `2^34`.
#[test]
fn exponents_are_bounded() {
    let p = program();
    let with = |first: u32| {
        let mut parts = p.clone();
        let relation = &mut parts.relations[0];
        let weight = Monomial::theta(u32::MAX);
        (relation.accesses[0].monomial, relation.accesses[0].vars[0].weight) = (Monomial::theta(first), weight);
        (relation.terms[0].monomial, relation.terms[0].vars[0].1) = (Monomial::theta(first), weight);
        verdict(parts)
    };
    // Five elements: `4 (2^32 - 1) + first`.
    with(3).unwrap();
    let error = with(4).unwrap_err();
    assert!(matches!(error, ProgramError::Bound { what: "exponent", .. }), "{error:?}");
    let error = changed(&p, |p| {
        let sum = Var { size: 1 << 26, weight: Monomial::alpha(1 << 9), target: None };
        p.linear_ops[0].hats[0].vars.push(sum);
    });
    assert!(matches!(error, ProgramError::Bound { what: "exponent", .. }), "{error:?}");
}

/// Of causal attention every constraint is needed, and so is every triangle that says what counts.
#[test]
fn causal_attention_reads_the_past_alone() {
    let compiled = attention(3).compile().unwrap();
    compiled.program.check(&compiled.fixed).unwrap();
    let p = compiled.program.parts.clone();
    let refused = |what: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = p.clone();
        change(&mut parts);
        let verdict = Program::new(parts).and_then(|program| program.check(&compiled.fixed));
        assert!(verdict.is_err(), "{what}");
    };
    for relation in 0..p.relations.len() {
        refused("a relation", &|p| drop(p.relations.remove(relation)));
    }
    for op in 0..p.linear_ops.len() {
        refused("an operator", &|p| drop(p.linear_ops.remove(op)));
    }
    for op in 0..p.product_ops.len() {
        refused("a product", &|p| drop(p.product_ops.remove(op)));
    }
    let counted = |r: &Relation| r.accesses.iter().filter(|a| a.triangle.is_some()).count();
    let find = |count: usize, of: usize| {
        p.relations.iter().position(|r| (counted(r), r.accesses.len()) == (count, of)).expect("there is one")
    };
    // Sums and selections have a triangle on one side, arguments of exponentials on both, distances on all three.
    let (sums, distances) = (find(1, 2), find(3, 3));
    let selections = p.relations.iter().rposition(|r| counted(r) == 1).unwrap();
    assert_ne!(sums, selections);
    for (relation, count) in [(sums, 2), (selections, 2), (distances, 3)] {
        for access in (0..count).filter(|at| p.relations[relation].accesses[*at].triangle.is_some()) {
            refused("what counts of one side", &|p| p.relations[relation].accesses[access].triangle = None);
        }
    }
    refused("the future of one side", &|p| {
        let triangle = &mut p.relations[sums].accesses[1].triangle;
        *triangle = triangle.map(|(s, t)| (t, s));
    });
    refused("the maximum of the future", &|p| {
        let accesses = &mut p.relations[distances].accesses;
        accesses.iter_mut().for_each(|a| a.triangle = a.triangle.map(|(s, t)| (t, s)));
    });
    refused("distances of scores that do not count", &|p| {
        p.relations[find(2, 2)].accesses.iter_mut().for_each(|a| a.triangle = None);
    });
    let values = p.product_ops.iter().position(|op| op.left[0].triangle.is_some()).unwrap();
    refused("exponentials that do not count", &|p| p.product_ops[values].left[0].triangle = None);
    refused("a factor that an operator has twice", &|p| p.product_ops[values].z[0].coefficient = 2);
    // A residual: what is added is known before.
    let residual = p.linear_ops.iter().position(|op| op.z.len() == 2).unwrap();
    refused("a residual of what depends on it", &|p| {
        let later = p.linear_ops[residual + 1].z[0].tensor;
        p.linear_ops[residual].z[1].tensor = later;
    });
    refused("a residual instead of what is defined", &|p| drop(p.linear_ops[residual].z.remove(0)));
}
