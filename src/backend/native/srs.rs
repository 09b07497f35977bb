//! Which powers of tau a model is set up with, and where its provers and verifiers find them again.
//!
//! A setup needs hundreds of thousands of powers, a proof about a thousand per statement, a verification only the pinned
//! points. So a user's `.ptau` file is mapped once, for the setup; what is needed afterwards is written into the artifacts,
//! in the form in which it is used. The TEST SRS is made anew wherever it is needed.

use super::{NAME, damaged, failed};
use crate::backend::{Artifacts, ArtifactsError, BackendError};
use alloy::primitives::B256;
use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use zkinfer_prover::{
    Level, PinnedSrs,
    circuit::{Layout, Shape},
    srs::{Ptau, Srs, SrsError, ptau_power, test_srs},
    srs_id,
};

/// Public, and only there when the SRS is not the TEST one.
pub(super) const SRS: &str = "srs.bin";

/// Statements per proof that the powers in the artifacts suffice for, where the ceremony has as many.
const KEPT_STATEMENTS: usize = 64;

/// The pinned points of the TEST SRS. Made once in a process: they are the same for everybody.
pub(super) fn pinned_test_srs() -> Result<&'static PinnedSrs, BackendError> {
    static PINNED: OnceLock<PinnedSrs> = OnceLock::new();
    if let Some(pinned) = PINNED.get() {
        return Ok(pinned);
    }
    let srs = test_srs(0).map_err(|error| failed("the TEST SRS", error))?;
    Ok(PINNED.get_or_init(|| srs.pinned().clone()))
}

/// Where the powers of tau come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrsSource {
    /// The TEST SRS. Its tau is public: ANYBODY CAN FORGE PROOFS UNDER IT.
    #[default]
    Test,
    /// A file of a powers-of-tau ceremony for BN254, as snarkjs writes them. Must not change while it is used.
    Ptau(PathBuf),
}

/// An SRS source, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct SrsStore {
    source: SrsSource,
    /// The id of the source's ceremony; `None` when it cannot be read.
    id: OnceLock<Option<[u8; 32]>>,
    /// Of the model that was verified last.
    pinned: Mutex<Option<Arc<PinnedSrs>>>,
}

impl SrsStore {
    pub(super) fn new(source: SrsSource) -> Self {
        Self { source, ..Self::default() }
    }

    /// A name for caches: the ceremony's, so that a file that was moved is still the same. Empty for the TEST SRS.
    pub(super) fn recipe(&self) -> String {
        match (&self.source, self.id()) {
            (SrsSource::Test, _) => String::new(),
            (_, Some(id)) => alloy::hex::encode(id),
            // What uses it next says why.
            (SrsSource::Ptau(path), None) => format!("unreadable {}", path.display()),
        }
    }

    /// Whether the contract accepts keys of this source: it has the points of the TEST SRS alone.
    pub(super) fn is_on_chain(&self) -> bool {
        self.source == SrsSource::Test
            || pinned_test_srs().is_ok_and(|test| self.id().is_some_and(|id| id == *test.id()))
    }

    fn id(&self) -> Option<[u8; 32]> {
        *self.id.get_or_init(|| match &self.source {
            SrsSource::Test => pinned_test_srs().ok().map(|test| *test.id()),
            SrsSource::Ptau(path) => {
                let ptau = Ptau::open(path).ok()?;
                Some(srs_id(&ptau.power_g1(1).ok()?, &ptau.power_g2(1).ok()?))
            }
        })
    }

    /// All powers that a setup needs, checked.
    pub(super) fn for_setup(&self, shape: &Shape) -> Result<Srs, BackendError> {
        let layout = Layout::new(shape);
        let needed = layout.degree_bound().max(layout.positions);
        let SrsSource::Ptau(path) = &self.source else {
            return test_srs(needed).map_err(|error| failed("the TEST SRS", error));
        };
        let ptau = Ptau::open(path).map_err(|error| unusable(path, &error))?;
        let (power, least) = (ptau.power(), needed_power(shape, needed));
        if power < least {
            let reason =
                format!("this ceremony has power {power}; the model needs a .ptau file of power {least} or more");
            return Err(BackendError::Srs { path: path.display().to_string(), reason });
        }
        let kept = layout.positions.saturating_mul(KEPT_STATEMENTS).min((2 << power) - 1);
        Srs::from_ptau(&ptau, needed.max(kept)).map_err(|error| unusable(path, &error))
    }

    /// Writes into `dir` what provers and verifiers of a model will need; nothing for the TEST SRS.
    pub(super) fn keep(&self, srs: &Srs, shape: &Shape, dir: &Path) -> Result<(), BackendError> {
        if pinned_test_srs()?.id() == srs.id() {
            return Ok(());
        }
        let path = dir.join(SRS);
        let file = fs::File::create_new(&path).map_err(BackendError::io(&path))?;
        let powers = Layout::new(shape).positions.saturating_mul(KEPT_STATEMENTS);
        srs.write_excerpt(powers, io::BufWriter::new(file)).map_err(BackendError::io(&path))
    }

    /// At least `needed` powers for a prover of a model.
    pub(super) fn for_proving(&self, artifacts: &Artifacts, needed: usize) -> Result<Srs, BackendError> {
        let Some(path) = kept(artifacts)? else {
            return test_srs(needed).map_err(|error| failed("the TEST SRS", error));
        };
        match (Srs::open_excerpt(&path, needed), &self.source) {
            (Ok(srs), _) => Ok(srs),
            // A large batch: the ceremony's own file, if this backend was given it. The prover compares the ids.
            (Err(SrsError::TooFewPowers { .. }), SrsSource::Ptau(file)) => {
                Srs::open(file, needed).map_err(|error| unusable(file, &error))
            }
            (Err(error @ SrsError::TooFewPowers { .. }), SrsSource::Test) => Err(BackendError::Unsupported {
                backend: NAME,
                reason: format!("so many statements per proof need the ceremony's file again: {error}"),
            }),
            (Err(error), _) => Err(damaged(&path, &error)),
        }
    }

    /// At least `needed` powers of the SRS with this id, to compute commitments again.
    pub(super) fn for_opening(
        &self,
        id: &[u8; 32],
        artifacts: Option<&Artifacts>,
        needed: usize,
    ) -> Result<Srs, BackendError> {
        if pinned_test_srs()?.id() == id {
            return test_srs(needed).map_err(|error| failed("the TEST SRS", error));
        }
        let kept = artifacts.and_then(|artifacts| artifacts.file(SRS).ok());
        let srs = match (kept, &self.source) {
            (Some(path), _) => Srs::open_excerpt(&path, needed).map_err(|error| damaged(&path, &error))?,
            (None, SrsSource::Ptau(path)) => Srs::open(path, needed).map_err(|error| unusable(path, &error))?,
            (None, SrsSource::Test) => {
                let reason = "opening what it committed to needs its artifacts or the ceremony's file".into();
                return Err(BackendError::Unsupported { backend: NAME, reason });
            }
        };
        if srs.id() != id {
            let reason = "the powers of tau at hand are of another SRS than the bundle's".into();
            return Err(BackendError::Unsupported { backend: NAME, reason });
        }
        Ok(srs)
    }

    /// The points that a verifier of a model uses. They are checked, and have the id that the model's id binds: that is
    /// for [`zkinfer_prover::Verifier::new`] to see.
    pub(super) fn for_verifying(&self, artifacts: &Artifacts) -> Result<Arc<PinnedSrs>, BackendError> {
        let mut slot = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pinned) = slot.as_ref().filter(|pinned| *pinned.id() == artifacts.identity().srs_id.0) {
            return Ok(Arc::clone(pinned));
        }
        let pinned = match kept(artifacts)? {
            None => pinned_test_srs()?.clone(),
            Some(path) => {
                let pinned = Srs::open_excerpt(&path, 2).map_err(|error| damaged(&path, &error))?.pinned().clone();
                let (found, expected) = (B256::from(*pinned.id()), artifacts.identity().srs_id);
                ArtifactsError::expect(&path, "the id of its points", found, expected)?;
                pinned
            }
        };
        Ok(Arc::clone(slot.insert(Arc::new(pinned))))
    }
}

/// The file with the powers; `None` where the model id names the TEST SRS, which needs none. That a file is missing says
/// nothing of what it held.
fn kept(artifacts: &Artifacts) -> Result<Option<PathBuf>, BackendError> {
    let is_test = artifacts.identity().srs_id == *pinned_test_srs()?.id();
    match artifacts.file(SRS) {
        Err(_) if is_test => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// The least power of a `.ptau` file with `needed` powers in G1, and with the pinned points of this shape's keys: the last
/// of them is `[tau^(2^(power - 1))]`.
fn needed_power(shape: &Shape, needed: usize) -> u32 {
    let nu = Layout::new(shape).nu as u32;
    let exponent = match Level::default_for(shape) {
        Level::One => nu,
        Level::Two { rho2 } => nu + u32::from(rho2),
    };
    ptau_power(needed).max(exponent + 1)
}

fn unusable(path: &Path, error: &SrsError) -> BackendError {
    let cause = error.source().map_or_else(String::new, |cause| format!(" ({cause})"));
    BackendError::Srs { path: path.display().to_string(), reason: format!("{error}{cause}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_the_powers_and_the_pinned_points() {
        let power = |dims: &[usize]| {
            let shape = Shape::new(dims.to_vec(), None).unwrap();
            let layout = Layout::new(&shape);
            needed_power(&shape, layout.degree_bound().max(layout.positions))
        };
        // 512 positions and one row: 258 powers would do with 2^8, [tau^512]_2 needs 2^10.
        assert_eq!(power(&[2, 1]), 10);
        // 512 * 127 + 261 powers.
        assert_eq!(power(&[64, 128, 64, 10]), 15);
        // 2048 * 511 + 1029.
        assert_eq!(power(&[256, 512, 256, 10]), 19);
    }
}
