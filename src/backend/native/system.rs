//! The two systems of the native prover behind one face: perceptrons (`docs/protocol.md`) and general networks
//! (`docs/protocol-networks.md`), each with a contract of its own. Which one a model is under is what its verifying key says, in
//! its version, and the model id binds the key.

use super::{
    Details, NAME, damaged, failed,
    files::{self, FIXED, PROGRAM, VK},
    schema::Interface,
    srs::Needs,
};
use crate::{
    backend::{Artifacts, BackendError},
    proof::Statement,
};
use alloy::primitives::{B256, Bytes};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;
use zkinfer_prover::{
    Claim, PinnedSrs, ProveError, Prover, ProvingKey, PublicValues, Request, SampleSecrets,
    Statement as PerceptronStatement, Verdicts, Verifier, VerifyingKey,
    circuit::Layout,
    network::{
        self, Fixed, NetworkClaim, NetworkProver, NetworkProvingKey, NetworkSize, NetworkStatement, NetworkVerifier,
        NetworkVerifyingKey,
    },
    srs::Srs,
    verify_many,
};

/// A verifying key, with what it binds.
#[derive(Debug)]
pub(super) enum Key {
    Perceptron(VerifyingKey),
    Network { key: Box<NetworkVerifyingKey>, fixed: Fixed },
}

/// Whether these are the bytes of a network's verifying key; whether they are a key at all is for their reader to say.
pub(super) fn is_network(key: &[u8]) -> bool {
    key.starts_with(&2u16.to_be_bytes())
}

impl Key {
    /// The key in the artifacts. Its program and its tables are those that it names, and compute a function.
    pub(super) fn read(artifacts: &Artifacts) -> Result<Self, BackendError> {
        Self::from_files(|name| Ok(artifacts.file(name)?))
    }

    /// The same of files that no manifest names yet.
    pub(super) fn read_dir(dir: &Path) -> Result<Self, BackendError> {
        Self::from_files(|name| Ok(dir.join(name)))
    }

    fn from_files(file: impl Fn(&str) -> Result<PathBuf, BackendError>) -> Result<Self, BackendError> {
        let path = file(VK)?;
        let bytes = files::read_public(&path)?;
        if !is_network(&bytes) {
            let key = VerifyingKey::from_bytes(&bytes).map_err(|error| damaged(&path, &error))?;
            return Ok(Self::Perceptron(key));
        }
        let [program, fixed] = [PROGRAM, FIXED].map(|name| files::read_public(&file(name)?));
        let (program, fixed) = (program?, fixed?);
        let key = NetworkVerifyingKey::from_bytes(&bytes, &program, &fixed).map_err(|error| damaged(&path, &error))?;
        let tables = key.program().parts().tables;
        let fixed = Fixed::from_bytes(tables, &fixed).map_err(|error| damaged(&path, &error))?;
        Ok(Self::Network { key: Box::new(key), fixed })
    }

    pub(super) fn digest(&self) -> B256 {
        match self {
            Self::Perceptron(key) => key.digest().into(),
            Self::Network { key, .. } => key.digest().into(),
        }
    }

    pub(super) fn srs_id(&self) -> B256 {
        match self {
            Self::Perceptron(key) => (*key.srs_id()).into(),
            Self::Network { key, .. } => (*key.srs_id()).into(),
        }
    }

    /// Whether it is a general network's.
    pub(super) const fn is_network(&self) -> bool {
        matches!(self, Self::Network { .. })
    }

    /// The powers of tau in G2 that a verifier needs, as exponents `j` of `tau^(2^j)`.
    pub(super) fn exponents(&self) -> Vec<usize> {
        match self {
            Self::Perceptron(key) => key.exponents(),
            Self::Network { key, .. } => key.exponents(),
        }
    }

    /// What it says of the public tensors.
    pub(super) fn interface(&self) -> Result<Interface, String> {
        match self {
            Self::Perceptron(key) => Ok(Interface::of_shape(key.shape())),
            Self::Network { key, .. } => Interface::of_network(key),
        }
    }

    /// What the manifest has to say of it.
    pub(super) fn details(&self) -> Result<Details, String> {
        match self {
            Self::Perceptron(key) => Ok(Details::of_shape(key.shape())),
            Self::Network { key, .. } => Ok(Details::of_network(key, Interface::of_network(key)?)),
        }
    }

    /// A verifier with these points, whose id is compared with the key's.
    pub(super) fn verifier(self, pinned: &PinnedSrs, path: &Path) -> Result<AnyVerifier, BackendError> {
        Ok(match self {
            Self::Perceptron(key) => {
                AnyVerifier::Perceptron(Verifier::new(key, pinned).map_err(|error| damaged(path, &error))?)
            }
            Self::Network { key, .. } => {
                AnyVerifier::Network(NetworkVerifier::new(*key, pinned).map_err(|error| damaged(path, &error))?)
            }
        })
    }
}

/// Statements as the prover crate has them.
pub(super) enum Proven {
    Perceptron(Vec<PerceptronStatement>),
    Network(Vec<NetworkStatement>),
}

#[derive(Debug)]
pub(super) enum AnyVerifier {
    Perceptron(Verifier),
    Network(NetworkVerifier),
}

impl AnyVerifier {
    pub(super) fn proof_len(&self, samples: usize) -> Result<usize, BackendError> {
        let len = match self {
            Self::Perceptron(verifier) => verifier.proof_len(samples),
            Self::Network(verifier) => verifier.proof_len(samples),
        };
        len.map_err(|error| failed("artifacts", error))
    }

    /// Statements as the prover crate has them, or why they are none of this model's.
    pub(super) fn statements(&self, statements: &[Statement]) -> Result<Proven, String> {
        let ids = |statement: &Statement| (statement.model_id.0, statement.context.id().0);
        match self {
            Self::Perceptron(verifier) => {
                let shape = verifier.key().shape();
                let read = |statement: &Statement| super::prover_statement(shape, statement);
                let read = statements.iter().map(read).collect::<Result<_, _>>();
                read.map(Proven::Perceptron).map_err(|error| error.to_string())
            }
            Self::Network(verifier) => {
                let read = |statement: &Statement| {
                    let (model_id, context_id) = ids(statement);
                    let ports = verifier.key().read_public_bytes(statement.public_values.as_bytes());
                    Ok(NetworkStatement { model_id, context_id, ports: ports.map_err(|error| error.to_string())? })
                };
                statements.iter().map(read).collect::<Result<_, String>>().map(Proven::Network)
            }
        }
    }

    /// Verifies proofs of this model, together.
    pub(super) fn verify_many(&self, proofs: &[(usize, Proven, &Bytes)]) -> Verdicts {
        match self {
            Self::Perceptron(verifier) => {
                let claims = proofs.iter().filter_map(|(_, proven, proof)| match proven {
                    Proven::Perceptron(statements) => Some(Claim { verifier, statements, proof }),
                    Proven::Network(_) => None,
                });
                verify_many(&claims.collect::<Vec<_>>())
            }
            Self::Network(verifier) => {
                let claims = proofs.iter().filter_map(|(_, proven, proof)| match proven {
                    Proven::Network(statements) => Some(NetworkClaim { verifier, statements, proof }),
                    Proven::Perceptron(_) => None,
                });
                network::verify_many(&claims.collect::<Vec<_>>())
            }
        }
    }
}

/// A proving key.
pub(super) enum SecretKey {
    Perceptron(Box<ProvingKey>),
    Network(Box<NetworkProvingKey>),
}

impl SecretKey {
    /// Reads the bytes of either: both begin with the length of their verifying key, and then have it.
    pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, BackendError> {
        if is_network(bytes.get(4..).unwrap_or_default()) {
            let key = NetworkProvingKey::from_bytes(bytes).map_err(|error| damaged(path, &error))?;
            return Ok(Self::Network(Box::new(key)));
        }
        let key = ProvingKey::from_bytes(bytes).map_err(|error| damaged(path, &error))?;
        Ok(Self::Perceptron(Box::new(key)))
    }

    pub(super) fn digest(&self) -> B256 {
        match self {
            Self::Perceptron(key) => key.verifying_key().digest().into(),
            Self::Network(key) => key.verifying_key().digest().into(),
        }
    }

    pub(super) fn interface(&self) -> Result<Interface, String> {
        match self {
            Self::Perceptron(key) => Ok(Interface::of_shape(key.verifying_key().shape())),
            Self::Network(key) => Interface::of_network(key.verifying_key()),
        }
    }

    /// Powers of tau for proofs of that many statements.
    pub(super) fn powers(&self, samples: usize) -> Result<usize, BackendError> {
        let powers = match self {
            Self::Perceptron(key) => {
                Layout::new(key.verifying_key().shape()).columns(samples).map(|columns| columns.real())
            }
            Self::Network(key) => key.verifying_key().program().powers(samples),
        };
        powers.map_err(|error| failed("load", error))
    }

    pub(super) fn prover(self, srs: &Srs, samples: usize) -> Result<AnyProver, BackendError> {
        let prover = match self {
            Self::Perceptron(key) => {
                Prover::new(*key, srs, samples).map(|prover| AnyProver::Perceptron(Box::new(prover)))
            }
            Self::Network(key) => {
                NetworkProver::new(*key, srs, samples).map(|prover| AnyProver::Network(Box::new(prover)))
            }
        };
        prover.map_err(|error| failed("load", error))
    }
}

#[derive(Debug)]
pub(super) enum AnyProver {
    Perceptron(Box<Prover>),
    Network(Box<NetworkProver>),
}

impl AnyProver {
    pub(super) fn interface(&self) -> Result<Interface, String> {
        match self {
            Self::Perceptron(prover) => Ok(Interface::of_shape(prover.key().verifying_key().shape())),
            Self::Network(prover) => Interface::of_network(prover.key().verifying_key()),
        }
    }

    /// The bytes of the public values, and the outputs.
    pub(super) fn public_values(
        &self,
        inputs: &[u16],
        secrets: &SampleSecrets,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<i64>>), ProveError> {
        match self {
            Self::Perceptron(prover) => prover
                .public_values(inputs, secrets)
                .map(|(values, outputs)| (PublicValues::to_bytes(&values), outputs)),
            Self::Network(prover) => {
                let key = prover.key().verifying_key();
                prover.ports(inputs, secrets).map(|(ports, outputs)| (key.public_bytes(&ports), outputs))
            }
        }
    }

    /// The bytes of one proof of all requests.
    pub(super) fn prove(
        &self,
        model_id: B256,
        requests: &[Request],
        secrets: &[SampleSecrets],
    ) -> Result<Bytes, ProveError> {
        let proof = match self {
            Self::Perceptron(prover) => {
                prover.prove_committed(model_id.0, requests, secrets).map(|(_, proof)| proof.to_bytes())
            }
            Self::Network(prover) => {
                prover.prove_committed(model_id.0, requests, secrets).map(|(_, proof)| proof.to_bytes())
            }
        };
        proof.map(Bytes::from)
    }
}

impl Needs {
    /// Of a graph, before there is a key.
    pub(super) fn of_graph(graph: &network::Graph) -> Result<Self, BackendError> {
        let size = NetworkSize::of(graph);
        let size = size.map_err(|error| BackendError::Unsupported { backend: NAME, reason: error.to_string() })?;
        // Rows are padded to a power of two.
        Ok(Self::new(size.powers, size.positions.next_power_of_two(), size.exponent as u32))
    }
}
