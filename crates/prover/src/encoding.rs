//! §4 encodings: Keccak, domain tags, canonical scalars and points.
//!
//! Everything is big-endian. A scalar is 32 bytes and below `r`; a G1 point is `x || y`, 64 bytes,
//! coordinates below `q`, on the curve; the identity is 64 zero bytes. Nothing is reduced silently.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger256, PrimeField};
use sha3::{Digest, Keccak256};

use crate::error::EncodingError;

/// Bytes of a scalar.
pub(crate) const SCALAR: usize = 32;
/// Bytes of a G1 point.
pub(crate) const POINT: usize = 64;

/// Keccak-256 of the concatenation of `parts`.
pub(crate) fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// `TAG_X = keccak("zkinfer/x/v1")`.
pub(crate) fn tag(name: &str) -> [u8; 32] {
    keccak(&[b"zkinfer/", name.as_bytes(), b"/v1"])
}

/// `word(v)`: 32 bytes, big-endian.
pub(crate) fn word(v: u64) -> [u8; 32] {
    let mut out = [0; 32];
    out[24..].copy_from_slice(&v.to_be_bytes());
    out
}

/// The signed integer `v` as a scalar.
pub(crate) fn signed(v: i64) -> Fr {
    let magnitude = Fr::from(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

fn limbs_to_be(limbs: &[u64; 4]) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(limbs.iter().rev()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

fn be_to_limbs(bytes: &[u8; 32]) -> BigInteger256 {
    let mut limbs = [0u64; 4];
    for (chunk, limb) in bytes.chunks_exact(8).zip(limbs.iter_mut().rev()) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        *limb = u64::from_be_bytes(word);
    }
    BigInteger256::new(limbs)
}

/// Canonical bytes of a scalar.
pub(crate) fn scalar_bytes(s: &Fr) -> [u8; SCALAR] {
    limbs_to_be(&s.into_bigint().0)
}

/// Canonical bytes of a point.
pub(crate) fn point_bytes(p: &G1Affine) -> [u8; POINT] {
    let mut out = [0; POINT];
    if let Some((x, y)) = p.xy() {
        out[..32].copy_from_slice(&limbs_to_be(&x.into_bigint().0));
        out[32..].copy_from_slice(&limbs_to_be(&y.into_bigint().0));
    }
    out
}

/// 64 uniform bytes, big-endian, reduced mod `r` (bias below `2^-250`).
pub(crate) fn wide(bytes: &[u8; 64]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// A cursor over untrusted bytes: every read is bounded.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], EncodingError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(EncodingError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next `n` bytes.
    pub(crate) fn slice(&mut self, n: usize) -> Result<&'a [u8], EncodingError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(EncodingError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, EncodingError> {
        Ok(u8::from_be_bytes(self.bytes()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, EncodingError> {
        Ok(u16::from_be_bytes(self.bytes()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, EncodingError> {
        Ok(u32::from_be_bytes(self.bytes()?))
    }

    /// A canonical scalar.
    pub(crate) fn scalar(&mut self) -> Result<Fr, EncodingError> {
        Fr::from_bigint(be_to_limbs(&self.bytes()?)).ok_or(EncodingError::Scalar)
    }

    /// A canonical point on the curve (the cofactor is 1, so it is in the group).
    pub(crate) fn point(&mut self) -> Result<G1Affine, EncodingError> {
        let x = Fq::from_bigint(be_to_limbs(&self.bytes()?)).ok_or(EncodingError::Coordinate)?;
        let y = Fq::from_bigint(be_to_limbs(&self.bytes()?)).ok_or(EncodingError::Coordinate)?;
        if x == Fq::from(0u64) && y == Fq::from(0u64) {
            return Ok(G1Affine::identity());
        }
        let p = G1Affine::new_unchecked(x, y);
        if p.is_on_curve() { Ok(p) } else { Err(EncodingError::OffCurve) }
    }

    /// `n` scalars; the caller bounds `n`.
    pub(crate) fn scalars(&mut self, n: usize) -> Result<Vec<Fr>, EncodingError> {
        (0..n).map(|_| self.scalar()).collect()
    }

    /// `n` points; the caller bounds `n`.
    pub(crate) fn points(&mut self, n: usize) -> Result<Vec<G1Affine>, EncodingError> {
        (0..n).map(|_| self.point()).collect()
    }

    /// Fails if bytes are left.
    pub(crate) fn end(self) -> Result<(), EncodingError> {
        if self.rest.is_empty() { Ok(()) } else { Err(EncodingError::Trailing) }
    }
}
