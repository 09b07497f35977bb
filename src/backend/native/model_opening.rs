//! Opening a model commitment to somebody: the weights, and the secret that blinds them (`docs/protocol.md`, section 3).
//!
//! A proof says that the committed function gave the outputs, whatever that function is. Whoever opens its commitment sees
//! that it is a network with 8-bit weights, and which.

use super::{NAME, NativeBackend, calibration, damaged, failed, files, quantize, refused, unsupported, weights_of};
use crate::{
    backend::{Artifacts, BackendError, Control},
    model::{Mlp, Model},
    proof::{Verdict, bundle::BackendName},
};
use alloy::{hex, primitives::B256};
use serde::Deserialize;
use zeroize::Zeroizing;
use zkinfer_prover::{KeyError, ModelSecret, ProvingKey, VerifyingKey, circuit::Weights, setup};

/// The largest opening that is read, in bytes: some 128 million weights.
pub const MAX_MODEL_OPENING_BYTES: u64 = 256 << 20;

const FORMAT: &str = "zkinfer-model-opening";
const FORMAT_VERSION: u32 = 1;

/// What opens a model commitment. Secret: whoever has it knows the weights.
#[derive(Debug)]
pub struct ModelOpening {
    key: VerifyingKey,
    weights: Weights,
    secret: ModelSecret,
}

/// JSON; byte strings are hexadecimal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields<'a> {
    format: &'a str,
    version: u32,
    /// Canonical bytes of the verifying key.
    verifying_key: &'a str,
    /// 32 bytes.
    model_secret: &'a str,
    /// Weight bytes as in section 3.
    weights: &'a str,
}

impl ModelOpening {
    /// Takes it from native artifacts.
    ///
    /// # Errors
    /// [`BackendError`]: artifacts of another backend, a damaged file.
    pub fn of(artifacts: &Artifacts) -> Result<Self, BackendError> {
        artifacts.expect_backend(BackendName::Native, super::VERSION)?;
        let path = artifacts.file(files::PK)?;
        let key = ProvingKey::from_bytes(&files::read_secret(&path)?).map_err(|error| damaged(&path, &error))?;
        let path = artifacts.file(files::SECRET)?;
        let secret = secret_of(&files::read_secret(&path)?).ok_or_else(|| damaged(&path, &"it has not 32 bytes"))?;
        Ok(Self { key: key.verifying_key().clone(), weights: key.weights().clone(), secret })
    }

    /// Reads what [`ModelOpening::to_json`] wrote. That it opens anything is for [`NativeBackend::check_opening`] to say.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] says what is wrong with it, without repeating any of it.
    pub fn from_json(json: &[u8]) -> Result<Self, BackendError> {
        let refuse =
            |reason: &str| BackendError::Unsupported { backend: NAME, reason: format!("no model opening: {reason}") };
        if json.len() as u64 > MAX_MODEL_OPENING_BYTES {
            return Err(refuse("it is too large"));
        }
        // What the parser says may repeat what it read.
        let fields: Fields<'_> = serde_json::from_slice(json).map_err(|error| {
            refuse(&format!("line {}, column {} is not what it should be", error.line(), error.column()))
        })?;
        if (fields.format, fields.version) != (FORMAT, FORMAT_VERSION) {
            return Err(refuse("it is of another format, or of another version of it"));
        }
        let bytes = |text: &str| hex::decode(text).map(Zeroizing::new).map_err(|_| refuse("a field is no hexadecimal"));
        let key =
            VerifyingKey::from_bytes(&bytes(fields.verifying_key)?).map_err(|error| refuse(&error.to_string()))?;
        let secret = secret_of(&bytes(fields.model_secret)?).ok_or_else(|| refuse("the secret has not 32 bytes"))?;
        let weights = Weights::from_bytes(key.shape().clone(), &bytes(fields.weights)?);
        Ok(Self { key, weights: weights.map_err(|error| refuse(&error.to_string()))?, secret })
    }

    /// As a file. Secret.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let (key, weights) = (self.key.to_bytes(), self.weights.to_bytes());
        // Exact capacity, and no intermediate text: a growing vector would leave copies of the secret behind.
        let mut json = Zeroizing::new(Vec::with_capacity(256 + 2 * (key.len() + 32 + weights.len())));
        json.extend(format!("{{\"format\":\"{FORMAT}\",\"version\":{FORMAT_VERSION}").bytes());
        for (name, bytes) in
            [("verifyingKey", &key[..]), ("modelSecret", &self.secret.expose()[..]), ("weights", &weights[..])]
        {
            json.extend(format!(",\"{name}\":\"").bytes());
            let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
            json.extend(bytes.iter().flat_map(digits));
            json.push(b'"');
        }
        json.extend(b"}\n");
        json
    }

    /// Of the verifying key whose commitment it is meant to open. Part of the model id.
    #[must_use]
    pub fn vk_digest(&self) -> B256 {
        self.key.digest().into()
    }

    /// Numbers in, neurons of every layer.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        self.key.shape().dims()
    }
}

impl NativeBackend {
    /// Whether it opens the commitment in its verifying key, which its `vk_digest` names: then the committed network is the
    /// one with these weights, and they are 8-bit integers. Needs the SRS that the model was set up with: the program's own, an
    /// imported one, or this backend's.
    ///
    /// # Errors
    /// [`BackendError`] when no verdict was reached, above all when the SRS is none of these.
    pub fn check_opening(&self, opening: &ModelOpening, control: &Control) -> Result<Verdict, BackendError> {
        control.stage("powers of tau");
        let srs = self.srs.for_setup_under((*opening.key.srs_id()).into(), opening.key.shape())?;
        control.stage("commit to the weights");
        match setup::check_opening(&opening.key, &opening.weights, &opening.secret, &srs) {
            Ok(()) => Ok(Verdict::Valid),
            Err(error @ KeyError::CommitmentMismatch) => Ok(Verdict::Invalid { reason: error.to_string() }),
            Err(error) => Err(failed("check the opening", error)),
        }
    }

    /// Whether the opened weights are those that this backend, with its calibration, makes of a model.
    ///
    /// # Errors
    /// [`BackendError`] when the model cannot be quantized.
    pub fn compare_opening(&self, opening: &ModelOpening, model: &Model) -> Result<Verdict, BackendError> {
        let mlp = Mlp::from_model(model).map_err(|error| unsupported(&error))?;
        let (calibration, _) =
            calibration::choose(model, self.calibration.as_ref()).map_err(|error| refused(&error))?;
        let quantized = quantize(model, &mlp, &calibration)?;
        let weights = weights_of(&quantized, opening.key.shape().committed()).map_err(|error| unsupported(&error))?;
        Ok(if weights == opening.weights {
            Verdict::Valid
        } else {
            Verdict::invalid("the committed weights are not those of this file, quantized with these samples")
        })
    }
}

fn secret_of(bytes: &[u8]) -> Option<ModelSecret> {
    bytes.try_into().ok().map(ModelSecret::from_bytes)
}
