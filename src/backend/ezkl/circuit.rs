//! What EZKL made of a model: its schema, its instances, its refusals.

use super::{
    error::EzklError,
    instances,
    options::Objective,
    protocol::{Failure, RunArgs, Visibility as WeightVisibility},
    samples::Parity,
    tuner::Forecast,
    worker::NAME,
};
use crate::{
    backend::{Artifacts, BackendError},
    model::{Model, TensorInfo},
    proof::{
        PublicValues, Schema, TensorSchema,
        schema::{Direction, NO_AXIS, Visibility},
    },
};
use alloy::primitives::{I256, U256};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// What EZKL made of the tuner's choice: `details` in the manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Details {
    pub(super) run_args: RunArgs,
    pub(super) rows: u64,
    pub(super) k: u32,
    pub(super) input_scales: Vec<u32>,
    pub(super) output_scales: Vec<u32>,
    /// Inferences in one circuit.
    #[serde(default = "one")]
    pub(super) batch: NonZeroU32,
    /// Kept apart.
    #[serde(skip)]
    pub(super) figures: Figures,
}

/// How that was chosen, and how good it is: `figures` in the provenance.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    /// What was asked for; `None` when EZKL chose.
    pub(super) objective: Option<Objective>,
    /// What was predicted, to be compared with what comes true.
    pub(super) forecast: Option<Forecast>,
    /// The compiled circuit against the float model.
    pub(super) parity: Option<Parity>,
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Details {
    /// Refuses a witness whose values are not in its lookup tables. EZKL makes it, and then a proof that does not verify.
    pub(super) fn expect_lookups(&self, (least, greatest): (i64, i64)) -> Result<(), BackendError> {
        match self.run_args.lookup_range {
            Some((low, high)) if least < low || greatest > high => Err(BackendError::OutOfDomain(format!(
                "integers from {least} to {greatest} enter a lookup, and its table holds {low} to {high}"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses circuits whose verifying key is the same for any weights.
    pub(super) fn expect_bound_weights(&self) -> Result<(), BackendError> {
        match self.run_args.param_visibility {
            WeightVisibility::Fixed => Ok(()),
            other => Err(EzklError::WeightsNotBound { visibility: format!("{other:?}").to_lowercase() }.into()),
        }
    }

    /// The largest magnitude of a public value that the circuit admits: `base^legs - 1`.
    pub(super) fn limit(&self) -> Result<u128, BackendError> {
        let RunArgs { decomp_base, decomp_legs, .. } = self.run_args;
        let values = u32::try_from(decomp_legs).ok().and_then(|legs| (decomp_base as u128).checked_pow(legs));
        // Twice as much must stay below the field's order; 2^126 is far below.
        values.filter(|values| (2..=1 << 126).contains(values)).map(|values| values - 1).ok_or_else(|| {
            BackendError::Unsupported {
                backend: NAME,
                reason: format!("{decomp_legs} digits of base {decomp_base} are no range of values"),
            }
        })
    }
}

/// Values that EZKL says are too large for the decomposition, or for its floats.
pub(super) fn is_out_of_domain(failure: &Failure) -> bool {
    failure.mentions("decomposition error")
        || failure.mentions("is too large to be represented")
        || failure.mentions("SigBitTruncationError")
        || failure.mentions("significant bit truncation")
        // Of a lookup, whose table it does not begin to fill: the logarithm of what is not positive.
        || failure.mentions("out of range: (")
}

pub(super) fn unsupported(failure: &Failure) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason: failure.text() }
}

pub(super) fn malformed_details(error: &serde_json::Error) -> BackendError {
    BackendError::Failed { backend: NAME, operation: "artifacts".into(), message: error.to_string() }
}

pub(super) fn details(value: &serde_json::Value) -> Result<Details, BackendError> {
    Details::deserialize(value).map_err(|error| malformed_details(&error))
}

/// What was measured when artifacts were made; `None` where that did not come with them.
pub(super) fn figures(artifacts: &Artifacts) -> Result<Option<Figures>, BackendError> {
    let Some(provenance) = artifacts.provenance()? else { return Ok(None) };
    Figures::deserialize(&provenance.figures).map(Some).map_err(|error| malformed_details(&error))
}

/// The schema of a model with public inputs and outputs: `int256` words, one power-of-two scale per tensor, the range
/// that the circuit's decomposition enforces.
pub(super) fn schema_of(model: &Model, details: &Details) -> Result<Schema, BackendError> {
    let limit = I256::from_raw(U256::from(details.limit()?));
    let tensor = |direction, info: &TensorInfo, scale: u32| TensorSchema {
        name: info.name.clone(),
        direction,
        visibility: Visibility::Public,
        shape: info.shape.clone(),
        width: 32,
        is_signed: true,
        min: -limit,
        max: limit,
        scales: vec![2f64.powi(-(scale as i32))],
        axis: NO_AXIS,
        zero_point: 0,
    };
    let both = [
        (Direction::Input, model.inputs(), &details.input_scales),
        (Direction::Output, model.outputs(), &details.output_scales),
    ];
    let mut tensors = Vec::new();
    for (direction, infos, scales) in both {
        if infos.len() != scales.len() {
            let reason = format!("EZKL sees {} {direction:?} tensors, the file has {}", scales.len(), infos.len());
            return Err(BackendError::Unsupported { backend: NAME, reason });
        }
        tensors.extend(infos.iter().zip(scales).map(|(info, &scale)| tensor(direction, info, scale)));
    }
    Ok(Schema::new(tensors)?)
}

/// Splits EZKL's one flat column of instances into the schema's tensors.
pub(super) fn split_column<'a>(schema: &Schema, columns: &'a [Vec<String>]) -> Option<Vec<&'a [String]>> {
    let [column] = columns else { return None };
    let mut rest = column.as_slice();
    let mut tensors = Vec::new();
    for tensor in schema.tensors() {
        let (head, tail) = rest.split_at_checked(tensor.elements())?;
        tensors.push(head);
        rest = tail;
    }
    rest.is_empty().then_some(tensors)
}

pub(super) fn read_instances(
    schema: &Schema,
    tensors: &[&[String]],
    operation: &str,
) -> Result<PublicValues, BackendError> {
    let values: Result<Vec<Vec<I256>>, _> =
        tensors.iter().map(|tensor| tensor.iter().map(|text| instances::from_hex(text)).collect()).collect();
    let values = values.map_err(|error| BackendError::Failed {
        backend: NAME,
        operation: operation.into(),
        message: error.to_string(),
    })?;
    Ok(schema.encode(&values)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ezkl::protocol::FailureKind;

    /// The logarithm of what is not positive, as EZKL says it of a sum of zeros.
    #[test]
    fn a_value_that_a_range_does_not_admit_is_out_of_the_domain() {
        let message = "Failed to generate witness: [graph] [circuit] value (-1664) out of range: (0, 4087)";
        let failure =
            |message: &str| Failure { kind: FailureKind::Runtime, message: message.into(), detail: String::new() };
        assert!(is_out_of_domain(&failure(message)));
        assert!(!is_out_of_domain(&failure("list index out of range")));
    }
}
