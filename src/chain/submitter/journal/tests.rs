#![cfg(test)]

use super::*;
use crate::chain::{
    Fees,
    submitter::{
        Intent, Kind,
        state::{Block, By, End, Inclusion, Phase, Reason, State},
    },
};
use alloy::primitives::{Bytes, U256};
use std::path::PathBuf;
use tempfile::TempDir;

const OWNER: Owner = Owner { chain_id: 31337, genesis: B256::repeat_byte(9), account: Address::repeat_byte(1) };

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Journal::path_in(dir.path(), OWNER.chain_id, OWNER.account);
    (dir, path)
}

fn held(path: &Path) -> Held {
    Journal::open(path, &OWNER).unwrap().hold(&OWNER).unwrap()
}

fn intent(number: u8) -> Intent {
    let data = Bytes::from(vec![number; 40]);
    Intent::new(B256::repeat_byte(number), Kind::Proof, format!("intent {number}"), Address::repeat_byte(2), data)
}

fn attempt(number: u8, nonce: u64, mark: u8) -> Attempt {
    Attempt {
        hash: B256::repeat_byte(mark),
        intent: B256::repeat_byte(number),
        purpose: Purpose::Do,
        nonce,
        gas: 100,
        fees: Fees::Market { max_fee: 10, tip: 1 },
        ceiling: U256::from(1000),
        at: 5,
        raw: vec![mark; 20].into(),
    }
}

fn inclusion(mark: u8, number: u64) -> Inclusion {
    let block = Block { number, hash: B256::repeat_byte(number as u8) };
    let hash = B256::repeat_byte(mark);
    Inclusion { hash, block, succeeded: true, is_undo: false, gas_used: 90, paid: U256::from(900) }
}

/// An intent's way with a dearer attempt, a reorganisation, and the end.
fn way(number: u8) -> Vec<Change> {
    let id = B256::repeat_byte(number);
    let of = |event| Change::of(id, event);
    let (first, second) = (attempt(number, 3, 0xa1), attempt(number, 3, 0xa2));
    vec![
        Change::signed(first.clone()),
        of(Event::Broadcast { hash: first.hash }),
        of(Event::Told { hash: first.hash, words: "underpriced".into() }),
        Change::signed(second.clone()),
        of(Event::Broadcast { hash: second.hash }),
        of(Event::Mined(inclusion(0xa1, 7))),
        of(Event::Reorged { block: inclusion(0xa1, 7).block }),
        of(Event::Mined(inclusion(0xa2, 8))),
        of(Event::Confirmed(inclusion(0xa2, 8))),
        of(Event::Finalized(inclusion(0xa2, 8))),
    ]
}

#[test]
fn what_is_written_is_there_after_opening_again_and_follows_from_the_events() {
    let (_dir, path) = place();
    let mut journal = held(&path);
    for number in 1..=3 {
        assert_eq!(journal.add(&intent(number), 1).unwrap(), Added::New);
    }
    let steps = way(2);
    for (number, change) in steps.iter().enumerate() {
        journal.record(std::slice::from_ref(change), 10 + number as u64).unwrap();
        journal.check().unwrap();
    }
    drop(journal);
    let journal = held(&path);
    let row = journal.row(B256::repeat_byte(2)).unwrap().unwrap();
    assert_eq!(row.state, State::Finalized(inclusion(0xa2, 8)));
    assert_eq!((row.attempts, row.reorgs, row.nonce, row.since), (2, 1, Some(3), 19));
    // Every hash is kept, with its bytes.
    let attempts = journal.attempts(row.id).unwrap();
    assert_eq!(attempts, [attempt(2, 3, 0xa1), attempt(2, 3, 0xa2)]);
    assert_eq!(journal.intent(row.id).unwrap().unwrap(), intent(2));
    assert_eq!(journal.open_rows(0).unwrap().iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(journal.open_rows(1).unwrap().len(), 1);
    assert_eq!(journal.latest_rows(Some(Phase::Planned), 1).unwrap()[0].seq, 3);
    assert_eq!(journal.counts().unwrap().into_iter().collect::<Vec<_>>(), [("finalized", 1), ("planned", 2)]);
    assert_eq!(journal.events_of(row.id).unwrap().len(), steps.len() + 1);
    let all = journal.events(0, 100).unwrap();
    assert!(all.len() == steps.len() + 3 && all.is_sorted_by_key(|line| line.seq));
    assert_eq!(journal.replayed().unwrap()[&2], row);
}

#[test]
fn an_intent_is_added_once() {
    let (_dir, path) = place();
    let journal = Journal::open(&path, &OWNER).unwrap();
    assert_eq!(journal.add(&intent(1), 1).unwrap(), Added::New);
    let other = Intent { data: Bytes::from(vec![7]), ..intent(1) };
    let [Added::Known(row), Added::New] = &journal.add_all(&[other, intent(2)], 2).unwrap()[..] else { panic!() };
    assert_eq!((row.seq, row.planned_at), (1, 1));
    assert_eq!(journal.intent(intent(1).id).unwrap().unwrap(), intent(1));
}

#[test]
fn what_does_not_follow_is_refused_and_nothing_of_it_is_written() {
    let (_dir, path) = place();
    let mut journal = held(&path);
    journal.add_all(&[intent(1), intent(2)], 1).unwrap();
    let id = intent(1).id;
    let of = |event| Change::of(id, event);
    let bad = [
        of(Event::Planned),
        of(Event::Broadcast { hash: B256::ZERO }),
        of(Event::Finalized(inclusion(1, 1))),
        of(Event::Ending(End::Cancelled)),
        of(Event::Reorged { block: inclusion(1, 1).block }),
        of(Event::Revived),
        of(Event::Released { nonce: 3, why: String::new() }),
    ];
    for change in bad {
        let before = journal.events(0, 100).unwrap();
        let with_good = [Change::signed(attempt(2, 4, 0xb1)), change];
        assert!(matches!(journal.record(&with_good, 2), Err(JournalError::WrongMove { .. })), "{with_good:?}");
        assert_eq!(journal.events(0, 100).unwrap(), before);
        assert!(journal.attempts(intent(2).id).unwrap().is_empty());
    }
    let nobody = Change::of(B256::repeat_byte(77), Event::Cancelled);
    assert!(matches!(journal.record(&[nobody], 2), Err(JournalError::Unknown(_))));

    // Two transactions that could both be mined have one nonce.
    journal.record(&[Change::signed(attempt(1, 3, 0xa1))], 2).unwrap();
    let other_nonce = [Change::signed(attempt(1, 4, 0xa2))];
    assert!(matches!(journal.record(&other_nonce, 3), Err(JournalError::WrongMove { .. })));
    // And a hash is one transaction's.
    assert!(matches!(journal.record(&[Change::signed(attempt(1, 3, 0xa1))], 3), Err(JournalError::Database { .. })));
    for end in [Event::Cancelled, Event::Failed(Reason::Refused("no".into())), Event::Replaced(By::Chain)] {
        assert!(journal.record(&[of(end)], 3).is_err(), "it may still be mined");
    }
    let released = [of(Event::Released { nonce: 3, why: "used".into() }), Change::signed(attempt(1, 4, 0xa2))];
    journal.record(&released, 4).unwrap();
    journal.check().unwrap();
}

#[test]
fn what_is_in_the_tables_of_history_cannot_be_changed() {
    let (_dir, path) = place();
    let mut journal = held(&path);
    journal.add(&intent(1), 1).unwrap();
    journal.record(&way(1), 2).unwrap();
    for table in ["intents", "attempts", "events"] {
        for sql in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET body = '1'")] {
            let error = journal.connection().execute(&sql, []).unwrap_err().to_string();
            assert!(error.contains("stay"), "{error}");
        }
    }
    // The states can, and whoever looks notices.
    journal.connection().execute("UPDATE states SET body = replace(body, '\"reorgs\":1', '\"reorgs\":2')", []).unwrap();
    let error = journal.check().unwrap_err().to_string();
    assert!(error.contains("does not follow from its events"), "{error}");
}

#[test]
fn one_process_sends_and_others_add_and_leave_wishes() {
    let (_dir, path) = place();
    let mut first = held(&path);
    let second = Journal::open(&path, &OWNER).unwrap();
    second.add(&intent(1), 1).unwrap();
    second.wish(intent(1).id, Wish::Revive).unwrap();
    second.wish(intent(1).id, Wish::Cancel).unwrap();
    assert!(matches!(second.wish(intent(2).id, Wish::Cancel), Err(JournalError::Unknown(_))));
    second.set_paused(true).unwrap();
    assert_eq!(first.wishes().unwrap(), [(intent(1).id, Wish::Cancel)]);
    assert!(first.controls().unwrap().is_paused);
    first.record(&[Change::of(intent(1).id, Event::Cancelled)], 2).unwrap();
    first.seen_to(intent(1).id).unwrap();
    second.set_paused(false).unwrap();
    first.set_hold(Some("the chain went back")).unwrap();
    let block = Block { number: 5, hash: B256::repeat_byte(5) };
    first.set_final_block(block).unwrap();
    let controls = second.controls().unwrap();
    assert_eq!((controls.hold.as_deref(), controls.final_block), (Some("the chain went back"), Some(block)));
    assert!(first.wishes().unwrap().is_empty() && !controls.is_paused);
    first.record(&[Change::of(intent(1).id, Event::Revived)], 3).unwrap();
    assert_eq!(first.row(intent(1).id).unwrap().unwrap().state, State::Planned);

    assert!(Journal::is_in_use(&path));
    assert!(!Journal::is_in_use(&path.with_file_name("other.sqlite")));
    let error = second.hold(&OWNER).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(first);
    assert!(!Journal::is_in_use(&path));
    held(&path).check().unwrap();
}

#[test]
fn the_journal_of_another_key_or_chain_is_refused() {
    let (_dir, path) = place();
    drop(held(&path));
    let before = std::fs::read(&path).unwrap();
    for other in [
        Owner { chain_id: 1, ..OWNER },
        Owner { account: Address::repeat_byte(7), ..OWNER },
        Owner { genesis: B256::repeat_byte(7), ..OWNER },
    ] {
        let error = Journal::open(&path, &other).unwrap_err();
        assert!(matches!(&error, JournalError::OtherOwner { kept, .. } if *kept == OWNER), "{error}");
        let error = Journal::visit(&path).unwrap().hold(&other).unwrap_err();
        assert!(matches!(error, JournalError::OtherOwner { .. }) && error.to_string().contains("nothing was sent"));
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let (dir, path) = place();
    drop(held(&path));
    let good = std::fs::read(&path).unwrap();
    let mut cut = good.clone();
    cut.truncate(good.len() - 4096);
    let mut torn = good.clone();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 2048].fill(0x5a);
    let other = dir.path().join("other.sqlite");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE a(b)").unwrap();
    let other = std::fs::read(other).unwrap();
    for bytes in [vec![], b"no database at all, but long enough to be one".repeat(100), other, cut, torn] {
        std::fs::write(&path, &bytes).unwrap();
        let error = Journal::open(&path, &OWNER).and_then(|journal| journal.hold(&OWNER)).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("nothing was sent"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

/// A very large journal is in use before its history was looked at: when that turns out to be damaged, nothing is written any more,
/// hence nothing sent. What decides is looked at before, however large the file is.
#[test]
fn damaged_history_of_a_large_journal_stops_it_when_it_is_found() {
    let (_dir, path) = place();
    let mut journal = held(&path);
    journal.add(&intent(1), 1).unwrap();
    journal.record(&[Change::signed(Attempt { raw: vec![0xab; 40_000].into(), ..attempt(1, 3, 0xa1) })], 2).unwrap();
    drop(journal);
    let sound = Journal::open(&path, &OWNER).unwrap().hold_with(&OWNER, 0).unwrap();
    assert_eq!(sound.looked(), None);
    drop(sound);
    // The chain of pages that hold a transaction's bytes leads nowhere.
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.chunks(4096).position(|page| page[4..].iter().all(|byte| *byte == 0xab)).unwrap();
    bytes[page * 4096..page * 4096 + 4].fill(0x7f);
    std::fs::write(&path, &bytes).unwrap();
    let mut journal = Journal::open(&path, &OWNER).unwrap().hold_with(&OWNER, 0).unwrap();
    assert!(journal.looked().is_some());
    let error = journal.record(&[Change::of(intent(1).id, Event::Broadcast { hash: B256::repeat_byte(0xa1) })], 3);
    assert!(matches!(error, Err(JournalError::Damaged { .. })), "{error:?}");
    drop(journal);
    let whole = Journal::open(&path, &OWNER).unwrap().hold(&OWNER);
    assert!(matches!(whole, Err(JournalError::Damaged { .. })), "{whole:?}");
}

#[test]
fn a_journal_of_a_later_release_is_refused() {
    let (_dir, path) = place();
    held(&path).connection().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Journal::open(&path, &OWNER).unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 99, .. }) && error.to_string().contains("later release"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn on_a_full_disk_nothing_is_written_and_it_says_so() {
    let (_dir, path) = place();
    let mut journal = held(&path);
    journal.add(&intent(1), 1).unwrap();
    journal.fill_disk();
    let large = Intent { data: Bytes::from(vec![1; 100_000]), ..intent(2) };
    assert!(matches!(journal.add(&large, 2), Err(JournalError::Full { .. })));
    let signed = Change::signed(Attempt { raw: vec![2; 100_000].into(), ..attempt(1, 3, 0xa1) });
    let error = journal.record(&[signed], 2).unwrap_err();
    assert!(matches!(error, JournalError::Full { .. }) && error.to_string().contains("nothing was sent"), "{error}");
    assert_eq!(journal.row(intent(1).id).unwrap().unwrap().state, State::Planned);
    assert!(journal.attempts(intent(1).id).unwrap().is_empty() && journal.row(intent(2).id).unwrap().is_none());
    journal.check().unwrap();
}
