//! §10, N9: the prover's side of committed ports.

use core::fmt;

use ark_bn254::Fr;
use zeroize::{Zeroize, Zeroizing};

use super::program::{Parts, Port};
use super::statement::{NetworkStatement, PortValue};
use crate::commit::Powers;
use crate::error::ProveError;
use crate::tensor::{CommittedTensor, SampleSecrets, TensorSecret, coefficients};

/// The tensors of one committed port, one per sample. Secret.
pub(crate) struct PortTensors {
    /// Index of the port.
    pub(crate) port: u8,
    /// `t^k`, per sample.
    pub(crate) elements: Vec<Zeroizing<Vec<i64>>>,
    /// `b_k`, per sample.
    pub(crate) blindings: Zeroizing<Vec<Fr>>,
}

impl fmt::Debug for PortTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortTensors").field("port", &self.port).finish_non_exhaustive()
    }
}

/// The secret of a port: inputs and outputs have one each.
fn secret<'a>(port: &Port, secrets: &'a SampleSecrets) -> Option<&'a TensorSecret> {
    if port.has(Port::OUTPUT) { secrets.outputs.as_ref() } else { secrets.inputs.as_ref() }
}

/// Fails unless there are secrets for exactly the committed ports of every sample.
pub(crate) fn check_secrets(p: &Parts, samples: usize, secrets: &[SampleSecrets]) -> Result<(), ProveError> {
    let wrong = |s: &SampleSecrets| p.ports.iter().any(|port| secret(port, s).is_some() != port.has(Port::COMMITTED));
    match secrets.iter().position(wrong) {
        Some(sample) => Err(ProveError::Secrets { sample }),
        None if secrets.len() != samples => Err(ProveError::Secrets { sample: secrets.len().min(samples) }),
        None => Ok(()),
    }
}

/// The committed ports of all samples. [`check_secrets`] has looked.
pub(crate) fn collect(
    p: &Parts,
    statements: &[NetworkStatement],
    secrets: &[SampleSecrets],
) -> Result<Vec<PortTensors>, ProveError> {
    let of = |(index, port): (u8, &Port)| {
        let mut tensors = PortTensors { port: index, elements: Vec::new(), blindings: Zeroizing::new(Vec::new()) };
        for (sample, (statement, secrets)) in statements.iter().zip(secrets).enumerate() {
            let elements = statement.ports.get(usize::from(index)).map_or(&[][..], PortValue::elements);
            let secret = secret(port, secrets).ok_or(ProveError::Secrets { sample })?;
            tensors.blindings.push(secret.blinding(elements));
            tensors.elements.push(Zeroizing::new(elements.to_vec()));
        }
        Ok(tensors)
    };
    p.committed_ports().map(of).collect()
}

/// Puts points in the place of what they hide.
pub(crate) fn publish(statements: &mut [NetworkStatement], tensors: &[PortTensors], powers: &Powers) {
    for port in tensors {
        let polynomials: Vec<_> =
            port.elements.iter().zip(port.blindings.iter()).map(|(e, b)| coefficients(*b, e)).collect();
        let slices: Vec<&[Fr]> = polynomials.iter().map(|p| p.as_slice()).collect();
        for (statement, point) in statements.iter_mut().zip(powers.commit(&slices)) {
            if let Some(value) = statement.ports.get_mut(usize::from(port.port)) {
                if let PortValue::Elements(elements) = value {
                    elements.zeroize();
                }
                *value = PortValue::Commitment(CommittedTensor(point));
            }
        }
    }
}
