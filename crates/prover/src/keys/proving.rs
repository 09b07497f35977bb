//! §3: the model secret and the proving key.

use core::fmt;

use ark_bn254::{Fr, G1Affine};
use zeroize::{Zeroize, Zeroizing};

use super::VerifyingKey;
use crate::circuit::Weights;
use crate::encoding::{Reader, keccak, point_bytes, scalar_bytes, tag, wide};
use crate::error::KeyError;

/// The 32 bytes that blind a model commitment. Kept with the weights; wiped when dropped.
#[derive(Clone)]
pub struct ModelSecret(Zeroizing<[u8; 32]>);

impl fmt::Debug for ModelSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelSecret")
    }
}

impl ModelSecret {
    /// From stored bytes. All zeros is allowed and makes the weights guessable.
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

    /// `omega` of §3.
    pub(crate) fn omega(&self, weights: &Weights) -> Fr {
        self.blinding(&tag("native-omega"), &weights.digest())
    }

    /// 64 bytes of keccak under `tag`, reduced.
    pub(crate) fn blinding(&self, tag: &[u8; 32], digest: &[u8; 32]) -> Fr {
        let mut bytes = Zeroizing::new([0; 64]);
        for (j, half) in bytes.chunks_exact_mut(32).enumerate() {
            half.copy_from_slice(&keccak(&[tag, self.0.as_slice(), digest, &[j as u8]]));
        }
        wide(&bytes)
    }
}

/// Everything the prover of a model needs besides the SRS. Secret: no `Debug` of the values.
#[derive(Clone)]
pub struct ProvingKey {
    pub(crate) vk: VerifyingKey,
    pub(crate) weights: Weights,
    pub(crate) omega: Fr,
    /// `P_d`, or `O_c` then `O_{c,e}`.
    pub(crate) quotients: Vec<G1Affine>,
}

impl fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvingKey").field("vk", &self.vk).finish_non_exhaustive()
    }
}

impl Drop for ProvingKey {
    fn drop(&mut self) {
        self.omega.zeroize();
    }
}

impl ProvingKey {
    /// The verifying key.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The quotient points of `q_1 (, q_2)`: `P_d`, or `O_{c,e}` and `O_c`.
    pub(crate) fn quotient_points(&self) -> Vec<&[G1Affine]> {
        self.vk.level.split_points(self.vk.shape.rows(), &self.quotients)
    }

    /// Secret bytes for storage: length of the verifying key (4 bytes), verifying key, weight bytes
    /// (§3), `omega`, the `R - 1` quotient points.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let vk = self.vk.to_bytes();
        let weights = self.weights.to_bytes();
        // Exact capacity: a growing vector would leave copies of the secret behind.
        let len = 4 + vk.len() + weights.len() + 32 + 64 * self.quotients.len();
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        // A verifying key has a few hundred bytes.
        out.extend((vk.len() as u32).to_be_bytes());
        out.extend(vk);
        out.extend(weights.iter());
        out.extend(scalar_bytes(&self.omega));
        self.quotients.iter().for_each(|p| out.extend(point_bytes(p)));
        out
    }

    /// Reads what [`Self::to_bytes`] wrote. Quotient points are checked to be curve points; that
    /// they belong to the model is checked by [`setup::check_key`](crate::setup::check_key).
    ///
    /// # Errors
    /// The bytes are not the encoding of a proving key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let vk_len = reader.u32()? as usize;
        let vk = VerifyingKey::from_bytes(reader.slice(vk_len)?)?;
        let weight_len = vk.shape.dims().windows(2).map(|d| (d[0] + 4) * d[1]).sum();
        let weights = Weights::from_bytes(vk.shape.clone(), reader.slice(weight_len)?)?;
        let omega = reader.scalar()?;
        let quotients = reader.points(vk.shape.rows() - 1)?;
        reader.end()?;
        Ok(Self { vk, weights, omega, quotients })
    }
}
