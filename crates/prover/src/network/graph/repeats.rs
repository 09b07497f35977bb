//! Repeated blocks: layers that follow each other several times, with other weights, other constants, other elements that are
//! copied. The same layer of all blocks is one tensor with a first axis of blocks, and has its constraints once.

#[cfg(test)]
mod tests;

use super::{Graph, Layer, Parameters};
use crate::network::gadget::Gadget;

/// `count` blocks of `period` layers, one after the other, the first one from layer `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    pub(super) first: usize,
    pub(super) period: usize,
    pub(super) count: usize,
}

impl Repeat {
    fn end(self) -> usize {
        self.first + self.period * self.count
    }

    /// The same layer of all blocks, for each layer of a block.
    pub(super) fn stacks(self) -> impl Iterator<Item = Vec<usize>> {
        (0..self.period).map(move |at| (0..self.count).map(|block| self.first + block * self.period + at).collect())
    }
}

/// What two layers have to have in common to be in one tensor.
#[derive(PartialEq)]
struct Outline {
    /// Without weights, constants, and what is read.
    layer: Layer,
    gadget: Option<Gadget>,
    dims: Vec<u32>,
    /// Dimensions of what constraints read; copies read elements of anything.
    read: Vec<Vec<u32>>,
}

/// What is known of a layer.
struct Known {
    /// Layers with the same number have the same outline; `None` for inputs and outputs, which are ports.
    outline: Option<usize>,
    /// What its constraints read.
    read: Vec<usize>,
    /// How many accesses they have.
    accesses: usize,
    /// Rows of its tensor alone, and of one block of a stack.
    rows: [u64; 2],
}

/// The blocks of a graph that save accesses, disjoint.
pub(super) fn find(graph: &Graph) -> Vec<Repeat> {
    let mut outlines = Vec::new();
    let known: Vec<Known> = (0..graph.layers.len()).map(|layer| known(graph, layer, &mut outlines)).collect();
    let mut found = Vec::new();
    let mut open = vec![(0, known.len())];
    while let Some((from, to)) = open.pop() {
        if let Some(best) = best(&known, from, to) {
            open.extend([(from, best.first), (best.end(), to)]);
            found.push(best);
        }
    }
    found
}

/// The blocks between two layers that save the most accesses; the first and shortest of them.
fn best(known: &[Known], from: usize, to: usize) -> Option<Repeat> {
    let sums: Vec<usize> = known
        .iter()
        .scan(0, |sum, k| {
            *sum += k.accesses;
            Some(*sum)
        })
        .collect();
    let between = |a: usize, b: usize| sums[b - 1] - if a == 0 { 0 } else { sums[a - 1] };
    let (mut most, mut best) = (0, None);
    for period in 1..=(to - from) / 2 {
        // How many layers from here on are as those a period later.
        let mut same = 0;
        let mut run = vec![0; to - from];
        for at in (from..to - period).rev() {
            let alike = known[at].outline.is_some() && known[at].outline == known[at + period].outline;
            same = if alike { same + 1 } else { 0 };
            run[at - from] = same;
        }
        for first in from..to - period {
            let count = 1 + run[first - from] / period;
            // No more can be saved.
            if count < 2 || between(first, first + period) * (count - 1) <= most {
                continue;
            }
            let repeat = consistent(known, Repeat { first, period, count });
            let saved = saved(known, repeat);
            if saved > most && few_rows(known, repeat) {
                (most, best) = (saved, Some(repeat));
            }
        }
    }
    best
}

/// As many of the blocks as read alike: what the one before or they themselves make, or what is before all of them.
fn consistent(known: &[Known], repeat: Repeat) -> Repeat {
    let Repeat { first, period, count } = repeat;
    let alike = |block: usize| {
        (first + block * period..first + (block + 1) * period).all(|at| {
            let pairs = known[at].read.iter().zip(&known[at - period].read);
            pairs.clone().all(|(own, before)| match *own {
                own if own < first => *before < first && (block == 1 || own == *before),
                own if own < first + (block - 1) * period => false,
                own => own == before + period || (block == 1 && own < first + period && *before < first),
            })
        })
    };
    let more = (1..count).take_while(|block| alike(*block)).count();
    Repeat { first, period, count: 1 + more }
}

/// Accesses that the blocks save: those of all blocks but one, but for what the first one reads from elsewhere.
fn saved(known: &[Known], repeat: Repeat) -> usize {
    let Repeat { first, period, count } = repeat;
    let second = first + period..first + 2 * period;
    if count < 2 {
        return 0;
    }
    let block = &known[first..first + period];
    let pairs = known[second.clone()].iter().zip(block).flat_map(|(own, first)| own.read.iter().zip(&first.read));
    let crossing = pairs.filter(|(own, other)| **own < second.start && own != other).count();
    let all: usize = block.iter().map(|k| k.accesses).sum();
    (all * (count - 1)).saturating_sub(crossing)
}

/// All axes of a stack but that of the blocks are padded to powers of two: at most a quarter more rows.
fn few_rows(known: &[Known], repeat: Repeat) -> bool {
    let block = &known[repeat.first..repeat.first + repeat.period];
    let [alone, stacked] = [0, 1].map(|which| block.iter().map(|k| k.rows[which]).sum::<u64>());
    4 * stacked <= 5 * alone
}

fn known(graph: &Graph, layer: usize, outlines: &mut Vec<Outline>) -> Known {
    let dims = graph.dims[layer].clone();
    let (outline, read, accesses) = outline(&graph.layers[layer]);
    let (first, padded) = (super::places::first_axis(&dims), |d: &u32| u64::from(d.next_power_of_two()));
    let stacked: u64 = dims.iter().map(padded).product();
    let rows = [stacked / padded(&dims[first]) * u64::from(dims[first]), stacked];
    let outline = outline.map(|outline| {
        let read = read.iter().map(|from| graph.dims[*from].clone()).collect();
        let outline = Outline { layer: outline, gadget: graph.gadget(layer), dims, read };
        let known = outlines.iter().position(|known| *known == outline);
        known.unwrap_or_else(|| {
            outlines.push(outline);
            outlines.len() - 1
        })
    });
    Known { outline, read, accesses, rows }
}

/// A layer without weights, constants, and what is read, if it can be repeated; what its constraints read; and how many accesses
/// they have.
fn outline(layer: &Layer) -> (Option<Layer>, Vec<usize>, usize) {
    let none = || Parameters { weights: Vec::new(), biases: Vec::new() };
    let elements = || super::Elements { from: 0, indices: Vec::new() };
    let (outline, read, accesses) = match layer {
        Layer::Input { .. } => return (None, vec![], 1),
        Layer::Output { from } => return (None, vec![*from], 1),
        Layer::Linear { from, activation: None, .. } => return (None, vec![*from], 1),
        Layer::Linear { from, op, activation, plus, .. } => {
            let added = plus.map(|(_, shift)| (0, shift));
            let read: Vec<usize> = [*from].into_iter().chain(plus.map(|(layer, _)| layer)).collect();
            let accesses = 1 + read.len();
            (
                Layer::Linear { from: 0, op: *op, parameters: none(), activation: *activation, plus: added },
                read,
                accesses,
            )
        }
        Layer::Products(of) => {
            let stack = |of: &super::Stack| super::Stack { from: 0, ..of.clone() };
            let read: Vec<usize> = [of.left.from, of.right.from].into_iter().chain(of.scale).collect();
            let outline = super::Products {
                left: stack(&of.left),
                right: stack(&of.right),
                scale: of.scale.map(|_| 0),
                ..(**of).clone()
            };
            // Those of the factors are a relation of their own.
            let accesses = if of.scale.is_some() { 5 } else { 3 };
            (Layer::Products(Box::new(outline)), read, accesses)
        }
        Layer::Join { dims, .. } => {
            (Layer::Join { from: Vec::new(), dims: dims.clone(), indices: Vec::new() }, vec![], 0)
        }
        Layer::MaxPool { from, window } => {
            (Layer::MaxPool { from: 0, window: *window }, vec![*from], 3 * (window * window) as usize)
        }
        Layer::MeanPool { from, window } => (Layer::MeanPool { from: 0, window: *window }, vec![*from], 2),
        Layer::Activation { from, activation } => {
            (Layer::Activation { from: 0, activation: *activation }, vec![*from], 2)
        }
        Layer::Mul { from, shift } => (Layer::Mul { from: [0; 2], shift: *shift }, from.to_vec(), 4),
        Layer::MatMul { from, activation } => {
            (Layer::MatMul { from: [0; 2], activation: *activation }, from.to_vec(), 3)
        }
        Layer::Gather { dims, .. } => (Layer::Gather { from: 0, dims: dims.clone(), indices: Vec::new() }, vec![], 0),
        Layer::Compare { dims, .. } => {
            (Layer::Compare { from: [elements(), elements()], dims: dims.clone() }, vec![], 0)
        }
        Layer::Choose { dims, signed, .. } => {
            let from = Box::new([elements(), elements(), elements()]);
            (Layer::Choose { from, dims: dims.clone(), signed: *signed }, vec![], 0)
        }
        Layer::Constant { dims, signed, .. } => {
            (Layer::Constant { dims: dims.clone(), values: none(), signed: *signed }, vec![], 1)
        }
        Layer::MulUnsigned { from, shift } => (Layer::MulUnsigned { from: [0; 2], shift: *shift }, from.to_vec(), 4),
        Layer::Scores { from } => (Layer::Scores { from: 0 }, vec![*from], 2),
        Layer::OfDistance { scores, log, activation } => {
            (Layer::OfDistance { scores: 0, log: *log, activation: *activation }, vec![*scores], 2)
        }
        Layer::Reciprocals { scores, from } => (Layer::Reciprocals { scores: 0, from: 0 }, vec![*scores, *from], 7),
        Layer::ScaleRows { from, by, shift } => {
            (Layer::ScaleRows { from: 0, by: 0, shift: *shift }, vec![*from, *by], 4)
        }
        Layer::Variances { from, shift } => (Layer::Variances { from: 0, shift: *shift }, vec![*from], 4),
        Layer::InverseRoots { variances, log } => {
            (Layer::InverseRoots { variances: 0, log: *log }, vec![*variances], 2)
        }
        Layer::RootBounds { roots } => (Layer::RootBounds { roots: 0 }, vec![*roots], 4),
        Layer::Normalize { from, roots, shift } => {
            (Layer::Normalize { from: 0, roots: 0, shift: *shift }, vec![*from, *roots], 5)
        }
        Layer::Add { from, activation } => (Layer::Add { from: [0; 2], activation: *activation }, from.to_vec(), 3),
    };
    (Some(outline), read, accesses)
}
