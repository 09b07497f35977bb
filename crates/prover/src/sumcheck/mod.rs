//! §6 M3, M4 and §7 V3, V4: one sumcheck over all constraints.
//!
//! [`functions`] holds the public functions `M, A, B, E, S, HI, NW, ES`; [`phi`] the summand;
//! [`prove`] and [`verify`] the two sides.

pub(crate) mod functions;
pub(crate) mod masks;
pub(crate) mod phi;
pub(crate) mod prove;
pub(crate) mod verify;
