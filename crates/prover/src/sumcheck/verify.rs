//! §7 V3: the round checks.

use ark_bn254::Fr;
use ark_ff::{Field, MontFp};

/// `1/2` and `1/6` mod `r`.
const HALF: Fr = MontFp!("10944121435919637611123202872628637544274182200208017171849102093287904247809");
const SIXTH: Fr = MontFp!("18240202393199396018538671454381062573790303667013361953081836822146507079681");

/// The cubic through `(0, e0), (1, claim - e0), (2, e2), (3, e3)` at `x`.
pub(crate) fn cubic(claim: Fr, [e0, e2, e3]: &[Fr; 3], x: Fr) -> Fr {
    let e1 = claim - e0;
    // Newton's forward differences: e0 + d1 x + d2 x(x-1)/2 + d3 x(x-1)(x-2)/6.
    let d1 = e1 - e0;
    let d2 = *e2 - e1 - d1;
    let d3 = *e3 - *e2 - (*e2 - e1) - d2;
    let one = Fr::ONE;
    let two = one + one;
    let falling2 = x * (x - one);
    *e0 + d1 * x + d2 * HALF * falling2 + d3 * SIXTH * falling2 * (x - two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_inverses() {
        assert_eq!(HALF * Fr::from(2u64), Fr::ONE);
        assert_eq!(SIXTH * Fr::from(6u64), Fr::ONE);
    }

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
