//! N5: the proof of a general network and its bytes.

use ark_bn254::{Fr, G1Affine};

use super::layout::Size;
use super::phi::Order;
use crate::encoding::{POINT, Reader, SCALAR, point_bytes, scalar_bytes};
use crate::error::EncodingError;
use crate::opening::verify::Messages;
use crate::proof::FINAL;

/// Everything the length of a proof depends on; derived from key, program and `N`, never from the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) order: Order,
    /// `t`, quotient commitments: 1 or 2.
    pub(crate) levels: usize,
    pub(crate) size: Size,
}

impl Shape {
    /// Columns of M2 before `Y`.
    fn columns(self) -> usize {
        self.order.width() - (self.order.m() + 1)
    }

    /// `Y_L, Y_R`, if they exist.
    fn products(self) -> usize {
        2 * usize::from(self.order.products)
    }

    /// Length in bytes.
    pub(crate) fn bytes(self) -> usize {
        let (l, h) = (self.size.rows.variables(), self.size.rows.folds());
        let m1 = self.order.m() + 1;
        let (columns, committed) = (self.columns(), self.order.committed);
        let m2 = columns + 1 + self.products() + 4 + self.levels + 2 + 2 * committed;
        let scalars = 1 + 3 * l + self.order.count() + FINAL + 2 * h + self.levels + 2 + 2 * committed;
        POINT * (m1 + m2 + (h - 1) + 2) + SCALAR * scalars
    }
}

/// A proof for a batch of `N >= 1` samples. Bytes are canonical: one proof has one encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkProof {
    /// M1: `C_L, C_X, C_m`.
    pub(crate) m1: Vec<G1Affine>,
    /// `C_H, C_HT, C_J, C_HX, C_HV`.
    pub(crate) c_h: Vec<G1Affine>,
    pub(crate) c_y: G1Affine,
    /// `C_YL, C_YR`, if there is a product.
    pub(crate) c_products: Vec<G1Affine>,
    /// `C_S1, C_S2, C_S3, C_S0`.
    pub(crate) c_s: [G1Affine; 4],
    /// `C_q1 (, C_q2)`.
    pub(crate) c_q: Vec<G1Affine>,
    pub(crate) d: G1Affine,
    pub(crate) a_d: G1Affine,
    /// `D_s, A_Ds` per committed port.
    pub(crate) d_committed: Vec<[G1Affine; 2]>,
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
    /// `pi_1, pi_2`.
    pub(crate) pi: [G1Affine; 2],
    /// `zr_0..zr_{t+1}`, then `ze_0, ze_1` per committed port.
    pub(crate) zr: Vec<Fr>,
}

/// The points of M2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct M2Points<'a> {
    pub(crate) c_h: &'a [G1Affine],
    pub(crate) c_y: G1Affine,
    pub(crate) c_products: &'a [G1Affine],
    pub(crate) c_s: &'a [G1Affine; 4],
    pub(crate) c_q: &'a [G1Affine],
    pub(crate) d: [G1Affine; 2],
    pub(crate) d_committed: &'a [[G1Affine; 2]],
}

impl M2Points<'_> {
    /// In wire order.
    pub(crate) fn to_vec(self) -> Vec<G1Affine> {
        let (hats, committed) = ([self.c_y], self.d_committed.as_flattened());
        [self.c_h, &hats, self.c_products, self.c_s, self.c_q, &self.d, committed].concat()
    }
}

impl NetworkProof {
    pub(crate) fn m2_points(&self) -> Vec<G1Affine> {
        let points = M2Points {
            c_h: &self.c_h,
            c_y: self.c_y,
            c_products: &self.c_products,
            c_s: &self.c_s,
            c_q: &self.c_q,
            d: [self.d, self.a_d],
            d_committed: &self.d_committed,
        };
        points.to_vec()
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
            pi: self.pi,
            zr: &self.zr,
        }
    }

    /// The committed polynomials with their places in M4 and their levels, those of the key (`fixed`) too.
    pub(crate) fn columns(&self, order: Order, size: Size, fixed: &[G1Affine]) -> Vec<(G1Affine, usize, usize)> {
        let rows = self.m1.iter().chain(&self.c_h).enumerate().map(|(j, p)| (*p, j, 0));
        let products = self.c_products.iter().enumerate().map(|(i, p)| (*p, order.left() + i, 0));
        let s = [order.s(1), order.s(2), order.s(3), order.s0()];
        let s = self.c_s.iter().zip(s).map(|(p, j)| (*p, j, 0));
        let fixed = fixed.iter().enumerate().map(|(i, p)| (*p, order.fixed() + i, size.rows.kappa));
        rows.chain(products).chain(s).chain([(self.c_y, order.y(), size.lo())]).chain(fixed).collect()
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
        points(&mut out, &self.m1);
        points(&mut out, &self.m2_points());
        scalars(&mut out, [&self.sigma]);
        scalars(&mut out, self.rounds.as_flattened());
        scalars(&mut out, &self.evals);
        points(&mut out, &self.c_f);
        scalars(&mut out, &self.fin);
        scalars(&mut out, self.fold_values.as_flattened());
        points(&mut out, &self.pi);
        scalars(&mut out, &self.zr);
        out
    }

    /// V1 for the proof: exact length, canonical scalars, points on the curve.
    pub(crate) fn from_bytes(shape: Shape, bytes: &[u8]) -> Result<Self, EncodingError> {
        // The length is checked before anything is allocated.
        match bytes.len().cmp(&shape.bytes()) {
            core::cmp::Ordering::Less => return Err(EncodingError::Short),
            core::cmp::Ordering::Greater => return Err(EncodingError::Trailing),
            core::cmp::Ordering::Equal => {}
        }
        let (l, h) = (shape.size.rows.variables(), shape.size.rows.folds());
        let mut reader = Reader::new(bytes);
        let r = &mut reader;
        let proof = Self {
            m1: r.points(shape.order.m() + 1)?,
            c_h: r.points(shape.columns())?,
            c_y: r.point()?,
            c_products: r.points(shape.products())?,
            c_s: [r.point()?, r.point()?, r.point()?, r.point()?],
            c_q: r.points(shape.levels)?,
            d: r.point()?,
            a_d: r.point()?,
            d_committed: (0..shape.order.committed).map(|_| Ok([r.point()?, r.point()?])).collect::<Result<_, _>>()?,
            sigma: r.scalar()?,
            rounds: (0..l).map(|_| Ok([r.scalar()?, r.scalar()?, r.scalar()?])).collect::<Result<_, _>>()?,
            evals: r.scalars(shape.order.count())?,
            c_f: r.points(h - 1)?,
            fin: {
                let mut fin = [Fr::from(0u64); FINAL];
                for c in &mut fin {
                    *c = r.scalar()?;
                }
                fin
            },
            fold_values: (0..h).map(|_| Ok([r.scalar()?, r.scalar()?])).collect::<Result<_, _>>()?,
            pi: [r.point()?, r.point()?],
            zr: r.scalars(shape.levels + 2 + 2 * shape.order.committed)?,
        };
        reader.end()?;
        Ok(proof)
    }
}
