//! When waiting statements go, and how many together: by size, age, and the price of gas.
//!
//! [`decide`] is a function of what it is given; nothing here reads a clock or a chain. What it knows of gas is learned from
//! transactions that were mined ([`GasUse::learn`]); before anything is known, the engine's own estimate, which is of the very
//! transaction, is what keeps a ceiling.

use super::policy::{BatchPolicy, Treatment};
use alloy::primitives::U256;
use serde::Serialize;
use std::fmt;

/// What waits: statements of one model, for one kind of claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: usize,
    /// When the first of them came, in Unix seconds.
    pub since: u64,
    /// The first second in which one of them is void; `None`: their deadlines are not fixed yet.
    pub void_at: Option<u64>,
}

/// How things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// In Unix seconds.
    pub now: u64,
    /// What a unit of gas costs, in wei: base fee and tip.
    pub price: u128,
    /// How many seconds a transaction is expected to take into a block.
    pub lead: u64,
}

/// The gas of a transaction with some statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GasUse {
    /// Whatever is in it.
    pub fixed: u64,
    /// Of each statement.
    pub each: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// Send the first so many.
    Go {
        /// At least one, at most the policy's size.
        count: usize,
        /// Why now.
        why: Trigger,
    },
    /// Ask again at this time, or when something came or the price changed.
    Wait {
        /// In Unix seconds, later than now; `None`: no time changes anything.
        until: Option<u64>,
        /// Why.
        why: Hold,
        /// Whether the policy's latency is over.
        late: bool,
    },
}

/// Why a transaction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// It is one that goes alone.
    Alone,
    /// There are as many as go together.
    Full,
    /// The first has waited long enough.
    Old,
    /// Gas is cheap.
    Cheap,
    /// A statement would be void if it waited on.
    Due,
}

/// Why nothing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// There is nothing.
    Empty,
    /// There may come more.
    Filling,
    /// Gas is dear.
    Dear,
    /// Each would cost more than the policy's ceiling.
    OverCeiling,
    /// A statement is void: it can never be recorded.
    Void,
}

/// What going together was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// How many statements went together.
    pub statements: usize,
    /// The gas that was used.
    pub gas: u64,
    /// The gas that as many transactions of one statement would have used.
    pub gas_alone: u64,
    /// What was paid for gas, in wei.
    pub paid: U256,
    /// What would have been paid, at the same price, in wei.
    pub paid_alone: U256,
}

/// What is done with what waits. A ceiling is never exceeded, whatever the time; a price that is called dear is, when the first statement is
/// old or would be void.
#[must_use]
pub fn decide(treatment: &Treatment, waiting: &Waiting, market: &Market, gas: Option<&GasUse>) -> Decision {
    let late = treatment.latency.is_some_and(|latency| market.now > waiting.since.saturating_add(latency));
    let wait = |until: Option<u64>, why| Decision::Wait { until: until.filter(|until| *until > market.now), why, late };
    if waiting.count == 0 {
        return wait(None, Hold::Empty);
    }
    if waiting.void_at.is_some_and(|void_at| void_at <= market.now) {
        return wait(None, Hold::Void);
    }
    let Some(batch) = &treatment.batch else {
        return match is_over(treatment, 1, market, gas) {
            true => wait(None, Hold::OverCeiling),
            false => Decision::Go { count: 1, why: Trigger::Alone },
        };
    };
    let count = waiting.count.min(batch.size);
    let until = urgent_at(batch, waiting, market);
    if is_over(treatment, count, market, gas) {
        // More of them may be cheaper each.
        let why = if is_over(treatment, batch.size, market, gas) { Hold::OverCeiling } else { Hold::Filling };
        return wait(Some(until), why);
    }
    match trigger(batch, waiting, market) {
        Ok(why) => Decision::Go { count, why },
        Err(why) => wait(Some(until), why),
    }
}

fn trigger(batch: &BatchPolicy, waiting: &Waiting, market: &Market) -> Result<Trigger, Hold> {
    if waiting.void_at.is_some_and(|void_at| void_at <= market.now.saturating_add(market.lead.max(1))) {
        return Ok(Trigger::Due);
    }
    if market.now >= waiting.since.saturating_add(batch.age) {
        return Ok(Trigger::Old);
    }
    if batch.hold_above.is_some_and(|dear| market.price > dear) {
        return Err(Hold::Dear);
    }
    if waiting.count >= batch.size {
        return Ok(Trigger::Full);
    }
    if batch.send_below.is_some_and(|cheap| market.price <= cheap) {
        return Ok(Trigger::Cheap);
    }
    Err(Hold::Filling)
}

/// The first second in which it goes for its age or its deadline.
fn urgent_at(batch: &BatchPolicy, waiting: &Waiting, market: &Market) -> u64 {
    let old = waiting.since.saturating_add(batch.age);
    waiting.void_at.map_or(old, |void_at| old.min(void_at.saturating_sub(market.lead.max(1))))
}

/// Whether each of so many would cost more than the ceiling, as far as anything is known of gas.
fn is_over(treatment: &Treatment, count: usize, market: &Market, gas: Option<&GasUse>) -> bool {
    let (Some(ceiling), Some(gas)) = (treatment.ceiling, gas) else { return false };
    let cost = U256::from(gas.of(count)).saturating_mul(U256::from(market.price));
    cost > ceiling.saturating_mul(U256::from(count))
}

impl GasUse {
    /// From mined transactions: how many statements, and the gas used. The line that is nearest to them; `None` without any.
    #[must_use]
    pub fn learn(mined: &[(usize, u64)]) -> Option<Self> {
        let mined = mined.iter().filter(|(count, _)| *count > 0).map(|&(count, gas)| (count as i128, i128::from(gas)));
        let (mut n, mut x, mut y, mut xx, mut xy) = (0_i128, 0_i128, 0_i128, 0_i128, 0_i128);
        for (count, gas) in mined {
            (n, x, y) = (n + 1, x + count, y + gas);
            (xx, xy) = (xx + count * count, xy + count * gas);
        }
        if n == 0 {
            return None;
        }
        let spread = n * xx - x * x;
        // All of one size: nothing tells what is fixed, so that nothing is taken for saved.
        let each = if spread == 0 { y / x } else { ((n * xy - x * y) / spread).max(0) };
        let fixed = ((y - each * x) / n).max(0);
        let bounded = |gas: i128| u64::try_from(gas).unwrap_or(u64::MAX);
        Some(Self { fixed: bounded(fixed), each: bounded(each) })
    }

    /// The gas of a transaction with so many statements.
    #[must_use]
    pub const fn of(&self, count: usize) -> u64 {
        self.fixed.saturating_add(self.each.saturating_mul(count as u64))
    }
}

impl Saved {
    /// Of a mined transaction. `alone`: the gas of a transaction with one statement, of the same model and kind.
    #[must_use]
    pub fn of(statements: usize, gas: u64, price: u128, alone: u64) -> Self {
        let gas_alone = alone.saturating_mul(statements as u64);
        let wei = |gas: u64| U256::from(gas).saturating_mul(U256::from(price));
        Self { statements, gas, gas_alone, paid: wei(gas), paid_alone: wei(gas_alone) }
    }

    /// What was saved, in wei; zero if it was not less.
    #[must_use]
    pub fn wei(&self) -> U256 {
        self.paid_alone.saturating_sub(self.paid)
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (statements, gas, alone) = (self.statements, self.gas, self.gas_alone);
        if gas <= alone {
            let percent = (alone - gas).saturating_mul(100).checked_div(alone).unwrap_or_default();
            write!(f, "{statements} statements took {gas} gas instead of {alone}: {percent} % saved")
        } else {
            write!(f, "{statements} statements took {gas} gas, {} more than alone", gas - alone)
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "it goes alone",
            Self::Full => "it is full",
            Self::Old => "the first has waited long enough",
            Self::Cheap => "gas is cheap",
            Self::Due => "a statement is due",
        })
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing waits",
            Self::Filling => "waiting for more",
            Self::Dear => "gas is dearer than `hold_above`",
            Self::OverCeiling => "each would cost more than `ceiling`",
            Self::Void => "a statement's deadline is over",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::submitter::policy::{Assurance, Grouping};
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    fn treatment() -> Treatment {
        let batch = BatchPolicy { size: 10, age: 100, send_below: Some(2 * GWEI), hold_above: Some(40 * GWEI) };
        Treatment {
            assurance: Assurance::Verified,
            grouping: Grouping::NativeBatch,
            ceiling: None,
            latency: Some(300),
            deadline: 3600,
            batch: Some(batch),
        }
    }

    const fn waiting(count: usize) -> Waiting {
        Waiting { count, since: 1000, void_at: Some(4600) }
    }

    const fn market(now: u64, gwei: u128) -> Market {
        Market { now, price: gwei * GWEI, lead: 30 }
    }

    fn go(count: usize, why: Trigger) -> Decision {
        Decision::Go { count, why }
    }

    fn hold(until: Option<u64>, why: Hold) -> Decision {
        Decision::Wait { until, why, late: false }
    }

    #[test]
    fn size_age_price_and_deadline_decide() {
        let of = |waiting: &Waiting, market: &Market| decide(&treatment(), waiting, market, None);
        assert_eq!(of(&waiting(0), &market(1000, 10)), hold(None, Hold::Empty));
        assert_eq!(of(&waiting(9), &market(1050, 10)), hold(Some(1100), Hold::Filling));
        assert_eq!(of(&waiting(10), &market(1050, 10)), go(10, Trigger::Full));
        assert_eq!(of(&waiting(25), &market(1050, 10)), go(10, Trigger::Full));
        assert_eq!(of(&waiting(1), &market(1099, 10)), hold(Some(1100), Hold::Filling));
        assert_eq!(of(&waiting(1), &market(1100, 10)), go(1, Trigger::Old));
        assert_eq!(of(&waiting(3), &market(1001, 2)), go(3, Trigger::Cheap));
        // A full one waits while gas is dear, but no longer than one that is not full.
        assert_eq!(of(&waiting(10), &market(1050, 41)), hold(Some(1100), Hold::Dear));
        assert_eq!(of(&waiting(10), &market(1100, 41)), go(10, Trigger::Old));
        let due = Waiting { void_at: Some(1080), ..waiting(1) };
        assert_eq!(of(&due, &market(1049, 41)), hold(Some(1050), Hold::Dear));
        assert_eq!(of(&due, &market(1050, 41)), go(1, Trigger::Due));
        assert_eq!(of(&due, &market(1080, 1)), hold(None, Hold::Void));
    }

    #[test]
    fn a_ceiling_is_kept_whatever_the_time() {
        // 600,000 and 20,000 for each: 10 together are 80,000 each, one is 620,000.
        let gas = GasUse { fixed: 600_000, each: 20_000 };
        let treatment = Treatment { ceiling: Some(U256::from(100_000 * 10 * GWEI)), ..treatment() };
        let of = |count, market: &Market| decide(&treatment, &waiting(count), market, Some(&gas));
        assert_eq!(of(10, &market(1050, 10)), go(10, Trigger::Full));
        assert_eq!(of(3, &market(1050, 10)), hold(Some(1100), Hold::Filling));
        // Old, and over the ceiling: it waits, and says that it is late.
        assert_eq!(of(3, &market(1200, 10)), hold(None, Hold::Filling));
        assert_eq!(of(3, &market(1301, 10)), Decision::Wait { until: None, why: Hold::Filling, late: true });
        assert_eq!(of(10, &market(1050, 20)), hold(Some(1100), Hold::OverCeiling));
        let alone = Treatment { grouping: Grouping::Single, batch: None, ..treatment };
        assert_eq!(decide(&alone, &waiting(5), &market(1000, 1), Some(&gas)), go(1, Trigger::Alone));
        assert_eq!(decide(&alone, &waiting(5), &market(1000, 10), Some(&gas)), hold(None, Hold::OverCeiling));
        assert_eq!(decide(&alone, &waiting(5), &market(1000, 10), None), go(1, Trigger::Alone));
    }

    #[test]
    fn gas_is_learned_from_what_was_mined() {
        assert_eq!(GasUse::learn(&[]), None);
        assert_eq!(GasUse::learn(&[(0, 5)]), None);
        let exact = GasUse { fixed: 600_000, each: 20_000 };
        let mined: Vec<_> = [1, 4, 64].map(|count| (count, exact.of(count))).into();
        assert_eq!(GasUse::learn(&mined), Some(exact));
        assert_eq!(GasUse::learn(&[(10, 800_000), (10, 800_000)]), Some(GasUse { fixed: 0, each: 80_000 }));
        // What falls with the number of statements is no price of one.
        assert_eq!(GasUse::learn(&[(1, 100), (10, 50)]).map(|gas| gas.each), Some(0));
        let saved = Saved::of(64, exact.of(64), GWEI, exact.of(1));
        assert_eq!(saved.to_string(), "64 statements took 1880000 gas instead of 39680000: 95 % saved");
        assert_eq!(saved.wei(), U256::from(37_800_000 * GWEI));
        let worse = Saved::of(1, 700_000, GWEI, 620_000);
        assert_eq!((worse.wei(), worse.to_string().contains("80000 more")), (U256::ZERO, true));
    }

    proptest! {
        #[test]
        fn whatever_waits_is_sent_in_time_and_never_too_dear(
            count in 0_usize..40, now in 900_u64..5000, gwei in 0_u128..80, ceiling in 0_u64..2_000_000,
            (fixed, each) in (0_u64..1_000_000, 0_u64..50_000), knows in any::<bool>(), void in 900_u64..5000,
        ) {
            let gas = GasUse { fixed, each };
            let treatment = Treatment { ceiling: Some(U256::from(ceiling) * U256::from(GWEI)), ..treatment() };
            let (waiting, market) = (Waiting { void_at: Some(void), ..waiting(count) }, market(now, gwei));
            match decide(&treatment, &waiting, &market, knows.then_some(&gas)) {
                Decision::Go { count: sent, .. } => {
                    prop_assert!(sent > 0 && sent <= count.min(10) && now < void);
                    let cost = U256::from(gas.of(sent)) * U256::from(market.price);
                    prop_assert!(!knows || cost <= treatment.ceiling.unwrap() * U256::from(sent));
                }
                Decision::Wait { until, why, .. } => {
                    prop_assert!(until.is_none_or(|until| until > now));
                    // Without a ceiling in the way something that is old or due has gone.
                    let is_urgent = now >= 1100 || now + market.lead >= void;
                    prop_assert!(!is_urgent || count == 0 || now >= void || knows, "{:?}", why);
                    // At the time that was named it goes, if nothing else changes.
                    if let (Some(until), false) = (until, knows) {
                        let later = decide(&treatment, &waiting, &Market { now: until, ..market }, None);
                        prop_assert!(matches!(later, Decision::Go { .. }), "{:?}", later);
                    }
                }
            }
        }
    }
}
