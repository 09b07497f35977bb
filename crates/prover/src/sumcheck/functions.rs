//! §6 M3: the public functions of the summand, in one description for prover and verifier.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use crate::circuit::layout::{Columns, FIRST};
use crate::circuit::pieces::{Pieces, Prefix};
use crate::circuit::{Layout, Saturation, Shape, Side};
use crate::mle;
use crate::rules::{Rule, Rules};
use crate::statement::PublicValues;
use crate::transcript::{Challenges1, Challenges2};

/// `A, B, E, S, HI, NW` as functions of the position `p`, and `M` of the sample `k`.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) a: Pieces,
    pub(crate) b: Pieces,
    pub(crate) e: Pieces,
    pub(crate) s: Pieces,
    pub(crate) hi: Pieces,
    pub(crate) nw: Pieces,
    pub(crate) m: Pieces,
    /// `- lambda^{ell+5} E_x` and `lambda_L E_o`, for the committed sides.
    pub(crate) committed: Vec<Pieces>,
    /// `lambda^0 .. lambda^{ell+5}`.
    pub(crate) lambda: Vec<Fr>,
    /// `lambda_L alpha^{act}`, the weight of the outputs in `Claim_0`.
    output_weight: Fr,
    /// `sum_l theta^{c_l}`, what the constant wires of a sample add to `Claim_0`.
    constants: Fr,
}

/// The values of the public functions at one point.
#[derive(Debug)]
pub(crate) struct FunctionValues {
    pub(crate) a: Fr,
    pub(crate) b: Fr,
    pub(crate) e: Fr,
    pub(crate) s: Fr,
    pub(crate) hi: Fr,
    pub(crate) nw: Fr,
    pub(crate) m: Fr,
    pub(crate) es: Fr,
    /// `T~ = sum_{i<8} 2^i r_i`.
    pub(crate) t: Fr,
    /// `I~ = sum_i 2^i r_i`.
    pub(crate) i: Fr,
    /// `Z~` times the functions of the committed sides.
    pub(crate) committed: Vec<Fr>,
}

impl Functions {
    pub(crate) fn new(shape: &Shape, size: Columns, c1: &Challenges1, c2: &Challenges2, rules: Rules) -> Self {
        let layout = Layout::new(shape);
        let (ell, layers) = (shape.limbs(), shape.layers());
        let powers = mle::powers(c2.lambda, ell + 6 + layers);
        let lambda_of = |l: usize| powers[ell + 5 + l];
        let mut this = Self {
            a: Pieces::default(),
            b: Pieces::default(),
            e: Pieces::default(),
            s: Pieces::default(),
            hi: Pieces::default(),
            nw: Pieces::default(),
            m: Pieces::default(),
            committed: Vec::new(),
            lambda: powers[..ell + 6].to_vec(),
            output_weight: lambda_of(layers) * c1.alpha.pow([layout.act() as u64]),
            constants: Fr::ZERO,
        };
        this.m.push(0, size.samples, Fr::ONE, c2.mu);
        this.s.push(FIRST, layout.positions, Fr::ONE, Fr::ONE);
        for side in shape.committed().sides() {
            let mut pieces = Pieces::default();
            let end = FIRST + shape.width(side);
            match side {
                Side::Inputs if rules.on(Rule::CommittedInputs) => {
                    let end = if rules.on(Rule::TensorEnd) { end } else { end + 1 };
                    pieces.push(FIRST, end, -powers[ell + 5], c2.theta);
                }
                Side::Outputs if rules.on(Rule::CommittedOutputs) => {
                    // alpha^{act - 2 + p}
                    let weight = lambda_of(layers) * c1.alpha.pow([(layout.act() - FIRST) as u64]);
                    let first = if rules.on(Rule::TensorPositions) { FIRST } else { 0 };
                    pieces.push(first, end, weight, c1.alpha);
                }
                _ => {}
            }
            this.committed.push(pieces);
        }
        if !shape.committed().inputs || rules.on(Rule::CommittedInputs) {
            this.e.push(FIRST, layout.constant(1), Fr::ONE, c2.theta);
        }
        for l in 1..=layers {
            let (start, next, constant) = (layout.start(l), layout.start(l + 1), layout.constant(l));
            let from = if l == 1 && !rules.on(Rule::MaskPositions) { 0 } else { start };
            if l < layers || !shape.committed().outputs || rules.on(Rule::CommittedOutputs) {
                this.b.push(from, next, lambda_of(l) * c1.alpha.pow([next as u64]), Fr::ONE);
            }
            if rules.on(Rule::Constants) {
                this.e.push(constant, constant + 1, Fr::ONE, c2.theta);
                this.constants += c2.theta.pow([constant as u64]);
            }
            if l == layers {
                break;
            }
            // The neurons of hidden layer `l`: everything layer `l + 1` reads but its constant wire.
            let neurons = (next, layout.constant(l + 1));
            this.a.push(neurons.0, neurons.1, lambda_of(l), c1.alpha);
            if let Some(hi) = shape.saturation().map(|s| s[l - 1]) {
                this.hi.push(neurons.0, neurons.1, Fr::from(hi.bound()), Fr::ONE);
                if hi == Saturation::Narrow {
                    this.nw.push(neurons.0, neurons.1, Fr::ONE, Fr::ONE);
                }
            }
        }
        this
    }

    /// `Claim_0` without its mask term `zeta sigma`. A committed side has no elements in `values`, so
    /// what they would add is missing, as §10 has it.
    pub(crate) fn claim(&self, values: &[PublicValues], c1: &Challenges1, c2: &Challenges2, rules: Rules) -> Fr {
        let horner = |base: Fr, scalars: &mut dyn Iterator<Item = Fr>| scalars.fold(Fr::ZERO, |sum, s| sum * base + s);
        let first = c2.theta.pow([FIRST as u64]);
        let wires = self.lambda[self.lambda.len() - 1];
        let (mut claim, mut mu) = (Fr::ZERO, Fr::ONE);
        for sample in values {
            let outputs = horner(c1.alpha, &mut sample.outputs.iter().rev().map(|o| crate::encoding::signed(*o)));
            let inputs = horner(c2.theta, &mut sample.inputs.iter().rev().map(|x| Fr::from(*x)));
            if rules.on(Rule::Layer) {
                claim -= mu * self.output_weight * outputs;
            }
            if rules.on(Rule::Wires) {
                claim += mu * wires * (first * inputs + self.constants);
            }
            mu *= c2.mu;
        }
        claim
    }

    /// V4: all values at `r`, in `O(pieces * l)`.
    pub(crate) fn evaluate(&self, size: Columns, xi: &[Fr], r: &[Fr]) -> FunctionValues {
        let (r_k, r_p) = r.split_at(size.kappa);
        let (xi_k, xi_p) = xi.split_at(size.kappa);
        let real = Prefix::eq(xi_p, r_p);
        let eq_k = Prefix::eq(xi_k, r_k).up_to(size.k());
        let index = |bits: &[Fr]| bits.iter().rev().fold(Fr::ZERO, |sum, bit| sum.double() + bit);
        let first_sample: Fr = r_k.iter().map(|r| Fr::ONE - r).product();
        FunctionValues {
            committed: self.committed.iter().map(|pieces| first_sample * pieces.evaluate(r_p)).collect(),
            a: self.a.evaluate(r_p),
            b: self.b.evaluate(r_p),
            e: self.e.evaluate(r_p),
            s: self.s.evaluate(r_p),
            hi: self.hi.evaluate(r_p),
            nw: self.nw.evaluate(r_p),
            m: self.m.evaluate(r_k),
            es: eq_k * (real.up_to(size.positions) - real.up_to(FIRST)),
            t: index(&r[..8]),
            i: index(r),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Committed;
    use crate::testing::Xorshift;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        /// What the prover tabulates and what the verifier evaluates are the same functions.
        #[test]
        fn closed_forms_are_the_dense_extensions(
            dims in prop::collection::vec(1usize..90, 2..6),
            saturate in any::<bool>(),
            samples in 1usize..6,
            seed in any::<u64>(),
        ) {
            let mut rng = Xorshift(seed | 1);
            let hidden = dims.len() - 2;
            let mut bound = |_| if rng.below(2) == 0 { Saturation::Narrow } else { Saturation::Wide };
            let saturation = saturate.then(|| (0..hidden).map(&mut bound).collect());
            let committed = Committed { inputs: rng.below(2) == 0, outputs: rng.below(2) == 0 };
            let shape = Shape::new(dims, saturation).unwrap().with_committed(committed).unwrap();
            let size = Layout::new(&shape).columns(samples).unwrap();
            let mut scalar = || Fr::from(rng.next()) * Fr::from(rng.next()) + Fr::from(rng.next());
            let c1 = Challenges1 { alpha: scalar(), beta: scalar() };
            let xi: Vec<Fr> = (0..size.variables()).map(|_| scalar()).collect();
            let c2 = Challenges2 { lambda: scalar(), mu: scalar(), theta: scalar(), zeta: scalar(), c_d: scalar(), xi };
            let r: Vec<Fr> = (0..size.variables()).map(|_| scalar()).collect();
            let f = Functions::new(&shape, size, &c1, &c2, Rules::default());
            let got = f.evaluate(size, &c2.xi, &r);
            let (r_k, r_p) = r.split_at(size.kappa);
            let dense = |pieces: &Pieces| mle::evaluate(&pieces.table(size.positions), r_p);
            prop_assert_eq!(got.a, dense(&f.a));
            prop_assert_eq!(got.b, dense(&f.b));
            prop_assert_eq!(got.e, dense(&f.e));
            prop_assert_eq!(got.s, dense(&f.s));
            prop_assert_eq!(got.hi, dense(&f.hi));
            prop_assert_eq!(got.nw, dense(&f.nw));
            for (got, pieces) in got.committed.iter().zip(&f.committed) {
                let first = mle::evaluate(&[Fr::ONE], r_k);
                prop_assert_eq!(*got, first * dense(pieces));
            }
            prop_assert_eq!(got.m, mle::evaluate(&f.m.table(size.k()), r_k));
            let mut es = mle::eq_table(&c2.xi);
            es.iter_mut().enumerate().for_each(|(a, e)| {
                if !(size.first_real()..size.real()).contains(&a) {
                    *e = Fr::ZERO;
                }
            });
            prop_assert_eq!(got.es, mle::evaluate(&es, &r));
            let table = |value: &dyn Fn(usize) -> usize| (0..size.n()).map(|a| Fr::from(value(a) as u64)).collect::<Vec<_>>();
            prop_assert_eq!(got.t, mle::evaluate(&table(&|a| a % 256), &r));
            prop_assert_eq!(got.i, mle::evaluate(&table(&|a| a), &r));
        }
    }
}
