//! What nodes mean by their errors. Every client has words of its own, and no two the same codes.

/// What a refusal of a node is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It has the transaction.
    Known,
    /// The nonce is used.
    NonceTooLow,
    /// The fees are below what the pool or the block takes, or below those of the transaction that is to be replaced.
    Underpriced,
    /// The account cannot pay.
    NoFunds,
    /// An account that delegates (EIP-7702) may have one transaction in the pool.
    InFlight,
    /// More gas than the call had, or than the chain gives.
    OutOfGas,
    /// It has no state of that block any more. Some say so of the latest block now and then.
    Pruned,
    /// Something else.
    Other,
}

/// In lower case. The first that is found counts.
const WORDS: &[(Meaning, &[&str])] = &[
    (
        Meaning::Known,
        &[
            "already known",
            "alreadyknown",
            "known transaction",
            "already imported",
            "already in mempool",
            "already in the mempool",
            "already in the pool",
            "already exists in",
        ],
    ),
    (
        Meaning::NonceTooLow,
        &["nonce too low", "nonce is too low", "nonce_too_low", "oldnonce", "nonce has already been used"],
    ),
    (Meaning::InFlight, &["in-flight transaction limit"]),
    (
        Meaning::Underpriced,
        &[
            "underpriced",
            "feetoolow",
            "fee too low",
            "less than block base fee",
            "gas price too low",
            "below the base fee",
        ],
    ),
    (
        Meaning::NoFunds,
        &[
            "insufficient funds",
            "insufficientfunds",
            "insufficient balance",
            "upfront cost exceeds",
            "not enough funds",
        ],
    ),
    (
        Meaning::OutOfGas,
        &[
            "outofgas",
            "out of gas",
            "gas required exceeds",
            "exceeds block gas limit",
            "exceeds the block gas limit",
            "block gas limit exceeded",
            "gas limit is too high",
            "gas limit too high",
            "exceeds transaction gas limit",
            "intrinsic gas too low",
            "intrinsic gas too high",
            "callgascostmorethangaslimit",
        ],
    ),
    (
        Meaning::Pruned,
        &["missing trie node", "state not available", "state is not available", "state has been pruned", "pruned"],
    ),
];

/// Reads a node's words.
pub(super) fn meaning(message: &str) -> Meaning {
    let message = message.to_lowercase();
    let found = WORDS.iter().find(|(_, words)| words.iter().any(|word| says(&message, word)));
    found.map_or(Meaning::Other, |(meaning, _)| *meaning)
}

/// Whether a text has these words, and not as the end of another one: `unknown transaction` is not `known transaction`.
fn says(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| !text[..at].ends_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As clients word it (public reports of chainlink, cannon and others).
    #[test]
    fn clients_are_understood() {
        for (message, expected) in [
            ("already known", Meaning::Known),
            ("AlreadyKnown", Meaning::Known),
            ("Known transaction", Meaning::Known),
            ("Transaction with the same hash was already imported.", Meaning::Known),
            ("tx already in mempool", Meaning::Known),
            ("nonce too low: next nonce 7, tx nonce 6", Meaning::NonceTooLow),
            ("OldNonce, Current nonce: 3, nonce of rejected tx: 2", Meaning::NonceTooLow),
            ("replacement transaction underpriced", Meaning::Underpriced),
            ("max fee per gas less than block base fee: address 0x…", Meaning::Underpriced),
            ("insufficient funds for gas * price + value: balance 100, tx cost 105, overshot 5", Meaning::NoFunds),
            ("in-flight transaction limit reached for delegated accounts", Meaning::InFlight),
            ("EVM error OutOfGas", Meaning::OutOfGas),
            ("gas required exceeds allowance (30000000)", Meaning::OutOfGas),
            ("missing trie node 5bd2 (path ) state 0x5bd2 is not available", Meaning::Pruned),
            ("execution reverted", Meaning::Other),
            ("unknown transaction type", Meaning::Other),
            ("", Meaning::Other),
        ] {
            assert_eq!(meaning(message), expected, "{message}");
        }
    }
}
