//! §5, §9: fresh mask scalars, expanded from a seed of the operating system.

use core::fmt;

use ark_bn254::Fr;
use zeroize::{Zeroize, Zeroizing};

use crate::encoding::{keccak, wide, word};
use crate::error::ProveError;

/// A stream of uniform scalars: `keccak(seed || word(counter))`, two blocks per scalar. Wiped when dropped.
pub(crate) struct Randomness {
    seed: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Randomness")
    }
}

impl Randomness {
    /// A stream from a fresh seed.
    pub(crate) fn from_os() -> Result<Self, ProveError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| ProveError::Randomness)?;
        Ok(Self { seed, counter: 0 })
    }

    /// A reproducible stream. Two proofs from one seed reveal the witness: only for test vectors.
    #[cfg(any(test, feature = "insecure-test-seed"))]
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed: Zeroizing::new(seed), counter: 0 }
    }

    /// The next scalar.
    pub(crate) fn scalar(&mut self) -> Fr {
        let mut bytes = Zeroizing::new([0; 64]);
        for half in bytes.chunks_exact_mut(32) {
            let mut block = keccak(&[self.seed.as_slice(), &word(self.counter)]);
            half.copy_from_slice(&block);
            block.zeroize();
            self.counter += 1;
        }
        wide(&bytes)
    }

    /// The next `N` scalars.
    pub(crate) fn scalars<const N: usize>(&mut self) -> [Fr; N] {
        core::array::from_fn(|_| self.scalar())
    }
}
