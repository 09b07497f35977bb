//! How a submitter stands as Prometheus reads it: the text exposition format, version 0.0.4.
//!
//! Amounts are in wei, which a floating-point number holds to 16 digits: enough to watch, and what is exact stands in the JSON.

use super::{
    EndpointStatus, Phase,
    status::Status,
    tally::{Histogram, LATENCY_BOUNDS},
};
use std::fmt::{Display, Write};

/// As HTTP has the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text.
#[must_use]
pub fn render(status: &Status) -> String {
    let mut text = Text(String::with_capacity(8 * 1024));
    let up = status.live.as_ref().is_some_and(|live| live.head.is_some());
    text.one("up", "gauge", "Whether the submitter runs and the chain answers.", u8::from(up));
    text.one("well", "gauge", "Whether nothing is held and there is no alarm.", u8::from(status.is_well()));
    text.one(
        "paused",
        "gauge",
        "Whether nothing is signed, as the operator wants it.",
        u8::from(status.controls.is_paused),
    );
    text.one("draining", "gauge", "Whether nothing new is begun.", u8::from(status.controls.is_draining));
    text.one(
        "held",
        "gauge",
        "Whether nothing is sent until the operator saw to something.",
        u8::from(status.controls.hold.is_some()),
    );
    text.family("intents", "gauge", "Intents by state.");
    for phase in Phase::ALL {
        text.labelled("intents", "state", phase.name(), status.count(phase));
    }
    let pending: u64 = Phase::ALL.into_iter().filter(|phase| phase.is_open()).map(|phase| status.count(phase)).sum();
    text.one("pending", "gauge", "Intents that have not ended.", pending);
    let oldest = status.open.iter().map(|line| line.planned_at).min();
    let age = oldest.map_or(0, |oldest| status.at.saturating_sub(oldest) / 1000);
    text.one("oldest_pending_seconds", "gauge", "How long the oldest of them has waited.", age);
    let nonce = status.open.iter().filter_map(|line| line.nonce).max();
    if let Some(nonce) = nonce {
        text.one("nonce", "gauge", "The highest nonce of those that are listed.", nonce);
    }
    live(&mut text, status);
    text.0
}

fn live(text: &mut Text, status: &Status) {
    let Some(live) = &status.live else { return };
    text.one("last_step_timestamp_seconds", "gauge", "When the last step ended.", live.at / 1000);
    if let Some(head) = live.head {
        text.one("head", "gauge", "The latest block.", head);
    }
    if let Some(balance) = live.balance {
        text.one("balance_wei", "gauge", "What the account has.", balance);
    }
    if let Some(price) = live.base_fee {
        text.one("base_fee_wei", "gauge", "The base fee for a unit of gas.", price);
    }
    text.one("paid_today_wei", "gauge", "What was paid in this day of UTC.", live.paid_today);
    if let Some(limit) = live.per_day {
        text.one("budget_per_day_wei", "gauge", "What may be paid in a day.", limit);
    }
    let counters = &live.counters;
    for (name, help, number) in [
        ("transactions_signed_total", "Transactions that were signed.", counters.signed),
        ("replacements_total", "Transactions that took the place of a cheaper one.", counters.replacements),
        ("undos_total", "Transactions that took an intent back.", counters.undos),
        ("transactions_mined_total", "Transactions in blocks.", counters.mined),
        ("transactions_reverted_total", "Transactions that reverted in a block.", counters.reverted),
        ("reorgs_total", "Transactions whose block left the chain.", counters.reorged),
        ("statements_total", "Statements that were put into blocks.", counters.statements),
        ("gas_saved_total", "Gas that going together has saved.", counters.gas_saved),
    ] {
        text.one(name, "counter", help, number);
    }
    text.one("paid_wei_total", "counter", "What was paid for gas and L1 data.", counters.paid);
    text.one("saved_wei_total", "counter", "What going together has saved.", counters.saved);
    text.many(
        "broadcast_refusals_total",
        "What nodes said instead of taking a transaction.",
        "class",
        &counters.refusals,
    );
    text.many("intents_ended_total", "Intents that ended, by how.", "how", &counters.ended);
    text.many("intents_failed_total", "Intents that failed, by the reason.", "reason", &counters.failed);
    text.histogram("confirmation_seconds", "From the first broadcast to confirmation.", &counters.latency);
    if let Some(standing) = &live.standing {
        text.one("claims_open", "gauge", "Claims and batches that can still be challenged, or ended.", standing.open);
        text.one("challenges_open", "gauge", "Challenges that wait for an answer.", standing.challenged);
        text.one(
            "claims_lost",
            "gauge",
            "Claims and batches with a challenge that was not answered in time.",
            standing.lost.len(),
        );
        text.one("bonded_wei", "gauge", "What the registry holds as bonds of the account.", standing.bonded);
        text.one("credit_wei", "gauge", "What the registry owes the account.", standing.credit);
        if let Some(until) = standing.answer_by {
            text.one("answer_by_timestamp_seconds", "gauge", "The first last second for an answer.", until);
        }
    }
    let waiting: usize = live.waiting.iter().map(|group| group.count).sum();
    text.one("statements_waiting", "gauge", "Statements that wait for others to go with.", waiting);
    endpoints(text, &live.endpoints);
    text.family("alarm", "gauge", "What the operator should see to, by the names of the runbook.");
    let mut names: Vec<&str> = live.alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        text.labelled("alarm", "name", name, 1);
    }
}

/// How each node does.
fn endpoints(text: &mut Text, all: &[EndpointStatus]) {
    type Number = fn(&EndpointStatus) -> Option<u64>;
    let families: [(&str, &str, &str, Number); 9] = [
        ("endpoint_up", "gauge", "Whether a node answers.", |node| Some(node.is_up.into())),
        ("endpoint_used", "gauge", "Whether a node is asked now.", |node| Some(node.is_used.into())),
        ("endpoint_head", "gauge", "The latest block that a node named.", |node| node.head),
        ("endpoint_lag_blocks", "gauge", "How many blocks a node is behind the highest.", |node| node.lag),
        ("endpoint_latency_ms", "gauge", "The time of an answer, averaged over the latest.", |node| node.latency_ms),
        ("endpoint_rests_seconds", "gauge", "How long a node is left alone.", |node| Some(node.rests_s.unwrap_or(0))),
        ("endpoint_requests_total", "counter", "Requests to a node.", |node| Some(node.counts.requests)),
        ("endpoint_failures_total", "counter", "Requests that a node failed.", |node| Some(node.counts.failures)),
        ("endpoint_contradicted_total", "counter", "Answers that enough of the others contradicted.", |node| {
            Some(node.counts.contradicted)
        }),
    ];
    for (name, kind, help, number) in families {
        text.family(name, kind, help);
        for endpoint in all {
            if let Some(number) = number(endpoint) {
                text.labelled(name, "endpoint", &endpoint.endpoint, number);
            }
        }
    }
    text.family("endpoint_errors_total", "counter", "Failures of a node, by their kind.");
    for endpoint in all {
        for (kind, count) in &endpoint.errors {
            text.labels("endpoint_errors_total", &[("endpoint", &endpoint.endpoint), ("kind", kind)], count);
        }
    }
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP zkinfer_submitter_{name} {help}"));
        self.line(format_args!("# TYPE zkinfer_submitter_{name} {kind}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.line(format_args!("zkinfer_submitter_{name} {value}"));
    }

    fn labelled(&mut self, name: &str, label: &str, of: &str, value: impl Display) {
        self.labels(name, &[(label, of)], value);
    }

    fn labels(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped = |of: &str| of.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<_> = labels.iter().map(|(label, of)| format!("{label}=\"{}\"", escaped(of))).collect();
        self.line(format_args!("zkinfer_submitter_{name}{{{}}} {value}", labels.join(",")));
    }

    fn many<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a String, &'a u64)>,
    ) {
        self.family(name, "counter", help);
        for (of, value) in values {
            self.labelled(name, label, of, value);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, of: &Histogram) {
        self.family(name, "histogram", help);
        let mut sum = 0;
        for (bound, count) in LATENCY_BOUNDS.iter().zip(&of.buckets) {
            sum += count;
            self.labelled(&format!("{name}_bucket"), "le", &bound.to_string(), sum);
        }
        self.labelled(&format!("{name}_bucket"), "le", "+Inf", of.count);
        self.line(format_args!("zkinfer_submitter_{name}_sum {}", of.sum));
        self.line(format_args!("zkinfer_submitter_{name}_count {}", of.count));
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::submitter::{
        Controls, EndpointCounts,
        status::{Live, Notice},
        watchtower::Standing,
    };
    use alloy::primitives::U256;
    use std::collections::{BTreeMap, BTreeSet};

    fn status() -> Status {
        let mut live =
            Live { at: 5000, head: Some(7), balance: Some(U256::from(10).pow(U256::from(18))), ..Live::default() };
        live.counters.failed = BTreeMap::from([("deadline".to_owned(), 2)]);
        live.counters.latency.buckets[1] = 3;
        (live.counters.latency.count, live.counters.latency.sum) = (4, 5000);
        live.standing = Some(Standing { challenged: 1, answer_by: Some(99), ..Standing::default() });
        let endpoint = "http://127.0.0.1:1 \"x\"\\\n".to_owned();
        let counts = EndpointCounts { requests: 9, failures: 3, limited: 1, contradicted: 2 };
        let errors = BTreeMap::from([("limited".to_owned(), 1), ("unreachable".to_owned(), 2)]);
        let other =
            EndpointStatus { endpoint: "http://other:1".into(), is_up: false, rests_s: Some(4), ..Default::default() };
        let (head, lag, latency_ms) = (Some(7), Some(2), Some(31));
        let odd = EndpointStatus {
            endpoint,
            is_up: true,
            is_used: true,
            head,
            lag,
            latency_ms,
            counts,
            errors,
            ..Default::default()
        };
        live.endpoints = vec![odd, other];
        let alarm = |name: &str| Notice { name: name.into(), sentence: "see to it".into() };
        live.alarms = vec![alarm("balance"), alarm("stuck"), alarm("balance")];
        Status {
            owner: None,
            at: 5000,
            controls: Controls::default(),
            intents: BTreeMap::from([("planned", 3), ("finalized", 5)]),
            open: vec![],
            failed: vec![],
            live: Some(live),
        }
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let text = render(&status());
        let (mut declared, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap();
                assert!(declared.insert(name.to_owned()), "{name} is declared twice");
                continue;
            }
            if line.starts_with('#') {
                continue;
            }
            assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line} is there twice");
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(declared.contains(name) || declared.contains(family), "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
        for line in [
            "zkinfer_submitter_pending 3",
            "zkinfer_submitter_balance_wei 1000000000000000000",
            "zkinfer_submitter_intents{state=\"finalized\"} 5",
            "zkinfer_submitter_intents_failed_total{reason=\"deadline\"} 2",
            "zkinfer_submitter_confirmation_seconds_bucket{le=\"2\"} 0",
            "zkinfer_submitter_confirmation_seconds_bucket{le=\"15\"} 3",
            "zkinfer_submitter_confirmation_seconds_bucket{le=\"+Inf\"} 4",
            "zkinfer_submitter_endpoint_up{endpoint=\"http://127.0.0.1:1 \\\"x\\\"\\\\\\n\"} 1",
            "zkinfer_submitter_endpoint_up{endpoint=\"http://other:1\"} 0",
            "zkinfer_submitter_endpoint_used{endpoint=\"http://other:1\"} 0",
            "zkinfer_submitter_endpoint_rests_seconds{endpoint=\"http://other:1\"} 4",
            "zkinfer_submitter_endpoint_lag_blocks{endpoint=\"http://127.0.0.1:1 \\\"x\\\"\\\\\\n\"} 2",
            "zkinfer_submitter_endpoint_latency_ms{endpoint=\"http://127.0.0.1:1 \\\"x\\\"\\\\\\n\"} 31",
            "zkinfer_submitter_endpoint_contradicted_total{endpoint=\"http://127.0.0.1:1 \\\"x\\\"\\\\\\n\"} 2",
            "zkinfer_submitter_endpoint_errors_total{endpoint=\"http://127.0.0.1:1 \\\"x\\\"\\\\\\n\",kind=\"limited\"} 1",
            "zkinfer_submitter_alarm{name=\"balance\"} 1",
            "zkinfer_submitter_well 0",
            "zkinfer_submitter_up 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_submitter_that_does_not_run_is_not_up() {
        let text = render(&Status { live: None, ..status() });
        assert!(text.contains("zkinfer_submitter_up 0") && !text.contains("balance"), "{text}");
    }
}
