//! The transaction: what it says by itself, and where.

use super::report::{BatchFacts, CheckName, ClaimFacts, Facts, Ledger};
use crate::{
    chain::{
        ChainError, Node,
        bindings::IProofRegistry::{self, submitBatchCall, submitCall},
        release,
    },
    proof::{
        Assignment, Context, PublicValues, Statement,
        identity::{batch_id, proof_hash},
    },
};
use alloy::{
    consensus::{Transaction as _, transaction::SignerRecoverable},
    eips::Encodable2718,
    primitives::{Address, B256, Bytes, keccak256},
    rpc::types::{Transaction, TransactionReceipt},
    sol_types::{SolCall, abi::AbiDecoderConfig},
};

/// A successful direct call of `submit` or `submitBatch`.
pub(super) struct Submission {
    pub(super) model_id: B256,
    /// Every statement of the call, at least one.
    pub(super) statements: Vec<Statement>,
    pub(super) proof: Bytes,
    /// Whether the call was `submitBatch`.
    pub(super) is_batch: bool,
    /// The audited ones of the statements, by their index.
    audited: Vec<usize>,
    pub(super) registry: Address,
    hash: B256,
    pub(super) transaction: Transaction,
    pub(super) receipt: TransactionReceipt,
    pub(super) assignments: Vec<Assignment>,
    canonical: Bytes,
    pub(super) block_number: u64,
    pub(super) block_timestamp: u64,
}

/// The arguments of a call, and their standard encoding.
pub(super) struct Decoded {
    model_id: B256,
    items: Vec<(Assignment, PublicValues)>,
    proof: Bytes,
    is_batch: bool,
    pub(super) canonical: Bytes,
}

/// Fetches and decodes. Whatever is no claim at all ends here. `only` is the one statement that is audited.
pub(super) async fn fetch(node: &Node, hash: B256, only: Option<B256>) -> Result<Submission, ChainError> {
    let cannot = |reason: String| ChainError::CannotAudit { hash, reason };
    let gone = |reason: &str| ChainError::NotThere { hash, reason: reason.into() };
    let Some(transaction) = node.transaction(hash).await? else {
        return Err(gone("the node knows no such transaction; check the hash and the chain"));
    };
    let Some(receipt) = node.receipt(hash).await? else {
        return Err(gone("it is in no block yet; wait for it"));
    };
    if !receipt.status() {
        return Err(cannot("the transaction failed, so that it recorded nothing".into()));
    }
    let Some(registry) = transaction.to() else {
        return Err(cannot("it creates a contract instead of calling one".into()));
    };
    let call = decode(transaction.input()).map_err(|reason| cannot(reason.into()))?;
    let block = receipt.block_hash.ok_or_else(|| gone("it is in no block yet; wait for it"))?;
    let reorganized = || gone("its block is not on the chain any more: the chain was reorganized; ask again later");
    let block = node.block("the transaction's block", block.into()).await?.ok_or_else(reorganized)?;
    // Some nodes keep receipts of blocks that are no more.
    if node.block_hash(block.header.number).await? != Some(block.header.hash) {
        return Err(reorganized());
    }
    let (assignments, values): (Vec<_>, Vec<_>) = call.items.into_iter().unzip();
    let statements: Vec<Statement> = assignments
        .iter()
        .zip(values)
        .map(|(&assignment, public_values)| Statement {
            model_id: call.model_id,
            public_values,
            context: Context::Chain { chain_id: node.chain_id(), registry, assignment },
        })
        .collect();
    let audited = match only {
        None => (0..statements.len()).collect(),
        Some(id) => match statements.iter().position(|statement| statement.id() == id) {
            Some(index) => vec![index],
            None => return Err(cannot(format!("it makes no claim of statement {id}"))),
        },
    };
    Ok(Submission {
        model_id: call.model_id,
        statements,
        proof: call.proof,
        is_batch: call.is_batch,
        audited,
        registry,
        hash,
        transaction,
        receipt,
        assignments,
        canonical: call.canonical,
        block_number: block.header.number,
        block_timestamp: block.header.timestamp,
    })
}

/// Lenient on purpose: an encoding that the contract understood is audited, and reported as not canonical.
///
/// Arguments that share bytes of the calldata are copied: a bound keeps a small batch from taking the memory of a large one.
pub(super) fn decode(input: &[u8]) -> Result<Decoded, &'static str> {
    let config = AbiDecoderConfig::new().validate(false).memory_limit(input.len().saturating_mul(2));
    if input.starts_with(&submitBatchCall::SELECTOR) {
        let call = submitBatchCall::abi_decode_with_config(input, config)
            .map_err(|_| "its calldata are no arguments of `submitBatch`")?;
        // The registry of this release refuses both; another contract may not.
        if call.assignments.is_empty() || call.assignments.len() != call.publicValues.len() {
            return Err("its batch is empty, or its lists differ in length");
        }
        let canonical = call.abi_encode().into();
        let values = call.publicValues.into_iter().map(PublicValues::from_bytes);
        let items = call.assignments.iter().map(assignment).zip(values).collect();
        return Ok(Decoded { model_id: call.modelId, items, proof: call.proof, is_batch: true, canonical });
    }
    if !input.starts_with(&submitCall::SELECTOR) {
        return Err("it is no direct call of a proof registry's `submit` or `submitBatch`");
    }
    let call =
        submitCall::abi_decode_with_config(input, config).map_err(|_| "its calldata are no arguments of `submit`")?;
    let canonical = call.abi_encode().into();
    let items = vec![(assignment(&call.assignment), PublicValues::from_bytes(call.publicValues))];
    Ok(Decoded { model_id: call.modelId, items, proof: call.proof, is_batch: false, canonical })
}

fn assignment(assignment: &IProofRegistry::Assignment) -> Assignment {
    let &IProofRegistry::Assignment { submitter, consumer, job, deadline } = assignment;
    Assignment { submitter, consumer, job, deadline }
}

impl Submission {
    /// The statement, if the call was `submit`.
    pub(super) fn single(&self) -> Option<&Statement> {
        self.statements.first().filter(|_| !self.is_batch)
    }

    /// What follows from the transaction alone.
    pub(super) fn facts(&self, chain_id: u64) -> Facts {
        let ids: Vec<B256> = self.statements.iter().map(Statement::id).collect();
        Facts {
            chain_id,
            block_number: self.block_number,
            block_timestamp: self.block_timestamp,
            gas_used: self.receipt.gas_used,
            registry: self.registry,
            submitter: self.assignments.first().map_or(Address::ZERO, |assignment| assignment.submitter),
            model_id: self.model_id,
            claims: self.audited().map(|(statement, assignment)| claim_facts(statement, assignment)).collect(),
            batch: self.is_batch.then(|| BatchFacts { batch_id: batch_id(&ids), batch_size: ids.len() }),
            proof_hash: proof_hash(&self.proof),
            proof_bytes: self.proof.len(),
            model_registry: None,
            adapter: None,
            adapter_id: None,
            adapter_name: None,
            model_code: None,
            model_code_hash: None,
            vk_digest: None,
            schema_hash: None,
            srs_id: None,
            srs: None,
            embedded_gas: None,
        }
    }

    fn audited(&self) -> impl Iterator<Item = (&Statement, &Assignment)> {
        let both = |&index: &usize| Some((self.statements.get(index)?, self.assignments.get(index)?));
        self.audited.iter().filter_map(both)
    }

    /// The checks of the transaction, the registries, the events and the records.
    pub(super) async fn check(&self, node: &Node, ledger: &mut Ledger, facts: &mut Facts) -> Result<(), ChainError> {
        ledger.enter(CheckName::Transaction, self.authentic());
        ledger.enter(CheckName::Calldata, self.canonical());
        ledger.enter(CheckName::Submitter, self.submitter());
        match release::registries(node, self.registry).await {
            Ok(models) => {
                facts.model_registry = Some(models);
                let found = format!("ProofRegistry {} over ModelRegistry {models}", self.registry);
                ledger.enter(CheckName::Registries, Ok(found));
            }
            Err(
                error @ (ChainError::OtherRelease { .. } | ChainError::Refused { .. } | ChainError::BadAnswer { .. }),
            ) => {
                ledger.undecided(CheckName::Registries, error.to_string());
                // What such a contract emits and holds is nobody's word here: neither true nor false.
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let events = self.events(facts);
        if let Ok(transferable) = &events {
            for (claim, index) in facts.claims.iter_mut().zip(&self.audited) {
                claim.transferable = transferable.get(*index).copied();
            }
        }
        ledger.enter(CheckName::Event, events.map(|_| "every field is as derived from the calldata".into()));
        let claims = self.claims(node, facts).await?;
        ledger.enter(CheckName::Claim, claims);
        Ok(())
    }

    /// The hash and the sender are recomputed: the node's word for them is not needed.
    fn authentic(&self) -> Result<String, String> {
        let envelope = self.transaction.inner.inner();
        let hash = keccak256(envelope.encoded_2718());
        if hash != self.hash || self.receipt.transaction_hash != self.hash {
            return Err(format!("the node gave a transaction that hashes to {hash}"));
        }
        match envelope.recover_signer() {
            Ok(signer) if signer == self.transaction.inner.signer() => Ok(format!("signed by {signer}")),
            _ => Err("the signature is not that of the sender".into()),
        }
    }

    fn canonical(&self) -> Result<String, String> {
        let found = self.transaction.input().len();
        if *self.transaction.input() == self.canonical {
            return Ok(format!("{found} bytes"));
        }
        let expected = self.canonical.len();
        Err(format!(
            "not the standard encoding ({found} bytes, the standard one has {expected}): what other tools read in it may differ"
        ))
    }

    fn submitter(&self) -> Result<String, String> {
        let sender = self.transaction.inner.signer();
        match self.assignments.iter().find(|assignment| assignment.submitter != sender) {
            None => Ok(format!("{sender}")),
            Some(assignment) => Err(format!("sent by {sender} for {}", assignment.submitter)),
        }
    }
}

fn claim_facts(statement: &Statement, assignment: &Assignment) -> ClaimFacts {
    let values = statement.public_values.as_bytes();
    ClaimFacts {
        consumer: assignment.consumer,
        job: assignment.job,
        deadline: assignment.deadline,
        statement_id: statement.id(),
        context_id: statement.context.id(),
        public_values: values.clone(),
        public_values_hash: keccak256(values),
        transferable: None,
        tensors: Vec::new(),
        committed: Vec::new(),
    }
}
