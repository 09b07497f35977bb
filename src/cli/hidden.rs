//! What opens the hidden tensors of a file of bundles.

use super::{Failure, entry};
use std::path::Path;
use zkinfer::{
    backend::{Opening, Openings, native::NativeBackend},
    pipeline::PipelineError,
    proof::{Bundle, Structure, Verdict, bundle::BackendName},
    storage::write_atomic,
};

/// Reads a file. What it opens is not looked at.
pub(crate) fn read(path: &Path) -> Result<Openings, Failure> {
    Openings::read(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// Reads a file that has to open the bundles.
pub(crate) fn read_for(structure: &Structure, path: &Path) -> Result<Openings, Failure> {
    let openings = read(path)?;
    match check(structure, &openings)? {
        Verdict::Valid => Ok(openings),
        Verdict::Invalid { reason } => Err(Failure::Invalid(format!("INVALID: {}: {reason}", path.display()))),
    }
}

/// Writes the file, for its owner alone: temporary files, which it begins as, have mode 0600.
pub(crate) fn write(path: &Path, openings: &Openings) -> Result<(), Failure> {
    let json = openings.to_json().map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(write_atomic(path, &json)?)
}

/// The openings of every bundle, in order; `None` when there are not as many as statements.
pub(crate) fn split<'a>(bundles: &[&Bundle], openings: &'a Openings) -> Option<Vec<&'a [Opening]>> {
    let mut rest = openings.statements();
    let parts = bundles.iter().map(|bundle| {
        let (head, tail) = rest.split_at_checked(bundle.statements().len())?;
        rest = tail;
        Some(head)
    });
    let parts = parts.collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some(parts)
}

/// Whether they open all bundles, under the powers of tau of their models' artifacts or the TEST ones.
pub(crate) fn check(structure: &Structure, openings: &Openings) -> Result<Verdict, Failure> {
    let (bundles, backend) = (structure.bundles(), NativeBackend::new());
    let Some(parts) = split(&bundles, openings) else {
        let (found, expected) = (openings.statements().len(), structure.statement_ids().len());
        return Ok(Verdict::invalid(format!("there are {found} openings of {expected} statements")));
    };
    for (bundle, part) in bundles.into_iter().zip(parts) {
        if bundle.manifest().backend != BackendName::Native {
            return Err(Failure::Input("only bundles of the native backend hide tensors that could be opened".into()));
        }
        let found = entry::find(bundle).ok();
        let artifacts = found.as_ref().map(|(_, prepared)| &prepared.artifacts);
        let part = Openings::new(openings.model_id(), part.to_vec());
        let verdict = backend.check_openings(bundle, artifacts, &part).map_err(PipelineError::from)?;
        if !verdict.is_valid() {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Valid)
}
