//! A claim registry: what it is, what is in it, what happens there.

mod deploy;
mod event;
mod list;
mod status;
mod watch;
mod withdraw;

use super::{Outcome, context::Session};

const STATUS_EXAMPLES: &str = "\
Examples:
  zkinfer registry status --claim-registry 0x… --rpc http://127.0.0.1:8545
  zkinfer registry status --claim-registry 0x… --rpc https://… --from-block 21000000 --account 0x… --json

Compares the code with this release's, shows the terms, replays every event, and compares what the registry has to hold with what it has.
Exit code 1 if it holds less: then its events, or the node, are not to be believed.";

const CLAIMS_EXAMPLES: &str = "\
Examples:
  zkinfer registry claims --claim-registry 0x… --rpc http://127.0.0.1:8545
  zkinfer registry claims --stage challenged --submitter 0x… --claim-registry 0x… --rpc http://127.0.0.1:8545 --json
  zkinfer registry claims 0x5c50… --claim-registry 0x… --rpc http://127.0.0.1:8545

What the registry's events make of every claim and batch, at the latest block, with the level at which each claim is final.";

const WATCH_EXAMPLES: &str = "\
Examples:
  zkinfer registry watch --claim-registry 0x… --rpc http://127.0.0.1:8545
  zkinfer registry watch --mine 0x… --claim-registry 0x… --rpc http://127.0.0.1:8545 --json | while read -r event; do …; done
  zkinfer registry watch --past --events 100 --claim-registry 0x… --rpc http://127.0.0.1:8545

Prints what happens, a line each (with --json an object each, on a line of its own), until it is interrupted, --seconds are over or --events were
seen. --mine shows what concerns one account: claims and batches that it posted, challenges of it and by it, its credits. After a reorganisation
a line says so, and what happened since is printed again.";

const DEPLOY_EXAMPLES: &str = "\
Examples:
  zkinfer registry deploy --registry 0x… --bond 0.1 --fee 0.01 --challenge-window 86400 --answer-window 14400 --max-open 16 \\
      --rpc http://127.0.0.1:8545 --dev-account

Terms are for ever. The fee is to cover the gas of an answer, or challenging costs less than answering; the answer window is to be long enough
to prove and to be included.";

const WITHDRAW_EXAMPLES: &str = "\
Examples:
  zkinfer registry withdraw --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer registry withdraw --to 0x… --claim-registry 0x… --rpc http://127.0.0.1:8545 --key-file key.hex
  zkinfer registry withdraw --account 0x… --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account     somebody's, to themselves";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show a claim registry: terms, counts, what it holds.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(status::Args),
    /// List claims and batches.
    #[command(after_help = CLAIMS_EXAMPLES)]
    Claims(list::Args),
    /// Print what happens.
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(watch::Args),
    /// Put a claim registry on a chain.
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(Box<deploy::Args>),
    /// Pay a credit out.
    #[command(after_help = WITHDRAW_EXAMPLES)]
    Withdraw(Box<withdraw::Args>),
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Status(args) => status::run(args, session),
        Command::Claims(args) => list::run(args, session),
        Command::Watch(args) => watch::run(args, session),
        Command::Deploy(args) => deploy::run(args, session),
        Command::Withdraw(args) => withdraw::run(args, session),
    }
}
