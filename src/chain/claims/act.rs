//! Acting on a claim registry: every act once, however often it is asked for.
//!
//! An act is looked up before it is paid for. If the registry has it already, nothing is sent; else it is seen through by the account's
//! journal, as everything that must be done exactly once: what was sent by an earlier run is waited for, what was lost is sent again
//! with the same nonce. So a bond or a fee is brought once, whatever happened in between.

use super::{BatchState, ClaimBatch, ClaimRegistry, ClaimState, LeafStage, Stage};
use crate::{
    chain::{
        ChainError, Client, Mined, Outbox,
        bindings::IClaimRegistry,
        money,
        operator::unless_interrupted,
        release,
        submitter::{
            Chain, Intent, Kind, Look, Phase, Test,
            acts::{Desk, number},
        },
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
/// How many answers to one challenge are looked for.
const ROUNDS: u64 = 8;

/// An account's acts on one claim registry.
#[derive(Debug)]
pub struct Claims<'a> {
    client: &'a Client,
    outbox: &'a Outbox,
    registry: ClaimRegistry,
    desk: Desk,
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

impl<'a> Claims<'a> {
    /// For the client's account, on the registry at an address. What is sent is kept first, in the account's journal beside the outbox.
    ///
    /// # Errors
    /// As [`ClaimRegistry::at`].
    pub async fn open(client: &'a Client, outbox: &'a Outbox, registry: Address) -> Result<Self, ChainError> {
        let registry = ClaimRegistry::at(client.node(), registry).await?;
        let desk = Desk::of(&registry, client.address());
        Ok(Self { client, outbox, registry, desk })
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
        let intent = self.desk.attest(statement, proof_hash, content)?;
        self.admit(statement.model_id).await?;
        self.claim("attest", intent).await
    }

    /// Posts an Optimistic claim with its bond: None -> Open.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn post(&self, statement: &Statement) -> Result<Done, ChainError> {
        let intent = self.desk.post(statement)?;
        self.admit(statement.model_id).await?;
        self.claim("post", intent).await
    }

    /// Has a proof judged: None, Attested -> Verified.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn submit(&self, statement: &Statement, proof: &Bytes) -> Result<Done, ChainError> {
        let intent = self.desk.verify(statement, proof)?;
        self.admit(statement.model_id).await?;
        self.claim("submit", intent).await
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
        let done = vec![self.desk.claim_is(id, Test::Equals(number(Stage::Verified)))];
        let act = self.act("adopt", "the adoption of the claim".into(), &call, id, done);
        self.perform(Intent { records: 2, ..act }).await
    }

    /// Proves an Optimistic claim, challenged or not: -> Verified; bond and fee become a credit.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn answer(&self, statement: &Statement, proof: &Bytes) -> Result<Done, ChainError> {
        let id = statement.id();
        let round = self.round(|round| self.desk.answer_id(id, round)).await?;
        self.perform(asked_for(self.desk.answer(statement, proof, u64::MAX, round)?)).await
    }

    /// Objects to a claim, and brings the fee: Open -> Challenged.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn challenge(&self, statement_id: B256) -> Result<Done, ChainError> {
        let call = IClaimRegistry::challengeCall { statementId: statement_id };
        let fee = self.registry.terms.fee;
        let what = format!("the challenge with its fee of {}", self.amount(fee));
        let challenger = IClaimRegistry::challengerOfCall { statementId: statement_id };
        let done = vec![self.is_me(&challenger)];
        let act = self.act("challenge", what, &call, statement_id, done);
        self.perform(Intent { value: fee, ..act }).await
    }

    /// Ends a claim whose time is over, whatever the end is.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn finalize(&self, claim: &ClaimState) -> Result<Done, ChainError> {
        // Verified is an end for the watchtower alone.
        let done = vec![self.desk.claim_is(claim.statement_id, Test::AtLeast(number(Stage::Final)))];
        self.perform(Intent { done, ..asked_for(self.desk.finalize(claim, None)) }).await
    }

    /// Posts a batch with the bonds of all its leaves: None -> Open. The leaves are kept in the outbox: no chain holds them.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn post_batch(&self, batch: &ClaimBatch, content: B256) -> Result<Done, ChainError> {
        let intent = self.desk.post_batch(batch, content)?;
        self.admit(batch.model_id).await?;
        self.outbox.keep_batch(batch.chain_id, batch.id(self.registry.address), batch)?;
        self.perform(intent).await
    }

    /// Objects to a leaf of a batch, and brings the fee.
    ///
    /// # Errors
    /// As [`Claims::attest`].
    pub async fn challenge_leaf(&self, batch_id: B256, index: u16) -> Result<Done, ChainError> {
        let call = IClaimRegistry::challengeLeafCall { batchId: batch_id, index };
        let fee = self.registry.terms.fee;
        let what = format!("the challenge of leaf {index} with its fee of {}", self.amount(fee));
        // The first word of a leaf's record is who challenged it.
        let done = vec![self.is_me(&IClaimRegistry::leafCall { batchId: batch_id, index })];
        let act = self.act("challenge leaf", what, &call, of_leaf(batch_id, index), done);
        self.perform(Intent { value: fee, ..act }).await
    }

    /// Shows challenged leaves with one proof of all of them, in this order.
    ///
    /// # Errors
    /// As [`Claims::attest`]; [`ChainError::WrongContext`] for a leaf that the batch does not have.
    pub async fn answer_leaves(&self, batch: &ClaimBatch, indexes: &[u16], proof: &Bytes) -> Result<Done, ChainError> {
        let id = batch.id(self.registry.address);
        let round = self.round(|round| self.desk.leaves_id(id, indexes, round)).await?;
        self.perform(asked_for(self.desk.answer_leaves(batch, indexes, proof, u64::MAX, round)?)).await
    }

    /// Ends a batch whose time is over.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn finalize_batch(&self, batch: &BatchState) -> Result<Done, ChainError> {
        let is = |test| self.desk.batch_is(batch.batch_id, test);
        let done = vec![is(Test::AtLeast(number(Stage::Final))), is(Test::Differs(number(Stage::Slashed)))];
        self.perform(Intent { done, ..asked_for(self.desk.finalize_batch(batch, None)) }).await
    }

    /// Ends a batch with a challenge that was not answered in time.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn slash_batch(&self, batch: &BatchState, index: u16) -> Result<Done, ChainError> {
        let (id, call) = (batch.batch_id, IClaimRegistry::slashBatchCall { batch: batch.batch(), index });
        let done = vec![self.desk.batch_is(id, Test::Equals(number(Stage::Slashed)))];
        let act = self.act("slash batch", format!("the end of the batch by leaf {index}"), &call, id, done);
        self.perform(Intent { records: 2, ..act }).await
    }

    /// Gives the fee of a challenge back that was open when its batch ended otherwise.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn return_fee(&self, batch_id: B256, index: u16) -> Result<Done, ChainError> {
        let call = IClaimRegistry::returnFeeCall { batchId: batch_id, index };
        let done = vec![self.desk.leaf_is(batch_id, index, LeafStage::Settled)];
        let what = format!("the return of the fee for leaf {index}");
        self.perform(self.act("return fee", what, &call, of_leaf(batch_id, index), done)).await
    }

    /// Pays an account's whole credit: to itself, or the caller's own to somebody else.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] for somebody else's credit to a third; others of [`ChainError`].
    pub async fn withdraw(&self, account: Address, to: Option<Address>) -> Result<Done, ChainError> {
        let me = self.client.address();
        let (data, about) = match to {
            None => (IClaimRegistry::withdrawCall { account }.abi_encode(), account.into_word()),
            Some(to) if account == me => (IClaimRegistry::withdrawToCall { to }.abi_encode(), to.into_word()),
            Some(_) => {
                return Err(ChainError::WrongContext(format!(
                    "the credit of {account} is paid elsewhere by its own key only"
                )));
            }
        };
        // A credit is paid whenever there is one: every payment is an act of its own.
        let name = |before: u64| match to {
            None if account == me => self.desk.withdrawal_id(before),
            None => self.desk.name("withdraw for", about, &before.to_be_bytes()),
            Some(_) => self.desk.name("withdraw to", about, &before.to_be_bytes()),
        };
        let is_owed = !self.registry.credit(account).await?.is_zero();
        let before = match self.client.sender.last_of(self.outbox, u64::MAX, &name).await? {
            None => 0,
            Some((last, Phase::Mined | Phase::Confirmed | Phase::Finalized | Phase::Replaced)) if is_owed => last + 1,
            Some((last, _)) => last,
        };
        let credit = IClaimRegistry::creditCall { account }.abi_encode().into();
        let done = vec![Look { to: self.registry.address, data: credit, word: 0, test: Test::Equals(U256::ZERO) }];
        let what = "the payment of the credit";
        let act = Intent::new(name(before), Kind::Withdrawal, what, self.registry.address, data.into());
        self.perform(Intent { done, ..act }).await
    }

    /// Claims a statement. In a journal a claim that the submitter posts has the statement's id; one that is asked for has a name of
    /// its own, unless it is that very claim: a statement may be attested, and proven later.
    async fn claim(&self, act: &str, intent: Intent) -> Result<Done, ChainError> {
        if self.client.sender.keeps(self.outbox, &intent).await? {
            return self.perform(intent).await;
        }
        let id = self.desk.name(act, intent.id, &[]);
        self.perform(Intent { id, ..intent }).await
    }

    /// Does an act unless it is done, whatever became of earlier attempts.
    async fn perform(&self, intent: Intent) -> Result<Done, ChainError> {
        let (sender, what) = (&self.client.sender, &*intent.what);
        if unless_interrupted(&*sender.operator, what, self.is_done(&intent)).await? {
            sender.until_deep(&intent).await?;
            return Ok(Done { mined: sender.did(self.outbox, what, intent.id).await?, done_before: true });
        }
        let mined = sender.see_through(self.outbox, &intent).await?;
        if let Some(mined) = &mined {
            self.confirm(&intent, mined).await?;
        }
        Ok(Done { done_before: mined.is_none(), mined })
    }

    async fn is_done(&self, intent: &Intent) -> Result<bool, ChainError> {
        self.client.sender.endpoints()?.is_done(intent, None).await
    }

    /// The registry says that it is done. A node that is behind is given some time: the receipt is there already.
    async fn confirm(&self, intent: &Intent, mined: &Mined) -> Result<(), ChainError> {
        let mut reason = String::new();
        for _ in 0..READ_BACKS {
            match self.is_done(intent).await {
                Ok(true) => return Ok(()),
                Ok(false) => reason = "the registry does not say so, as far as this node tells".into(),
                Err(error) => reason = error.to_string(),
            }
            tokio::time::sleep(READ_BACK_PAUSE).await;
        }
        let (hash, block) = (mined.transaction_hash, mined.block_number);
        let reason = format!("transaction {hash} is in block {block}, but {reason}");
        Err(ChainError::Unexpected { what: intent.what.clone(), reason })
    }

    /// The last round of answers that the journal has.
    async fn round(&self, id: impl Fn(u8) -> B256) -> Result<u8, ChainError> {
        let name = |round: u64| id(u8::try_from(round).unwrap_or(u8::MAX));
        let last = self.client.sender.last_of(self.outbox, ROUNDS, &name).await?;
        Ok(last.map_or(0, |(round, _)| u8::try_from(round).unwrap_or(u8::MAX)))
    }

    fn act<C: SolCall>(&self, act: &str, what: String, call: &C, about: B256, done: Vec<Look>) -> Intent {
        let id = self.desk.name(act, about, &[]);
        Intent { done, ..Intent::new(id, Kind::Other, what, self.registry.address, call.abi_encode().into()) }
    }

    /// That this account is the first word of an answer.
    fn is_me<C: SolCall>(&self, question: &C) -> Look {
        let me = U256::from_be_bytes(self.client.address().into_word().0);
        let data = question.abi_encode().into();
        Look { to: self.registry.address, data, word: 0, test: Test::Equals(me) }
    }

    fn amount(&self, wei: U256) -> String {
        money::amount(wei, self.client.node().chain_id())
    }

    /// A model that has a business on this chain.
    async fn admit(&self, model_id: B256) -> Result<(), ChainError> {
        release::admit_model(self.client.node(), self.registry.models, model_id).await
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

/// An act that somebody asked for: whether it is worth its price, they know.
fn asked_for(act: Intent) -> Intent {
    Intent { max_cost: None, deadline: act.deadline.filter(|until| *until < u64::MAX), ..act }
}

/// What names a leaf of a batch.
fn of_leaf(batch_id: B256, index: u16) -> B256 {
    keccak256([batch_id.as_slice(), &index.to_be_bytes()].concat())
}
