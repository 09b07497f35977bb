//! N5: public values and statements.

use super::program::{Parts, Port};
use crate::error::{CircuitError, VerifyError};
use crate::statement;

/// What one sample of a proof claims: this model, these public values, this context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NetworkStatement {
    /// Model id. That it belongs to the verifying key is for the caller to check.
    pub model_id: [u8; 32],
    /// Context id.
    pub context_id: [u8; 32],
    /// The elements of every port, inputs before outputs.
    pub ports: Vec<Vec<i64>>,
}

/// `PV`: the ports one after the other, every element in the width of its port, big-endian. The
/// values fit: [`check`] has looked.
pub(crate) fn public_bytes(p: &Parts, ports: &[Vec<i64>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (port, elements) in p.ports.iter().zip(ports) {
        let skip = 8 - usize::from(port.width);
        elements.iter().for_each(|e| out.extend(&e.to_be_bytes()[skip..]));
    }
    out
}

/// V1 for values: lengths, and every element within the bounds of its port.
pub(crate) fn check_values<'a>(ports: impl Iterator<Item = &'a Port>, values: &[Vec<i64>]) -> Result<(), CircuitError> {
    let ports: Vec<&Port> = ports.collect();
    if ports.len() != values.len() {
        return Err(CircuitError::Length { what: "ports", got: values.len(), expected: ports.len() });
    }
    for (index, (port, elements)) in ports.iter().zip(values).enumerate() {
        if elements.len() != port.count as usize {
            let expected = port.count as usize;
            return Err(CircuitError::Length { what: "elements of a port", got: elements.len(), expected });
        }
        if let Some(at) = elements.iter().position(|e| !(port.min..=port.max).contains(e)) {
            return Err(CircuitError::Element { port: index, element: at });
        }
    }
    Ok(())
}

/// V1 for statements: one model, and values that fit the ports.
pub(crate) fn check(p: &Parts, statements: &[NetworkStatement]) -> Result<(), VerifyError> {
    if statements.windows(2).any(|s| s[0].model_id != s[1].model_id) {
        return Err(VerifyError::MixedModels);
    }
    statements.iter().try_for_each(|s| check_values(p.ports.iter(), &s.ports))?;
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
