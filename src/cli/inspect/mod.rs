mod bundles;

use super::{
    Failure, Outcome,
    answers::{Answers, LabelArgs},
    compile,
    context::Session,
    report,
};
use alloy::primitives::{B256, keccak256};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    backend::{self, Artifacts},
    evm::KeyObject,
    pipeline::PipelineError,
    proof::{Schema, bundle::MAX_MODEL_CODE_BYTES, identity::schema_hash, schema::Visibility},
};
use zkinfer_prover::{VerifyingKey, network::NetworkVerifyingKey};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer inspect answer.bundle.json
  zkinfer inspect bundles/tree.bundle.json          every inner bundle, the Merkle root, and how they are nested
  zkinfer inspect ~/.cache/zkinfer/artifacts/0f3c… --json
  zkinfer inspect vk.key
  zkinfer inspect --as ezkl-vk vk.key
  zkinfer inspect answer.bundle.json --openings answer.openings.json     also shows what the bundle hides
  zkinfer inspect schema.bin          canonical bytes, or their hex after 0x

Shows what is in a file and computes its ids anew; what contradicts itself is refused. Nothing is VERIFIED: that is what
`zkinfer verify` does.";

/// A schema as hex text, with room.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A bundle or a structure of bundles, a directory of artifacts, a verifying key or a schema.
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// What it is [default: found out; an EZKL key looks like nothing in particular].
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,

    /// What opens the bundle's hidden tensors, as `zkinfer prove --hide` wrote it: checked, and shown.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    #[command(flatten)]
    labels: LabelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// What `zkinfer prove` and `zkinfer batch` write: a bundle, or a list, a chain or a tree of them.
    Bundle,
    /// A directory with a manifest.json.
    Artifacts,
    /// A native verifying key: vk.key, or the key object that is on chains.
    Vk,
    /// EZKL's vk.key.
    EzklVk,
    /// The canonical bytes of a schema.
    Schema,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (object, text) = match args.kind {
        None | Some(Kind::Bundle) if args.openings.is_some() => of_bundles(args)?,
        _ if args.openings.is_some() => return Err(Failure::Input("only a bundle takes --openings".into()).into()),
        None if args.path.is_dir() => artifacts(&args.path)?,
        Some(Kind::Artifacts) => artifacts(&args.path)?,
        Some(Kind::Bundle) => of_bundles(args)?,
        kind => {
            let bytes = read(&args.path)?;
            match kind {
                Some(Kind::Vk) => key(&bytes)?,
                Some(Kind::EzklVk) => ezkl_key(&bytes),
                Some(Kind::Schema) => schema(&bytes)?,
                // A bundle may be larger than what was read here.
                _ if [&b"{"[..], b"zkic", b"zkiz"].iter().any(|form| bytes.starts_with(form)) => of_bundles(args)?,
                _ => key(&bytes).or_else(|_| schema(&bytes)).map_err(|_| {
                    let shown = args.path.display();
                    Failure::Input(format!("{shown} is no bundle, no native verifying key and no schema; see --as"))
                })?,
            }
        }
    };
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

fn of_bundles(args: &Args) -> Result<(Value, String), Failure> {
    bundles::of_file(&args.path, args.openings.as_deref(), Answers::new(args.labels.read(None)?))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(cannot)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Bytes that may be written as hex after `0x`.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.trim_ascii();
    match digits.strip_prefix(b"0x").map(alloy::hex::decode) {
        Some(Ok(decoded)) => decoded,
        _ => bytes.to_vec(),
    }
}

fn artifacts(path: &Path) -> Result<(Value, String), Failure> {
    let artifacts = Artifacts::open(path).map_err(|error| Failure::Input(error.to_string()))?;
    // The ids are derived from the files, as whoever verifies does.
    let srs = backend::check(&artifacts).map_err(|error| Failure::Input(error.to_string()))?;
    let mut object = compile::object(&artifacts, srs);
    object["kind"] = json!("artifacts");
    object["schema"] = json!(artifacts.schema().map_err(PipelineError::from)?);
    Ok((
        object,
        format!("Artifacts; every file is the one that manifest and model id name\n{}", compile::rows(&artifacts, srs)),
    ))
}

fn key(bytes: &[u8]) -> Result<(Value, String), Failure> {
    let bytes = plain(bytes);
    if bytes.len() > MAX_MODEL_CODE_BYTES {
        return Err(Failure::Input("it is larger than any native verifying key".into()));
    }
    if let Some(object) = KeyObject::read(&bytes) {
        return network_key(&bytes, &object);
    }
    if bytes.starts_with(&[0, 2]) {
        return Err(Failure::Input(
            "it looks like the key of a network, which says nothing without its program: inspect the artifacts' directory, or \
             the key object of `zkinfer verifier generate`"
                .into(),
        ));
    }
    // A key's own encoding does not begin with zero; the object that is on chains does.
    let (object, encoded) = match bytes.split_first() {
        Some((0, rest)) => (true, rest),
        _ => (false, &bytes[..]),
    };
    let key = VerifyingKey::from_bytes(encoded).or_else(|_| VerifyingKey::from_bytes(&bytes));
    let key = key.map_err(|error| Failure::Input(format!("no native verifying key: {error}")))?;
    let code_hash = keccak256([&[0][..], &key.to_bytes()].concat());
    let (digest, srs_id) = (B256::from(key.digest()), B256::from(*key.srs_id()));
    let bounds = key.shape().saturation().map(|bounds| bounds.iter().map(|bound| bound.bound()).collect::<Vec<_>>());
    let committed = key.shape().committed();
    let value = json!({
        "kind": "vk",
        "backend": "native",
        "vk_digest": digest,
        "srs_id": srs_id,
        "model_code_hash": code_hash,
        "dims": key.shape().dims(),
        "params": key.shape().parameters(),
        "saturation": bounds,
        "hidden_inputs": committed.inputs,
        "hidden_outputs": committed.outputs,
        "is_key_object": object,
        "bytes": bytes.len(),
    });
    let text = format!(
        "A native verifying key\n{}",
        report::rows(&[
            ("digest".into(), digest.to_string()),
            ("SRS".into(), srs_id.to_string()),
            ("code hash".into(), code_hash.to_string()),
            ("widths".into(), format!("{:?}", key.shape().dims())),
        ])
    );
    Ok((value, text))
}

/// The key object of a network; one that goes on in pages is read as far as it goes.
fn network_key(bytes: &[u8], object: &KeyObject<'_>) -> Result<(Value, String), Failure> {
    let code_hash = keccak256(bytes);
    let mut value = json!({
        "kind": "vk",
        "backend": "native",
        "model_code_hash": code_hash,
        "pages": object.pages,
        "is_key_object": true,
        "bytes": bytes.len(),
    });
    let mut rows = vec![("code hash".to_owned(), code_hash.to_string())];
    if object.pages.is_empty() {
        let key = NetworkVerifyingKey::from_unregistered_bytes(object.key, object.first);
        let key = key.map_err(|error| Failure::Input(format!("no native verifying key: {error}")))?;
        let (digest, srs_id, parts) = (B256::from(key.digest()), B256::from(*key.srs_id()), key.program().parts());
        value["vk_digest"] = json!(digest);
        value["srs_id"] = json!(srs_id);
        value["program_bytes"] = json!(object.first.len());
        value["rows"] = json!(parts.positions);
        value["tables"] = json!(parts.tables);
        value["elements"] = json!(parts.ports.iter().map(|port| port.count).collect::<Vec<_>>());
        rows.push(("digest".into(), digest.to_string()));
        rows.push(("SRS".into(), srs_id.to_string()));
        rows.push(("rows".into(), parts.positions.to_string()));
    }
    rows.extend(object.pages.iter().map(|page| ("page".to_owned(), page.to_string())));
    Ok((value, format!("The key object of a network\n{}", report::rows(&rows))))
}

fn ezkl_key(bytes: &[u8]) -> (Value, String) {
    let hash = keccak256(bytes);
    let value = json!({ "kind": "ezkl-vk", "backend": "ezkl", "keccak256": hash, "bytes": bytes.len() });
    let note = "the digest in a model id covers the settings, too: inspect the artifacts' directory";
    (value, format!("Taken for a verifying key of EZKL, which is not read further\n  keccak256  {hash}\n  ({note})\n"))
}

fn schema(bytes: &[u8]) -> Result<(Value, String), Failure> {
    let bytes = plain(bytes);
    let schema = Schema::from_bytes(&bytes).map_err(PipelineError::from)?;
    let hash = schema_hash(&bytes);
    let value = json!({
        "kind": "schema",
        "schema_hash": hash,
        "public_values_bytes": schema.byte_len(),
        "tensors": schema,
    });
    let mut rows = vec![("hash".to_owned(), hash.to_string())];
    rows.extend(schema.tensors().iter().map(|tensor| {
        let hidden = if tensor.visibility == Visibility::Committed { ", committed" } else { "" };
        (
            bundles::word(tensor).to_owned(),
            format!("{} {:?}, {} to {}{hidden}", tensor.name, tensor.shape, tensor.min, tensor.max),
        )
    }));
    Ok((value, format!("A schema\n{}", report::rows(&rows))))
}
