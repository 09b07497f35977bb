use super::{Outcome, context::Session, report};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    backend::{
        SrsKind,
        ezkl::{self, Installation, SrsStore},
        native::ImportedPowers,
    },
    pipeline::PipelineError,
    storage::Cache,
};

const EZKL_EXAMPLES: &str = "\
Examples:
  zkinfer setup ezkl
  ZKINFER_PYTHON=/usr/bin/python3.11 zkinfer setup ezkl --json";

const SRS_EXAMPLES: &str = "\
Examples:
  zkinfer setup srs ppot_0080_20.ptau
  zkinfer prove --srs 0x… --model model.onnx --input input.json --out answer.bundle.json
  zkinfer setup srs kzg17.srs
  zkinfer prove --backend ezkl --srs 0x… --model model.onnx --input input.json --out answer.bundle.json

Checks every point of the file, copies it into the cache directory and prints its id, by which --srs names it. The kind of
file decides for which backend it is: .ptau files are for native, kzgK.srs files for EZKL. One file of the largest size that
is needed is enough. Nothing is fetched.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Install EZKL 23.0.5 from the Python package index into a virtual environment of its own, by hash.
    #[command(after_help = EZKL_EXAMPLES)]
    Ezkl,
    /// Import the powers of tau of a ceremony: a .ptau file for native, kzgK.srs for EZKL.
    #[command(after_help = SRS_EXAMPLES)]
    Srs {
        /// The file. It is only read.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Ezkl => install_ezkl(session),
        Command::Srs { file } => import_srs(file, session),
    }
}

fn install_ezkl(session: &Session) -> anyhow::Result<Outcome> {
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

fn import_srs(file: &Path, session: &Session) -> anyhow::Result<Outcome> {
    session.control().stage("check the SRS");
    let cache = Cache::from_env()?;
    if is_ptau(file) {
        let imported = ImportedPowers::import(&cache, file).map_err(PipelineError::from)?;
        let largest = ("powers".into(), imported.powers.to_string());
        let object = json!({ "backend": "native", "powers": imported.powers });
        report_srs(session, file, imported.srs_id, imported.kind(), object, vec![largest]);
    } else {
        let imported = SrsStore::new(&cache).import(file)?;
        let rows = vec![
            ("circuits".into(), format!("up to 2^{} rows", imported.k)),
            ("published by EZKL".into(), if imported.published_by_ezkl { "yes" } else { "no" }.into()),
        ];
        let object = json!({ "backend": "ezkl", "k": imported.k, "published_by_ezkl": imported.published_by_ezkl });
        report_srs(session, file, imported.srs_id, imported.kind(), object, rows);
    }
    Ok(Outcome::True)
}

/// Whatever is not EZKL's: its files begin with their size, at most 26.
fn is_ptau(file: &Path) -> bool {
    let mut start = [0; 4];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start == *b"ptau" || start[0] == b'<')
}

fn report_srs(
    session: &Session,
    file: &Path,
    id: B256,
    kind: SrsKind,
    mut object: Value,
    mut rows: Vec<(String, String)>,
) {
    object["srs_id"] = json!(id);
    object["srs_kind"] = json!(kind.word());
    object["ceremony"] = json!(kind.ceremony().map(|ceremony| ceremony.title));
    rows.insert(0, ("SRS".into(), id.to_string()));
    rows.insert(1, ("ceremony".into(), format!("{kind}{}", if kind.is_test() { ": NOT SECURE" } else { "" })));
    report::result(session, &object, &format!("Imported {}\n{}", file.display(), report::rows(&rows)));
}
