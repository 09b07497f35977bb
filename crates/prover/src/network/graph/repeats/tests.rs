//! What is found in graphs, and that programs with an axis of layers do what those of every layer do.

use super::*;
use crate::keys::Level;
use crate::network::graph::Linear;
use crate::network::graph::samples::{added, cnn, decoder, graphs, mlp, parameters, residual, transformer};
use crate::network::program::Parts;
use crate::network::testing::Fixture;
use crate::testing::{MODEL, Xorshift};

fn repeat(first: usize, period: usize, count: usize) -> Repeat {
    Repeat { first, period, count }
}

fn parts(graph: &Graph) -> Parts {
    graph.compile().unwrap().program.parts
}

#[test]
fn blocks_are_found_wherever_they_begin() {
    assert_eq!(find(&residual(4, 1)), [repeat(1, 2, 4)]);
    assert_eq!(find(&transformer(3, 1)), [repeat(2, 18, 3)]);
    assert_eq!(find(&decoder(3, 1)), [repeat(2, 16, 3)]);
    assert_eq!(find(&added(4, 1)), [repeat(1, 1, 4)]);
    assert!([residual(4, 1), transformer(3, 1), decoder(3, 1)].iter().all(|graph| graph.places.has_stacks()));
    let requantize = Gadget::Requantize { shift: 8 };
    assert_eq!(find(&mlp(&[5, 8, 8, 8, 8, 3], &[requantize; 4], 1)), [repeat(2, 1, 3)]);
    // A sum of another width, weights alone that differ.
    assert_eq!(find(&mlp(&[5, 7, 9, 3], &[requantize; 2], 1)), []);
    assert_eq!(find(&cnn(3)), []);
}

/// Blocks that read what another block does not, or too far back.
#[test]
fn blocks_that_read_otherwise_are_none_of_them() {
    let base = residual(5, 1);
    let with = |change: &dyn Fn(&mut Vec<Layer>)| {
        let mut layers = base.layers().to_vec();
        change(&mut layers);
        find(&Graph::new(layers).unwrap())
    };
    let sum = |from: [usize; 2]| Layer::Add { from, activation: Gadget::Clamp { shift: 8, lo: 0, hi: 400 } };
    assert_eq!(with(&|_| ()), [repeat(1, 2, 5)]);
    // The first and the third block add the input: two together are a block.
    assert_eq!(with(&|layers| layers[6] = sum([0, 5])), [repeat(1, 4, 2)]);
    assert_eq!(with(&|layers| layers[8] = sum([0, 7])), [repeat(1, 2, 3), repeat(7, 2, 2)]);
    // Further back than the block before.
    assert_eq!(with(&|layers| layers[10] = sum([4, 9])), [repeat(1, 2, 4)]);
    let clamp = Gadget::Clamp { shift: 8, lo: 0, hi: 401 };
    assert_eq!(with(&|layers| layers[4] = Layer::Add { from: [2, 3], activation: clamp }), [repeat(5, 2, 3)]);
}

/// Padding the axes of a block would cost more rows than it is worth.
#[test]
fn rows_are_not_wasted() {
    let relu = Gadget::Relu { shift: 8 };
    assert_eq!(find(&mlp(&[5, 33, 33, 33, 33, 3], &[relu; 4], 1)), []);
    assert_eq!(find(&mlp(&[5, 56, 56, 56, 56, 3], &[relu; 4], 1)), [repeat(2, 1, 3)]);
}

/// The verifier pays for one block, however many there are.
#[test]
fn programs_do_not_grow_with_the_number_of_blocks() {
    let size = |graph: &Graph| {
        let p = parts(graph);
        (p.tensors.len(), p.relations.len(), p.linear_ops.len(), p.product_ops.len(), p.accesses().count())
    };
    for make in [residual, added, transformer, decoder] {
        assert_eq!(size(&make(2, 1)), size(&make(7, 1)));
        assert!(size(&make(2, 1)).4 < size(&make(2, 1).unrolled()).4);
    }
    assert_eq!(size(&residual(4, 1)), (3, 2, 2, 0, 1 + 4 + 3 + 1));
}

/// A graph without repeated blocks has the program that it had, and one with them is the same network.
#[test]
fn only_repeated_blocks_have_another_program() {
    for graph in graphs() {
        let is_same = graph.compile().unwrap().program == graph.clone().unrolled().compile().unwrap().program;
        assert_eq!(is_same, find(&graph).is_empty());
    }
}

/// Outputs and proofs, of one and of several samples, with rows of `f` in chunks and without.
#[test]
fn proofs_of_repeated_blocks_are_those_of_every_layer() {
    let chunked = {
        let mut rng = Xorshift(5);
        let mut layers = residual(3, 2).layers().to_vec();
        // A narrow layer with many inputs: blocks of few rows.
        layers.pop();
        let dense = |from, outputs, inputs, activation, rng: &mut Xorshift| {
            let parameters = parameters(outputs as usize, inputs, 100, rng);
            Layer::Linear { from, op: Linear::Dense { outputs }, parameters, activation, plus: None }
        };
        layers.push(dense(6, 30, 7, Some(Gadget::Relu { shift: 8 }), &mut rng));
        layers.push(dense(7, 2, 30, None, &mut rng));
        Graph::new(layers).unwrap()
    };
    for (graph, samples) in [(chunked, 2), (added(3, 4), 2), (transformer(2, 6), 1), (decoder(2, 7), 1)] {
        let mut stated = Vec::new();
        for graph in [graph.clone(), graph.unrolled()] {
            let fixture = Fixture::new(graph, Level::One, samples);
            let requests = fixture.requests(samples, 5);
            let (statements, proof) = fixture.prover.prove(MODEL, &requests).unwrap();
            fixture.verifier.verify(&statements, &proof.to_bytes()).unwrap();
            for (statement, request) in statements.iter().zip(&requests) {
                let outputs = fixture.graph().infer(&request.inputs).unwrap();
                assert!(outputs.iter().any(|o| *o != 0));
                assert_eq!(statement.ports[1].elements(), outputs);
            }
            stated.push(statements);
        }
        assert_eq!(stated[0], stated[1]);
    }
}

/// A graph of blocks at random: operations, what they read of their own block, of the one before and of what is before all, and
/// what is behind them.
fn random(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let requantize = Gadget::Requantize { shift: 8 };
    let is_flat = rng.below(2) == 0;
    let dims = if is_flat { vec![16] } else { vec![4, 4] };
    let mut layers = vec![
        Layer::Input { dims: dims.clone() },
        Layer::Activation { from: 0, activation: requantize },
        Layer::Gather { from: 1, dims: dims.clone(), indices: (0..16).rev().collect() },
    ];
    let (outside, blocks, period) = (layers.len(), 2 + rng.below(3) as usize, 1 + rng.below(5) as usize);
    // What each layer of a block does and reads: (sort, sources, whether a map adds the second one), a source being one of its block,
    // of the block before, or outside.
    let mut plan = Vec::new();
    for at in 0..period {
        let source =
            |rng: &mut Xorshift| (rng.below(4), rng.below(at as u64 + 1) as usize, rng.below(period as u64) as usize);
        plan.push((rng.below(7), source(&mut rng), source(&mut rng), rng.below(2) == 0));
    }
    for block in 0..blocks {
        for (at, (sort, one, two, adds)) in plan.iter().enumerate() {
            let read = |(which, own, before): &(u64, usize, usize)| match which {
                0 if at > 0 => outside + block * period + own % at,
                0..=2 if block > 0 => outside + (block - 1) * period + before,
                _ => 1 + own % 2,
            };
            let (from, other) = (read(one), read(two));
            let indices = (0..16).map(|_| rng.below(16) as u32).collect();
            let mut linear = |op, rows, inputs| {
                let parameters = parameters(rows, inputs, 100, &mut rng);
                let plus = adds.then_some((other, 8));
                Layer::Linear { from, op, parameters, activation: Some(requantize), plus }
            };
            layers.push(match sort {
                0 => Layer::Gather { from, dims: dims.clone(), indices },
                1 => Layer::Add { from: [from, other], activation: requantize },
                2 => Layer::Activation { from, activation: requantize },
                3 => Layer::Mul { from: [from, other], shift: 16 },
                4 => Layer::Join { from: vec![from, other], dims: dims.clone(), indices },
                5 if is_flat => linear(Linear::Dense { outputs: 16 }, 16, 16),
                5 => linear(Linear::Rows { outputs: 4 }, 4, 4),
                _ => {
                    let values = Parameters { weights: Vec::new(), biases: (0..16).map(|i| i - 8).collect() };
                    Layer::Constant { dims: dims.clone(), values, signed: true }
                }
            });
        }
    }
    let last = layers.len() - 1;
    layers.push(Layer::Gather { from: last, dims: vec![16], indices: (0..16).collect() });
    let behind = parameters(3, 16, 100, &mut rng);
    layers.push(Layer::Linear {
        from: last + 1,
        op: Linear::Dense { outputs: 3 },
        parameters: behind,
        activation: None,
        plus: None,
    });
    Graph::new(layers).unwrap()
}

/// Whatever blocks do and read, their program is within the bounds and a function.
#[test]
fn blocks_at_random_have_programs() {
    let mut found = 0;
    for seed in 0..400 {
        let graph = random(seed);
        let repeats = find(&graph);
        found += usize::from(!repeats.is_empty());
        // No program of layers was refused, and with it given up.
        assert_eq!(graph.places.has_stacks(), !repeats.is_empty(), "{seed}: {repeats:?}");
        graph.compile().unwrap();
        graph.unrolled().compile().unwrap();
    }
    assert!(found > 200, "{found} of 400 graphs have blocks");
}
