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
    yes: bool,
    cancel: CancelToken,
    spinner: ProgressBar,
}

impl Terminal {
    pub(crate) fn new(session: &Session, yes: bool) -> Self {
        Self { yes, cancel: session.control().cancel.clone(), spinner: session.spinner() }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("yes", &self.yes).finish_non_exhaustive()
    }
}

impl Operator for Terminal {
    fn agree(&self, offer: &Offer) -> Result<(), ChainError> {
        self.spinner.suspend(|| {
            eprintln!("zkinfer: this is no development chain, and it costs money:\n{offer}");
            if self.yes {
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
        self.spinner.suspend(|| eprintln!("zkinfer: sending {hash}: {what}"));
    }

    fn is_interrupted(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
