//! An excerpt of a checked SRS, kept beside the keys of a model: what its provers and verifiers need
//! once the setup, which needs a thousand times more powers, is done.
//!
//! `"zkinfer SRS v1\0\0"`, k and n (4 bytes each, little-endian), then the points in the form of a
//! `.ptau` file: k points `[tau^(2^j)]_1`, k points `[tau^(2^j)]_2`, n points `[tau^i]_1`. Nothing
//! follows. Reading repeats every check of §3, so an excerpt is trusted no more than a `.ptau` file.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use ark_bn254::G1Affine;
use ark_ec::AffineRepr;
use ark_ff::BigInteger;

use super::{
    PINNED, Srs, SrsError, check_consecutive,
    error::Section,
    g1::{Bytes, SrsG1},
    pin,
    ptau::read_g2,
};
use crate::kernels::{from_raw, to_raw};

const MAGIC: [u8; 16] = *b"zkinfer SRS v1\0\0";
/// Bytes before the points.
const HEAD: usize = MAGIC.len() + 8;
/// Bytes of a G1 and of a G2 point.
const G1: usize = 64;
const G2: usize = 128;

impl Srs {
    /// Writes the pinned points and the first `powers` powers, or as many as there are.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write_excerpt(&self, powers: usize, mut out: impl Write) -> io::Result<()> {
        let pinned: Vec<_> = (0..PINNED).map_while(|j| self.pinned.g1(j).zip(self.pinned.g2(j))).collect();
        let powers = &self.powers()[..powers.min(self.powers().len())];
        out.write_all(&MAGIC)?;
        // At most 29 points, and at most 2^29 powers.
        out.write_all(&(pinned.len() as u32).to_le_bytes())?;
        out.write_all(&(powers.len() as u32).to_le_bytes())?;
        for (g1, _) in &pinned {
            out.write_all(&to_raw(g1))?;
        }
        for (_, g2) in &pinned {
            for coordinate in [g2.x.c0, g2.x.c1, g2.y.c0, g2.y.c1] {
                // The representation in memory is the Montgomery form.
                out.write_all(&coordinate.0.to_bytes_le())?;
            }
        }
        out.write_all(powers.as_flattened())?;
        out.flush()
    }

    /// Maps what [`Self::write_excerpt`] wrote and checks the first `needed` powers.
    ///
    /// The file must not change while the value exists.
    ///
    /// # Errors
    /// The file cannot be read, is too small, or fails a check.
    pub fn open_excerpt(path: impl AsRef<Path>, needed: usize) -> Result<Self, SrsError> {
        let file = File::open(path)?;
        // SAFETY: as in `Ptau::open`: the map is read only, and the contract excludes that the file changes.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Self::parse_excerpt(Bytes::File(Arc::new(map)), needed)
    }

    /// The same for a file's contents.
    ///
    /// # Errors
    /// There are too few powers, or a check fails.
    pub fn from_excerpt(bytes: impl Into<Arc<[u8]>>, needed: usize) -> Result<Self, SrsError> {
        Self::parse_excerpt(Bytes::Memory(bytes.into()), needed)
    }

    /// How many powers a file of [`Self::write_excerpt`] holds. None of its points is looked at.
    ///
    /// # Errors
    /// The file cannot be read, or has another structure.
    pub fn excerpt_powers(path: impl AsRef<Path>) -> Result<usize, SrsError> {
        let file = File::open(path)?;
        // SAFETY: as above; the map is gone when this returns.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        head(&map).map(|(_, n)| n).ok_or(SrsError::NotExcerpt)
    }

    fn parse_excerpt(bytes: Bytes, needed: usize) -> Result<Self, SrsError> {
        let (k, n) = head(bytes.as_ref()).ok_or(SrsError::NotExcerpt)?;
        let needed = needed.max(2);
        if n < needed {
            return Err(SrsError::TooFewPowers { needed, got: n });
        }
        let all = bytes.as_ref();
        let (g1_end, g2_end) = (HEAD + k * G1, HEAD + k * (G1 + G2));
        let point = |section, index| SrsError::Point { section, index };
        let doubling = SrsG1::checked(bytes.clone(), HEAD..g1_end)?;
        let pinned_g1: Vec<G1Affine> = doubling.powers().iter().map(from_raw).collect();
        let pinned_g2 = all[g1_end..g2_end].chunks_exact(G2).enumerate();
        let pinned_g2 = pinned_g2.map(|(j, raw)| read_g2(raw).ok_or(point(Section::TauG2, 1 << j)));
        let pinned = pin(pinned_g1, pinned_g2.collect::<Result<_, _>>()?)?;
        let g1 = SrsG1::checked(bytes, g2_end..g2_end + needed * G1)?;
        let (tau_g1, tau_g2) = pinned.g1(0).zip(pinned.g2(0)).ok_or(SrsError::Inconsistent)?;
        if tau_g1 == G1Affine::generator() {
            return Err(SrsError::NoContribution);
        }
        if g1.power(0) != Some(G1Affine::generator()) || g1.power(1) != Some(tau_g1) {
            return Err(SrsError::Inconsistent);
        }
        check_consecutive(g1.powers(), &tau_g2)?;
        Ok(Self::new(g1, pinned))
    }
}

/// k and n, if the bytes have the length that they lead to.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let (magic, rest) = bytes.split_first_chunk::<16>()?;
    let (k, rest) = rest.split_first_chunk::<4>()?;
    let (n, rest) = rest.split_first_chunk::<4>()?;
    let (k, n) = (u32::from_le_bytes(*k) as usize, u32::from_le_bytes(*n) as usize);
    let expected = n.checked_mul(G1)?.checked_add(k.min(PINNED) * (G1 + G2))?;
    (*magic == MAGIC && (1..=PINNED).contains(&k) && rest.len() == expected).then_some((k, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::{Ptau, test_srs, write_test_ptau};

    fn ptau(power: u32) -> Srs {
        let mut file = Vec::new();
        write_test_ptau(power, &mut file).unwrap();
        Srs::from_ptau(&Ptau::from_bytes(file).unwrap(), (2 << power) - 1).unwrap()
    }

    fn excerpt(srs: &Srs, powers: usize) -> Vec<u8> {
        let mut out = Vec::new();
        srs.write_excerpt(powers, &mut out).unwrap();
        out
    }

    #[test]
    fn an_excerpt_is_the_same_srs() {
        let srs = ptau(4);
        let bytes = excerpt(&srs, 9);
        assert_eq!(bytes.len(), HEAD + 4 * (G1 + G2) + 9 * G1);
        let read = Srs::from_excerpt(bytes.clone(), 9).unwrap();
        assert_eq!((read.id(), read.pinned(), read.kind()), (srs.id(), srs.pinned(), srs.kind()));
        assert_eq!(read.powers(), &srs.powers()[..9]);
        assert_eq!(excerpt(&read, 9), bytes);
        assert!(matches!(Srs::from_excerpt(bytes, 10), Err(SrsError::TooFewPowers { needed: 10, got: 9 })));
        // All of the TEST SRS: 29 pinned points; not more powers than there are.
        let all = excerpt(&test_srs(5).unwrap(), 100);
        assert_eq!(all.len(), HEAD + PINNED * (G1 + G2) + 5 * G1);
        assert_eq!(Srs::from_excerpt(all, 5).unwrap().id(), srs.id());
    }

    #[test]
    fn every_damage_is_found() {
        let good = excerpt(&ptau(3), 6);
        assert!(matches!(Srs::from_excerpt(&good[..good.len() - 1], 2), Err(SrsError::NotExcerpt)));
        assert!(matches!(Srs::from_excerpt([&good[..], &[0]].concat(), 2), Err(SrsError::NotExcerpt)));
        for at in (0..good.len()).step_by(7).chain(0..HEAD) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Srs::from_excerpt(bad, 6).is_err(), "byte {at}");
        }
        // Points of the curve in the wrong place.
        let at = |i: usize| HEAD + i * G1;
        let (pinned_g1, powers) = (at(0), HEAD + 3 * (G1 + G2));
        for (a, b) in
            [(pinned_g1, at(1)), (powers, powers + G1), (powers + 2 * G1, powers + 3 * G1), (pinned_g1, powers)]
        {
            let mut bad = good.clone();
            let (x, y) = (good[a..a + G1].to_vec(), good[b..b + G1].to_vec());
            bad[a..a + G1].copy_from_slice(&y);
            bad[b..b + G1].copy_from_slice(&x);
            assert!(Srs::from_excerpt(bad, 6).is_err(), "{a} and {b}");
        }
    }

    #[test]
    fn a_file_is_mapped() {
        let path = std::env::temp_dir().join(format!("zkinfer-excerpt-{}", std::process::id()));
        std::fs::write(&path, excerpt(&ptau(3), 6)).unwrap();
        let mapped = Srs::open_excerpt(&path, 6).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(mapped.powers(), ptau(3).g1().prefix(6).unwrap().powers());
        assert!(matches!(Srs::open_excerpt(&path, 6), Err(SrsError::Io(_))));
    }
}
