//! Scalars that repeat: an inverse of a lookup has as many values as its table has entries, however many rows look up.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::{
    backend::Backend,
    lists::{Lists, Scratch},
    point::{RAW_IDENTITY, RawPoint, Ref},
};

/// So many rows for every value of theirs are worth summing up first.
const FEW: usize = 8;
/// Fewer rows are not looked at.
const LEAST: usize = 1 << 11;

/// Points and scalars with the same sum of products, where points of one scalar are summed up; `None` where scalars are about
/// as many as rows. Scalars occur once for every thread.
pub(crate) fn merged(backend: Backend, src: &[RawPoint], scalars: &[Fr]) -> Option<(Vec<RawPoint>, Vec<Fr>)> {
    let rows = src.len().min(scalars.len());
    if rows < LEAST {
        return None;
    }
    let mut numbers: HashMap<Fr, u32> = HashMap::new();
    let mut values = Vec::new();
    let mut entries = Vec::new();
    for (i, (scalar, point)) in scalars.iter().zip(src).enumerate() {
        if *scalar == Fr::ZERO || *point == RAW_IDENTITY {
            continue;
        }
        let number = *numbers.entry(*scalar).or_insert_with(|| {
            values.push(*scalar);
            values.len() as u32 - 1
        });
        if values.len() * FEW > rows {
            return None;
        }
        entries.push((number, (i as Ref) << 1));
    }
    let share = entries.len().div_ceil(rayon::current_num_threads()).max(1);
    let sums = entries.par_chunks(share).map(|entries| {
        let lists = Lists::sort(values.len(), || entries.iter().map(|(number, r)| (*number as usize, *r)));
        lists.sum(backend, src, &mut Scratch::default())
    });
    let sums: Vec<Vec<RawPoint>> = sums.collect();
    let filled = sums.iter().flat_map(|sums| sums.iter().zip(&values)).filter(|(sum, _)| **sum != RAW_IDENTITY);
    Some(filled.map(|(sum, value)| (*sum, *value)).unzip())
}

#[cfg(test)]
mod tests {
    use ark_bn254::G1Projective;
    use ark_ec::{CurveGroup, PrimeGroup};
    use ark_ff::Field;

    use super::*;
    use crate::kernels::{msm, point::to_raw};

    #[test]
    fn points_of_one_scalar_are_summed_up() {
        let (g, mut at) = (G1Projective::generator(), G1Projective::generator());
        let points: Vec<G1Projective> = (0..2 * LEAST)
            .map(|_| {
                at += g;
                at
            })
            .collect();
        let src: Vec<RawPoint> = G1Projective::normalize_batch(&points).iter().map(to_raw).collect();
        let of = |count: usize| {
            let value =
                |i: usize| if i.is_multiple_of(5) { Fr::ZERO } else { Fr::from((i * i % count) as u64 + 3).square() };
            (0..src.len()).map(value).collect::<Vec<_>>()
        };
        for backend in [Backend::Scalar, Backend::active()] {
            let few = of(97);
            let (sums, values) = merged(backend, &src, &few).unwrap();
            assert!(values.len() <= 97 * rayon::current_num_threads() && sums.len() == values.len());
            assert_eq!(msm(&sums, &values), msm(&src, &few));
            // One value, and its opposite as another: sums may be the identity, and are left out.
            let mut twice = src.clone();
            twice.truncate(LEAST);
            let opposite = G1Projective::normalize_batch(&points[..LEAST].iter().map(|p| -*p).collect::<Vec<_>>());
            twice.extend(opposite.iter().map(to_raw));
            let same = vec![Fr::from(7u64); twice.len()];
            let (sums, values) = merged(backend, &twice, &same).unwrap();
            assert_eq!(msm(&sums, &values), msm(&twice, &same));
        }
        let many: Vec<Fr> = (0..src.len() as u64).map(Fr::from).collect();
        assert!(merged(Backend::active(), &src, &many).is_none());
        assert!(merged(Backend::active(), &src[..LEAST - 1], &of(97)).is_none());
    }
}
