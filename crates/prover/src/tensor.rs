//! §10: committed tensors and what opens them.

use core::fmt;

use ark_bn254::{Fr, G1Affine};
use zeroize::Zeroizing;

use crate::circuit::layout::FIRST;
use crate::circuit::{Committed, Side};
use crate::encoding::{Reader, keccak, point_bytes, signed, tag, wide};
use crate::error::{EncodingError, KeyError};
use crate::kernels;
use crate::srs::Srs;

/// The 32 bytes that blind a committed tensor; with the tensor itself, all that opens it. Whoever
/// makes the commitment keeps them: nothing derives them again. Wiped when dropped.
#[derive(Clone)]
pub struct TensorSecret(Zeroizing<[u8; 32]>);

impl fmt::Debug for TensorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TensorSecret")
    }
}

impl TensorSecret {
    /// From stored bytes. Bytes that can be guessed make the tensor guessable.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Fresh from the operating system.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Randomness)?;
        Ok(Self(bytes))
    }

    /// The bytes, for storage.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// `b`: depends on the elements as well, so two tensors under one secret do not share it.
    pub(crate) fn blinding(&self, elements: &[i64]) -> Fr {
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * elements.len()));
        elements.iter().for_each(|e| bytes.extend(e.to_be_bytes()));
        let digest = Zeroizing::new(keccak(&[&bytes]));
        let mut uniform = Zeroizing::new([0; 64]);
        for (j, half) in uniform.chunks_exact_mut(32).enumerate() {
            half.copy_from_slice(&keccak(&[&tag("native-tensor"), self.0.as_slice(), digest.as_slice(), &[j as u8]]));
        }
        wide(&uniform)
    }
}

/// What opens the committed sides of one sample; `Some` for exactly the sides that the key commits to.
#[derive(Debug, Clone, Default)]
pub struct SampleSecrets {
    /// Blinds the inputs.
    pub inputs: Option<TensorSecret>,
    /// Blinds the outputs.
    pub outputs: Option<TensorSecret>,
}

impl SampleSecrets {
    /// Fresh secrets for the sides in `committed`.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate(committed: Committed) -> Result<Self, KeyError> {
        let secret = |side| committed.has(side).then(TensorSecret::generate).transpose();
        Ok(Self { inputs: secret(Side::Inputs)?, outputs: secret(Side::Outputs)? })
    }

    pub(crate) fn side(&self, side: Side) -> Option<&TensorSecret> {
        match side {
            Side::Inputs => self.inputs.as_ref(),
            Side::Outputs => self.outputs.as_ref(),
        }
    }
}

/// `C = b [1]_1 + sum_i t_i [tau^{2+i}]_1`, a hiding and binding commitment to a tensor `t`.
///
/// A tensor is the coefficients at positions `2..2+d`; `d` is not in the point. Whoever names a
/// tensor by its point names its shape too ([`Self::id`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommittedTensor(pub(crate) G1Affine);

/// `b, 0, t_0, t_1, ..`: the coefficients of a committed tensor.
pub(crate) fn coefficients(blinding: Fr, elements: &[i64]) -> Zeroizing<Vec<Fr>> {
    let mut out = Zeroizing::new(Vec::with_capacity(FIRST + elements.len()));
    out.extend([blinding, Fr::default()]);
    out.extend(elements.iter().map(|e| signed(*e)));
    out
}

impl CommittedTensor {
    /// Commits to `elements`; inputs are below `2^16`, outputs are what the model returns. With the
    /// same secret and elements the result is the same: this is also how an opening is checked.
    ///
    /// # Errors
    /// The SRS has less than `2 + d` powers.
    pub fn new<T: Copy + Into<i64>>(srs: &Srs, elements: &[T], secret: &TensorSecret) -> Result<Self, KeyError> {
        let elements = Zeroizing::new(elements.iter().map(|e| (*e).into()).collect::<Vec<i64>>());
        let (needed, got) = (FIRST + elements.len(), srs.powers().len());
        if got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        let coefficients = coefficients(secret.blinding(&elements), &elements);
        Ok(Self(kernels::msm(&srs.powers()[..needed], &coefficients)))
    }

    /// `x || y`, 32 bytes big-endian each; 64 zero bytes are the identity.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        point_bytes(&self.0)
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a point.
    pub fn from_bytes(bytes: &[u8; 64]) -> Result<Self, EncodingError> {
        Ok(Self(Reader::new(bytes).point()?))
    }

    /// Its name: `keccak(TAG_COMMITTED || x || y || schema hash)` with the hash of the schema whose
    /// only tensor is this one (docs/identities.md). The verifier does not see the schema.
    #[must_use]
    pub fn id(&self, schema_hash: &[u8; 32]) -> [u8; 32] {
        keccak(&[&tag("committed-tensor"), &self.to_bytes(), schema_hash])
    }
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::Field;

    use super::*;
    use crate::testing;

    #[test]
    fn commitments_open_with_secret_and_elements() {
        let (srs, tau) = (testing::srs(), testing::tau());
        let secret = TensorSecret::from_bytes([5; 32]);
        let elements = [3i64, -7, 1 << 40];
        let point = CommittedTensor::new(srs, &elements, &secret).unwrap();
        let mut exponent = secret.blinding(&elements);
        for (i, e) in elements.iter().enumerate() {
            exponent += signed(*e) * tau.pow([2 + i as u64]);
        }
        assert_eq!(point.0, (G1Affine::generator() * exponent).into_affine());
        assert_eq!(CommittedTensor::from_bytes(&point.to_bytes()).unwrap(), point);
        // Inputs and outputs with the same integers are the same point.
        let small = [3u16, 7, 9];
        let wide = small.map(i64::from);
        let of = |elements: &[i64], secret: u8| {
            CommittedTensor::new(srs, elements, &TensorSecret::from_bytes([secret; 32])).unwrap()
        };
        assert_eq!(CommittedTensor::new(srs, &small.map(u32::from), &secret).unwrap(), of(&wide, 5));
        assert_ne!(of(&wide, 5), of(&wide, 6));
        assert_ne!(of(&wide, 5), of(&[3, 7, 8], 5));
    }

    /// Under one secret, the difference of two commitments must not be that of two tensors.
    #[test]
    fn one_secret_gives_two_tensors_two_blindings() {
        let secret = TensorSecret::from_bytes([5; 32]);
        assert_ne!(secret.blinding(&[1, 2]), secret.blinding(&[1, 3]));
        assert_ne!(secret.blinding(&[1, 2]), secret.blinding(&[1, 2, 0]));
    }

    #[test]
    fn the_name_binds_point_and_schema() {
        let (a, b) = (CommittedTensor(G1Affine::generator()), CommittedTensor(G1Affine::identity()));
        assert_ne!(a.id(&[0; 32]), a.id(&[1; 32]));
        assert_ne!(a.id(&[0; 32]), b.id(&[0; 32]));
        assert_eq!(format!("{:?}", TensorSecret::from_bytes([5; 32])), "TensorSecret");
    }

    #[test]
    fn points_have_one_encoding() {
        let mut bytes = CommittedTensor(G1Affine::generator()).to_bytes();
        bytes[63] = 3;
        assert_eq!(CommittedTensor::from_bytes(&bytes), Err(EncodingError::OffCurve));
        assert_eq!(CommittedTensor::from_bytes(&[0xff; 64]), Err(EncodingError::Coordinate));
    }
}
