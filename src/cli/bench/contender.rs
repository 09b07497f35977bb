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
    /// EZKL with the circuit that zkinfer chooses.
    Ezkl,
    /// EZKL with the circuit that it chooses itself.
    EzklDefault,
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Native, Self::Ezkl, Self::EzklDefault];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
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
            Self::Native => {
                let backend = samples.map_or_else(NativeBackend::new, NativeBackend::with_calibration);
                Ok(Arc::new(backend.with_srs(SrsSource::Test)))
            }
            Self::Ezkl => ezkl(Tuning::Ours(Objective::Latency)),
            Self::EzklDefault => ezkl(Tuning::EzklDefault),
        }
    }
}
