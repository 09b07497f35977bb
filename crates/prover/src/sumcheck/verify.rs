//! §7 V3: the round checks.

use ark_bn254::Fr;
use ark_ff::Field;

/// The cubic through `(0, e0), (1, claim - e0), (2, e2), (3, e3)` at `x`.
pub(crate) fn cubic(claim: Fr, [e0, e2, e3]: &[Fr; 3], x: Fr) -> Fr {
    let e1 = claim - e0;
    // Newton's forward differences: e0 + d1 x + d2 x(x-1)/2 + d3 x(x-1)(x-2)/6.
    let d1 = e1 - e0;
    let d2 = *e2 - e1 - d1;
    let d3 = *e3 - *e2 - (*e2 - e1) - d2;
    let one = Fr::ONE;
    let two = one + one;
    // 2 and 6 are not 0 mod r.
    let half = Fr::from(2u64).inverse().unwrap_or_default();
    let sixth = Fr::from(6u64).inverse().unwrap_or_default();
    let falling2 = x * (x - one);
    *e0 + d1 * x + d2 * half * falling2 + d3 * sixth * falling2 * (x - two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_a_cubic() {
        let f = |x: Fr| Fr::from(5u64) + x * (Fr::from(7u64) + x * (Fr::from(11u64) + x * Fr::from(13u64)));
        let at = |x: u64| f(Fr::from(x));
        let claim = at(0) + at(1);
        for x in [0u64, 1, 2, 3, 1 << 40] {
            assert_eq!(cubic(claim, &[at(0), at(2), at(3)], Fr::from(x)), at(x));
        }
    }
}
