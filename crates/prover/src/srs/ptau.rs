//! Reading `.ptau` files (snarkjs, version 1).
//!
//! All integers are little-endian. `"ptau"`, version (4 bytes), number of sections (4 bytes);
//! then per section its kind (4 bytes), length (8 bytes) and contents. Section 1: bytes of a
//! field element (4 bytes, 32), q, power p (4 bytes), power of the ceremony (4 bytes). Section
//! 2: `2^(p+1) - 1` points `[tau^i]_1`. Section 3: `2^p` points `[tau^i]_2`. Coordinates are
//! 32 bytes in Montgomery form (`a 2^256 mod q`), those of G2 in the order c0, c1. Other
//! sections are skipped.

use std::{fs::File, ops::Range, path::Path, sync::Arc};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};

use super::{
    error::{Section, SrsError},
    g1::{Bytes, SrsG1, coordinate},
};

pub(super) const MAGIC: [u8; 4] = *b"ptau";
pub(super) const VERSION: u32 = 1;
/// Bytes of a coordinate.
pub(super) const COORDINATE: u32 = 32;
/// Bytes of the header section.
pub(super) const HEADER: u64 = 44;
/// Bytes of the header section of a file that was cut down.
const PRUNED_HEADER: u64 = 40;
/// The largest power: 2-adicity of r, which bounds every ceremony for BN254.
const MAX_POWER: u32 = 28;
/// A prepared file has 11 sections; more than this is no `.ptau` file.
const MAX_SECTIONS: u32 = 64;
/// Bytes of a G1 and of a G2 point.
const G1: u64 = 64;
const G2: u64 = 128;

/// A `.ptau` file whose structure has been checked; its points have not.
#[derive(Clone)]
pub struct Ptau {
    bytes: Bytes,
    power: u32,
    tau_g1: Range<usize>,
    tau_g2: Range<usize>,
}

impl std::fmt::Debug for Ptau {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ptau").field("power", &self.power).finish_non_exhaustive()
    }
}

impl Ptau {
    /// Maps a file into memory and reads its section table. Nothing else is read now.
    ///
    /// The file must not change while the value, or an SRS made from it, exists.
    ///
    /// # Errors
    /// The file cannot be read or has another structure.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SrsError> {
        let file = File::open(path)?;
        // SAFETY: the map is read only. A file that changes or shrinks meanwhile breaks this
        // module's promises or ends the process by a signal; the contract above excludes it.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Self::parse(Bytes::File(Arc::new(map)))
    }

    /// The same for a file's contents.
    ///
    /// # Errors
    /// The bytes have another structure.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, SrsError> {
        Self::parse(Bytes::Memory(bytes.into()))
    }

    fn parse(bytes: Bytes) -> Result<Self, SrsError> {
        let all = bytes.as_ref();
        let mut reader = Reader { bytes: all, at: 0 };
        if reader.array().ok() != Some(MAGIC) {
            let page = all.trim_ascii_start().starts_with(b"<");
            return Err(if page { SrsError::Page } else { SrsError::NotPtau });
        }
        match reader.u32()? {
            VERSION => {}
            version => return Err(SrsError::Version(version)),
        }
        let sections = reader.u32()?;
        if sections > MAX_SECTIONS {
            return Err(SrsError::TooManySections(sections));
        }
        let [mut header, mut tau_g1, mut tau_g2] = [None, None, None];
        for _ in 0..sections {
            let kind = reader.u32()?;
            let length = reader.u64()?;
            let range = reader.skip(length)?;
            let (slot, section) = match kind {
                1 => (&mut header, Section::Header),
                2 => (&mut tau_g1, Section::TauG1),
                3 => (&mut tau_g2, Section::TauG2),
                _ => continue,
            };
            if slot.replace(range).is_some() {
                return Err(SrsError::Duplicate(section));
            }
        }
        let header = header.ok_or(SrsError::Missing(Section::Header))?;
        // Pruned files lack the last word.
        if header.len() as u64 != PRUNED_HEADER {
            expect_length(Section::Header, &header, HEADER)?;
        }
        let power = read_header(&all[header.clone()])?;
        let tau_g1 = tau_g1.ok_or(SrsError::Missing(Section::TauG1))?;
        let tau_g2 = tau_g2.ok_or(SrsError::Missing(Section::TauG2))?;
        let (got, expected) = (tau_g2.len() as u64, 1 << power);
        let rest_is_whole = tau_g1.len() as u64 == ((2 << power) - 1) * G1;
        let cut = header.len() as u64 == PRUNED_HEADER || rest_is_whole;
        if cut && got % G2 == 0 && got / G2 < expected {
            return Err(SrsError::Pruned { expected, got: got / G2 });
        }
        expect_length(Section::Header, &header, HEADER)?;
        expect_length(Section::TauG1, &tau_g1, ((2 << power) - 1) * G1)?;
        expect_length(Section::TauG2, &tau_g2, (1 << power) * G2)?;
        Ok(Self { power, tau_g1, tau_g2, bytes })
    }

    /// The power p: the file has `2^(p+1) - 1` powers of tau in G1 and `2^p` in G2.
    #[must_use]
    pub fn power(&self) -> u32 {
        self.power
    }

    /// The first `needed` powers in G1, in place.
    ///
    /// # Errors
    /// There are not as many, or one is not a point of the curve.
    pub fn g1(&self, needed: usize) -> Result<SrsG1, SrsError> {
        let got = self.tau_g1.len() / G1 as usize;
        if needed > got {
            return Err(SrsError::TooFewPowers { needed, got });
        }
        let start = self.tau_g1.start;
        SrsG1::checked(self.bytes.clone(), start..start + needed * G1 as usize)
    }

    /// `[tau^i]_1`, without reading the powers before it.
    ///
    /// # Errors
    /// There is none, or it is not a point of the curve.
    pub fn power_g1(&self, i: usize) -> Result<G1Affine, SrsError> {
        let size = G1 as usize;
        let got = self.tau_g1.len() / size;
        if i >= got {
            return Err(SrsError::TooFewPowers { needed: i.saturating_add(1), got });
        }
        let start = self.tau_g1.start + i * size;
        let one = SrsG1::checked(self.bytes.clone(), start..start + size);
        let error = SrsError::Point { section: Section::TauG1, index: i };
        one.ok().and_then(|one| one.power(0)).ok_or(error)
    }

    /// `[tau^i]_2`, a point of the group of order r other than the identity.
    ///
    /// # Errors
    /// There is none, or it is not such a point.
    pub fn power_g2(&self, i: usize) -> Result<G2Affine, SrsError> {
        let size = G2 as usize;
        let got = self.tau_g2.len() / size;
        if i >= got {
            return Err(SrsError::TooFewPowers { needed: i.saturating_add(1), got });
        }
        let start = self.tau_g2.start + i * size;
        let point = read_g2(&self.bytes.as_ref()[start..start + size])
            .ok_or(SrsError::Point { section: Section::TauG2, index: i })?;
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(SrsError::OutsideSubgroup(i));
        }
        Ok(point)
    }
}

fn expect_length(section: Section, range: &Range<usize>, expected: u64) -> Result<(), SrsError> {
    let got = range.len() as u64;
    if got == expected { Ok(()) } else { Err(SrsError::SectionLength { section, expected, got }) }
}

/// The power in a header section.
fn read_header(bytes: &[u8]) -> Result<u32, SrsError> {
    let mut reader = Reader { bytes, at: 0 };
    let size = reader.u32()?;
    if size != COORDINATE || reader.array::<32>()?[..] != Fq::MODULUS.to_bytes_le() {
        return Err(SrsError::WrongField);
    }
    match reader.u32()? {
        power @ 1..=MAX_POWER => Ok(power),
        power => Err(SrsError::Power(power)),
    }
}

/// A point of the twist other than the identity from x.c0, x.c1, y.c0, y.c1.
pub(super) fn read_g2(bytes: &[u8]) -> Option<G2Affine> {
    let [x0, x1, y0, y1] = bytes.as_chunks().0 else {
        return None;
    };
    let x = Fq2::new(coordinate(x0)?, coordinate(x1)?);
    let y = Fq2::new(coordinate(y0)?, coordinate(y1)?);
    let point = G2Affine::new_unchecked(x, y);
    (!point.is_zero() && point.is_on_curve()).then_some(point)
}

/// A cursor that fails at the end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Passes over `length` bytes.
    fn skip(&mut self, length: u64) -> Result<Range<usize>, SrsError> {
        let got = self.bytes.len() as u64;
        let needed = (self.at as u64).saturating_add(length);
        if needed > got {
            return Err(SrsError::Truncated { needed, got });
        }
        // `needed` is at most the length of a slice.
        let range = self.at..needed as usize;
        self.at = range.end;
        Ok(range)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SrsError> {
        let range = self.skip(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[range]);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, SrsError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, SrsError> {
        self.array().map(u64::from_le_bytes)
    }
}
