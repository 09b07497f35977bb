//! Makes what was decided: statements for the chain, their proofs where proofs bind them, and what has to be kept.

use super::{IntakeError, Item, Plan};
use crate::{
    chain::{
        ChainError, Outbox,
        claims::{ClaimBatch, LeafClaim},
        submitter::{
            Intent,
            acts::Desk,
            keeping::Keeping,
            of_bundle,
            policy::{Assurance, Grouping},
            prover::{Prover, ProverError, prove},
        },
    },
    evm::artifacts::is_native_verifier,
    proof::{Assignment, Bundle, Context, Statement, identity::batch_id},
    storage::ContentStore,
};
use alloy::primitives::{Address, B256};

/// Where claims go, and who makes them.
#[derive(Clone, Copy, Debug)]
pub struct Where {
    /// The chain.
    pub chain_id: u64,
    /// Who submits.
    pub account: Address,
    /// The proof registry whose statement ids are used.
    pub proofs: Address,
    /// Whether proofs go to that one; else to the claim registry.
    pub has_proof_registry: bool,
    /// The claim registry, if there is one.
    pub desk: Option<Desk>,
}

impl Where {
    /// The id of the intent that a plan leads to: it follows from the statements alone.
    pub(super) fn id(&self, plan: &Plan, bundles: &[&Bundle]) -> Result<B256, IntakeError> {
        let statements = self.statements(plan, bundles);
        Ok(match plan.grouping {
            Grouping::MerkleBatch => self.claim_batch(plan, bundles)?.id(self.desk()?.claims),
            Grouping::NativeBatch if statements.len() > 1 => {
                batch_id(&statements.iter().map(Statement::id).collect::<Vec<_>>())
            }
            _ => statements.first().map(Statement::id).unwrap_or_default(),
        })
    }

    /// The statements, made for the chain.
    fn statements(&self, plan: &Plan, bundles: &[&Bundle]) -> Vec<Statement> {
        let make = |(part, bundle): (&super::Part, &&Bundle)| {
            let assignment =
                Assignment { submitter: self.account, consumer: part.consumer, job: part.job, deadline: plan.deadline };
            let context = Context::Chain { chain_id: self.chain_id, registry: self.proofs, assignment };
            Statement { context, ..bundle.statement().clone() }
        };
        plan.parts.iter().zip(bundles).map(make).collect()
    }

    fn claim_batch(&self, plan: &Plan, bundles: &[&Bundle]) -> Result<ClaimBatch, IntakeError> {
        let consumer = plan.parts.first().map(|part| part.consumer).unwrap_or_default();
        let assignment = Assignment { submitter: self.account, consumer, job: B256::ZERO, deadline: plan.deadline };
        let leaf = |(part, bundle): (&super::Part, &&Bundle)| LeafClaim {
            job: part.job,
            public_values: bundle.statement().public_values.as_bytes().clone(),
        };
        let leaves = plan.parts.iter().zip(bundles).map(leaf).collect();
        ClaimBatch::new(self.chain_id, self.proofs, plan.model_id, &assignment, leaves)
            .map_err(|error| IntakeError::Refused(error.to_string()))
    }

    fn desk(&self) -> Result<&Desk, IntakeError> {
        let missing = || ChainError::WrongContext("the policy names no claim registry".into());
        Ok(self.desk.as_ref().ok_or_else(missing)?)
    }
}

/// The intent of a plan, whose content and answers are kept when this returns. Blocks.
pub(super) fn intent(
    place: &Where,
    plan: &Plan,
    items: &[&Item],
    prover: &dyn Prover,
    outbox: &Outbox,
    stores: &[Box<dyn ContentStore>],
) -> Result<Intent, IntakeError> {
    let claims = place.desk.map(|desk| desk.claims).unwrap_or_default();
    let keeping = Keeping { outbox, prover, stores, claims };
    let bundles: Vec<&Bundle> = items.iter().map(|item| &item.bundle).collect();
    let statements = place.statements(plan, &bundles);
    let openings = openings(items, prover)?;
    let openings = openings.as_deref();
    match (plan.assurance, &statements[..], items) {
        (Assurance::Optimistic, ..) if plan.grouping == Grouping::MerkleBatch => {
            let (batch, desk) = (place.claim_batch(plan, &bundles)?, place.desk()?);
            let content = keeping.secure_batch(&batch, openings)?;
            Ok(desk.post_batch(&batch, content)?)
        }
        (Assurance::Optimistic, [statement], [item]) => {
            let made = moved(&item.bundle, statement);
            keeping.secure(statement, made.as_ref(), openings)?;
            Ok(place.desk()?.post(statement)?)
        }
        (Assurance::Attested, [statement], [item]) => {
            let bundle = bound(&item.bundle, statement, prover, openings)?;
            // What was just proven has been verified; what was moved has not, and no contract looks at it.
            prover.verify(&bundle)?;
            let content = keeping.publish(&bundle.to_json())?;
            let proof_hash = bundle.manifest().proof_hash;
            Ok(place.desk()?.attest(statement, proof_hash, B256::from(*content.blake3()))?)
        }
        (Assurance::Verified, [statement], [item]) => {
            let bundle = bound(&item.bundle, statement, prover, openings)?;
            outbox.keep_bundle(&bundle)?;
            if place.has_proof_registry {
                return Ok(of_bundle(&bundle, place.chain_id, place.account)?);
            }
            Ok(place.desk()?.verify(statement, bundle.proof())?)
        }
        (Assurance::Verified, several, _) if plan.grouping == Grouping::NativeBatch => {
            let ability = prover.ability(plan.model_id)?.ok_or(ProverError::NoArtifacts(plan.model_id))?;
            if several.len() > ability.max_batch {
                return Err(IntakeError::Refused(format!(
                    "one proof of this model is about at most {} statements: lower `batch.size` to it",
                    ability.max_batch
                )));
            }
            let bundle = prove(prover, several, openings)?;
            outbox.keep_bundle(&bundle)?;
            Ok(of_bundle(&bundle, place.chain_id, place.account)?)
        }
        _ => Err(IntakeError::Refused("several statements do not go together like this".into())),
    }
}

/// The bundle for a statement: the same proof where it binds no context, else a new one.
fn bound(
    bundle: &Bundle,
    statement: &Statement,
    prover: &dyn Prover,
    openings: Option<&[u8]>,
) -> Result<Bundle, IntakeError> {
    match moved(bundle, statement) {
        Some(bundle) => Ok(bundle),
        None => Ok(prove(prover, std::slice::from_ref(statement), openings)?),
    }
}

/// The bundle with the statement's context, if its proof binds none. The adapter decides, not the manifest's word.
fn moved(bundle: &Bundle, statement: &Statement) -> Option<Bundle> {
    if is_native_verifier(bundle.manifest().adapter_id) {
        return None;
    }
    bundle.clone().with_context(statement.context).ok()
}

/// What opens all of them, in their order; `None` when none hides anything.
fn openings(items: &[&Item], prover: &dyn Prover) -> Result<Option<Vec<u8>>, IntakeError> {
    let given: Vec<&[u8]> = items.iter().filter_map(|item| item.openings.as_deref()).collect();
    match (given.len(), items.len()) {
        (0, _) => Ok(None),
        (given, all) if given != all => Err(ProverError::NoOpenings.into()),
        (1, _) => Ok(given.first().map(|openings| openings.to_vec())),
        _ => Ok(Some(prover.join_openings(&given)?)),
    }
}
