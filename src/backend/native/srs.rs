//! Which powers of tau a model is set up with, and where its provers and verifiers find them again.
//!
//! A setup needs hundreds of thousands of powers, a proof about a thousand per statement, a verification only the pinned
//! points. Those of the ceremony that ships with the program are at hand everywhere, as are those of the TEST SRS, which are
//! made anew. A user's `.ptau` file is mapped once, for the setup, or imported once for all ([`super::ImportedPowers`]); what
//! is needed afterwards is written into the artifacts, in the form in which it is used.

use super::{NAME, damaged, failed, imported};
use crate::{
    backend::{Artifacts, ArtifactsError, BackendError},
    proof::srs::{Ceremony, SrsKind, srs_kind},
    storage::Cache,
};
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
    srs::{HEZ_FINAL, Ptau, Srs, SrsError, ptau_power, test_srs},
    srs_id,
};

/// Public, and only there when the program does not have the powers.
pub(super) const SRS: &str = "srs.bin";

/// Statements per proof that the powers in the artifacts suffice for, where the ceremony has as many.
const KEPT_STATEMENTS: usize = 64;

/// What to do about a model that needs more powers than there are.
const WHERE_TO_GET: &str = "give one with `--srs FILE`, or once with `zkinfer setup srs FILE` and then its id; \
    github.com/iden3/snarkjs links such files (ppot_0080_NN.ptau: a later stage of the same ceremony, which is not on this \
    release's list). `--srs test` needs no file, and proves nothing to anybody";

/// The pinned points of an SRS that the program has itself, if it has it: of a ceremony that ships, or of the TEST SRS. Made
/// once in a process.
pub(super) fn pinned(id: &B256) -> Result<Option<&'static PinnedSrs>, BackendError> {
    static TEST: OnceLock<PinnedSrs> = OnceLock::new();
    static SHIPPED: OnceLock<Vec<PinnedSrs>> = OnceLock::new();
    match srs_kind(*id) {
        SrsKind::Test => {
            if let Some(pinned) = TEST.get() {
                return Ok(Some(pinned));
            }
            let srs = test_srs(0).map_err(|error| failed("the TEST SRS", error))?;
            Ok(Some(TEST.get_or_init(|| srs.pinned().clone())))
        }
        SrsKind::Listed(_) => {
            if SHIPPED.get().is_none() {
                let shipped = Ceremony::list().iter().filter(|ceremony| ceremony.shipped() > 0);
                let opened = shipped.map(|ceremony| ceremony.open(0).map(|srs| srs.pinned().clone()));
                let opened = opened.collect::<Result<_, _>>().map_err(|error| failed("the shipped powers", error))?;
                SHIPPED.get_or_init(|| opened);
            }
            Ok(SHIPPED.get().and_then(|all| all.iter().find(|pinned| *pinned.id() == id.0)))
        }
        _ => Ok(None),
    }
}

/// Where the powers of tau come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrsSource {
    /// A listed ceremony, whose powers ship with the program; or were imported, for a model that needs more.
    Shipped(&'static Ceremony),
    /// A file of a powers-of-tau ceremony for BN254, as snarkjs writes them. Must not change while it is used.
    Ptau(PathBuf),
    /// The powers that were imported under this id.
    Imported(B256),
    /// The TEST SRS. Its tau is public: ANYBODY CAN FORGE PROOFS UNDER IT.
    Test,
}

impl SrsSource {
    /// The SRS with this id: what the program has itself, else what was imported.
    #[must_use]
    pub fn of_id(id: B256) -> Self {
        match srs_kind(id) {
            SrsKind::Test => Self::Test,
            SrsKind::Listed(ceremony) if ceremony.shipped() > 0 => Self::Shipped(ceremony),
            _ => Self::Imported(id),
        }
    }
}

impl Default for SrsSource {
    fn default() -> Self {
        Self::Shipped(&HEZ_FINAL)
    }
}

/// What a circuit asks of an SRS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// Powers in G1 that its setup takes.
    powers: usize,
    /// Powers that its provers and verifiers are to have.
    kept: usize,
    /// The last pinned exponent of its keys.
    exponent: u32,
}

impl Needs {
    /// `rows` are those of one statement.
    pub(super) fn new(powers: usize, rows: usize, exponent: u32) -> Self {
        Self { powers, kept: powers.max(rows.saturating_mul(KEPT_STATEMENTS)), exponent }
    }

    pub(super) fn of_shape(shape: &Shape) -> Self {
        let layout = Layout::new(shape);
        let (powers, kept) = (layout.degree_bound().max(layout.positions), layout.positions);
        let exponent = match Level::default_for(shape) {
            Level::One => layout.nu as u32,
            Level::Two { rho2 } => layout.nu as u32 + u32::from(rho2),
        };
        Self { powers, kept: kept.saturating_mul(KEPT_STATEMENTS), exponent }
    }

    /// Whether a table has the points that its keys need.
    fn reach(self, pinned: &PinnedSrs) -> bool {
        pinned.g2(self.exponent as usize).is_some()
    }

    /// The least power of a `.ptau` file with the powers in G1, and with the pinned points: the last of them is
    /// `[tau^(2^(power - 1))]`.
    fn ptau_power(self) -> u32 {
        ptau_power(self.powers).max(self.exponent + 1)
    }
}

/// An SRS source, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct SrsStore {
    source: SrsSource,
    /// Where imported powers are.
    cache: Option<Cache>,
    /// The id of the source's ceremony; `None` when it cannot be read.
    id: OnceLock<Option<B256>>,
    /// Of the model that was verified last.
    pinned: Mutex<Option<Arc<PinnedSrs>>>,
}

impl SrsStore {
    pub(super) fn with_source(self, source: SrsSource) -> Self {
        Self { source, cache: self.cache, ..Self::default() }
    }

    pub(super) fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// A name for caches: the ceremony's, so that a file that was moved is still the same. Empty for the TEST SRS.
    pub(super) fn recipe(&self) -> String {
        match (&self.source, self.id()) {
            (SrsSource::Test, _) => String::new(),
            (_, Some(id)) => alloy::hex::encode(id),
            // What uses it next says why.
            (source, None) => format!("unreadable {source:?}"),
        }
    }

    /// Whether there is a contract with points of this source's SRS.
    pub(super) fn is_on_chain(&self) -> bool {
        self.id().is_some_and(|id| matches!(pinned(&id), Ok(Some(_))))
    }

    fn id(&self) -> Option<B256> {
        *self.id.get_or_init(|| match &self.source {
            SrsSource::Shipped(ceremony) => Some(ceremony.srs_id.into()),
            SrsSource::Imported(id) => Some(*id),
            SrsSource::Test => test_srs(0).ok().map(|test| (*test.id()).into()),
            SrsSource::Ptau(path) => {
                let ptau = Ptau::open(path).ok()?;
                Some(srs_id(&ptau.power_g1(1).ok()?, &ptau.power_g2(1).ok()?).into())
            }
        })
    }

    /// All powers that a setup needs, checked.
    pub(super) fn for_setup(&self, needs: Needs) -> Result<Srs, BackendError> {
        let (needed, kept) = (needs.powers, needs.powers.max(needs.kept));
        let too_small = |path: String, got: String| {
            let least = needs.ptau_power();
            let reason = format!("{got}; the model needs a .ptau file of power {least} or more: {WHERE_TO_GET}");
            BackendError::Srs { path, reason }
        };
        match &self.source {
            SrsSource::Test => test_srs(needed).map_err(|error| failed("the TEST SRS", error)),
            SrsSource::Shipped(ceremony) => {
                let shipped = ceremony.open(0).map_err(|error| failed("the shipped powers", error))?;
                if ceremony.shipped() >= needed && needs.reach(shipped.pinned()) {
                    return ceremony.open(needed).map_err(|error| failed("the shipped powers", error));
                }
                // Of what was imported nothing is said unless it suffices: nobody asked for it.
                match self.imported_for(ceremony.srs_id.into(), needs, kept) {
                    Ok(Ok(srs)) => Ok(srs),
                    _ => {
                        let got = format!("zkinfer comes with {} powers of it", ceremony.shipped());
                        Err(too_small(ceremony.title.into(), got))
                    }
                }
            }
            SrsSource::Imported(id) => {
                let found = self.imported_for(*id, needs, kept)?;
                found.map_err(|powers| too_small(id.to_string(), format!("{powers} powers of it were imported")))
            }
            SrsSource::Ptau(path) => {
                let ptau = Ptau::open(path).map_err(|error| unusable(path, &error))?;
                let power = ptau.power();
                if power < needs.ptau_power() {
                    return Err(too_small(path.display().to_string(), format!("this ceremony has power {power}")));
                }
                let most = (2 << power) - 1;
                Srs::from_ptau(&ptau, needed.max(kept.min(most))).map_err(|error| unusable(path, &error))
            }
        }
    }

    /// The same of a given SRS, whatever this one's source: to commit again to what was committed to.
    pub(super) fn for_setup_under(&self, id: B256, needs: Needs) -> Result<Srs, BackendError> {
        if self.id() == Some(id) {
            return self.for_setup(needs);
        }
        Self { source: SrsSource::of_id(id), cache: self.cache.clone(), ..Self::default() }.for_setup(needs)
    }

    /// Imported powers for a setup, `kept` of them if there are as many; the inner error is how many there are, too few.
    fn imported_for(&self, id: B256, needs: Needs, kept: usize) -> Result<Result<Srs, usize>, BackendError> {
        let needed = needs.powers;
        let path = imported::path(self.cache.as_ref(), id)?;
        let damaged = |error: SrsError| damaged(&path, &error);
        let there = Srs::excerpt_powers(&path).map_err(damaged)?;
        if there < needed {
            return Ok(Err(there));
        }
        let srs = imported::open(&path, id, kept.min(there).max(needed)).map_err(damaged)?;
        Ok(if needs.reach(srs.pinned()) { Ok(srs) } else { Err(there) })
    }

    /// Writes into `dir` what provers and verifiers of a model will need, unless every program has it.
    pub(super) fn keep(&self, srs: &Srs, needs: Needs, dir: &Path) -> Result<(), BackendError> {
        let kept = needs.kept;
        let at_hand = match srs.kind() {
            SrsKind::Test => true,
            SrsKind::Listed(ceremony) => {
                let shipped = pinned(&ceremony.srs_id.into())?;
                ceremony.shipped() >= kept.min(srs.powers().len()) && shipped.is_some_and(|table| needs.reach(table))
            }
            _ => false,
        };
        if at_hand {
            return Ok(());
        }
        let path = dir.join(SRS);
        let file = fs::File::create_new(&path).map_err(BackendError::io(&path))?;
        srs.write_excerpt(kept, io::BufWriter::new(file)).map_err(BackendError::io(&path))
    }

    /// How many powers there are for provers of a model.
    pub(super) fn powers(&self, artifacts: &Artifacts) -> Result<usize, BackendError> {
        let id = artifacts.identity().srs_id;
        let own = match (kept(artifacts)?, srs_kind(id)) {
            (Some(path), _) => Srs::excerpt_powers(&path).map_err(|error| damaged(&path, &error))?,
            (None, SrsKind::Listed(ceremony)) => ceremony.shipped(),
            // They are made as they are needed.
            (None, _) => usize::MAX,
        };
        let elsewhere = match (&self.source, imported::path(self.cache.as_ref(), id)) {
            (SrsSource::Ptau(path), _) if self.id() == Some(id) => {
                Ptau::open(path).map(|ptau| (2 << ptau.power()) - 1).map_err(|error| unusable(path, &error))?
            }
            (_, Ok(path)) => Srs::excerpt_powers(&path).map_err(|error| damaged(&path, &error))?,
            (_, Err(_)) => 0,
        };
        Ok(own.max(elsewhere))
    }

    /// At least `needed` powers for a prover of a model.
    pub(super) fn for_proving(&self, artifacts: &Artifacts, needed: usize) -> Result<Srs, BackendError> {
        let id = artifacts.identity().srs_id;
        let error = match kept(artifacts)? {
            Some(path) => match Srs::open_excerpt(&path, needed) {
                Err(error @ SrsError::TooFewPowers { .. }) => error,
                found => return found.map_err(|error| damaged(&path, &error)),
            },
            None => match own(&id, needed) {
                Err(error @ SrsError::TooFewPowers { .. }) => error,
                found => return found.map_err(|error| failed("the powers of tau", error)),
            },
        };
        // A large batch: the ceremony's own file, if there is one. The prover compares the ids.
        match self.elsewhere(id, needed)? {
            Some(srs) => Ok(srs),
            None => {
                let reason = format!("prove fewer statements at a time: so many need the ceremony's file: {error}");
                Err(BackendError::Unsupported { backend: NAME, reason })
            }
        }
    }

    /// At least `needed` powers of the SRS with this id, to compute commitments again.
    pub(super) fn for_opening(
        &self,
        id: &[u8; 32],
        artifacts: Option<&Artifacts>,
        needed: usize,
    ) -> Result<Srs, BackendError> {
        let wanted = B256::from(*id);
        match own(&wanted, needed) {
            Ok(srs) => return Ok(srs),
            Err(SrsError::TooFewPowers { .. }) => {}
            Err(error) => return Err(failed("the powers of tau", error)),
        }
        let kept = artifacts.and_then(|artifacts| artifacts.file(SRS).ok());
        let srs = match kept {
            Some(path) => Srs::open_excerpt(&path, needed).map_err(|error| damaged(&path, &error))?,
            None => match self.elsewhere(wanted, needed)? {
                Some(srs) => srs,
                None => {
                    let reason = "opening what it committed to needs its artifacts or the ceremony's file".into();
                    return Err(BackendError::Unsupported { backend: NAME, reason });
                }
            },
        };
        if srs.id() != id {
            let reason = "the powers of tau at hand are of another SRS than the bundle's".into();
            return Err(BackendError::Unsupported { backend: NAME, reason });
        }
        Ok(srs)
    }

    /// The powers in the user's file, or in what was imported under this id.
    fn elsewhere(&self, id: B256, needed: usize) -> Result<Option<Srs>, BackendError> {
        if let SrsSource::Ptau(path) = &self.source {
            return Srs::open(path, needed).map(Some).map_err(|error| unusable(path, &error));
        }
        let Ok(path) = imported::path(self.cache.as_ref(), id) else { return Ok(None) };
        match imported::open(&path, id, needed) {
            Ok(srs) => Ok(Some(srs)),
            Err(SrsError::TooFewPowers { .. }) => Ok(None),
            Err(error) => Err(damaged(&path, &error)),
        }
    }

    /// The points that a verifier of a model uses. They are checked, and have the id that the model's id binds: that is
    /// for [`zkinfer_prover::Verifier::new`] to see.
    pub(super) fn for_verifying(&self, artifacts: &Artifacts) -> Result<Arc<PinnedSrs>, BackendError> {
        let expected = artifacts.identity().srs_id;
        let mut slot = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pinned) = slot.as_ref().filter(|pinned| *pinned.id() == expected.0) {
            return Ok(Arc::clone(pinned));
        }
        let found = match (kept(artifacts)?, pinned(&expected)?) {
            (None, Some(pinned)) => pinned.clone(),
            // `kept` has said that the file is missing.
            (None, None) => return Err(BackendError::Unsupported { backend: NAME, reason: "unknown SRS".into() }),
            (Some(path), _) => {
                let pinned = Srs::open_excerpt(&path, 2).map_err(|error| damaged(&path, &error))?.pinned().clone();
                ArtifactsError::expect(&path, "the id of its points", B256::from(*pinned.id()), expected)?;
                pinned
            }
        };
        Ok(Arc::clone(slot.insert(Arc::new(found))))
    }
}

/// The powers that the program has itself; none of an SRS that it does not have.
fn own(id: &B256, needed: usize) -> Result<Srs, SrsError> {
    match srs_kind(*id) {
        SrsKind::Listed(ceremony) => ceremony.open(needed),
        SrsKind::Test => test_srs(needed),
        _ => Err(SrsError::TooFewPowers { needed, got: 0 }),
    }
}

/// The file with the powers; `None` where the model id names an SRS that the program has, and needs no file. That a file is
/// missing says nothing of what it held.
fn kept(artifacts: &Artifacts) -> Result<Option<PathBuf>, BackendError> {
    let own = pinned(&artifacts.identity().srs_id)?.is_some();
    match artifacts.file(SRS) {
        Err(_) if own => Ok(None),
        found => Ok(Some(found?)),
    }
}

pub(super) fn unusable(path: &Path, error: &SrsError) -> BackendError {
    let cause = error.source().map_or_else(String::new, |cause| format!(" ({cause})"));
    let (path, reason) = (path.display().to_string(), format!("{error}{cause}"));
    match error {
        SrsError::Inconsistent => BackendError::DamagedSrs { path, reason },
        _ => BackendError::Srs { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_the_powers_and_the_pinned_points() {
        let power = |dims: &[usize]| {
            let shape = Shape::new(dims.to_vec(), None).unwrap();
            Needs::of_shape(&shape).ptau_power()
        };
        // 512 positions and one row: 258 powers would do with 2^8, [tau^512]_2 needs 2^10.
        assert_eq!(power(&[2, 1]), 10);
        // 512 * 127 + 261 powers.
        assert_eq!(power(&[64, 128, 64, 10]), 15);
        // 2048 * 511 + 1029.
        assert_eq!(power(&[256, 512, 256, 10]), 19);
    }

    #[test]
    fn the_shipped_powers_are_the_default_as_far_as_they_go() {
        let setup = |dims: &[usize], source: Option<SrsSource>| {
            let shape = Shape::new(dims.to_vec(), None).unwrap();
            let store = source.map_or_else(SrsStore::default, |source| SrsStore::default().with_source(source));
            store.for_setup(Needs::of_shape(&shape))
        };
        let srs = setup(&[64, 128, 64, 10], None).unwrap();
        assert_eq!(srs.kind(), SrsKind::Listed(&HEZ_FINAL));
        // It needs 2048 * 511 + 1029 powers.
        let error = setup(&[256, 512, 256, 10], None).unwrap_err().to_string();
        for says in ["131072 powers", "power 19 or more", "--srs FILE", "setup srs", "ppot_0080"] {
            assert!(error.contains(says), "{says}: {error}");
        }
        assert_eq!(setup(&[2, 1], Some(SrsSource::Test)).unwrap().kind(), SrsKind::Test);
    }
}
