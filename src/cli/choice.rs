//! Which backend proves a model: the one that was asked for, else native if it can, else EZKL.

use super::{Failure, ModelArgs, context, context::NamedSrs, context::Session, digits, inputs};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zkinfer::{
    backend::{BackendError, ezkl::SrsStore},
    model::{Input, Mlp, Model, graph::Operand},
    pipeline::{EZKLIntegration, PipelineError, Prepared, integration::Compatibility},
    proof::bundle::BackendName,
    storage::Cache,
};

/// The backends that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// The prover of this project: perceptrons and general networks, hidden weights, no Python.
    Native,
    /// EZKL 23.0.5, installed by `zkinfer setup ezkl`.
    Ezkl,
    /// Proves NOTHING: for tests of programs that call this one.
    Mock,
}

impl From<Backend> for BackendName {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Ezkl => Self::Ezkl,
            Backend::Native => Self::Native,
            Backend::Mock => Self::Mock,
        }
    }
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asked {
    /// Native if it can prove the model, else EZKL where it is installed. What was chosen is shown.
    Auto,
    /// The prover of this project: perceptrons and general networks, hidden weights, no Python.
    Native,
    /// EZKL 23.0.5, installed by `zkinfer setup ezkl`.
    Ezkl,
    /// Proves NOTHING: for tests of programs that call this one.
    Mock,
}

/// A backend with a model's artifacts.
pub(crate) struct Chosen {
    pub(crate) integration: EZKLIntegration,
    pub(crate) prepared: Prepared,
    /// Samples of inputs: those that were given, or those that come with the digits model.
    pub(crate) samples: Option<Input>,
    asked: Asked,
    /// Why it is not the first choice.
    why: Option<String>,
}

impl Chosen {
    pub(crate) fn backend(&self) -> BackendName {
        self.prepared.artifacts.identity().backend
    }

    pub(crate) fn object(&self) -> Value {
        let asked = self.asked.to_possible_value().map(|value| value.get_name().to_owned());
        json!({ "asked": asked, "chosen": self.backend(), "why": self.why })
    }

    pub(crate) fn row(&self) -> (String, String) {
        let how = match (&self.why, self.asked) {
            (Some(why), _) => format!(": {why}"),
            (None, Asked::Auto) => ", which can prove it".into(),
            (None, _) => ", as asked for".into(),
        };
        ("backend".into(), format!("{}{how}", self.backend()))
    }
}

/// A model's artifacts, of the backend that is to prove it.
pub(crate) fn prepare(args: &ModelArgs, model: &Model, session: &Session) -> Result<Chosen, Failure> {
    let given = args.calibration.as_deref().map(|path| inputs::samples(path, model)).transpose()?;
    let with = |backend, why| {
        let integration = context::integration_for(args, given.clone(), backend)?;
        let prepared = integration.prepare(model, session.control())?;
        let samples = match (&given, &args.model) {
            (None, None) => Some(Input::from_json(digits::SAMPLES)?),
            _ => given.clone(),
        };
        Ok(Chosen { integration, prepared, samples, asked: args.backend, why })
    };
    let told = |backend, option: &str| with(backend, Some(format!("{option} is for it")));
    match args.backend {
        Asked::Native => with(Backend::Native, None),
        Asked::Ezkl => with(Backend::Ezkl, None),
        Asked::Mock => with(Backend::Mock, None),
        Asked::Auto => match (only_native(args)?, only_ezkl(args)?) {
            (Some(native), Some(ezkl)) => Err(Failure::Input(format!(
                "{native} is for the native backend, {ezkl} for EZKL: no backend takes both"
            ))),
            (Some(option), None) => told(Backend::Native, option),
            (None, Some(option)) => told(Backend::Ezkl, option),
            (None, None) => match with(Backend::Native, None) {
                Err(Failure::Pipeline(error)) if cannot(&error) => ezkl_instead(model, session, &error, with),
                prepared => prepared,
            },
        },
    }
}

/// The same model with weights of 16 bits, for an answer that those of 8 get wrong: where it was left open what proves it, and
/// where that is a perceptron.
pub(crate) fn finer(
    args: &ModelArgs,
    model: &Model,
    session: &Session,
    before: &Chosen,
) -> Result<Option<Chosen>, Failure> {
    let is_open = args.backend == Asked::Auto && !args.precise;
    if !is_open || before.backend() != BackendName::Native || Mlp::from_model(model).is_err() {
        return Ok(None);
    }
    let why = "with weights of 8 bits the answer is not the model's, with 16 (--precise) it is another model, with another id";
    session.say(&format!("trying again: {why}"));
    let chosen = prepare(&ModelArgs { precise: true, ..args.clone() }, model, session)?;
    Ok(Some(Chosen { why: Some(why.into()), ..chosen }))
}

/// Whether a backend says that it cannot prove a model.
const fn cannot(error: &PipelineError) -> bool {
    matches!(
        error,
        PipelineError::UnsupportedOperators { .. } | PipelineError::Backend(BackendError::Unsupported { .. })
    )
}

/// EZKL, where native cannot; else an error that says what is in the way of both.
fn ezkl_instead(
    model: &Model,
    session: &Session,
    native: &PipelineError,
    with: impl FnOnce(Backend, Option<String>) -> Result<Chosen, Failure>,
) -> Result<Chosen, Failure> {
    let native = lacks(model, BackendName::Native).unwrap_or_else(|| native.to_string());
    let help = help(model, &native).map(|help| format!(". {help}")).unwrap_or_default();
    if let Some(ezkl) = lacks(model, BackendName::Ezkl) {
        return Err(Failure::Input(format!("no backend can prove this model: native {native}; EZKL {ezkl}{help}")));
    }
    session.say(&format!("EZKL is to prove this model: native {native}"));
    match with(Backend::Ezkl, Some(format!("native {native}"))) {
        Err(Failure::Pipeline(PipelineError::Backend(error @ BackendError::NotInstalled { .. }))) => {
            Err(Failure::Environment(format!("native {native}. EZKL may be able to, but {error}{help}")))
        }
        Err(Failure::Pipeline(error)) if cannot(&error) => {
            Err(Failure::Input(format!("no backend can prove this model: native {native}; {error}{help}")))
        }
        chosen => chosen,
    }
}

/// The operators that a backend does not have, each with the nodes that need it; `None` when it has all of them.
fn lacks(model: &Model, backend: BackendName) -> Option<String> {
    let unsupported = Compatibility::of(model, backend).unsupported;
    let mut nodes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in model.graph().nodes().iter().filter(|node| unsupported.iter().any(|name| name == node.operator.name()))
    {
        nodes.entry(node.operator.name()).or_default().push(&node.name);
    }
    let one = |(operator, nodes): (&str, Vec<&str>)| match nodes.as_slice() {
        [] => operator.to_owned(),
        [only] => format!("{operator} (node `{only}`)"),
        [first, ..] => format!("{operator} ({} nodes, the first is `{first}`)", nodes.len()),
    };
    let listed: Vec<String> = nodes.into_iter().map(one).collect();
    (!listed.is_empty()).then(|| format!("cannot prove the operators {}", listed.join(", ")))
}

/// What everybody can compute from a public answer need not be proven: where the last node is what native refuses, and it reads
/// the answer alone.
fn help(model: &Model, refusal: &str) -> Option<String> {
    let graph = model.graph();
    let last = graph.nodes().last()?;
    let Some(Some(Operand::Value(read))) = last.inputs.first() else { return None };
    let reads_nothing_else =
        last.inputs.iter().flatten().all(|operand| matches!(operand, Operand::Value(id) if id == read));
    // How many, or along which axis, is no secret of the model.
    let from_answer = reads_nothing_else || last.operator.name() == "TopK";
    if !from_answer || !refusal.contains(&format!("`{}`", last.name)) {
        return None;
    }
    let (operator, tensor) = (last.operator.name(), &graph.value(*read).name);
    Some(format!(
        "What is before the last operator can be proven by native: export the model with the output `{tensor}`; {operator} of a \
         public answer is computed by everybody alike"
    ))
}

/// The option that only native takes, if there is one.
fn only_native(args: &ModelArgs) -> Result<Option<&'static str>, Failure> {
    Ok(match args.srs.as_deref().map(context::named_srs) {
        _ if !args.hide.is_empty() => Some("--hide"),
        _ if args.precise => Some("--precise"),
        Some(NamedSrs::File(path)) if path.extension().is_none_or(|end| end != "srs") => Some("this file of --srs"),
        Some(NamedSrs::Id(id)) if SrsStore::new(&Cache::from_env()?).about(id).is_err() => Some("this id of --srs"),
        _ => None,
    })
}

/// The option that only EZKL takes, if there is one.
fn only_ezkl(args: &ModelArgs) -> Result<Option<&'static str>, Failure> {
    let srs = args.srs.as_deref().map(context::named_srs);
    Ok(match () {
        () if args.batch.is_some() => Some("--batch"),
        () if args.optimize.is_some() => Some("--optimize"),
        () if args.memory_limit_mb.is_some() => Some("--memory-limit-mb"),
        () => match srs {
            Some(NamedSrs::File(path)) if path.extension().is_some_and(|end| end == "srs") => {
                Some("this file of --srs")
            }
            Some(NamedSrs::Id(id)) if SrsStore::new(&Cache::from_env()?).about(id).is_ok() => Some("this id of --srs"),
            _ => None,
        },
    })
}
