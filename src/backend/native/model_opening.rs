//! Opening a model commitment to somebody: the weights, and the secret that blinds them (`docs/protocol.md`, section 3).
//!
//! A proof says that the committed function gave the outputs, whatever that function is. Whoever opens its commitment sees
//! that it is a network with small integers as weights, and which.

use super::{
    NAME, NativeBackend, calibration, damaged, failed, files, quantize, refused,
    srs::Needs,
    system::{self, SecretKey},
    unsupported, weights_of,
};
use crate::{
    backend::{Artifacts, BackendError, Control},
    model::{Mlp, Model},
    proof::{Verdict, bundle::BackendName},
};
use alloy::{hex, primitives::B256};
use serde::Deserialize;
use zeroize::Zeroizing;
use zkinfer_prover::{
    KeyError, ModelSecret, VerifyingKey,
    circuit::Weights,
    network::{self, Graph, NetworkVerifyingKey},
    setup,
};

/// The largest opening that is read, in bytes: some 128 million weights.
pub const MAX_MODEL_OPENING_BYTES: u64 = 256 << 20;

const FORMAT: &str = "zkinfer-model-opening";
const FORMAT_VERSION: u32 = 1;

/// What opens a model commitment. Secret: whoever has it knows the weights.
#[derive(Debug)]
pub struct ModelOpening {
    opened: Opened,
    dims: Vec<usize>,
    secret: ModelSecret,
}

/// A key, and the weights that its commitment is meant to be of.
#[derive(Debug)]
enum Opened {
    Perceptron { key: Box<VerifyingKey>, weights: Weights },
    Network { key: Box<NetworkVerifyingKey>, graph: Box<Graph> },
}

impl Opened {
    /// From the bytes of a key and of weights, or of a graph with them.
    fn from_bytes(key: &[u8], weights: &[u8]) -> Result<Self, KeyError> {
        if !system::is_network(key) {
            let key = VerifyingKey::from_bytes(key)?;
            let weights = Weights::from_bytes(key.shape().clone(), weights)?;
            return Ok(Self::Perceptron { key: Box::new(key), weights });
        }
        let graph = Graph::from_bytes(weights)?;
        let compiled = graph.compile()?;
        let key = NetworkVerifyingKey::from_bytes(key, &compiled.program.to_bytes(), &compiled.fixed.to_bytes())?;
        Ok(Self::Network { key: Box::new(key), graph: Box::new(graph) })
    }

    fn dims(&self) -> Vec<usize> {
        match self {
            Self::Perceptron { key, .. } => key.shape().dims().to_vec(),
            Self::Network { graph, .. } => vec![graph.inputs(), graph.outputs()],
        }
    }

    fn to_bytes(&self) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
        match self {
            Self::Perceptron { key, weights } => (key.to_bytes(), weights.to_bytes()),
            Self::Network { key, graph } => (key.to_bytes(), graph.to_bytes()),
        }
    }
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
    /// Weight bytes as in section 3; of a network, the bytes of its graph.
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
        let key = SecretKey::from_bytes(&files::read_secret(&path)?, &path)?;
        let path = artifacts.file(files::SECRET)?;
        let secret = secret_of(&files::read_secret(&path)?).ok_or_else(|| damaged(&path, &"it has not 32 bytes"))?;
        let opened = match key {
            SecretKey::Perceptron(key) => {
                Opened::Perceptron { key: Box::new(key.verifying_key().clone()), weights: key.weights().clone() }
            }
            SecretKey::Network(key) => {
                let graph = Box::new(key.graph().clone());
                Opened::Network { key: Box::new(key.verifying_key().clone()), graph }
            }
        };
        Ok(Self { dims: opened.dims(), opened, secret })
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
        let secret = secret_of(&bytes(fields.model_secret)?).ok_or_else(|| refuse("the secret has not 32 bytes"))?;
        let opened = Opened::from_bytes(&bytes(fields.verifying_key)?, &bytes(fields.weights)?);
        let opened = opened.map_err(|error| refuse(&error.to_string()))?;
        Ok(Self { dims: opened.dims(), opened, secret })
    }

    /// As a file. Secret.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let (key, weights) = self.opened.to_bytes();
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
        match &self.opened {
            Opened::Perceptron { key, .. } => key.digest().into(),
            Opened::Network { key, .. } => key.digest().into(),
        }
    }

    /// Of a perceptron, numbers in and neurons of every layer; of a network, numbers in and out.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }
}

impl NativeBackend {
    /// Whether it opens the commitment in its verifying key, which its `vk_digest` names: then the committed network is the
    /// one with these weights, and they are integers of 8 or 16 bits. Needs the SRS that the model was set up with: the program's own, an
    /// imported one, or this backend's.
    ///
    /// # Errors
    /// [`BackendError`] when no verdict was reached, above all when the SRS is none of these.
    pub fn check_opening(&self, opening: &ModelOpening, control: &Control) -> Result<Verdict, BackendError> {
        control.stage("powers of tau");
        let found = match &opening.opened {
            Opened::Perceptron { key, weights } => {
                let srs = self.srs.for_setup_under((*key.srs_id()).into(), Needs::of_shape(key.shape()))?;
                control.stage("commit to the weights");
                setup::check_opening(key, weights, &opening.secret, &srs)
            }
            Opened::Network { key, graph } => {
                let srs = self.srs.for_setup_under((*key.srs_id()).into(), Needs::of_graph(graph)?)?;
                control.stage("commit to the weights");
                network::check_opening(key, graph, &opening.secret, &srs)
            }
        };
        match found {
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
        let same = match &opening.opened {
            Opened::Perceptron { key, weights } => {
                let mlp = Mlp::from_model(model).map_err(|error| unsupported(&error))?;
                let chosen = calibration::choose(model, self.calibration.as_ref());
                let (calibration, _) = chosen.map_err(|error| refused(&error))?;
                let quantized = quantize(model, &mlp, &calibration)?;
                weights_of(&quantized, key.shape().committed()).map_err(|error| unsupported(&error))? == *weights
            }
            Opened::Network { graph, .. } => {
                let network = self.quantized_network(model)?.0;
                network.graph().clone().with_committed(graph.committed()) == **graph
            }
        };
        Ok(if same {
            Verdict::Valid
        } else {
            Verdict::invalid("the committed weights are not those of this file, quantized with these samples")
        })
    }
}

fn secret_of(bytes: &[u8]) -> Option<ModelSecret> {
    bytes.try_into().ok().map(ModelSecret::from_bytes)
}
