//! What a transaction has to pay to take another one's place.

use super::Prices;
use crate::chain::Fees;

/// Nodes want a tenth more on tip and on cap (geth: `PriceBump`); some want it of numbers that they round themselves.
const BUMP_PERCENT: u128 = 10;

/// Dearer fees than those of a transaction that is stuck: a tenth more on both, or today's prices where they are more, within what
/// is allowed. `None`: what is allowed does not make a replacement.
#[must_use]
pub fn dearer(old: Fees, now: Prices, limit: u128) -> Option<Fees> {
    match old {
        Fees::Market { max_fee, tip } => {
            let least = Fees::Market { max_fee: bumped(max_fee), tip: bumped(tip) };
            let today =
                now.base.map_or((now.tip, now.tip), |base| (base.saturating_mul(2).saturating_add(now.tip), now.tip));
            let Fees::Market { max_fee: least_fee, tip: least_tip } = least else { return None };
            let (max_fee, tip) = (least_fee.max(today.0).min(limit), least_tip.max(today.1));
            // The tip is a part of the whole.
            (max_fee >= least_fee && max_fee >= least_tip).then(|| Fees::Market { max_fee, tip: tip.min(max_fee) })
        }
        Fees::Legacy { price } => {
            let today = now.base.unwrap_or_default().saturating_add(now.tip);
            let wanted = bumped(price).max(today).min(limit);
            (wanted >= bumped(price)).then_some(Fees::Legacy { price: wanted })
        }
    }
}

/// Where the operator named no limit: ten times what is offered for a new transaction today, in wei for a unit of gas. What pays
/// that and is not mined waits for something that no price buys, and more would be paid for nothing.
#[must_use]
pub fn unreasonable(now: Prices) -> u128 {
    let base = now.base.map_or(0, |base| base.saturating_mul(2));
    base.saturating_add(now.tip).saturating_mul(10)
}

/// A tenth more, rounded up, and more than before in any case.
const fn bumped(price: u128) -> u128 {
    let more = price.saturating_mul(BUMP_PERCENT).div_ceil(100);
    price.saturating_add(if more == 0 { 1 } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FREE: u128 = u128::MAX;

    fn market(max_fee: u128, tip: u128) -> Fees {
        Fees::Market { max_fee, tip }
    }

    #[test]
    fn a_replacement_pays_a_tenth_more_on_both_rounded_up() {
        let idle = Prices { base: Some(1), tip: 0 };
        assert_eq!(dearer(market(100, 10), idle, FREE), Some(market(110, 11)));
        assert_eq!(dearer(market(101, 11), idle, FREE), Some(market(112, 13)));
        assert_eq!(dearer(market(5, 0), idle, FREE), Some(market(6, 1)));
        assert_eq!(dearer(Fees::Legacy { price: 101 }, idle, FREE), Some(Fees::Legacy { price: 112 }));
    }

    #[test]
    fn prices_that_rose_more_count() {
        let dear = Prices { base: Some(1000), tip: 50 };
        assert_eq!(dearer(market(100, 10), dear, FREE), Some(market(2050, 50)));
        assert_eq!(dearer(market(100, 10), dear, 500), Some(market(500, 50)));
        assert_eq!(dearer(Fees::Legacy { price: 100 }, dear, FREE), Some(Fees::Legacy { price: 1050 }));
    }

    #[test]
    fn what_would_not_replace_is_not_made() {
        let idle = Prices { base: Some(1), tip: 0 };
        assert_eq!(dearer(market(100, 10), idle, 109), None);
        assert_eq!(dearer(market(100, 10), idle, 110), Some(market(110, 11)));
        assert_eq!(dearer(Fees::Legacy { price: 100 }, idle, 109), None);
    }

    #[test]
    fn what_is_stuck_gets_no_dearer_than_ten_times_a_new_one() {
        let now = Prices { base: Some(100), tip: 10 };
        assert_eq!((unreasonable(now), unreasonable(Prices { base: None, tip: 7 })), (2100, 70));
        let (mut fees, mut bumps) = (market(210, 10), 0);
        while let Some(more) = dearer(fees, now, unreasonable(now)) {
            (fees, bumps) = (more, bumps + 1);
        }
        // The next would be 2115.
        assert_eq!((bumps, fees.ceiling()), (23, 1922));
        assert_eq!(unreasonable(Prices { base: Some(u128::MAX), tip: u128::MAX }), u128::MAX);
    }

    proptest! {
        #[test]
        fn no_node_that_wants_a_tenth_refuses(
            max_fee in 1_u128..u128::MAX >> 8, tip in 0_u128..u128::MAX >> 8, base: u64, advised: u64, limit: u128
        ) {
            let tip = tip.min(max_fee);
            let now = Prices { base: Some(base.into()), tip: advised.into() };
            if let Some(Fees::Market { max_fee: fee, tip: new_tip }) = dearer(market(max_fee, tip), now, limit) {
                prop_assert!(fee * 100 >= max_fee * 110 && new_tip * 100 >= tip * 110);
                prop_assert!(fee <= limit && new_tip <= fee && fee > max_fee && new_tip > tip);
            }
        }
    }
}
