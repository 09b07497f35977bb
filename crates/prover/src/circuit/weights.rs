//! §1, §2: the secret parameters of a network, and the overlapped rows of `f`.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::{Layout, Shape};
use crate::encoding::keccak;
use crate::error::CircuitError;

/// Weights and biases. Secret: no `Debug` of the values, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Weights {
    shape: Shape,
    /// Per layer: `d_l * d_{l-1}` weights, neuron by neuron.
    weights: Vec<Vec<i8>>,
    /// Per layer: `d_l` biases.
    biases: Vec<Vec<i32>>,
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Drop for Weights {
    fn drop(&mut self) {
        self.weights.iter_mut().for_each(Zeroize::zeroize);
        self.biases.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Row `i` of every layer: the polynomial `F_i` (§2) as sparse coefficients. Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WeightRow {
    /// `(position, weight)`, `|weight| <= 127`, ascending positions, zeros left out.
    pub weights: Vec<(u32, i8)>,
    /// `(position of the constant wire, bias)`, zeros left out.
    pub biases: Vec<(u32, i32)>,
}

impl Drop for WeightRow {
    fn drop(&mut self) {
        self.weights.iter_mut().for_each(|(p, w)| (*p, *w) = (0, 0));
        self.biases.iter_mut().for_each(|(p, b)| (*p, *b) = (0, 0));
    }
}

impl fmt::Debug for WeightRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightRow").finish_non_exhaustive()
    }
}

/// All rows of `f` with the block size: what the setup commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightRows {
    /// `b`, the length of a block.
    pub block: usize,
    /// `F_0..F_{R-1}`.
    pub rows: Vec<WeightRow>,
}

impl Weights {
    /// Weights (`|w| <= 127`) and biases, layer by layer, neuron by neuron.
    ///
    /// # Errors
    /// A list has the wrong length, or a weight is -128.
    pub fn new(shape: Shape, weights: Vec<Vec<i8>>, biases: Vec<Vec<i32>>) -> Result<Self, CircuitError> {
        let this = Self { shape, weights, biases };
        let (shape, weights, biases) = (&this.shape, &this.weights, &this.biases);
        let length = |what, got, expected| {
            if got == expected { Ok(()) } else { Err(CircuitError::Length { what, got, expected }) }
        };
        length("weight layers", weights.len(), shape.layers())?;
        length("bias layers", biases.len(), shape.layers())?;
        for (l, (w, b)) in weights.iter().zip(biases).enumerate() {
            let (inputs, outputs) = (shape.dims()[l], shape.dims()[l + 1]);
            length("weights of a layer", w.len(), inputs * outputs)?;
            length("biases of a layer", b.len(), outputs)?;
            if let Some(at) = w.iter().position(|w| *w == i8::MIN) {
                return Err(CircuitError::Weight { layer: l + 1, neuron: at / inputs });
            }
        }
        Ok(this)
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Weights of layer `l = 1..=L`, neuron by neuron.
    pub(crate) fn layer(&self, l: usize) -> &[i8] {
        &self.weights[l - 1]
    }

    /// Biases of layer `l = 1..=L`.
    pub(crate) fn bias(&self, l: usize) -> &[i32] {
        &self.biases[l - 1]
    }

    /// Weight `j` of neuron `i` of layer `l`, for tests that change a network.
    #[cfg(test)]
    pub(crate) fn weight_mut(&mut self, l: usize, i: usize, j: usize) -> &mut i8 {
        let inputs = self.shape.dims()[l - 1];
        &mut self.weights[l - 1][i * inputs + j]
    }

    /// Bias of neuron `i` of layer `l`, for tests that change a network.
    #[cfg(test)]
    pub(crate) fn bias_mut(&mut self, l: usize, i: usize) -> &mut i32 {
        &mut self.biases[l - 1][i]
    }

    /// The weight bytes of §3: per neuron its weights, then its bias (4 bytes big-endian).
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.shape.parameters() + 3 * self.shape.rows()));
        for (l, (w, b)) in self.weights.iter().zip(&self.biases).enumerate() {
            for (row, bias) in w.chunks_exact(self.shape.dims()[l]).zip(b) {
                out.extend(row.iter().map(|w| w.cast_unsigned()));
                out.extend(bias.to_be_bytes());
            }
        }
        out
    }

    /// Reads the weight bytes of §3.
    ///
    /// # Errors
    /// The length is wrong or a weight is -128.
    pub fn from_bytes(shape: Shape, bytes: &[u8]) -> Result<Self, CircuitError> {
        let expected = shape.dims().windows(2).map(|d| (d[0] + 4) * d[1]).sum();
        if bytes.len() != expected {
            return Err(CircuitError::Length { what: "weight bytes", got: bytes.len(), expected });
        }
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        let mut rest = bytes;
        for d in shape.dims().windows(2) {
            let (layer, tail) = rest.split_at((d[0] + 4) * d[1]);
            rest = tail;
            let rows = layer.chunks_exact(d[0] + 4);
            weights.push(rows.clone().flat_map(|r| r[..d[0]].iter().map(|w| w.cast_signed())).collect());
            biases.push(rows.map(|r| i32::from_be_bytes([r[d[0]], r[d[0] + 1], r[d[0] + 2], r[d[0] + 3]])).collect());
        }
        Self::new(shape, weights, biases)
    }

    /// `keccak(weight bytes)`.
    pub(crate) fn digest(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(keccak(&[&self.to_bytes()]))
    }

    /// The overlapped rows `F_0..F_{R-1}` of §2.
    #[must_use]
    pub fn rows(&self) -> WeightRows {
        let layout = Layout::new(&self.shape);
        let rows = (0..layout.rows)
            .map(|i| {
                let mut row = WeightRow { weights: Vec::new(), biases: Vec::new() };
                for l in 1..=self.shape.layers() {
                    let inputs = self.shape.dims()[l - 1];
                    let Some(bias) = self.bias(l).get(i) else {
                        continue;
                    };
                    let start = layout.start(l);
                    let weights = &self.layer(l)[i * inputs..(i + 1) * inputs];
                    let nonzero = weights.iter().enumerate().filter(|(_, w)| **w != 0);
                    // Positions are below 2^20 (§1.1).
                    row.weights.extend(nonzero.map(|(j, w)| ((start + j) as u32, *w)));
                    if *bias != 0 {
                        row.biases.push((layout.constant(l) as u32, *bias));
                    }
                }
                row
            })
            .collect();
        WeightRows { block: layout.b(), rows }
    }
}
