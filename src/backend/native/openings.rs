//! Whether openings open what a bundle committed to.

use super::{BackendError, NativeBackend};
use crate::{
    backend::{Artifacts, Openings, TensorOpening},
    proof::{Bundle, TensorSchema, Verdict, schema::Visibility},
};
use alloy::primitives::I256;
use zkinfer_prover::{CommittedTensor, srs::Srs};

impl NativeBackend {
    /// Computes every commitment of a bundle again. Valid when there is an opening for exactly the committed tensors of
    /// every statement, and each gives the point that the statement has. Says nothing of the proof.
    ///
    /// `artifacts` are those of the model, if they are at hand: they have the powers of tau when these are no TEST ones. A
    /// backend with [`NativeBackend::with_srs`] needs none.
    ///
    /// # Errors
    /// [`BackendError`] when no verdict was reached: above all [`BackendError::Unsupported`] without the powers of tau.
    pub fn check_openings(
        &self,
        bundle: &Bundle,
        artifacts: Option<&Artifacts>,
        openings: &Openings,
    ) -> Result<Verdict, BackendError> {
        let (expected, found) = (bundle.statements().len(), openings.statements().len());
        if openings.model_id() != bundle.model_id() {
            return Ok(Verdict::invalid("the openings are of another model's statements"));
        }
        if expected != found {
            return Ok(Verdict::invalid(format!("there are {found} openings of {expected} statements")));
        }
        let schema = bundle.schema()?;
        let longest = schema.tensors().iter().map(TensorSchema::elements).max().unwrap_or(0);
        let srs = self.srs.for_opening(&bundle.manifest().srs_id.0, artifacts, longest + 2)?;
        for (at, (statement, opening)) in bundle.statements().iter().zip(openings.statements()).enumerate() {
            for (tensor, bytes) in schema.split(&statement.public_values)? {
                let side = opening.side(tensor.direction);
                if let Err(reason) = opens(&srs, tensor, bytes, side)? {
                    return Ok(Verdict::invalid(format!("statement {at}, tensor `{}`: {reason}", tensor.name)));
                }
            }
        }
        Ok(Verdict::Valid)
    }
}

/// Whether a tensor of the public values is the one of the opening; the inner error says why it is not.
fn opens(
    srs: &Srs,
    tensor: &TensorSchema,
    bytes: &[u8],
    opening: Option<&TensorOpening>,
) -> Result<Result<(), &'static str>, BackendError> {
    let opening = match (tensor.visibility, opening) {
        (Visibility::Public, None) => return Ok(Ok(())),
        (Visibility::Public, Some(_)) => return Ok(Err("it is public, and was opened")),
        (Visibility::Committed, None) => return Ok(Err("it is committed, and was not opened")),
        (Visibility::Committed, Some(opening)) => opening,
    };
    // The point says nothing of the length: the schema does.
    if opening.elements().len() != tensor.elements() {
        return Ok(Err("the opening has another number of elements"));
    }
    let in_range = |&element: &i64| (tensor.min..=tensor.max).contains(&I256::unchecked_from(element));
    if !opening.elements().iter().all(in_range) {
        return Ok(Err("an element of the opening is out of range"));
    }
    let point = CommittedTensor::new(srs, opening.elements(), opening.secret())
        .map_err(|error| super::failed("open", error))?;
    Ok(if point.to_bytes() == *bytes { Ok(()) } else { Err("the opening is of another commitment") })
}
