//! §6: the proof and its bytes.

use ark_bn254::{Fr, G1Affine};

use crate::circuit::layout::Columns;
use crate::encoding::{POINT, Reader, SCALAR, point_bytes, scalar_bytes};
use crate::error::EncodingError;
use crate::opening::verify::Messages;
use crate::sumcheck::phi::EvalOrder;

/// Coefficients at which folding stops.
pub(crate) const FINAL: usize = 8;

/// Everything the length of a proof depends on; derived from the key and `N`, never from the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProofShape {
    /// `ell`, limb columns.
    pub(crate) ell: usize,
    /// `t`, quotient commitments: 1 or 2.
    pub(crate) levels: usize,
    /// Sizes of the columns.
    pub(crate) size: Columns,
    /// Committed sides: 0 to 2.
    pub(crate) committed: usize,
}

impl ProofShape {
    fn points_before_sigma(self) -> usize {
        2 * (self.ell + 1) + 4 + self.levels + 2 + 2 * self.committed
    }

    /// Length in bytes.
    pub(crate) fn bytes(self) -> usize {
        let (l, h) = (self.size.variables(), self.size.folds());
        let points = self.points_before_sigma() + (h - 1) + 2;
        let evals = EvalOrder { ell: self.ell }.count(self.committed);
        let scalars = 1 + 3 * l + evals + FINAL + 2 * h + self.levels + 2 + 2 * self.committed;
        POINT * points + SCALAR * scalars
    }
}

/// A proof for a batch of `N >= 1` samples. Bytes are canonical: one proof has one encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// `C_L[0..=ell]`, the last is `m`.
    pub(crate) c_l: Vec<G1Affine>,
    /// `C_H[0..=ell]`.
    pub(crate) c_h: Vec<G1Affine>,
    /// `C_S1, C_S2, C_S3, C_S0`.
    pub(crate) c_s: [G1Affine; 4],
    /// `C_q1 (, C_q2)`.
    pub(crate) c_q: Vec<G1Affine>,
    /// `D`.
    pub(crate) d: G1Affine,
    /// `A_D`.
    pub(crate) a_d: G1Affine,
    /// `D_s, A_Ds` per committed side.
    pub(crate) d_committed: Vec<[G1Affine; 2]>,
    /// `sigma`.
    pub(crate) sigma: Fr,
    /// `e(0), e(2), e(3)` of every round.
    pub(crate) rounds: Vec<[Fr; 3]>,
    /// M4.
    pub(crate) evals: Vec<Fr>,
    /// `C_F1..C_F{h-1}`.
    pub(crate) c_f: Vec<G1Affine>,
    /// Coefficients of `F_h`.
    pub(crate) fin: [Fr; FINAL],
    /// `P_i(x), P_i(-x)`.
    pub(crate) fold_values: Vec<[Fr; 2]>,
    /// `pi_1`.
    pub(crate) pi_1: G1Affine,
    /// `pi_2`.
    pub(crate) pi_2: G1Affine,
    /// `zr_0..zr_{t+1}`, then two per committed side.
    pub(crate) zr: Vec<Fr>,
}

/// The points of M2 in wire order.
pub(crate) fn m2_points(
    c_h: &[G1Affine],
    c_s: &[G1Affine; 4],
    c_q: &[G1Affine],
    d: G1Affine,
    a_d: G1Affine,
    d_committed: &[[G1Affine; 2]],
) -> Vec<G1Affine> {
    [c_h, c_s, c_q, &[d, a_d], d_committed.as_flattened()].concat()
}

impl Proof {
    pub(crate) fn m2_points(&self) -> Vec<G1Affine> {
        m2_points(&self.c_h, &self.c_s, &self.c_q, self.d, self.a_d, &self.d_committed)
    }

    /// What V5 to V7 read.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages {
            evals: &self.evals,
            c_f: &self.c_f,
            fin: &self.fin,
            fold_values: &self.fold_values,
            c_q: &self.c_q,
            d: self.d,
            a_d: self.a_d,
            d_committed: &self.d_committed,
            pi: [self.pi_1, self.pi_2],
            zr: &self.zr,
        }
    }

    /// The committed columns with their places in M4, all at level 0.
    pub(crate) fn columns(&self) -> Vec<(G1Affine, usize, usize)> {
        let order = EvalOrder { ell: self.c_l.len() - 1 };
        let l = self.c_l.iter().enumerate().map(|(c, p)| (*p, c, 0));
        let h = self.c_h.iter().enumerate().map(|(c, p)| (*p, order.h(c), 0));
        let s = self.c_s.iter().zip([order.s(1), order.s(2), order.s(3), order.s0()]).map(|(p, j)| (*p, j, 0));
        l.chain(h).chain(s).collect()
    }

    /// The canonical bytes: M1 to M7 in order, without a header.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        fn points<'a>(out: &mut Vec<u8>, points: impl IntoIterator<Item = &'a G1Affine>) {
            points.into_iter().for_each(|p| out.extend(point_bytes(p)));
        }
        fn scalars<'a>(out: &mut Vec<u8>, scalars: impl IntoIterator<Item = &'a Fr>) {
            scalars.into_iter().for_each(|s| out.extend(scalar_bytes(s)));
        }
        let mut out = Vec::new();
        points(&mut out, &self.c_l);
        points(&mut out, &self.m2_points());
        scalars(&mut out, [&self.sigma]);
        scalars(&mut out, self.rounds.as_flattened());
        scalars(&mut out, &self.evals);
        points(&mut out, &self.c_f);
        scalars(&mut out, &self.fin);
        scalars(&mut out, self.fold_values.as_flattened());
        points(&mut out, [&self.pi_1, &self.pi_2]);
        scalars(&mut out, &self.zr);
        out
    }

    /// V1 for the proof: exact length, canonical scalars, points on the curve.
    pub(crate) fn from_bytes(shape: ProofShape, bytes: &[u8]) -> Result<Self, EncodingError> {
        // The length is checked before anything is allocated.
        match bytes.len().cmp(&shape.bytes()) {
            core::cmp::Ordering::Less => return Err(EncodingError::Short),
            core::cmp::Ordering::Greater => return Err(EncodingError::Trailing),
            core::cmp::Ordering::Equal => {}
        }
        let (l, h) = (shape.size.variables(), shape.size.folds());
        let mut reader = Reader::new(bytes);
        let r = &mut reader;
        let proof = Self {
            c_l: r.points(shape.ell + 1)?,
            c_h: r.points(shape.ell + 1)?,
            c_s: [r.point()?, r.point()?, r.point()?, r.point()?],
            c_q: r.points(shape.levels)?,
            d: r.point()?,
            a_d: r.point()?,
            d_committed: (0..shape.committed).map(|_| Ok([r.point()?, r.point()?])).collect::<Result<_, _>>()?,
            sigma: r.scalar()?,
            rounds: (0..l).map(|_| Ok([r.scalar()?, r.scalar()?, r.scalar()?])).collect::<Result<_, _>>()?,
            evals: r.scalars(EvalOrder { ell: shape.ell }.count(shape.committed))?,
            c_f: r.points(h - 1)?,
            fin: {
                let mut fin = [Fr::from(0u64); FINAL];
                for c in &mut fin {
                    *c = r.scalar()?;
                }
                fin
            },
            fold_values: (0..h).map(|_| Ok([r.scalar()?, r.scalar()?])).collect::<Result<_, _>>()?,
            pi_1: r.point()?,
            pi_2: r.point()?,
            zr: r.scalars(shape.levels + 2 + 2 * shape.committed)?,
        };
        reader.end()?;
        Ok(proof)
    }
}
