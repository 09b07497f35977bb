//! §6 M3: the public functions of the summand, in one description for prover and verifier.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use crate::circuit::layout::{Columns, FIRST};
use crate::circuit::pieces::{Pieces, Prefix};
use crate::circuit::{Layout, Saturation, Shape};
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
}

impl Functions {
    pub(crate) fn new(
        shape: &Shape,
        size: Columns,
        c1: &Challenges1,
        c2: &Challenges2,
        rules: Rules,
    ) -> Self {
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
            lambda: powers[..ell + 6].to_vec(),
            output_weight: lambda_of(layers) * c1.alpha.pow([layout.act() as u64]),
            constants: Fr::ZERO,
        };
        this.m.push(0, size.samples, Fr::ONE, c2.mu);
        this.s.push(FIRST, layout.positions, Fr::ONE, Fr::ONE);
        this.e.push(FIRST, layout.constant(1), Fr::ONE, c2.theta);
        for l in 1..=layers {
            let (start, next, constant) =
                (layout.start(l), layout.start(l + 1), layout.constant(l));
            let from = if l == 1 && !rules.on(Rule::MaskPositions) {
                0
            } else {
                start
            };
            this.b.push(
                from,
                next,
                lambda_of(l) * c1.alpha.pow([next as u64]),
                Fr::ONE,
            );
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
                this.hi
                    .push(neurons.0, neurons.1, Fr::from(hi.bound()), Fr::ONE);
                if hi == Saturation::Narrow {
                    this.nw.push(neurons.0, neurons.1, Fr::ONE, Fr::ONE);
                }
            }
        }
        this
    }

    /// `Claim_0` without its mask term `zeta sigma`.
    pub(crate) fn claim(
        &self,
        values: &[PublicValues],
        c1: &Challenges1,
        c2: &Challenges2,
        rules: Rules,
    ) -> Fr {
        let horner = |base: Fr, scalars: &mut dyn Iterator<Item = Fr>| {
            scalars.fold(Fr::ZERO, |sum, s| sum * base + s)
        };
        let first = c2.theta.pow([FIRST as u64]);
        let wires = self.lambda[self.lambda.len() - 1];
        let (mut claim, mut mu) = (Fr::ZERO, Fr::ONE);
        for sample in values {
            let outputs = horner(
                c1.alpha,
                &mut sample
                    .outputs
                    .iter()
                    .rev()
                    .map(|o| crate::encoding::signed(*o)),
            );
            let inputs = horner(
                c2.theta,
                &mut sample.inputs.iter().rev().map(|x| Fr::from(*x)),
            );
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
        let index = |bits: &[Fr]| {
            bits.iter()
                .rev()
                .fold(Fr::ZERO, |sum, bit| sum.double() + bit)
        };
        FunctionValues {
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
