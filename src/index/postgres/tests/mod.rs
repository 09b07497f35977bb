#![cfg(test)]

mod server;
mod servers;

use super::*;
use crate::{
    index::{
        Assurance, Embedding, Filter, Note, Query, Recorded, SqliteIndex, Status,
        entry::tests::{embedding, entry},
    },
    proof::{
        Context,
        bundle::{BackendName, tests::numbered},
    },
};
use server::Server;

fn with_note(number: i64, change: impl FnOnce(Note) -> Note) -> Entry {
    let mut entry = entry(number);
    entry.annotate(&change(Note::new())).unwrap();
    entry
}

fn recorded(block: u64) -> Recorded {
    Recorded { transaction: B256::repeat_byte(0x77), block, recorded_at: 1_700_000_000, assurance: Assurance::Verified }
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Few different ones, so that many are equally near.
    fn vector(&mut self, dimension: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..dimension).map(|_| self.next(5) as f32 - 2.0).collect();
        values[0] = 0.5;
        values
    }

    fn entry(&mut self) -> Entry {
        const WORDS: [&str; 5] = ["Café", "ward-7", "x ray", "Ångström", "night"];
        let number = self.next(60) as i64;
        // One embedding for each statement: another one would be refused.
        let vector = Random(number as u64).vector(6);
        let mut entry = with_note(number, |note| {
            let word = |random: &mut Self| WORDS[random.next(5) as usize];
            let note = note.with_metadata(word(self), word(self)).unwrap().with_label(word(self)).unwrap();
            if self.next(3) > 0 { note.with_embedding(embedding(&vector)) } else { note }
        });
        if self.next(4) == 0 {
            entry.claim = Some(recorded(self.next(3)));
        }
        if self.next(3) == 0 {
            entry.held.clear();
        }
        entry
    }

    fn query(&mut self) -> Query {
        let pick = self.next(12);
        let sample = entry(self.next(60) as i64);
        let mut filter = Filter::default();
        match pick {
            0 => filter.statement = Some(sample.statement_id),
            1 => filter.model = Some(sample.model_id),
            2 => filter.status = Some(Status::Recorded),
            3 => filter.status = Some(Status::Proven),
            4 => filter.labels = vec!["ward-7".into()],
            5 => filter.metadata = vec![("Café".into(), "night".into())],
            6 => (filter.since_ms, filter.until_ms) = (Some(self.next(60)), Some(self.next(60))),
            7 => {
                filter.backend =
                    Some([BackendName::Ezkl, BackendName::Native, BackendName::Mock][self.next(3) as usize])
            }
            8 => filter.min_proof_bytes = Some(1),
            9 => filter.assurance = Some(Assurance::Verified),
            10 => filter.test_srs = Some(self.next(2) == 0),
            _ => {}
        }
        let mut query = match self.next(2) {
            0 => Query::latest(filter, 1 + self.next(30) as usize),
            _ => Query::nearest(embedding(&self.vector(6)), 1 + self.next(30) as usize).with_filter(filter),
        };
        const TEXTS: [&str; 6] = ["cafe", "CAFÉ n*", "ward", "x ray", "angs*", "ward-7 night"];
        if self.next(2) == 0 {
            query = query.with_text(TEXTS[self.next(6) as usize]);
        }
        query
    }
}

/// The same is done to both indexes, and both say the same: what became of every entry, and every answer to the last bit.
#[test]
fn both_indexes_are_one() {
    let Some(server) = Server::shared() else { return };
    let dir = tempfile::tempdir().unwrap();
    let sqlite = SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap();
    let postgres = server.index(&server.database());
    let both: [&dyn Index; 2] = [&sqlite, &postgres];
    let mut random = Random(18);
    for _ in 0..40 {
        let entries: Vec<Entry> = (0..random.next(8)).map(|_| random.entry()).collect();
        let [a, b] = both.map(|index| index.enter(&entries).unwrap());
        assert_eq!(a, b);
        if random.next(6) == 0 {
            let gone = [entry(random.next(60) as i64).statement_id, entry(random.next(60) as i64).statement_id];
            let [a, b] = both.map(|index| index.remove(&gone).unwrap());
            assert_eq!(a, b);
        }
        for _ in 0..6 {
            let mut query = random.query();
            loop {
                let [a, b] = both.map(|index| index.search(&query).unwrap());
                assert_eq!(a, b, "{query:?}");
                query.after = a.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
    }
    for retention in [
        Retention { max_age: Some(Duration::from_millis(40)), max_entries: None },
        Retention { max_age: None, max_entries: Some(5) },
    ] {
        let [a, b] = both.map(|index| index.retain(&retention, 50).unwrap());
        assert_eq!(a, b);
        assert_eq!(sqlite.len().unwrap(), postgres.len().unwrap());
    }
    assert_eq!(postgres.len().unwrap(), 5);
}

/// pgvector's own norms would overflow, or vanish.
#[test]
fn huge_and_tiny_embeddings_are_compared_and_come_back_to_the_bit() {
    let Some(server) = Server::shared() else { return };
    let index = server.index(&server.database());
    let tiny = f32::from_bits(1);
    let vectors =
        [[f32::MAX, f32::MAX], [tiny, 0.0], [f32::MAX, f32::from_bits(0x0080_0001)], [-0.0, -f32::MIN_POSITIVE]];
    let entries: Vec<Entry> =
        (1..).zip(&vectors).map(|(number, x)| with_note(number, |note| note.with_embedding(embedding(x)))).collect();
    index.enter(&entries).unwrap();
    for (entry, vector) in entries.iter().zip(&vectors) {
        let page = index.search(&Query::nearest(embedding(vector), 1)).unwrap();
        let found = &page.found[0];
        let similarity = found.similarity().unwrap();
        assert!((similarity - 1.0).abs() < 1e-12, "{similarity}");
        let bits = |x: &Embedding| x.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        if found.entry().statement_id == entry.statement_id {
            assert_eq!(bits(&found.entry().note.embeddings()[0]), bits(&embedding(vector)));
        }
    }
    let page = index.search(&Query::latest(Filter::default(), 10)).unwrap();
    assert_eq!(page.found.len(), 4);
    for found in page.found {
        assert!(entries.contains(found.entry()), "{:?}", found.entry());
    }
}

/// One wrong entry, and nothing of the call is entered; the index goes on.
#[test]
fn a_call_is_entered_whole_or_not_at_all() {
    let Some(server) = Server::shared() else { return };
    let index = server.index(&server.database());
    index.enter(&[with_note(1, |note| note.with_embedding(embedding(&[1.0, 2.0])))]).unwrap();
    let enter = |wrong: Entry| index.enter(&[entry(2), wrong]).unwrap_err();
    let error = enter(with_note(3, |note| note.with_embedding(embedding(&[1.0]))));
    assert!(matches!(error, IndexError::Dimension { expected: 2, found: 1, .. }), "{error}");
    let error = enter(with_note(1, |note| note.with_embedding(embedding(&[1.0, 3.0]))));
    assert!(matches!(error, IndexError::OtherEmbedding { .. }), "{error}");
    let error = enter(with_note(3, |note| note.with_label("a\0b").unwrap()));
    assert!(matches!(error, IndexError::Unsupported { .. }), "{error}");
    // Two of one call that contradict each other.
    let new =
        |values: &[f32]| with_note(4, |note| note.with_embedding(Embedding::new("new", values.to_vec()).unwrap()));
    let other = with_note(5, |note| note.with_embedding(Embedding::new("new", vec![1.0, 1.0]).unwrap()));
    assert!(matches!(index.enter(&[new(&[1.0]), other]), Err(IndexError::Dimension { .. })));
    assert_eq!(index.len().unwrap(), 1);
    assert!(matches!(index.search(&Query::nearest(embedding(&[1.0]), 1)), Err(IndexError::Dimension { .. })));
    let unknown = Query::nearest(Embedding::new("nowhere", vec![1.0]).unwrap(), 1);
    assert_eq!(index.search(&unknown).unwrap(), Page::default());
    let evil = Filter { labels: vec!["x' OR 1=1 --".into()], ..Filter::default() };
    assert!(index.search(&Query::latest(evil, 9)).unwrap().found.is_empty());
    index.enter(&[entry(2)]).unwrap();
    assert_eq!(index.len().unwrap(), 2);
}

/// Nodes that make the tables, and enter the same statements, at the same time.
#[test]
fn many_nodes_enter_at_once() {
    let Some(server) = Server::shared() else { return };
    let address = server.address(&server.database(), "zkinfer");
    std::thread::scope(|scope| {
        for node in 0..4 {
            let address = &address;
            scope.spawn(move || {
                let index = PostgresIndex::open(address).unwrap();
                for number in 0..20 {
                    let label = format!("node {node}");
                    // In another order at every node.
                    let numbers = [number, number + 1, number + 2].map(|i| if node % 2 == 0 { i } else { 21 - i });
                    let entries = numbers.map(|i| {
                        with_note(i, |note| {
                            note.with_label(&label).unwrap().with_embedding(embedding(&[1.0, i as f32]))
                        })
                    });
                    index.enter(&entries).unwrap();
                }
            });
        }
    });
    let index = PostgresIndex::open(&address).unwrap();
    let page = index.search(&Query::latest(Filter::default(), 100)).unwrap();
    assert_eq!(page.found.len(), 22);
    for found in &page.found {
        let labels = found.entry().note.labels().filter(|label| label.starts_with("node ")).count();
        assert_eq!((labels, found.entry().note.embeddings().len()), (4, 1), "{found:?}");
    }
    let offchain = Entry { context: Context::Offchain {}, ..entry(90) };
    assert_eq!(index.enter(std::slice::from_ref(&offchain)).unwrap(), [Outcome::New]);
    let filter = Filter { statement: Some(offchain.statement_id), ..Filter::default() };
    assert_eq!(index.search(&Query::latest(filter, 1)).unwrap().found[0].entry(), &offchain);
}

/// What a rebuild makes of bundles, notes and claims on one machine, filling makes of them on a server; twice is once.
#[test]
fn filling_a_server_is_a_rebuild_that_takes_nothing_out() {
    use crate::index::{NoteFile, Noted, Sources, fill};
    let Some(server) = Server::shared() else { return };
    let dir = tempfile::tempdir().unwrap();
    for number in 1..4 {
        std::fs::write(dir.path().join(format!("{number}.json")), numbered(number).to_json()).unwrap();
    }
    let note = Note::new().with_label("round").unwrap().with_embedding(embedding(&[1.0, 2.0]));
    let noted = Noted { statements: vec![entry(1).statement_id, entry(77).statement_id], note };
    std::fs::write(dir.path().join("1.note.json"), NoteFile::new(vec![noted]).to_json()).unwrap();
    std::fs::write(dir.path().join("bad.json"), r#"{"format": "zkinfer-bundle", "version": 2}"#).unwrap();
    let mut claim = Entry::new(entry(9).statement_id, entry(9).model_id, entry(9).context);
    (claim.claim, claim.created_at_ms) = (Some(recorded(3)), 5);
    let sources = Sources { folders: vec![dir.path().into()], claims: vec![claim] };
    let sqlite = SqliteIndex::open(&dir.path().join("index/index.sqlite")).unwrap();
    sqlite.rebuild(&sources, false).unwrap();
    let postgres = server.index(&server.database());
    postgres.enter(&[entry(50)]).unwrap();
    for _ in 0..2 {
        let report = fill(&postgres, &sources).unwrap();
        assert_eq!((report.files, report.notes, report.claims, report.problems.len()), (3, 1, 1, 1));
    }
    assert_eq!(postgres.remove(&[entry(50).statement_id]).unwrap(), 1);
    let all = Query::latest(Filter::default(), 100);
    assert_eq!(postgres.search(&all).unwrap(), sqlite.search(&all).unwrap());
    assert_eq!(postgres.len().unwrap(), 4);
}
