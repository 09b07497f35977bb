//! How fast an index is, and how large: entering, combined queries, recall against a scan of everything.
//!
//! ```text
//! cargo run --release --example index_bench -- [ENTRIES] [DIMENSION] [postgres://…]
//! cargo run --release --example index_bench -- 100000 384
//! ```
//!
//! Entries have a model of 20, a job, a bundle, two pairs of metadata, a label of ten and an embedding: half of them random, half
//! near one of a hundred centres, as inputs of one kind are. Queries ask for the ten nearest of one label, of one model since a time,
//! of a word, and of all. With the address of a PostgreSQL server that has pgvector and a database that is empty
//! (`tools/pgvector serve FOLDER` starts one) it is measured after SQLite, in the same run, with the same entries and questions.

use alloy::primitives::{B256, U256, keccak256};
use std::{collections::BTreeMap, time::Instant};
use zkinfer::{
    index::{Embedding, Entry, Filter, Held, Index, Note, PostgresIndex, Query, SqliteIndex},
    proof::{Assignment, Context, bundle::BackendName},
    storage::ContentAddress,
};

type Failure = Box<dyn std::error::Error>;
/// What a query adds to nearness, by its number.
type Kind = fn(usize, Query) -> Query;

const QUERIES: usize = 200;
const NEAREST: usize = 10;
const PORTION: usize = 100;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let entries: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let dimension: usize = arguments.next().map_or(Ok(384), |count| count.parse())?;
    let mut random = Random(1);
    let centres: Vec<Vec<f32>> = (0..100).map(|_| random.vector(dimension)).collect();
    let all: Vec<Entry> =
        (0..entries).map(|number| entry(number, dimension, &centres, &mut random)).collect::<Result<_, _>>()?;
    println!(
        "| index | entries | dimension | entered/s, {PORTION} a call | entered/s, one a call | B per entry | of the bound | query | p50 ms | p95 ms | recall |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let dir = tempfile::tempdir()?;
    let index = SqliteIndex::open(&dir.path().join(SqliteIndex::FILE))?;
    let rates = enter(&index, &all)?;
    let bytes = || -> Result<u64, Failure> {
        Ok(std::fs::read_dir(dir.path())?
            .map(|file| file.and_then(|file| file.metadata()).map_or(0, |it| it.len()))
            .sum())
    };
    let size = bytes()?;
    measure("SQLite, exact", &index, &all, dimension, rates, Some(size), &mut Random(2))?;
    if let Some(address) = std::env::args().nth(3) {
        let index = PostgresIndex::open(&address)?;
        if !index.is_empty()? {
            return Err("the database is not empty".into());
        }
        let rates = enter(&index, &all)?;
        measure("pgvector, exact", &index, &all, dimension, rates, Some(index.size()?), &mut Random(2))?;
    }
    Ok(())
}

/// Entries per second, by calls of several and by calls of one.
fn enter(index: &dyn Index, all: &[Entry]) -> Result<[f64; 2], Failure> {
    let (single, many) = all.split_at(all.len() / 10);
    let start = Instant::now();
    for entry in single {
        index.enter(std::slice::from_ref(entry))?;
    }
    let one = single.len() as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for portion in many.chunks(PORTION) {
        index.enter(portion)?;
    }
    Ok([many.len() as f64 / start.elapsed().as_secs_f64(), one])
}

fn measure(
    name: &str,
    index: &dyn Index,
    all: &[Entry],
    dimension: usize,
    [many, one]: [f64; 2],
    size: Option<u64>,
    random: &mut Random,
) -> Result<(), Failure> {
    let bound = 1.2 * (4 * dimension) as f64 + 1000.0;
    let per_entry = size.map(|size| size as f64 / all.len() as f64);
    let shown =
        |value: Option<f64>, digits: usize| value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"));
    // The first query reads everything.
    let start = Instant::now();
    let _ = index.search(&Query::nearest(embedding(random.vector(dimension))?, 1))?;
    let first = start.elapsed().as_secs_f64() * 1e3;
    let kinds: [(&str, Kind); 4] = [
        ("all", |_, query| query),
        ("one label of ten", |i, query| {
            query.with_filter(Filter { labels: vec![format!("class {}", i % 10)], ..Filter::default() })
        }),
        ("one model of 20, later half", |i, query| {
            query.with_filter(Filter { model: Some(model(i)), since_ms: Some(500_000), ..Filter::default() })
        }),
        ("a word of a thousand", |i, query| query.with_text(format!("request{}", i % 1000))),
    ];
    for (kind, narrow) in kinds {
        let (mut times, mut good) = (Vec::new(), 0);
        for i in 0..QUERIES {
            // Every other one is near something that is there.
            let vector = if i % 2 == 0 {
                random.vector(dimension)
            } else {
                near(all[random.below(all.len())].note.embeddings()[0].values(), random)
            };
            let query = narrow(i, Query::nearest(embedding(vector)?, NEAREST));
            let start = Instant::now();
            let page = index.search(&query)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            // One in ten is compared with a scan.
            if i % 10 == 0 {
                let expected = scan(all, &query);
                let found: Vec<B256> = page.found.iter().map(|found| found.entry().statement_id).collect();
                good += expected.iter().filter(|id| found.contains(id)).count() * 1000 / expected.len().max(1);
            }
        }
        times.sort_by(f64::total_cmp);
        let recall = good as f64 / 1000.0 / (QUERIES / 10) as f64;
        println!(
            "| {name} | {} | {dimension} | {many:.0} | {one:.0} | {} | {} | {kind} | {:.2} | {:.2} | {recall:.3} |",
            all.len(),
            shown(per_entry, 0),
            shown(per_entry.map(|bytes| bytes / bound), 2),
            times[QUERIES / 2],
            times[QUERIES * 95 / 100],
        );
    }
    println!("\nThe first query by nearness took {first:.0} ms.\n");
    Ok(())
}

/// The nearest by a scan of everything in double precision.
fn scan(all: &[Entry], query: &Query) -> Vec<B256> {
    let wanted = query.nearest.as_ref().map(Embedding::values).unwrap_or_default();
    let admitted = |entry: &&Entry| {
        let filter = &query.filter;
        filter.model.is_none_or(|model| model == entry.model_id)
            && filter.since_ms.is_none_or(|since| entry.created_at_ms >= since)
            && filter.labels.iter().all(|label| entry.note.labels().any(|other| other == label))
            && query.text.as_ref().is_none_or(|text| entry.note.metadata().any(|(_, value)| value == text))
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let cosine = |entry: &Entry| {
        let x = entry.note.embeddings()[0].values();
        dot(x, wanted) / (dot(x, x).sqrt() * dot(wanted, wanted).sqrt())
    };
    let mut found: Vec<(f64, B256)> =
        all.iter().filter(admitted).map(|entry| (cosine(entry), entry.statement_id)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().take(query.limit).map(|(_, id)| id).collect()
}

fn entry(number: usize, dimension: usize, centres: &[Vec<f32>], random: &mut Random) -> Result<Entry, Failure> {
    let id = keccak256(number.to_be_bytes());
    let assignment = Assignment {
        submitter: alloy::primitives::Address::repeat_byte(1),
        consumer: alloy::primitives::Address::repeat_byte(2),
        job: B256::from(U256::from(number / 3)),
        deadline: 1 << 40,
    };
    let context = Context::Chain { chain_id: 1, registry: alloy::primitives::Address::repeat_byte(3), assignment };
    let mut entry = Entry::new(id, model(random.below(20)), context);
    entry.created_at_ms = random.below(1_000_000) as u64;
    entry.hides_inputs = Some(false);
    let held = Held {
        slot: 0,
        statements: 1,
        backend: BackendName::Native,
        proof_hash: id,
        proof_bytes: 4032,
        transferable: false,
        test_srs: true,
        location: Some(format!("/var/lib/zkinfer/bundles/2026-11-27/{number:08}.bundle.json")),
    };
    entry.held = BTreeMap::from([(ContentAddress::new(id.0, 12_345), held)]);
    let vector = if number.is_multiple_of(2) {
        random.vector(dimension)
    } else {
        near(&centres[random.below(centres.len())], random)
    };
    let note = Note::new()
        .with_metadata("request", format!("request{}", random.below(1000)))?
        .with_metadata("tenant", format!("tenant {}", random.below(50)))?
        .with_label(format!("class {}", random.below(10)))?
        .with_embedding(embedding(vector)?);
    entry.annotate(&note)?;
    Ok(entry)
}

fn model(number: usize) -> B256 {
    B256::repeat_byte((number % 20) as u8 + 1)
}

fn embedding(values: Vec<f32>) -> Result<Embedding, Failure> {
    Ok(Embedding::new(Embedding::DEFAULT_SPACE, values)?)
}

fn near(centre: &[f32], random: &mut Random) -> Vec<f32> {
    let noise = random.vector(centre.len());
    centre.iter().zip(noise).map(|(x, noise)| x + 0.3 * noise).collect()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    /// About normally distributed.
    fn vector(&mut self, dimension: usize) -> Vec<f32> {
        let mut number = || (0..4).map(|_| self.next() as f32 / (1u64 << 31) as f32 - 0.5).sum::<f32>();
        (0..dimension).map(|_| number()).collect()
    }
}
