//! §6 M3, M4 and §7 V3, V4: one sumcheck over all constraints.
//!
//! [`functions`] holds the public functions `M, A, B, E, S, HI, NW, ES`; [`phi`] is the summand;
//! [`masks`] are `S_0..S_3`; [`inverses`] and [`rows`] serve the prover's side, [`prove`];
//! [`verify`] is the other side.

pub(crate) mod committed;
pub(crate) mod functions;
pub(crate) mod inverses;
pub(crate) mod masks;
pub(crate) mod phi;
pub(crate) mod prove;
mod rows;
pub(crate) mod verify;
