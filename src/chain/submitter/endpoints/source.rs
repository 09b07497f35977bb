//! One endpoint, as the pool asks it.

use super::health::LIMITED;
use crate::chain::submitter::{Chain, Head};
use crate::chain::{
    ChainError,
    wording::{Meaning, meaning},
};
use std::time::Duration;

/// A chain as one endpoint tells it: a node in earnest, a script or a simulation in tests.
pub trait Source: Chain + Clone + 'static {
    /// What it is called in logs, metrics and errors, without secrets.
    fn name(&self) -> String;

    /// The header of the block of this number; `None` when it has no such block.
    fn header(&self, number: u64) -> impl Future<Output = Result<Option<Head>, ChainError>> + Send;

    /// How long it wants to be left alone, as its last answer said; asked once.
    fn pause(&self) -> Option<Duration> {
        None
    }
}

/// What an error says about whoever answered with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: it is an answer.
    None,
    /// It does not want to be asked now.
    Limit,
    /// It does not answer, or not the question.
    Failure,
}

/// What a failure is called in metrics.
pub(super) fn kind(error: &ChainError) -> &'static str {
    match error {
        _ if fault(error) == Fault::Limit => LIMITED,
        ChainError::Rpc { message, .. } if message.starts_with("HTTP status") => "http_status",
        ChainError::Rpc { message, .. } if meaning(message) == Meaning::Pruned => "pruned",
        ChainError::Rpc { .. } => "behind",
        ChainError::BadAnswer { .. } => "bad_answer",
        ChainError::WrongChain { .. } => "wrong_chain",
        _ => "unreachable",
    }
}

/// Contracts that refuse and calls that cannot be paid for are answers. What an endpoint cannot do is a failure, whoever is to
/// blame.
pub(super) fn fault(error: &ChainError) -> Fault {
    match error {
        ChainError::Rpc { message, .. } if message.starts_with("HTTP status") => {
            if message.starts_with("HTTP status 429") { Fault::Limit } else { Fault::Failure }
        }
        ChainError::Rpc { message, .. } => match meaning(message) {
            Meaning::Busy => Fault::Limit,
            Meaning::Behind | Meaning::Pruned => Fault::Failure,
            _ => Fault::None,
        },
        ChainError::Unreachable { .. } | ChainError::BadAnswer { .. } | ChainError::WrongChain { .. } => Fault::Failure,
        _ => Fault::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::Refusal;

    #[test]
    fn a_refusal_is_an_answer_and_silence_is_none() {
        let rpc = |message: &str| ChainError::Rpc { what: "it".into(), message: message.into() };
        for (error, expected) in [
            (ChainError::Refused { what: "it".into(), refusal: Refusal::decode(&[]) }, Fault::None),
            (rpc("insufficient funds for gas * price + value"), Fault::None),
            (rpc("HTTP status 429: it takes no more requests for now"), Fault::Limit),
            (rpc("HTTP status 503"), Fault::Failure),
            (rpc("daily request count exceeded, request rate limited"), Fault::Limit),
            (rpc("header not found"), Fault::Failure),
            (rpc("missing trie node 5bd2 (path )"), Fault::Failure),
            (ChainError::Unreachable { endpoint: "e".into(), reason: "refused".into() }, Fault::Failure),
            (ChainError::WrongChain { found: 1, named: 2 }, Fault::Failure),
        ] {
            assert_eq!(fault(&error), expected, "{error}");
        }
        for (error, expected) in [
            (rpc("HTTP status 429: it takes no more requests for now"), "limited"),
            (rpc("HTTP status 503"), "http_status"),
            (rpc("header not found"), "behind"),
            (rpc("missing trie node 5bd2 (path )"), "pruned"),
            (ChainError::BadAnswer { what: "it".into(), reason: "no JSON".into() }, "bad_answer"),
            (ChainError::Unreachable { endpoint: "e".into(), reason: "refused".into() }, "unreachable"),
            (ChainError::WrongChain { found: 1, named: 2 }, "wrong_chain"),
        ] {
            assert_eq!(kind(&error), expected, "{error}");
        }
    }
}
