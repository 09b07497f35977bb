use super::{Failure, ModelArgs, Outcome, choice, context, context::Session, explain, report};
use serde_json::{Value, json};
use zkinfer::{
    backend::{Artifacts, SrsKind},
    model::{Model, network::Sketch},
    proof::identity::schema_hash,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer compile --model mlp.onnx --calibration samples.json
  zkinfer compile --model cnn.onnx --calibration samples.json --explain
  zkinfer compile --model resnet50.onnx --predict
  zkinfer compile --backend ezkl --model model.onnx --json
  zkinfer compile --backend ezkl --model model.onnx --optimize gas --calibration samples.json
  zkinfer compile --backend ezkl --model model.onnx --batch 16 --srs kzg17.srs

Makes the model's artifacts, its circuit and keys, in the cache directory, where `prove` finds them. Nothing is done when
they are there already. With --optimize, --batch or --srs, give the same options to `prove`: other options are another model.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// Also show the tensors of a native network: what their integers mean, what quantization costs, and what takes most rows
    #[arg(long)]
    explain: bool,

    /// Make nothing: say from the shapes alone what a native proof would take, of models that are too large to be proven, too
    #[arg(long, conflicts_with_all = ["explain", "hide", "srs", "calibration", "batch", "optimize"])]
    predict: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let model = context::model(&args.model)?;
    if args.predict {
        return predict(&model, session);
    }
    let _runtime = session.runtime()?;
    let chosen = choice::prepare(&args.model, &model, session)?;
    let prepared = &chosen.prepared;
    let mut object = object(&prepared.artifacts, prepared.srs);
    object["backend_choice"] = chosen.object();
    object["built"] = json!(prepared.built);
    object["model_code_bytes"] = json!(prepared.verifier.as_ref().map(|code| code.runtime_code.len()));
    let explained = explain::report_of(&prepared.artifacts).filter(|_| args.explain);
    if let Some(report) = &explained {
        let identity = prepared.artifacts.identity();
        object["explain"] = explain::object(report, &identity.details, identity.parameters);
    }
    let word = if prepared.built { "Built" } else { "Found" };
    let mut text = format!(
        "{word} {}\n{}{}",
        prepared.artifacts.dir().display(),
        report::rows(&[chosen.row()]),
        rows(&prepared.artifacts, prepared.srs)
    );
    if args.explain {
        text += &match &explained {
            Some(report) => {
                let identity = prepared.artifacts.identity();
                explain::text(report, &identity.details, identity.parameters)
            }
            None => "Nothing more to explain: these are no artifacts of a native network, or others made them\n".into(),
        };
    }
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

fn predict(model: &Model, session: &Session) -> anyhow::Result<Outcome> {
    let sketch =
        Sketch::new(model).map_err(|error| Failure::Input(format!("native cannot prove this model: {error}")))?;
    report::result(session, &json!({ "predict": sketch }), &explain::sketched(&sketch));
    Ok(Outcome::True)
}

/// What artifacts are, for `inspect` too. The ids are computed from their parts. ONNX file and figures stay with whoever made
/// the artifacts.
pub(crate) fn object(artifacts: &Artifacts, srs: SrsKind) -> Value {
    let (identity, provenance) = (artifacts.identity(), artifacts.provenance().ok().flatten());
    json!({
        "artifacts": artifacts.dir(),
        "backend": identity.backend,
        "backend_version": identity.backend_version,
        "model_id": identity.model_id(),
        "adapter_id": identity.adapter_id,
        "model_code_hash": identity.model_code_hash,
        "vk_digest": identity.vk_digest,
        "schema_hash": schema_hash(&identity.schema),
        "srs_id": identity.srs_id,
        "test_srs": srs.is_test(),
        "srs": srs.to_string(),
        "srs_kind": srs.word(),
        "onnx_blake3": provenance.as_ref().map(|provenance| &provenance.onnx_hash),
        "params": identity.parameters,
        "dims": identity.dims,
        "proof_bytes": identity.proof_bytes,
        "details": identity.details,
        "figures": provenance.as_ref().map(|provenance| &provenance.figures),
    })
}

pub(crate) fn rows(artifacts: &Artifacts, srs: SrsKind) -> String {
    let identity = artifacts.identity();
    let sizes = identity.dims.iter().map(|(symbol, size)| (format!("axis {symbol}"), size.to_string()));
    let rows = [
        ("version".into(), format!("{} {}", identity.backend, identity.backend_version)),
        ("model id".into(), identity.model_id().to_string()),
        ("parameters".into(), identity.parameters.to_string()),
        ("proof".into(), format!("{} bytes", identity.proof_bytes)),
        ("code hash".into(), identity.model_code_hash.to_string()),
        ("SRS".into(), format!("{} ({}{})", identity.srs_id, srs, if srs.is_test() { ", NOT SECURE" } else { "" })),
        ("details".into(), identity.details.to_string()),
    ];
    report::rows(&sizes.chain(rows).collect::<Vec<_>>())
}
