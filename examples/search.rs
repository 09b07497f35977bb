//! Ten inferences are proven and entered; one is found by a word, one by nearness, one by its job, and what was found is verified.
//!
//! ```text
//! cargo run --release --example search
//! ```

use alloy::primitives::{Address, B256};
use std::{sync::Arc, time::Duration};
use zkinfer::{
    backend::{Control, native::NativeBackend},
    index::{Annotation, Embedding, Filter, Found, Index, Indexer, IndexerOptions, Note, Query, SqliteIndex},
    inference::{EngineOptions, InferenceEngine},
    model::{Input, Model, synthetic},
    pipeline::{EZKLIntegration, ProofVerifier},
    proof::{Assignment, Context},
    storage::{Cache, LocalStore},
};

type Failure = Box<dyn std::error::Error>;

const SIZE: usize = 8;

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let index = Arc::new(SqliteIndex::open(&dir.path().join(SqliteIndex::FILE))?);
    let store = Arc::new(LocalStore::at(dir.path().join("store")));
    let options = IndexerOptions { store: Some(store.clone()), ..IndexerOptions::default() };
    let indexer = Arc::new(Indexer::start(index.clone(), options)?);
    let network = synthetic::random_mlp(&[SIZE, 16, 4], 3).ok_or("a network needs two widths")?;
    let model = Model::from_onnx(synthetic::to_onnx(&network))?;
    let backend = EZKLIntegration::new(Arc::new(NativeBackend::new()), Cache::at(dir.path().join("cache")));
    let engine = InferenceEngine::new(model, backend, EngineOptions::default(), &Control::default())?;
    let engine = engine.indexed_by(indexer.clone());
    for number in 0..10u8 {
        let note = Note::new().with_metadata("patient", format!("number {number}"))?.with_embedding(embedding(number)?);
        let input = Input::new(vec![values(number)])?;
        let _ = engine.noting(Annotation::from(note)).run_with_proof(&input, context(number), &Control::default())?;
    }
    if !indexer.flush(Duration::from_secs(60)) || indexer.stats().entered != 10 {
        return Err(format!("not everything was entered: {:?}", indexer.stats()).into());
    }
    let of_job = Filter { job: Some(job(5)), ..Filter::default() };
    let questions = [
        ("a word", Query::latest(Filter::default(), 10).with_text("number 3")),
        ("nearness", Query::nearest(embedding(4)?, 1)),
        ("its job", Query::latest(of_job, 10)),
    ];
    let verifier = ProofVerifier::new(engine.integration().backend(), engine.prepared());
    for ((how, query), number) in questions.into_iter().zip(3..) {
        let page = index.search(&query)?;
        let [found] = &page.found[..] else { return Err(format!("{} were found by {how}", page.found.len()).into()) };
        // A pointer: what it points to is read, hashed and verified.
        let opened = Found::open(found, &[&*store])?;
        let verdict = verifier.verify(opened.bundle(), &Control::default())?.verdict();
        if opened.statement().context != context(number) || !verdict.is_valid() {
            return Err(format!("by {how} another was found, or one that is not valid: {verdict:?}").into());
        }
        println!("found by {how}, opened and verified: statement {}", opened.statement().id());
    }
    Ok(())
}

fn values(number: u8) -> Vec<f64> {
    (0..SIZE).map(|i| f64::from((i as u8 + 1) * (number + 1) % 11) / 11.0).collect()
}

fn embedding(number: u8) -> Result<Embedding, Failure> {
    let values = values(number).into_iter().map(|value| value as f32).collect();
    Ok(Embedding::new(Embedding::DEFAULT_SPACE, values)?)
}

fn job(number: u8) -> B256 {
    B256::repeat_byte(number + 1)
}

fn context(number: u8) -> Context {
    let assignment = Assignment {
        submitter: Address::repeat_byte(1),
        consumer: Address::ZERO,
        job: job(number),
        deadline: u64::MAX,
    };
    Context::Chain { chain_id: 31337, registry: Address::repeat_byte(2), assignment }
}
