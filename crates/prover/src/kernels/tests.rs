//! Every multiplication against arkworks, on every backend of this machine.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    point::{from_raw, to_raw},
    *,
};

const SEED: u64 = 0x6b65_726e_656c_7331;

fn rng() -> StdRng {
    println!("seed {SEED:#x}");
    StdRng::seed_from_u64(SEED)
}

fn backends() -> Vec<Backend> {
    [Backend::Scalar, Backend::Ifma].into_iter().filter(|b| b.is_available()).collect()
}

/// `n` points without known relations.
fn points(n: usize, rng: &mut StdRng) -> Vec<G1Affine> {
    let start = G1Projective::rand(rng);
    let step = G1Projective::rand(rng);
    let mut at = start;
    let points: Vec<_> = (0..n)
        .map(|_| {
            at += step;
            at
        })
        .collect();
    G1Projective::normalize_batch(&points)
}

fn scalars(n: usize, rng: &mut StdRng) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

fn reference(bases: &[G1Affine], scalars: &[Fr]) -> G1Affine {
    G1Projective::msm_unchecked(bases, scalars).into_affine()
}

fn sizes() -> Vec<usize> {
    let powers = (9..=14).flat_map(|k| [(1 << k) - 1, 1 << k, (1 << k) + 1]);
    (0..=300).chain(powers).collect()
}

#[test]
fn raw_points_round_trip() {
    let mut rng = rng();
    for point in points(20, &mut rng).into_iter().chain([G1Affine::identity()]) {
        assert_eq!(from_raw(&to_raw(&point)), point);
    }
    assert_eq!(to_raw(&G1Affine::identity()), RAW_IDENTITY);
}

#[test]
fn full_scalars_on_every_size() {
    let mut rng = rng();
    let bases = points((1 << 14) + 1, &mut rng);
    let scalars = scalars(bases.len(), &mut rng);
    for n in sizes() {
        let expected = reference(&bases[..n], &scalars[..n]);
        for backend in backends() {
            let jobs: [(&[G1Affine], &[Fr]); 1] = [(&bases[..n], &scalars[..n])];
            assert_eq!(msm_many_with(backend, &jobs), [expected], "{backend} {n}");
        }
    }
}

/// Bases and scalars full of exceptions, by a generator of small numbers.
fn edges(n: usize, rng: &mut StdRng) -> (Vec<G1Affine>, Vec<Fr>) {
    let pool = points(4, rng);
    let bases = (0..n).map(|_| {
        let point = pool[rng.gen_range(0..pool.len())];
        match rng.gen_range(0..5) {
            0 => G1Affine::identity(),
            1 => -point,
            2 => (point + point).into_affine(),
            _ => point,
        }
    });
    let bases = bases.collect();
    let scalars = (0..n).map(|_| match rng.gen_range(0..7) {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::ONE,
        3 => Fr::from(2u64).pow([rng.gen_range(0..254u64)]),
        4 => -Fr::from(rng.gen_range(0..300u64)),
        5 => Fr::from(rng.gen_range(0..300u64)),
        _ => Fr::rand(rng),
    });
    (bases, scalars.collect())
}

#[test]
fn identities_repetitions_and_cancellations() {
    let mut rng = rng();
    for n in (0..60).chain([100, 257, 1000, 3000]) {
        let (bases, scalars) = edges(n, &mut rng);
        let expected = reference(&bases, &scalars);
        let raw: Vec<_> = bases.iter().map(to_raw).collect();
        let table = FixedBase::with_width(&bases, 2 + n % 9);
        for backend in backends() {
            assert_eq!(msm_many_with(backend, &[(&raw[..], &scalars[..])]), [expected], "{n}");
            assert_eq!(table.msm_many_with(backend, &[&scalars]), [expected], "{n}");
        }
    }
    // Nothing but one point, its opposite, or both.
    let point = points(1, &mut rng)[0];
    for n in [2, 3, 64, 1000] {
        let same = vec![point; n];
        let mixed: Vec<_> = (0..n).map(|i| if i % 2 == 0 { point } else { -point }).collect();
        for scalar in [Fr::ONE, -Fr::ONE, Fr::from(3u64), Fr::ZERO, scalars(1, &mut rng)[0]] {
            for bases in [&same, &mixed] {
                let scalars = vec![scalar; n];
                let expected = reference(bases, &scalars);
                for backend in backends() {
                    assert_eq!(msm_many_with(backend, &[(bases, &scalars)]), [expected], "{n}");
                }
            }
        }
    }
}

#[test]
fn joint_multiplications() {
    let mut rng = rng();
    let bases = points(300, &mut rng);
    let all = scalars(300, &mut rng);
    let jobs: Vec<(&[G1Affine], &[Fr])> =
        [0, 1, 17, 300, 256, 0, 3].iter().map(|n| (&bases[300 - n..], &all[..*n])).collect();
    let expected: Vec<_> = jobs.iter().map(|(b, s)| reference(b, s)).collect();
    for backend in backends() {
        assert_eq!(msm_many_with(backend, &jobs), expected);
        assert!(msm_many_with::<G1Affine>(backend, &[]).is_empty());
    }
    // Arguments of different lengths are cut to the shorter one.
    assert_eq!(msm(&bases, &all[..7]), reference(&bases[..7], &all[..7]));
    assert_eq!(msm(&bases[..7], &all), reference(&bases[..7], &all[..7]));
}

#[test]
fn small_scalars() {
    let mut rng = rng();
    let bases = points((1 << 12) + 1, &mut rng);
    for n in (0..=300).chain([511, 1024, 4097]) {
        let bytes: Vec<u8> = (0..n).map(|_| rng.r#gen()).collect();
        let words: Vec<i32> = (0..n).map(|_| rng.r#gen()).collect();
        let signed: Vec<i8> = (0..n).map(|_| rng.r#gen()).collect();
        let as_fr = |values: Vec<i64>| values.into_iter().map(Fr::from).collect::<Vec<_>>();
        let expect = |values: Vec<i64>| reference(&bases[..n], &as_fr(values));
        let by_bytes = expect(bytes.iter().map(|v| i64::from(*v)).collect());
        let by_words = expect(words.iter().map(|v| i64::from(*v)).collect());
        let by_signed = expect(signed.iter().map(|v| i64::from(*v)).collect());
        for backend in backends() {
            assert_eq!(msm_small_with(backend, &bases, &bytes), by_bytes, "{n}");
            assert_eq!(msm_small_with(backend, &bases, &words), by_words, "{n}");
            assert_eq!(msm_small_with(backend, &bases, &signed), by_signed, "{n}");
        }
    }
    for extreme in [i64::MIN, i64::MAX, -1, 0, 1, i64::from(i32::MIN), i64::from(u32::MAX)] {
        let expected = reference(&bases[..3], &[Fr::from(extreme); 3]);
        assert_eq!(msm_small(&bases[..3], &[extreme; 3]), expected, "{extreme}");
    }
}

#[test]
fn byte_columns() {
    let mut rng = rng();
    for n in [0, 1, 2, 255, 256, 257, 1000, 4096] {
        let mut bases = points(n, &mut rng);
        if n > 100 {
            bases[50] = G1Affine::identity();
            bases[60] = bases[61];
            bases[62] = -bases[61];
        }
        let total = bases.iter().sum::<G1Projective>().into_affine();
        let columns: Vec<Vec<u8>> = vec![
            (0..n).map(|_| rng.r#gen()).collect(),
            vec![0; n],
            vec![255; n],
            (0..n).map(|_| if rng.gen_bool(0.9) { 0 } else { rng.r#gen() }).collect(),
        ];
        let slices: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let mut weights = [Fr::ZERO; 256];
        weights.fill_with(|| Fr::rand(&mut rng));
        for (backend, total) in backends().into_iter().flat_map(|b| [(b, None), (b, Some(&total))]) {
            let buckets = ByteBuckets::new_with(backend, &bases, &slices, total);
            let commitments = ByteBuckets::commit_with(backend, &buckets);
            let combined = ByteBuckets::combine_with(backend, &buckets, &weights);
            for (c, column) in columns.iter().enumerate() {
                let values: Vec<Fr> = column.iter().map(|v| Fr::from(*v)).collect();
                assert_eq!(commitments[c], reference(&bases, &values), "{n} {c}");
                let weighted: Vec<Fr> = column.iter().map(|v| weights[usize::from(*v)]).collect();
                assert_eq!(combined[c], reference(&bases, &weighted), "{n} {c}");
                let ones = column.iter().map(|v| Fr::from(u8::from(*v == 255)));
                assert_eq!(buckets[c].sum(255), reference(&bases, &ones.collect::<Vec<_>>()));
            }
        }
    }
}

#[test]
fn tables() {
    let mut rng = rng();
    let bases = points(1025, &mut rng);
    let all = scalars(bases.len(), &mut rng);
    let table = FixedBase::new(&bases);
    assert_eq!((table.len(), table.is_empty()), (1025, false));
    for backend in backends() {
        for n in (0..40).chain([255, 256, 257, 1023, 1024, 1025]) {
            let expected = reference(&bases[..n], &all[..n]);
            assert_eq!(table.msm_many_with(backend, &[&all[..n]]), [expected], "{n}");
        }
        let sparse = vec![(3, all[0]), (1024, all[1]), (3, all[2]), (1025, all[3])];
        let expected = reference(&[bases[3], bases[1024], bases[3]], &[all[0], all[1], all[2]]);
        let sums = table.msm_sparse_with(backend, &[sparse, Vec::new()]);
        assert_eq!(sums, [expected, G1Affine::identity()]);
    }
    assert!(FixedBase::new::<G1Affine>(&[]).msm(&all).is_zero());
    // Edge widths, and Debug does not show points.
    for c in [0, 2, 5, 16, 99] {
        let table = FixedBase::with_width(&bases[..9], c);
        assert_eq!(table.msm(&all), reference(&bases[..9], &all[..9]), "{c}");
        assert!(format!("{table:?}").len() < 200);
    }
}

#[test]
fn multiples_of_one_point() {
    let mut rng = rng();
    let base = points(1, &mut rng)[0];
    let mut all = scalars(1100, &mut rng);
    all[..6].copy_from_slice(&[
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        Fr::from(1u64 << 12),
        Fr::from(1u64 << 13),
        Fr::from((1u64 << 12) + 1),
    ]);
    let expected: Vec<_> = all.iter().map(|s| to_raw(&(base * s).into_affine())).collect();
    let table = Multiples::new(&base);
    for backend in backends() {
        let found = table.of_with(backend, &all);
        // Not only the same points: the same bytes.
        assert_eq!(found, expected);
    }
    assert_eq!(Multiples::new(&G1Affine::identity()).of(&all[..2]), [RAW_IDENTITY; 2]);
    assert!(table.of(&[]).is_empty());
}

#[test]
fn the_portable_backend_can_be_forced() {
    assert_eq!(Backend::active() == Backend::Ifma, Backend::Ifma.is_available());
    force_scalar(true);
    assert_eq!(Backend::active(), Backend::Scalar);
    force_scalar(false);
    assert!(Backend::active().is_available() && Backend::Scalar.is_available());
}
