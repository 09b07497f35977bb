//! EZKL's failures, told apart by what it says.

use super::{
    circuit::{is_out_of_domain, unsupported},
    protocol::{Failure, FailureKind},
};
use crate::{FailureClass, backend::BackendError};

/// What EZKL could not do, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EzklError {
    /// A file of the artifacts is not there.
    #[error("EZKL misses a file at {operation} ({said}). Delete the model's artifacts and compile it again")]
    MissingFile {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// A file of the artifacts cannot be read.
    #[error("EZKL cannot read the {file} ({said}). Delete the model's artifacts and compile it again")]
    DamagedFile {
        /// Which file.
        file: ArtifactFile,
        /// Its words.
        said: String,
    },
    /// The SRS is missing, cut, or smaller than the circuit.
    #[error(
        "EZKL cannot use its SRS at {operation} ({said}). Delete the SRS in the cache: it is made, or down-sized, again"
    )]
    Srs {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// There is no SRS of that ceremony, or none that is large enough.
    #[error("{said}. Import the ceremony's file (`zkinfer setup srs FILE`), one for circuits of that size or larger")]
    NoSrs {
        /// What is missing.
        said: String,
    },
    /// The input file is not one for this circuit.
    #[error("EZKL cannot read the input ({said}). Give finite numbers, as many as the model takes")]
    Input {
        /// Its words.
        said: String,
    },
    /// Circuit, keys and witness do not fit together.
    #[error(
        "EZKL cannot lay out the circuit at {operation} ({said}). Its files may be of several models, its SRS too small, or its witness cut: compile the model again"
    )]
    Layout {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// A parameter was refused: a path that is not absolute or no Unicode text, or one that this project chose.
    #[error(
        "EZKL refuses the parameters of {operation} ({said}). Keep its files under an absolute path in UTF-8; if they are, \
         compile with another objective, and report this"
    )]
    Parameters {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// A panic inside EZKL, of a kind that is not known. The worker survives it.
    #[error("EZKL panicked at {operation} ({said}). Report this, with the model if you can")]
    Panic {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// Anything else.
    #[error("EZKL failed at {operation} ({said}). Run again with `ZKINFER_LOG=zkinfer::ezkl=trace`, and report this")]
    Other {
        /// What it was doing.
        operation: String,
        /// Its words.
        said: String,
    },
    /// The weights are not bound by the verifying key.
    #[error(
        "the weights are `{visibility}`, so that the verifying key is the same for any weights and a proof says nothing about \
         the model: such a model gets no id and cannot be registered. Compile it with `fixed` weights"
    )]
    WeightsNotBound {
        /// EZKL's visibility of parameters.
        visibility: String,
    },
}

/// A file of a model's artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactFile {
    /// `pk.key`.
    ProvingKey,
    /// `vk.key`.
    VerifyingKey,
    /// `model.compiled`.
    Circuit,
    /// `settings.json`.
    Settings,
    /// The witness of a running proof.
    Witness,
}

impl std::fmt::Display for ArtifactFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ProvingKey => "proving key",
            Self::VerifyingKey => "verifying key",
            Self::Circuit => "compiled circuit",
            Self::Settings => "settings",
            Self::Witness => "witness",
        })
    }
}

impl EzklError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::MissingFile { .. } | Self::DamagedFile { .. } | Self::Srs { .. } | Self::NoSrs { .. } => {
                FailureClass::Environment
            }
            Self::Input { .. } | Self::WeightsNotBound { .. } => FailureClass::BadInput,
            Self::Layout { .. } | Self::Parameters { .. } | Self::Panic { .. } | Self::Other { .. } => {
                FailureClass::Internal
            }
        }
    }
}

/// What EZKL says of files, and which file it means.
const DAMAGE: [(&str, ArtifactFile); 6] = [
    ("failed to load vk", ArtifactFile::VerifyingKey),
    ("failed to load pk", ArtifactFile::ProvingKey),
    ("failed to ser/deser model", ArtifactFile::Circuit),
    ("failed to load circuit", ArtifactFile::Circuit),
    ("missing field `run_args`", ArtifactFile::Settings),
    ("missing field `inputs`", ArtifactFile::Witness),
];

/// Reads a failure of an operation.
pub(super) fn classify(operation: &str, failure: &Failure) -> BackendError {
    let says = |text| failure.mentions(text);
    let (operation, said) = (operation.to_owned(), failure.text());
    let panicked = failure.kind == FailureKind::Panic;
    if operation == "witness" && is_out_of_domain(failure) {
        return BackendError::OutOfDomain(said);
    }
    if ["settings", "calibrate", "compile"].contains(&operation.as_str()) && failure.message.contains("[graph]") {
        return unsupported(failure);
    }
    if let Some(&(_, file)) = DAMAGE.iter().find(|(text, _)| says(text)) {
        return EzklError::DamagedFile { file, said }.into();
    }
    let error = if says("[srs]") || says("is too small") || panicked && says("`left == right`") {
        EzklError::Srs { operation, said }
    } else if says("No such file") || says("NotFound") {
        EzklError::MissingFile { operation, said }
    } else if operation == "witness"
        && (says("dimensionality error")
            || says("[json]")
            || says("FileSourceInner")
            || says("missing field `input_data`")
            || panicked)
    {
        EzklError::Input { said }
    } else if says("[io]") || says("EOF while parsing") || says("expected value at line") {
        let file = if operation == "prove" { ArtifactFile::Witness } else { ArtifactFile::Settings };
        EzklError::DamagedFile { file, said }
    } else if says("General synthesis error") || says("NotEnoughRowsAvailable") {
        EzklError::Layout { operation, said }
    } else {
        match failure.kind {
            FailureKind::Value | FailureKind::Protocol => EzklError::Parameters { operation, said },
            FailureKind::Panic => EzklError::Panic { operation, said },
            FailureKind::Runtime => EzklError::Other { operation, said },
        }
    };
    error.into()
}
