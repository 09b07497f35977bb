//! An engine that gives its proofs to an index.

use std::{sync::Arc, time::Duration};
use zkinfer::{
    backend::{Control, mock::MockBackend, native::NativeBackend},
    index::{Annotation, Embedding, Filter, Index, Indexer, IndexerOptions, Note, Query, Sources, SqliteIndex},
    inference::{EngineOptions, InferenceEngine},
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, ProofVerifier},
    proof::Context,
    storage::{Cache, ContentStore, LocalStore},
};

const OFFCHAIN: Context = Context::Offchain {};
const LONG: Duration = Duration::from_secs(120);

fn model() -> Model {
    Model::from_onnx(to_onnx(&random_mlp(&[8, 16, 4], 3).unwrap())).unwrap()
}

fn input(number: u32) -> Input {
    Input::new(vec![(0..8).map(|i| f64::from(i * number % 9) / 9.0).collect()]).unwrap()
}

fn engine(dir: &std::path::Path, mock: bool) -> InferenceEngine {
    let cache = Cache::at(dir.join("cache"));
    let integration = match mock {
        true => EZKLIntegration::new(Arc::new(MockBackend::default()), cache),
        false => EZKLIntegration::new(Arc::new(NativeBackend::new()), cache),
    };
    InferenceEngine::new(model(), integration, EngineOptions::default(), &Control::default()).unwrap()
}

/// Proven, found by a word and by nearness, opened and verified; and the same index comes out of the store alone.
#[test]
fn proofs_of_an_engine_are_found_opened_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalStore::at(dir.path().join("store")));
    let index = Arc::new(SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap());
    let options = IndexerOptions { store: Some(store.clone()), ..IndexerOptions::default() };
    let indexer = Arc::new(Indexer::start(index.clone(), options).unwrap());
    let engine = engine(dir.path(), false).indexed_by(indexer.clone());
    let output = {
        let schema = engine.prepared().artifacts.schema().unwrap();
        schema.tensors().last().unwrap().name.clone()
    };
    let mut bundles = vec![];
    for number in 1..4 {
        let note = Note::new().with_metadata("request", format!("nr{number}")).unwrap();
        let annotation = Annotation::from(note).with_output_as_embedding(&output, Embedding::DEFAULT_SPACE);
        let (_, handle) =
            engine.noting(annotation).run_then_prove(&input(number), OFFCHAIN, &Control::default()).unwrap();
        bundles.push(handle.wait().unwrap());
    }
    let (answer, _) = engine.run_with_proof(&input(2), OFFCHAIN, &Control::default()).unwrap();
    assert!(indexer.flush(LONG));
    assert_eq!(indexer.stats().failed, 0, "{:?}", indexer.stats());
    let text = index.search(&Query::latest(Filter::default(), 10).with_text("nr2")).unwrap();
    let values = answer.outputs[0].values.iter().map(|&value| value as f32).collect();
    let near = index.search(&Query::nearest(Embedding::new(Embedding::DEFAULT_SPACE, values).unwrap(), 1)).unwrap();
    assert_eq!(text.found[0].entry(), near.found[0].entry());
    assert!(near.found[0].similarity().unwrap() > 0.999_999);
    let opened = near.found[0].open(&[&*store as &dyn ContentStore]).unwrap();
    // The first proof of this statement, or the second one of the same.
    assert_eq!(opened.statement(), bundles[1].statement());
    let verifier = ProofVerifier::new(engine.integration().backend(), engine.prepared());
    assert!(verifier.verify(opened.bundle(), &Control::default()).unwrap().verdict().is_valid());
    let again = SqliteIndex::open(&dir.path().join("again.sqlite")).unwrap();
    again.rebuild(&Sources { folders: vec![dir.path().join("store")], claims: vec![] }, false).unwrap();
    let all = |index: &SqliteIndex| {
        let page = index.search(&Query::latest(Filter::default(), 100)).unwrap();
        page.found
            .iter()
            .map(|found| found.entry().clone())
            .map(|mut entry| {
                entry.held.values_mut().for_each(|held| held.location = None);
                entry
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(all(&again), all(&index));
}

/// The database is taken away while the engine works: its proofs are what they would have been.
#[test]
fn a_broken_index_costs_an_engine_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = Arc::new(SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap());
    // Nothing can be stored: the folder of the objects is a file.
    std::fs::create_dir(dir.path().join("store")).unwrap();
    std::fs::write(dir.path().join("store/objects"), "in the way").unwrap();
    let store = Arc::new(LocalStore::at(dir.path().join("store")));
    let indexer =
        Arc::new(Indexer::start(index, IndexerOptions { store: Some(store), ..IndexerOptions::default() }).unwrap());
    let engine = engine(dir.path(), true);
    let (_, plain) = engine.run_with_proof(&input(1), OFFCHAIN, &Control::default()).unwrap();
    let (_, indexed) =
        engine.indexed_by(indexer.clone()).run_with_proof(&input(1), OFFCHAIN, &Control::default()).unwrap();
    assert_eq!(indexed.statement(), plain.statement());
    assert!(indexer.flush(LONG));
    assert_eq!(indexer.stats().failed, 1);
}
