//! The submitter's commands. One process runs it; the others write into its journal.

mod add;
mod control;
mod governed;
mod inbox;
mod place;
mod prover;
mod run;
mod status;

use super::{Failure, Outcome, context::Session};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send what is in the journal, and watch it until it is final.
    #[command(after_help = run::EXAMPLES)]
    Run(Box<run::Args>),
    /// Show how it stands, and what is to be seen to.
    #[command(after_help = status::EXAMPLES)]
    Status(status::Args),
    /// Add bundles that are made for a chain to its journal.
    #[command(after_help = add::EXAMPLES)]
    Add(add::Args),
    /// Sign nothing until `resume`; what was sent is watched.
    Pause(control::Args),
    /// Go on after `pause` or `drain`.
    Resume(control::Args),
    /// Begin nothing new, and end when what was signed has ended.
    Drain(control::Args),
    /// Take an intent back: what is planned is dropped, what was sent is replaced by a transfer of nothing.
    Cancel(control::OneArgs),
    /// Plan an intent again that failed or was cancelled.
    Retry(control::OneArgs),
}

pub(crate) fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    match command {
        Command::Run(args) => run::run(args, session),
        Command::Status(args) => status::run(args, session),
        Command::Add(args) => add::run(args, session),
        Command::Pause(args) => control::pause(args, session),
        Command::Resume(args) => control::resume(args, session),
        Command::Drain(args) => control::drain(args, session),
        Command::Cancel(args) => control::cancel(args, session),
        Command::Retry(args) => control::retry(args, session),
    }
}
