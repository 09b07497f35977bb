//! The transaction, its event and its record.

use super::report::{CheckName, Facts, Ledger};
use crate::{
    chain::{
        ChainError, Node,
        bindings::IProofRegistry::{self, Assurance, ClaimRecorded, submitCall},
        client::read_claim,
    },
    evm::{EmbeddedEvm, artifacts},
    proof::{Assignment, Context, PublicValues, Statement, identity::proof_hash},
};
use alloy::{
    consensus::{Transaction as _, transaction::SignerRecoverable},
    eips::Encodable2718,
    primitives::{Address, B256, Bytes, keccak256},
    providers::Provider,
    rpc::types::{Transaction, TransactionReceipt},
    sol_types::{SolCall, SolEvent, SolValue},
};

/// A successful direct call of `submit`.
pub(super) struct Submission {
    pub(super) statement: Statement,
    pub(super) registry: Address,
    pub(super) proof: Bytes,
    hash: B256,
    transaction: Transaction,
    receipt: TransactionReceipt,
    assignment: Assignment,
    canonical: Bytes,
    block_number: u64,
    block_timestamp: u64,
}

/// Fetches and decodes. Whatever is no claim at all ends here.
pub(super) async fn fetch(node: &Node, hash: B256) -> Result<Submission, ChainError> {
    let cannot = |reason: &str| ChainError::CannotAudit { hash, reason: reason.into() };
    let Some(transaction) = node.transaction(hash).await? else {
        return Err(cannot("the node knows no such transaction; check the hash and the chain"));
    };
    let Some(receipt) = node.receipt(hash).await? else {
        return Err(cannot("it is in no block yet; wait for it"));
    };
    if !receipt.status() {
        return Err(cannot("the transaction failed, so that it recorded nothing"));
    }
    let Some(registry) = transaction.to() else {
        return Err(cannot("it creates a contract instead of calling one"));
    };
    let input = transaction.input().clone();
    let call = read_call(&input).map_err(cannot)?;
    let canonical = call.abi_encode().into();
    let assignment = Assignment {
        submitter: call.assignment.submitter,
        consumer: call.assignment.consumer,
        job: call.assignment.job,
        deadline: call.assignment.deadline,
    };
    let block = receipt.block_hash.ok_or_else(|| cannot("it is in no block yet; wait for it"))?;
    let block = node
        .provider()
        .get_block_by_hash(block)
        .await
        .map_err(|error| node.error("the transaction's block", error))?
        .ok_or_else(|| cannot("its block is gone: the chain was reorganized; ask again later"))?;
    Ok(Submission {
        statement: Statement {
            model_id: call.modelId,
            public_values: PublicValues::from_bytes(call.publicValues),
            context: Context::Chain { chain_id: node.chain_id(), registry, assignment },
        },
        registry,
        proof: call.proof,
        hash,
        transaction,
        receipt,
        assignment,
        canonical,
        block_number: block.header.number,
        block_timestamp: block.header.timestamp,
    })
}

/// Reads the calldata of a submission.
///
/// Lenient on purpose: an encoding that the contract understood is audited, and reported as not canonical.
pub(super) fn read_call(calldata: &[u8]) -> Result<submitCall, &'static str> {
    if calldata.get(..4) != Some(&submitCall::SELECTOR) {
        return Err("it is no direct call of a proof registry's `submit`");
    }
    submitCall::abi_decode(calldata).map_err(|_| "its calldata are no arguments of `submit`")
}

impl Submission {
    /// What follows from the transaction alone.
    pub(super) fn facts(&self, chain_id: u64) -> Facts {
        let values = self.statement.public_values.as_bytes();
        Facts {
            chain_id,
            block_number: self.block_number,
            block_timestamp: self.block_timestamp,
            gas_used: self.receipt.gas_used,
            registry: self.registry,
            submitter: self.assignment.submitter,
            consumer: self.assignment.consumer,
            job: self.assignment.job,
            deadline: self.assignment.deadline,
            statement_id: self.statement.id(),
            model_id: self.statement.model_id,
            context_id: self.statement.context.id(),
            public_values: values.clone(),
            public_values_hash: keccak256(values),
            proof_hash: proof_hash(&self.proof),
            proof_bytes: self.proof.len(),
            transferable: None,
            model_registry: None,
            adapter: None,
            adapter_id: None,
            adapter_name: None,
            model_code: None,
            model_code_hash: None,
            vk_digest: None,
            schema_hash: None,
            srs_id: None,
            srs_ceremony: None,
            embedded_gas: None,
            tensors: Vec::new(),
        }
    }

    /// The checks of the transaction, the registries, the event and the record.
    pub(super) async fn check(&self, node: &Node, ledger: &mut Ledger, facts: &mut Facts) -> Result<(), ChainError> {
        ledger.enter(CheckName::Transaction, self.authentic());
        ledger.enter(CheckName::Calldata, self.canonical());
        ledger.enter(CheckName::Submitter, self.submitter());
        let registries = self.registries(node, facts).await?;
        ledger.enter(CheckName::Registries, registries);
        let event = self.event(facts);
        facts.transferable = event.as_ref().ok().map(|event| event.transferable);
        ledger.enter(CheckName::Event, event.map(|_| "every field is as derived from the calldata".into()));
        let claim = self.claim(node, facts).await?;
        ledger.enter(CheckName::Claim, claim);
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
        if sender == self.assignment.submitter {
            Ok(format!("{sender}"))
        } else {
            Err(format!("sent by {sender} for {}", self.assignment.submitter))
        }
    }

    /// The proof registry's code is what this release's creation code leaves behind for that model registry.
    async fn registries(&self, node: &Node, facts: &mut Facts) -> Result<Result<String, String>, ChainError> {
        let models = match node.view(self.registry, &IProofRegistry::modelRegistryCall {}).await {
            Ok(models) => models,
            Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        facts.model_registry = Some(models);
        let creation = [&artifacts::proof_registry().bytecode[..], &models.abi_encode()].concat();
        let expected = EmbeddedEvm::new(node.chain_id()).create(&creation.into())?;
        if node.code(self.registry).await? != expected {
            return Ok(Err(format!("the code at {} is not the ProofRegistry of this release", self.registry)));
        }
        if node.code(models).await? != artifacts::model_registry().deployed_bytecode {
            return Ok(Err(format!("the code at {models} is not the ModelRegistry of this release")));
        }
        Ok(Ok(format!("ProofRegistry {} over ModelRegistry {models}", self.registry)))
    }

    /// The one event of the registry in this transaction.
    fn event(&self, facts: &Facts) -> Result<ClaimRecorded, String> {
        let mut logs = self.receipt.inner.logs().iter().filter(|log| log.address() == self.registry);
        let (Some(log), None) = (logs.next(), logs.next()) else {
            return Err("the registry did not emit exactly one event".into());
        };
        let event = ClaimRecorded::decode_log_validate(&log.inner).map_err(|error| error.to_string())?.data;
        let expected = ClaimRecorded {
            statementId: facts.statement_id,
            modelId: facts.model_id,
            submitter: facts.submitter,
            consumer: facts.consumer,
            job: facts.job,
            deadline: facts.deadline,
            publicValuesHash: facts.public_values_hash,
            proofHash: facts.proof_hash,
            assurance: Assurance::Verified,
            // The only word of the event that does not follow from the calldata. The record is compared with it.
            transferable: event.transferable,
        };
        if event == expected { Ok(event) } else { Err(format!("it says {event:?}, and the calldata {expected:?}")) }
    }

    async fn claim(&self, node: &Node, facts: &Facts) -> Result<Result<String, String>, ChainError> {
        let claim = match read_claim(node, self.registry, facts.statement_id).await {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(Err("it has no claim of this statement".into())),
            Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        Ok(if !claim.verified || claim.submitter != self.assignment.submitter {
            Err("its record is of another submitter, or not of a verified proof".into())
        } else if claim.recorded_at != self.block_timestamp || claim.recorded_at > self.assignment.deadline {
            Err(format!(
                "it was recorded at {}, but the block is of {} and the deadline {}",
                claim.recorded_at, self.block_timestamp, self.assignment.deadline
            ))
        } else if facts.transferable.is_some_and(|transferable| transferable != claim.transferable) {
            Err("its record and the event disagree about whether the proof is transferable".into())
        } else {
            Ok(format!("recorded at {} as verified", claim.recorded_at))
        })
    }
}
