//! What an operator wants of a submitter that runs, or will.

use super::place::JournalArgs;
use crate::cli::{Failure, Outcome, context::Session, report};
use alloy::primitives::B256;
use serde_json::json;
use zkinfer::chain::submitter::{Journal, JournalError, Phase, Wish};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    journal: JournalArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneArgs {
    /// The intent: the id of a statement, of a batch, or of an act.
    #[arg(value_name = "ID")]
    id: B256,

    #[command(flatten)]
    journal: JournalArgs,
}

pub(super) fn pause(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let journal = args.journal.visit()?;
    journal.set_paused(true)?;
    said(&journal, "Paused: nothing is signed until `zkinfer submitter resume`; what was sent is watched", session)
}

pub(super) fn resume(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let journal = args.journal.visit()?;
    journal.set_paused(false)?;
    journal.set_draining(false)?;
    said(&journal, "Resumed", session)
}

pub(super) fn drain(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let journal = args.journal.visit()?;
    journal.set_draining(true)?;
    let text = "Draining: nothing new is begun, and the submitter ends when what was signed has ended; then `resume` before it \
                runs again";
    said(&journal, text, session)
}

fn said(journal: &Journal, text: &str, session: &Session) -> Result<Outcome, Failure> {
    let controls = journal.controls()?;
    let object = json!({
        "journal": journal.path(),
        "is_paused": controls.is_paused,
        "is_draining": controls.is_draining,
        "hold": controls.hold,
    });
    report::result(session, &object, &format!("{text}\n"));
    Ok(Outcome::True)
}

pub(super) fn cancel(args: &OneArgs, session: &Session) -> Result<Outcome, Failure> {
    wish(args, Wish::Cancel, session)
}

pub(super) fn retry(args: &OneArgs, session: &Session) -> Result<Outcome, Failure> {
    wish(args, Wish::Revive, session)
}

fn wish(args: &OneArgs, wish: Wish, session: &Session) -> Result<Outcome, Failure> {
    let journal = args.journal.visit()?;
    let row = journal.row(args.id)?.ok_or(JournalError::Unknown(args.id))?;
    let (is_possible, action) = match wish {
        Wish::Cancel => (matches!(row.phase(), Phase::Planned | Phase::Signed | Phase::Broadcast), "cancelled"),
        Wish::Revive => (matches!(row.phase(), Phase::Failed | Phase::Cancelled), "planned again"),
    };
    if !is_possible {
        return Err(Failure::Input(format!("{} is {}: it cannot be {action}", args.id, row.phase())));
    }
    journal.wish(args.id, wish)?;
    let object = json!({ "journal": journal.path(), "intent": args.id, "phase": row.phase(), "wish": wish });
    let text = format!("{} is {}; it is {action} by the submitter that runs, or by the next\n", args.id, row.phase());
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
