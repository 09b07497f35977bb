//! §3: the verifying key.

use ark_bn254::{Fr, G1Affine};

use crate::circuit::shape::{MAX_LAYERS, bound};
use crate::circuit::{Committed, Layout, Saturation, Shape};
use crate::encoding::{Reader, keccak, point_bytes, tag};
use crate::error::{EncodingError, KeyError};
use crate::mle;

/// Version of the verifying-key encoding.
const VERSION: u16 = 1;
/// Flag bit 0: the shape saturates.
const SATURATING: u8 = 1;
/// Flag bits 1 and 2: inputs, outputs are committed (§10).
const COMMITTED_INPUTS: u8 = 2;
const COMMITTED_OUTPUTS: u8 = 4;

/// The greatest setup, in additions, with one level by default: about two and a half seconds of one processor without
/// vector kernels.
const ONE_LEVEL_ADDITIONS: u64 = 1 << 23;

/// Additions of a one-level setup: row `i` is in `C_f` and in the quotient points `P_d`, `d < i`.
fn one_level_additions(shape: &Shape) -> u64 {
    // Widths are at most 2^16 and layers 32 (§1.1): below 2^53.
    shape.dims().windows(2).map(|d| (d[0] as u64 + 1) * (d[1] as u64 * (d[1] as u64 + 1) / 2)).sum()
}

/// How the quotients of `f` are cached (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// `P_d`: cheapest to verify; setup needs about `R/2` additions per weight.
    One,
    /// `O_c, O_{c,e}` with `R2 = 2^rho2`: one more pairing, about `sqrt(R)` additions per weight.
    Two {
        /// `log2 R2`.
        rho2: u8,
    },
}

impl Level {
    /// The default of §3: two levels where one would cost more than 2^23 additions at setup, if the shape allows them.
    ///
    /// Counted, not measured: a model has the same key on every machine.
    #[must_use]
    pub fn default_for(shape: &Shape) -> Self {
        Self::default_for_rows(shape.rows(), one_level_additions(shape))
    }

    /// The default for `rows` blocks and the additions of a setup with one level.
    pub(crate) fn default_for_rows(rows: usize, one_level: u64) -> Self {
        let two = Self::Two { rho2: rows.next_power_of_two().trailing_zeros() as u8 / 2 };
        if one_level > ONE_LEVEL_ADDITIONS && two.is_valid_for(rows) { two } else { Self::One }
    }

    /// Whether `2 <= R2 < R` holds for two levels.
    #[must_use]
    pub fn is_valid(self, shape: &Shape) -> bool {
        self.is_valid_for(shape.rows())
    }

    pub(crate) fn is_valid_for(self, rows: usize) -> bool {
        match self {
            Self::One => true,
            Self::Two { rho2 } => (1..=16).contains(&rho2) && (1 << rho2) < rows,
        }
    }

    /// The exponents `j` of the `t` quotient moduli `X^{2^j} - root`: `nu`, and `nu + rho2` for two levels.
    pub(crate) fn exponents(self, nu: usize) -> Vec<usize> {
        match self {
            Self::One => vec![nu],
            Self::Two { rho2 } => vec![nu, nu + usize::from(rho2)],
        }
    }

    /// The roots that go with [`Self::exponents`]: `alpha`, and `A_2 = alpha^{R2}`.
    pub(crate) fn roots(self, alpha: Fr) -> Vec<Fr> {
        match self {
            Self::One => vec![alpha],
            Self::Two { rho2 } => vec![alpha, ark_ff::Field::pow(&alpha, [1u64 << rho2])],
        }
    }

    /// M2: the weights of the quotient points in `C_q1 (, C_q2)`, for `rows` blocks.
    pub(crate) fn quotient_weights(self, rows: usize, alpha: Fr) -> Vec<Vec<Fr>> {
        let Self::Two { rho2 } = self else {
            return vec![mle::powers(alpha, rows - 1)];
        };
        let r2 = 1usize << rho2;
        let a_2 = mle::powers(ark_ff::Field::pow(&alpha, [r2 as u64]), rows.div_ceil(r2));
        let alpha = mle::powers(alpha, r2);
        // `O_{c,e}` has the weight `A_2^c alpha^{e-1}`, `O_c` the weight `A_2^{c-1}`.
        let inner = (0..rows).filter(|i| i % r2 != 0).map(|i| a_2[i / r2] * alpha[i % r2 - 1]);
        vec![inner.collect(), a_2[..a_2.len() - 1].to_vec()]
    }

    /// Splits stored quotient points, `O_c` before `O_{c,e}`, into those of each commitment.
    pub(crate) fn split_points(self, rows: usize, points: &[G1Affine]) -> Vec<&[G1Affine]> {
        match self {
            Self::One => vec![points],
            Self::Two { rho2 } => {
                let (outer, inner) = points.split_at(points.len().min(rows.div_ceil(1 << rho2) - 1));
                vec![inner, outer]
            }
        }
    }

    /// `t`, the number of quotient commitments in a proof.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two { .. } => 2,
        }
    }

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::One => 0,
            Self::Two { rho2 } => rho2,
        }
    }
}

/// The public key of a model. It holds no SRS point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// The shape.
    pub(crate) shape: Shape,
    /// How quotients are cached.
    pub(crate) level: Level,
    /// The SRS the commitment was made with.
    pub(crate) srs_id: [u8; 32],
    /// `C_f`.
    pub(crate) commitment: G1Affine,
}

impl VerifyingKey {
    pub(crate) fn new(shape: Shape, level: Level, srs_id: [u8; 32], commitment: G1Affine) -> Result<Self, KeyError> {
        if !level.is_valid(&shape) {
            return Err(KeyError::Level(level.byte()));
        }
        Ok(Self { shape, level, srs_id, commitment })
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How quotients are cached.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The SRS id.
    #[must_use]
    pub fn srs_id(&self) -> &[u8; 32] {
        &self.srs_id
    }

    /// `C_f`.
    pub fn commitment(&self) -> G1Affine {
        self.commitment
    }

    /// The canonical bytes of §3.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let saturation = self.shape.saturation();
        let mut out = Vec::new();
        out.extend(VERSION.to_be_bytes());
        let committed = self.shape.committed();
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        out.push(
            flag(saturation.is_some(), SATURATING)
                | flag(committed.inputs, COMMITTED_INPUTS)
                | flag(committed.outputs, COMMITTED_OUTPUTS),
        );
        out.push(self.level.byte());
        // At most 32 layers, widths at most 2^16 (§1.1).
        out.extend((self.shape.layers() as u16).to_be_bytes());
        self.shape.dims().iter().for_each(|d| out.extend((*d as u32).to_be_bytes()));
        saturation.unwrap_or_default().iter().for_each(|hi| out.extend(hi.bound().to_be_bytes()));
        out.extend(self.srs_id);
        out.extend(point_bytes(&self.commitment));
        out
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a key within §1.1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16()?;
        if version != VERSION {
            return Err(EncodingError::Version(version).into());
        }
        let flags = reader.u8()?;
        if flags & !(SATURATING | COMMITTED_INPUTS | COMMITTED_OUTPUTS) != 0 {
            return Err(EncodingError::Flags(flags).into());
        }
        let level = match reader.u8()? {
            0 => Level::One,
            rho2 => Level::Two { rho2 },
        };
        let layers = usize::from(reader.u16()?);
        bound("number of layers", layers, 1, MAX_LAYERS)?;
        let dims = (0..=layers).map(|_| reader.u32().map(|d| d as usize)).collect::<Result<_, _>>()?;
        let hi = |_| Saturation::from_bound(reader.u16()?).ok_or(EncodingError::Bound);
        let saturation =
            if flags & SATURATING != 0 { Some((1..layers).map(hi).collect::<Result<_, _>>()?) } else { None };
        let committed = Committed { inputs: flags & COMMITTED_INPUTS != 0, outputs: flags & COMMITTED_OUTPUTS != 0 };
        let shape = Shape::new(dims, saturation)?.with_committed(committed)?;
        let key = Self::new(shape, level, reader.bytes()?, reader.point()?)?;
        reader.end()?;
        Ok(key)
    }

    /// `vkd = keccak(TAG_NATIVE_VK || vk bytes)`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        keccak(&[&tag("native-vk"), &self.to_bytes()])
    }

    /// `t` quotient moduli as exponents `j` of `X^{2^j}`.
    #[must_use]
    pub fn exponents(&self) -> Vec<usize> {
        self.level.exponents(Layout::new(&self.shape).nu)
    }

    /// The roots that go with [`Self::exponents`].
    pub(crate) fn roots(&self, alpha: Fr) -> Vec<Fr> {
        self.level.roots(alpha)
    }

    /// M2: the weights of the quotient points in `C_q1 (, C_q2)`.
    pub(crate) fn quotient_weights(&self, alpha: Fr) -> Vec<Vec<Fr>> {
        self.level.quotient_weights(self.shape.rows(), alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The additions that a setup really does are the row lengths, each as often as there are points it is in.
    #[test]
    fn the_default_level_follows_from_the_additions() {
        let shape = |dims: &[usize]| Shape::new(dims.to_vec(), None).unwrap();
        let small = shape(&[3, 4, 2]);
        let rows = [[Some(3), Some(4)], [Some(3), Some(4)], [Some(3), None], [Some(3), None]];
        let terms = |row: [Option<u64>; 2]| row.into_iter().flatten().map(|inputs| inputs + 1).sum::<u64>();
        let counted = rows.into_iter().enumerate().map(|(i, row)| (i as u64 + 1) * terms(row)).sum();
        assert_eq!(one_level_additions(&small), counted);
        assert_eq!(Level::default_for(&shape(&[64, 128, 64, 10])), Level::One);
        assert_eq!(Level::default_for(&shape(&[256, 512, 256, 10])), Level::Two { rho2: 4 });
        assert_eq!(Level::default_for(&shape(&[1024, 1024, 1024, 10])), Level::Two { rho2: 5 });
        // One row: there are no two levels.
        assert_eq!(Level::default_for(&shape(&[1 << 16, 1])), Level::One);
        assert!(one_level_additions(&shape(&[1 << 16, 1 << 16])) > ONE_LEVEL_ADDITIONS);
    }
}
