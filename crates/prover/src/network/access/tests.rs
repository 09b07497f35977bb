//! Accesses against their definition.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::dense::add_all_hats;
use super::{Bases, closed, dense, geometric};
use crate::encoding::signed;
use crate::mle;
use crate::network::program::{Access, LANE, Monomial, Tensor, Var};
use crate::testing::Xorshift;

fn scalar(rng: &mut Xorshift) -> Fr {
    Fr::from(rng.next()) * Fr::from(rng.next()) + Fr::from(rng.next())
}

/// Challenges as they are.
struct Plain {
    alpha: Fr,
    chi: Fr,
    theta: Fr,
}

impl Plain {
    fn monomial(&self, m: &Monomial) -> Fr {
        self.alpha.pow([u64::from(m.alpha)]) * self.chi.pow([u64::from(m.chi)]) * self.theta.pow([u64::from(m.theta)])
    }
}

/// Every point of the box that counts: `(indices, position, weight)`.
fn points(a: &Access, t: &Tensor, plain: &Plain) -> Vec<(Vec<u32>, usize, Fr)> {
    let mut out = Vec::new();
    let mut index = vec![0u32; a.vars.len()];
    loop {
        let inside = a.triangle.is_none_or(|(s, w)| index[usize::from(w)] <= index[usize::from(s)]);
        let mut x: Vec<i64> = a.offsets.iter().map(|o| i64::from(*o)).collect();
        let mut weight = signed(a.coefficient) * plain.monomial(&a.monomial);
        for (v, i) in a.vars.iter().zip(&index) {
            weight *= plain.monomial(&v.weight).pow([u64::from(*i)]);
            if let Some((axis, stride)) = v.target.filter(|t| t.0 != LANE) {
                x[usize::from(axis)] += i64::from(stride * i);
            }
        }
        if inside && x.iter().zip(&t.dims).all(|(x, d)| (0..i64::from(*d)).contains(x)) {
            let x: Vec<u32> = x.iter().map(|x| *x as u32).collect();
            out.push((index.clone(), t.position(&x), weight));
        }
        // The next index of the box.
        let Some(v) = (0..index.len()).rev().find(|v| index[*v] + 1 < a.vars[*v].size) else {
            return out;
        };
        index[v] += 1;
        index[v + 1..].fill(0);
    }
}

/// A random tensor and access with every feature that has a closed form.
fn random(rng: &mut Xorshift) -> (Tensor, Access) {
    let mut below = |n: u64| rng.below(n) as u32;
    let axes = 1 + below(3) as usize;
    let mut t = Tensor { kind: 0, base: 0, dims: (0..axes).map(|_| 1 + below(6)).collect() };
    let triangle = axes == 3 && below(2) == 0;
    if triangle {
        t.dims[2] = t.dims[1];
    }
    t.base = below(4) * t.unit() as u32;
    let mut monomial = || {
        let mut e = || if below(2) == 0 { 0 } else { below(9) };
        Monomial { alpha: e(), chi: e(), theta: e() }
    };
    let first = monomial();
    let weights: Vec<Monomial> = (0..5).map(|_| monomial()).collect();
    let mut a = Access {
        tensor: 0,
        view: 0,
        view2: None,
        coefficient: i64::from(below(19)) - 9,
        monomial: first,
        offsets: t.dims.iter().map(|_| below(7) as i32 - 3).collect(),
        triangle: None,
        vars: Vec::new(),
    };
    if triangle {
        let d = t.dims[1];
        let other = if below(2) == 0 { None } else { Some((2, 1)) };
        let mut pair = [
            Var { size: d, weight: weights[1], target: Some((1, 1)) },
            Var { size: d, weight: weights[2], target: other },
        ];
        if below(2) == 0 {
            pair.swap(0, 1);
        }
        a.vars = vec![Var { size: t.dims[0], weight: weights[0], target: Some((0, 1)) }, pair[0], pair[1]];
        a.offsets[1] = 0;
        a.offsets[2] = 0;
        a.triangle = if below(2) == 0 { Some((1, 2)) } else { Some((2, 1)) };
    } else {
        for weight in weights.iter().take(1 + below(4) as usize) {
            let target = match below(axes as u64 + 1) as usize {
                0 => None,
                axis => Some((axis as u8 - 1, 1 + below(4))),
            };
            a.vars.push(Var { size: 1 + below(6), weight: *weight, target });
        }
    }
    (t, a)
}

#[test]
fn closed_forms_and_tables_are_the_definition() {
    let mut rng = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut used = 0;
    for _ in 0..5000 {
        let (t, a) = random(&mut rng);
        let plain = Plain { alpha: scalar(&mut rng), chi: scalar(&mut rng), theta: scalar(&mut rng) };
        let bases = Bases::new(plain.alpha, plain.chi, plain.theta).unwrap();
        let bits = (t.end() as usize).next_power_of_two().trailing_zeros() as usize + 1;
        let mut expected = vec![Fr::ZERO; 1 << bits];
        let box_points = points(&a, &t, &plain);
        box_points.iter().for_each(|(_, position, weight)| expected[*position] += weight);
        used += usize::from(!box_points.is_empty());

        let mut table = vec![Fr::ZERO; t.end() as usize - t.base as usize];
        dense::add(&mut table, t.base as usize, &a, &t, &bases, Fr::ONE);
        assert_eq!(table, expected[t.base as usize..t.end() as usize], "{t:?} {a:?}");

        let r: Vec<Fr> = (0..bits).map(|_| scalar(&mut rng)).collect();
        assert_eq!(closed::evaluate(&a, &t, &bases, &r), mle::evaluate(&expected, &r), "{t:?} {a:?}");
    }
    assert!(used > 2000, "accesses that read something: {used}");
}

/// Also with triangles and lanes: the values of the views differ.
#[test]
fn hats_are_the_coefficients_of_theta() {
    let mut rng = Xorshift(77);
    let (mut triangles, mut lanes) = (0, 0);
    for _ in 0..1000 {
        let (t, mut a) = random(&mut rng);
        if rng.below(3) == 0 {
            let weight = Monomial { alpha: 3, chi: 0, theta: rng.below(5) as u32 };
            a.vars.push(Var { size: 1 + rng.below(3) as u32, weight, target: Some((LANE, 2)) });
            lanes += 1;
        }
        triangles += usize::from(a.triangle.is_some());
        let plain = Plain { alpha: scalar(&mut rng), chi: scalar(&mut rng), theta: Fr::ONE };
        let bases = Bases::new(plain.alpha, plain.chi, scalar(&mut rng)).unwrap();
        let start = t.base as usize;
        let values: Vec<Vec<Fr>> =
            (0..6).map(|_| (start..t.end() as usize).map(|_| scalar(&mut rng)).collect()).collect();
        let length = 1 + crate::network::program::bounds::theta_span(&a).1 as usize;
        let mut expected = vec![Fr::ZERO; length];
        // With `theta = 1` the weight is that of everything else.
        for (index, position, weight) in points(&a, &t, &plain) {
            let steps = a.vars.iter().zip(&index).map(|(v, i)| (v.weight.theta * i) as usize);
            let lane = a.vars.iter().position(|v| v.target == Some((LANE, 2)));
            let view = lane.map_or(0, |v| 2 * index[v] as usize);
            expected[a.monomial.theta as usize + steps.sum::<usize>()] += weight * values[view][position - start];
        }
        let mut hats = vec![Fr::ZERO; length];
        add_all_hats(&mut hats, |view| values[view].clone(), start, &a, &t, &bases);
        assert_eq!(hats, expected, "{t:?} {a:?}");
    }
    assert!(triangles > 100 && lanes > 100);
}

#[test]
fn geometric_sums() {
    let base = Fr::from(7u64);
    let mut sum = Fr::ZERO;
    for n in 0..40u64 {
        assert_eq!(geometric(base, n), sum);
        assert_eq!(geometric(Fr::ONE, n), Fr::from(n));
        sum += base.pow([n]);
    }
}
