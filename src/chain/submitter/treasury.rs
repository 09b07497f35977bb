//! Who says what may be paid: the budgets of a policy.
//!
//! The journal tells what was paid today and what is on its way, the registry what it holds as bonds. What a bond depends on is counted
//! and never held back by a budget: it may cost as much as it saves, and no more.

use super::{
    Intent, Purse, Spend,
    policy::{BudgetPolicy, FeesPolicy},
    tally::Tally,
};
use crate::chain::money;
use alloy::primitives::U256;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The budgets of a policy.
#[derive(Clone)]
pub struct Treasury {
    chain_id: u64,
    fees: FeesPolicy,
    budget: BudgetPolicy,
    books: Arc<Mutex<Books>>,
}

/// What a treasury looks at.
#[derive(Debug, Default)]
pub struct Books {
    /// What the journal tells.
    pub tally: Tally,
    /// What the claim registry holds as the account's bonds, in wei.
    pub bonded: U256,
}

impl Treasury {
    /// For a chain.
    #[must_use]
    pub fn new(chain_id: u64, fees: FeesPolicy, budget: BudgetPolicy, books: Arc<Mutex<Books>>) -> Self {
        Self { chain_id, fees, budget, books }
    }

    fn judge(&self, spend: &Spend<'_>, books: &Books) -> Result<(), String> {
        let intent = spend.intent;
        // Of two transactions that take each other's place one is paid, the dearer one at most.
        let ceiling = spend.ceiling.max(spend.instead_of);
        let cost = ceiling.saturating_sub(intent.value);
        if intent.is_urgent {
            return Ok(());
        }
        if let Some(limit) = self.fees.max_cost.filter(|limit| cost > *limit) {
            return Err(format!(
                "it may cost {} and one transaction may cost {} (`fees.max_cost`)",
                self.amount(cost),
                self.amount(limit)
            ));
        }
        self.day(spend, cost, books)?;
        self.bonds(intent, books)?;
        let left = spend.balance.saturating_sub(spend.on_its_way).saturating_sub(ceiling);
        if left < self.budget.reserve {
            return Err(format!(
                "the account would have {} left, and {} are kept for answers (`budget.reserve`): send it more",
                self.amount(left),
                self.amount(self.budget.reserve)
            ));
        }
        Ok(())
    }

    fn day(&self, spend: &Spend<'_>, cost: U256, books: &Books) -> Result<(), String> {
        let Some(limit) = self.budget.per_day else { return Ok(()) };
        let pending = spend.on_its_way.saturating_sub(books.tally.brought(spend.intent.id));
        let paid = books.tally.paid_on(spend.now);
        if paid.saturating_add(pending).saturating_add(cost) > limit {
            return Err(format!(
                "{} were paid today, {} may be on their way, and {} more would be over the {} of `budget.per_day`: it goes on \
                 at midnight UTC, or with a larger budget",
                self.amount(paid),
                self.amount(pending),
                self.amount(cost),
                self.amount(limit)
            ));
        }
        Ok(())
    }

    fn bonds(&self, intent: &Intent, books: &Books) -> Result<(), String> {
        let Some(limit) = self.budget.bonded.filter(|_| !intent.value.is_zero()) else { return Ok(()) };
        let held = books.bonded.saturating_add(books.tally.brought(intent.id));
        if held.saturating_add(intent.value) > limit {
            return Err(format!(
                "{} are bonded, and {} more would be over the {} of `budget.bonded`: it goes on when claims have ended",
                self.amount(held),
                self.amount(intent.value),
                self.amount(limit)
            ));
        }
        Ok(())
    }

    fn amount(&self, wei: U256) -> String {
        money::amount(wei, self.chain_id)
    }
}

impl Purse for Treasury {
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge(spend, &books)
    }
}

impl fmt::Debug for Treasury {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Treasury").field("fees", &self.fees).field("budget", &self.budget).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::submitter::Kind;
    use alloy::primitives::{Address, B256, Bytes};

    fn wei(number: u64) -> U256 {
        U256::from(number)
    }

    fn treasury() -> Treasury {
        let fees = FeesPolicy { max_fee: None, max_cost: Some(wei(50)), replace_after: 60, answer_max_fee: None };
        let budget =
            BudgetPolicy { per_day: Some(wei(100)), bonded: Some(wei(1000)), reserve: wei(20), alarm_below: None };
        Treasury::new(1, fees, budget, Arc::default())
    }

    fn intent(value: u64) -> Intent {
        let intent = Intent::new(B256::ZERO, Kind::Proof, "it", Address::ZERO, Bytes::new());
        Intent { value: wei(value), ..intent }
    }

    fn spend(intent: &Intent, ceiling: u64) -> Spend<'_> {
        let (on_its_way, instead_of) = (U256::ZERO, U256::ZERO);
        Spend { intent, ceiling: wei(ceiling), instead_of, on_its_way, balance: wei(10_000), now: 0 }
    }

    #[test]
    fn each_limit_says_which_one_it_is() {
        let treasury = treasury();
        let (plain, bonded) = (intent(0), intent(900));
        let refused = |spend: &Spend<'_>, key: &str| {
            let error = treasury.admit(spend).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        };
        assert_eq!(treasury.admit(&spend(&plain, 50)), Ok(()));
        refused(&spend(&plain, 51), "fees.max_cost");
        // A bond is no cost.
        assert_eq!(treasury.admit(&spend(&bonded, 950)), Ok(()));
        refused(&spend(&bonded, 951), "fees.max_cost");
        refused(&spend(&intent(1001), 1002), "budget.bonded");
        refused(&Spend { on_its_way: wei(61), ..spend(&plain, 40) }, "budget.per_day");
        refused(&Spend { instead_of: wei(60), ..spend(&plain, 40) }, "fees.max_cost");
        refused(&Spend { balance: wei(59), ..spend(&plain, 40) }, "budget.reserve");
        assert_eq!(treasury.admit(&Spend { balance: wei(60), ..spend(&plain, 40) }), Ok(()));
        treasury.books.lock().unwrap().bonded = wei(101);
        refused(&spend(&bonded, 950), "budget.bonded");
    }

    /// The reserve and the day are for whatever a bond depends on, too.
    #[test]
    fn an_answer_is_held_back_by_no_budget() {
        let answer = Intent { is_urgent: true, ..intent(0) };
        let last = Spend { on_its_way: wei(100_000), balance: wei(70), ..spend(&answer, 70) };
        assert_eq!(treasury().admit(&last), Ok(()));
    }
}
