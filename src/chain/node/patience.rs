//! Asking again what a node is too busy for, and what its errors mean.

use super::Node;
use crate::{
    chain::{
        ChainError,
        wording::{Meaning, meaning},
    },
    evm::Refusal,
    net::root_cause,
};
use alloy::{
    primitives::Bytes,
    transports::{RpcError, TransportError, TransportErrorKind, TransportResult},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often a request is made that the node is too busy for.
const ATTEMPTS: u32 = 5;
/// The pause after the first of them; each further one is twice as long, or as long as the node asks for.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: a node that asks for more is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often a busy node is asked, and what it wanted the last time.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    attempts: u32,
    wanted: Arc<Mutex<Option<Duration>>>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, wanted: Arc::default() }
    }
}

impl Patience {
    pub(super) fn none() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Of an answer that says when to ask again.
    pub(super) fn note(&self, error: &TransportError) {
        if let Some(Some(wanted)) = busy(error) {
            *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
        }
    }
}

impl Node {
    /// How long the node wanted to be left alone when it was too busy; told once.
    pub(in crate::chain) fn wanted_pause(&self) -> Option<Duration> {
        self.patience.wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks, and asks again what the node is too busy for.
    pub(super) async fn ask<T, F>(&self, what: &str, request: impl Fn() -> F) -> Result<T, ChainError>
    where
        F: Future<Output = TransportResult<T>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..self.patience.attempts {
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wanted = match busy(&error) {
                Some(wanted) => wanted.unwrap_or(pause),
                None => return Err(self.error(what, error)),
            };
            if wanted > LONGEST_PAUSE {
                return Err(self.error(what, error));
            }
            tracing::debug!(what, pause = ?wanted, "the node is busy");
            tokio::time::sleep(wanted).await;
            pause *= 2;
        }
        request().await.map_err(|error| {
            self.patience.note(&error);
            self.error(what, error)
        })
    }

    /// Makes a transport's error one of ours.
    pub(crate) fn error(&self, what: &str, error: TransportError) -> ChainError {
        let what = what.to_owned();
        match error {
            RpcError::ErrorResp(payload) => {
                // Code 3 is a revert (geth, anvil and others); empty data may be left out.
                let silent = payload.code == 3 && payload.data.is_none();
                match payload.as_revert_data().or_else(|| silent.then(Bytes::new)) {
                    Some(data) => ChainError::Refused { what, refusal: Refusal::decode(&data) },
                    None => ChainError::Rpc { what, message: payload.message.into_owned() },
                }
            }
            RpcError::Transport(
                TransportErrorKind::HttpError(error) | TransportErrorKind::HttpErrorWithRetryAfter { error, .. },
            ) => {
                let hint = if error.status == 429 {
                    ": it takes no more requests for now; ask later, or another node"
                } else {
                    ""
                };
                ChainError::Rpc { what, message: format!("HTTP status {}{hint}", error.status) }
            }
            RpcError::Transport(kind) => {
                ChainError::Unreachable { endpoint: self.endpoint.clone(), reason: root_cause(&kind) }
            }
            RpcError::DeserError { err, .. } => ChainError::BadAnswer { what, reason: err.to_string() },
            RpcError::NullResp => ChainError::BadAnswer { what, reason: "it is null".into() },
            other => ChainError::Rpc { what, message: root_cause(&other) },
        }
    }
}

/// Whether the node may answer the same request later, and when it wants to be asked again.
fn busy(error: &TransportError) -> Option<Option<Duration>> {
    match error {
        RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after }) => {
            matches!(error.status, 429 | 502..=504).then_some(Some(*retry_after))
        }
        RpcError::Transport(TransportErrorKind::HttpError(error)) => {
            matches!(error.status, 429 | 502..=504).then_some(None)
        }
        RpcError::ErrorResp(payload) if payload.as_revert_data().is_none() => {
            let means = meaning(&payload.message);
            (payload.is_retry_err() || matches!(means, Meaning::Busy | Meaning::Behind | Meaning::Pruned))
                .then_some(None)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_is_too_busy_for_is_asked_again() {
        let http = |status| TransportErrorKind::http_error(status, "no JSON".into());
        for status in [429, 502, 503, 504] {
            assert_eq!(busy(&http(status)), Some(None));
        }
        assert_eq!((busy(&http(401)), busy(&http(500))), (None, None));
        let wanted = Duration::from_secs(7);
        let error = TransportErrorKind::http_error_with_retry_after(429, "wait".into(), Some(wanted));
        assert_eq!(busy(&error), Some(Some(wanted)));
    }
}
