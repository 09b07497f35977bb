//! Backends that say what is not so: a defect of one verifier does not make a proof valid.

use super::world::{World, native, policy, reason};
use alloy::primitives::Bytes;
use std::path::Path;
use zkinfer::{
    backend::{
        Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ManyVerdicts, ModelCode, ProvingBackend,
        SrsKind, Witness,
    },
    model::{Input, Model},
    pipeline::{
        ProofVerifier,
        verification::{Mode, Verification},
    },
    proof::{Bundle, Statement, Structure, Verdict, identity},
};

/// The native backend, but for its verdicts.
#[derive(Debug)]
struct Liar {
    verdict: Verdict,
    /// How many verdicts it gives when it is asked for several.
    verdicts: usize,
}

impl ProvingBackend for Liar {
    fn capabilities(&self) -> Capabilities {
        native().backend.capabilities()
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        None
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        native().backend.compile(model, dir, control)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        native().backend.setup(circuit, dir, control)
    }

    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError> {
        native().backend.model_code(dir, control)
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        native().backend.check(artifacts)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        native().backend.witness(artifacts, input, control)
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        native().backend.prove(artifacts, items, control)
    }

    fn verify(&self, _: &Artifacts, _: &[Statement], _: &Bytes, _: &Control) -> Result<Verdict, BackendError> {
        Ok(self.verdict.clone())
    }

    fn verify_many(
        &self,
        _: &Artifacts,
        _: &[(&[Statement], &Bytes)],
        _: &Control,
    ) -> Result<ManyVerdicts, BackendError> {
        Ok(ManyVerdicts { verdicts: vec![self.verdict.clone(); self.verdicts], checks: self.verdicts })
    }
}

fn check(liar: &Liar, world: &World, bundle: &Bundle, mode: Mode) -> Verification {
    let verifier = ProofVerifier::new(liar, &world.prepared);
    verifier.check(&Structure::from(bundle.clone()), &policy(mode), &Control::default()).unwrap()
}

fn corrupted(bundle: &Bundle) -> Bundle {
    let mut proof = bundle.proof().to_vec();
    proof[100] ^= 1;
    let mut manifest = bundle.manifest().clone();
    manifest.proof_hash = identity::proof_hash(&proof);
    Bundle::new(bundle.statements().to_vec(), proof.into(), manifest).unwrap()
}

/// In either direction: the contract decides nothing alone, and neither does the backend.
#[test]
fn verifiers_that_disagree_make_nothing_valid() {
    let world = native();
    let gullible = Liar { verdict: Verdict::Valid, verdicts: 1 };
    let suspicious = Liar { verdict: Verdict::invalid("no"), verdicts: 1 };
    for (liar, bundle) in [(&gullible, corrupted(&world.bundle)), (&suspicious, world.bundle.clone())] {
        let found = check(liar, world, &bundle, Mode::Full);
        assert!(reason(&found).contains("disagree"), "{found:?}");
        assert!(found.bundles[0].is_contradictory(), "{found:?}");
        let report = ProofVerifier::new(liar, &world.prepared).verify(&bundle, &Control::default()).unwrap();
        assert!(report.is_contradictory() && !report.verdict().is_valid());
    }
    let agreed = check(&gullible, world, &world.bundle, Mode::Full);
    assert!(agreed.status.is_valid() && !agreed.bundles[0].is_contradictory(), "they agree");
}

/// A bundle that the backend left out has not been verified.
#[test]
fn a_verdict_that_is_missing_is_not_valid() {
    let world = native();
    let silent = Liar { verdict: Verdict::Valid, verdicts: 0 };
    let found = check(&silent, world, &world.bundle, Mode::Batch);
    assert!(reason(&found).contains("no verifier said anything"), "{found:?}");
}
