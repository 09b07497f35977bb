//! Bad input: typed errors or Invalid verdicts, and everything else unaffected.

use super::world::{World, native, policy, reason};
use zkinfer::{
    FailureClass,
    backend::Control,
    pipeline::{
        PipelineError,
        batch_proofs::{Aggregation, BatchConfig, BatchProofGenerator, BatchStatus, Limits, Strategy},
        verification::Mode,
    },
    proof::{Compression, Encoding, Structure},
};

fn field(error: &PipelineError) -> &str {
    assert_eq!(error.class(), FailureClass::BadInput, "{error}");
    match error {
        PipelineError::InvalidInput { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn configurations_that_cannot_be_meant_are_refused() {
    let minute = std::time::Duration::from_secs(60);
    let new = |config| BatchProofGenerator::new(native().generator(), config).map(drop).unwrap_err();
    for (strategy, name) in [
        (Strategy::Parallel { workers: 0 }, "workers"),
        (Strategy::Streaming { chunk: 0, workers: 1 }, "chunk"),
        (Strategy::Streaming { chunk: 1, workers: 0 }, "workers"),
        (Strategy::Adaptive { min: 0, max: 1, target: minute, workers: 1 }, "min"),
        (Strategy::Adaptive { min: 3, max: 2, target: minute, workers: 1 }, "min"),
    ] {
        assert_eq!(field(&new(BatchConfig::new(strategy))), name);
    }
    let sequential = BatchConfig::new(Strategy::Sequential);
    for depth in [0, 9] {
        assert_eq!(field(&new(sequential.clone().aggregated(Aggregation::Recursive { depth }))), "depth");
    }
    let limits = Limits { workers: 0, ..Limits::default() };
    assert_eq!(field(&new(BatchConfig { limits, ..sequential.clone() })), "workers");
    let limits = Limits { queued: 0, ..Limits::default() };
    assert_eq!(field(&new(BatchConfig { limits, ..sequential })), "limits.queued");
}

#[test]
fn empty_batches_and_repeated_ids_are_refused() {
    let world = native();
    let batch = world.batch(Strategy::Sequential);
    assert_eq!(field(&batch.run(&[], &Control::default()).unwrap_err()), "items");
    let mut items = world.items(3);
    items[2].id = items[0].id.clone();
    assert_eq!(field(&batch.run(&items, &Control::default()).unwrap_err()), "items[2].id");
    assert_eq!(batch.run(&items[..2], &Control::default()).unwrap().status, BatchStatus::Complete);
}

/// Files of the two backends and of the mock are told apart by the artifacts, not by what they say.
#[test]
fn another_backends_bundle_is_invalid() {
    let (native, ezkl) = (native(), super::world::ezkl());
    for (verifier, other) in [(native, ezkl), (ezkl, native)] {
        let found = verifier.check(&other.single(), Mode::Full);
        assert!(reason(&found).starts_with("`backend`"), "{found:?}");
    }
}

/// A bundle's file that is cut, longer or a bomb is no bundle; the one beside it still is.
#[test]
fn damaged_files_are_refused() {
    let world: &World = native();
    for (encoding, compression) in [(Encoding::Compact, Compression::None), (Encoding::Standard, Compression::Maximum)]
    {
        let file = world.single().encode(encoding, compression);
        assert!(Structure::decode(&file[..file.len() - 1]).is_err());
        assert!(Structure::decode(&[&file[..], &[0]].concat()).is_err());
        assert_eq!(Structure::decode(&file).unwrap(), world.single());
    }
    let mut bomb = b"zkiz".to_vec();
    bomb.extend(1000u64.to_be_bytes());
    bomb.extend(zstd::bulk::compress(&vec![0; 1 << 26], 19).unwrap());
    assert!(bomb.len() < 10_000 && Structure::decode(&bomb).is_err());
    assert!(
        world.verifier().check(&world.single(), &policy(Mode::Fast), &Control::default()).unwrap().status.is_valid()
    );
}

/// A journal that cannot be written ends the batch at once: what is not recorded would be proven again.
#[test]
fn a_journal_in_a_folder_that_is_not_there_is_an_error() {
    let world = native();
    let dir = tempfile::tempdir().unwrap();
    let journal = Some(dir.path().join("missing/journal"));
    let batch = world.batch_with(BatchConfig { journal, ..BatchConfig::new(Strategy::Sequential) });
    let error = batch.run(&world.items(1), &Control::default()).unwrap_err();
    assert!(matches!(error, PipelineError::Journal { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
}
