//! Behaviour 30: a batch whose process is killed goes on where it was, and nothing is proven twice.

use super::world::{World, backend_at, on_both_backends};
use std::{
    io::{BufRead, BufReader},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};
use zkinfer::{
    backend::Control,
    pipeline::{
        EZKLIntegration, PipelineError, ProofGenerator,
        batch_proofs::{BatchConfig, BatchEvent, BatchProofGenerator, BatchStatus, Outcome, Strategy},
    },
    storage::Cache,
};

on_both_backends! {
    /// 30
    a_killed_batch_goes_on;
}

const JOURNAL: &str = "ZKINFER_TEST_JOURNAL";
const CACHE: &str = "ZKINFER_TEST_CACHE_OF_WORLD";
const READY: &str = "five are proven";

fn config(journal: PathBuf) -> BatchConfig {
    BatchConfig { journal: Some(journal), ..BatchConfig::new(Strategy::Sequential) }
}

fn a_killed_batch_goes_on(world: &'static World) {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    // This very program, running the test below and nothing else.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ezkl::recovery::the_process_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(JOURNAL, &journal)
        .env(CACHE, format!("{}:{}:{}", world.name, world.prepared.artifacts.model_id(), world.cache.root().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains(READY));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready, "the child never said that it is ready");

    let (recovered, proven) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let observe = |event: &BatchEvent| match event {
        BatchEvent::Recovered { index } => recovered.lock().unwrap().push(*index),
        BatchEvent::Started { index, .. } => proven.lock().unwrap().push(*index),
        _ => {}
    };
    let counted = world.counted();
    let generator = ProofGenerator::new(counted.backend(), &world.prepared);
    let batch = BatchProofGenerator::new(generator, config(journal.clone())).unwrap();
    let items = world.items(10);
    let report = batch.run_observed(&items, &Control::default(), &observe, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.status, BatchStatus::Complete);
    assert_eq!(recovered.into_inner().unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(proven.into_inner().unwrap(), [5, 6, 7, 8, 9]);
    assert_eq!((report.metrics.recovered, report.metrics.proven), (5, 5));
    assert_eq!(counted.metrics().unwrap().proofs, 5, "none is proven twice");
    for (index, item) in report.items.iter().enumerate() {
        assert!(matches!(item.outcome, Outcome::Proven { recovered, .. } if recovered == (index < 5)));
        world.assert_valid(report.bundle(index).unwrap());
    }

    // Once more: everything is there. Another batch is refused and leaves the journal as it was.
    let report = batch.run(&items, &Control::default()).unwrap();
    assert_eq!((report.metrics.recovered, report.metrics.proofs), (10, 0));
    let before = std::fs::read(&journal).unwrap();
    assert!(matches!(batch.run(&world.items(9), &Control::default()), Err(PipelineError::Journal { .. })));
    assert_eq!(std::fs::read(&journal).unwrap(), before);
}

/// Proves five items of ten, says so, and waits to be killed. Does nothing unless the test above asks for it.
#[test]
fn the_process_that_is_killed() {
    let (Some(journal), Ok(of)) = (std::env::var_os(JOURNAL), std::env::var(CACHE)) else { return };
    let mut parts = of.splitn(3, ':');
    let [name, model_id, root] = std::array::from_fn(|_| parts.next().unwrap());
    let integration = EZKLIntegration::new(backend_at(name, Path::new(root)), Cache::at(root.into()));
    let prepared = integration.find(model_id.parse().unwrap()).unwrap();
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let items: Vec<_> = (0..10)
        .map(|i| {
            let request = zkinfer::pipeline::ProofRequest::new(model_id, super::world::input(i));
            zkinfer::pipeline::batch_proofs::BatchItem::new(format!("item {i}"), request)
        })
        .collect();
    let finished = Mutex::new(0);
    let observe = |event: &BatchEvent| {
        if matches!(event, BatchEvent::Finished { .. }) {
            let mut finished = finished.lock().unwrap();
            *finished += 1;
            if *finished == 5 {
                println!("{READY}");
                loop {
                    std::thread::park();
                }
            }
        }
    };
    let batch = BatchProofGenerator::new(generator, config(journal.into())).unwrap();
    let _ = batch.run_observed(&items, &Control::default(), &observe, |_| ControlFlow::Continue(()));
}

/// A journal whose proofs are not of this batch's items is not believed: what it says is proven again.
#[test]
fn a_journal_is_checked_like_a_strangers() {
    let world = super::world::native();
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let items = world.items(2);
    let batch = world.batch_with(config(journal.clone()));
    assert_eq!(batch.run(&items, &Control::default()).unwrap().metrics.proofs, 2);
    // The two records say each other's item, with the right checksums.
    let mut bytes = std::fs::read(&journal).unwrap();
    let size = u64::from_be_bytes(bytes[48..56].try_into().unwrap()) as usize;
    for (record, item) in [(48, 1u32), (48 + 48 + size, 0)] {
        let size = u64::from_be_bytes(bytes[record..record + 8].try_into().unwrap()) as usize;
        bytes[record + 52..record + 56].copy_from_slice(&item.to_be_bytes());
        let hash = blake3::hash(&bytes[record + 48..record + 48 + size]);
        bytes[record + 16..record + 48].copy_from_slice(hash.as_bytes());
    }
    std::fs::write(&journal, bytes).unwrap();
    let report = batch.run(&items, &Control::default()).unwrap();
    assert_eq!((report.metrics.recovered, report.metrics.proofs), (0, 2));
    assert_eq!(report.status, BatchStatus::Complete);
}

/// The right statement, the right checksum, and a proof that somebody changed: it is proven again.
#[test]
fn a_journals_proofs_are_verified() {
    let world = super::world::native();
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let items = world.items(1);
    let batch = world.batch_with(config(journal.clone()));
    let report = batch.run(&items, &Control::default()).unwrap();
    let proof = report.bundle(0).unwrap().proof().clone();
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.windows(proof.len()).position(|window| *window == *proof).unwrap();
    bytes[at + proof.len() / 2] ^= 1;
    // One record: behind the header, its lengths and its hash.
    let hash = blake3::hash(&bytes[96..]);
    bytes[64..96].copy_from_slice(hash.as_bytes());
    std::fs::write(&journal, bytes).unwrap();
    let report = batch.run(&items, &Control::default()).unwrap();
    assert_eq!((report.metrics.recovered, report.metrics.proofs), (0, 1));
    world.assert_valid(report.bundle(0).unwrap());
}
