//! The dimensions of layers, and what a layer may be.

use super::{Gadget, Layer, Linear, expect, unsupported};
use crate::error::CircuitError;

/// The dimensions of a layer's values.
pub(super) fn of_layer(
    layers: &[Layer],
    dims: &[Vec<u32>],
    index: usize,
    layer: &Layer,
    last: bool,
) -> Result<Vec<u32>, CircuitError> {
    let source = |from: usize| match layers.get(from).filter(|_| from < index) {
        None => Err(unsupported(index, "layer", "it reads a layer that comes later")),
        Some(layer) if layer.is_output() => Err(unsupported(index, "layer", "it reads outputs")),
        Some(_) => Ok(&dims[from]),
    };
    let pooled = |from: usize, window: u32| match source(from)?[..] {
        [c, h, w] if h % window == 0 && w % window == 0 => Ok(vec![c, h / window, w / window]),
        _ => Err(unsupported(index, "pool", "squares have to tile [channels, height, width]")),
    };
    if last && !layer.is_output() {
        return Err(unsupported(index, "layer", "the last layer is an output: one, or dense without an activation"));
    }
    match layer {
        Layer::Input { dims } => Ok(dims.clone()),
        _ if index == 0 => Err(unsupported(index, "layer", "the first layer is an input")),
        Layer::Output { from } => source(*from).cloned(),
        Layer::Join { from, dims: own, indices } => {
            let mut elements = 0u64;
            for layer in from {
                elements += source(*layer)?.iter().map(|d| u64::from(*d)).product::<u64>();
            }
            let elements =
                u32::try_from(elements).map_err(|_| unsupported(index, "Join", "it has too many sources"))?;
            elements_of(&[elements], own, indices, index, "Join")?;
            Ok(own.clone())
        }
        Layer::Linear { from, op, parameters, activation, plus } => {
            if activation.is_some_and(|g| !g.is_linear() || !g.is_valid()) {
                return Err(unsupported(index, "activation", "it is a linear gadget"));
            }
            if activation.is_none() && !matches!(op, Linear::Dense { .. }) {
                return Err(unsupported(index, "activation", "only dense layers have none"));
            }
            let (out, inputs) = linear_dims(source(*from)?, *op, index)?;
            let rows = match op {
                Linear::Rows { outputs } => *outputs as usize,
                _ => out[0] as usize,
            };
            if let Some((plus, log)) = plus
                && (source(*plus)? != &out || *log > 24 || activation.is_none())
            {
                let reason = "what is added has its dimensions, and is multiplied by at most 2^24";
                return Err(unsupported(index, "Linear", reason));
            }
            expect("weights of a layer", parameters.weights.len(), rows * inputs)?;
            expect("biases of a layer", parameters.biases.len(), rows)?;
            if let Some(at) = parameters.weights.iter().position(|w| *w == i16::MIN) {
                return Err(CircuitError::NetworkWeight { layer: index, neuron: at / inputs });
            }
            Ok(out)
        }
        Layer::MaxPool { from, window: 2 } => pooled(*from, 2),
        Layer::MaxPool { .. } => Err(unsupported(index, "MaxPool", "windows are 2 x 2")),
        Layer::MeanPool { from, window } if (2..=16).contains(window) => pooled(*from, *window),
        Layer::MeanPool { .. } => Err(unsupported(index, "MeanPool", "windows are from 2 x 2 to 16 x 16")),
        Layer::Activation { from, activation } => {
            if activation.shift().is_none() || !activation.is_valid() {
                return Err(unsupported(index, "Activation", "its gadget has a shift"));
            }
            source(*from).cloned()
        }
        Layer::Mul { from: [a, b], shift } => match (source(*a)?, source(*b)?) {
            (a, b) if a == b && Gadget::is_valid(Gadget::Product { shift: *shift }) => Ok(a.clone()),
            _ => Err(unsupported(index, "Mul", "both sources have the same dimensions, and the shift is 8 or 16")),
        },
        Layer::MatMul { from: [a, b], activation } => match (&source(*a)?[..], &source(*b)?[..]) {
            (&[m, k], &[l, n]) if k == l && activation.is_linear() && activation.is_valid() => Ok(vec![m, n]),
            _ => Err(unsupported(index, "MatMul", "its sources are [m, k] and [k, n], and its gadget is linear")),
        },
        Layer::Products(of) => of.of_layer(index, source),
        Layer::MulUnsigned { from: [a, b], shift } => match (source(*a)?, source(*b)?) {
            (a, b) if a == b && Gadget::is_valid(Gadget::UnsignedProduct { shift: *shift }) => Ok(a.clone()),
            _ => Err(unsupported(index, "Mul", "both sources have the same dimensions, and the shift is 8 or 16")),
        },
        Layer::Variances { from, shift } => match source(*from)?.split_last() {
            Some((width, rest))
                if !rest.is_empty() && Gadget::is_valid(Gadget::Variance { width: *width, shift: *shift }) =>
            {
                Ok(rest.to_vec())
            }
            _ => Err(unsupported(
                index,
                "Variances",
                "its source has rows of at most 2^16 values, and the shift is 8 or 16",
            )),
        },
        Layer::InverseRoots { variances, log } => match (source(*variances)?, layers.get(*variances)) {
            (dims, Some(Layer::Variances { .. })) if Gadget::is_valid(Gadget::InverseRoot { log: *log }) => {
                Ok(dims.clone())
            }
            _ => {
                Err(unsupported(index, "InverseRoots", "they are those of variances, with a numerator of 2^16 to 2^39"))
            }
        },
        Layer::RootBounds { roots } => match (source(*roots)?, layers.get(*roots)) {
            (dims, Some(Layer::InverseRoots { .. })) => Ok(dims.clone()),
            _ => Err(unsupported(index, "RootBounds", "they are those of inverse roots")),
        },
        Layer::Normalize { from, roots, shift } => {
            let variances = match layers.get(*roots) {
                Some(Layer::InverseRoots { variances, .. }) if *roots < index => layers.get(*variances),
                _ => None,
            };
            match variances {
                Some(Layer::Variances { from: of, .. }) if of == from && matches!(shift, 8 | 16) => {
                    Ok(source(*from)?.clone())
                }
                _ => {
                    Err(unsupported(index, "Normalize", "its roots are those of its source, and the shift is 8 or 16"))
                }
            }
        }
        Layer::Scores { from } => match source(*from)? {
            rows if rows.len() > 1 => Ok(rows.clone()),
            _ => Err(unsupported(index, "Scores", "its source has rows: two axes at least")),
        },
        Layer::OfDistance { scores, log, activation } => {
            let unsigned = match activation {
                Gadget::Interpolate { signed, shift, .. } => *signed == [false; 2] && *shift == 0,
                Gadget::Falling { .. } => true,
                _ => false,
            } && *log <= 8;
            match (source(*scores)?, layers.get(*scores)) {
                (dims, Some(layer)) if is_scores(layer) && unsigned && activation.is_valid() => Ok(dims.clone()),
                _ => Err(unsupported(index, "OfDistance", "it is a function of 16 bits without a sign, of scores")),
            }
        }
        Layer::Reciprocals { scores, from } => match (source(*scores)?, source(*from)?, layers.get(*scores)) {
            (scores, rows, Some(layer)) if is_scores(layer) && scores == rows => Ok(rows[..rows.len() - 1].to_vec()),
            _ => Err(unsupported(index, "Reciprocals", "it has scores, and a source of their dimensions")),
        },
        Layer::ScaleRows { from, by, shift } => match (source(*from)?, source(*by)?) {
            (rows, factors) if rows.split_last().map(|(_, rest)| rest) == Some(&factors[..]) => {
                match Gadget::is_valid(Gadget::UnsignedProduct { shift: *shift }) {
                    true => Ok(rows.clone()),
                    false => Err(unsupported(index, "ScaleRows", "the shift is 8 or 16")),
                }
            }
            _ => Err(unsupported(index, "ScaleRows", "there is one factor for each row")),
        },
        Layer::Gather { from, dims: own, indices } => {
            elements_of(source(*from)?, own, indices, index, "Gather")?;
            Ok(own.clone())
        }
        Layer::Compare { from, dims: own } => {
            from.iter().try_for_each(|e| elements_of(source(e.from)?, own, &e.indices, index, "Compare"))?;
            Ok(own.clone())
        }
        Layer::Choose { from, dims: own, .. } => {
            from.iter().try_for_each(|e| elements_of(source(e.from)?, own, &e.indices, index, "Choose"))?;
            match layers[from[0].from] {
                Layer::Compare { .. } => Ok(own.clone()),
                _ => Err(unsupported(index, "Choose", "what decides is the result of a comparison")),
            }
        }
        Layer::Constant { dims: own, values, .. } => {
            let count = own.iter().try_fold(1u64, |n, d| n.checked_mul(u64::from(*d)));
            if count != Some(values.biases.len() as u64) || !values.weights.is_empty() {
                return Err(unsupported(index, "Constant", "every element has one bias, and there are no weights"));
            }
            Ok(own.clone())
        }
        Layer::Add { from: [a, b], activation } => {
            if activation.shift().is_none() || !activation.is_valid() {
                return Err(unsupported(index, "Add", "its gadget has a shift"));
            }
            match (source(*a)?, source(*b)?) {
                (a, b) if a == b => Ok(a.clone()),
                _ => Err(unsupported(index, "Add", "both sources have the same dimensions")),
            }
        }
    }
}

fn is_scores(layer: &Layer) -> bool {
    match layer {
        Layer::Scores { .. } => true,
        Layer::Products(of) => matches!(of.activation, Gadget::Score { .. }),
        _ => false,
    }
}

/// Whether every element of a result is one of a source.
fn elements_of(
    source: &[u32],
    own: &[u32],
    indices: &[u32],
    index: usize,
    name: &'static str,
) -> Result<(), CircuitError> {
    let elements = source.iter().map(|d| u64::from(*d)).product::<u64>();
    let count = own.iter().try_fold(1u64, |n, d| n.checked_mul(u64::from(*d)));
    match count == Some(indices.len() as u64) && indices.iter().all(|i| u64::from(*i) < elements) {
        true => Ok(()),
        false => Err(unsupported(index, name, "every element is one of the source")),
    }
}

/// Dimensions of the sums, and the number of weights of a row.
fn linear_dims(source: &[u32], op: Linear, index: usize) -> Result<(Vec<u32>, usize), CircuitError> {
    match op {
        Linear::Dense { outputs } => Ok((vec![outputs], source.iter().map(|d| *d as usize).product())),
        Linear::Rows { outputs } => match source.split_last() {
            Some((inputs, rows)) if !rows.is_empty() => Ok(([rows, &[outputs]].concat(), *inputs as usize)),
            _ => Err(unsupported(index, "Rows", "its source has rows: two axes at least")),
        },
        Linear::Conv { channels, kernel, stride, padding, groups } => {
            let &[c, h, w] = source else {
                return Err(unsupported(index, "Conv", "its source has [channels, height, width]"));
            };
            let small = (1..=64).contains(&kernel) && (1..=64).contains(&stride) && padding < kernel;
            let grouped = groups > 0 && c % groups == 0 && channels % groups == 0;
            let (h, w) = (h + 2 * padding.min(64), w + 2 * padding.min(64));
            if !small || !grouped || h < kernel || w < kernel {
                return Err(unsupported(index, "Conv", "kernel, stride, padding or groups do not fit its source"));
            }
            let out = |d: u32| (d - kernel) / stride + 1;
            let inputs = (c / groups) as usize * (kernel * kernel) as usize;
            Ok((vec![channels, out(h), out(w)], inputs))
        }
    }
}
