//! How an endpoint does, and whether it is asked now.
//!
//! An endpoint that fails rests, twice as long each time, or as long as it says itself (Retry-After). It is asked again when it
//! has rested: one success, and all is forgotten. Time is given from outside, so that tests need none.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The longest rest, whatever the endpoint asks for: limits are lifted, machines are repaired.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// Failures in a row after which an endpoint is called down.
const DOWN: u32 = 3;
/// The weight of the latest answer's time in the average, one in so many.
const WEIGHT: u32 = 8;

/// The kind of failure of an endpoint that does not want to be asked now.
pub(super) const LIMITED: &str = "limited";

/// The state of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    failures: u32,
    rests_until: Option<Instant>,
    lingers_until: Option<Instant>,
    head: Option<u64>,
    latency: Option<Duration>,
    counts: Counts,
    errors: BTreeMap<&'static str, u64>,
    last_error: Option<String>,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that were made.
    pub requests: u64,
    /// Requests that failed: no answer, or one that is none.
    pub failures: u64,
    /// Answers that it was too busy for (429 and the like).
    pub limited: u64,
    /// Answers that enough of the others contradicted.
    pub contradicted: u64,
}

/// An endpoint as the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Whether it answers: not after several failures in a row.
    pub is_up: bool,
    /// Whether it is asked now, and its answers are waited for: not while it rests after a failure, nor for a while after it kept the
    /// others waiting.
    pub is_used: bool,
    /// The latest block that it named.
    pub head: Option<u64>,
    /// How many blocks it is behind the highest of all.
    pub lag: Option<u64>,
    /// The time of an answer in milliseconds, averaged over the latest ones.
    pub latency_ms: Option<u64>,
    /// Seconds until it is asked again, when it rests.
    pub rests_s: Option<u64>,
    /// What was counted since the start.
    #[serde(flatten)]
    pub counts: Counts,
    /// Failures by their kind: `unreachable`, `limited`, `http_status`, `behind`, `pruned`, `bad_answer`, `wrong_chain`.
    pub errors: BTreeMap<String, u64>,
    /// Why it failed the last time, without secrets.
    pub last_error: Option<String>,
}

impl Health {
    /// An answer came, whatever it says.
    pub(super) fn answered(&mut self, took: Duration) {
        self.counts.requests += 1;
        (self.failures, self.rests_until) = (0, None);
        self.latency = Some(match self.latency {
            Some(average) => (average * (WEIGHT - 1) + took) / WEIGHT,
            None => took,
        });
    }

    /// None came, or none that is one. It rests as long as a first failure takes, doubled for each one before, or as long as it
    /// asked for.
    pub(super) fn failed(&mut self, now: Instant, error: &str, kind: &'static str, rest: (Duration, Option<Duration>)) {
        self.counts.requests += 1;
        self.counts.failures += 1;
        self.counts.limited += u64::from(kind == LIMITED);
        *self.errors.entry(kind).or_default() += 1;
        self.failures = self.failures.saturating_add(1);
        let (first, wanted) = rest;
        let own = first.saturating_mul(1 << (self.failures - 1).min(16));
        let rest = wanted.unwrap_or(Duration::ZERO).max(own).min(LONGEST_REST);
        self.rests_until = Some(now + rest);
        self.last_error = Some(error.to_owned());
    }

    /// It had not answered when the others had been waited for: for a while it is waited for when it is needed only.
    pub(super) fn lingered(&mut self, now: Instant, spared: Duration) {
        self.lingers_until = Some(now + spared);
    }

    pub(super) fn lingers(&self, now: Instant) -> bool {
        self.lingers_until.is_some_and(|until| until > now)
    }

    /// Enough of the others said something else.
    pub(super) const fn contradicted(&mut self) {
        self.counts.contradicted += 1;
    }

    pub(super) fn saw(&mut self, head: u64) {
        self.head = Some(head);
    }

    pub(super) const fn head(&self) -> Option<u64> {
        self.head
    }

    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    fn lag(&self, highest: Option<u64>) -> Option<u64> {
        Some(highest?.saturating_sub(self.head?))
    }

    pub(super) fn status(&self, endpoint: &str, now: Instant, highest: Option<u64>) -> EndpointStatus {
        let rest = self.rests_until.and_then(|until| until.checked_duration_since(now));
        EndpointStatus {
            endpoint: endpoint.to_owned(),
            is_up: self.failures < DOWN,
            is_used: rest.is_none_or(|rest| rest.is_zero()) && !self.lingers(now),
            head: self.head,
            lag: self.lag(highest),
            latency_ms: self.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            rests_s: rest.map(|rest| rest.as_secs_f64().ceil() as u64),
            counts: self.counts,
            errors: self.errors.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
            last_error: self.last_error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn who_fails_rests_twice_as_long_each_time_and_one_answer_ends_it() {
        let (mut health, now) = (Health::default(), Instant::now());
        for rest in [250, 500, 1000, 2000] {
            health.failed(now, "gone", "unreachable", (ms(250), None));
            assert!(health.rests(now + ms(rest - 1)) && !health.rests(now + ms(rest)), "{rest}");
        }
        let down = health.status("e", now, None);
        assert!(!down.is_up && !down.is_used && down.errors == BTreeMap::from([("unreachable".to_owned(), 4)]));
        for _ in 0..40 {
            health.failed(now, "gone", "unreachable", (ms(250), None));
        }
        assert!(!health.rests(now + LONGEST_REST), "it is asked again all the same");
        health.answered(ms(1));
        let up = health.status("e", now, None);
        assert!(!health.rests(now) && up.is_up && up.is_used);
        health.lingered(now, ms(100));
        assert!(!health.status("e", now, None).is_used && health.status("e", now + ms(100), None).is_used);
        health.failed(now, "gone", "unreachable", (ms(250), None));
        assert!(!health.rests(now + ms(250)), "earlier failures are forgotten");
    }

    #[test]
    fn who_says_how_long_is_left_alone_so_long_within_reason() {
        let (mut health, now) = (Health::default(), Instant::now());
        health.failed(now, "HTTP status 429", LIMITED, (ms(250), Some(ms(7000))));
        assert!(health.rests(now + ms(6999)) && !health.rests(now + ms(7000)));
        health.failed(now, "HTTP status 429", LIMITED, (ms(250), Some(Duration::from_secs(86_400))));
        assert!(!health.rests(now + LONGEST_REST));
        let counts = health.status("e", now, None).counts;
        assert_eq!((counts.requests, counts.failures, counts.limited), (2, 2, 2));
    }
}
