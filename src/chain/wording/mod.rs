//! What nodes mean by their errors. Every client has words of its own, and no two the same codes.
//!
//! The words are data ([`words`]); what nodes were seen to answer is beside them (`samples.tsv`), and a test reads it: every row
//! of the table is needed by a sample, and every sample means what it should.

mod words;

use words::WORDS;

/// What a refusal of a node is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::chain) enum Meaning {
    /// It has the transaction, in its pool or in a block.
    Known,
    /// The nonce is used by a transaction that is in a block.
    NonceTooLow,
    /// Transactions with smaller nonces are missing, as far as this node knows.
    NonceGap,
    /// A transaction with this nonce is in the pool, and this one does not pay enough more to take its place.
    Replacement,
    /// The fees are below what the pool or the block takes.
    Underpriced,
    /// The fees are above what the node lets anybody pay.
    FeeCap,
    /// The account cannot pay.
    NoFunds,
    /// An account that delegates (EIP-7702) may have one transaction in the pool.
    InFlight,
    /// The pool, or the account's part of it, is full.
    PoolFull,
    /// The transaction is larger than the node takes.
    TooLarge,
    /// More gas than the call had, or than the chain gives.
    OutOfGas,
    /// The node tried the call, and it reverted. Sequencers do that before they take a transaction.
    Reverted,
    /// Nobody takes it as it is: signature, chain id, type, sender.
    Malformed,
    /// The provider's limits, or its own trouble: later, or another one.
    Busy,
    /// It does not have the block that it is asked about, yet.
    Behind,
    /// It has no state of that block any more. Some say so of the latest block now and then.
    Pruned,
    /// Something else.
    Other,
}

/// Reads a node's words.
pub(in crate::chain) fn meaning(message: &str) -> Meaning {
    let message = message.to_lowercase();
    let found = WORDS.iter().find(|(_, words)| words.iter().any(|word| says(&message, word)));
    found.map_or(Meaning::Other, |(meaning, _)| *meaning)
}

/// Whether a text has these words, and not as the end of another one: `unknown transaction` is not `known transaction`. A `*`
/// stands for whatever is in between.
fn says(text: &str, words: &str) -> bool {
    let (first, rest) = words.split_once('*').map_or((words, None), |(first, rest)| (first, Some(rest)));
    text.match_indices(first).any(|(at, found)| {
        let begins = !text[..at].ends_with(char::is_alphabetic);
        begins
            && rest.is_none_or(|rest| {
                rest.split('*')
                    .try_fold(at + found.len(), |from, part| text[from..].find(part).map(|at| from + at + part.len()))
                    .is_some()
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};

    const SAMPLES: &str = include_str!("samples.tsv");

    fn samples() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let rows = SAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        rows.map(|line| {
            let mut parts = line.splitn(3, '\t');
            let mut part = || parts.next().unwrap_or_else(|| panic!("three columns: {line}"));
            (part(), part(), part())
        })
    }

    /// As clients and providers word it (their sources, and reports of those who use them).
    #[test]
    fn clients_and_providers_are_understood() {
        for (who, expected, message) in samples() {
            assert_eq!(format!("{:?}", meaning(message)), expected, "{who}: {message}");
            // Providers and proxies wrap what the client says.
            let wrapped = format!("failed to forward tx to sequencer, please try again. Error message: '{message}'");
            if expected != "Other" {
                assert_eq!(format!("{:?}", meaning(&wrapped)), expected, "{who}, wrapped: {message}");
            }
        }
    }

    #[test]
    fn whoever_is_used_for_real_has_samples() {
        let mut counts = BTreeMap::<_, usize>::new();
        samples().for_each(|(who, ..)| *counts.entry(who).or_default() += 1);
        let needed = [
            "geth",
            "nethermind",
            "besu",
            "erigon",
            "reth",
            "anvil",
            "arbitrum",
            "op",
            "zksync",
            "polygon-zkevm",
            "alchemy",
            "infura",
            "quicknode",
        ];
        for who in needed {
            assert!(counts.get(who).is_some_and(|count| *count >= 3), "{who}: {counts:?}");
        }
    }

    /// A row that no sample needs is a guess.
    #[test]
    fn every_row_of_the_table_is_needed() {
        let texts: Vec<String> = samples().map(|(.., message)| message.to_lowercase()).collect();
        let mut seen = HashSet::new();
        for (meaning, words) in WORDS {
            for word in *words {
                assert_eq!(*word, word.to_lowercase());
                assert!(seen.insert(word), "`{word}` is there twice");
                assert!(texts.iter().any(|text| says(text, word)), "{meaning:?}: nobody says `{word}`");
            }
        }
    }

    #[test]
    fn the_end_of_another_word_is_none_of_the_words() {
        assert!(
            says("known transaction: 0x12", "known transaction") && !says("unknown transaction", "known transaction")
        );
        assert!(says("unknown transaction; known transaction", "known transaction"));
        assert!(says("nonce 7 too low, expected 8", "nonce*too low") && !says("too low a nonce", "nonce*too low"));
        assert!(!says("", "nonce*too low"));
    }
}
