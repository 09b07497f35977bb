//! A row kind while variables are being fixed.

use ark_bn254::Fr;

use super::interval::Interval;
use crate::network::functions::{Functions, Samples};
use crate::network::phi::{FieldForm, Order};
use crate::network::program::Parts;
use crate::rules::Rule;

/// `Om` of a view or of a pair of views.
pub(super) struct ViewState {
    pub(super) view: FieldForm,
    pub(super) second: Option<FieldForm>,
    pub(super) om: Interval,
    pub(super) samples: Samples,
}

/// A lookup: `in`, `out`, `gamma^2 id` and its weight.
pub(super) struct LookupState {
    pub(super) input: FieldForm,
    pub(super) output: FieldForm,
    pub(super) id: Fr,
    pub(super) weight: Fr,
}

/// A kind while variables are being fixed.
pub(super) struct KindState {
    /// `eq(xi_p, p)` on the kind.
    pub(super) eq: Interval,
    pub(super) views: Vec<ViewState>,
    /// `(A, B, C, weight)`.
    pub(super) gates: Vec<(FieldForm, FieldForm, FieldForm, Fr)>,
    pub(super) lookups: Vec<LookupState>,
    /// `j` of every `X_j` that is read by copy, with its weight.
    pub(super) reads: Vec<(usize, Fr)>,
    /// What copies read.
    pub(super) value: Option<FieldForm>,
    /// How many `J` enter the sum of lookups.
    pub(super) summed: usize,
    /// 1 on the kind, where it looks up or reads.
    pub(super) ones: Option<Interval>,
}

impl KindState {
    pub(super) fn new(p: &Parts, kind: usize, f: &Functions<'_>, eq_p: &[Fr]) -> Self {
        let k = &p.kinds[kind];
        let (lo, hi) = (k.lo as usize, k.hi as usize);
        let form = FieldForm::new;
        let gamma2 = f.gamma * f.gamma;
        let views = f.tables(kind).into_iter().map(|om| ViewState {
            view: form(&k.views[om.view]),
            second: om.second.map(|view| form(&k.views[view])),
            om: Interval { start: lo, values: om.values },
            samples: om.samples,
        });
        let lookups = k.lookups.iter().enumerate().map(|(i, l)| LookupState {
            input: form(&l.input),
            output: form(&l.output),
            id: gamma2 * Fr::from(l.id),
            weight: f.lookup_weight(i),
        });
        let copies = Order::new(p).reads > 0;
        let summed = if f.rules.on(Rule::LookupRows) { k.lookups.len() } else { p.lookups.into() };
        let sums = summed > 0 || k.reads > 0;
        let gates = k.gates.iter().enumerate();
        Self {
            eq: Interval { start: lo, values: eq_p[lo..hi].to_vec() },
            views: views.collect(),
            gates: gates.map(|(i, g)| (form(&g.a), form(&g.b), form(&g.c), f.gate_weight(i))).collect(),
            lookups: lookups.collect(),
            reads: k.read_columns().map(|j| (j, f.read_weight(j))).collect(),
            value: k.value.filter(|_| copies).map(|v| form(&k.views[usize::from(v)])),
            summed,
            ones: sums.then(|| Interval { start: lo, values: vec![Fr::from(1u64); hi - lo] }),
        }
    }

    /// Whether single rows have constraints.
    pub(super) fn is_local(&self) -> bool {
        !self.gates.is_empty() || !self.lookups.is_empty() || !self.reads.is_empty() || self.value.is_some()
    }

    pub(super) fn fix(&mut self, r: Fr) {
        self.eq.fix(r);
        self.views.iter_mut().for_each(|v| v.om.fix(r));
        if let Some(ones) = &mut self.ones {
            ones.fix(r);
        }
    }
}
