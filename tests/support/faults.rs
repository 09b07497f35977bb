//! A node that fails at random, by a seed: what proxies, providers and nodes do to those who send transactions.
//!
//! The faults that are drawn depend on the seed and on the order in which requests come, which is that of a real process: the
//! same seed is the same weather, not the same second.

use crate::proxy::{Action, Proxy};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A generator of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not zero.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Whether one in a hundred chances comes, `percent` times.
    pub(crate) const fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// How often what goes wrong, in percent of the requests that it can go wrong with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Closed before the node hears of it.
    pub(crate) drops: u64,
    /// Heard by the node, and the answer lost.
    pub(crate) losses: u64,
    /// Late, by up to 80 ms.
    pub(crate) delays: u64,
    /// Transactions that the node hears twice.
    pub(crate) duplicates: u64,
    /// 429, 502 and 503.
    pub(crate) limits: u64,
    /// Receipts that are not there yet, nonces and blocks of before.
    pub(crate) stale: u64,
    /// Receipts of blocks that no chain has.
    pub(crate) phantoms: u64,
    /// Transactions that are taken, with an error as the answer.
    pub(crate) misleading: u64,
    /// Everything that decides is a lie.
    pub(crate) lies: bool,
}

impl Weather {
    /// All faults that a single endpoint may have without anybody to contradict it, as often as the seed says.
    pub(crate) const fn draw(random: &mut Random) -> Self {
        Self {
            drops: random.below(12),
            losses: random.below(12),
            delays: random.below(15),
            duplicates: random.below(30),
            limits: random.below(12),
            stale: random.below(15),
            phantoms: random.below(30),
            misleading: random.below(30),
            lies: false,
        }
    }

    pub(crate) const fn liar() -> Self {
        Self {
            drops: 0,
            losses: 0,
            delays: 0,
            duplicates: 0,
            limits: 0,
            stale: 0,
            phantoms: 0,
            misleading: 0,
            lies: true,
        }
    }
}

/// What the proxy did.
pub(crate) type Counts = Arc<Mutex<BTreeMap<&'static str, usize>>>;

/// Gives a proxy this weather.
pub(crate) fn spoil(proxy: &Proxy, weather: Weather, seed: u64) -> Counts {
    let (random, counts) = (Mutex::new(Random::new(seed)), Counts::default());
    let shared = counts.clone();
    proxy.on_all(move |method, parameters| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, action) = act(&weather, &mut random, method, parameters);
        if let Some(name) = name {
            *shared.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
        action
    });
    counts
}

fn act(weather: &Weather, random: &mut Random, method: &str, parameters: &Value) -> (Option<&'static str>, Action) {
    // The chain is found out once, before anything else: it is no part of the weather.
    if method == "eth_chainId" {
        return (None, Action::Forward);
    }
    if weather.lies {
        return lie(random, method, parameters);
    }
    if random.happens(weather.drops) {
        return (Some("dropped"), Action::Close);
    }
    if random.happens(weather.losses) {
        return (Some("answer lost"), Action::ForwardAndClose);
    }
    if random.happens(weather.limits) {
        let action = match random.below(3) {
            0 => Action::Status(429, "Retry-After: 0".into()),
            1 => Action::Status(503, String::new()),
            _ => Action::Error(-32005, "daily request count exceeded, request rate limited".into()),
        };
        return (Some("limited"), action);
    }
    if method == "eth_sendRawTransaction" {
        if random.happens(weather.duplicates) {
            return (Some("sent twice"), Action::Twice);
        }
        if random.happens(weather.misleading) {
            let words =
                ["already known", "AlreadyKnown", "Known transaction", "nonce too low", "txpool is full", "odd words"];
            return (Some("taken with an error"), Action::ForwardAndError(-32000, (*random.pick(&words)).into()));
        }
    }
    if method == "eth_getTransactionReceipt" {
        if random.happens(weather.phantoms) {
            return (Some("phantom receipt"), Action::Alter(phantom));
        }
        if random.happens(weather.stale) {
            return (Some("stale"), Action::Answer(Value::Null));
        }
    }
    if method == "eth_getTransactionCount" && random.happens(weather.stale) {
        return (Some("stale"), Action::Alter(one_less));
    }
    if random.happens(weather.delays) {
        let delay = Duration::from_millis(random.below(80));
        return (Some("delayed"), Action::After(delay, Box::new(Action::Forward)));
    }
    (None, Action::Forward)
}

/// One among several that says whatever costs the most.
fn lie(random: &mut Random, method: &str, parameters: &Value) -> (Option<&'static str>, Action) {
    let lie = |action| (Some("lie"), action);
    match method {
        "eth_sendRawTransaction" => lie(Action::Answer(json!(format!("0x{:064x}", random.next())))),
        "eth_getTransactionReceipt" => {
            lie(if random.happens(50) { Action::Answer(invented(&parameters[0])) } else { Action::Answer(Value::Null) })
        }
        "eth_getTransactionCount" => lie(Action::Alter(three_more)),
        "eth_call" => lie(Action::Answer(json!(format!("0x{:064x}", 1)))),
        "eth_maxPriorityFeePerGas" | "eth_gasPrice" => lie(Action::Answer(json!("0xe8d4a51000"))),
        "eth_getBalance" => lie(Action::Answer(json!("0x0"))),
        _ => (None, Action::Forward),
    }
}

/// A receipt of success for anything that is asked about.
fn invented(hash: &Value) -> Value {
    json!({ "transactionHash": hash, "transactionIndex": "0x0", "blockHash": format!("0x{}", "ab".repeat(32)),
            "blockNumber": "0x1", "from": format!("0x{}", "11".repeat(20)), "to": format!("0x{}", "22".repeat(20)),
            "cumulativeGasUsed": "0x5208", "gasUsed": "0x5208", "effectiveGasPrice": "0x1", "logs": [], "type": "0x2",
            "logsBloom": format!("0x{}", "00".repeat(256)), "status": "0x1", "contractAddress": null })
}

fn phantom(receipt: &mut Value) {
    if receipt.is_object() {
        receipt["blockHash"] = json!(format!("0x{}", "cd".repeat(32)));
    }
}

fn one_less(count: &mut Value) {
    change(count, |count| count.saturating_sub(1));
}

fn three_more(count: &mut Value) {
    change(count, |count| count + 3);
}

fn change(number: &mut Value, change: impl Fn(u64) -> u64) {
    let read = number.as_str().and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    if let Some(read) = read {
        *number = json!(format!("{:#x}", change(read)));
    }
}
