//! Programs with an axis of layers that are functions, and what makes them something else.

use super::*;
use crate::error::ProgramError;
use crate::network::fixed::Fixed;
use crate::network::gadget::Gadget;
use crate::network::graph::samples::{decoder, residual, transformer};
use crate::network::graph::{Compiled, Graph};
use crate::network::program::Program;

/// `relu(w x)` and `x + relu(w x)` of 7 elements, four times, as tensors 1 and 2; tensor 0 is the input. The relations are those
/// of the input and of the sums.
fn blocks() -> Parts {
    residual(4, 1).compile().unwrap().program.parts
}

fn verdict(change: impl FnOnce(&mut Parts)) -> Result<(), ProgramError> {
    let mut parts = blocks();
    change(&mut parts);
    Program::new(parts)?.check(&Fixed::default())
}

fn refused(what: &str, change: impl FnOnce(&mut Parts)) {
    let error = verdict(change).unwrap_err();
    assert!(matches!(error, ProgramError::Undetermined { .. }), "{what}: {error:?}");
}

/// The variable of layers of an access.
fn layers(a: &mut Access) -> &mut Var {
    a.vars.iter_mut().find(|v| v.target == Some((0, 1))).unwrap()
}

#[test]
fn the_program_is_what_these_tests_take_it_for() {
    let p = blocks();
    let dims: Vec<_> = p.tensors.iter().map(|t| t.dims.clone()).collect();
    assert_eq!(dims, [vec![7], vec![4, 7], vec![4, 7]]);
    // The own sums, the first block's source, those of the others, and what is added.
    let sums: Vec<_> = p.relations[1].accesses.iter().map(|a| (a.tensor, a.vars.len())).collect();
    assert_eq!(sums, [(2, 2), (0, 1), (2, 2), (1, 2)]);
    let op = &p.linear_ops[0];
    assert_eq!((op.z.len(), op.hats[0].tensor, op.hats[1].tensor, op.hats.len()), (1, 0, 2, 2));
    verdict(|_| ()).unwrap();
}

#[test]
fn a_layer_reads_what_is_before_it() {
    refused("a layer that reads itself", |p| p.linear_ops[0].hats[1].offsets[0] = 1);
    refused("a sum that reads itself", |p| p.relations[1].accesses[2].offsets[0] = 1);
    refused("a layer that reads the next but one", |p| p.linear_ops[0].hats[1].offsets[0] = 2);
    // All of them may read the first one's sum, and none of them the last one's.
    let all_read = |p: &mut Parts, layer: i32| {
        let hat = &mut p.linear_ops[0].hats[1];
        (hat.offsets[0], layers(hat).target) = (layer, None);
    };
    verdict(|p| all_read(p, 0)).unwrap();
    refused("layers that read the last one", |p| all_read(p, 3));
    refused("layers in the opposite order", |p| {
        // `x[3] = input + ..`, `x[ly] = x[ly + 1] + ..`: the operators read them the other way round.
        p.relations[1].accesses[1].monomial.theta = 3 * layers(&mut p.relations[1].accesses[0]).weight.theta;
        p.relations[1].accesses[2].monomial.theta = 0;
        p.relations[1].accesses[2].offsets[0] = 1;
    });
    // What the first block reads may be anything that is defined, as in another network: the same input once more for the second.
    verdict(|p| {
        let mut again = p.linear_ops[0].hats[0].clone();
        let by = layers(&mut p.linear_ops[0].hats[1]).weight;
        (again.monomial.alpha, again.monomial.theta) =
            (again.monomial.alpha + by.alpha, again.monomial.theta + by.theta);
        p.linear_ops[0].hats.push(again);
    })
    .unwrap();
}

#[test]
fn every_layer_has_an_operator_and_a_sum() {
    refused("without the operator", |p| drop(p.linear_ops.remove(0)));
    refused("without the sums", |p| drop(p.relations.remove(1)));
    refused("an operator of three layers", |p| layers(&mut p.linear_ops[0].z[0]).size = 3);
    refused("an operator of the last three", |p| {
        layers(&mut p.linear_ops[0].z[0]).size = 3;
        p.linear_ops[0].z[0].offsets[0] = 1;
    });
    refused("sums of three layers", |p| layers(&mut p.relations[1].accesses[0]).size = 3);
    refused("a layer out of bounds", |p| p.relations[1].accesses[0].offsets[0] = 1);
    refused("every other layer", |p| layers(&mut p.linear_ops[0].z[0]).target = Some((0, 2)));
    refused("twice the layer", |p| p.linear_ops[0].z[0].coefficient = 2);
    refused("a part of the elements", |p| {
        let elements = p.relations[1].accesses[0].vars.iter_mut().find(|v| v.target == Some((1, 1)));
        elements.unwrap().size = 6;
    });
}

#[test]
fn layers_have_powers_of_their_own() {
    refused("an element of two layers under one power", |p| layers(&mut p.linear_ops[0].z[0]).weight.alpha -= 1);
    refused("all layers under one power", |p| layers(&mut p.linear_ops[0].z[0]).weight.alpha = 0);
    refused("sums of two layers under one power", |p| {
        p.relations[1].accesses.iter_mut().for_each(|a| {
            a.vars.iter_mut().filter(|v| v.weight.theta == 7).for_each(|v| v.weight.theta = 6);
            a.monomial.theta = a.monomial.theta / 7 * 6;
        });
    });
    // Exponents with gaps are as good.
    verdict(|p| {
        p.relations[1].accesses.iter_mut().for_each(|a| {
            a.vars.iter_mut().filter(|v| v.weight.theta == 7).for_each(|v| v.weight.theta = 9);
            a.monomial.theta = a.monomial.theta / 7 * 9;
        });
    })
    .unwrap();
}

/// The operator with an access of its own for each layer, whose exponents are those of these units.
fn in_order(p: &mut Parts, units: [u32; 4]) {
    let op = &mut p.linear_ops[0];
    let ((z, first), mut others) = ((op.z[0].clone(), op.hats[0].clone()), op.hats[1].clone());
    let by = layers(&mut others).weight;
    op.z.clear();
    op.hats.clear();
    for (layer, unit) in (0u32..).zip(units) {
        let mut own = z.clone();
        own.vars.retain(|v| v.target != Some((0, 1)));
        own.offsets[0] = layer as i32;
        own.monomial.alpha = unit * by.alpha;
        op.z.push(own);
        let mut hat = if layer == 0 { first.clone() } else { others.clone() };
        hat.vars.retain(|v| layer == 0 || v.target != Some((0, 1)));
        if layer > 0 {
            hat.offsets[0] = layer as i32 - 1;
        }
        hat.monomial.alpha = unit * by.alpha;
        hat.monomial.theta = first.monomial.theta + layer * by.theta;
        op.hats.push(hat);
    }
}

/// A model that is committed to may have coefficients beyond its rows: with `z_e = sum f_{e - e_u} hat_u` a unit with a greater exponent
/// reads those with smaller ones. `tests/protocol/networks/test_check.py` has such a model with two outputs.
#[test]
fn units_are_in_the_order_of_evaluation() {
    verdict(|p| in_order(p, [0, 1, 2, 3])).unwrap();
    verdict(|p| in_order(p, [0, 2, 5, 9])).unwrap();
    for units in [[3, 2, 1, 0], [1, 0, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]] {
        refused("units in another order", |p| in_order(p, units));
    }
    for units in [[0, 0, 1, 2], [0, 1, 2, 2]] {
        refused("two units with the same exponents", |p| in_order(p, units));
    }
}

/// What a change makes of the program of blocks.
struct Blocks {
    program: Program,
    fixed: Fixed,
}

impl Blocks {
    fn new(graph: &Graph) -> Self {
        let Compiled { program, fixed, .. } = graph.compile().unwrap();
        program.check(&fixed).unwrap();
        Self { program, fixed }
    }

    fn verdict(&self, change: impl FnOnce(&mut Parts)) -> Result<(), ProgramError> {
        let mut parts = self.program.parts.clone();
        change(&mut parts);
        Program::new(parts)?.check(&self.fixed)
    }

    fn refused(&self, what: &str, change: impl FnOnce(&mut Parts)) {
        let error = self.verdict(change).expect_err(what);
        assert!(matches!(error, ProgramError::Undetermined { .. }), "{what}: {error:?}");
    }
}

/// Every constraint of blocks with products, softmax, norms and copies is needed; every access is to be where it is.
#[test]
fn transformers_are_functions_by_all_of_their_constraints() {
    for graph in [transformer(3, 1), decoder(3, 1)] {
        let blocks = Blocks::new(&graph);
        let p = &blocks.program.parts;
        for at in 0..p.relations.len() {
            blocks.refused("without a relation", |p| drop(p.relations.remove(at)));
            // The first access is to what the relation defines.
            let a = &p.relations[at].accesses[0];
            if p.tensors[usize::from(a.tensor)].dims[0] == 3 && a.vars.iter().any(|v| v.target == Some((0, 1))) {
                blocks.refused("a layer less", |p| layers(&mut p.relations[at].accesses[0]).size -= 1);
            }
        }
        for at in 0..p.linear_ops.len() {
            blocks.refused("without an operator", |p| drop(p.linear_ops.remove(at)));
        }
        for at in 0..p.product_ops.len() {
            blocks.refused("without a product", |p| drop(p.product_ops.remove(at)));
            blocks.refused("products of two layers in one", |p| layers(&mut p.product_ops[at].z[0]).weight.alpha = 0);
            blocks.refused("a product that reads the next layer", |p| p.product_ops[at].left[0].offsets[0] = 1);
        }
        // The norm of a block is that of the block before's result, and not of its own.
        let crossing = p.relations.iter().position(|r| r.accesses.iter().any(|a| a.view2.is_some())).unwrap();
        blocks.refused("a norm of its own result", |p| p.relations[crossing].accesses[2].offsets[0] = 1);
    }
}

/// What is added to an operator's sums is there before them, layer by layer.
#[test]
fn what_a_layer_adds_is_before_it() {
    let blocks = Blocks::new(&decoder(3, 1));
    // The sums of the first half of a block have the input, or the block before's; those of the second have those of the first.
    let of = |count: usize| blocks.program.parts.linear_ops.iter().position(|op| op.z.len() == count).unwrap();
    let (first, second) = (of(3), of(2));
    let p = &blocks.program.parts;
    assert_eq!(p.linear_ops[first].z[2].tensor, p.linear_ops[second].z[0].tensor);
    assert_eq!(p.linear_ops[second].z[1].tensor, p.linear_ops[first].z[0].tensor);
    blocks.refused("a sum of itself", |p| p.linear_ops[first].z[2].offsets[0] = 1);
    blocks.refused("a sum of what reads it", |p| p.linear_ops[second].z[1].offsets[0] = 1);
    blocks.refused("sums that add the last one", |p| {
        let z = &mut p.linear_ops[second].z[1];
        (z.offsets[0], layers(z).target) = (2, None);
    });
    blocks.refused("two unknown sums", |p| p.linear_ops[second].z[1] = p.linear_ops[second].z[0].clone());
    blocks.refused("all layers under one power", |p| {
        p.linear_ops[second].z.iter_mut().for_each(|z| layers(z).weight.alpha = 0);
    });
    blocks.refused("an element of two layers under one power", |p| {
        p.linear_ops[second].z.iter_mut().for_each(|z| layers(z).weight.alpha -= 1);
    });
    // What is known may be added in any other way, as in another network: all layers add the first one's, or twice theirs.
    let other = |change: &dyn Fn(&mut Access)| blocks.verdict(|p| change(&mut p.linear_ops[second].z[1])).unwrap();
    other(&|z| layers(z).target = None);
    other(&|z| z.coefficient *= 2);
}

/// Of what is causal only the past is defined, in every layer.
#[test]
fn layers_that_are_causal_are_read_within_their_triangle() {
    let blocks = Blocks::new(&decoder(3, 1));
    let p = &blocks.program.parts;
    let mut cut = 0;
    for (at, r) in p.relations.iter().enumerate() {
        for i in (0..r.accesses.len()).filter(|i| r.accesses[*i].triangle.is_some()) {
            let change = |p: &mut Parts| p.relations[at].accesses[i].triangle = None;
            if i == 0 && r.accesses.len() == 2 && r.accesses[1].triangle.is_some() {
                // Arguments of what is behind are 0 then, not free.
                blocks.verdict(change).unwrap();
            } else {
                blocks.refused("an access to the future", change);
            }
            cut += 1;
        }
    }
    for (at, _) in p.product_ops.iter().enumerate().filter(|(_, op)| op.left[0].triangle.is_some()) {
        blocks.refused("a product with the future", |p| p.product_ops[at].left[0].triangle = None);
        cut += 1;
    }
    assert_eq!(cut, 8);
}

/// What copies read is defined before, layer by layer.
#[test]
fn copies_of_a_layer_read_what_is_before_it() {
    let Compiled { program, fixed, .. } = transformer(3, 1).compile().unwrap();
    let p = program.parts();
    let gathered = |t: &&Tensor| Gadget::recognise(&p.kinds[usize::from(t.kind)], p.limbs) == Some(Gadget::Copy);
    let t = p.tensors.iter().find(gathered).unwrap();
    let (own, next) = (t.base, t.base + t.unit() as u32);
    let mut copies = fixed.copies().to_vec();
    let of = |position: u32| copies.iter().position(|c| c.position == position).unwrap();
    let (own, next) = (of(own), of(next));
    let with = |copies: Vec<_>| program.check(&Fixed::new(fixed.tables().to_vec(), copies).unwrap());
    with(copies.clone()).unwrap();
    // The second block may read what the first one has: a layer of the same tensor, but an earlier one.
    let [first, second] = [copies[own].address, copies[next].address];
    copies[next].address = first;
    with(copies.clone()).unwrap();
    (copies[own].address, copies[next].address) = (second, second);
    assert!(matches!(with(copies), Err(ProgramError::Undetermined { .. })));
}

/// Cutting is refused where it would take too much, not tried.
#[test]
fn slices_are_bounded() {
    let p = blocks();
    let cut = [false, true, true];
    assert_eq!(Slices::of(&p, &cut).unwrap().parts.tensors.len(), 9);
    let mut wide = p.clone();
    wide.tensors[2].dims[0] = 1 << 20;
    assert!(Slices::of(&wide, &cut).is_none());
    let mut many = p.clone();
    layers(&mut many.linear_ops[0].hats[1]).size = 1 << 26;
    assert!(Slices::of(&many, &cut).is_none());
    let mut large = p;
    layers(&mut large.relations[1].accesses[2]).weight.theta = u32::MAX;
    assert!(Slices::of(&large, &cut).is_none());
}
