//! Asking several endpoints at once.

use super::{
    health::{EndpointStatus, Health},
    source::{Fault, Source, fault, kind},
};
use crate::chain::ChainError;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{Instant as Clock, timeout, timeout_at},
};

/// How endpoints are waited for, and left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// The longest that one endpoint is waited for.
    pub answer: Duration,
    /// How long the others are waited for when enough have answered: their votes still help, and a liar is noticed.
    pub grace: Duration,
    /// The rest after a first failure; each further one is twice as long.
    pub rest: Duration,
    /// How long one that kept the others waiting is not waited for when it is not needed.
    pub spared: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { answer: ms(20_000), grace: ms(300), rest: ms(250), spared: ms(30_000) }
    }
}

/// An endpoint and how it does.
#[derive(Debug)]
struct Member<S> {
    source: S,
    name: String,
    health: Mutex<Health>,
}

/// Endpoints that are asked together. Clones share their health.
#[derive(Debug)]
pub(super) struct Members<S> {
    all: Arc<[Member<S>]>,
    quorum: usize,
    manners: Manners,
}

/// What endpoints answered, each with its place.
#[derive(Debug)]
pub(super) struct Answers<T> {
    pub(super) good: Vec<(usize, T)>,
    /// Contracts that refuse, calls that cannot be paid for.
    pub(super) refusals: Vec<(usize, ChainError)>,
    /// Endpoints that failed.
    pub(super) failures: Vec<ChainError>,
}

impl<S> Clone for Members<S> {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), quorum: self.quorum, manners: self.manners }
    }
}

impl<S: Source> Members<S> {
    pub(super) fn new(sources: Vec<S>, quorum: usize) -> Self {
        // Two of one host, whose secret parts differ, have two names all the same.
        let mut names = BTreeMap::<String, usize>::new();
        let member = |source: S| {
            let count = names.entry(source.name()).or_default();
            *count += 1;
            let name = if *count == 1 { source.name() } else { format!("{} ({count})", source.name()) };
            Member { name, source, health: Mutex::default() }
        };
        Self { all: sources.into_iter().map(member).collect(), quorum, manners: Manners::default() }
    }

    pub(super) const fn set_manners(&mut self, manners: Manners) {
        self.manners = manners;
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) const fn quorum(&self) -> usize {
        self.quorum
    }

    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        let (now, highest) = (Instant::now(), self.highest());
        self.all.iter().map(|member| member.health().status(&member.name, now, highest)).collect()
    }

    pub(super) fn saw(&self, heads: impl Iterator<Item = (usize, u64)>) {
        for (at, head) in heads {
            if let Some(member) = self.all.get(at) {
                member.health().saw(head);
            }
        }
    }

    /// Enough of the others said something else.
    pub(super) fn contradicted(&self, what: &str, who: &[usize]) {
        for member in who.iter().filter_map(|at| self.all.get(*at)) {
            member.health().contradicted();
            tracing::warn!(endpoint = member.name, what, "the other endpoints say something else");
        }
    }

    fn highest(&self) -> Option<u64> {
        self.all.iter().filter_map(|member| member.health().head()).max()
    }

    /// Those to ask now: who failed rests.
    fn awake(&self) -> Vec<usize> {
        let now = Instant::now();
        let members = self.all.iter().enumerate();
        members.filter(|(_, member)| !member.health().rests(now)).map(|(at, _)| at).collect()
    }

    /// Asks all that can be asked, waits until their answers are enough, and then shortly for the rest. Who kept the others
    /// waiting before is waited for only while the answers are not enough.
    pub(super) async fn gather<T, F>(
        &self,
        what: &str,
        request: impl Fn(S) -> F,
        is_enough: impl Fn(&[(usize, T)]) -> bool,
    ) -> Answers<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChainError>> + Send + 'static,
    {
        let mut open = self.awake();
        let mut answers = Answers { good: Vec::new(), refusals: Vec::new(), failures: Vec::new() };
        let (mut heard, mut until) = (self.ask(what, &open, request), None);
        let lingers = |at: &usize| self.all.get(*at).is_none_or(|member| member.health().lingers(Instant::now()));
        while !(open.is_empty() || until.is_some() && open.iter().all(lingers)) {
            let next = match until {
                Some(until) => timeout_at(until, heard.recv()).await.ok().flatten(),
                None => heard.recv().await,
            };
            let Some((at, answer)) = next else { break };
            open.retain(|other| *other != at);
            match answer {
                Ok(answer) => answers.good.push((at, answer)),
                Err(error) if fault(&error) == Fault::None => answers.refusals.push((at, error)),
                Err(error) => answers.failures.push(error),
            }
            if until.is_none() && (answers.refusals.len() >= self.quorum || is_enough(&answers.good)) {
                until = Some(Clock::now() + self.manners.grace);
            }
        }
        for member in open.iter().filter_map(|at| self.all.get(*at)) {
            member.health().lingered(Instant::now(), self.manners.spared);
        }
        // In the order of the endpoints, whoever was the first.
        answers.good.sort_by_key(|(at, _)| *at);
        answers
    }

    /// The first answer that comes with this property, or all of them. Nobody is interrupted: who was asked goes on, as with a
    /// transaction that was handed over.
    pub(super) async fn race<T, F>(
        &self,
        what: &str,
        request: impl Fn(S) -> F,
        is_enough: impl Fn(&T) -> bool,
    ) -> Vec<(usize, Result<T, ChainError>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChainError>> + Send + 'static,
    {
        let mut heard = self.ask(what, &self.awake(), request);
        let mut answers = Vec::new();
        while let Some((at, answer)) = heard.recv().await {
            let is_last = answer.as_ref().is_ok_and(&is_enough);
            answers.push((at, answer));
            if is_last {
                break;
            }
        }
        answers
    }

    /// Asks these endpoints, each in a task of its own that keeps its books whether somebody still listens or not.
    fn ask<T, F>(
        &self,
        what: &str,
        whom: &[usize],
        request: impl Fn(S) -> F,
    ) -> mpsc::UnboundedReceiver<(usize, Result<T, ChainError>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChainError>> + Send + 'static,
    {
        let ((tell, heard), manners) = (mpsc::unbounded_channel(), self.manners);
        for &at in whom {
            let Some(member) = self.all.get(at) else { continue };
            let (asked, tell, all, what) =
                (request(member.source.clone()), tell.clone(), self.all.clone(), what.to_owned());
            tokio::spawn(async move {
                let begun = Instant::now();
                let answer = timeout(manners.answer, asked).await;
                let Some(member) = all.get(at) else { return };
                let answer = answer.unwrap_or_else(|_| {
                    let reason = format!("no answer about {what} in {} s", manners.answer.as_secs());
                    Err(ChainError::Unreachable { endpoint: member.name.clone(), reason })
                });
                member.note(&answer, begun.elapsed(), manners.rest);
                // Whoever asked may have heard enough.
                let _ = tell.send((at, answer));
            });
        }
        heard
    }
}

impl<S: Source> Member<S> {
    fn note<T>(&self, answer: &Result<T, ChainError>, took: Duration, rest: Duration) {
        let fault = answer.as_ref().err().map_or(Fault::None, fault);
        let mut health = self.health();
        match answer {
            Err(error) if fault != Fault::None => {
                tracing::debug!(endpoint = self.name, %error, "the endpoint failed");
                health.failed(Instant::now(), &error.to_string(), kind(error), (rest, self.source.pause()));
            }
            _ => health.answered(took),
        }
    }
}

impl<S> Member<S> {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
