//! Claims at three prices, one by one or as a batch.

mod batch;
mod one;
mod place;

pub(crate) use place::{Node as ReadArgs, PlaceArgs, done, find_batch_file, moment, span};

use super::{Outcome, context::Session};

const ATTEST_EXAMPLES: &str = "\
Examples:
  zkinfer claim attest answer.bundle.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account --out claimed.bundle.json

Puts two hashes on the chain: of the proof, and of the bundle that --out writes (its BLAKE3: the content address under which a store has
it). Nothing judges them. A native bundle that is made for no chain is proven again for the registry and the account, as `submit` does.";

const OPTIMISTIC_EXAMPLES: &str = "\
Examples:
  zkinfer claim optimistic answer.bundle.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer claim optimistic answer.bundle.json --claim-registry 0x… --rpc https://… --chain-id 8453 --keystore key.json \\
      --password-file password --consumer 0x… --job 0x… --max-cost 0.2 --yes --json

Publishes the public values and holds a bond. Until the challenge window is over anybody can object; then the claim has to be proven
within the answer window (`zkinfer answer`), or half of the bond goes to the challenger and the rest to the consumer. So it is claimed
where it can be proven: keep the model's artifacts and an eye on `zkinfer registry watch`. The bond is back, as a credit, with
`zkinfer finalize`. The bond counts in what is shown before it is agreed to, and against --max-cost.

Claiming twice is claiming once: the statement is fixed and kept before anything is sent. --again makes another claim, with another bond.";

const VERIFIED_EXAMPLES: &str = "\
Examples:
  zkinfer claim verified answer.bundle.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account

The verifier judges the proof at once, and nothing is bonded. What `zkinfer submit` has recorded in the proof registry beside it is
adopted without another verification.";

const BATCH_EXAMPLES: &str = "\
Examples:
  zkinfer claim batch 1.bundle.json 2.bundle.json … --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account --out batch.json
  zkinfer claim batch many.bundle.json --jobs jobs.txt --out batch.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account

One root for up to 4096 statements of one model, with a bond for each. The bundles give the public values; no proof is looked at. Each
statement takes a job of its own: a line of --jobs FILE (32 bytes of hex), or --job for all if their values differ. --out has the leaves,
which are on no chain: publish it, since whoever cannot get a leaf challenges it, and keep it, since answering takes it (a copy is kept in
ZKINFER_STATE_DIR). Its BLAKE3 is posted with the root.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Post a hash: Attested, judged by nothing.
    #[command(after_help = ATTEST_EXAMPLES)]
    Attest(Box<one::Args>),
    /// Post a claim with a bond: Optimistic, judged if somebody objects.
    #[command(after_help = OPTIMISTIC_EXAMPLES)]
    Optimistic(Box<one::Args>),
    /// Have a proof judged: Verified.
    #[command(after_help = VERIFIED_EXAMPLES)]
    Verified(Box<one::Args>),
    /// Post many Optimistic claims under one root.
    #[command(after_help = BATCH_EXAMPLES)]
    Batch(Box<batch::Args>),
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Attest(args) => one::run(args, one::Price::Attested, session),
        Command::Optimistic(args) => one::run(args, one::Price::Optimistic, session),
        Command::Verified(args) => one::run(args, one::Price::Verified, session),
        Command::Batch(args) => batch::run(args, session),
    }
}
