//! Text from a model that predicts characters, and proofs of every choice.

use super::{
    Backend, Failure, Outcome,
    answers::AnswerArgs,
    context,
    context::Session,
    digits,
    form::{self, FormArgs},
    inputs, report,
};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use zkinfer::{
    inference::text::{MAX_CHARACTERS, Shown, TextModel},
    model::{Input, Model},
    pipeline::{
        EZKLIntegration, PipelineError, ProofGenerator, ProofVerifier,
        verification::{Expected, Mode, Policy, TrustLevel},
    },
    proof::{Bundle, Context, Structure, structure::Aggregated},
    storage::{Cache, check_writable, write_atomic},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer generate --prompt \"o romeo, \" --tokens 32
  zkinfer generate --prompt \"o romeo, \" --prove --srs test --out answer.bundle.json
  zkinfer generate --model other.onnx --calibration windows.json --prompt \"to be\" --tokens 20 --prove --out answer.bundle.json
  zkinfer generate --model other.onnx --prompt \"to be\" --tokens 20 --check answer.bundle.json

The model continues the prompt character by character, always with the one that it gives the greatest score (greedy). `gpt` is the
one that comes with zkinfer; a file of your own says in its metadata what its characters are: `tokenizer` is `characters`,
`alphabet` a JSON string of them in order, `case` may be `lower`.

With --prove the circuit chooses, not the floating-point model, and a proof shows it: no score depends on characters behind it,
so that one proof of a window shows every choice that was made in it. A window that is full is followed by one that begins with
its last half, which is proven on its own. Nothing is kept from one window to the next: each is read whole. Of a prompt that is
longer than the model reads, the last characters count.

--check takes prompt and number of characters, verifies the proofs and takes every choice again from the scores that are proven:
what it prints is what the model says, or it ends with exit code 1. The prompt and the text are public.

The model that comes with zkinfer needs more powers of tau than those that do: a ceremony's file, or `--srs test`, whose proofs convince
nobody.";

/// Windows of the text that the model was trained on that comes with zkinfer.
const SAMPLES: &[u8] = include_bytes!("../../models/gpt/calibration.json");
/// Its name.
const NAME: &str = "gpt";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ONNX file, or `gpt` for the model that comes with zkinfer.
    #[arg(long, value_name = "FILE|gpt", default_value = NAME)]
    model: PathBuf,

    /// What the text begins with.
    #[arg(long, value_name = "TEXT")]
    prompt: String,

    /// How many characters follow.
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=MAX_CHARACTERS as i64))]
    tokens: u16,

    /// Prove every choice, and write the proofs to --out.
    #[arg(long, requires = "out")]
    prove: bool,

    /// Where the proofs go.
    #[arg(long, short, value_name = "FILE", requires = "prove")]
    out: Option<PathBuf>,

    /// Verify the proofs in this file, and take every choice again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prove", "out"])]
    check: Option<PathBuf>,

    /// Windows of text as input files, which show what values to expect [default: for `gpt` those that come with it].
    #[arg(long, value_name = "FILE|DIR")]
    calibration: Option<PathBuf>,

    /// Powers of tau: a ceremony's .ptau file, the id of one that was imported, or `test` [default: those that come with zkinfer].
    #[arg(long, value_name = "FILE|ID|test")]
    srs: Option<PathBuf>,

    #[command(flatten)]
    answers: AnswerArgs,

    #[command(flatten)]
    form: FormArgs,
}

/// A model of text with samples of its inputs.
pub(crate) struct Chosen {
    pub(crate) model: Model,
    pub(crate) text: TextModel,
    pub(crate) samples: Option<Input>,
}

impl Chosen {
    /// The model that comes with zkinfer.
    pub(crate) fn shipped() -> Result<Self, Failure> {
        Self::new(Model::from_onnx(digits::GPT.to_vec())?, Some(Input::from_json(SAMPLES)?))
    }

    fn new(model: Model, samples: Option<Input>) -> Result<Self, Failure> {
        let text = TextModel::of(&model)?;
        Ok(Self { model, text, samples })
    }

    fn of(args: &Args) -> Result<Self, Failure> {
        // A file of that name is given as `./gpt`.
        if args.model == Path::new(NAME) {
            let shipped = Self::shipped()?;
            let given = args.calibration.as_deref().map(|path| inputs::samples(path, &shipped.model)).transpose()?;
            return Ok(Self { samples: given.or(shipped.samples), ..shipped });
        }
        let model = Model::read(&args.model)?;
        let samples = args.calibration.as_deref().map(|path| inputs::samples(path, &model)).transpose()?;
        Self::new(model, samples)
    }

    /// The native backend for it.
    pub(crate) fn integration(&self, srs: Option<&Path>) -> Result<EZKLIntegration, Failure> {
        let backend = context::native_with(srs, self.samples.clone())?;
        Ok(EZKLIntegration::new(Arc::new(backend), Cache::from_env()?))
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    args.out.as_deref().map(check_writable).transpose()?;
    let chosen = Chosen::of(args)?;
    let begun = chosen.text.begin(&args.prompt)?;
    let left_out = chosen.text.left_out(begun.tokens().len());
    if left_out > 0 {
        let context = chosen.text.context();
        session.say(&format!(
            "the model reads {context} characters: the first {left_out} of the prompt count for nothing"
        ));
    }
    let _runtime = session.runtime()?;
    let mut object = json!({ "prompt": args.prompt, "tokens": args.tokens, "left_out": left_out });
    match (&args.check, &args.out) {
        (Some(path), _) => check(args, &chosen, path, object, session),
        (None, Some(out)) => prove(args, &chosen, out, object, session),
        (None, None) => {
            let mut stream = Stream::begin(session, &args.prompt);
            let text = chosen.text.draft(&chosen.model, &args.prompt, args.tokens.into(), |c| stream.push(c))?;
            stream.end();
            object["text"] = json!(chosen.text.tokenizer().decode(text.tokens()));
            object["proven"] = json!(false);
            report::result(session, &object, "");
            Ok(Outcome::True)
        }
    }
}

fn prove(args: &Args, chosen: &Chosen, out: &Path, mut object: Value, session: &Session) -> Result<Outcome, Failure> {
    let control = session.control();
    let integration = chosen.integration(args.srs.as_deref())?;
    let prepared = integration.prepare(&chosen.model, control)?;
    let labels = args.answers.labels.read(None)?;
    // Scores of many positions are no scores of classes.
    let reference = args.answers.reference(&chosen.model, chosen.samples.as_ref(), &labels, true)?;
    let generator = ProofGenerator::new(integration.backend(), &prepared).against(reference);
    let started = Instant::now();
    let mut stream = Stream::begin(session, &args.prompt);
    let written = chosen.text.write(&chosen.model, &generator, &args.prompt, args.tokens.into(), control, |c| {
        stream.push(c);
    })?;
    stream.end();
    let wrote = started.elapsed();
    let bundles = written.witnesses.iter().map(|witness| generator.prove(witness, Context::Offchain {}, control));
    let bundles: Vec<Bundle> = bundles.collect::<Result<_, _>>()?;
    let proved = started.elapsed() - wrote;
    let windows = bundles.len();
    let structure = structure(bundles)?;
    write_atomic(out, &args.form.encode(&structure))?;
    let (ms, proof_bytes) = (|time: std::time::Duration| time.as_secs_f64() * 1e3, proof_bytes(&structure));
    object["text"] = json!(chosen.text.tokenizer().decode(written.text.tokens()));
    object["proven"] = json!(true);
    object["bundle"] = json!(out);
    object["model_id"] = json!(prepared.artifacts.model_id());
    object["statement_ids"] = json!(structure.statement_ids());
    object["windows"] = json!(windows);
    object["proof_bytes"] = json!(proof_bytes);
    object["write_ms"] = json!(ms(wrote));
    object["prove_ms"] = json!(ms(proved));
    object["peak_rss_mb"] = json!(integration.backend().peak_rss_kb().map(|kb| kb as f64 / 1024.0));
    object["other_choices"] = json!(written.other_choices);
    object["test_srs"] = json!(prepared.srs.is_test());
    object["artifacts_built"] = json!(prepared.built);
    let warning =
        if prepared.srs.is_test() { "NOT SECURE: under the TEST SRS anybody can prove anything\n" } else { "" };
    let rows = report::rows(&[
        ("model id".into(), prepared.artifacts.model_id().to_string()),
        ("statements".into(), report::listed(&structure.statement_ids())),
        ("proofs".into(), format!("{windows} of {proof_bytes} bytes in all, a window each")),
        ("other choices".into(), format!("{} than the floating-point model's", written.other_choices)),
    ]);
    let (out, wrote, proved) = (out.display(), report::time(ms(wrote)), report::time(ms(proved)));
    report::result(session, &object, &format!("Wrote {out}: text in {wrote}, proved in {proved}\n{rows}{warning}"));
    Ok(Outcome::True)
}

/// One bundle alone, several as a list.
fn structure(mut bundles: Vec<Bundle>) -> Result<Structure, Failure> {
    match bundles.pop() {
        Some(only) if bundles.is_empty() => Ok(only.into()),
        last => {
            bundles.extend(last);
            let list = Aggregated::new(bundles);
            Ok(Structure::Aggregated(list.map_err(|error| Failure::Internal(error.to_string()))?))
        }
    }
}

fn proof_bytes(structure: &Structure) -> usize {
    structure.bundles().iter().map(|bundle| bundle.proof().len()).sum()
}

/// Verifies the proofs, and that their statements show this text.
fn check(args: &Args, chosen: &Chosen, path: &Path, mut object: Value, session: &Session) -> Result<Outcome, Failure> {
    let structure = form::read(path)?;
    let bundles = structure.bundles();
    let model_id = bundles.first().map(|bundle| bundle.model_id());
    let model_id = model_id.ok_or_else(|| Failure::Input(format!("{} holds no bundle", path.display())))?;
    if bundles.iter().any(|bundle| bundle.model_id() != model_id) {
        return Err(Failure::Input(format!("{} is about several models", path.display())));
    }
    let integration = context::integration(Backend::Native)?;
    // With what is known of the model here, else with what the bundles carry.
    let prepared = match integration.find(model_id) {
        Ok(prepared) => Some(prepared),
        Err(PipelineError::UnknownModel(_) | PipelineError::Storage(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let about = prepared.as_ref().map(|prepared| prepared.artifacts.are_made_from(&chosen.model.hash()));
    if about == Some(false) {
        return Err(Failure::Input(format!("{} is about another model than {}", path.display(), args.model.display())));
    }
    let mut verifier = ProofVerifier::carried();
    if let Some(prepared) = &prepared {
        verifier = verifier.with_model(integration.backend(), prepared);
    }
    let mut policy = Policy::new(Mode::Full, TrustLevel::Development);
    policy.expected = Expected { model: Some(model_id), ..Expected::default() };
    let found = verifier.check_observed(&structure, &policy, session.control(), &|_| ())?;
    let mut shown = Vec::new();
    for bundle in &bundles {
        let schema = bundle.schema().map_err(PipelineError::from)?;
        for statement in bundle.statements() {
            shown.push(Shown::read(&schema, &statement.public_values)?);
        }
    }
    let text = chosen.text.check(&args.prompt, args.tokens.into(), &shown);
    let valid = found.status.is_valid();
    object["proofs_valid"] = json!(valid);
    object["model_id"] = json!(model_id);
    object["model_file_checked"] = json!(about.is_some());
    let test = bundles.iter().any(|bundle| bundle.manifest().test_srs);
    object["test_srs"] = json!(test);
    let (word, reason) = match (&text, valid) {
        (Ok(text), true) => {
            object["text"] = json!(text);
            ("VALID", text.clone())
        }
        (Err(error), true) => ("INVALID", error.to_string()),
        (_, false) => ("INVALID", format!("a proof does not verify: `zkinfer verify {}` says more", path.display())),
    };
    object["verdict"] = json!(word);
    object["reason"] = json!(text.as_ref().err().map(ToString::to_string));
    let known = match about {
        Some(_) => "the model is this file's",
        None => "that the model is this file's was not checked: its artifacts are not here",
    };
    let warning = if test { "NOT SECURE: under the TEST SRS anybody can prove anything\n" } else { "" };
    let rows = report::rows(&[("model id".into(), format!("{model_id}, {known}"))]);
    report::result(session, &object, &format!("{reason}\n{word}: {} statements\n{rows}{warning}", shown.len()));
    Ok(if word == "VALID" { Outcome::True } else { Outcome::Invalid })
}

/// The text as it grows, on standard output; nothing with `--json`.
struct Stream<'a> {
    session: &'a Session,
}

impl<'a> Stream<'a> {
    fn begin(session: &'a Session, prompt: &str) -> Self {
        let stream = Self { session };
        stream.print(prompt);
        stream
    }

    fn push(&mut self, character: char) {
        self.print(character.encode_utf8(&mut [0; 4]));
    }

    fn end(self) {
        self.print("\n");
    }

    /// A reader that went away is no reason to stop.
    fn print(&self, text: &str) {
        if !self.session.json {
            self.session.spinner().suspend(|| {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            });
        }
    }
}
