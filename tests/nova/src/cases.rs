//! Claims about multilinear polynomials, true and false, and what their provers compute.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};

/// A claim, and the polynomial and point that its prover uses. An honest prover uses those of the
/// claim.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// What the claimed commitment commits to.
    pub committed: Vec<Fr>,
    pub point: Vec<Fr>,
    pub value: Fr,
    pub folded: Vec<Fr>,
    pub folded_at: Vec<Fr>,
}

impl Case {
    /// Whether the claim is true: the commitment is to a multilinear polynomial with this value.
    pub fn is_true(&self) -> bool {
        self.committed.len() == 1 << self.point.len() && evaluate(&self.committed, &self.point) == self.value
    }

    /// Whether its prover does what it claims.
    pub fn is_honest(&self) -> bool {
        self.is_true() && self.folded == self.committed && self.folded_at == self.point
    }

    /// Whether both provers, ours and nova's, do the same with it. Ours folds by all coordinates but
    /// the last three: if it differs from the claim in these alone, and the claim is true, it is honest.
    fn is_comparable(&self) -> bool {
        let folds = self.point.len() - 3;
        let same = self.folded == self.committed && self.folded_at[..folds] == self.point[..folds];
        self.is_honest() || !(self.is_true() && same)
    }
}

/// `sum_a p(a) eq(a, point)`, variable 0 is the lowest bit: the definition.
pub fn evaluate(p: &[Fr], point: &[Fr]) -> Fr {
    let eq = |a: usize| -> Fr {
        point.iter().enumerate().map(|(i, r)| if a >> i & 1 == 1 { *r } else { Fr::ONE - r }).product()
    };
    p.iter().enumerate().map(|(a, v)| *v * eq(a)).sum()
}

/// A small seeded generator (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn scalar(&mut self) -> Fr {
        let bytes: Vec<u8> = (0..6).flat_map(|_| self.next().to_be_bytes()).collect();
        Fr::from_be_bytes_mod_order(&bytes)
    }

    fn scalars(&mut self, n: usize) -> Vec<Fr> {
        (0..n).map(|_| self.scalar()).collect()
    }

    /// Each of `choices` where the coin says so.
    fn pick(&mut self, n: usize, choices: &[Fr]) -> Vec<Fr> {
        (0..n).map(|_| choices[self.next() as usize % choices.len()]).collect()
    }
}

fn polynomials(variables: usize, random: &mut Random) -> Vec<(&'static str, Vec<Fr>)> {
    let n = 1 << variables;
    let mut last = vec![Fr::ZERO; n];
    last[n - 1] = Fr::ONE;
    let mut half = random.scalars(n / 2);
    half.resize(n, Fr::ZERO);
    vec![
        ("random", random.scalars(n)),
        ("edge coefficients", random.pick(n, &[Fr::ZERO, Fr::ONE, -Fr::ONE])),
        ("zero", vec![Fr::ZERO; n]),
        ("one", vec![Fr::ONE; n]),
        ("minus one", vec![-Fr::ONE; n]),
        ("constant", vec![random.scalar(); n]),
        ("last coefficient", last),
        ("lower half", half),
    ]
}

fn points(variables: usize, random: &mut Random) -> Vec<(&'static str, Vec<Fr>)> {
    let mut mixed = random.pick(variables, &[Fr::ZERO, Fr::ONE, -Fr::ONE]);
    mixed[variables / 2] = random.scalar();
    vec![
        ("random", random.scalars(variables)),
        ("zeros", vec![Fr::ZERO; variables]),
        ("ones", vec![Fr::ONE; variables]),
        ("vertex", random.pick(variables, &[Fr::ZERO, Fr::ONE])),
        ("edge coordinates", mixed),
    ]
}

/// The honest claim and its falsifications.
fn variations(base: &Case, random: &mut Random) -> Vec<Case> {
    let mut out = vec![base.clone()];
    let mut add = |what: &str, change: &mut dyn FnMut(&mut Case)| {
        let mut case = Case { name: format!("{}: {what}", base.name), ..base.clone() };
        change(&mut case);
        out.push(case);
    };
    for (what, value) in [
        ("value + 1", base.value + Fr::ONE),
        ("value - 1", base.value - Fr::ONE),
        ("minus the value", -base.value),
        ("value 0", Fr::ZERO),
        ("value 1", Fr::ONE),
        ("value r - 1", -Fr::ONE),
        ("a random value", random.scalar()),
    ] {
        add(what, &mut |c| c.value = value);
    }
    // One of those by which both provers fold: ours leaves the last three to the verifier.
    let coordinate = random.next() as usize % (base.point.len() - 3);
    let other = random.scalar();
    add("folded at another point", &mut |c| c.folded_at[coordinate] = other);
    add("value and folds of another point", &mut |c| {
        c.folded_at[coordinate] = other;
        c.value = evaluate(&c.folded, &c.folded_at);
    });
    add("coordinates reversed", &mut |c| c.point.reverse());
    let n = base.committed.len();
    let another = random.scalars(n);
    add("commitment to another polynomial", &mut |c| c.committed.clone_from(&another));
    add("another polynomial folded", &mut |c| c.folded.clone_from(&another));
    add("value and folds of another polynomial", &mut |c| {
        c.folded.clone_from(&another);
        c.value = evaluate(&c.folded, &c.folded_at);
    });
    add("a constant added", &mut |c| {
        c.folded.iter_mut().for_each(|x| *x += Fr::ONE);
        c.value += Fr::ONE;
    });
    add("doubled", &mut |c| {
        c.folded.iter_mut().for_each(|x| *x = x.double());
        c.value = c.value.double();
    });
    add("two coefficients swapped", &mut |c| c.committed.swap(0, n - 1));
    // X^n has the value of X^0 wherever only the low bits are looked at.
    add("a commitment that is too long", &mut |c| {
        c.committed.push(Fr::ONE);
        c.folded[0] += Fr::ONE;
        c.value = evaluate(&c.folded, &c.point);
    });
    out
}

/// All cases for one size: every kind of polynomial at every kind of point.
pub fn cases(variables: usize, random: &mut Random) -> Vec<Case> {
    let mut out = Vec::new();
    let polynomials = polynomials(variables, random);
    for (p_name, p) in polynomials {
        for (point_name, point) in points(variables, random) {
            let base = Case {
                name: format!("{p_name} at {point_name}"),
                value: evaluate(&p, &point),
                committed: p.clone(),
                folded: p.clone(),
                folded_at: point.clone(),
                point,
            };
            out.extend(variations(&base, random).into_iter().filter(Case::is_comparable));
        }
    }
    out
}
