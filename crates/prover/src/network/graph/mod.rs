//! An integer network, layer by layer: what a front end hands over. [`Graph::compile`] lowers it to
//! a [`Program`](super::Program) with its weights; [`Graph::infer`] is the integer reference.
//!
//! Layers are named by their index; layer 0 is the input. The last layer is dense and its sums are
//! the outputs.

mod bytes;
mod compile;
mod run;
#[cfg(test)]
pub(crate) mod samples;

pub use compile::Compiled;

use core::fmt;

use zeroize::Zeroize;

use super::gadget::Gadget;
use crate::circuit::Committed;
use crate::circuit::shape::bound;
use crate::error::CircuitError;

/// Where and how weights are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Linear {
    /// `z_c = sum_i w_{c,i} x_i` over all elements of the source, in row-major order.
    Dense {
        /// Number of outputs.
        outputs: u32,
    },
    /// `z[c,X,Y] = sum w[c,i,u,v] x[g Ci + i, s X + u - pad, s Y + v - pad]`; out of bounds is 0.
    Conv {
        /// Output channels, a multiple of `groups`.
        channels: u32,
        /// Height and width of the kernel.
        kernel: u32,
        /// `s`.
        stride: u32,
        /// Rows and columns of zeros on each side.
        padding: u32,
        /// Input channels of one group see only the output channels of that group.
        groups: u32,
    },
}

/// Weights and biases of a layer. Secret: no `Debug` of the values, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Row by row, `|w| <= 32767`.
    pub weights: Vec<i16>,
    /// One per output channel.
    pub biases: Vec<i32>,
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters")
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.weights.zeroize();
        self.biases.zeroize();
    }
}

/// A layer of a [`Graph`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// Public unsigned 16-bit values; the first layer and no other.
    Input {
        /// `[channels, height, width]`, or `[elements]`.
        dims: Vec<u32>,
    },
    /// Weights, and then a gadget; none for the last layer.
    Linear {
        /// Source layer.
        from: usize,
        /// What is computed.
        op: Linear,
        /// Its weights.
        parameters: Parameters,
        /// A linear gadget.
        activation: Option<Gadget>,
    },
    /// The largest of a `window x window` square, squares side by side; `window = 2`.
    MaxPool {
        /// Source layer, with values in `[0, 2^16)`.
        from: usize,
        /// Side of a square.
        window: u32,
    },
    /// The mean of a `window x window` square, squares side by side, rounded half up.
    MeanPool {
        /// Source layer, with values in `[0, 2^16)`.
        from: usize,
        /// Side of a square, at most 16.
        window: u32,
    },
    /// A gadget on every element of a layer, which it reads times `2^s`, `s` its shift.
    Activation {
        /// Source layer.
        from: usize,
        /// A linear gadget with a shift.
        activation: Gadget,
    },
    /// The product of two layers, element by element: `t = floor((a b + 2^{s-1}) / 2^s)`.
    Mul {
        /// Source layers with the same dimensions.
        from: [usize; 2],
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// The matrix product of two layers `[m, k]` and `[k, n]`.
    MatMul {
        /// Source layers.
        from: [usize; 2],
        /// A linear gadget.
        activation: Gadget,
    },
    /// Elements of a layer in any order, as often as one likes; its values are in `[-2^15, 2^15)`.
    Gather {
        /// Source layer.
        from: usize,
        /// Dimensions of the result.
        dims: Vec<u32>,
        /// The element of the source for every element of the result, both in row-major order.
        indices: Vec<u32>,
    },
    /// The sum of two layers; the gadget reads `2^s` times the sum, `s` its shift.
    Add {
        /// Source layers with the same dimensions.
        from: [usize; 2],
        /// A linear gadget with a shift.
        activation: Gadget,
    },
}

/// A network of integers within the bounds of this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    layers: Vec<Layer>,
    dims: Vec<Vec<u32>>,
    committed: Committed,
    /// The values of the tables, by number from 1, and what they give for each byte; 0 for a table without a reader.
    table_values: Vec<[i16; 256]>,
    tables: Vec<[i64; 256]>,
}

fn unsupported(index: usize, name: &'static str, reason: &'static str) -> CircuitError {
    CircuitError::Unsupported { index, name, reason }
}

fn expect(what: &'static str, got: usize, expected: usize) -> Result<(), CircuitError> {
    if got == expected { Ok(()) } else { Err(CircuitError::Length { what, got, expected }) }
}

impl Graph {
    /// A graph from its layers in order of evaluation.
    ///
    /// # Errors
    /// Names the layer that does not fit.
    pub fn new(layers: Vec<Layer>) -> Result<Self, CircuitError> {
        Self::with_tables(layers, &[])
    }

    /// The same with tables: `tables[f - 1][t + 128]` is the value of [`Gadget::Function`] with table `f` at `t`.
    ///
    /// # Errors
    /// Names the layer that does not fit, or the table with a value that its gadget has no bytes for.
    pub fn with_tables(layers: Vec<Layer>, tables: &[[i16; 256]]) -> Result<Self, CircuitError> {
        bound("number of layers", layers.len(), 2, 256)?;
        bound("number of tables", tables.len(), 0, 253)?;
        let mut dims: Vec<Vec<u32>> = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let last = index + 1 == layers.len();
            let of = layer_dims(&dims, index, layer, last)?;
            bound("axes of a layer", of.len(), 1, 3)?;
            for d in &of {
                bound("dimension of a layer", *d as usize, 1, 1 << 16)?;
            }
            let elements = of.iter().map(|d| u64::from(*d)).product::<u64>();
            bound("elements of a layer", usize::try_from(elements).unwrap_or(usize::MAX), 1, 1 << 22)?;
            dims.push(of);
        }
        let mut this = Self {
            layers,
            dims,
            committed: Committed::default(),
            table_values: tables.to_vec(),
            tables: vec![[0; 256]; tables.len()],
        };
        let mut widths = vec![None; tables.len()];
        for layer in 0..this.layers.len() {
            if let Some(Gadget::Function { table, bytes }) = this.gadget(layer) {
                let at = usize::from(table).wrapping_sub(1);
                let (Some(values), Some(width)) = (tables.get(at), widths.get_mut(at)) else {
                    return Err(unsupported(layer, "Function", "there is no such table"));
                };
                if width.replace(bytes).is_some_and(|known| known != bytes) {
                    return Err(unsupported(layer, "Function", "the values of a table have one width"));
                }
                this.tables[at] = outputs(layer, values, bytes)?;
            }
        }
        Ok(this)
    }

    /// The graph with the input, the outputs, or both as committed ports.
    #[must_use]
    pub fn with_committed(mut self, committed: Committed) -> Self {
        self.committed = committed;
        self
    }

    /// Which ports are committed.
    #[must_use]
    pub fn committed(&self) -> Committed {
        self.committed
    }

    /// What tables give for each byte.
    pub(crate) fn tables(&self) -> &[[i64; 256]] {
        &self.tables
    }

    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Dimensions of a layer's values.
    #[must_use]
    pub fn dims(&self, layer: usize) -> &[u32] {
        &self.dims[layer]
    }

    /// Number of elements of a layer.
    #[must_use]
    pub fn elements(&self, layer: usize) -> usize {
        self.dims[layer].iter().map(|d| *d as usize).product()
    }

    /// The gadget of a layer's tensor; `None` for the outputs, which are no tensor.
    pub(crate) fn gadget(&self, layer: usize) -> Option<Gadget> {
        match &self.layers[layer] {
            Layer::Input { .. } => Some(Gadget::Input),
            Layer::Linear { activation, .. } => *activation,
            // Windows are checked: 2 x 2, and at most 16 x 16.
            Layer::MaxPool { window, .. } => Some(Gadget::Max { inputs: (window * window) as u8 }),
            Layer::MeanPool { window, .. } => Some(Gadget::Divide { by: (window * window) as u16 }),
            Layer::Add { activation, .. } | Layer::Activation { activation, .. } | Layer::MatMul { activation, .. } => {
                Some(*activation)
            }
            Layer::Mul { shift, .. } => Some(Gadget::Product { shift: *shift }),
            Layer::Gather { .. } => Some(Gadget::Copy),
        }
    }
}

/// What the rows of a layer look up: the values of its table as bytes.
fn outputs(layer: usize, values: &[i16; 256], bytes: u8) -> Result<[i64; 256], CircuitError> {
    let half = 1i64 << (8 * bytes - 1);
    let outputs = values.map(|v| i64::from(v) + half);
    match outputs.iter().all(|v| (0..2 * half).contains(v)) {
        true => Ok(outputs),
        false => Err(unsupported(layer, "Function", "its table has values of more bytes")),
    }
}

/// The dimensions of a layer's values.
fn layer_dims(dims: &[Vec<u32>], index: usize, layer: &Layer, last: bool) -> Result<Vec<u32>, CircuitError> {
    let source = |from: usize| dims.get(from).ok_or(unsupported(index, "layer", "it reads a layer that comes later"));
    let pooled = |from: usize, window: u32| match source(from)?[..] {
        [c, h, w] if h % window == 0 && w % window == 0 => Ok(vec![c, h / window, w / window]),
        _ => Err(unsupported(index, "pool", "squares have to tile [channels, height, width]")),
    };
    if last && !matches!(layer, Layer::Linear { op: Linear::Dense { .. }, activation: None, .. }) {
        return Err(unsupported(index, "layer", "the last layer is dense, without an activation"));
    }
    match layer {
        Layer::Input { dims } if index == 0 => Ok(dims.clone()),
        Layer::Input { .. } => Err(unsupported(index, "Input", "the input is the first layer and no other")),
        _ if index == 0 => Err(unsupported(index, "layer", "the first layer is the input")),
        Layer::Linear { from, op, parameters, activation } => {
            if activation.is_none() != last || activation.is_some_and(|g| !g.is_linear() || !g.is_valid()) {
                return Err(unsupported(
                    index,
                    "activation",
                    "exactly the layers before the last have a linear gadget",
                ));
            }
            let (out, inputs) = linear_dims(source(*from)?, *op, index)?;
            let rows = out[0] as usize;
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
        Layer::Gather { from, dims: own, indices } => {
            let elements = source(*from)?.iter().map(|d| u64::from(*d)).product::<u64>();
            let count = own.iter().try_fold(1u64, |n, d| n.checked_mul(u64::from(*d)));
            if count != Some(indices.len() as u64) || indices.iter().any(|i| u64::from(*i) >= elements) {
                return Err(unsupported(index, "Gather", "every element is one of the source"));
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

/// Dimensions of the sums, and the number of weights of a row.
fn linear_dims(source: &[u32], op: Linear, index: usize) -> Result<(Vec<u32>, usize), CircuitError> {
    match op {
        Linear::Dense { outputs } => Ok((vec![outputs], source.iter().map(|d| *d as usize).product())),
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
