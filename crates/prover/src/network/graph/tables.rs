//! Tables of functions, and what their readers look up.

use super::unsupported;
use crate::error::CircuitError;
use crate::network::gadget::{Gadget, Slope};

/// The values of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // a network has a handful of them
pub enum Table {
    /// `[t + 128]` is the value at `t`: what [`Gadget::Function`] reads.
    Values([i16; 256]),
    /// `[i]` is the value at the argument `2^8 i`, counted from the least one: what [`Gadget::Interpolate`] reads. The last
    /// one is behind the greatest argument.
    Samples([i32; 257]),
}

/// What the rows of a layer look up.
pub(super) fn outputs(layer: usize, table: &Table, gadget: Gadget) -> Result<[i64; 256], CircuitError> {
    let refused = |name, reason| Err(unsupported(layer, name, reason));
    match (gadget, table) {
        (Gadget::Function { bytes, .. }, Table::Values(values)) => {
            let half = 1i64 << (8 * bytes - 1);
            let outputs = values.map(|v| i64::from(v) + half);
            match outputs.iter().all(|v| (0..2 * half).contains(v)) {
                true => Ok(outputs),
                false => refused("Function", "its table has values of more bytes"),
            }
        }
        (Gadget::Interpolate { .. } | Gadget::Falling { .. }, Table::Samples(samples)) => {
            let (slope, signed) = match gadget {
                Gadget::Interpolate { slope, signed, .. } => (slope, signed),
                _ => (Slope::Falling, [false; 2]),
            };
            let half = if signed[1] { 1i64 << 15 } else { 0 };
            let sixteen = |v: i64| (0..1i64 << 16).contains(&v);
            let values = samples.map(|v| i64::from(v) + half);
            let slopes = |i: usize| {
                let step = values[i + 1] - values[i];
                match slope {
                    Slope::Rising => step,
                    Slope::Falling => -step,
                    Slope::Signed => step + (1 << 15),
                }
            };
            let slopes: [i64; 256] = core::array::from_fn(slopes);
            if !values.iter().copied().all(sixteen) {
                return refused("Interpolate", "its table has values of more than 16 bits");
            }
            match slopes.iter().copied().all(sixteen) {
                true => Ok(core::array::from_fn(|i| values[i] + (slopes[i] << 16))),
                false => refused("Interpolate", "its table has a slope that it has no bytes for"),
            }
        }
        _ => refused("table", "it is not of the sort that the gadget reads"),
    }
}
