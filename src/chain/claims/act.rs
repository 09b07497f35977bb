//! Acting on a claim registry: every act once, however often it is asked for.
//!
//! An act is looked up before it is paid for. If the registry has it already, nothing is sent; what was sent by an earlier run is
//! waited for; what was lost is sent again with the same nonce. So a bond or a fee is brought once, whatever happened in between.

use super::{BatchState, ClaimBatch, ClaimRegistry, ClaimState, LeafStage, Stage};
use crate::{
    chain::{
        ChainError, Client, Mined, Outbox, bindings::IClaimRegistry, fork::NewState, money,
        operator::unless_interrupted, plan::Intent, release,
    },
    proof::{Assignment, Context, Statement},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use serde::Serialize;
use std::time::Duration;

/// How often an effect is looked for whose transaction is in a block.
const READ_BACKS: u32 = 20;
const READ_BACK_PAUSE: Duration = Duration::from_millis(250);

/// An account's acts on one claim registry.
#[derive(Debug)]
pub struct Claims<'a> {
    client: &'a Client,
    outbox: &'a Outbox,
    registry: ClaimRegistry,
}

/// An act that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The transaction that did it; `None` when it is done and no transaction that is known here did it.
    #[serde(flatten)]
    pub mined: Option<Mined>,
    /// Whether it had been done before, so that nothing was sent.
    pub done_before: bool,
}

/// A call that changes something.
struct Act {
    what: String,
    data: Bytes,
    value: U256,
    /// What it is about: with the function, the account and the registry it names the act.
    about: B256,
    new_state: NewState,
}

impl<'a> Claims<'a> {
    /// For the client's account, on the registry at an address. What is sent is kept in the outbox first.
    ///
    /// # Errors
    /// As [`ClaimRegistry::at`].
    pub async fn open(client: &'a Client, outbox: &'a Outbox, registry: Address) -> Result<Self, ChainError> {
        let registry = ClaimRegistry::at(client.node(), registry).await?;
        Ok(Self { client, outbox, registry })
    }

    /// The registry.
    #[must_use]
    pub const fn registry(&self) -> &ClaimRegistry {
        &self.registry
    }

    /// Posts a hash: None -> Attested.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when the statement is not for this chain, proof registry and account; [`ChainError::TestSrs`];
    /// [`ChainError::Refused`] with the contract's reason, before anything is paid; others of [`ChainError`].
    pub async fn attest(&self, statement: &Statement, proof_hash: B256, content: B256) -> Result<Done, ChainError> {
        let (id, assignment) = self.admit(statement).await?;
        let call = IClaimRegistry::attestCall {
            modelId: statement.model_id,
            assignment,
            publicValuesHash: keccak256(statement.public_values.as_bytes()),
            proofHash: proof_hash,
            contentHash: content,
        };
        let act = self.act("the attestation of the statement".into(), &call, id, NewState::claims(1));
        self.perform(&act, async || Ok(self.registry.stage(id).await? != Stage::None)).await
    }

    /// Posts an Optimistic claim with its bond: None -> Open.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn post(&self, statement: &Statement) -> Result<Done, ChainError> {
        let (id, assignment) = self.admit(statement).await?;
        let public_values = statement.public_values.as_bytes().clone();
        let call = IClaimRegistry::postCall { modelId: statement.model_id, assignment, publicValues: public_values };
        let bond = self.registry.terms.bond;
        let what = format!("the Optimistic claim with its bond of {}", self.amount(bond));
        let act = Act { value: bond, ..self.act(what, &call, id, NewState::claims(1)) };
        self.perform(&act, async || Ok(self.registry.stage(id).await? > Stage::Attested)).await
    }

    /// Has a proof judged: None, Attested -> Verified.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn submit(&self, statement: &Statement, proof: &Bytes) -> Result<Done, ChainError> {
        let (id, assignment) = self.admit(statement).await?;
        let call = IClaimRegistry::submitCall {
            modelId: statement.model_id,
            assignment,
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let act = self.act("the submission of the claim".into(), &call, id, NewState::claims(1));
        self.perform(&act, async || self.is_verified(id).await).await
    }

    /// Takes over what the proof registry has verified, as an answer too: -> Verified, without a proof.
    ///
    /// # Errors
    /// As [`Claims::attest`], but anybody may do it.
    pub async fn adopt(&self, statement: &Statement) -> Result<Done, ChainError> {
        let (id, assignment) = self.open_statement(statement)?;
        let call = IClaimRegistry::adoptCall {
            modelId: statement.model_id,
            assignment,
            publicValuesHash: keccak256(statement.public_values.as_bytes()),
        };
        let act = self.act("the adoption of the claim".into(), &call, id, NewState::claims(2));
        self.perform(&act, async || self.is_verified(id).await).await
    }

    /// Proves an Optimistic claim, challenged or not: -> Verified; bond and fee become a credit.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn answer(&self, statement: &Statement, proof: &Bytes) -> Result<Done, ChainError> {
        let (id, assignment) = self.open_own(statement)?;
        let call = IClaimRegistry::answerCall {
            modelId: statement.model_id,
            assignment,
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let act = self.act("the answer to the challenge".into(), &call, id, NewState::claims(1));
        self.perform(&act, async || self.is_verified(id).await).await
    }

    /// Objects to a claim, and brings the fee: Open -> Challenged.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn challenge(&self, statement_id: B256) -> Result<Done, ChainError> {
        let call = IClaimRegistry::challengeCall { statementId: statement_id };
        let fee = self.registry.terms.fee;
        let what = format!("the challenge with its fee of {}", self.amount(fee));
        let act = Act { value: fee, ..self.act(what, &call, statement_id, NewState::claims(1)) };
        let me = self.client.address();
        self.perform(&act, async || Ok(self.registry.challenger(statement_id).await? == me)).await
    }

    /// Ends a claim whose time is over, whatever the end is.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn finalize(&self, claim: &ClaimState) -> Result<Done, ChainError> {
        let call = IClaimRegistry::finalizeCall {
            modelId: claim.model_id,
            assignment: (&claim.assignment).into(),
            publicValuesHash: claim.public_values_hash,
        };
        let id = claim.statement_id;
        let act = self.act("the end of the claim".into(), &call, id, NewState::claims(2));
        self.perform(&act, async || {
            Ok(matches!(self.registry.stage(id).await?, Stage::Final | Stage::Slashed | Stage::Void))
        })
        .await
    }

    /// Posts a batch with the bonds of all its leaves: None -> Open. The leaves are kept in the outbox: no chain holds them.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn post_batch(&self, batch: &ClaimBatch, content: B256) -> Result<Done, ChainError> {
        let Some(first) = batch.statement(0) else {
            return Err(ChainError::WrongContext("the batch has no leaves".into()));
        };
        self.admit(&first).await?;
        let (id, of) = (batch.id(self.registry.address), batch.batch());
        self.outbox.keep_batch(batch.chain_id, id, batch)?;
        let call = IClaimRegistry::postBatchCall { batch: of, contentHash: content };
        let bonds = self.registry.terms.bond.saturating_mul(U256::from(of.count));
        let what = format!("the batch of {} Optimistic claims with its bond of {}", of.count, self.amount(bonds));
        let act = Act { value: bonds, ..self.act(what, &call, id, NewState::claims(2)) };
        self.perform(&act, async || Ok(self.batch_stage(id).await? != Stage::None)).await
    }

    /// Objects to a leaf of a batch, and brings the fee.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn challenge_leaf(&self, batch_id: B256, index: u16) -> Result<Done, ChainError> {
        let call = IClaimRegistry::challengeLeafCall { batchId: batch_id, index };
        let fee = self.registry.terms.fee;
        let what = format!("the challenge of leaf {index} with its fee of {}", self.amount(fee));
        let act = Act { value: fee, ..self.act(what, &call, of_leaf(batch_id, index), NewState::claims(1)) };
        let me = self.client.address();
        self.perform(&act, async || Ok(self.registry.leaf(batch_id, index).await?.0 == me)).await
    }

    /// Shows challenged leaves with one proof of all of them, in this order.
    ///
    /// # Errors
    /// As [`Claims::attest`]; [`ChainError::WrongContext`] for a leaf that the batch does not have.
    pub async fn answer_leaves(&self, batch: &ClaimBatch, indexes: &[u16], proof: &Bytes) -> Result<Done, ChainError> {
        let id = batch.id(self.registry.address);
        let wrong = || ChainError::WrongContext("the batch has no such leaf".into());
        for &index in indexes {
            self.open_own(&batch.statement(usize::from(index)).ok_or_else(wrong)?)?;
        }
        let leaves = batch.shown(indexes).ok_or_else(wrong)?;
        let call = IClaimRegistry::answerLeavesCall { batch: batch.batch(), leaves, proof: proof.clone() };
        let what = match indexes {
            [one] => format!("the answer to the challenge of leaf {one}"),
            several => format!("the answer to {} challenges", several.len()),
        };
        let act = self.act(what, &call, id, NewState::claims(indexes.len() + 1));
        self.perform(&act, async || {
            for &index in indexes {
                if self.registry.leaf(id, index).await?.1 != LeafStage::Answered {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Ends a batch whose time is over.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn finalize_batch(&self, batch: &BatchState) -> Result<Done, ChainError> {
        let (id, call) = (batch.batch_id, IClaimRegistry::finalizeBatchCall { batch: batch.batch() });
        let act = self.act("the end of the batch".into(), &call, id, NewState::claims(1));
        self.perform(&act, async || Ok(matches!(self.batch_stage(id).await?, Stage::Final | Stage::Void))).await
    }

    /// Ends a batch with a challenge that was not answered in time.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn slash_batch(&self, batch: &BatchState, index: u16) -> Result<Done, ChainError> {
        let (id, call) = (batch.batch_id, IClaimRegistry::slashBatchCall { batch: batch.batch(), index });
        let act = self.act(format!("the end of the batch by leaf {index}"), &call, id, NewState::claims(2));
        self.perform(&act, async || Ok(self.batch_stage(id).await? == Stage::Slashed)).await
    }

    /// Gives the fee of a challenge back that was open when its batch ended otherwise.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn return_fee(&self, batch_id: B256, index: u16) -> Result<Done, ChainError> {
        let call = IClaimRegistry::returnFeeCall { batchId: batch_id, index };
        let what = format!("the return of the fee for leaf {index}");
        let act = self.act(what, &call, of_leaf(batch_id, index), NewState::claims(1));
        self.perform(&act, async || Ok(self.registry.leaf(batch_id, index).await?.1 == LeafStage::Settled)).await
    }

    /// Pays an account's whole credit: to itself, or the caller's own to somebody else.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] for somebody else's credit to a third; others of [`ChainError`].
    pub async fn withdraw(&self, account: Address, to: Option<Address>) -> Result<Done, ChainError> {
        let what = "the payment of the credit".to_owned();
        let act = match to {
            None => {
                let call = IClaimRegistry::withdrawCall { account };
                self.act(what, &call, account.into_word(), NewState::default())
            }
            Some(to) if account == self.client.address() => {
                let call = IClaimRegistry::withdrawToCall { to };
                self.act(what, &call, to.into_word(), NewState::default())
            }
            Some(_) => {
                return Err(ChainError::WrongContext(format!(
                    "the credit of {account} is paid elsewhere by its own key only"
                )));
            }
        };
        self.perform(&act, async || Ok(self.registry.credit(account).await?.is_zero())).await
    }

    /// Does an act unless it is done, whatever became of earlier attempts.
    async fn perform(
        &self,
        act: &Act,
        is_done: impl AsyncFn() -> Result<bool, ChainError>,
    ) -> Result<Done, ChainError> {
        let (sender, chain_id) = (&self.client.sender, self.client.node().chain_id());
        let mut entry = self.outbox.open_as(chain_id, self.registry.address, self.name(act), vec![act.about])?;
        if unless_interrupted(&*sender.operator, &act.what, is_done()).await? {
            return Ok(Done { mined: sender.earlier(&act.what, &entry).await?, done_before: true });
        }
        let (intent, kept) = (act.intent(self.registry.address), entry.transactions().to_vec());
        for signed in kept.iter().rev() {
            if let Some(mined) = sender.resume(&intent, signed).await?
                // One of long ago may have done as much, and be undone since.
                && is_done().await?
            {
                return Ok(Done { mined: Some(mined), done_before: false });
            }
        }
        let nonce = sender.kept_nonce(&kept).await?;
        let mined = sender.send(&intent, Some(&mut entry), nonce).await?;
        self.confirm(act, &mined, is_done).await?;
        Ok(Done { mined: Some(mined), done_before: false })
    }

    /// The registry says that it is done. A node that is behind is given some time: the receipt is there already.
    async fn confirm(
        &self,
        act: &Act,
        mined: &Mined,
        is_done: impl AsyncFn() -> Result<bool, ChainError>,
    ) -> Result<(), ChainError> {
        let mut reason = String::new();
        for _ in 0..READ_BACKS {
            match is_done().await {
                Ok(true) => return Ok(()),
                Ok(false) => reason = "the registry does not say so, as far as this node tells".into(),
                Err(error) => reason = error.to_string(),
            }
            tokio::time::sleep(READ_BACK_PAUSE).await;
        }
        let (hash, block) = (mined.transaction_hash, mined.block_number);
        let reason = format!("transaction {hash} is in block {block}, but {reason}");
        Err(ChainError::Unexpected { what: act.what.clone(), reason })
    }

    /// The outbox' name of an act: who does what about what, and where.
    fn name(&self, act: &Act) -> B256 {
        let selector = act.data.get(..4).unwrap_or_default();
        let mut bytes = b"zkinfer/outbox/act/v1".to_vec();
        bytes.extend(self.client.node().chain_id().to_be_bytes());
        bytes.extend_from_slice(
            &[self.registry.address.as_slice(), self.client.address().as_slice(), selector].concat(),
        );
        bytes.extend_from_slice(act.about.as_slice());
        keccak256(bytes)
    }

    fn act<C: SolCall>(&self, what: String, call: &C, about: B256, new_state: NewState) -> Act {
        Act { what, data: call.abi_encode().into(), value: U256::ZERO, about, new_state }
    }

    fn amount(&self, wei: U256) -> String {
        money::amount(wei, self.client.node().chain_id())
    }

    async fn is_verified(&self, statement_id: B256) -> Result<bool, ChainError> {
        Ok(self.registry.stage(statement_id).await? == Stage::Verified)
    }

    async fn batch_stage(&self, batch_id: B256) -> Result<Stage, ChainError> {
        Ok(self.registry.batch(batch_id).await?.stage.into())
    }

    /// A statement that this account may claim here, of a model that has a business on this chain.
    async fn admit(&self, statement: &Statement) -> Result<(B256, IClaimRegistry::Assignment), ChainError> {
        let opened = self.open_own(statement)?;
        release::admit_model(self.client.node(), self.registry.models, statement.model_id).await?;
        Ok(opened)
    }

    /// A statement that is this account's to submit.
    fn open_own(&self, statement: &Statement) -> Result<(B256, IClaimRegistry::Assignment), ChainError> {
        let (id, assignment) = self.open_statement(statement)?;
        let (theirs, ours) = (assignment.submitter, self.client.address());
        if theirs != ours {
            let reason = format!("only {theirs} may submit it, and the key is that of {ours}");
            return Err(ChainError::WrongContext(reason));
        }
        Ok((id, assignment))
    }

    fn open_statement(&self, statement: &Statement) -> Result<(B256, IClaimRegistry::Assignment), ChainError> {
        let Context::Chain { chain_id, registry, assignment } = &statement.context else {
            return Err(ChainError::WrongContext("it is made for no chain; make it for this registry first".into()));
        };
        let (here, proofs) = (self.client.node().chain_id(), self.registry.proofs);
        if (*chain_id, *registry) != (here, proofs) {
            return Err(ChainError::WrongContext(format!(
                "it is made for registry {registry} on chain {chain_id}, and the claim registry stands beside {proofs} on \
                 chain {here}"
            )));
        }
        let assignment: &Assignment = assignment;
        Ok((statement.id(), assignment.into()))
    }
}

impl Act {
    fn intent(&self, registry: Address) -> Intent {
        let (to, data) = (Some(registry), self.data.clone());
        Intent { what: self.what.clone(), to, data, value: self.value, new_state: self.new_state }
    }
}

/// What names a leaf of a batch.
fn of_leaf(batch_id: B256, index: u16) -> B256 {
    keccak256([batch_id.as_slice(), &index.to_be_bytes()].concat())
}
