//! A row kind while variables are being fixed.

use ark_bn254::Fr;
use ark_ff::Field;

use super::interval::{Interval, Line};
use crate::encoding::signed;
use crate::network::columns::NetworkColumns;
use crate::network::functions::{Functions, Samples};
use crate::network::phi::Order;
use crate::network::program::{Form, Parts};
use crate::rules::Rule;
use crate::wide::Multiples;

/// A form of a kind: its coefficients add up to less than `2^62`, or it is evaluated term by term.
pub(super) struct RowForm<'a> {
    form: &'a Form,
    constant: Fr,
    small: bool,
}

impl<'a> RowForm<'a> {
    fn new(form: &'a Form) -> Self {
        let sum: u128 = form.terms.iter().map(|(_, v)| u128::from(v.unsigned_abs())).sum();
        Self { form, constant: signed(form.constant), small: sum < 1 << 62 }
    }

    /// The value at a row of columns.
    pub(super) fn at(&self, row: &[Fr]) -> Fr {
        match &self.form.terms[..] {
            [] => self.constant,
            [(c, 1)] => row[usize::from(*c)] + self.constant,
            terms if self.small => {
                let mut sum = Multiples::default();
                for (c, v) in terms {
                    let value = &row[usize::from(*c)];
                    if *v == 1 { sum.add_one(value) } else { sum.add(value, *v) }
                }
                sum.sum() + self.constant
            }
            terms => terms.iter().map(|(c, v)| signed(*v) * row[usize::from(*c)]).sum::<Fr>() + self.constant,
        }
    }

    /// The value at a row of the prover's columns.
    pub(super) fn of_columns(&self, columns: &NetworkColumns, row: usize) -> i64 {
        columns.value(self.form, row)
    }
}

/// `Om` of a view or of a pair of views; views are numbers of forms.
pub(super) struct ViewState {
    pub(super) view: usize,
    pub(super) second: Option<usize>,
    pub(super) om: Interval,
    pub(super) samples: Samples,
}

/// `A B - C` and its weight; no factors if one of them is the constant 0.
pub(super) struct GateState {
    pub(super) factors: Option<[usize; 2]>,
    pub(super) result: usize,
    pub(super) weight: Fr,
}

/// A lookup: `in`, `out`, `gamma^2 id` and its weight.
pub(super) struct LookupState {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) id: Fr,
    pub(super) weight: Fr,
}

/// A kind while variables are being fixed.
pub(super) struct KindState<'a> {
    /// `eq(xi_p, p)` on the kind.
    pub(super) eq: Interval,
    /// What views, gates and lookups are made of, each once.
    pub(super) forms: Vec<RowForm<'a>>,
    pub(super) views: Vec<ViewState>,
    pub(super) gates: Vec<GateState>,
    pub(super) lookups: Vec<LookupState>,
    /// `j` of every `X_j` that is read by copy, with its weight.
    pub(super) reads: Vec<(usize, Fr)>,
    /// What copies read.
    pub(super) value: Option<usize>,
    /// How many `J` enter the sum of lookups.
    pub(super) summed: usize,
    /// 1 on the kind, where it looks up or reads.
    pub(super) ones: Option<Interval>,
}

/// The number of a form among those met so far.
fn number<'a>(forms: &mut Vec<&'a Form>, form: &'a Form) -> usize {
    forms.iter().position(|f| *f == form).unwrap_or_else(|| {
        forms.push(form);
        forms.len() - 1
    })
}

fn is_zero(form: &Form) -> bool {
    form.terms.is_empty() && form.constant == 0
}

impl<'a> KindState<'a> {
    pub(super) fn new(p: &'a Parts, kind: usize, f: &Functions<'_>, eq_p: &[Fr]) -> Self {
        let k = &p.kinds[kind];
        let (lo, hi) = (k.lo as usize, k.hi as usize);
        let gamma2 = f.gamma.square();
        let mut forms = Vec::new();
        let views = f.tables(kind).into_iter().map(|om| ViewState {
            view: number(&mut forms, &k.views[om.view]),
            second: om.second.map(|view| number(&mut forms, &k.views[view])),
            om: Interval { start: lo, values: om.values },
            samples: om.samples,
        });
        let views = views.collect();
        let gates = k.gates.iter().enumerate().map(|(i, g)| GateState {
            factors: (!is_zero(&g.a) && !is_zero(&g.b)).then(|| [&g.a, &g.b].map(|form| number(&mut forms, form))),
            result: number(&mut forms, &g.c),
            weight: f.gate_weight(i),
        });
        let gates = gates.collect();
        let lookups = k.lookups.iter().enumerate().map(|(i, l)| LookupState {
            input: number(&mut forms, &l.input),
            output: number(&mut forms, &l.output),
            id: gamma2 * Fr::from(l.id),
            weight: f.lookup_weight(i),
        });
        let lookups = lookups.collect();
        let copies = Order::new(p).reads > 0;
        let value = k.value.filter(|_| copies).map(|v| number(&mut forms, &k.views[usize::from(v)]));
        let summed = if f.rules.on(Rule::LookupRows) { k.lookups.len() } else { p.lookups.into() };
        let sums = summed > 0 || k.reads > 0;
        Self {
            eq: Interval { start: lo, values: eq_p[lo..hi].to_vec() },
            views,
            gates,
            lookups,
            reads: k.read_columns().map(|j| (j, f.read_weight(j))).collect(),
            value,
            summed,
            ones: sums.then(|| Interval { start: lo, values: vec![Fr::ONE; hi - lo] }),
            forms: forms.into_iter().map(RowForm::new).collect(),
        }
    }

    /// Whether single rows have constraints.
    pub(super) fn is_local(&self) -> bool {
        !self.gates.is_empty() || !self.lookups.is_empty() || !self.reads.is_empty() || self.value.is_some()
    }

    /// The forms between two rows.
    pub(super) fn lines(&self, low: &[Fr], high: &[Fr], out: &mut Vec<Line>) {
        out.clear();
        out.extend(self.forms.iter().map(|form| Line::new(form.at(low), form.at(high))));
    }

    /// The functions of positions.
    pub(super) fn intervals(&mut self) -> impl Iterator<Item = &mut Interval> {
        let views = self.views.iter_mut().map(|v| &mut v.om);
        core::iter::once(&mut self.eq).chain(views).chain(&mut self.ones)
    }
}
