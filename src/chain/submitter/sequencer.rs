//! Which nonce is next.
//!
//! One sequencer for a chain and an account. It holds no counter that could be wrong after a failed send: what is free follows
//! from the chain's count, from the pool's, and from what the journal has signed.

use std::collections::BTreeSet;

/// What is known of an account's nonces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The first that no block has used.
    pub latest: u64,
    /// The first that the pool does not have: what is from `latest` to here is on its way.
    pub pending: u64,
    /// Those of transactions of the journal that may still be mined, or are and not finally.
    pub ours: BTreeSet<u64>,
}

impl Sequence {
    /// The lowest nonces that nothing has, in order: a gap is filled before anything is put behind it.
    pub fn free(&self) -> impl Iterator<Item = u64> + '_ {
        // What the pool has and the journal does not was sent by somebody else with the same key.
        (self.latest..).filter(|nonce| !self.ours.contains(nonce) && *nonce >= self.pending)
    }

    /// Sequence below one of ours that nothing has, neither pool nor journal: what is behind them cannot be mined.
    pub fn gaps(&self) -> impl Iterator<Item = u64> + '_ {
        let last = self.ours.last().copied().unwrap_or_default();
        self.free().take_while(move |nonce| *nonce < last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(latest: u64, pending: u64, ours: &[u64]) -> Sequence {
        Sequence { latest, pending, ours: ours.iter().copied().collect() }
    }

    fn free(sequence: &Sequence) -> Vec<u64> {
        sequence.free().take(3).collect()
    }

    #[test]
    fn the_next_nonce_follows_from_chain_pool_and_journal() {
        assert_eq!(free(&sequence(5, 5, &[])), [5, 6, 7]);
        assert_eq!(free(&sequence(5, 7, &[5, 6])), [7, 8, 9]);
        // Kept and not handed over, or forgotten by the pool.
        assert_eq!(free(&sequence(5, 5, &[5, 6])), [7, 8, 9]);
        // Somebody else's with the same key.
        assert_eq!(free(&sequence(5, 8, &[])), [8, 9, 10]);
        // A node whose pool is behind its chain.
        assert_eq!(free(&sequence(5, 3, &[4])), [5, 6, 7]);
    }

    #[test]
    fn gaps_are_filled_first() {
        let with_gap = sequence(5, 6, &[5, 8]);
        assert_eq!(free(&with_gap), [6, 7, 9]);
        assert_eq!(with_gap.gaps().collect::<Vec<_>>(), [6, 7]);
        assert_eq!(sequence(5, 9, &[5, 8]).gaps().count(), 0);
        assert_eq!(sequence(5, 5, &[]).gaps().count(), 0);
    }
}
