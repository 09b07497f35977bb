//! N5: public values and statements.

use ark_bn254::G1Affine;

use super::keys::NetworkVerifyingKey;
use super::program::{Parts, Port};
use crate::encoding::POINT;
use crate::error::{CircuitError, VerifyError};
use crate::statement;
use crate::tensor::CommittedTensor;

/// What a statement says of one port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PortValue {
    /// The elements of a public port.
    Elements(Vec<i64>),
    /// The point of a committed port (§10).
    Commitment(CommittedTensor),
}

impl PortValue {
    /// The elements; none of a committed port.
    #[must_use]
    pub fn elements(&self) -> &[i64] {
        match self {
            Self::Elements(elements) => elements,
            Self::Commitment(_) => &[],
        }
    }

    /// The point of a committed port.
    #[must_use]
    pub fn commitment(&self) -> Option<&CommittedTensor> {
        match self {
            Self::Elements(_) => None,
            Self::Commitment(point) => Some(point),
        }
    }
}

/// What one sample of a proof claims: this model, these public values, this context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NetworkStatement {
    /// Model id. That it belongs to the verifying key is for the caller to check.
    pub model_id: [u8; 32],
    /// Context id.
    pub context_id: [u8; 32],
    /// Every port, inputs before outputs.
    pub ports: Vec<PortValue>,
}

impl NetworkVerifyingKey {
    /// `PV` of N5: the ports one after the other, every element in the width of its port, big-endian; 64 bytes for a
    /// committed one. Of values that are not the program's nothing is said.
    #[must_use]
    pub fn public_bytes(&self, ports: &[PortValue]) -> Vec<u8> {
        public_bytes(self.program().parts(), ports)
    }

    /// Reads [`Self::public_bytes`].
    ///
    /// # Errors
    /// The length is not that of the ports, an element is out of the bounds of its port, or the bytes of a committed port
    /// are no point.
    pub fn read_public_bytes(&self, bytes: &[u8]) -> Result<Vec<PortValue>, CircuitError> {
        let p = self.program().parts();
        let width = |port: &Port| match port.has(Port::COMMITTED) {
            true => POINT,
            false => port.count as usize * usize::from(port.width),
        };
        let expected = p.ports.iter().map(width).sum();
        if bytes.len() != expected {
            return Err(CircuitError::Length { what: "public values", got: bytes.len(), expected });
        }
        let mut rest = bytes;
        let mut ports = Vec::with_capacity(p.ports.len());
        for (index, port) in p.ports.iter().enumerate() {
            let (own, others) = rest.split_at(width(port));
            rest = others;
            let value = match <&[u8; POINT]>::try_from(own) {
                Ok(point) if port.has(Port::COMMITTED) => {
                    let side = if port.has(Port::OUTPUT) { "outputs" } else { "inputs" };
                    let read = CommittedTensor::from_bytes(point);
                    PortValue::Commitment(read.map_err(|reason| CircuitError::Point { side, reason })?)
                }
                _ => PortValue::Elements(own.chunks_exact(port.width.into()).map(|e| element(port, e)).collect()),
            };
            check_port(index, port, &value)?;
            ports.push(value);
        }
        Ok(ports)
    }
}

/// An element from its bytes. An unsigned one of eight bytes beyond `i64` becomes negative, which its bounds exclude.
fn element(port: &Port, bytes: &[u8]) -> i64 {
    let first = bytes.first().is_some_and(|b| port.has(Port::SIGNED) && b >> 7 == 1);
    let fill = if first { -1 } else { 0 };
    bytes.iter().fold(fill, |value, b| value << 8 | i64::from(*b))
}

/// The elements of every port of every sample.
pub(crate) fn elements(statements: &[NetworkStatement]) -> Vec<Vec<&[i64]>> {
    statements.iter().map(|s| s.ports.iter().map(PortValue::elements).collect()).collect()
}

/// The points of one committed port, by sample.
pub(crate) fn points(statements: &[NetworkStatement], port: u8) -> Vec<G1Affine> {
    let of = |s: &NetworkStatement| s.ports.get(usize::from(port)).and_then(PortValue::commitment).map(|p| p.0);
    statements.iter().filter_map(of).collect()
}

/// `PV`: the ports one after the other, every element in the width of its port, big-endian. The
/// values fit: [`check`] has looked.
pub(crate) fn public_bytes(p: &Parts, ports: &[PortValue]) -> Vec<u8> {
    let mut out = Vec::new();
    for (port, value) in p.ports.iter().zip(ports) {
        let skip = 8 - usize::from(port.width);
        match value {
            PortValue::Elements(elements) => elements.iter().for_each(|e| out.extend(&e.to_be_bytes()[skip..])),
            PortValue::Commitment(point) => out.extend(point.to_bytes()),
        }
    }
    out
}

/// V1 for the value of one port: a point for a committed one; else its length, and every element within bounds.
fn check_port(index: usize, port: &Port, value: &PortValue) -> Result<(), CircuitError> {
    let committed = port.has(Port::COMMITTED);
    if committed != value.commitment().is_some() {
        let side = if port.has(Port::OUTPUT) { "outputs" } else { "inputs" };
        return Err(CircuitError::Commitment { side, committed });
    }
    if committed {
        return Ok(());
    }
    check_elements(index, port, value.elements())
}

/// The length of a port, and every element within its bounds.
pub(crate) fn check_elements(index: usize, port: &Port, elements: &[i64]) -> Result<(), CircuitError> {
    if elements.len() != port.count as usize {
        let expected = port.count as usize;
        return Err(CircuitError::Length { what: "elements of a port", got: elements.len(), expected });
    }
    match elements.iter().position(|e| !(port.min..=port.max).contains(e)) {
        Some(element) => Err(CircuitError::Element { port: index, element }),
        None => Ok(()),
    }
}

/// V1 for statements: one model, and values that fit the ports.
pub(crate) fn check(p: &Parts, statements: &[NetworkStatement]) -> Result<(), VerifyError> {
    if statements.windows(2).any(|s| s[0].model_id != s[1].model_id) {
        return Err(VerifyError::MixedModels);
    }
    for s in statements {
        if s.ports.len() != p.ports.len() {
            let (got, expected) = (s.ports.len(), p.ports.len());
            return Err(CircuitError::Length { what: "ports", got, expected }.into());
        }
        let mut ports = p.ports.iter().zip(&s.ports).enumerate();
        ports.try_for_each(|(index, (port, value))| check_port(index, port, value))?;
    }
    Ok(())
}

/// `sid`, and the public values of all samples.
pub(crate) fn session(p: &Parts, statements: &[NetworkStatement]) -> ([u8; 32], Vec<u8>) {
    let (mut ids, mut public) = (Vec::new(), Vec::new());
    for s in statements {
        let bytes = public_bytes(p, &s.ports);
        ids.push(statement::id(&s.model_id, &bytes, &s.context_id));
        public.extend(bytes);
    }
    (statement::session_of(&ids), public)
}
