use super::*;
use crate::chain::{
    Fees,
    submitter::{Attempt, Change, Held, Owner, Purpose, state::Inclusion},
};
use alloy::primitives::{Address, Bytes};
use tempfile::TempDir;

const OWNER: Owner = Owner { chain_id: 31337, genesis: B256::repeat_byte(9), account: Address::repeat_byte(1) };
const MODEL: B256 = B256::repeat_byte(0x77);
/// Some hours after midnight.
const NOON: u64 = 20_000 * DAY + DAY / 2;

fn journal() -> (TempDir, Held) {
    let dir = tempfile::tempdir().unwrap();
    let held = Journal::open(&dir.path().join("j.sqlite"), &OWNER).unwrap().hold(&OWNER).unwrap();
    (dir, held)
}

fn add(journal: &Held, number: u8, value: u64) {
    let id = B256::repeat_byte(number);
    let intent = Intent::new(id, Kind::Proof, "it", Address::ZERO, Bytes::new());
    let intent = Intent { model_id: Some(MODEL), value: U256::from(value), ..intent };
    journal.add(&intent, NOON - DAY).unwrap();
}

fn signed(number: u8, nonce: u64, mark: u8) -> Change {
    Change::signed(Attempt {
        hash: B256::repeat_byte(mark),
        intent: B256::repeat_byte(number),
        purpose: Purpose::Do,
        nonce,
        gas: 100,
        fees: Fees::Market { max_fee: 10, tip: 1 },
        ceiling: U256::from(1000),
        at: 5,
        raw: vec![mark].into(),
    })
}

fn mined(mark: u8, block: u64, paid: u64) -> Inclusion {
    let block = Block { number: block, hash: B256::repeat_byte(block as u8) };
    let hash = B256::repeat_byte(mark);
    Inclusion { hash, block, succeeded: true, is_undo: false, gas_used: 90, paid: U256::from(paid) }
}

/// Writes and is heard.
fn happen(journal: &mut Held, tally: &mut Tally, change: Change, at: u64) {
    let (id, event) = (change.intent, change.event.clone());
    journal.record(&[change], at).unwrap();
    tally.hear(journal, id, &event, at).unwrap();
}

/// A day of events: the figures of whoever heard them, and those of whoever reads the journal afterwards, are the same.
#[test]
fn what_was_paid_is_read_from_the_journal_by_the_next_process() {
    let (_dir, mut journal) = journal();
    for (number, value) in [(1, 0), (2, 500), (3, 0)] {
        add(&journal, number, value);
    }
    let mut tally = Tally::begin(&journal, NOON).unwrap();
    let of = |number: u8, event| Change::of(B256::repeat_byte(number), event);
    let mut at = |change, at| happen(&mut journal, &mut tally, change, at);
    // Yesterday.
    at(signed(3, 0, 0xb0), NOON - DAY);
    at(of(3, Event::Broadcast { hash: B256::repeat_byte(0xb0) }), NOON - DAY);
    at(of(3, Event::Mined(mined(0xb0, 4, 7777))), NOON - DAY);
    // Today: one is replaced, mined, reorganised, mined again; one is on its way.
    at(signed(1, 1, 0xa1), NOON);
    at(of(1, Event::Broadcast { hash: B256::repeat_byte(0xa1) }), NOON);
    at(of(1, Event::Told { hash: B256::repeat_byte(0xa1), words: "replacement underpriced".into() }), NOON);
    at(signed(1, 1, 0xa2), NOON);
    at(of(1, Event::Broadcast { hash: B256::repeat_byte(0xa2) }), NOON + 1);
    at(of(1, Event::Mined(mined(0xa2, 5, 300))), NOON + 2);
    at(of(1, Event::Reorged { block: mined(0xa2, 5, 0).block }), NOON + 3);
    at(of(1, Event::Mined(mined(0xa2, 6, 400))), NOON + 4);
    at(of(1, Event::Confirmed(mined(0xa2, 6, 400))), NOON + 20_000);
    at(signed(2, 2, 0xa3), NOON + 20_001);

    let counters = tally.counters();
    assert_eq!((counters.signed, counters.replacements, counters.mined, counters.reorged), (4, 1, 3, 1));
    assert_eq!(counters.refusals, BTreeMap::from([("underpriced".to_owned(), 1)]));
    assert_eq!((counters.latency.count, counters.latency.sum), (1, 20));
    let again = Tally::begin(&journal, NOON + 30_000).unwrap();
    for tally in [&tally, &again] {
        assert_eq!(tally.paid_on(NOON), U256::from(400));
        assert_eq!(tally.brought(B256::ZERO), U256::from(500));
        assert_eq!(tally.brought(B256::repeat_byte(2)), U256::ZERO);
        assert_eq!(tally.paid_on(NOON + DAY), U256::ZERO);
    }
    assert_eq!(tally.paid_on(NOON - DAY), U256::from(7777));
    assert_eq!(tally.gas(Kind::Proof, MODEL).map(|gas| gas.of(1)), Some(90));

    // What ended is on its way no more.
    let mut at = |change, at| happen(&mut journal, &mut tally, change, at);
    at(of(1, Event::Finalized(mined(0xa2, 6, 400))), NOON + 30_000);
    at(of(2, Event::Released { nonce: 2, why: "it is used".into() }), NOON + 30_001);
    at(of(2, Event::Failed(Reason::Deadline { deadline: 1 })), NOON + 30_002);
    assert_eq!(tally.brought(B256::ZERO), U256::ZERO);
    assert_eq!(tally.counters().failed, BTreeMap::from([("deadline".to_owned(), 1)]));
    assert_eq!(Tally::begin(&journal, NOON).unwrap().gas(Kind::Proof, MODEL).map(|gas| gas.of(1)), Some(90));
}
