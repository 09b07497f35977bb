use super::{Backend, Failure, ModelArgs, Side, digits};
use alloy::primitives::B256;
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, num::NonZeroU32, path::Path, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use zkinfer::{
    backend::{
        Control, Progress, ProvingBackend,
        ezkl::{EzklBackend, EzklOptions, SrsStore, Tuning},
        mock::MockBackend,
        native::{Committed, NativeBackend, SrsSource},
    },
    model::{Input, Model},
    pipeline::EZKLIntegration,
    storage::Cache,
};

/// What every command has: the output mode, progress on standard error, an interrupt that cancels.
pub(crate) struct Session {
    pub(crate) json: bool,
    control: Control,
    spinner: ProgressBar,
}

struct Spinner(ProgressBar);

impl Progress for Spinner {
    fn stage(&self, name: &str) {
        self.0.set_message(name.to_owned());
    }
}

impl Session {
    pub(crate) fn new(json: bool) -> Self {
        let spinner = if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        } else {
            ProgressBar::hidden()
        };
        let control = Control::reporting(Arc::new(Spinner(spinner.clone())));
        Self { json, control, spinner }
    }

    pub(crate) const fn control(&self) -> &Control {
        &self.control
    }

    /// Turns the progress line into a bar over so many items.
    pub(crate) fn bar(&self, items: u64) -> ProgressBar {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_bar} {pos}/{len} {msg}") {
            self.spinner.set_style(style);
        }
        self.spinner.set_length(items);
        self.spinner.clone()
    }

    /// Clears the progress line: a report follows.
    pub(crate) fn finish(&self) {
        self.spinner.finish_and_clear();
    }

    /// Says something on standard error, beside the progress line.
    pub(crate) fn say(&self, text: &str) {
        self.spinner.suspend(|| eprintln!("zkinfer: {text}"));
    }

    /// The progress line, for whoever writes beside it.
    pub(crate) fn spinner(&self) -> ProgressBar {
        self.spinner.clone()
    }

    /// A runtime for talking to chains. An interrupt, or SIGTERM, raises the cancel token, so that running workers are killed and
    /// half-built artifacts removed.
    pub(crate) fn runtime(&self) -> Result<tokio::runtime::Runtime, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::Environment(format!("no asynchronous runtime: {error}")))?;
        let cancel = self.control.cancel.clone();
        let context = runtime.enter();
        let terminated = signal(SignalKind::terminate());
        let mut terminated = terminated.map_err(|error| Failure::Environment(format!("no signals: {error}")))?;
        runtime.spawn(async move {
            let mut stopped = async || {
                tokio::select! {
                    interrupt = tokio::signal::ctrl_c() => interrupt.is_ok(),
                    _ = terminated.recv() => true,
                }
            };
            if stopped().await {
                eprintln!("zkinfer: stopping; interrupt again to stop at once");
                cancel.cancel();
            }
            // What is half-written is in temporary files, and what was sent is in the journal.
            if stopped().await {
                std::process::exit(130);
            }
        });
        drop(context);
        Ok(runtime)
    }
}

/// A backend as it was asked for.
pub(crate) fn integration_for(
    args: &ModelArgs,
    samples: Option<Input>,
    backend: Backend,
) -> Result<EZKLIntegration, Failure> {
    let for_ezkl = args.optimize.is_some() || args.memory_limit_mb.is_some() || args.batch.is_some();
    if backend != Backend::Ezkl && for_ezkl {
        return Err(Failure::Input("only EZKL takes --optimize, --batch and --memory-limit-mb".into()));
    }
    if backend == Backend::Mock && args.srs.is_some() {
        return Err(Failure::Input("only the native backend and EZKL take --srs".into()));
    }
    if backend != Backend::Native && !args.hide.is_empty() {
        return Err(Failure::Input("only the native backend takes --hide".into()));
    }
    if backend != Backend::Native && args.precise {
        return Err(Failure::Input("only the native backend takes --precise".into()));
    }
    let cache = Cache::from_env()?;
    let backend: Arc<dyn ProvingBackend> = match (backend, samples) {
        (Backend::Native, samples) => {
            let hidden = |side| args.hide.contains(&side);
            let hidden = Committed { inputs: hidden(Side::Inputs), outputs: hidden(Side::Outputs) };
            let backend = native_with(args.srs.as_deref(), samples)?.with_hidden(hidden);
            Arc::new(if args.precise { backend.precise() } else { backend })
        }
        (Backend::Ezkl, samples) => Arc::new(EzklBackend::with_options(&cache, ezkl_options(args, samples, &cache)?)?),
        (Backend::Mock, None) => Arc::new(MockBackend::default()),
        (Backend::Mock, Some(_)) => return Err(Failure::Input("the mock backend takes no --calibration".into())),
    };
    Ok(EZKLIntegration::new(backend, cache))
}

/// The native backend with the files that it is to use, and samples of the model's inputs.
pub(crate) fn native_with(srs: Option<&Path>, samples: Option<Input>) -> Result<NativeBackend, Failure> {
    let backend = samples.map_or_else(NativeBackend::new, NativeBackend::with_calibration);
    let backend = backend.with_cache(&Cache::from_env()?);
    Ok(match srs.map(named_srs) {
        None => backend,
        Some(NamedSrs::Test) => backend.with_srs(SrsSource::Test),
        Some(NamedSrs::Id(id)) => backend.with_srs(SrsSource::of_id(id)),
        Some(NamedSrs::File(path)) => backend.with_srs(SrsSource::Ptau(path.to_owned())),
    })
}

/// What --srs names. A file of that name is given as `./test`.
pub(crate) enum NamedSrs<'a> {
    Test,
    Id(B256),
    File(&'a Path),
}

pub(crate) fn named_srs(srs: &Path) -> NamedSrs<'_> {
    match srs.to_str() {
        Some("test") => NamedSrs::Test,
        text => text.and_then(|text| text.parse().ok()).map_or(NamedSrs::File(srs), NamedSrs::Id),
    }
}

fn ezkl_options(args: &ModelArgs, samples: Option<Input>, cache: &Cache) -> Result<EzklOptions, Failure> {
    let mut options = EzklOptions::new();
    if let Some(objective) = args.optimize {
        options = options.tuning(Tuning::Ours(objective.into()));
    }
    if let Some(samples) = samples {
        options = options.calibration(samples);
    }
    if let Some(megabytes) = args.memory_limit_mb {
        options = options.memory_limit_kb(megabytes * 1024);
    }
    if let Some(inferences) = args.batch.and_then(NonZeroU32::new) {
        options = options.batch(inferences);
    }
    // A file is imported now.
    let store = SrsStore::new(cache);
    match args.srs.as_deref().map(named_srs) {
        None | Some(NamedSrs::Test) => Ok(options),
        Some(NamedSrs::Id(id)) => Ok(options.srs(store.about(id)?.srs_id)),
        Some(NamedSrs::File(path)) => Ok(options.srs(store.import(path)?.srs_id)),
    }
}

/// A backend with the user's cache.
pub(crate) fn integration(backend: Backend) -> Result<EZKLIntegration, Failure> {
    let cache = Cache::from_env()?;
    let backend: Arc<dyn ProvingBackend> = match backend {
        Backend::Ezkl => Arc::new(EzklBackend::new(&cache)?),
        Backend::Native => Arc::new(native_with(None, None)?),
        Backend::Mock => Arc::new(MockBackend::default()),
    };
    Ok(EZKLIntegration::new(backend, cache))
}

/// The model that was asked for, or the digits model.
pub(crate) fn model(args: &ModelArgs) -> Result<Model, Failure> {
    match &args.model {
        Some(path) => args.dims.read(path),
        None => Ok(Model::from_onnx(digits::ONNX.to_vec())?),
    }
}
