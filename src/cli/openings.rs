//! What opens a bundle's hidden tensors.

use super::{Failure, entry};
use std::path::Path;
use zkinfer::{
    backend::{Openings, native::NativeBackend},
    proof::{Bundle, Verdict, bundle::BackendName},
};

pub(crate) fn read(path: &Path) -> Result<Openings, Failure> {
    Openings::read(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// Whether they open the bundle, under the powers of tau of its model's artifacts or the TEST ones.
pub(crate) fn check(bundle: &Bundle, openings: &Openings) -> Result<Verdict, Failure> {
    if bundle.manifest().backend != BackendName::Native {
        return Err(Failure::Input("only bundles of the native backend hide tensors that could be opened".into()));
    }
    let found = entry::find(bundle).ok();
    let artifacts = found.as_ref().map(|(_, prepared)| &prepared.artifacts);
    Ok(NativeBackend::new().check_openings(bundle, artifacts, openings)?)
}

/// Reads a file that has to open the bundle.
pub(crate) fn read_for(bundle: &Bundle, path: &Path) -> Result<Openings, Failure> {
    let openings = read(path)?;
    match check(bundle, &openings)? {
        Verdict::Valid => Ok(openings),
        Verdict::Invalid { reason } => Err(Failure::Invalid(format!("INVALID: {}: {reason}", path.display()))),
    }
}
