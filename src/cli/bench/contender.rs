//! What is measured.

use super::super::Failure;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zkinfer::{
    backend::{
        ProvingBackend,
        ezkl::{EzklBackend, EzklOptions, Objective, Tuning},
        native::{NativeBackend, SrsSource},
    },
    model::Input,
    storage::Cache,
};

/// A backend, the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// The prover of this project.
    Native,
    /// The same with 16-bit weights for perceptrons, too, which are general networks then.
    NativePrecise,
    /// EZKL with the circuit that zkinfer chooses.
    Ezkl,
    /// EZKL with the circuit that it chooses itself.
    EzklDefault,
}

impl Contender {
    /// What is measured when nothing is said.
    pub(super) const USUAL: [Self; 3] = [Self::Native, Self::Ezkl, Self::EzklDefault];

    pub(super) const fn is_native(self) -> bool {
        matches!(self, Self::Native | Self::NativePrecise)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::NativePrecise => "native-precise",
            Self::Ezkl => "ezkl",
            Self::EzklDefault => "ezkl-default",
        }
    }

    /// A backend that has nothing in memory yet, calibrated with samples if there are any.
    pub(super) fn backend(self, samples: Option<Input>) -> Result<Arc<dyn ProvingBackend>, Failure> {
        let ezkl = |tuning| -> Result<Arc<dyn ProvingBackend>, Failure> {
            let mut options = EzklOptions::new().tuning(tuning);
            if let Some(samples) = samples.clone() {
                options = options.calibration(samples);
            }
            // Its installation and its SRS lie in the user's cache.
            Ok(Arc::new(EzklBackend::with_options(&Cache::from_env()?, options)?))
        };
        match self {
            // What is measured depends on no SRS, and the shipped powers do not suffice for every size that is.
            Self::Native | Self::NativePrecise => {
                let backend = samples.map_or_else(NativeBackend::new, NativeBackend::with_calibration);
                let backend = if self == Self::NativePrecise { backend.precise() } else { backend };
                Ok(Arc::new(backend.with_srs(SrsSource::Test)))
            }
            Self::Ezkl => ezkl(Tuning::Ours(Objective::Latency)),
            Self::EzklDefault => ezkl(Tuning::EzklDefault),
        }
    }
}
