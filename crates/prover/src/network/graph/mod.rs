//! An integer network, layer by layer: what a front end hands over. [`Graph::compile`] lowers it to
//! a [`Program`](super::Program) with its weights; [`Graph::infer`] is the integer reference.
//!
//! Layers are named by their index; the first one is an input. Every input layer is a port, and so is every layer whose
//! values are outputs: a dense one without a gadget, or [`Layer::Output`]. Nothing reads those, and the last layer is one.

mod bytes;
mod compile;
mod dims;
mod lift;
mod places;
mod repeats;
mod run;
#[cfg(test)]
pub(crate) mod samples;
mod stacks;
mod tables;

pub use compile::Compiled;
pub use stacks::{Products, Stack};
pub use tables::Table;

use core::fmt;

use zeroize::Zeroize;

use self::places::Places;
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
    /// `z[.., c] = sum_i w_{c,i} x[.., i]`: the same map of every row, which runs along the last axis.
    Rows {
        /// Number of outputs of a row.
        outputs: u32,
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

/// Elements of a layer in any order, as often as one likes; its values are in `[-2^15, 2^16)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// Source layer.
    pub from: usize,
    /// The element of the source for every element of the result, both in row-major order.
    pub indices: Vec<u32>,
}

/// A layer of a [`Graph`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// Public unsigned 16-bit values: the first layer, and perhaps others.
    Input {
        /// `[channels, height, width]`, or `[elements]`.
        dims: Vec<u32>,
    },
    /// Weights, and then a gadget. Without one it is dense, and its sums are outputs.
    Linear {
        /// Source layer.
        from: usize,
        /// What is computed.
        op: Linear,
        /// Its weights.
        parameters: Parameters,
        /// A linear gadget.
        activation: Option<Gadget>,
        /// A layer with the dimensions of this one, and the exponent of what its values are multiplied by: they are added to `z`.
        plus: Option<(usize, u8)>,
    },
    /// Products of matrices that are parts of layers.
    Products(Box<Products>),
    /// The values of a layer as outputs.
    Output {
        /// Source layer.
        from: usize,
    },
    /// Elements of several layers in any order, as often as one likes; their values are in `[-2^15, 2^15)`.
    Join {
        /// Source layers.
        from: Vec<usize>,
        /// Dimensions of the result.
        dims: Vec<u32>,
        /// For every element of the result the one that it is: those of all sources are numbered through, one after the other,
        /// all in row-major order.
        indices: Vec<u32>,
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
    /// `[a >= b]`, element by element: 1 or 0.
    Compare {
        /// `a` and `b`.
        from: [Elements; 2],
        /// Dimensions of the result.
        dims: Vec<u32>,
    },
    /// `a` where a comparison gave 1, and `b` where it gave 0.
    Choose {
        /// Elements of a comparison, `a` and `b`.
        from: Box<[Elements; 3]>,
        /// Dimensions of the result.
        dims: Vec<u32>,
        /// Whether the values are in `[-2^15, 2^15)`; in `[0, 2^16)` otherwise.
        signed: bool,
    },
    /// Constants that belong to the model, and are as secret as its weights.
    Constant {
        /// Dimensions.
        dims: Vec<u32>,
        /// The constants, as biases without weights.
        values: Parameters,
        /// Whether they are in `[-2^15, 2^15)`; in `[0, 2^16)` otherwise.
        signed: bool,
    },
    /// The product of two layers, element by element: `y = floor((a b + 2^{s-1}) / 2^s)` in `[0, 2^16)`.
    MulUnsigned {
        /// Source layers with the same dimensions.
        from: [usize; 2],
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// The values of a layer `[.., n]` as scores, whose last axis is a row: they know their distance to its maximum.
    Scores {
        /// Source layer, with values in `[-2^15, 2^15)`.
        from: usize,
    },
    /// A falling function of `2^log` times the distances of scores to the maxima of their rows.
    OfDistance {
        /// A layer of scores.
        scores: usize,
        /// At most 8.
        log: u8,
        /// A function of 16 bits without a sign, which may be one that ends.
        activation: Gadget,
    },
    /// `floor(65535^2 / sum)` of the rows of a layer without negative values. Every row of scores has one such layer.
    Reciprocals {
        /// The scores whose maxima it has.
        scores: usize,
        /// Source layer `[.., n]`; the result is `[..]`.
        from: usize,
    },
    /// The product of a layer `[.., n]` and one factor for each of its rows, as of [`Self::MulUnsigned`].
    ScaleRows {
        /// Source layer.
        from: usize,
        /// The factors `[..]`.
        by: usize,
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// `d sum x^2 - (sum x)^2` of the rows of a layer `[.., d]`, divided by `2^s` and one more.
    Variances {
        /// Source layer.
        from: usize,
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// The greatest `r` with `r^2 v <= 2^log`, for every variance `v`. A layer of bounds belongs to it.
    InverseRoots {
        /// The variances.
        variances: usize,
        /// The numerator's exponent, 16 to 39.
        log: u8,
    },
    /// `(r + 1)^2` of inverse roots, whose product with `v` is above `2^log`: what makes them the greatest.
    RootBounds {
        /// The inverse roots.
        roots: usize,
    },
    /// `(d x - sum x) r / 2^s`, rounded, for every element `x` of a row, whose inverse root is `r`.
    Normalize {
        /// The source of the variances.
        from: usize,
        /// The inverse roots.
        roots: usize,
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// The sum of two layers; the gadget reads `2^s` times the sum, `s` its shift.
    Add {
        /// Source layers with the same dimensions.
        from: [usize; 2],
        /// A linear gadget with a shift.
        activation: Gadget,
    },
}

impl Layer {
    /// Whether its values are outputs, which nothing reads.
    pub(crate) fn is_output(&self) -> bool {
        matches!(self, Self::Output { .. } | Self::Linear { activation: None, .. })
    }
}

/// A network of integers within the bounds of this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    layers: Vec<Layer>,
    dims: Vec<Vec<u32>>,
    committed: Committed,
    /// The tables, by number from 1, and what they give for each byte; 0 for a table without a reader.
    functions: Vec<Table>,
    tables: Vec<[i64; 256]>,
    /// Where the elements of layers stand in the program.
    places: Places,
}

fn unsupported(index: usize, name: &'static str, reason: &'static str) -> CircuitError {
    CircuitError::Unsupported { index, name, reason }
}

/// Most layers.
pub(super) const MAX_LAYERS: usize = 1024;
/// Rows that the layers of a graph take at most, gaps included.
const MAX_ROWS: u64 = 1 << 26;

/// What a column of operands reads by copy.
#[derive(Clone, Copy)]
pub(crate) enum Read<'a> {
    /// Elements of a layer.
    One(usize, &'a [u32]),
    /// Elements of layers that are numbered through.
    Many(&'a [usize], &'a [u32]),
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
        Self::with_functions(layers, tables.iter().map(|values| Table::Values(*values)).collect())
    }

    /// The same with tables of any sort: `functions[f - 1]` is table `f`.
    ///
    /// # Errors
    /// Names the layer that does not fit, or the table with a value or a slope that its gadget has no bytes for.
    pub fn with_functions(layers: Vec<Layer>, functions: Vec<Table>) -> Result<Self, CircuitError> {
        bound("number of layers", layers.len(), 2, MAX_LAYERS)?;
        bound("number of tables", functions.len(), 0, 253)?;
        let mut dims: Vec<Vec<u32>> = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let last = index + 1 == layers.len();
            let of = dims::of_layer(&layers, &dims, index, layer, last)?;
            bound("axes of a layer", of.len(), 1, 3)?;
            for d in &of {
                bound("dimension of a layer", *d as usize, 1, 1 << 16)?;
            }
            let elements = of.iter().map(|d| u64::from(*d)).product::<u64>();
            bound("elements of a layer", usize::try_from(elements).unwrap_or(usize::MAX), 1, 1 << 22)?;
            dims.push(of);
        }
        // Padded to powers of two, and to a multiple of that for where a tensor begins.
        let padded = |of: &Vec<u32>| 2 * of.iter().map(|d| u64::from(d.next_power_of_two())).product::<u64>();
        let rows = dims.iter().map(padded).sum::<u64>();
        bound("rows of all layers", usize::try_from(rows).unwrap_or(usize::MAX), 1, MAX_ROWS as usize)?;
        let tables = vec![[0; 256]; functions.len()];
        let (committed, places) = (Committed::default(), Places::default());
        let mut this = Self { layers, dims, committed, functions, tables, places };
        let mut read = vec![false; this.functions.len()];
        for layer in 0..this.layers.len() {
            let Some((gadget, table)) = this.gadget(layer).and_then(|g| Some((g, g.table()?))) else { continue };
            let at = usize::from(table).wrapping_sub(1);
            let Some(function) = this.functions.get(at) else {
                return Err(unsupported(layer, "Function", "there is no such table"));
            };
            let entries = tables::outputs(layer, function, gadget)?;
            if core::mem::replace(&mut read[at], true) && this.tables[at] != entries {
                return Err(unsupported(
                    layer,
                    "Function",
                    "the values of a table have one width, and one sort of slopes",
                ));
            }
            this.tables[at] = entries;
        }
        this.places = Places::new(&this, repeats::find(&this));
        // Which tensors have an axis of layers is a guess of the check, which may refuse what it could accept.
        if this.places.has_stacks() && this.compile().is_err() {
            this.places = Places::new(&this, Vec::new());
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

    /// Whether row `i` of scores counts up to place `i` alone.
    pub(crate) fn is_causal(&self, scores: usize) -> bool {
        matches!(&self.layers[scores], Layer::Products(of) if of.causal)
    }

    /// Number of elements of a layer.
    #[must_use]
    pub fn elements(&self, layer: usize) -> usize {
        self.dims[layer].iter().map(|d| *d as usize).product()
    }

    /// The input layers, in the order of their ports.
    pub(crate) fn input_layers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layers.len()).filter(|layer| matches!(self.layers[*layer], Layer::Input { .. }))
    }

    /// The layers whose values are outputs, in the order of their ports.
    pub(crate) fn output_layers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layers.len()).filter(|layer| self.layers[*layer].is_output())
    }

    /// Numbers of an input: those of all input layers.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.input_layers().map(|layer| self.elements(layer)).sum()
    }

    /// Numbers of all outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output_layers().map(|layer| self.elements(layer)).sum()
    }

    /// The layer and the element that element `i` reads.
    pub(crate) fn read(&self, read: Read<'_>, i: usize) -> (usize, usize) {
        match read {
            Read::One(from, indices) => (from, indices[i] as usize),
            Read::Many(from, indices) => {
                let mut at = indices[i] as usize;
                for layer in from {
                    let count = self.elements(*layer);
                    if at < count {
                        return (*layer, at);
                    }
                    at -= count;
                }
                // Indices are checked.
                (from.first().copied().unwrap_or_default(), 0)
            }
        }
    }

    /// What a layer reads by copy into `X_1, X_2, ..`.
    pub(crate) fn reads(&self, layer: usize) -> Vec<Read<'_>> {
        fn each(elements: &[Elements]) -> Vec<Read<'_>> {
            elements.iter().map(|e| Read::One(e.from, &e.indices)).collect()
        }
        match &self.layers[layer] {
            Layer::Gather { from, indices, .. } => vec![Read::One(*from, indices)],
            Layer::Join { from, indices, .. } => vec![Read::Many(from, indices)],
            Layer::Compare { from, .. } => each(from),
            Layer::Choose { from, .. } => each(&from[..]),
            _ => Vec::new(),
        }
    }

    /// The gadget of a layer's tensor; `None` for outputs, which are no tensor.
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
            Layer::Variances { from, shift } => {
                // A dimension is at most 2^16.
                let width = self.dims[*from].last().copied().unwrap_or(1);
                Some(Gadget::Variance { width, shift: *shift })
            }
            Layer::InverseRoots { log, .. } => Some(Gadget::InverseRoot { log: *log }),
            Layer::RootBounds { roots } => match self.layers.get(*roots) {
                Some(Layer::InverseRoots { log, .. }) => Some(Gadget::RootAbove { log: *log }),
                _ => None,
            },
            Layer::Normalize { shift, .. } => Some(Gadget::Product { shift: *shift }),
            Layer::Products(of) => Some(of.activation),
            Layer::Scores { .. } => Some(Gadget::Score { shift: 8 }),
            Layer::OfDistance { activation, .. } => Some(*activation),
            Layer::Reciprocals { .. } => Some(Gadget::Reciprocal),
            Layer::MulUnsigned { shift, .. } | Layer::ScaleRows { shift, .. } => {
                Some(Gadget::UnsignedProduct { shift: *shift })
            }
            Layer::Gather { .. } | Layer::Join { .. } => Some(Gadget::Copy),
            Layer::Output { .. } => None,
            Layer::Compare { .. } => Some(Gadget::Compare),
            Layer::Choose { signed, .. } => Some(Gadget::Choose { signed: *signed }),
            Layer::Constant { signed, .. } => Some(Gadget::Constant { signed: *signed }),
        }
    }
}
