//! Parse, call the library, report. One file per command.

mod account;
mod again;
mod answer;
mod answers;
mod assignment;
mod audit;
mod batch;
mod bench;
mod challenge;
mod choice;
mod claim;
mod compile;
mod context;
mod demo;
mod digits;
mod dims;
mod doctor;
mod entry;
mod explain;
mod failure;
mod finalize;
mod form;
mod generate;
mod hidden;
mod index;
mod inputs;
mod inspect;
mod keystore;
mod opening;
mod operator;
mod prove;
mod register;
mod registry;
mod report;
mod setup;
mod submit;
mod submitter;
mod verifier;
mod verify;

use choice::{Asked, Backend};
use clap::{Parser, Subcommand, ValueEnum};
use context::Session;
use failure::Failure;
use std::{path::PathBuf, process::ExitCode};
use zkinfer::backend::ezkl::Objective;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and what was checked is true
  1  the proof, the bundle or the claim is INVALID
  2  bad usage or bad input
  3  the environment lacks something: a tool, a node, funds, time
  4  internal error: please report it

Environment:
  ZKINFER_CACHE_DIR  where artifacts are kept (else $XDG_CACHE_HOME/zkinfer, else ~/.cache/zkinfer)
  ZKINFER_HOME       the project directory with node_modules and tools/solc (else the current directory's ancestors)
  ZKINFER_SOLC, ZKINFER_ANVIL  these programs (else those of the project directory, else those on PATH)
  ZKINFER_STATE_DIR  where what was sent is kept (else $XDG_STATE_HOME/zkinfer, else ~/.local/state/zkinfer)
  ETH_RPC_URL        the node, where a command takes --rpc and has none
  ZKINFER_PRIVATE_KEY  the key that commands which write to a chain sign with (64 hex digits)
  ZKINFER_KEYSTORE_PASSWORD  the password of --keystore
  ZKINFER_PYTHON     the Python that `setup ezkl` uses (else python3)
  ZKINFER_INDEX      the directory of the index that `search` looks in, or `off` (else `index` in the cache directory)
  ZKINFER_LOG        what to log to stderr, such as `debug` or `zkinfer=trace`";

/// Prove neural-network inference and put the proof on Ethereum.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    /// Print one JSON object on standard output; logs and progress stay on standard error.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prove a real model's answer, post the proof to a development chain and audit it: everything, end to end.
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Args),
    /// Make a model's circuit and keys.
    #[command(after_help = compile::EXAMPLES)]
    Compile(compile::Args),
    /// Prove one inference, or several with one proof, and write a bundle.
    #[command(after_help = prove::EXAMPLES)]
    Prove(prove::Args),
    /// Prove many inferences and write a bundle for each, or for each chunk.
    #[command(after_help = batch::EXAMPLES)]
    Batch(batch::Args),
    /// Continue a text with a model that predicts characters, and prove every choice.
    #[command(after_help = generate::EXAMPLES)]
    Generate(generate::Args),
    /// Verify a bundle off-chain and in the embedded EVM.
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Args),
    /// Show what is in a bundle, artifacts, a verifying key or a schema, with its ids.
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// Re-verify a claim from its transaction hash: ids, code, proof, on-chain record.
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Args),
    /// Find proofs and claims by model, job, time, words, or nearness.
    #[command(after_help = index::SEARCH_EXAMPLES)]
    Search(index::SearchArgs),
    /// Look after the index that `search` looks in.
    #[command(subcommand)]
    Index(index::Command),
    /// Show the weights behind a native model's commitment, and check what was shown.
    #[command(subcommand)]
    Opening(opening::Command),
    /// A model's own code: write it, compile it, put it on a chain.
    #[command(subcommand)]
    Verifier(verifier::Command),
    /// Enter a model into a registry.
    #[command(after_help = register::EXAMPLES)]
    Register(register::Args),
    /// Submit a bundle's claim to a registry.
    #[command(after_help = submit::EXAMPLES)]
    Submit(submit::Args),
    /// Put what is in a journal on the chain exactly once, whatever happens in between.
    #[command(subcommand)]
    Submitter(submitter::Command),
    /// Claim at one of three prices: attested, optimistic (one or a batch, bonded), verified.
    #[command(subcommand)]
    Claim(claim::Command),
    /// Object to an Optimistic claim.
    #[command(after_help = challenge::EXAMPLES)]
    Challenge(challenge::Args),
    /// Prove an Optimistic claim that somebody objected to.
    #[command(after_help = answer::EXAMPLES)]
    Answer(answer::Args),
    /// End an Optimistic claim whose time is over.
    #[command(after_help = finalize::EXAMPLES)]
    Finalize(finalize::Args),
    /// A claim registry: its terms, its claims, what happens there.
    #[command(subcommand)]
    Registry(registry::Command),
    /// Install what a backend needs.
    #[command(subcommand)]
    Setup(setup::Command),
    /// Measure backends side by side on one model.
    #[command(after_help = bench::EXAMPLES)]
    Bench(bench::Args),
    /// The process that `bench` measures.
    #[command(hide = true)]
    BenchChild(bench::ChildArgs),
    /// Show which tools are there, which are missing, and what to do about it.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Args),
}

/// Which model to use.
#[derive(Clone, Debug, clap::Args)]
struct ModelArgs {
    /// The ONNX file [default: the digits model that comes with zkinfer].
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    #[command(flatten)]
    dims: dims::DimArgs,

    /// What proves.
    #[arg(long, value_enum, default_value = "auto")]
    backend: Asked,

    /// Samples that show which values to expect: input files as for --input, whose flat lists may also hold several inputs, one
    /// after the other [default: native takes those that come with the digits model, else any input in 0 to 1].
    #[arg(long, value_name = "FILE|DIR")]
    calibration: Option<PathBuf>,

    /// Powers of tau that the model is set up with: a file of a ceremony (native: .ptau, EZKL: kzgK.srs), the id under which
    /// `setup srs` imported one, or `test` for the TEST SRS, under which anybody can prove anything [default: native takes
    /// those of the Perpetual Powers of Tau (hez final) that come with zkinfer, EZKL the TEST SRS].
    #[arg(long, value_name = "FILE|ID|test")]
    srs: Option<PathBuf>,

    /// Native: commit to the inputs or the outputs instead of making them public; may be given twice. Another choice is
    /// another model, with another id [default: hide neither].
    #[arg(long, value_enum, value_name = "SIDE")]
    hide: Vec<Side>,

    /// Native: weights of 16 bits instead of 8 for perceptrons, as general networks have them: answers closer to the float model,
    /// and somewhat slower proofs. It is another model, with another id.
    #[arg(long)]
    precise: bool,

    /// EZKL: inferences in one circuit, hence in one proof, which `prove` and `batch --one-proof` fill. Another number is another model,
    /// with another id [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,

    /// EZKL: what the circuit is to be good at. Another choice is another model, with another id [default: balanced].
    #[arg(long, value_enum)]
    optimize: Option<Optimize>,

    /// EZKL: kill a worker that uses more memory than this.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    memory_limit_mb: Option<u64>,
}

/// A side of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// What enters it.
    Inputs,
    /// What leaves it.
    Outputs,
}

/// What a circuit can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Optimize {
    /// A short circuit that needs no samples.
    Balanced,
    /// The least CPU time for a proof.
    Latency,
    /// The least gas for a verification on-chain.
    Gas,
    /// The least memory for a proof.
    Memory,
}

impl From<Optimize> for Objective {
    fn from(optimize: Optimize) -> Self {
        match optimize {
            Optimize::Balanced => Self::Balanced,
            Optimize::Latency => Self::Latency,
            Optimize::Gas => Self::Gas,
            Optimize::Memory => Self::Memory,
        }
    }
}

/// What a command found out.
#[derive(Debug)]
enum Outcome {
    /// It is done, and what was checked is true.
    True,
    /// What was checked is not true.
    Invalid,
    /// It is done, but for what was refused; the report says why.
    Refused,
    /// The examination is done, and something is missing.
    Missing,
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    report::start_logging();
    let session = Session::new(cli.json);
    match run(cli.command, &session) {
        Ok(Outcome::True) => ExitCode::SUCCESS,
        Ok(Outcome::Invalid) => ExitCode::from(1),
        Ok(Outcome::Refused) => ExitCode::from(2),
        Ok(Outcome::Missing) => ExitCode::from(3),
        Err(error) => {
            session.finish();
            ExitCode::from(report::failure(&error, cli.json))
        }
    }
}

fn run(command: Command, session: &Session) -> anyhow::Result<Outcome> {
    Ok(match command {
        Command::Demo(args) => demo::run(&args, session)?,
        Command::Compile(args) => compile::run(&args, session)?,
        Command::Inspect(args) => inspect::run(&args, session)?,
        Command::Register(args) => register::run(&args, session)?,
        Command::Submit(args) => submit::run(&args, session)?,
        Command::Prove(args) => prove::run(&args, session)?,
        Command::Batch(args) => batch::run(&args, session)?,
        Command::Generate(args) => generate::run(&args, session)?,
        Command::Verify(args) => verify::run(&args, session)?,
        Command::Audit(args) => audit::run(&args, session)?,
        Command::Search(args) => index::search(&args, session)?,
        Command::Index(command) => index::manage(&command, session)?,
        Command::Opening(command) => opening::run(&command, session)?,
        Command::Verifier(command) => verifier::run(&command, session)?,
        Command::Submitter(command) => submitter::run(&command, session)?,
        Command::Claim(command) => claim::run(&command, session)?,
        Command::Challenge(args) => challenge::run(&args, session)?,
        Command::Answer(args) => answer::run(&args, session)?,
        Command::Finalize(args) => finalize::run(&args, session)?,
        Command::Registry(command) => registry::run(&command, session)?,
        Command::Setup(command) => setup::run(&command, session)?,
        Command::Bench(args) => bench::run(&args, session)?,
        Command::BenchChild(args) => bench::run_child(&args, session)?,
        Command::Doctor(args) => doctor::run(&args, session)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
