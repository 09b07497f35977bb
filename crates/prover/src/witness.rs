//! §1: the integer reference of inference, which is also the witness.

use core::fmt;

use zeroize::Zeroize;

use crate::circuit::{Shape, Weights};
use crate::error::{ProveError, RangeKind};

/// One hidden neuron: `z + 2^7 = 2^8 (y + v - w) + u`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Remainder, one byte.
    pub(crate) u: u32,
    /// Activation, two bytes.
    pub(crate) y: u32,
    /// Cut off below, three bytes.
    pub(crate) w: u32,
    /// Cut off above, three bytes.
    pub(crate) v: u32,
}

/// All hidden layers and the outputs of one sample. Secret; the outputs too, if they are committed.
pub(crate) struct Witness {
    /// `hidden[l-1]` for `l = 1..L`.
    pub(crate) hidden: Vec<Vec<Cell>>,
    /// `o`.
    pub(crate) outputs: Vec<i64>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        for cell in self.hidden.iter_mut().flatten() {
            [&mut cell.u, &mut cell.y, &mut cell.w, &mut cell.v].into_iter().for_each(Zeroize::zeroize);
        }
        self.outputs.zeroize();
    }
}

/// Splits `z` of hidden layer `layer` into a cell (§1).
fn requantize(shape: &Shape, layer: usize, z: i64) -> Result<Cell, RangeKind> {
    let shifted = z + (1 << 7);
    let t = shifted >> 8;
    // `shifted & 255` is a byte.
    let mut cell = Cell { u: (shifted & 255) as u32, ..Cell::default() };
    let narrow24 = |value: i64, kind| u32::try_from(value).ok().filter(|v| *v < 1 << 24).ok_or(kind);
    if t < 0 {
        cell.w = narrow24(-t, RangeKind::Under)?;
        return Ok(cell);
    }
    let hi = shape.saturation().map_or(i64::from(u16::MAX), |hi| hi[layer - 1].bound().into());
    if t > hi {
        if shape.saturation().is_none() {
            return Err(RangeKind::Activation);
        }
        cell.v = narrow24(t - hi, RangeKind::Over)?;
    }
    cell.y = t.min(hi) as u32;
    Ok(cell)
}

impl Witness {
    /// Runs the network on one sample. `inputs.len()` is `d_0`; `sample` names it in errors.
    pub(crate) fn new(weights: &Weights, inputs: &[u16], sample: usize) -> Result<Self, ProveError> {
        let shape = weights.shape();
        let mut y: Vec<i64> = inputs.iter().map(|x| i64::from(*x)).collect();
        let mut witness = Self { hidden: Vec::with_capacity(shape.layers() - 1), outputs: Vec::new() };
        for l in 1..=shape.layers() {
            // Every partial sum is below 2^40 (§1.1).
            let rows = weights.layer(l).chunks_exact(y.len()).zip(weights.bias(l));
            let z = rows
                .map(|(row, bias)| row.iter().zip(&y).map(|(w, y)| i64::from(*w) * y).sum::<i64>() + i64::from(*bias));
            if l == shape.layers() {
                witness.outputs = z.collect();
                break;
            }
            let cells = z.enumerate().map(|(neuron, z)| {
                requantize(shape, l, z).map_err(|what| ProveError::Range { sample, layer: l, neuron, what })
            });
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            y.zeroize();
            y = cells.iter().map(|cell| i64::from(cell.y)).collect();
            witness.hidden.push(cells);
        }
        y.zeroize();
        Ok(witness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Saturation;

    #[test]
    fn requantization_rounds_half_up_and_clamps() {
        let relu = Shape::new(vec![1, 1, 1], None).unwrap();
        let narrow = Shape::new(vec![1, 1, 1], Some(vec![Saturation::Narrow])).unwrap();
        let cell = |u, y, w, v| Cell { u, y, w, v };
        assert!(requantize(&relu, 1, 127) == Ok(cell(255, 0, 0, 0)));
        assert!(requantize(&relu, 1, 128) == Ok(cell(0, 1, 0, 0)));
        assert!(requantize(&relu, 1, -128) == Ok(cell(0, 0, 0, 0)));
        assert!(requantize(&relu, 1, -129) == Ok(cell(255, 0, 1, 0)));
        assert!(requantize(&relu, 1, 65536 << 8) == Err(RangeKind::Activation));
        assert!(requantize(&relu, 1, -(1 << 32)) == Err(RangeKind::Under));
        assert!(requantize(&narrow, 1, 300 << 8) == Ok(cell(128, 255, 0, 45)));
        assert!(requantize(&narrow, 1, (256 + (1 << 24)) << 8) == Err(RangeKind::Over));
        for z in [-70_000i64, -1, 0, 5, 255, 65_000 * 256, 70_000 * 256] {
            let c = requantize(&narrow, 1, z).unwrap();
            let t = i64::from(c.y) + i64::from(c.v) - i64::from(c.w);
            assert_eq!(256 * t + i64::from(c.u) - 128, z);
        }
    }
}
