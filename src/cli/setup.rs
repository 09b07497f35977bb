use super::{Failure, Outcome, context::Session, report};
use serde_json::json;
use std::path::{Path, PathBuf};
use zkinfer::{
    backend::ezkl::{self, Installation, SrsStore},
    storage::Cache,
};

const EZKL_EXAMPLES: &str = "\
Examples:
  zkinfer setup ezkl
  ZKINFER_PYTHON=/usr/bin/python3.11 zkinfer setup ezkl --json";

const SRS_EXAMPLES: &str = "\
Examples:
  zkinfer setup srs kzg17.srs
  zkinfer prove --backend ezkl --srs 0x… --model model.onnx --input input.json --out answer.bundle.json

Checks every point of the file, copies it into the cache directory and prints its id, by which --srs of EZKL's models names
it. One file of the largest size that is needed is enough: smaller ones are made from it. Nothing is fetched.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Install EZKL 23.0.5 from the Python package index into a virtual environment of its own, by hash.
    #[command(after_help = EZKL_EXAMPLES)]
    Ezkl,
    /// Import the powers of tau of a ceremony for EZKL (kzgK.srs).
    #[command(after_help = SRS_EXAMPLES)]
    Srs {
        /// The file. It is only read.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(crate) fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    match command {
        Command::Ezkl => install_ezkl(session),
        Command::Srs { file } => import_srs(file, session),
    }
}

fn install_ezkl(session: &Session) -> Result<Outcome, Failure> {
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

fn import_srs(file: &Path, session: &Session) -> Result<Outcome, Failure> {
    session.control().stage("check the SRS");
    let imported = SrsStore::new(&Cache::from_env()?).import(file)?;
    let object = json!({
        "srs_id": imported.srs_id,
        "k": imported.k,
        "published_by_ezkl": imported.published_by_ezkl,
        "test": imported.test,
        "ceremony": imported.ceremony,
    });
    let text = format!(
        "Imported {}\n{}",
        file.display(),
        report::rows(&[
            ("SRS".into(), format!("{}{}", imported.srs_id, if imported.test { ", TEST: NOT SECURE" } else { "" })),
            ("ceremony".into(), imported.ceremony),
            ("circuits".into(), format!("up to 2^{} rows", imported.k)),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
