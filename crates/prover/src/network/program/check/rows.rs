//! What is defined by sets of relations: rows of scores with their maxima, roots with their bounds.

use super::boxes::{covers, of_relation, triangle, whole};
use super::{Access, Definitions, Gadget, Monomial, Relation, Var};

/// What ties rows of scores: distances to their maxima, and that one of each row is selected.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) distances: Option<Grouping>,
    pub(super) selected: Option<Grouping>,
}

/// A tensor of scores, and its box: for each variable the axis of the scores that it runs along, and that of the maxima,
/// if it does not run along a row.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Grouping {
    pub(super) scores: usize,
    /// The axes of the scores between which a triangle says which of them count.
    pub(super) triangle: Target2,
    vars: Vec<(u32, Target, Target)>,
}

/// Variables and monomial of the own access, and the other access. Without the monomial, the radicand of a bound could be that
/// of another row: the same box, shifted by a power.
pub(super) type Radicand = (Vec<Var>, Monomial, Access);

/// Axis and stride.
type Target = Option<(u8, u32)>;
/// Two axes.
type Target2 = Option<(u8, u8)>;

impl Definitions<'_> {
    /// `X_1` of a root, or `X_2` of its bound, is one other view.
    pub(super) fn radicand(&mut self, a: &Access, r: &Relation) -> Result<(), &'static str> {
        let [own, other] = &r.accesses[..] else {
            return Err("the radicand of a root is a view of another tensor");
        };
        if own != a || a.view != 1 || (own.coefficient, other.coefficient) != (1, -1) {
            return Err("the radicand of a root is a view of another tensor");
        }
        covers(a, self.tensor(a).0, of_relation)?;
        let radicand = &mut self.radicands[usize::from(a.tensor)];
        if radicand.is_some() {
            return Err("a root has one radicand");
        }
        *radicand = Some((own.vars.clone(), own.monomial, other.clone()));
        Ok(())
    }

    /// `X_2 + 2 r + 1` of a root is `X_1` of a bound with the same radicand: `r^2 v <= num < (r + 1)^2 v`.
    pub(super) fn root(&mut self, a: &Access, b: &Access, r: &Relation) -> Result<(), &'static str> {
        let ((t, root), (u, bound)) = (self.tensor(a), self.tensor(b));
        let pair = match (root, bound) {
            (Gadget::InverseRoot { log }, Gadget::RootAbove { log: other }) => log == other,
            _ => false,
        };
        let views = (a.view, b.view, a.coefficient, b.coefficient) == (2, 0, 1, -1);
        let boxes = (&a.vars, a.monomial) == (&b.vars, b.monomial) && t.dims == u.dims && r.accesses.len() == 2;
        let [left, right] = [a, b].map(|x| &self.radicands[usize::from(x.tensor)]);
        if !pair || !views || !boxes || left.is_none() || left != right {
            return Err("a root and its bound have the same radicand, and the next square in common");
        }
        covers(a, t, of_relation)?;
        covers(b, u, of_relation)?;
        for x in [a, b] {
            self.defined[usize::from(x.tensor)] = true;
        }
        Ok(())
    }

    /// `D + t - M = 0` for every score, or `sum sel - 1 = 0` for every row: together they say that `M` is the maximum.
    pub(super) fn maxima(&mut self, r: &Relation) -> Result<(), &'static str> {
        let is_score = |a: &Access| matches!(self.tensor(a).1, Gadget::Score { .. });
        let (all, of_row) = match &r.accesses[..] {
            [d, t, m] if is_score(d) && (d.view, t.view, m.view) == (2, 0, 2) => {
                let same =
                    (d.tensor, &d.vars, &d.offsets, d.coefficient) == (t.tensor, &t.vars, &t.offsets, t.coefficient);
                if !same || d.monomial != t.monomial || t.view2.is_some() || [t.triangle, m.triangle] != [d.triangle; 2]
                {
                    return Err("distances are those of the scores in their rows");
                }
                covers(&whole(d), self.tensor(d).0, of_relation)?;
                (d, m)
            }
            [sel, one] if is_score(sel) && (sel.view, one.view) == (3, 3) && one.triangle.is_none() => (sel, one),
            _ => return Err("what ties maxima are distances, and that one score of a row is selected"),
        };
        if self.tensor(of_row).1 != Gadget::Reciprocal || !r.terms.is_empty() || !self.defined[usize::from(all.tensor)]
        {
            return Err("maxima are those of scores that are defined before");
        }
        if (all.coefficient, of_row.coefficient) != (1, -1) || all.monomial != of_row.monomial {
            return Err("distances and selections have the coefficient 1, maxima and ones -1");
        }
        let distances = all.view == 2;
        let grouping = self.grouping(all, of_row, distances)?;
        let at = usize::from(of_row.tensor);
        let taken = |rows: &Rows| match distances {
            true => rows.distances.as_ref().is_some_and(|g| g.scores == grouping.scores),
            false => rows.selected.as_ref().is_some_and(|g| g.scores == grouping.scores),
        };
        if self.rows.iter().any(taken) {
            return Err("scores have one maximum for each row");
        }
        let slot = if distances { &mut self.rows[at].distances } else { &mut self.rows[at].selected };
        if slot.is_some() {
            return Err("maxima are those of one tensor of scores");
        }
        *slot = Some(grouping);
        Ok(())
    }

    /// Which scores share a maximum. Every score and every maximum occurs; of a selection, what runs along a row has no
    /// weight, so that it is added up.
    fn grouping(&self, all: &Access, of_row: &Access, distances: bool) -> Result<Grouping, &'static str> {
        let rows = |v: &Var| v.target.is_some();
        // The box of the maxima, with the weights of the relation: each of them once, each with its own power.
        let own = Access { vars: of_row.vars.iter().copied().filter(rows).collect(), ..whole(of_row) };
        covers(&own, self.tensor(of_row).0, of_relation)?;
        let mut vars = Vec::new();
        let mut rest = of_row.vars.iter().filter(|v| v.size > 1);
        for v in all.vars.iter().filter(|v| v.size > 1) {
            let is_along = !distances && v.weight == Monomial::default();
            let other = if is_along { None } else { rest.next() };
            let same = other.is_none_or(|o| (o.size, o.weight) == (v.size, v.weight));
            if !same || (other.is_none() && distances) {
                return Err("a row of scores and its maximum have the same weights");
            }
            let target = other.and_then(|o| o.target);
            vars.push((v.size, v.target, target));
        }
        if rest.next().is_some() || of_row.offsets.iter().any(|o| *o != 0) {
            return Err("a row of scores and its maximum have the same weights");
        }
        // Every score occurs, whatever its weight.
        let mut theta = 1u32;
        let mut weighted = whole(all);
        for v in weighted.vars.iter_mut().rev().filter(|v| v.size > 1) {
            v.weight = Monomial::theta(theta);
            theta = theta.saturating_mul(v.size);
        }
        covers(&weighted, self.tensor(all).0, of_relation)?;
        vars.sort_unstable();
        Ok(Grouping { scores: usize::from(all.tensor), triangle: self.counted(all, of_row, distances)?, vars })
    }

    /// The triangle of the scores that count: its first index is that of a row, its second runs along rows.
    fn counted(&self, all: &Access, of_row: &Access, distances: bool) -> Result<Target2, &'static str> {
        let Some((s, t)) = all.triangle else { return Ok(None) };
        let wrong = Err("which scores of a row count is said by the index of the row, and runs along it");
        let (Some(row), Some(along)) = (all.vars.get(usize::from(s)), all.vars.get(usize::from(t))) else {
            return wrong;
        };
        let holds = match distances {
            // The same variables in the same places: a triangle names them by these.
            true => {
                let same = |(a, b): (&Var, &Var)| (a.size, a.weight) == (b.size, b.weight);
                let target = |v: u8| of_row.vars.get(usize::from(v)).and_then(|v| v.target);
                all.vars.len() == of_row.vars.len()
                    && all.vars.iter().zip(&of_row.vars).all(same)
                    && target(s).is_some()
                    && target(t).is_none()
            }
            false => row.weight != Monomial::default() && along.weight == Monomial::default(),
        };
        if holds && row.size > 1 { Ok(triangle(all)) } else { wrong }
    }
}
