//! The claims that a registry recorded, read from its events or from an audit.

use super::{Assurance, Entry, Recorded};
use crate::{
    chain::{
        AuditReport, ChainError, Node,
        bindings::{
            IClaimRegistry::IClaimRegistryEvents as Event,
            IProofRegistry::{self, ClaimRecorded},
        },
        claims::{ClaimRegistry, Happened, Indexer},
    },
    proof::{Assignment, Context, Statement, identity},
};
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, keccak256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use std::collections::HashMap;

/// Blocks that a node is asked about at once. Public nodes refuse more.
const BLOCKS: u64 = 5_000;

/// The claims that a registry recorded in these blocks, both included; without an end, up to the latest. What they are worth an
/// audit tells: only that every event's statement id follows from its other words has been checked.
///
/// # Errors
/// [`ChainError`]; [`ChainError::BadAnswer`] when an event contradicts itself.
pub async fn recorded_claims(
    node: &Node,
    registry: Address,
    from_block: u64,
    to_block: Option<u64>,
) -> Result<Vec<Entry>, ChainError> {
    let last = match to_block {
        Some(block) => block,
        None => node.latest_block().await?,
    };
    let (mut claims, mut times, mut from) = (Vec::new(), HashMap::new(), from_block);
    while from <= last {
        let to = from.saturating_add(BLOCKS - 1).min(last);
        let filter = Filter::new()
            .address(registry)
            .event_signature(ClaimRecorded::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        let what = format!("the claims of {registry} in blocks {from} to {to}");
        let logs = node.provider().get_logs(&filter).await.map_err(|error| node.error(&what, error))?;
        // A log that a reorganization took back is no claim.
        for log in logs.iter().filter(|log| !log.removed) {
            let bad = |reason: &str| ChainError::BadAnswer { what: what.clone(), reason: reason.into() };
            let block = log.block_number.filter(|block| (from..=to).contains(block));
            let block = block.ok_or_else(|| bad("an event is of another block"))?;
            let time = match times.get(&block) {
                Some(&time) => time,
                None => *times.entry(block).or_insert(timestamp(node, block).await?),
            };
            claims.push(entry(node.chain_id(), registry, log, block, time).map_err(bad)?);
        }
        from = to.saturating_add(1);
        if to == u64::MAX {
            break;
        }
    }
    Ok(claims)
}

/// One event as an entry; every field that another one determines is derived.
fn entry(chain_id: u64, registry: Address, log: &Log, block: u64, time: u64) -> Result<Entry, &'static str> {
    if log.address() != registry {
        return Err("an event is of another contract");
    }
    let event = ClaimRecorded::decode_log_validate(&log.inner).map_err(|_| "an event is no ClaimRecorded")?.data;
    let IProofRegistry::ClaimRecorded { submitter, consumer, job, deadline, .. } = event;
    let context = Context::Chain { chain_id, registry, assignment: Assignment { submitter, consumer, job, deadline } };
    let claim = Recorded {
        transaction: log.transaction_hash.ok_or("an event is of no transaction")?,
        block,
        recorded_at: time,
        assurance: Assurance::from_contract(event.assurance as u8).ok_or("an event records no assurance")?,
    };
    claimed(event.statementId, event.modelId, event.publicValuesHash, context, claim)
}

/// A claim, if its statement's id is that of its other words.
fn claimed(id: B256, model: B256, values: B256, context: Context, claim: Recorded) -> Result<Entry, &'static str> {
    if identity::statement_id_of_hash(model, values, context.id()) != id {
        return Err("an event's statement id is not that of its other words");
    }
    let mut entry = Entry::new(id, model, context);
    entry.created_at_ms = claim.recorded_at.saturating_mul(1000).min(entry.created_at_ms);
    entry.claim = Some(claim);
    Ok(entry)
}

/// The claims that a claim registry holds, attested, bonded or verified, from its first block to the latest: an entry for every
/// event, of which the last one of a statement stands. What became of a bonded claim the registry's state tells
/// ([`crate::chain::claims`]); the leaves of batches are on no chain, and are entered once they are shown.
///
/// # Errors
/// [`ChainError`]; [`ChainError::OtherRelease`] when it is no claim registry of this release; [`ChainError::BadAnswer`] when
/// events contradict each other.
pub async fn registry_claims(node: &Node, registry: Address, from_block: u64) -> Result<Vec<Entry>, ChainError> {
    let what = format!("the events of claim registry {registry}");
    let claims = ClaimRegistry::at(node, registry).await?;
    // Its statements are made for the registry of proofs beside it.
    let proofs = claims.proofs;
    let synced = Indexer::new(claims, from_block).sync().await?;
    let entries = synced.events.iter().filter_map(|happened| of_registry(node.chain_id(), proofs, happened));
    let entries = entries.collect::<Result<_, _>>();
    entries.map_err(|reason| ChainError::BadAnswer { what, reason: reason.into() })
}

/// A claim that a transaction in this block made on a claim registry, as [`registry_claims`] will read it.
///
/// # Errors
/// [`ChainError`]; [`ChainError::BadAnswer`] when the node has no such block.
pub async fn made_claim(
    node: &Node,
    statement: &Statement,
    (transaction, block): (B256, u64),
    assurance: Assurance,
) -> Result<Entry, ChainError> {
    let claim = Recorded { transaction, block, recorded_at: timestamp(node, block).await?, assurance };
    let values = keccak256(statement.public_values.as_bytes());
    let made = claimed(statement.id(), statement.model_id, values, statement.context, claim);
    made.map_err(|reason| ChainError::BadAnswer { what: format!("the claim in block {block}"), reason: reason.into() })
}

/// What an event claims, if it claims something; `registry` is the registry of proofs.
fn of_registry(chain_id: u64, registry: Address, happened: &Happened) -> Option<Result<Entry, &'static str>> {
    let (id, model, assignment, values, assurance) = match &happened.event {
        Event::ClaimAttested(e) => {
            let assignment =
                Assignment { submitter: e.submitter, consumer: e.consumer, job: e.job, deadline: e.deadline };
            (e.statementId, e.modelId, assignment, e.publicValuesHash, Assurance::Attested)
        }
        Event::ClaimPosted(e) => {
            let assignment =
                Assignment { submitter: e.submitter, consumer: e.consumer, job: e.job, deadline: e.deadline };
            (e.statementId, e.modelId, assignment, keccak256(&e.publicValues), Assurance::Optimistic)
        }
        Event::ClaimVerified(e) => {
            let assignment =
                Assignment { submitter: e.submitter, consumer: e.consumer, job: e.job, deadline: e.deadline };
            (e.statementId, e.modelId, assignment, e.publicValuesHash, Assurance::Verified)
        }
        _ => return None,
    };
    let Some(transaction) = happened.transaction else { return Some(Err("an event is of no transaction")) };
    let context = Context::Chain { chain_id, registry, assignment };
    let claim = Recorded { transaction, block: happened.block, recorded_at: happened.time, assurance };
    Some(claimed(id, model, values, context, claim))
}

/// The claims of an audit, as [`recorded_claims`] would read them. None unless it is valid: what an audit refuses is no claim.
/// The verdict itself is not entered.
#[must_use]
pub fn audited_claims(audit: &AuditReport) -> Vec<Entry> {
    let facts = &audit.facts;
    let entry = |claim: &crate::chain::auditor::ClaimFacts| {
        let (submitter, consumer, job, deadline) = (facts.submitter, claim.consumer, claim.job, claim.deadline);
        let assignment = Assignment { submitter, consumer, job, deadline };
        let context = Context::Chain { chain_id: facts.chain_id, registry: facts.registry, assignment };
        let mut entry = Entry::new(claim.statement_id, facts.model_id, context);
        entry.created_at_ms = facts.block_timestamp.saturating_mul(1000).min(entry.created_at_ms);
        entry.claim = Some(Recorded {
            transaction: audit.transaction_hash,
            block: facts.block_number,
            recorded_at: facts.block_timestamp,
            assurance: Assurance::Verified,
        });
        entry
    };
    if audit.is_valid() { facts.claims.iter().map(entry).collect() } else { vec![] }
}

async fn timestamp(node: &Node, number: u64) -> Result<u64, ChainError> {
    let what = format!("block {number}");
    let block = node.provider().get_block(BlockId::number(number)).await.map_err(|error| node.error(&what, error))?;
    let missing = || ChainError::BadAnswer { what, reason: "there is none".into() };
    block.map(|block| block.header.timestamp).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::bindings::IProofRegistry::Assurance as OnChain;
    use alloy::primitives::{B256, Bytes, Log as RawLog};

    const REGISTRY: Address = Address::repeat_byte(9);

    fn event() -> ClaimRecorded {
        let assignment = Assignment {
            submitter: Address::repeat_byte(1),
            consumer: Address::repeat_byte(2),
            job: B256::repeat_byte(3),
            deadline: 4,
        };
        let context = Context::Chain { chain_id: 31337, registry: REGISTRY, assignment };
        let (model, values) = (B256::repeat_byte(5), B256::repeat_byte(6));
        ClaimRecorded {
            statementId: identity::statement_id_of_hash(model, values, context.id()),
            modelId: model,
            submitter: assignment.submitter,
            consumer: assignment.consumer,
            job: assignment.job,
            deadline: assignment.deadline,
            publicValuesHash: values,
            proofHash: B256::ZERO,
            assurance: OnChain::Verified,
            transferable: false,
        }
    }

    fn read(event: &ClaimRecorded) -> Result<Entry, &'static str> {
        let inner = RawLog { address: REGISTRY, data: event.encode_log_data() };
        let log = Log { inner, transaction_hash: Some(B256::repeat_byte(7)), ..Log::default() };
        entry(31337, REGISTRY, &log, 8, 9)
    }

    /// Of a statement that is attested, then verified, the last stands; other events claim nothing.
    #[test]
    fn a_claim_registrys_events_are_entries_of_their_assurance() {
        use crate::chain::bindings::IClaimRegistry::{ClaimAttested, ClaimFinalized, ClaimPosted, ClaimVerified};
        let assignment = Assignment {
            submitter: Address::repeat_byte(1),
            consumer: Address::repeat_byte(2),
            job: B256::repeat_byte(3),
            deadline: 4,
        };
        let context = Context::Chain { chain_id: 1, registry: REGISTRY, assignment };
        let model = B256::repeat_byte(5);
        let values = Bytes::from_static(b"values");
        let hash = keccak256(&values);
        let id = identity::statement_id_of_hash(model, hash, context.id());
        let Assignment { submitter, consumer, job, deadline } = assignment;
        let zero = B256::ZERO;
        let attested = ClaimAttested {
            statementId: id,
            modelId: model,
            submitter,
            consumer,
            job,
            deadline,
            publicValuesHash: hash,
            proofHash: zero,
            contentHash: zero,
        };
        let posted = ClaimPosted {
            statementId: id,
            modelId: model,
            submitter,
            consumer,
            job,
            deadline,
            transferable: false,
            publicValues: values,
        };
        let verified = ClaimVerified {
            statementId: id,
            modelId: model,
            submitter,
            consumer,
            job,
            deadline,
            publicValuesHash: hash,
            proofHash: zero,
            transferable: false,
        };
        let read = |block: u64, event: Event| {
            let happened = Happened { block, time: 10 * block, transaction: Some(B256::repeat_byte(7)), event };
            of_registry(1, REGISTRY, &happened)
        };
        let mut entry = read(1, Event::ClaimAttested(attested.clone())).unwrap().unwrap();
        assert_eq!((entry.statement_id, entry.context, entry.created_at_ms), (id, context, 10_000));
        assert_eq!(entry.claim.as_ref().unwrap().assurance, Assurance::Attested);
        let optimistic = read(2, Event::ClaimPosted(posted.clone())).unwrap().unwrap();
        assert_eq!(optimistic.claim.as_ref().unwrap().assurance, Assurance::Optimistic);
        let last = read(3, Event::ClaimVerified(verified.clone())).unwrap().unwrap();
        entry.merge(&last).unwrap();
        entry.merge(&optimistic).unwrap();
        assert_eq!((entry.claim.as_ref().unwrap().assurance, entry.created_at_ms), (Assurance::Verified, 10_000));
        assert!(read(4, Event::ClaimFinalized(ClaimFinalized { statementId: id })).is_none());
        for wrong in [
            Event::ClaimAttested(ClaimAttested { publicValuesHash: zero, ..attested }),
            Event::ClaimPosted(ClaimPosted { publicValues: Bytes::new(), ..posted }),
            Event::ClaimVerified(ClaimVerified { submitter: Address::ZERO, ..verified }),
        ] {
            assert!(read(1, wrong).unwrap().unwrap_err().contains("statement id"));
        }
    }

    #[test]
    fn an_event_is_an_entry_only_if_its_id_follows_from_it() {
        let good = read(&event()).unwrap();
        assert_eq!((good.statement_id, good.created_at_ms), (event().statementId, 9000));
        assert_eq!(good.claim.unwrap().assurance, Assurance::Verified);
        for changed in [
            ClaimRecorded { statementId: B256::ZERO, ..event() },
            ClaimRecorded { modelId: B256::ZERO, ..event() },
            ClaimRecorded { submitter: Address::ZERO, ..event() },
            ClaimRecorded { consumer: Address::ZERO, ..event() },
            ClaimRecorded { job: B256::ZERO, ..event() },
            ClaimRecorded { deadline: 5, ..event() },
            ClaimRecorded { publicValuesHash: B256::ZERO, ..event() },
        ] {
            assert!(read(&changed).unwrap_err().contains("statement id"));
        }
        assert!(read(&ClaimRecorded { assurance: OnChain::None, ..event() }).is_err());
        let elsewhere =
            Log { inner: RawLog { address: Address::ZERO, data: event().encode_log_data() }, ..Log::default() };
        assert!(entry(31337, REGISTRY, &elsewhere, 8, 9).is_err());
    }
}
