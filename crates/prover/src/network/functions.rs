//! N6: the public functions of the summand, in one description for prover and verifier.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::access::{Bases, closed, dense, geometric};
use super::layout::Size;
use super::program::{Access, Parts, PublicHat, Term};
use crate::circuit::layout::FIRST;
use crate::circuit::pieces::{Pieces, Prefix};
use crate::encoding::signed;
use crate::mle;
use crate::rules::{Rule, Rules};
use crate::transcript::{NetworkChallenges1, NetworkChallenges2};

/// Powers of `lambda` by constraint (N6).
#[derive(Debug)]
pub(crate) struct Lambda {
    powers: Vec<Fr>,
    limbs: usize,
    gates: usize,
    reserved: usize,
    constraints: usize,
}

impl Lambda {
    fn new(p: &Parts, lambda: Fr) -> Self {
        let gates = p.kinds.iter().map(|k| k.gates.len()).max().unwrap_or(0);
        // Lookups, reads and the write of copies have their powers whether they exist or not.
        let reserved = usize::from(p.lookups) + usize::from(p.reads) + 1;
        let limbs = usize::from(p.limbs);
        let constraints = p.relations.len() + p.linear_ops.len() + p.product_ops.len();
        let powers = mle::powers(lambda, gates + reserved + limbs + 3 + constraints + 3);
        Self { powers, limbs, gates, reserved, constraints }
    }

    /// Gate `i` of a kind.
    pub(crate) fn gate(&self, i: usize) -> Fr {
        self.powers[i]
    }

    /// `H_c`.
    pub(crate) fn limb(&self, c: usize) -> Fr {
        self.powers[self.gates + self.reserved + c]
    }

    /// `H_T`, then the lookup sum.
    fn table(&self, i: usize) -> Fr {
        self.powers[self.gates + self.reserved + self.limbs + i]
    }

    fn constraint(&self, i: usize) -> Fr {
        self.table(3 + i)
    }

    fn link(&self) -> Fr {
        self.table(3 + self.constraints)
    }
}

/// An access with its kind and weight in `Phi`.
#[derive(Debug)]
struct Weighted<'a> {
    access: &'a Access,
    weight: Fr,
}

/// A linear operator's part in `ZB` and `ZBP`.
#[derive(Debug)]
struct Hats {
    /// `ZB`: `l_o` on segments.
    segments: Pieces,
    /// `ZBP`.
    public: Pieces,
    /// `l_Y ZT`.
    link: Pieces,
}

/// All public functions of one proof.
#[derive(Debug)]
pub(crate) struct Functions<'a> {
    p: &'a Parts,
    size: Size,
    pub(crate) bases: Bases,
    pub(crate) lambda: Lambda,
    accesses: Vec<Weighted<'a>>,
    hats: Hats,
    /// `-l_o` and the terms that it weighs.
    terms: Vec<(Fr, &'a [Term])>,
    mu: Fr,
    rules: Rules,
}

/// `Om` of one kind: a table per view over the positions of the kind.
pub(crate) type KindTables = Vec<Option<Vec<Fr>>>;

/// The values of the public functions at one point.
#[derive(Debug)]
pub(crate) struct FunctionValues {
    /// `ES_j` per kind.
    pub(crate) kinds: Vec<Fr>,
    /// `Om_{j,view}` per kind and view.
    pub(crate) views: Vec<Vec<Fr>>,
    pub(crate) es: Fr,
    pub(crate) s: Fr,
    /// `Zlo ZB`, `Zlo ZBP`, `Zlo l_Y ZT`.
    pub(crate) hats: [Fr; 3],
    /// `Tin + gamma^2 Tid`.
    pub(crate) table: Fr,
    /// `I`.
    pub(crate) index: Fr,
}

impl<'a> Functions<'a> {
    /// `None` if `alpha`, `chi` or `theta` is 0.
    pub(crate) fn new(
        p: &'a Parts,
        size: Size,
        c1: &NetworkChallenges1,
        c2: &NetworkChallenges2,
        rules: Rules,
    ) -> Option<Self> {
        let bases = Bases::new(c1.alpha, c1.chi, c2.theta)?;
        let lambda = Lambda::new(p, c2.lambda);
        let on = |rule, value: Fr| if rules.on(rule) { value } else { Fr::ZERO };
        let link = on(Rule::Link, lambda.link());
        let mut this = Self {
            p,
            size,
            hats: Hats { segments: Pieces::default(), public: Pieces::default(), link: Pieces::default() },
            accesses: Vec::new(),
            terms: Vec::new(),
            mu: c1.mu,
            rules,
            bases,
            lambda,
        };
        for (i, r) in p.relations.iter().enumerate() {
            let weight = on(Rule::Relation, this.lambda.constraint(i));
            this.accesses.extend(r.accesses.iter().map(|access| Weighted { access, weight }));
            this.terms.push((-weight, &r.terms));
        }
        let samples = geometric(c1.mu, size.rows.samples as u64);
        for (i, op) in p.linear_ops.iter().enumerate() {
            let weight = on(Rule::Linear, this.lambda.constraint(p.relations.len() + i));
            this.accesses.extend(op.z.iter().map(|access| Weighted { access, weight }));
            this.accesses.extend(op.hats.iter().map(|access| Weighted { access, weight: -link }));
            this.terms.push((-weight, &op.terms));
            this.hats.segments.push(op.segment.0 as usize, op.segment.1 as usize, weight, Fr::ONE);
            for hat in &op.public_hats {
                this.public_hat(hat, weight * samples);
            }
        }
        this.hats.link.push(FIRST, p.hat_end as usize, link, c2.theta);
        Some(this)
    }

    /// Functions of the challenges after M1 alone: what [`Self::hat_values`] needs.
    pub(crate) fn for_hats(p: &'a Parts, size: Size, c1: &NetworkChallenges1) -> Option<Self> {
        let one = Fr::ONE;
        let c2 = NetworkChallenges2 { lambda: one, theta: one, psi: one, zeta: one, c_d: one, xi: Vec::new() };
        Self::new(p, size, c1, &c2, Rules::default())
    }

    fn public_hat(&mut self, hat: &PublicHat, weight: Fr) {
        // Indexed hats are refused before (`Program::check`).
        if let PublicHat::Geometric { start, count, step, monomial, sums } = hat {
            let (base, inverse) = self.bases.monomial(step);
            let mut weight = weight * self.bases.monomial(monomial).0 * inverse.pow([u64::from(*start)]);
            for (size, m) in sums {
                weight *= geometric(self.bases.monomial(m).0, u64::from(*size));
            }
            self.hats.public.push(*start as usize, (*start + *count) as usize, weight, base);
        }
    }

    /// `Claim_0` without its mask term; `values[k][port]` are the elements of sample `k`.
    pub(crate) fn claim(&self, values: &[Vec<Vec<i64>>]) -> Fr {
        let mut claim = Fr::ZERO;
        for (weight, terms) in &self.terms {
            for term in *terms {
                let mut mu = *weight * signed(term.coefficient) * self.bases.monomial(&term.monomial).0;
                for sample in values {
                    let port = sample.get(usize::from(term.port)).map_or(&[][..], Vec::as_slice);
                    claim += mu * self.elements(term, port, term.first as usize, 0);
                    mu *= self.mu;
                }
            }
        }
        claim
    }

    /// The weighted sum of the elements of a port over the box variables from `depth` on.
    fn elements(&self, term: &Term, port: &[i64], at: usize, depth: usize) -> Fr {
        let Some((size, weight, stride)) = term.vars.get(depth) else {
            return signed(port.get(at).copied().unwrap_or_default());
        };
        let base = self.bases.monomial(weight).0;
        let inner = |i: u32| self.elements(term, port, at + (i * stride) as usize, depth + 1);
        (0..*size).rev().fold(Fr::ZERO, |sum, i| sum * base + inner(i))
    }

    /// `Om` of every view of kind `kind` over its positions.
    pub(crate) fn tables(&self, kind: usize) -> KindTables {
        let k = &self.p.kinds[kind];
        let mut out: KindTables = vec![None; k.views.len()];
        for Weighted { access, weight } in &self.accesses {
            let t = &self.p.tensors[usize::from(access.tensor)];
            if usize::from(t.kind) == kind && *weight != Fr::ZERO {
                let table = out[usize::from(access.view)].get_or_insert_with(|| vec![Fr::ZERO; (k.hi - k.lo) as usize]);
                dense::add(table, k.lo as usize, access, t, &self.bases, *weight);
            }
        }
        out
    }

    /// `ZB`, `ZBP` and `l_Y ZT` over positions `0..qend`.
    pub(crate) fn hat_tables(&self) -> [Vec<Fr>; 3] {
        let end = self.p.hat_end as usize;
        [&self.hats.segments, &self.hats.public, &self.hats.link].map(|pieces| pieces.table(end))
    }

    /// `Y` from the values of the views, per tensor and view: `values(access)` are those of its tensor's kind.
    pub(crate) fn hat_values(&self, mut values: impl FnMut(&Access) -> (usize, Vec<Fr>)) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; self.p.hat_end as usize];
        for access in self.p.linear_ops.iter().flat_map(|op| &op.hats) {
            let (start, values) = values(access);
            let t = &self.p.tensors[usize::from(access.tensor)];
            dense::add_hats(&mut out, &values, start, access, t, &self.bases);
        }
        out
    }

    /// V4: all values at `r`.
    pub(crate) fn evaluate(&self, xi: &[Fr], r: &[Fr], gamma: Fr) -> FunctionValues {
        let (p, rows) = (self.p, self.size.rows);
        let (r_k, r_p) = r.split_at(rows.kappa);
        let (xi_k, xi_p) = xi.split_at(rows.kappa);
        let (eq_k, eq_p) = (Prefix::eq(xi_k, r_k), Prefix::eq(xi_p, r_p));
        let ones = Prefix::powers(Fr::ONE, r_p);
        let samples = eq_k.up_to(rows.samples);
        let mu = Prefix::powers(self.mu, r_k).up_to(rows.samples);
        let mut views: Vec<Vec<Fr>> = p.kinds.iter().map(|k| vec![Fr::ZERO; k.views.len()]).collect();
        for Weighted { access, weight } in &self.accesses {
            let t = &p.tensors[usize::from(access.tensor)];
            let value = closed::evaluate(access, t, &self.bases, r_p);
            views[usize::from(t.kind)][usize::from(access.view)] += *weight * mu * value;
        }
        let (r_lo, r_q) = r.split_at(self.size.lo());
        let z_lo: Fr = r_lo.iter().map(|r| Fr::ONE - r).product();
        let index = |bits: &[Fr]| bits.iter().rev().fold(Fr::ZERO, |sum, bit| sum.double() + bit);
        let span = |prefix: &Prefix, lo: usize, hi: usize| prefix.up_to(hi) - prefix.up_to(lo);
        FunctionValues {
            kinds: p.kinds.iter().map(|k| samples * span(&eq_p, k.lo as usize, k.hi as usize)).collect(),
            views,
            es: eq_k.up_to(rows.k()) * span(&eq_p, FIRST, rows.positions),
            s: span(&ones, FIRST, rows.positions),
            hats: [&self.hats.segments, &self.hats.public, &self.hats.link].map(|f| z_lo * f.evaluate(r_q)),
            table: index(&r_p[..8]) + gamma.square() * (index(&r_p[8..]) - Fr::ONE),
            index: index(r),
        }
    }

    /// The weight of `H_T`.
    pub(crate) fn table_weight(&self) -> Fr {
        if self.rules.on(Rule::Table) { self.lambda.table(0) } else { Fr::ZERO }
    }

    /// The weight of the lookup sum.
    pub(crate) fn sum_weight(&self) -> Fr {
        if self.rules.on(Rule::LookupSum) { self.lambda.table(1) } else { Fr::ZERO }
    }

    /// The weight of limb `c`.
    pub(crate) fn limb_weight(&self, c: usize) -> Fr {
        if self.rules.on(Rule::Limb) { self.lambda.limb(c) } else { Fr::ZERO }
    }

    /// The weight of gate `i`.
    pub(crate) fn gate_weight(&self, i: usize) -> Fr {
        if self.rules.on(Rule::Gate) { self.lambda.gate(i) } else { Fr::ZERO }
    }
}
