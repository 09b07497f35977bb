//! Networks of any static graph, quantized for the prover of general networks (`docs/protocol-networks.md`).
//!
//! `plan` is the network in real numbers, one step for each layer of the prover; `lower` makes it from a canonical graph,
//! `scales` chooses what an integer of every tensor means, `quantize` makes the integer graph, `report` says what that costs.
//!
//! Integers: inputs are 16-bit unsigned, activations 16-bit (unsigned behind a ReLU, signed elsewhere), weights 16-bit, biases
//! 32-bit, outputs 64-bit. Every scale is a power of two, so that nothing published says of weights or samples more than a
//! magnitude. A layer computes `t = floor((z + 2^(s-1)) / 2^s)` with `s` 8 or 16, then ReLU or a clamp to integer bounds. A value
//! that does not fit into its 16 bits is an error that names its layer; nothing saturates but what the model clips.

mod cost;
mod each;
mod lower;
mod plan;
mod quantize;
mod report;
mod scales;
mod tables;
#[cfg(test)]
mod tests;

pub use cost::{MAX_ROWS, Prediction, Sizes, Sketch, TensorCost, rows};
pub use lower::OPERATORS;
pub use quantize::Network;
pub use report::{Report, TensorReport};

/// Why a model has no integer network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// An operator that is not proven, or not in this form; or a graph that is not.
    #[error(transparent)]
    Lower(#[from] super::LowerError),
    /// The calibration samples are not ones of the model.
    #[error(transparent)]
    Samples(#[from] super::quantize::QuantizeError),
    /// No scales keep the values of a tensor in range.
    #[error(
        "node `{node}` ({operator}): no scales keep its integers within 16 bits; its weights or biases are too large"
    )]
    NoScale {
        /// The node's name.
        node: String,
        /// What it does.
        operator: &'static str,
    },
    /// There are more functions than a program has tables.
    #[error("node `{node}` ({operator}): its function would be table 254, and a program has 253")]
    NoTable {
        /// The node's name.
        node: String,
        /// What it does.
        operator: &'static str,
    },
    /// The prover does not take the integer graph.
    #[error("{place}: {source}")]
    Circuit {
        /// Where, as far as it is known.
        place: String,
        /// Why.
        source: zkinfer_prover::CircuitError,
    },
}
