//! From files to intents: what lies in a folder is put together as the policy says, made for the chain, kept, and added to the journal.
//!
//! ```text
//! <folder>/a.bundle.json      a bundle of one inference, made for no chain; put there whole (written elsewhere, then renamed)
//! <folder>/a.order.toml       job, consumer, again: what is ordered for it, if anything
//! <folder>/a.openings.json    what opens what it hides
//! <folder>/plans/<id>.json    what was decided, until its intent is in the journal
//! <folder>/taken/             what is in the journal; <key>.json says as what
//! <folder>/refused/           what cannot be done, each with its reason
//! ```
//!
//! A decision is on the disk before anything is made of it, with the deadline that its statements have, so that a process that dies
//! anywhere makes the same statements again, and the journal takes the same intent once. What was submitted before is not submitted
//! again because its file is there again.

mod error;
mod item;
mod make;
mod plan;
#[cfg(test)]
mod tests;

pub use error::IntakeError;
pub use item::{Item, Order};
pub use make::Where;
pub use plan::{Part, Plan};

use super::{
    Intent, Journal, Kind,
    batcher::{Decision, GasUse, Hold, Market, Waiting, decide},
    policy::{Assurance, Grouping, Policy, Treatment},
    prover::{Prover, ProverError},
    status::WaitingGroup,
};
use crate::{
    chain::{ChainError, Outbox},
    proof::bundle::BackendName,
    storage::{ContentStore, write_atomic},
};
use alloy::primitives::{Address, B256};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// After how many seconds a file that cannot be read is taken for whole.
const SETTLED: u64 = 10;
/// How many seconds what could not be made is left alone.
const PAUSE: u64 = 30;
/// How many decisions are made in one step.
const DECISIONS: usize = 256;

/// Whether a model has a business on the chain: registered, with code of this release, and no TEST powers on a chain that is worth
/// something. Asked once for each model. Blocks.
pub trait Gate: Send + Sync {
    /// # Errors
    /// [`ChainError`]: nothing of the model is taken.
    fn admit(&self, model_id: B256) -> Result<(), ChainError>;
}

/// Takes what lies in a folder.
pub struct Intake {
    folder: PathBuf,
    place: Where,
    policy: Arc<Policy>,
    prover: Arc<dyn Prover>,
    outbox: Outbox,
    stores: Vec<Box<dyn ContentStore>>,
    gate: Arc<dyn Gate>,
    items: BTreeMap<String, Item>,
    admitted: BTreeSet<B256>,
    /// What could not be made, and until when it is left alone, in seconds of the chain.
    resting: HashMap<B256, u64>,
}

/// What a step took, and what it left.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// What was added to the journal.
    pub added: Vec<B256>,
    /// What waits for others.
    pub waiting: Vec<WaitingGroup>,
    /// What was refused: the file, and why.
    pub refused: Vec<(String, String)>,
    /// What cannot be done now, in sentences.
    pub troubles: Vec<String>,
}

/// What goes together.
type Group = (B256, Address, &'static str, &'static str);

impl Intake {
    /// For a folder, which is made.
    ///
    /// # Errors
    /// [`IntakeError::Io`].
    pub fn open(
        folder: &Path,
        place: Where,
        policy: Arc<Policy>,
        prover: Arc<dyn Prover>,
        outbox: Outbox,
        stores: Vec<Box<dyn ContentStore>>,
        gate: Arc<dyn Gate>,
    ) -> Result<Self, IntakeError> {
        for name in ["plans", "taken", "refused"] {
            let path = folder.join(name);
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|error| IntakeError::io(&path, &error))?;
        }
        let (items, admitted, resting) = (BTreeMap::new(), BTreeSet::new(), HashMap::new());
        Ok(Self { folder: folder.into(), place, policy, prover, outbox, stores, gate, items, admitted, resting })
    }

    /// One step. Proves, and blocks for as long as that takes. `gas`: what is known of the gas of a kind of intents of a model; `now`:
    /// Unix milliseconds, for the journal.
    ///
    /// # Errors
    /// [`IntakeError::Io`] and [`IntakeError::Journal`]: the step is made again. Everything else is in the answer.
    pub fn step(
        &mut self,
        journal: &Journal,
        market: &Market,
        gas: impl Fn(Kind, B256) -> Option<GasUse>,
        now: u64,
    ) -> Result<Taken, IntakeError> {
        let mut taken = Taken::default();
        self.scan(now / 1000, &mut taken)?;
        self.decide(journal, market, gas, &mut taken)?;
        for plan in Plan::all(&self.plans())? {
            if self.resting.get(&plan.id).is_some_and(|until| *until > market.now) {
                continue;
            }
            match self.carry_out(&plan, journal, market, now) {
                Ok(true) => taken.added.push(plan.id),
                Ok(false) => {}
                Err(error @ (IntakeError::Journal(_) | IntakeError::Io(_))) => return Err(error),
                Err(error) if error.is_for_ever() => {
                    for part in &plan.parts {
                        self.refuse(&part.name, &error.to_string(), &mut taken)?;
                    }
                    plan.forget(&self.plans())?;
                }
                Err(error) => {
                    tracing::warn!(id = %plan.id, %error, "cannot be made now");
                    taken.troubles.push(format!("{} {}: {error}", plan.assurance, plan.id));
                    self.resting.insert(plan.id, market.now.saturating_add(PAUSE));
                }
            }
        }
        Ok(taken)
    }

    /// Reads what is new, and forgets what is gone.
    fn scan(&mut self, now: u64, taken: &mut Taken) -> Result<(), IntakeError> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| IntakeError::io(&self.folder, &error))? {
            let entry = entry.map_err(|error| IntakeError::io(&self.folder, &error))?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if let Some(name) = entry.file_name().to_str().filter(|name| is_file && item::is_item(name)) {
                names.insert(name.to_owned());
            }
        }
        self.items.retain(|name, _| names.contains(name));
        for name in names {
            if self.items.contains_key(&name) {
                continue;
            }
            match self.look_at(&name, now) {
                Ok(Some(item)) => {
                    self.items.insert(name, item);
                }
                Ok(None) => {}
                Err(IntakeError::Refused(reason)) => self.refuse(&name, &reason, taken)?,
                Err(error) => taken.troubles.push(format!("{name}: {error}")),
            }
        }
        Ok(())
    }

    fn look_at(&mut self, name: &str, now: u64) -> Result<Option<Item>, IntakeError> {
        let Some(item) = Item::read(&self.folder.join(name), now)? else { return Ok(None) };
        if item.bundle.manifest().backend == BackendName::Mock {
            return Err(IntakeError::Refused("it is of the mock backend, and proves nothing".into()));
        }
        let model_id = item.bundle.model_id();
        if self.policy.treatment(model_id, item.order.job).is_none() {
            return Err(IntakeError::Refused(format!(
                "the policy says nothing of model {model_id}: add a [[rule]], or a [default]"
            )));
        }
        if !item.order.again && self.done(item.key).exists() {
            return Err(IntakeError::Refused(format!(
                "it was submitted before ({}): another claim of the same takes another job, or `again = true` in its order",
                self.done(item.key).display()
            )));
        }
        if !self.admitted.contains(&model_id) {
            self.gate.admit(model_id)?;
            self.admitted.insert(model_id);
        }
        Ok(Some(item))
    }

    /// Decides what goes.
    fn decide(
        &self,
        journal: &Journal,
        market: &Market,
        gas: impl Fn(Kind, B256) -> Option<GasUse>,
        taken: &mut Taken,
    ) -> Result<(), IntakeError> {
        let plans = Plan::all(&self.plans())?;
        let planned: BTreeSet<&str> =
            plans.iter().flat_map(|plan| &plan.parts).map(|part| part.name.as_str()).collect();
        let mut groups: BTreeMap<Group, (Treatment, Vec<&Item>)> = BTreeMap::new();
        for item in self.items.values().filter(|item| !planned.contains(item.name.as_str())) {
            let model_id = item.bundle.model_id();
            let Some(treatment) = self.policy.treatment(model_id, item.order.job) else { continue };
            let group = (model_id, item.order.consumer, treatment.assurance.name(), treatment.grouping.name());
            groups.entry(group).or_insert((*treatment, vec![])).1.push(item);
        }
        let mut decisions = 0;
        for ((model_id, ..), (treatment, mut items)) in groups {
            items.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
            let gas = gas(treatment.kind(), model_id);
            loop {
                let since = items.first().map_or(market.now, |item| item.since);
                let waiting = Waiting { count: items.len(), since, void_at: None };
                match decide(&treatment, &waiting, market, gas.as_ref()) {
                    Decision::Go { count, why } if decisions < DECISIONS => {
                        decisions += 1;
                        let chosen = choose(&mut items, count);
                        tracing::info!(%model_id, count = chosen.len(), %why, "goes");
                        self.plan(&treatment, &chosen, journal, market)?.keep(&self.plans())?;
                    }
                    Decision::Wait { why: Hold::Empty, .. } => break,
                    decision => {
                        taken.waiting.push(waits(model_id, &waiting, market, &decision));
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// What is made of some files. Their deadline is one with which nothing was made of them before.
    fn plan(
        &self,
        treatment: &Treatment,
        items: &[&Item],
        journal: &Journal,
        market: &Market,
    ) -> Result<Plan, IntakeError> {
        let part = |item: &&Item| {
            let (name, key) = (item.name.clone(), item.key);
            Part { name, key, job: item.order.job, consumer: item.order.consumer }
        };
        let parts: Vec<Part> = items.iter().map(part).collect();
        let model_id = items.first().map(|item| item.bundle.model_id()).unwrap_or_default();
        let kind = (treatment.assurance, treatment.grouping);
        let mut deadline = market.now.saturating_add(treatment.deadline);
        loop {
            let mut plan = Plan::new((B256::ZERO, model_id), kind, deadline, treatment.ceiling, parts.clone());
            plan.id = self.place.id(&plan, &items.iter().map(|item| &item.bundle).collect::<Vec<_>>())?;
            if journal.row(plan.id)?.is_none() {
                return Ok(plan);
            }
            deadline = deadline.saturating_add(1);
        }
    }

    /// Makes the intent of a plan and adds it, unless the journal has it. Whether it was added.
    fn carry_out(&mut self, plan: &Plan, journal: &Journal, market: &Market, now: u64) -> Result<bool, IntakeError> {
        let is_known = journal.row(plan.id)?.is_some();
        if !is_known {
            if plan.deadline <= market.now.saturating_add(market.lead) {
                // Nothing was made of it: its files are decided about anew.
                plan.forget(&self.plans())?;
                return Ok(false);
            }
            let Some(items) = plan.parts.iter().map(|part| self.items.get(&part.name)).collect::<Option<Vec<_>>>()
            else {
                // A file is gone: whoever took it away does not want it.
                plan.forget(&self.plans())?;
                return Ok(false);
            };
            let intent = self.make(plan, &items)?;
            journal.add(&intent, now)?;
        }
        for part in &plan.parts {
            self.finish(part, plan.id)?;
        }
        plan.forget(&self.plans())?;
        Ok(!is_known)
    }

    fn make(&self, plan: &Plan, items: &[&Item]) -> Result<Intent, IntakeError> {
        let intent = make::intent(&self.place, plan, items, &*self.prover, &self.outbox, &self.stores)?;
        if intent.id != plan.id {
            return Err(ProverError::Other.into());
        }
        let cost = plan.ceiling.map(|ceiling| ceiling.saturating_mul(alloy::primitives::U256::from(items.len())));
        Ok(Intent { max_cost: cost.map(|cost| cost.saturating_add(intent.value)), ..intent })
    }

    /// Puts a file away whose intent is in the journal.
    fn finish(&mut self, part: &Part, id: B256) -> Result<(), IntakeError> {
        let marker = self.done(part.key);
        let text = serde_json::json!({ "intent": id, "file": part.name });
        write_atomic(&marker, format!("{text}\n").as_bytes()).map_err(|error| IntakeError::Io(error.to_string()))?;
        self.put_away(&part.name, "taken", &format!("{}-", part.key))
    }

    fn refuse(&mut self, name: &str, reason: &str, taken: &mut Taken) -> Result<(), IntakeError> {
        tracing::error!(file = name, reason, "refused");
        let why = self.folder.join("refused").join(format!("{name}.reason.txt"));
        write_atomic(&why, format!("{reason}\n").as_bytes()).map_err(|error| IntakeError::Io(error.to_string()))?;
        taken.refused.push((name.into(), reason.into()));
        self.put_away(name, "refused", "")
    }

    fn put_away(&mut self, name: &str, to: &str, prefix: &str) -> Result<(), IntakeError> {
        let path = self.folder.join(name);
        for from in [item::beside(&path, "order.toml"), item::beside(&path, "openings.json"), path] {
            let Some(name) = from.file_name().and_then(|name| name.to_str()) else { continue };
            match fs::rename(&from, self.folder.join(to).join(format!("{prefix}{name}"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(IntakeError::io(&from, &error));
                }
                _ => {}
            }
        }
        self.items.remove(name);
        Ok(())
    }

    fn plans(&self) -> PathBuf {
        self.folder.join("plans")
    }

    fn done(&self, key: B256) -> PathBuf {
        self.folder.join("taken").join(format!("{key}.json"))
    }
}

/// Takes so many out of what waits, no two of them for the same.
fn choose<'a>(items: &mut Vec<&'a Item>, count: usize) -> Vec<&'a Item> {
    let (mut chosen, mut keys, mut left) = (Vec::with_capacity(count), BTreeSet::new(), Vec::new());
    for item in items.drain(..) {
        if chosen.len() < count && keys.insert(item.key) {
            chosen.push(item);
        } else {
            left.push(item);
        }
    }
    *items = left;
    chosen
}

fn waits(model_id: B256, waiting: &Waiting, market: &Market, decision: &Decision) -> WaitingGroup {
    let why = match decision {
        Decision::Wait { why, late: false, .. } => why.to_string(),
        Decision::Wait { why, late: true, .. } => format!("{why}; LATE by the policy's latency"),
        Decision::Go { why, .. } => format!("{why}; it goes next"),
    };
    WaitingGroup { model_id, count: waiting.count, age: market.now.saturating_sub(waiting.since), why }
}

impl Treatment {
    /// The kind of intents that it leads to.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match (self.assurance, self.grouping) {
            (Assurance::Attested, _) => Kind::Attestation,
            (Assurance::Optimistic, Grouping::MerkleBatch) => Kind::OptimisticBatch,
            (Assurance::Optimistic, _) => Kind::Optimistic,
            (Assurance::Verified, Grouping::NativeBatch) => Kind::ProofBatch,
            (Assurance::Verified, _) => Kind::Proof,
        }
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("folder", &self.folder).field("items", &self.items.len()).finish_non_exhaustive()
    }
}
