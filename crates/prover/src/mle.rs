//! Multilinear extensions; index bits are little-endian.

use ark_bn254::Fr;
use ark_ff::Field;

/// `eq(point, a)` for all `a` in `0..2^len`.
pub(crate) fn eq_table(point: &[Fr]) -> Vec<Fr> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(Fr::ONE);
    for r in point {
        for j in 0..table.len() {
            let high = table[j] * r;
            table[j] -= high;
            table.push(high);
        }
    }
    table
}

/// Fixes variable 0 to `r`; an odd table is continued with 0.
pub(crate) fn fold(table: &mut Vec<Fr>, r: Fr) {
    let half = table.len().div_ceil(2);
    for i in 0..half {
        let low = table[2 * i];
        table[i] = match table.get(2 * i + 1) {
            Some(high) => low + r * (*high - low),
            None => low - r * low,
        };
    }
    table.truncate(half);
}

/// The multilinear extension of `table` (continued with 0) at `point`.
pub(crate) fn evaluate(table: &[Fr], point: &[Fr]) -> Fr {
    let mut table = table.to_vec();
    for r in point {
        fold(&mut table, *r);
    }
    table.first().copied().unwrap_or_default()
}

/// `eq(a, point)` for one index.
pub(crate) fn eq_index(a: usize, point: &[Fr]) -> Fr {
    point.iter().enumerate().map(|(i, r)| if a >> i & 1 == 1 { *r } else { Fr::ONE - r }).product()
}

/// `1, base, base^2, ..` (`len` powers).
pub(crate) fn powers(base: Fr, len: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |p| Some(*p * base)).take(len).collect()
}
