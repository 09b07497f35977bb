//! §2: positions, columns and rows.

use super::shape::{MAX_SAMPLES, MAX_VARIABLES, Shape, bound};
use crate::error::CircuitError;

/// Mask positions 0 and 1; the first segment starts here.
pub(crate) const FIRST: usize = 2;
/// Rows of the byte table.
pub(crate) const TABLE: usize = 256;

/// Where each wire of a shape lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `s_1..s_{L+1}`: layer `l` reads `starts[l-1]..starts[l]`, its constant wire last.
    pub starts: Vec<usize>,
    /// `P`, the number of looked-up positions.
    pub positions: usize,
    /// `nu`: `b = 2^nu` positions.
    pub nu: usize,
    /// `R`, the number of blocks of `f`.
    pub rows: usize,
}

impl Layout {
    /// The layout of a shape.
    #[must_use]
    pub fn new(shape: &Shape) -> Self {
        let mut starts = vec![FIRST];
        let mut next = FIRST;
        for d in &shape.dims()[..shape.layers()] {
            next += d + 1;
            starts.push(next);
        }
        let mut positions = next.max(FIRST + TABLE);
        if shape.committed().outputs {
            positions = positions.max(FIRST + shape.outputs());
        }
        let nu = positions.next_power_of_two().trailing_zeros() as usize;
        Self { starts, positions, nu, rows: shape.rows() }
    }

    /// `b = 2^nu`.
    #[must_use]
    pub fn b(&self) -> usize {
        1 << self.nu
    }

    /// `s_l`, for `l = 1..=L+1`.
    #[must_use]
    pub fn start(&self, l: usize) -> usize {
        self.starts[l - 1]
    }

    /// `c_l`, the constant wire of layer `l = 1..=L`.
    #[must_use]
    pub fn constant(&self, l: usize) -> usize {
        self.starts[l] - 1
    }

    /// `act = s_{L+1}`.
    #[must_use]
    pub fn act(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Powers of tau that `f` needs: `b(R-1) + act` (§3).
    #[must_use]
    pub fn degree_bound(&self) -> usize {
        self.b() * (self.rows - 1) + self.act()
    }

    /// The columns for `samples` samples.
    ///
    /// # Errors
    /// `samples` or the number of variables is outside §1.1.
    pub fn columns(&self, samples: usize) -> Result<Columns, CircuitError> {
        bound("number of samples", samples, 1, MAX_SAMPLES)?;
        let kappa = samples.next_power_of_two().trailing_zeros() as usize;
        bound("kappa + nu", kappa + self.nu, 1, MAX_VARIABLES)?;
        Ok(Columns { samples, kappa, nu: self.nu, positions: self.positions })
    }
}

/// The size of the columns of one proof: row `a = p*K + k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// `N`.
    pub samples: usize,
    /// `kappa`: `K = 2^kappa >= N`, minimal.
    pub kappa: usize,
    /// `nu`.
    pub nu: usize,
    /// `P`.
    pub positions: usize,
}

impl Columns {
    /// `K`.
    #[must_use]
    pub fn k(&self) -> usize {
        1 << self.kappa
    }

    /// `l = kappa + nu`, the number of variables.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.kappa + self.nu
    }

    /// `n = K*b`.
    #[must_use]
    pub fn n(&self) -> usize {
        1 << self.variables()
    }

    /// First real row, `2K`.
    #[must_use]
    pub fn first_real(&self) -> usize {
        FIRST << self.kappa
    }

    /// `n_real = P*K`, one past the last real row.
    #[must_use]
    pub fn real(&self) -> usize {
        self.positions << self.kappa
    }

    /// `h = l - 3`, the number of folds (§6, M5).
    #[must_use]
    pub fn folds(&self) -> usize {
        self.variables() - 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Committed;

    #[test]
    fn segments_follow_the_specification() {
        let shape = Shape::new(vec![256, 512, 256, 10], None).unwrap();
        let layout = Layout::new(&shape);
        assert_eq!(layout.starts, [2, 259, 772, 1029]);
        assert_eq!((layout.act(), layout.positions, layout.nu, layout.rows), (1029, 1029, 11, 512));
        assert_eq!((layout.constant(1), layout.constant(3)), (258, 1028));
        let tiny = Layout::new(&Shape::new(vec![1, 1], None).unwrap());
        assert_eq!((tiny.act(), tiny.positions, tiny.nu), (4, 258, 9));
        let columns = layout.columns(5).unwrap();
        assert_eq!((columns.k(), columns.variables(), columns.first_real()), (8, 14, 16));
        assert!(layout.columns(0).is_err() && layout.columns(MAX_SAMPLES + 1).is_err());
    }

    /// The outputs are wires of no layer: only their commitment needs positions for them.
    #[test]
    fn committed_outputs_fit_the_positions() {
        let shape = |committed| Shape::new(vec![4, 600], None).unwrap().with_committed(committed);
        let both = Committed { inputs: true, outputs: true };
        let layout = |committed| Layout::new(&shape(committed).unwrap());
        assert_eq!((layout(both).positions, layout(both).nu), (602, 10));
        let inputs = layout(Committed { outputs: false, ..both });
        assert_eq!((inputs.positions, inputs.nu), (258, 9));
    }

    #[test]
    fn bounds_are_enforced() {
        assert!(Shape::new(vec![1], None).is_err());
        assert!(Shape::new(vec![1, 0], None).is_err());
        assert!(Shape::new(vec![1 << 17, 1], None).is_err());
        assert!(Shape::new(vec![1 << 16; 20], None).is_err(), "nu above 20");
        assert!(Shape::new(vec![1, 1], Some(vec![super::super::Saturation::Wide])).is_err());
        // kappa + nu: 16 + 10 is allowed, 16 + 11 is not.
        let wide = Layout::new(&Shape::new(vec![60_000, 1], None).unwrap());
        assert_eq!(wide.columns(1024).unwrap().variables(), MAX_VARIABLES);
        assert!(wide.columns(1025).is_err());
    }
}
