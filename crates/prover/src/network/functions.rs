//! N6: the public functions of the summand, in one description for prover and verifier.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::access::{Bases, closed, dense, geometric, views};
use super::lambda::Lambda;
use super::layout::Size;
use super::ports;
use super::program::{Access, Monomial, Parts, PublicHat, Term};
use crate::circuit::layout::FIRST;
use crate::circuit::pieces::{Pieces, Prefix};
use crate::mle;
use crate::rules::{Rule, Rules};
use crate::transcript::{NetworkChallenges1, NetworkChallenges2};

/// Most weights of values that are told apart in `Y`.
const MAX_SCALES: usize = 4;

/// What weighs the samples of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    /// `mu`.
    Mu,
    /// `psi`: hats of products.
    Psi,
}

/// An access with its weight in `Phi`.
#[derive(Debug)]
struct Weighted<'a> {
    access: &'a Access,
    weight: Fr,
    samples: Samples,
}

/// Functions of a position of `G` and `Y`, and of one of `Y_L` and `Y_R`.
#[derive(Debug, Default)]
struct Hats {
    /// `ZB`: `l_o` on segments.
    segments: Pieces,
    /// `ZBP`: the hats with a closed form; indexed ones are a table, empty without any.
    public: Pieces,
    indexed: Vec<Fr>,
    /// `l_Y ZT`.
    link: Pieces,
    /// `MC` without samples.
    products: Pieces,
    /// `TL` without samples.
    product_link: Pieces,
}

/// All public functions of one proof.
#[derive(Debug)]
pub(crate) struct Functions<'a> {
    p: &'a Parts,
    size: Size,
    pub(crate) bases: Bases,
    pub(crate) gamma: Fr,
    lambda: Lambda,
    accesses: Vec<Weighted<'a>>,
    hats: Hats,
    /// `l_o` and the terms that it weighs.
    terms: Vec<(Fr, &'a [Term])>,
    mu: Fr,
    pub(crate) psi: Fr,
    pub(crate) rules: Rules,
}

/// `Om` of a view, or of a pair, over the positions of its kind.
#[derive(Debug)]
pub(crate) struct Om {
    pub(crate) view: usize,
    pub(crate) second: Option<usize>,
    pub(crate) samples: Samples,
    pub(crate) values: Vec<Fr>,
}

/// `Om` of a view, or of a pair, at one point.
#[derive(Debug)]
pub(crate) struct OmValue {
    pub(crate) kind: usize,
    pub(crate) view: usize,
    pub(crate) second: Option<usize>,
    pub(crate) value: Fr,
}

/// The values of the public functions at one point.
#[derive(Debug)]
pub(crate) struct FunctionValues {
    /// `ES_j` per kind.
    pub(crate) kinds: Vec<Fr>,
    /// `Om`.
    pub(crate) views: Vec<OmValue>,
    pub(crate) es: Fr,
    pub(crate) s: Fr,
    /// The same on rows of samples.
    pub(crate) esn: Fr,
    pub(crate) sn: Fr,
    /// `SLK_i`.
    pub(crate) lookups: Vec<Fr>,
    /// `SR_j`.
    pub(crate) reads: Vec<Fr>,
    /// `Zlo ZB`, `Zlo ZBP`, `Zlo l_Y ZT`.
    pub(crate) hats: [Fr; 3],
    /// `MC`, `TL`.
    pub(crate) products: Fr,
    pub(crate) product_link: Fr,
    /// `Zlo_s E_s`.
    pub(crate) tensors: Vec<Fr>,
    /// `Tin + gamma^2 Tid`.
    pub(crate) table: Fr,
    /// `I`, `SMP`, `POS`.
    pub(crate) index: Fr,
    pub(crate) sample: Fr,
    pub(crate) position: Fr,
}

impl<'a> Functions<'a> {
    /// `None` if `alpha`, `chi` or `theta` is 0. `values[k][port]` are the elements of sample `k`, none of a
    /// committed port.
    pub(crate) fn new(
        p: &'a Parts,
        size: Size,
        c1: &NetworkChallenges1,
        c2: &NetworkChallenges2,
        values: &[Vec<&[i64]>],
        rules: Rules,
    ) -> Option<Self> {
        // Without the rule, `theta` is what is known when hats are sent.
        let theta = if rules.on(Rule::Theta) { c2.theta } else { c1.gamma };
        let bases = Bases::new(c1.alpha, c1.chi, theta)?;
        let lambda = Lambda::new(p, c2.lambda);
        let on = |rule, value: Fr| if rules.on(rule) { value } else { Fr::ZERO };
        let mut this = Self {
            p,
            size,
            hats: Hats::default(),
            accesses: Vec::new(),
            terms: Vec::new(),
            gamma: c1.gamma,
            mu: c1.mu,
            psi: if rules.on(Rule::Psi) { c2.psi } else { c1.mu },
            rules,
            bases,
            lambda,
        };
        let mut next = 0;
        let mut weight = |this: &Self, rule| {
            next += 1;
            on(rule, this.lambda.constraint(next - 1))
        };
        for r in &p.relations {
            let weight = weight(&this, Rule::Relation);
            this.read(&r.accesses, weight, Samples::Mu);
            this.terms.push((weight, &r.terms));
        }
        let link = on(Rule::Link, this.lambda.link(0));
        for op in &p.linear_ops {
            let weight = weight(&this, Rule::Linear);
            this.read(&op.z, weight, Samples::Mu);
            this.read(&op.hats, -link, Samples::Mu);
            this.terms.push((weight, &op.terms));
            this.hats.segments.push(op.segment.0 as usize, op.segment.1 as usize, weight, Fr::ONE);
            op.public_hats.iter().for_each(|hat| this.public_hat(hat, weight, values));
        }
        this.hats.link.push(FIRST, p.hat_end as usize, link, theta);
        let [left, right] = this.product_links();
        for op in &p.product_ops {
            let weight = weight(&this, Rule::Product);
            this.read(&op.z, weight, Samples::Mu);
            this.read(&op.left, -left, Samples::Psi);
            this.read(&op.right, -right, Samples::Psi);
            this.hats.products.push(op.segment.0 as usize, op.segment.1 as usize, weight, Fr::ONE);
        }
        this.hats.product_link.push(FIRST, p.product_end as usize, Fr::ONE, theta);
        Some(this)
    }

    /// Functions of the challenges after M1 alone: what [`Self::hat_values`] and [`Self::product_hats`] need.
    pub(crate) fn for_hats(p: &'a Parts, size: Size, c1: &NetworkChallenges1) -> Option<Self> {
        let one = Fr::ONE;
        let c2 = NetworkChallenges2 { lambda: one, theta: one, psi: one, zeta: one, c_d: one, xi: Vec::new() };
        Self::new(p, size, c1, &c2, &[], Rules::default())
    }

    fn read(&mut self, accesses: &'a [Access], weight: Fr, samples: Samples) {
        self.accesses.extend(accesses.iter().map(|access| Weighted { access, weight, samples }));
    }

    fn public_hat(&mut self, hat: &PublicHat, weight: Fr, values: &[Vec<&[i64]>]) {
        match hat {
            PublicHat::Geometric { start, count, step, monomial, sums } => {
                let (base, inverse) = self.bases.monomial(step);
                let mut weight = weight * self.bases.monomial(monomial).0 * inverse.pow([u64::from(*start)]);
                weight *= geometric(self.mu, self.size.rows.samples as u64);
                for (size, m) in sums {
                    weight *= geometric(self.bases.monomial(m).0, u64::from(*size));
                }
                self.hats.public.push(*start as usize, (*start + *count) as usize, weight, base);
            }
            PublicHat::Indexed { start, stride, port, monomial, first, vars } => {
                self.hats.indexed.resize(self.p.hat_end as usize, Fr::ZERO);
                let mut mu = weight * self.bases.monomial(monomial).0;
                for sample in values {
                    let elements = sample.get(usize::from(*port)).copied().unwrap_or_default();
                    let indexed = &mut self.hats.indexed;
                    ports::each(elements, *first, vars, &self.bases, mu, &mut |element, weight| {
                        // V1: within the bounds of the port, so in the range of positions that the hat claims.
                        let at = *start as usize + *stride as usize * element.unsigned_abs() as usize;
                        if let Some(slot) = indexed.get_mut(at) {
                            *slot += weight;
                        }
                    });
                    mu *= self.mu;
                }
            }
        }
    }

    /// `Claim_0` without its mask term.
    pub(crate) fn claim(&self, values: &[Vec<&[i64]>]) -> Fr {
        let mut claim = Fr::ZERO;
        for (weight, terms) in &self.terms {
            for term in terms.iter().filter(|t| !self.p.is_committed(t.port)) {
                let mut mu = *weight;
                for sample in values {
                    let elements = sample.get(usize::from(term.port)).copied().unwrap_or_default();
                    claim -= mu * ports::term(term, elements, &self.bases);
                    mu *= self.mu;
                }
            }
        }
        claim
    }

    /// `E_s` of every committed port over `0..2 + count`.
    pub(crate) fn tensor_tables(&self) -> Vec<Vec<Fr>> {
        let table = |(port, count): (u8, usize)| {
            let mut out = vec![Fr::ZERO; FIRST + count];
            for (weight, access, tensor) in self.tensor_terms(port) {
                dense::add(&mut out, 0, &access, &tensor, &self.bases, weight);
            }
            // What the rules forbid: mask positions, and what is behind the tensor, that weigh like its first element.
            if !self.rules.on(Rule::TensorPositions) {
                out[0] = out[FIRST];
            }
            if !self.rules.on(Rule::TensorEnd) {
                out.push(out[FIRST]);
            }
            out
        };
        self.p.committed_ports().map(|(index, port)| table((index, port.count as usize))).collect()
    }

    /// The terms on a committed port with their weights.
    fn tensor_terms(&self, port: u8) -> impl Iterator<Item = (Fr, Access, super::program::Tensor)> + '_ {
        let of = move |(weight, terms): &(Fr, &'a [Term])| {
            let (weight, terms) = (*weight, *terms);
            terms.iter().filter(move |t| t.port == port).map(move |t| (weight, t))
        };
        let count = self.p.ports[usize::from(port)].count;
        self.terms.iter().flat_map(of).map(move |(weight, term)| {
            let (access, tensor) = ports::as_access(term, count);
            (weight, access, tensor)
        })
    }

    /// `Om` of kind `kind` over its positions.
    pub(crate) fn tables(&self, kind: usize) -> Vec<Om> {
        let k = &self.p.kinds[kind];
        let mut out: Vec<Om> = Vec::new();
        for Weighted { access, weight, samples } in &self.accesses {
            let t = &self.p.tensors[usize::from(access.tensor)];
            if usize::from(t.kind) != kind || *weight == Fr::ZERO {
                continue;
            }
            let second = access.view2.map(usize::from);
            for (view, step) in views(access) {
                let same = |om: &Om| (om.view, om.second, om.samples) == (view, second, *samples);
                let at = out.iter().position(same).unwrap_or_else(|| {
                    let values = vec![Fr::ZERO; (k.hi - k.lo) as usize];
                    out.push(Om { view, second, samples: *samples, values });
                    out.len() - 1
                });
                let weight = *weight * self.bases.lane(access, step);
                dense::add(&mut out[at].values, k.lo as usize, access, t, &self.bases, weight);
            }
        }
        out
    }

    /// `ZB`, `ZBP` and `l_Y ZT` over positions `0..qend`.
    pub(crate) fn hat_tables(&self) -> [Vec<Fr>; 3] {
        let end = self.p.hat_end as usize;
        let mut out = [&self.hats.segments, &self.hats.public, &self.hats.link].map(|pieces| pieces.table(end));
        out[1].iter_mut().zip(&self.hats.indexed).for_each(|(o, w)| *o += w);
        out
    }

    /// `MC` and `TL` without samples over positions `0..pend`.
    pub(crate) fn product_tables(&self) -> [Vec<Fr>; 2] {
        let end = self.p.product_end as usize;
        [&self.hats.products, &self.hats.product_link].map(|pieces| pieces.table(end))
    }

    /// `Y`: `values(access, view)` are the values of a view over the tensor of an access, summed over samples.
    pub(crate) fn hat_values(&self, values: impl FnMut(&Access, usize) -> Vec<Fr>) -> Vec<Fr> {
        let accesses = self.p.linear_ops.iter().flat_map(|op| &op.hats);
        self.collect(accesses, self.p.hat_end as usize, values)
    }

    /// What weighs values in `Y` where one place of a tensor has one weight, as in dense layers of one sample: 1, and the
    /// powers of `alpha` of further chunks. Not all of them if there are many.
    pub(crate) fn scales(&self) -> Vec<Fr> {
        let mut exponents = vec![0u64];
        for access in self.p.linear_ops.iter().flat_map(|op| &op.hats) {
            let mut of = vec![u64::from(access.monomial.alpha)];
            for v in access.vars.iter().filter(|v| v.weight.alpha > 0) {
                let steps = (0..u64::from(v.size)).take(MAX_SCALES).map(|i| i * u64::from(v.weight.alpha));
                of = steps.flat_map(|step| of.iter().map(move |e| e + step)).take(MAX_SCALES).collect();
            }
            exponents.extend(of);
        }
        exponents.sort_unstable();
        exponents.dedup();
        exponents.truncate(MAX_SCALES);
        let alpha = self.bases.monomial(&Monomial::alpha(1)).0;
        exponents.into_iter().map(|e| alpha.pow([e])).collect()
    }

    /// `Y_L`, `Y_R` of one sample: `values` are those of the sample.
    pub(crate) fn product_hats(&self, mut values: impl FnMut(&Access, usize) -> Vec<Fr>) -> [Vec<Fr>; 2] {
        let end = self.p.product_end as usize;
        let left = self.collect(self.p.product_ops.iter().flat_map(|op| &op.left), end, &mut values);
        [left, self.collect(self.p.product_ops.iter().flat_map(|op| &op.right), end, values)]
    }

    fn collect<'b>(
        &self,
        accesses: impl Iterator<Item = &'b Access>,
        end: usize,
        mut values: impl FnMut(&Access, usize) -> Vec<Fr>,
    ) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; end];
        for access in accesses {
            let t = &self.p.tensors[usize::from(access.tensor)];
            dense::add_all_hats(&mut out, |view| values(access, view), t.base as usize, access, t, &self.bases);
        }
        out
    }

    /// V4: all values at `r`.
    pub(crate) fn evaluate(&self, xi: &[Fr], r: &[Fr]) -> FunctionValues {
        let (p, rows) = (self.p, self.size.rows);
        let (r_k, r_p) = r.split_at(rows.kappa);
        let (xi_k, xi_p) = xi.split_at(rows.kappa);
        let (eq_k, eq_p) = (Prefix::eq(xi_k, r_k), Prefix::eq(xi_p, r_p));
        let ones = Prefix::powers(Fr::ONE, r_p);
        let samples = eq_k.up_to(rows.samples);
        let inside = Prefix::powers(Fr::ONE, r_k).up_to(rows.samples);
        let weighted = |base| Prefix::powers(base, r_k).up_to(rows.samples);
        let [mu, psi] = [weighted(self.mu), weighted(self.psi)];
        let mut views_at: Vec<OmValue> = Vec::new();
        for Weighted { access, weight, samples } in &self.accesses {
            let t = &p.tensors[usize::from(access.tensor)];
            let samples = if *samples == Samples::Mu { mu } else { psi };
            let value = *weight * samples * closed::evaluate(access, t, &self.bases, r_p);
            let (kind, second) = (usize::from(t.kind), access.view2.map(usize::from));
            for (view, step) in views(access) {
                let value = value * self.bases.lane(access, step);
                let same = |om: &&mut OmValue| (om.kind, om.view, om.second) == (kind, view, second);
                match views_at.iter_mut().find(same) {
                    Some(om) => om.value += value,
                    None => views_at.push(OmValue { kind, view, second, value }),
                }
            }
        }
        let (r_lo, r_q) = r.split_at(self.size.lo());
        let zero = |low: &[Fr]| low.iter().map(|r| Fr::ONE - r).product::<Fr>();
        let z_lo = zero(r_lo);
        let index = |bits: &[Fr]| bits.iter().rev().fold(Fr::ZERO, |sum, bit| sum.double() + bit);
        let span = |prefix: &Prefix, lo: usize, hi: usize| prefix.up_to(hi) - prefix.up_to(lo);
        let having = |on: &dyn Fn(&super::program::Kind) -> bool| {
            let kinds = p.kinds.iter().filter(|k| on(k));
            inside * kinds.map(|k| span(&ones, k.lo as usize, k.hi as usize)).sum::<Fr>()
        };
        let lookups = |i: usize| match self.rules.on(Rule::LookupRows) {
            true => having(&|k| k.lookups.len() > i),
            false => having(&|_| true),
        };
        let real = |prefix: &Prefix| span(prefix, FIRST, rows.positions);
        let hats = [&self.hats.segments, &self.hats.public, &self.hats.link].map(|f| z_lo * f.evaluate(r_q));
        let indexed = if self.hats.indexed.is_empty() { Fr::ZERO } else { mle::evaluate(&self.hats.indexed, r_q) };
        let tensor = |(s, (port, _)): (usize, (u8, &super::program::Port))| {
            let (low, high) = r.split_at(self.size.tensor_level(s));
            if !self.rules.on(Rule::TensorPositions) || !self.rules.on(Rule::TensorEnd) {
                return zero(low) * mle::evaluate(&self.tensor_tables()[s], high);
            }
            let terms = self.tensor_terms(port);
            zero(low) * terms.map(|(w, a, t)| w * closed::evaluate(&a, &t, &self.bases, high)).sum::<Fr>()
        };
        FunctionValues {
            kinds: p.kinds.iter().map(|k| samples * span(&eq_p, k.lo as usize, k.hi as usize)).collect(),
            views: views_at,
            es: eq_k.up_to(rows.k()) * real(&eq_p),
            s: real(&ones),
            esn: samples * real(&eq_p),
            sn: inside * real(&ones),
            lookups: (0..usize::from(p.lookups)).map(lookups).collect(),
            reads: (1..=usize::from(p.reads)).map(|j| having(&|k| k.reads_column(j))).collect(),
            hats: [hats[0], hats[1] + z_lo * indexed, hats[2]],
            products: mu * self.hats.products.evaluate(r_p),
            product_link: psi * self.hats.product_link.evaluate(r_p),
            tensors: p.committed_ports().enumerate().map(tensor).collect(),
            table: index(&r_p[..8]) + self.gamma.square() * (index(&r_p[8..]) - Fr::ONE),
            index: index(r),
            sample: index(r_k),
            position: index(r_p),
        }
    }

    fn weight(&self, rule: Rule, value: Fr) -> Fr {
        if self.rules.on(rule) { value } else { Fr::ZERO }
    }

    /// The weight of gate `i`.
    pub(crate) fn gate_weight(&self, i: usize) -> Fr {
        self.weight(Rule::Gate, self.lambda.gate(i))
    }

    /// The weight of lookup `i` of a kind.
    pub(crate) fn lookup_weight(&self, i: usize) -> Fr {
        self.weight(Rule::Lookup, self.lambda.lookup(i))
    }

    /// The weight of the read of `X_j`.
    pub(crate) fn read_weight(&self, j: usize) -> Fr {
        self.weight(Rule::Read, self.lambda.read(j))
    }

    /// What weighs the sample in the tuple of a copy.
    pub(crate) fn copy_sample(&self) -> Fr {
        self.weight(Rule::CopySample, self.gamma.square())
    }

    /// The weight of `H_V`.
    pub(crate) fn write_weight(&self) -> Fr {
        self.weight(Rule::Write, self.lambda.write())
    }

    /// The weight of limb `c`.
    pub(crate) fn limb_weight(&self, c: usize) -> Fr {
        self.weight(Rule::Limb, self.lambda.limb(c))
    }

    /// The weight of `H_T`.
    pub(crate) fn table_weight(&self) -> Fr {
        self.weight(Rule::Table, self.lambda.table(0))
    }

    /// The weight of the sum of all lookups.
    pub(crate) fn sum_weight(&self) -> Fr {
        self.weight(Rule::LookupSum, self.lambda.table(1))
    }

    /// The weight of the sum of all copies.
    pub(crate) fn copy_weight(&self) -> Fr {
        self.weight(Rule::CopySum, self.lambda.table(2))
    }

    /// `l_L`, `l_R`.
    pub(crate) fn product_links(&self) -> [Fr; 2] {
        [self.weight(Rule::LinkLeft, self.lambda.link(1)), self.weight(Rule::LinkRight, self.lambda.link(2))]
    }
}
