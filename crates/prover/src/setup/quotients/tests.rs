//! Every point against the value that a known tau gives, and the pairing checks of §3.

use ark_bn254::{Bn254, Fr, G2Affine};
use ark_ec::{AffineRepr, pairing::Pairing};
use ark_ff::{Field, UniformRand};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    kernels::msm,
    srs::{Srs, test_srs},
};

const SEED: u64 = 0x7175_6f74;
const LEVELS: [Level; 4] = [Level::One, Level::Two { rho2: 1 }, Level::Two { rho2: 2 }, Level::Two { rho2: 3 }];

fn rng() -> StdRng {
    println!("seed {SEED:#x}");
    StdRng::seed_from_u64(SEED)
}

/// Random rows: positions `0..used` of a block, a tenth of them without a weight.
fn rows(count: usize, block: usize, used: usize, rng: &mut StdRng) -> WeightRows {
    let extremes = [i32::MIN, i32::MAX, -1, 1, 255, -256];
    let row = |rng: &mut StdRng| {
        let weights = (0..used as u32 - 2).filter(|_| rng.gen_bool(0.9)).collect::<Vec<_>>();
        let weights = weights.into_iter().map(|p| (p, rng.gen_range(-127..=127i8))).collect();
        let bias = extremes[rng.gen_range(0..extremes.len())];
        WeightRow { weights, biases: vec![(used as u32 - 2, bias), (used as u32 - 1, rng.r#gen())] }
    };
    let mut rows: Vec<_> = (0..count).map(|_| row(rng)).collect();
    if count > 4 {
        // A row without a weight, and a second copy of another one.
        rows[2] = WeightRow { weights: Vec::new(), biases: Vec::new() };
        rows[4] = rows[3].clone();
    }
    WeightRows { block, rows }
}

/// `F_i(x)` for all rows.
fn evaluate(rows: &WeightRows, x: Fr) -> Vec<Fr> {
    let powers: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |p| Some(*p * x)).take(rows.block).collect();
    let row = |row: &WeightRow| {
        let weights = row.weights.iter().map(|(p, w)| powers[*p as usize] * Fr::from(*w));
        let biases = row.biases.iter().map(|(p, b)| powers[*p as usize] * Fr::from(*b));
        weights.chain(biases).sum()
    };
    rows.rows.iter().map(row).collect()
}

/// tau of the TEST SRS, by its definition.
fn tau() -> Fr {
    use ark_ff::PrimeField;
    use sha3::Digest;
    let hash = sha3::Keccak256::digest(b"zkinfer TEST SRS: never use in production");
    Fr::from_be_bytes_mod_order(&hash)
}

/// `sum_i x^i values[i]`.
fn horner(values: &[Fr], x: Fr) -> Fr {
    values.iter().rev().fold(Fr::ZERO, |sum, value| sum * x + value)
}

fn check_against_tau(rows: &WeightRows, level: Level, powers: &[RawPoint]) {
    let found = commit(rows, powers, level);
    let at_tau = evaluate(rows, tau());
    let shift = tau().pow([rows.block as u64]);
    let point = |values: &[Fr]| (G1Affine::generator() * horner(values, shift)).into_affine();
    assert_eq!(found.c_f, point(&at_tau));
    assert_eq!(commit_model(rows, powers), found.c_f);
    let count = at_tau.len();
    let expected: Vec<G1Affine> = match level {
        Level::One => (1..count).map(|d| point(&at_tau[d..])).collect(),
        Level::Two { rho2 } => {
            let r2 = 1usize << rho2;
            let blocks = count.div_ceil(r2);
            let outer = (1..blocks).map(|c| point(&at_tau[c * r2..]));
            let inner = (0..blocks).flat_map(|c| (1..r2).map(move |e| (c, e)));
            let inner = inner.filter(|(c, e)| c * r2 + e < count);
            let inner = inner.map(|(c, e)| point(&at_tau[c * r2 + e..count.min((c + 1) * r2)]));
            outer.chain(inner).collect()
        }
    };
    assert_eq!(found.quotient_points, expected, "{count} rows, {level:?}");
}

#[test]
fn all_points_are_those_of_a_known_tau() {
    let mut rng = rng();
    let srs = test_srs(16 * 17).unwrap();
    for count in [1, 2, 3, 4, 5, 7, 8, 9, 16, 17] {
        let rows = rows(count, 16, 13, &mut rng);
        for level in LEVELS {
            check_against_tau(&rows, level, srs.powers());
        }
    }
}

#[test]
fn models_of_several_chunks() {
    let mut rng = rng();
    let rows = rows(40, 2048, 1700, &mut rng);
    let srs = test_srs(40 * 2048).unwrap();
    check_against_tau(&rows, Level::Two { rho2: 3 }, srs.powers());
    // The same bases as points that are not raw.
    let bases: Vec<G1Affine> = srs.powers().iter().map(from_raw).collect();
    assert_eq!(commit_model(&rows, &bases), commit_model(&rows, srs.powers()));
}

/// What a verifier checks: `C_f - C_g + alpha C_q1 + A_2 C_q2` against both quotients.
struct Division {
    alpha: Fr,
    factor: Fr,
    c_f: G1Affine,
    g: Vec<Fr>,
    c_q1: G1Affine,
    c_q2: G1Affine,
    block: usize,
    rows_per_block: usize,
}

impl Division {
    fn new(rows: &WeightRows, level: Level, srs: &Srs, alpha: Fr) -> Self {
        let model = commit(rows, srs.powers(), level);
        let count = rows.rows.len();
        let mut g = vec![Fr::ZERO; rows.block];
        let mut power = Fr::ONE;
        for row in &rows.rows {
            row.weights.iter().for_each(|(p, w)| g[*p as usize] += power * Fr::from(*w));
            row.biases.iter().for_each(|(p, b)| g[*p as usize] += power * Fr::from(*b));
            power *= alpha;
        }
        let powers = |x: Fr| std::iter::successors(Some(Fr::ONE), move |p| Some(*p * x));
        let r2 = match level {
            Level::One => count,
            Level::Two { rho2 } => 1 << rho2,
        };
        let factor = alpha.pow([r2 as u64]);
        let outer = count.div_ceil(r2) - 1;
        let (outer, inner) = model.quotient_points.split_at(outer);
        let weights: Vec<Fr> = powers(factor)
            .take(count.div_ceil(r2))
            .flat_map(|a| powers(alpha).take(r2 - 1).map(move |b| a * b))
            .take(inner.len())
            .collect();
        let weights_outer: Vec<Fr> = powers(factor).take(outer.len()).collect();
        let (c_q1, c_q2) = (msm(inner, &weights), msm(outer, &weights_outer));
        let (c_f, block) = (model.c_f, rows.block);
        Self { alpha, factor, c_f, g, c_q1, c_q2, block, rows_per_block: r2 }
    }

    fn holds(&self, srs: &Srs) -> bool {
        let in_g2 = |i: usize| (G2Affine::generator() * tau().pow([i as u64])).into_affine();
        let left = self.c_q1 * self.alpha + self.c_q2 * self.factor + self.c_f;
        let left = left - msm(srs.powers(), &self.g);
        let right =
            Bn254::multi_pairing([self.c_q1, self.c_q2], [in_g2(self.block), in_g2(self.block * self.rows_per_block)]);
        Bn254::pairing(left.into_affine(), G2Affine::generator()) == right
    }
}

#[test]
fn honest_quotients_pass_the_pairing_check_and_others_do_not() {
    let mut rng = rng();
    let srs = test_srs(16 * 11).unwrap();
    for count in [2, 3, 8, 11] {
        let rows = rows(count, 16, 14, &mut rng);
        for level in LEVELS {
            let alpha = Fr::rand(&mut rng);
            let honest = Division::new(&rows, level, &srs, alpha);
            assert!(honest.holds(&srs), "{count} {level:?}");
            let tampered = |change: &dyn Fn(&mut Division)| {
                let mut other = Division::new(&rows, level, &srs, alpha);
                change(&mut other);
                other.holds(&srs)
            };
            let one = G1Affine::generator();
            assert!(!tampered(&|d| d.g[5] += Fr::ONE));
            assert!(!tampered(&|d| d.c_f = (d.c_f + one).into_affine()));
            assert!(!tampered(&|d| d.c_q1 = (d.c_q1 + one).into_affine()));
            assert!(!tampered(&|d| d.c_q2 = (d.c_q2 + one).into_affine()));
            if honest.c_q1 != honest.c_q2 {
                assert!(!tampered(&|d| std::mem::swap(&mut d.c_q1, &mut d.c_q2)));
            }
        }
    }
}
