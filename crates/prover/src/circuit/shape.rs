//! §1: the public shape of a multi-layer perceptron.

use super::{Committed, Side};
use crate::error::CircuitError;

/// Most layers (§1.1).
pub const MAX_LAYERS: usize = 32;
/// Widest layer (§1.1).
pub const MAX_WIDTH: usize = 1 << 16;
/// Most samples in one proof (§1.1).
pub const MAX_SAMPLES: usize = 1 << 12;
/// Largest `nu` (§1.1).
pub const MAX_NU: usize = 20;
/// Largest `kappa + nu` (§1.1).
pub const MAX_VARIABLES: usize = 26;

/// The upper saturation bound `hi_l` of a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Saturation {
    /// 255: the activation is one byte.
    Narrow,
    /// 65535: the activation is two bytes.
    Wide,
}

impl Saturation {
    /// The bound as an integer.
    #[must_use]
    pub fn bound(self) -> u16 {
        match self {
            Self::Narrow => u8::MAX.into(),
            Self::Wide => u16::MAX,
        }
    }

    /// The saturation with this bound.
    #[must_use]
    pub fn from_bound(bound: u16) -> Option<Self> {
        [Self::Narrow, Self::Wide].into_iter().find(|s| s.bound() == bound)
    }
}

/// Dimensions `d_0..d_L`, if the shape saturates `hi_1..hi_{L-1}`, and the committed sides. Always
/// within §1.1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: Vec<usize>,
    saturation: Option<Vec<Saturation>>,
    committed: Committed,
}

/// Fails unless `min <= got <= max`.
pub(crate) fn bound(what: &'static str, got: usize, min: usize, max: usize) -> Result<(), CircuitError> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    Err(CircuitError::Bound { what, got: got as u64, min: min as u64, max: max as u64 })
}

impl Shape {
    /// A shape from `d_0..d_L` and, to saturate, one bound per hidden layer.
    ///
    /// # Errors
    /// A bound of §1.1 is broken, or `saturation` does not have `L - 1` entries.
    pub fn new(dims: Vec<usize>, saturation: Option<Vec<Saturation>>) -> Result<Self, CircuitError> {
        bound("number of layers", dims.len().saturating_sub(1), 1, MAX_LAYERS)?;
        for &d in &dims {
            bound("layer width", d, 1, MAX_WIDTH)?;
        }
        if let Some(bounds) = &saturation
            && bounds.len() != dims.len() - 2
        {
            return Err(CircuitError::Length {
                what: "saturation bounds",
                got: bounds.len(),
                expected: dims.len() - 2,
            });
        }
        let shape = Self { dims, saturation, committed: Committed::default() };
        bound("nu", super::Layout::new(&shape).nu, 1, MAX_NU)?;
        Ok(shape)
    }

    /// The same network with other committed sides (§10). [`Self::new`] commits to none.
    ///
    /// # Errors
    /// `nu` leaves the bounds of §1.1: committed outputs need a position each.
    pub fn with_committed(mut self, committed: Committed) -> Result<Self, CircuitError> {
        self.committed = committed;
        bound("nu", super::Layout::new(&self).nu, 1, MAX_NU)?;
        Ok(self)
    }

    /// The committed sides.
    #[must_use]
    pub fn committed(&self) -> Committed {
        self.committed
    }

    /// The number of elements on a side.
    #[must_use]
    pub fn width(&self, side: Side) -> usize {
        match side {
            Side::Inputs => self.inputs(),
            Side::Outputs => self.outputs(),
        }
    }

    /// `d_0..d_L`.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// `L`, the number of dense layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.dims.len() - 1
    }

    /// `d_0`.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.dims[0]
    }

    /// `d_L`.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.dims[self.layers()]
    }

    /// `hi_1..hi_{L-1}`, if the shape saturates.
    #[must_use]
    pub fn saturation(&self) -> Option<&[Saturation]> {
        self.saturation.as_deref()
    }

    /// `ell`, the number of limb columns: 6, or 9 if the shape saturates (§5).
    #[must_use]
    pub fn limbs(&self) -> usize {
        if self.saturation.is_some() { 9 } else { 6 }
    }

    /// `R`, the number of blocks (§2).
    #[must_use]
    pub fn rows(&self) -> usize {
        // `dims[1..]` is never empty: a shape has at least one layer.
        self.dims[1..].iter().copied().max().unwrap_or(1)
    }

    /// Number of weights and biases.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.dims.windows(2).map(|d| (d[0] + 1) * d[1]).sum()
    }
}
