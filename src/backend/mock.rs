//! A backend that proves NOTHING. It is for tests of callers: fast, deterministic, and marked in everything it makes.
//!
//! Its models have an adapter id that no code can have, so that no registry holds them, and its bundles say `mock`.
//! A [`Profile`] gives it latencies on a [`VirtualClock`], memory and failures.

use super::{
    Artifacts, ArtifactsError, BackendError, Capabilities, Circuit, Control, Item, Keys, ModelCode, ProvingBackend,
    SrsKind, Witness,
};
use crate::{
    model::{Input, Model, TensorInfo},
    proof::{
        Schema, Statement, TensorSchema, Verdict,
        bundle::{BackendName, MAX_STATEMENTS},
        identity,
        schema::{Direction, NO_AXIS, Visibility},
    },
};
use alloy::primitives::{B256, Bytes, I256, keccak256};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const ONNX: &str = "model.onnx";
const VERSION: &str = "1";
const SCALE_LOG2: i32 = 16;
const PROOF_BYTES: u64 = 32;

/// Time that passes only when it is told to: what takes an hour on it takes none. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Lets time pass; all of it together is at most 584 years.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// How a mock behaves: by default, everything takes no time and no memory and works.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Virtual time of a witness.
    pub witness: Duration,
    /// Virtual time of the proofs, one after the other, from the start again when they are used up.
    pub proofs: Vec<Duration>,
    /// The resident set that is reported from the first proof on.
    pub memory_kb: Option<u64>,
    /// Proofs that fail, by their number from 0, and what they say.
    pub failures: BTreeMap<u64, String>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct MockBackend {
    profile: Profile,
    clock: VirtualClock,
    proofs: Arc<AtomicU64>,
}

impl MockBackend {
    /// A mock that takes its time on `clock`.
    #[must_use]
    pub fn with_profile(profile: Profile, clock: VirtualClock) -> Self {
        Self { profile, clock, proofs: Arc::default() }
    }
}

impl ProvingBackend for MockBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: BackendName::Mock,
            version: VERSION.into(),
            proves: false,
            binds_statement: false,
            max_batch: MAX_STATEMENTS,
            on_chain: false,
            weights: "MOCK: nothing is proven",
            accelerators: vec![],
        }
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        self.profile.memory_kb.filter(|_| self.proofs.load(Ordering::SeqCst) > 0)
    }

    fn compile(&self, model: &Model, dir: &Path, _: &Control) -> Result<Circuit, BackendError> {
        let path = dir.join(ONNX);
        fs::write(&path, model.canonical_onnx()).map_err(BackendError::io(&path))?;
        let tensor = |direction, info: &TensorInfo| TensorSchema {
            name: info.name.clone(),
            direction,
            visibility: Visibility::Public,
            shape: info.shape.clone(),
            width: 8,
            is_signed: true,
            min: I256::unchecked_from(i64::MIN),
            max: I256::unchecked_from(i64::MAX),
            scales: vec![2f64.powi(-SCALE_LOG2)],
            axis: NO_AXIS,
            zero_point: 0,
        };
        let inputs = model.inputs().iter().map(|info| tensor(Direction::Input, info));
        let outputs = model.outputs().iter().map(|info| tensor(Direction::Output, info));
        Ok(Circuit {
            schema: Schema::new(inputs.chain(outputs).collect())?,
            details: serde_json::Value::Null,
            figures: serde_json::Value::Null,
        })
    }

    fn setup(&self, _: &Circuit, dir: &Path, _: &Control) -> Result<Keys, BackendError> {
        let path = dir.join(ONNX);
        let onnx = fs::read(&path).map_err(BackendError::io(&path))?;
        Ok(Keys {
            vk_digest: vk_digest(&onnx),
            srs_id: B256::ZERO,
            adapter_id: identity::mock_adapter_id(),
            proof_bytes: PROOF_BYTES,
        })
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        artifacts.expect_backend(BackendName::Mock, VERSION)?;
        let (of, manifest, path) = (artifacts.identity(), artifacts.manifest_path(), artifacts.file(ONNX)?);
        let onnx = fs::read(&path).map_err(BackendError::io(&path))?;
        ArtifactsError::expect(&path, "the digest", vk_digest(&onnx), of.vk_digest)?;
        ArtifactsError::expect(&manifest, "the adapter", of.adapter_id, identity::mock_adapter_id())?;
        ArtifactsError::expect(&manifest, "the code hash", of.model_code_hash, B256::ZERO)?;
        ArtifactsError::expect(&manifest, "the SRS", of.srs_id, B256::ZERO)?;
        ArtifactsError::expect(&manifest, "the length of a proof", of.proof_bytes, PROOF_BYTES)?;
        // It has none. Whatever is refused for the TEST SRS is refused for a mock, too.
        Ok(SrsKind::Test)
    }

    fn model_code(&self, _: &Path, _: &Control) -> Result<ModelCode, BackendError> {
        Ok(ModelCode::None)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        obey(control, "witness")?;
        self.clock.advance(self.profile.witness);
        let model = Model::read(&artifacts.file(ONNX)?)?;
        let outputs = model.run(input)?.into_iter().map(|values| values.into_iter().map(f64::from).collect());
        let quantize = |values: Vec<f64>| {
            values.into_iter().map(|x| I256::unchecked_from((x * 2f64.powi(SCALE_LOG2)).round() as i64)).collect()
        };
        let values: Vec<Vec<I256>> = input.tensors().iter().cloned().chain(outputs).map(quantize).collect();
        Ok(Witness::new(artifacts.schema()?.encode(&values)?, ()))
    }

    fn prove(&self, _: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        obey(control, "prove")?;
        let number = self.proofs.fetch_add(1, Ordering::SeqCst);
        if let Some(at) = number.checked_rem(self.profile.proofs.len() as u64) {
            // Below the length, hence an index.
            self.clock.advance(self.profile.proofs[at as usize]);
        }
        if let Some(message) = self.profile.failures.get(&number) {
            let message = message.clone();
            return Err(BackendError::Failed { backend: "mock", operation: "prove".into(), message });
        }
        Item::check(items, MAX_STATEMENTS)?;
        items.iter().try_for_each(|item| item.witness.data::<()>().map(drop))?;
        Ok(mock_proof(items.iter().map(|item| item.statement)))
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        _: &Control,
    ) -> Result<Verdict, BackendError> {
        Ok(if let Some(refused) = super::refused_statements(artifacts, statements, MAX_STATEMENTS) {
            refused
        } else if *proof == mock_proof(statements.iter()) {
            Verdict::Valid
        } else {
            Verdict::invalid("MOCK: not the mock proof of this statement")
        })
    }
}

fn vk_digest(onnx: &[u8]) -> B256 {
    keccak256([b"zkinfer mock vk".as_slice(), onnx].concat())
}

fn obey(control: &Control, operation: &str) -> Result<(), BackendError> {
    if control.cancel.is_cancelled() {
        return Err(BackendError::Cancelled { operation: operation.into() });
    }
    Ok(())
}

/// Anybody can compute it.
fn mock_proof<'a>(statements: impl Iterator<Item = &'a Statement>) -> Bytes {
    let mut bytes = b"zkinfer mock proof".to_vec();
    for statement in statements {
        bytes.extend(keccak256([statement.model_id.as_slice(), statement.public_values.as_bytes()].concat()));
    }
    keccak256(bytes).0.into()
}
