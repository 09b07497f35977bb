//! A process that is killed in the middle of entering loses nothing that it was told is entered.

use alloy::primitives::{B256, keccak256};
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};
use zkinfer::{
    index::{Embedding, Entry, Filter, Index, Note, Outcome, Query, SqliteIndex},
    proof::Context,
};

/// Names the database to a child process.
const CHILD: &str = "ZKINFER_TEST_INDEX";
const ROUNDS: u64 = 12;
const DIMENSION: usize = 32;

fn entry(number: u64) -> Entry {
    let mut entry = Entry::new(keccak256(number.to_be_bytes()), B256::repeat_byte(7), Context::Offchain {});
    entry.created_at_ms = number;
    let vector = (0..DIMENSION as u64).map(|i| ((number * 31 + i * 17) % 101) as f32 - 50.0).collect();
    let note = Note::new().with_label(format!("n{number}")).unwrap();
    let note = note.with_embedding_of_hidden_input(Embedding::new("s", vector).unwrap());
    entry.annotate(&note).unwrap();
    entry
}

/// Not a test by itself: the process that is killed. It says every number as soon as it is entered.
#[test]
fn child_that_enters_until_it_is_killed() {
    let Some(path) = env::var_os(CHILD) else { return };
    let index = SqliteIndex::open(Path::new(&path)).unwrap();
    let mut output = std::io::stdout().lock();
    for number in index.len().unwrap().. {
        // Also one in three by a call of several, which is whole or not there.
        let entries: Vec<Entry> =
            if number % 3 == 0 { vec![entry(number), entry(number + 1_000_000)] } else { vec![entry(number)] };
        index.enter(&entries).unwrap();
        writeln!(output, "entered {number}").unwrap();
        output.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kills_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.sqlite");
    let mut acknowledged: Vec<u64> = vec![];
    let mut seed = 0x5eed_u64;
    for _ in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["kills::child_that_enters_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let until = 1 + (seed >> 33) % 60;
        // Killed while it enters the one after the last that was read, at whatever point it has got to by then.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            lines.map(|line| line.unwrap()).filter_map(|line| line.split("entered ").nth(1)?.parse::<u64>().ok());
        acknowledged.extend(numbers.take(until as usize));
        child.kill().unwrap();
        child.wait().unwrap();
        let index = SqliteIndex::open(&path).unwrap();
        index.check_file().unwrap();
        for &number in &acknowledged {
            assert_eq!(index.enter(&[entry(number)]).unwrap(), [Outcome::Unchanged], "{number} was lost");
        }
    }
    let index = SqliteIndex::open(&path).unwrap();
    // Words and vectors are there with every entry, and calls of several are whole.
    let last = *acknowledged.last().unwrap();
    let near = Query::nearest(entry(last).note.embeddings()[0].clone(), 1000).with_text(format!("n{last}"));
    assert_eq!(index.search(&near).unwrap().found.len(), 1);
    let mut query = Query::latest(Filter::default(), 1000);
    let mut numbers = vec![];
    loop {
        let page = index.search(&query).unwrap();
        numbers.extend(page.found.iter().map(|found| found.entry().created_at_ms));
        assert!(page.found.iter().all(|found| found.entry().note.embeddings().len() == 1));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    for number in numbers.iter().filter(|number| **number < 1_000_000 && **number % 3 == 0) {
        assert!(numbers.contains(&(number + 1_000_000)), "half of a call of two");
    }
    assert!(acknowledged.len() >= ROUNDS as usize);
}
