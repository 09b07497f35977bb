//! What is done with inferences: rules over the default, and what of it contradicts itself.

use super::{
    Assurance, BatchPolicy, DEFAULT_DEADLINE, Grouping, Place, PolicyError, Rule, Treatment,
    check::{Checked, contradict, refuse},
    file::{At, BatchTable, File, RuleTable, Source, TreatmentTable},
    values::{Amount, Price, Seconds},
};
use crate::chain::claims::MAX_LEAVES;
use toml::Spanned;

/// The most statements that one native proof is about.
const MAX_NATIVE_BATCH: usize = 4096;

/// A value, and where it stands.
type Told<T> = Option<(T, Place)>;

/// What one table says, or one over another.
#[derive(Clone, Default)]
struct Said {
    assurance: Told<Assurance>,
    grouping: Told<Grouping>,
    ceiling: Told<Amount>,
    latency: Told<Seconds>,
    deadline: Told<Seconds>,
    /// The table of the batch itself.
    batch: Told<()>,
    size: Told<usize>,
    age: Told<Seconds>,
    send_below: Told<Price>,
    hold_above: Told<Price>,
}

/// What is judged, and what surrounds it.
struct Judge<'a> {
    source: &'a Source<'a>,
    file: &'a File,
    has_stores: bool,
}

/// The default, and the rules.
pub(super) fn treatments(
    source: &Source<'_>,
    file: &File,
    has_stores: bool,
) -> Checked<(Option<Treatment>, Vec<Rule>)> {
    let judge = Judge { source, file, has_stores };
    let base = file.default.as_ref().map(|table| Said::of(source, "default", table.get_ref()));
    let default = match (&base, &file.default) {
        (Some(said), Some(table)) => Some(judge.treatment(said, &source.place("default", table))?),
        _ => None,
    };
    let base = base.unwrap_or_default();
    let mut rules: Vec<(Rule, Place)> = Vec::with_capacity(file.rule.len());
    for (at, table) in file.rule.iter().enumerate() {
        let (name, place) = (format!("rule[{at}]"), source.place(format!("rule[{at}]"), table));
        let rule = judge.rule(table.get_ref(), &base, &name, &place)?;
        if let Some((_, before)) = rules.iter().find(|(other, _)| (other.model, other.job) == (rule.model, rule.job)) {
            return contradict(before.clone(), place, "they are for the same model and job");
        }
        rules.push((rule, place));
    }
    Ok((default, rules.into_iter().map(|(rule, _)| rule).collect()))
}

impl Said {
    fn of(source: &Source<'_>, name: &str, table: &TreatmentTable) -> Self {
        let empty = BatchTable::default();
        let batch = table.batch.as_ref().map_or(&empty, Spanned::get_ref);
        Self {
            assurance: told(source, name, "assurance", &table.assurance),
            grouping: told(source, name, "grouping", &table.grouping),
            ceiling: told(source, name, "ceiling", &table.ceiling),
            latency: told(source, name, "latency", &table.latency),
            deadline: told(source, name, "deadline", &table.deadline),
            batch: table.batch.as_ref().map(|batch| ((), source.place(format!("{name}.batch"), batch))),
            size: told(source, name, "batch.size", &batch.size),
            age: told(source, name, "batch.age", &batch.age),
            send_below: told(source, name, "batch.send_below", &batch.send_below),
            hold_above: told(source, name, "batch.hold_above", &batch.hold_above),
        }
    }

    /// What is left out is what the other one says. Of a batch only if there is one.
    fn over(self, base: &Self) -> Self {
        let base = base.clone();
        let grouping = self.grouping.or(base.grouping);
        let is_batch = grouping.as_ref().is_some_and(|(grouping, _)| *grouping != Grouping::Single);
        let base_batch = if is_batch { base.batch } else { None };
        let (size, age) = if is_batch { (base.size, base.age) } else { (None, None) };
        let (send_below, hold_above) = if is_batch { (base.send_below, base.hold_above) } else { (None, None) };
        Self {
            grouping,
            assurance: self.assurance.or(base.assurance),
            ceiling: self.ceiling.or(base.ceiling),
            latency: self.latency.or(base.latency),
            deadline: self.deadline.or(base.deadline),
            batch: self.batch.or(base_batch),
            size: self.size.or(size),
            age: self.age.or(age),
            send_below: self.send_below.or(send_below),
            hold_above: self.hold_above.or(hold_above),
        }
    }
}

impl Judge<'_> {
    fn rule(&self, table: &RuleTable, base: &Said, name: &str, place: &Place) -> Checked<Rule> {
        if table.model.is_none() && table.job.is_none() {
            return refuse(
                place.clone(),
                "a rule is for a model, a job, or both; what is for everything stands in [default]",
            );
        }
        let said = Said::of(self.source, name, &table.treatment()).over(base);
        let treatment = self.treatment(&said, place)?;
        let plain = |at: &At<_>| at.as_ref().map(|value| *value.get_ref());
        Ok(Rule { model: plain(&table.model), job: plain(&table.job), treatment })
    }

    fn treatment(&self, said: &Said, place: &Place) -> Checked<Treatment> {
        let Some((assurance, assured)) = &said.assurance else {
            return missing(format!("{}.assurance", place.key), place, "attested, optimistic or verified");
        };
        let grouping = match (&said.grouping, &said.batch) {
            (Some((grouping, _)), _) => *grouping,
            (None, Some((_, batch))) => {
                return missing(format!("{}.grouping", place.key), batch, "native-batch or merkle-batch");
            }
            (None, None) => Grouping::Single,
        };
        self.kind(*assurance, assured, grouping, said)?;
        self.needs(*assurance, assured, grouping, said)?;
        self.costs(said)?;
        times(said)?;
        let batch = self.batch(grouping, said)?;
        Ok(Treatment {
            assurance: *assurance,
            grouping,
            ceiling: value(&said.ceiling).map(|amount| amount.0),
            latency: value(&said.latency).map(|time| time.0),
            deadline: value(&said.deadline).map_or(DEFAULT_DEADLINE, |time| time.0),
            batch,
        })
    }

    /// What the contracts have: one proof of several statements is Verified, one root of many is Optimistic.
    fn kind(&self, assurance: Assurance, assured: &Place, grouping: Grouping, said: &Said) -> Checked<()> {
        let reason = match (assurance, grouping) {
            (_, Grouping::Single)
            | (Assurance::Verified, Grouping::NativeBatch)
            | (Assurance::Optimistic, Grouping::MerkleBatch) => return Ok(()),
            (Assurance::Verified, Grouping::MerkleBatch) => {
                "a root is bonded, and no contract verifies what is below it: it is Optimistic"
            }
            (Assurance::Optimistic, Grouping::NativeBatch) => {
                "an Optimistic claim is posted without a proof, so that no proof holds several together: use merkle-batch"
            }
            (Assurance::Attested, _) => "hashes are posted one by one",
        };
        match &said.grouping {
            Some((_, grouped)) => contradict(assured.clone(), grouped.clone(), reason),
            None => Ok(()),
        }
    }

    fn needs(&self, assurance: Assurance, assured: &Place, grouping: Grouping, said: &Said) -> Checked<()> {
        let contracts = self.file.contracts.get_ref();
        let claims = contracts.claim_registry.is_some();
        if assurance != Assurance::Verified && !claims {
            return missing("contracts.claim_registry".into(), assured, "that is the contract which takes such claims");
        }
        if let (Some((_, grouped)), Grouping::NativeBatch, None) = (&said.grouping, grouping, &contracts.proof_registry)
        {
            return missing(
                "contracts.proof_registry".into(),
                grouped,
                "that is the contract which takes one proof of several statements",
            );
        }
        if self.has_stores {
            return Ok(());
        }
        match (&said.grouping, assurance, grouping) {
            (_, Assurance::Attested, _) => missing(
                "content.stores".into(),
                assured,
                "a hash is worth something only while what it stands for can be fetched",
            ),
            (Some((_, grouped)), _, Grouping::MerkleBatch) => {
                missing("content.stores".into(), grouped, "the leaves of a root are on no chain")
            }
            _ => Ok(()),
        }
    }

    fn costs(&self, said: &Said) -> Checked<()> {
        let Some((ceiling, at)) = &said.ceiling else { return Ok(()) };
        let limits = [
            ("fees.max_cost", &self.file.fees.max_cost, "an inference may cost more than a whole transaction"),
            ("budget.per_day", &self.file.budget.per_day, "an inference may cost more than a whole day"),
        ];
        for (key, limit, reason) in limits {
            if let Some(limit) = limit
                && ceiling > limit.get_ref()
            {
                return contradict(at.clone(), self.source.place(key, limit), reason);
            }
        }
        Ok(())
    }

    fn batch(&self, grouping: Grouping, said: &Said) -> Checked<Option<BatchPolicy>> {
        let Some((_, grouped)) = &said.grouping else { return Ok(None) };
        let most = match grouping {
            Grouping::Single => {
                return match &said.batch {
                    Some((_, batch)) => contradict(grouped.clone(), batch.clone(), "what goes alone is in no batch"),
                    None => Ok(None),
                };
            }
            Grouping::NativeBatch => MAX_NATIVE_BATCH,
            Grouping::MerkleBatch => MAX_LEAVES,
        };
        let Some((size, sized)) = said.size.clone() else {
            return missing("batch.size".into(), grouped, "with how many statements does it go?");
        };
        let Some((age, _)) = said.age else {
            return missing("batch.age".into(), grouped, "how long may the first statement wait for others?");
        };
        if !(2..=most).contains(&size) {
            return refuse(sized, format!("a {grouping} has 2 to {most} statements"));
        }
        self.prices(said)?;
        let price = |told: &Told<Price>| value(told).map(|price| price.0);
        let (send_below, hold_above) = (price(&said.send_below), price(&said.hold_above));
        Ok(Some(BatchPolicy { size, age: age.0, send_below, hold_above }))
    }

    fn prices(&self, said: &Said) -> Checked<()> {
        if let (Some((send, sent)), Some((hold, held))) = (&said.send_below, &said.hold_above)
            && send > hold
        {
            return contradict(
                sent.clone(),
                held.clone(),
                "between the two prices a batch would have to go and to wait",
            );
        }
        let most = self.file.fees.max_fee.as_ref();
        for (price, at) in [&said.send_below, &said.hold_above].into_iter().flatten() {
            if let Some(most) = most
                && price > most.get_ref()
            {
                let place = self.source.place("fees.max_fee", most);
                return contradict(place, at.clone(), "nothing is ever sent at such a price");
            }
        }
        Ok(())
    }
}

/// Waiting fits into the latency, and both into the time for which a statement is good.
fn times(said: &Said) -> Checked<()> {
    let age = said.age.as_ref().filter(|_| said.batch.is_some());
    let orders = [
        (age, said.latency.as_ref(), "a batch may wait longer than an inference may take"),
        (age, said.deadline.as_ref(), "a batch may wait longer than its statements are good for"),
        (said.latency.as_ref(), said.deadline.as_ref(), "a statement would be void before it has to be on the chain"),
    ];
    for (shorter, longer, reason) in orders {
        if let (Some((short, first)), Some((long, second))) = (shorter, longer)
            && short > long
        {
            return contradict(first.clone(), second.clone(), reason);
        }
    }
    // The default counts, too: it stands in no line.
    for (time, place) in [age, said.latency.as_ref()].into_iter().flatten() {
        if said.deadline.is_none() && time.0 > DEFAULT_DEADLINE {
            return missing("deadline".into(), place, "statements are good for an hour unless something else is said");
        }
    }
    Ok(())
}

fn told<T: Copy>(source: &Source<'_>, table: &str, key: &str, value: &At<T>) -> Told<T> {
    value.as_ref().map(|value| (*value.get_ref(), source.place(format!("{table}.{key}"), value)))
}

fn value<T: Copy>(told: &Told<T>) -> Option<T> {
    told.as_ref().map(|(value, _)| *value)
}

fn missing<T>(key: String, because: &Place, reason: &str) -> Checked<T> {
    Err(PolicyError::Missing { key, because: because.clone(), reason: reason.into() })
}
