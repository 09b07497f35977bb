//! The user at the terminal, or the machine in their place.

use super::context::Session;
use alloy::primitives::B256;
use indicatif::ProgressBar;
use std::{
    fmt,
    io::{BufRead, IsTerminal, Write},
};
use zkinfer::{
    backend::CancelToken,
    chain::{ChainError, Offer, Operator},
};

/// Shows what it costs, asks, prints hashes, hears interrupts.
pub(crate) struct Terminal {
    consent: Consent,
    cancel: CancelToken,
    spinner: ProgressBar,
}

/// Who agrees to costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// Whoever sits there.
    Ask,
    /// The options did.
    Given,
    /// There is nothing to agree to.
    NotNeeded,
}

impl Terminal {
    pub(crate) fn new(session: &Session, yes: bool) -> Self {
        Self::with(session, if yes { Consent::Given } else { Consent::Ask })
    }

    /// For a chain whose currency is worth nothing.
    pub(crate) fn unasked(session: &Session) -> Self {
        Self::with(session, Consent::NotNeeded)
    }

    fn with(session: &Session, consent: Consent) -> Self {
        Self { consent, cancel: session.control().cancel.clone(), spinner: session.spinner() }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("consent", &self.consent).finish_non_exhaustive()
    }
}

impl Operator for Terminal {
    fn agree(&self, offer: &Offer) -> Result<(), ChainError> {
        if self.consent == Consent::NotNeeded {
            return Ok(());
        }
        self.spinner.suspend(|| {
            eprintln!("zkinfer: this is no development chain, and it costs money:\n{offer}");
            if self.consent == Consent::Given {
                return Ok(());
            }
            if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
                let reason = "nobody is there to agree to the costs above: give --yes (with --max-cost, if you like); nothing was sent";
                return Err(ChainError::NotAgreed(reason.into()));
            }
            eprint!("Send it? [y/N] ");
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            match answer.trim().to_lowercase().as_str() {
                "y" | "yes" if read.is_ok() => Ok(()),
                _ => Err(ChainError::NotAgreed("not agreed to; nothing was sent".into())),
            }
        })
    }

    fn sending(&self, what: &str, hash: B256) {
        if self.consent == Consent::NotNeeded {
            return;
        }
        self.spinner.suspend(|| eprintln!("zkinfer: sending {hash}: {what}"));
    }

    fn is_interrupted(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
