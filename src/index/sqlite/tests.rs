#![cfg(test)]

use super::*;
use crate::{
    index::{
        Assurance, Cursor, Embedding, Filter, Found, Note, Recorded, Status,
        entry::tests::{embedding, entries, entry},
        note::cosine,
    },
    proof::{
        Context,
        bundle::{BackendName, tests::numbered_batch},
    },
};
use alloy::primitives::Address;

fn open() -> (tempfile::TempDir, SqliteIndex) {
    let dir = tempfile::tempdir().unwrap();
    let index = SqliteIndex::open(&dir.path().join("sub/index.sqlite")).unwrap();
    (dir, index)
}

fn with_note(number: i64, change: impl FnOnce(Note) -> Note) -> Entry {
    let mut entry = entry(number);
    entry.annotate(&change(Note::new())).unwrap();
    entry
}

fn recorded(block: u64) -> Recorded {
    Recorded { transaction: B256::repeat_byte(0x77), block, recorded_at: 1_700_000_000, assurance: Assurance::Verified }
}

fn ids(page: &Page) -> Vec<B256> {
    page.found.iter().map(|found| found.entry().statement_id).collect()
}

fn numbers(index: &SqliteIndex, filter: Filter) -> Vec<u64> {
    let page = index.search(&Query::latest(filter, 100)).unwrap();
    page.found.iter().map(|found| found.entry().created_at_ms).collect()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn vector(&mut self, dimension: usize) -> Vec<f32> {
        (0..dimension).map(|_| self.next(2001) as f32 - 1000.5).collect()
    }
}

#[test]
fn what_is_entered_comes_back_whole() {
    let (_dir, index) = open();
    let mut full = with_note(3, |note| {
        let note = note.with_metadata("ward", "7").unwrap().with_metadata("ward", "8").unwrap();
        note.with_label("nine").unwrap().with_embedding(embedding(&[1.0, -0.5]))
    });
    full.claim = Some(recorded(12));
    let offchain = Entry { context: Context::Offchain {}, ..entry(4) };
    assert_eq!(index.enter(&[full.clone(), offchain.clone()]).unwrap(), [Outcome::New, Outcome::New]);
    let found = index.search(&Query::latest(Filter::default(), 10)).unwrap();
    assert_eq!(found.found.iter().map(Found::entry).collect::<Vec<_>>(), [&offchain, &full], "latest first");
    assert_eq!(found.next, None);
    assert_eq!(index.len().unwrap(), 2);
    index.check_file().unwrap();
}

#[test]
fn entering_again_adds_what_is_new_and_nothing_twice() {
    let (_dir, index) = open();
    let first = with_note(1, |note| note.with_label("a").unwrap().with_embedding(embedding(&[1.0])));
    index.enter(std::slice::from_ref(&first)).unwrap();
    assert_eq!(index.enter(&[first]).unwrap(), [Outcome::Unchanged]);
    let claimed = Entry { claim: Some(recorded(1)), ..with_note(1, |note| note.with_label("b").unwrap()) };
    assert_eq!(index.enter(&[claimed.clone(), claimed]).unwrap(), [Outcome::Merged, Outcome::Unchanged]);
    let page = index.search(&Query::latest(Filter::default(), 10).with_text("a b")).unwrap();
    assert_eq!(page.found.len(), 1);
    assert_eq!(page.found[0].entry().status(), Status::Recorded);
    assert_eq!(index.search(&Query::nearest(embedding(&[2.0]), 5)).unwrap().found.len(), 1);
}

/// One wrong entry, and nothing of the call is entered.
#[test]
fn a_call_is_entered_whole_or_not_at_all() {
    let (_dir, index) = open();
    index.enter(&[with_note(1, |note| note.with_embedding(embedding(&[1.0, 2.0])))]).unwrap();
    let other_length = with_note(3, |note| note.with_embedding(embedding(&[1.0])));
    let error = index.enter(&[entry(2), other_length]).unwrap_err();
    assert!(matches!(error, IndexError::Dimension { expected: 2, found: 1, .. }), "{error}");
    let other_numbers = with_note(1, |note| note.with_embedding(embedding(&[1.0, 3.0])));
    assert!(matches!(index.enter(&[entry(2), other_numbers]), Err(IndexError::OtherEmbedding { .. })));
    let mut hidden = with_note(4, |note| note.with_embedding(embedding(&[1.0, 3.0])));
    hidden.hides_inputs = Some(true);
    assert!(matches!(index.enter(&[entry(2), hidden]), Err(IndexError::HiddenInput(_))));
    assert_eq!(index.len().unwrap(), 1);
    let query = Query::nearest(embedding(&[1.0]), 1);
    assert!(matches!(index.search(&query), Err(IndexError::Dimension { .. })));
    let unknown = Query::nearest(Embedding::new("nowhere", vec![1.0]).unwrap(), 1);
    assert_eq!(index.search(&unknown).unwrap(), Page::default());
}

/// Every filter finds what it should, and leaves out what it should.
#[test]
fn every_filter_selects() {
    let (_dir, index) = open();
    let mut odd = with_note(1, |note| note.with_metadata("k", "v").unwrap().with_label("odd").unwrap());
    let Context::Chain { chain_id, registry, assignment } = odd.context else { panic!() };
    let other = Context::Chain {
        chain_id: chain_id + 1,
        registry: Address::repeat_byte(0x31),
        assignment: crate::proof::Assignment {
            submitter: Address::repeat_byte(0x32),
            consumer: Address::repeat_byte(0x33),
            job: B256::repeat_byte(0x34),
            deadline: 5,
        },
    };
    odd.claim = Some(recorded(3));
    let mut even = Entry { context: other, model_id: B256::repeat_byte(0x35), ..entry(2) };
    for held in even.held.values_mut() {
        (held.backend, held.test_srs, held.proof_bytes) = (BackendName::Native, false, 5000);
    }
    index.enter(&[odd.clone(), even]).unwrap();
    let of = |filter: Filter| numbers(&index, filter);
    let d = Filter::default;
    assert_eq!(of(d()), [2, 1]);
    for filter in [
        Filter { statement: Some(odd.statement_id), ..d() },
        Filter { model: Some(odd.model_id), ..d() },
        Filter { job: Some(assignment.job), ..d() },
        Filter { submitter: Some(assignment.submitter), ..d() },
        Filter { consumer: Some(assignment.consumer), ..d() },
        Filter { chain: Some(chain_id), ..d() },
        Filter { registry: Some(registry), ..d() },
        Filter { transaction: Some(B256::repeat_byte(0x77)), ..d() },
        Filter { until_ms: Some(2), ..d() },
        Filter { status: Some(Status::Recorded), ..d() },
        Filter { assurance: Some(Assurance::Verified), ..d() },
        Filter { backend: Some(BackendName::Mock), ..d() },
        Filter { test_srs: Some(true), ..d() },
        Filter { max_proof_bytes: Some(4999), ..d() },
        Filter { metadata: vec![("k".into(), "v".into())], ..d() },
        Filter { labels: vec!["odd".into()], ..d() },
    ] {
        assert_eq!(of(filter.clone()), [1], "{filter:?}");
    }
    for filter in [
        Filter { since_ms: Some(2), ..d() },
        Filter { status: Some(Status::Proven), ..d() },
        Filter { min_proof_bytes: Some(5000), ..d() },
        Filter { test_srs: Some(false), ..d() },
        Filter { backend: Some(BackendName::Native), chain: Some(chain_id + 1), ..d() },
    ] {
        assert_eq!(of(filter.clone()), [2], "{filter:?}");
    }
    for filter in [
        Filter { metadata: vec![("v".into(), "k".into())], ..d() },
        Filter { assurance: Some(Assurance::Optimistic), ..d() },
        Filter { backend: Some(BackendName::Native), chain: Some(chain_id), ..d() },
        Filter { since_ms: Some(u64::MAX), ..d() },
    ] {
        assert_eq!(of(filter.clone()), [0u64; 0], "{filter:?}");
    }
}

#[test]
fn text_is_found_by_whole_words_and_beginnings() {
    let (_dir, index) = open();
    index.enter(&[with_note(1, |note| note.with_metadata("study", "Chest-Xray Zürich").unwrap()), entry(2)]).unwrap();
    let found = |text: &str| index.search(&Query::latest(Filter::default(), 9).with_text(text)).unwrap().found.len();
    for text in ["chest", "CHEST xray", "zurich", "Zürich", "xra*", "chest-xray", "study"] {
        assert_eq!(found(text), 1, "{text}");
    }
    for text in ["ches", "chest OR", "chest NOT xray", "\"chest", "body:chest nothing"] {
        assert_eq!(found(text), usize::from(text == "\"chest"), "{text}");
    }
    assert_eq!(found("logits:0"), 2, "what a classifier answered is a label");
}

/// Pages follow each other without a gap or a repetition, although entries come in between.
#[test]
fn pages_are_not_disturbed_by_new_entries() {
    let (_dir, index) = open();
    index.enter(&(0..20).map(entry).collect::<Vec<_>>()).unwrap();
    let batch = entries(&numbered_batch(7, 9).into());
    index.enter(&batch).unwrap();
    let all = ids(&index.search(&Query::latest(Filter::default(), 100)).unwrap());
    let (mut seen, mut after): (Vec<B256>, Option<Cursor>) = (vec![], None);
    loop {
        let page = index.search(&Query { after, ..Query::latest(Filter::default(), 3) }).unwrap();
        seen.extend(ids(&page));
        index.enter(&[entry(1000 + seen.len() as i64)]).unwrap();
        after = match page.next {
            Some(next) => Some(next.to_string().parse().unwrap()),
            None => break,
        };
    }
    assert_eq!(seen, all);
}

/// The answer of a scan of everything, for every kind of filter: exact, whatever way it was found.
#[test]
fn nearness_and_filters_together_are_exact() {
    let (_dir, index) = open();
    let mut random = Random(18);
    let mut all: Vec<Entry> = (0..3000)
        .map(|i| {
            // Few directions: many of the same similarity.
            let vector = if i % 3 == 0 { random.vector(24) } else { vec![(i % 7) as f32 + 1.0; 24] };
            let mut entry = entry(i % 256);
            entry.statement_id = B256::from(alloy::primitives::U256::from(random.next(1 << 31) << 16 | i as u64));
            entry.created_at_ms = random.next(1000);
            let note =
                Note::new().with_embedding(embedding(&vector)).with_label(format!("l{}", random.next(3))).unwrap();
            entry.note = note;
            entry
        })
        .collect();
    index.enter(&all).unwrap();
    let removed: Vec<B256> = all.iter().step_by(11).map(|entry| entry.statement_id).collect();
    let check = |all: &[Entry], query: &Query| {
        let wanted = query.nearest.as_ref().unwrap();
        let admitted = |entry: &&Entry| {
            let filter = &query.filter;
            filter.labels.iter().all(|label| entry.note.labels.contains(label))
                && filter.since_ms.is_none_or(|since| entry.created_at_ms >= since)
                && query.text.as_ref().is_none_or(|text| entry.note.labels.contains(text))
        };
        let of = |entry: &Entry| cosine(entry.note.embeddings[0].values(), wanted.values());
        let mut expected: Vec<(f64, B256)> =
            all.iter().filter(admitted).map(|entry| (of(entry), entry.statement_id)).collect();
        expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        expected.truncate(query.limit);
        let page = index.search(query).unwrap();
        let found: Vec<(f64, B256)> =
            page.found.iter().map(|found| (found.similarity().unwrap(), found.entry().statement_id)).collect();
        assert_eq!(found, expected, "{query:?}");
    };
    let mut round = |all: &[Entry]| {
        for limit in [1, 10, 100] {
            for since_ms in [None, Some(500), Some(990), Some(1001)] {
                let query = Query::nearest(embedding(&random.vector(24)), limit);
                let filter = Filter { since_ms, ..Filter::default() };
                check(all, &query.clone().with_filter(filter.clone()));
                check(all, &query.clone().with_text("l1").with_filter(filter.clone()));
                check(all, &query.with_filter(Filter { labels: vec!["l2".into()], ..filter }));
                let mean = Query::nearest(embedding(&[1.0; 24]), limit);
                check(all, &mean.with_filter(Filter { since_ms, ..Filter::default() }));
            }
        }
    };
    round(&all);
    assert_eq!(index.remove(&removed).unwrap(), removed.len() as u64);
    all.retain(|entry| !removed.contains(&entry.statement_id));
    round(&all);
}

/// What another process writes or takes out is seen, by nearness, too.
#[test]
fn two_openings_see_each_other() {
    let (_dir, one) = open();
    let other = SqliteIndex::open(one.path()).unwrap();
    let query = Query::nearest(embedding(&[1.0, 0.0]), 9);
    let near = |x, y| Note::new().with_embedding(embedding(&[x, y]));
    one.enter(&[with_note(1, |_| near(1.0, 0.0))]).unwrap();
    assert_eq!(other.search(&query).unwrap().found.len(), 1);
    other.enter(&[with_note(2, |_| near(0.0, 1.0))]).unwrap();
    assert_eq!(one.search(&query).unwrap().found.len(), 2);
    other.remove(&[entry(1).statement_id]).unwrap();
    let found = one.search(&query).unwrap();
    assert_eq!(ids(&found), [entry(2).statement_id]);
    assert!(found.found[0].similarity().unwrap().abs() < 1e-12);
}

#[test]
fn watchers_see_every_change_once() {
    let (_dir, index) = open();
    index.enter(&[entry(1), entry(2)]).unwrap();
    index.enter(&[with_note(1, |note| note.with_label("x").unwrap()), entry(2)]).unwrap();
    index.remove(&[entry(2).statement_id]).unwrap();
    let changes = index.changes(0, 10).unwrap();
    let seen: Vec<(u64, bool)> = changes.iter().map(|change| (change.revision, change.entry.is_some())).collect();
    assert_eq!(seen, [(3, true), (4, false)]);
    assert_eq!(index.changes(3, 10).unwrap(), changes[1..]);
    assert_eq!(index.changes(0, 1).unwrap(), changes[..1]);
    assert_eq!(index.changes(4, 10).unwrap(), []);
}

#[test]
fn retention_lets_the_oldest_go() {
    let (_dir, index) = open();
    index.enter(&(0..50).map(entry).collect::<Vec<_>>()).unwrap();
    let keep =
        |max_age: Option<u64>, max_entries| Retention { max_age: max_age.map(Duration::from_millis), max_entries };
    assert_eq!(index.retain(&keep(Some(40), None), 50).unwrap(), 10);
    assert_eq!(index.retain(&keep(None, Some(15)), 50).unwrap(), 25);
    assert_eq!(index.retain(&keep(None, None), 50).unwrap(), 0);
    assert_eq!(numbers(&index, Filter::default()), (35..50).rev().collect::<Vec<_>>());
    assert_eq!(index.search(&Query::latest(Filter::default(), 100).with_text("logits:0")).unwrap().found.len(), 15);
    index.check_file().unwrap();
}

/// Somebody else writes for too long: an error that says so, and nothing is entered. Searching goes on meanwhile.
#[test]
fn a_locked_index_is_an_error_and_can_be_searched() {
    let (_dir, index) = open();
    index.enter(&[entry(1)]).unwrap();
    let impatient = SqliteIndex::open_waiting(index.path(), Duration::from_millis(5)).unwrap();
    index
        .writing(|tx| {
            tx.execute("DELETE FROM entries", [])?;
            assert!(matches!(impatient.enter(&[entry(2)]), Err(IndexError::Locked { .. })));
            assert!(matches!(
                SqliteIndex::open_waiting(index.path(), Duration::ZERO),
                Err(IndexError::Locked { .. }) | Ok(_)
            ));
            assert_eq!(impatient.len().unwrap(), 1);
            Err::<(), _>(Trouble::Ours(Box::new(IndexError::Query("rolled back".into()))))
        })
        .unwrap_err();
    assert_eq!(index.len().unwrap(), 1);
    impatient.enter(&[entry(2)]).unwrap();
}

/// A file that this release does not understand is left as it is.
#[test]
fn foreign_files_are_refused_and_left_alone() {
    let (dir, index) = open();
    index.enter(&[entry(1)]).unwrap();
    index.writing(|tx| Ok(tx.pragma_update(None, "user_version", 2)?)).unwrap();
    let path = index.path().to_owned();
    drop(index);
    match SqliteIndex::open(&path) {
        Err(IndexError::Newer { found: 2, supported: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
    let foreign = dir.path().join("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine(x)").unwrap();
    let text = dir.path().join("text.sqlite");
    fs::write(&text, "no database ".repeat(1000)).unwrap();
    for file in [foreign, text] {
        let before = fs::read(&file).unwrap();
        let error = SqliteIndex::open(&file).unwrap_err();
        assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

/// Pages overwritten in the middle of the file: errors, no panic, no wrong answer that says it is right.
#[test]
fn damage_is_reported() {
    let (_dir, index) = open();
    index.enter(&(0..200).map(entry).collect::<Vec<_>>()).unwrap();
    let path = index.path().to_owned();
    drop(index);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 20_000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let check = SqliteIndex::open(&path).and_then(|index| index.check_file());
    assert!(matches!(check, Err(IndexError::Damaged { .. })), "{check:?}");
}
