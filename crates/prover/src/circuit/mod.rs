//! §1, §2: what a network is to the proof system.
//!
//! [`ir`] is the list of operators a front end hands over, and the five constraint families.
//! [`shape`] is a lowered, bounded multi-layer perceptron; [`layout`] gives every wire its position;
//! `pieces` is the one description of a public function from which the prover's table and the
//! verifier's closed form are both made; [`weights`] are the secret parameters.

mod committed;
pub mod ir;
pub mod layout;
pub(crate) mod pieces;
pub mod shape;
pub mod weights;

pub use committed::{Committed, Side};
pub use ir::{Family, Op};
pub use layout::Layout;
pub use shape::{Saturation, Shape};
pub use weights::{WeightRow, WeightRows, Weights};
