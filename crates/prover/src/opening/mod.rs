//! §6 M5 to M7 and §7 V5 to V7: Gemini folding stopped at 8 coefficients, opened on two sets.

pub(crate) mod prove;
pub(crate) mod verify;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `x` must not be 0, 1 or -1 (V2).
pub(crate) fn x_is_excluded(x: Fr) -> bool {
    x == Fr::ZERO || x.square() == Fr::ONE
}
