//! The index in PostgreSQL: whatever is asked, it answers what the index in SQLite answers.

use crate::server::Server;
use alloy::primitives::{Address, B256, U256, keccak256};
use std::collections::BTreeMap;
use zkinfer::{
    index::{
        Assurance, Embedding, Entry, Filter, Held, Index, IndexError, Note, Outcome, PostgresIndex, Query, Recorded,
        Retention, SqliteIndex, Status,
    },
    proof::{Assignment, Context, bundle::BackendName},
    storage::ContentAddress,
};

const DIMENSION: usize = 24;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn embedding(&mut self) -> Embedding {
        let values = (0..DIMENSION).map(|_| self.below(2001) as f32 - 1000.5).collect();
        Embedding::new(Embedding::DEFAULT_SPACE, values).unwrap()
    }
}

fn entry(number: u64, random: &mut Random) -> Entry {
    let job = B256::from(U256::from(random.below(5)));
    let assignment =
        Assignment { submitter: Address::repeat_byte(1), consumer: Address::ZERO, job, deadline: u64::MAX };
    let context = match random.below(2) {
        0 => Context::Offchain {},
        _ => Context::Chain { chain_id: 1 + random.below(2), registry: Address::repeat_byte(9), assignment },
    };
    let mut entry = Entry::new(keccak256(number.to_be_bytes()), B256::repeat_byte(random.below(3) as u8), context);
    entry.created_at_ms = random.below(50);
    entry.hides_inputs = Some(false);
    let held = Held {
        slot: 1,
        statements: 2,
        backend: if random.below(2) == 0 { BackendName::Native } else { BackendName::Ezkl },
        proof_hash: entry.statement_id,
        proof_bytes: 1000 + random.below(10),
        transferable: false,
        test_srs: random.below(2) == 0,
        location: Some("/a \"quoted\" 'place' \\ of ours".into()),
    };
    entry.held = BTreeMap::from([(ContentAddress::new(entry.statement_id.0, 77), held)]);
    if random.below(3) == 0 {
        let transaction = B256::repeat_byte(random.below(4) as u8);
        entry.claim = Some(Recorded { transaction, block: 7, recorded_at: 8, assurance: Assurance::Verified });
    }
    let mut note = Note::new().with_label(format!("class {}", random.below(4))).unwrap();
    note = note.with_metadata("ward", format!("Nord-Süd {}", random.below(6))).unwrap();
    if random.below(4) > 0 {
        note = note.with_embedding(random.embedding());
    }
    entry.annotate(&note).unwrap();
    entry
}

fn queries(random: &mut Random) -> Vec<Query> {
    let d = Filter::default;
    let filters = vec![
        d(),
        Filter { model: Some(B256::repeat_byte(1)), since_ms: Some(20), ..d() },
        Filter { job: Some(B256::from(U256::from(3))), chain: Some(2), ..d() },
        Filter {
            submitter: Some(Address::repeat_byte(1)),
            consumer: Some(Address::ZERO),
            registry: Some(Address::repeat_byte(9)),
            ..d()
        },
        Filter { transaction: Some(B256::repeat_byte(2)), ..d() },
        Filter { status: Some(Status::Proven), until_ms: Some(30), ..d() },
        Filter { status: Some(Status::Recorded), assurance: Some(Assurance::Verified), ..d() },
        Filter { backend: Some(BackendName::Ezkl), test_srs: Some(true), ..d() },
        Filter { min_proof_bytes: Some(1003), max_proof_bytes: Some(1006), ..d() },
        Filter { metadata: vec![("ward".into(), "Nord-Süd 4".into())], labels: vec!["class 2".into()], ..d() },
        Filter { statement: Some(keccak256(5u64.to_be_bytes())), ..d() },
        Filter { labels: vec!["' OR TRUE --".into()], ..d() },
    ];
    let texts =
        [None, Some("nord-süd"), Some("CLASS 3"), Some("süd 4 cla*"), Some("nothing"), Some("nord & !class | ':*")];
    let mut queries = vec![];
    for filter in filters {
        for text in texts {
            let latest = Query { text: text.map(Into::into), ..Query::latest(filter.clone(), 400) };
            queries.push(Query { nearest: Some(random.embedding()), limit: 12, ..latest.clone() });
            queries.push(latest);
        }
    }
    queries
}

#[test]
fn both_indexes_answer_the_same() {
    let Some(server) = Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) =
        (SqliteIndex::open(&dir.path().join("i.sqlite")).unwrap(), PostgresIndex::open(&server.address()).unwrap());
    let mut random = Random(3);
    let mut entries: Vec<Entry> = (0..300).map(|number| entry(number, &mut random)).collect();
    // Some again, some of them with more; twice in one call.
    let mut more = entries[7].clone();
    more.annotate(&Note::new().with_label("again").unwrap()).unwrap();
    entries.extend([entries[3].clone(), more.clone(), more]);
    for portion in entries.chunks(101) {
        assert_eq!(theirs.enter(portion).unwrap(), ours.enter(portion).unwrap());
    }
    let same = |random: &mut Random| {
        for query in queries(random) {
            let (ours, theirs) = (ours.search(&query).unwrap(), theirs.search(&query).unwrap());
            assert_eq!(theirs, ours, "{query:?}");
        }
    };
    same(&mut random);
    // Pages.
    let mut query = Query::latest(Filter::default(), 7);
    loop {
        let (a, b) = (ours.search(&query).unwrap(), theirs.search(&query).unwrap());
        assert_eq!(a, b);
        query.after = a.next;
        if query.after.is_none() {
            break;
        }
    }
    // Taken out.
    let gone: Vec<B256> = entries.iter().step_by(9).map(|entry| entry.statement_id).collect();
    assert_eq!(theirs.remove(&gone).unwrap(), ours.remove(&gone).unwrap());
    let retention = Retention { max_age: Some(std::time::Duration::from_millis(45)), max_entries: Some(150) };
    assert_eq!(theirs.retain(&retention, 50).unwrap(), ours.retain(&retention, 50).unwrap());
    same(&mut random);
    assert!(theirs.bytes().unwrap() > 0);
}

/// The same errors as from SQLite, and after each of them it goes on.
#[test]
fn errors_are_typed_and_nothing_is_half_entered() {
    let Some(mut server) = Server::start() else { return };
    match PostgresIndex::open(&server.address_with("wrong")) {
        Err(IndexError::Unreachable { reason, .. }) => assert!(reason.contains("password"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let index = PostgresIndex::open(&server.address()).unwrap();
    let mut random = Random(4);
    let good = entry(1, &mut random);
    let mut short = entry(2, &mut random);
    short.note = Note::new().with_embedding(Embedding::new(Embedding::DEFAULT_SPACE, vec![1.0]).unwrap());
    let mut first = entry(3, &mut random);
    first.note = Note::new().with_embedding(random.embedding());
    index.enter(&[first.clone()]).unwrap();
    assert!(matches!(index.enter(&[good.clone(), short]), Err(IndexError::Dimension { .. })));
    let mut other = first.clone();
    other.note = Note::new().with_embedding(random.embedding());
    assert!(matches!(index.enter(&[good.clone(), other]), Err(IndexError::OtherEmbedding { .. })));
    let mut zero = entry(4, &mut random);
    zero.note = Note::new().with_label("zero \0 byte").unwrap();
    assert!(matches!(index.enter(&[good.clone(), zero]), Err(IndexError::Database { .. })));
    assert_eq!(index.search(&Query::latest(Filter::default(), 9)).unwrap().found.len(), 1);
    // The server goes away in the middle and comes back; what was acknowledged is there.
    server.kill();
    assert!(matches!(index.enter(std::slice::from_ref(&good)), Err(IndexError::Lost { .. })));
    assert!(matches!(index.enter(std::slice::from_ref(&good)), Err(IndexError::Unreachable { .. })));
    server.run();
    assert_eq!(index.enter(&[first, good]).unwrap(), [Outcome::Unchanged, Outcome::New]);
}
