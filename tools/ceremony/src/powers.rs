//! Points of both groups: their bytes in snarkjs' files, and whether they are the powers of one tau.

use crate::key::{Key, Row};
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective, g1, g2};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing, short_weierstrass::Affine};
use ark_ff::{BigInt, BigInteger, Field, PrimeField};
use std::collections::BTreeMap;

/// Bytes of a point: coordinates of 32 little-endian bytes in Montgomery form; zeros are the identity.
pub trait Raw: Sized {
    fn read(bytes: &[u8]) -> Result<Self, String>;
    fn write(&self, out: &mut Vec<u8>);
}

/// What the two groups do differently.
pub trait Powers: AffineRepr<ScalarField = Fr> + Raw {
    const GROUP: &str;
    /// The group in which tau is given for the check.
    type Other;
    fn equations(key: Key) -> Vec<(Row, Self)>;
    /// `e(lo, tau) = e(hi, 1)`.
    fn pair(lo: Self::Group, hi: Self::Group, tau: &Self::Other) -> bool;
    fn is_in_group(&self) -> bool;

    fn normalize(points: &[Self::Group]) -> Vec<Self> {
        Self::Group::normalize_batch(points)
    }

    /// Whether the first one is the generator and each is the one before times tau: by one equation between sums with
    /// weights 1, w, w^2, … of a w that is the hash of nothing but this machine's randomness.
    fn are_consecutive(points: &[Self], tau: &Self::Other) -> bool {
        let w = random();
        let weights: Vec<Fr> = std::iter::successors(Some(w), |x| Some(*x * w)).take(points.len() - 1).collect();
        let sum = |points: &[Self]| Self::Group::msm_unchecked(points, &weights);
        let (lo, hi) = (sum(&points[..points.len() - 1]), sum(&points[1..]));
        points[0] == Self::generator() && points.iter().all(Self::is_in_group) && Self::pair(lo, hi, tau)
    }
}

impl Powers for Affine<g1::Config> {
    const GROUP: &str = "G1";
    type Other = G2Affine;

    fn equations(key: Key) -> Vec<(Row, Self)> {
        key.g1
    }

    fn pair(lo: G1Projective, hi: G1Projective, tau: &G2Affine) -> bool {
        Bn254::pairing(lo, tau) == Bn254::pairing(hi, G2Affine::generator())
    }

    fn is_in_group(&self) -> bool {
        // The cofactor is 1.
        self.is_on_curve()
    }
}

impl Powers for Affine<g2::Config> {
    const GROUP: &str = "G2";
    type Other = G1Affine;

    fn equations(key: Key) -> Vec<(Row, Self)> {
        key.g2
    }

    fn pair(lo: G2Projective, hi: G2Projective, tau: &G1Affine) -> bool {
        Bn254::pairing(tau, lo) == Bn254::pairing(G1Affine::generator(), hi)
    }

    fn is_in_group(&self) -> bool {
        self.is_on_curve() && self.is_in_correct_subgroup_assuming_on_curve()
    }
}

impl Raw for Affine<g1::Config> {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let [x, y] = coordinates(bytes)?;
        point(Self::new_unchecked(x, y), bytes, Self::is_on_curve)
    }

    fn write(&self, out: &mut Vec<u8>) {
        [self.x, self.y].iter().for_each(|coordinate| out.extend(coordinate.0.to_bytes_le()));
    }
}

impl Raw for Affine<g2::Config> {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let [x0, x1, y0, y1] = coordinates(bytes)?;
        point(Self::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1)), bytes, Self::is_on_curve)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let coordinates = [self.x.c0, self.x.c1, self.y.c0, self.y.c1];
        coordinates.iter().for_each(|coordinate| out.extend(coordinate.0.to_bytes_le()));
    }
}

fn point<P: AffineRepr>(point: P, bytes: &[u8], is_on_curve: fn(&P) -> bool) -> Result<P, String> {
    if bytes.iter().all(|byte| *byte == 0) {
        Ok(P::zero())
    } else if is_on_curve(&point) {
        Ok(point)
    } else {
        Err("a point is off its curve".into())
    }
}

fn coordinates<const N: usize>(bytes: &[u8]) -> Result<[Fq; N], String> {
    let mut coordinates = [Fq::from(0u64); N];
    let (words, rest) = bytes.as_chunks::<32>();
    if words.len() != N || !rest.is_empty() {
        return Err("a point has another length".into());
    }
    for (coordinate, word) in coordinates.iter_mut().zip(words) {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(word.as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        let value = BigInt(limbs);
        if value >= Fq::MODULUS {
            return Err("a coordinate is not reduced".into());
        }
        *coordinate = Fq::new_unchecked(value);
    }
    Ok(coordinates)
}

/// All powers of a `.ptau` file.
pub fn read_ptau(bytes: &[u8]) -> Result<(Vec<G1Affine>, Vec<G2Affine>), String> {
    let sections = sections(bytes, b"ptau")?;
    let points = |kind: u32| sections.get(&kind).copied().ok_or(format!("the .ptau file has no section {kind}"));
    let g1: Vec<G1Affine> = points(2)?.chunks_exact(64).map(Raw::read).collect::<Result<_, _>>()?;
    let g2: Vec<G2Affine> = points(3)?.chunks_exact(128).map(Raw::read).collect::<Result<_, _>>()?;
    match (g1.get(1), g2.get(1)) {
        (Some(tau_g1), Some(tau_g2))
            if G1Affine::are_consecutive(&g1, tau_g2) && G2Affine::are_consecutive(&g2, tau_g1) =>
        {
            Ok((g1, g2))
        }
        _ => Err("the .ptau file does not have the powers of one tau".into()),
    }
}

/// The sections of a file of snarkjs, by their kind.
pub fn sections<'a>(bytes: &'a [u8], magic: &[u8; 4]) -> Result<BTreeMap<u32, &'a [u8]>, String> {
    if !bytes.starts_with(magic) {
        return Err(format!("it does not begin with {}", String::from_utf8_lossy(magic)));
    }
    let (mut sections, mut at) = (BTreeMap::new(), 12);
    for _ in 0..word(bytes, 8)? {
        let kind = word(bytes, at)?;
        let length = u64::from(word(bytes, at + 4)?) | u64::from(word(bytes, at + 8)?) << 32;
        let end = usize::try_from(length).ok().and_then(|length| (at + 12).checked_add(length));
        let section = end.and_then(|end| bytes.get(at + 12..end)).ok_or("it is cut off")?;
        sections.insert(kind, section);
        at += 12 + section.len();
    }
    Ok(sections)
}

/// Four little-endian bytes.
pub fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let word = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("it is cut off")?;
    Ok(u32::from_le_bytes(*word))
}

/// A number that nobody could know when the files were made.
fn random() -> Fr {
    use std::hash::{BuildHasher, RandomState};
    let word = |i: u64| Fr::from(RandomState::new().hash_one(i));
    (0..4).fold(Fr::from(1u64), |sum, i| sum * Fr::from(2u64).pow([64]) + word(i))
}
