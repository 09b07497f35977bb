use super::{Failure, Outcome, context::Session, report};
use serde_json::json;
use zkinfer::{
    backend::ezkl::{self, Installation},
    storage::Cache,
};

const EZKL_EXAMPLES: &str = "\
Examples:
  zkinfer setup ezkl
  ZKINFER_PYTHON=/usr/bin/python3.11 zkinfer setup ezkl --json";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Install EZKL 23.0.5 from the Python package index into a virtual environment of its own, by hash.
    #[command(after_help = EZKL_EXAMPLES)]
    Ezkl,
}

pub(crate) fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    let Command::Ezkl = command;
    let cache = Cache::from_env()?;
    if Installation::find(&cache).is_err() {
        eprintln!("{}", ezkl::LICENCE_NOTICE);
    }
    session.control().stage("install EZKL");
    let (installation, made) = Installation::install(&cache)?;
    let object = json!({
        "backend": "ezkl",
        "version": ezkl::VERSION,
        "python": installation.python(),
        "installed_now": made,
        "licence": ezkl::LICENCE_NOTICE,
    });
    let what = if made { "installed" } else { "was installed already" };
    let text = format!("EZKL {} {what}: {}\n", ezkl::VERSION, installation.python().display());
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
