use super::{Opened, open, time};
use crate::cli::{Failure, Outcome, context::Session, report};
use alloy::primitives::Address;
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use zkinfer::{
    chain::Node,
    index::{self, Retention, Sources},
    storage::{ContentStore, LocalStore},
};

const REBUILD_EXAMPLES: &str = "\
Examples:
  zkinfer index rebuild --from bundles/ --from archive/
  zkinfer index rebuild --from bundles/ --rpc http://127.0.0.1:8545 --registry 0x… --from-block 1200000

Reads every bundle and every .note.json file below the directories (content stores are such directories) and the claims that
the registry recorded, and makes the index from these alone, in one step. It refuses to lose entries that are in none of the sources,
unless --forget says that they may go. A server's index, which others use, is added to instead: nothing goes.";

const VERIFY_EXAMPLES: &str = "\
Reads and hashes every bundle again and compares it with what the index says of it. Proofs are not verified: that is `zkinfer
verify`. Exit code 1 when a bundle changed or the index is wrong, 3 when bundles are not where they were.";

/// What is done with the index as a whole.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make the index again from bundles, notes and registries alone.
    #[command(after_help = REBUILD_EXAMPLES)]
    Rebuild(RebuildArgs),
    /// Hash every bundle again and compare.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Take out what is too old or too much. Bundles are not touched.
    Prune(PruneArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The directory of the index, or the address of its server (postgres://…) [default: $ZKINFER_INDEX, else in the cache
    /// directory].
    #[arg(long, value_name = "DIR|URL")]
    index: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RebuildArgs {
    /// A directory of bundles and notes, looked through with all below it; may be given several times.
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,

    /// A node to read a registry's claims from.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    /// The ProofRegistry; may be given several times.
    #[arg(long, value_name = "ADDRESS", requires = "rpc")]
    registry: Vec<Address>,

    /// A ClaimRegistry, too: attested, bonded and verified claims; may be given several times.
    #[arg(long, value_name = "ADDRESS", requires = "rpc")]
    claim_registry: Vec<Address>,

    /// The first block to read.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from_block: u64,

    /// Let entries go that are in none of the sources.
    #[arg(long)]
    forget: bool,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// A content store to look in for bundles that are not where they were; may be given several times.
    #[arg(long, value_name = "DIR")]
    store: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
#[group(id = "bound", required = true, multiple = true, args = ["max_age_days", "max_entries"])]
pub(crate) struct PruneArgs {
    /// Keep nothing older.
    #[arg(long, value_name = "DAYS")]
    max_age_days: Option<u32>,

    /// Keep at most so many.
    #[arg(long, value_name = "N")]
    max_entries: Option<u64>,

    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Rebuild(args) => rebuild(args, session),
        Command::Verify(args) => verify(args, session),
        Command::Prune(args) => prune(args, session),
    }
}

fn rebuild(args: &RebuildArgs, session: &Session) -> anyhow::Result<Outcome> {
    if args.from.is_empty() && args.rpc.is_none() {
        return Err(Failure::Input(
            "an index is made from something: give --from DIR, --rpc URL with --registry, or both".into(),
        )
        .into());
    }
    let mut sources = Sources { folders: args.from.clone(), claims: vec![] };
    if let Some(rpc) = &args.rpc {
        let runtime = session.runtime()?;
        let node = runtime.block_on(Node::connect(rpc))?;
        if args.registry.is_empty() && args.claim_registry.is_empty() {
            return Err(
                Failure::Input("--rpc goes with --registry ADDRESS, --claim-registry ADDRESS, or both".into()).into()
            );
        }
        for &registry in &args.claim_registry {
            session.control().stage("claims");
            sources.claims.extend(runtime.block_on(index::registry_claims(&node, registry, args.from_block))?);
        }
        for &registry in &args.registry {
            session.control().stage("claims");
            sources.claims.extend(runtime.block_on(index::recorded_claims(&node, registry, args.from_block, None))?);
        }
    }
    session.control().stage("index");
    let index = open(args.place.index.as_deref())?;
    let rebuilt = match &index {
        Opened::Here(index) => index.rebuild(&sources, args.forget)?,
        Opened::Server(_) if args.forget => {
            return Err(Failure::Input(
                "others enter into a server's index: nothing is let go of there; use `prune`".into(),
            )
            .into());
        }
        Opened::Server(index) => index::fill(&**index, &sources)?,
    };
    let mut object = json!(rebuilt);
    object["index"] = json!(index.shown());
    let mut rows: Vec<(String, String)> = [
        ("files of bundles", rebuilt.files),
        ("files of notes", rebuilt.notes),
        ("claims", rebuilt.claims),
        ("other files", rebuilt.others),
        ("forgotten", rebuilt.forgotten),
    ]
    .map(|(name, count)| (name.to_owned(), count.to_string()))
    .into();
    rows.extend(rebuilt.problems.iter().map(|problem| ("problem".to_owned(), problem.clone())));
    let text = format!("{} entries in {}\n{}", index.len()?, index.shown(), report::rows(&rows));
    report::result(session, &object, &text);
    Ok(if rebuilt.problems.is_empty() { Outcome::True } else { Outcome::Refused })
}

fn verify(args: &VerifyArgs, session: &Session) -> anyhow::Result<Outcome> {
    let index = open(args.place.index.as_deref())?;
    if let Opened::Here(index) = &index {
        index.check_file()?;
    }
    let stores: Vec<LocalStore> = args.store.iter().map(|folder| LocalStore::at(folder.clone())).collect();
    let stores: Vec<&dyn ContentStore> = stores.iter().map(|store| store as _).collect();
    let checked = index::check(index.index(), &stores)?;
    let mut object = json!(checked);
    object["index"] = json!(index.shown());
    let mut rows: Vec<(String, String)> = [
        ("bundles as entered", checked.good),
        ("claims alone", checked.claims_alone),
        ("missing", checked.missing),
        ("changed", checked.changed),
        ("wrong", checked.wrong),
    ]
    .map(|(name, count)| (name.to_owned(), count.to_string()))
    .into();
    rows.extend(checked.problems.iter().map(|problem| ("problem".to_owned(), problem.clone())));
    report::result(session, &object, &format!("{} entries\n{}", checked.entries, report::rows(&rows)));
    Ok(match () {
        () if !checked.is_true() => Outcome::Invalid,
        () if checked.missing > 0 => Outcome::Missing,
        () => Outcome::True,
    })
}

fn prune(args: &PruneArgs, session: &Session) -> anyhow::Result<Outcome> {
    let index = open(args.place.index.as_deref())?;
    let day = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    let retention = Retention { max_age: args.max_age_days.map(day), max_entries: args.max_entries };
    let removed = index.index().retain(&retention, time::now_ms())?;
    let left = index.len()?;
    report::result(
        session,
        &json!({ "removed": removed, "left": left }),
        &format!("{removed} taken out, {left} left\n"),
    );
    Ok(Outcome::True)
}
