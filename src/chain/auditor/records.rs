//! What the registry emitted and holds, beside what follows from the calldata.

use super::{
    report::{ClaimFacts, Facts},
    submission::Submission,
};
use crate::{
    chain::{
        ChainError, Node,
        bindings::IProofRegistry::{Assurance, BatchRecorded, ClaimRecorded},
        client::read_claim,
    },
    proof::{Assignment, Statement},
};
use alloy::{
    primitives::{B256, Log, U256, keccak256},
    sol_types::SolEvent,
};

impl Submission {
    /// The events of the registry in this transaction: one per statement, in order, and that of the batch. Returns the
    /// only word of each that does not follow from the calldata; the record is compared with it.
    pub(super) fn events(&self, facts: &Facts) -> Result<Vec<bool>, String> {
        let logs: Vec<&Log> =
            self.receipt.inner.logs().iter().map(|log| &log.inner).filter(|log| log.address == self.registry).collect();
        let expected = self.statements.len() + usize::from(self.is_batch);
        if logs.len() != expected {
            return Err(format!("the registry did not emit exactly {expected} event(s), but {}", logs.len()));
        }
        let (claims, batch) = logs.split_at(self.statements.len());
        if let (Some(log), Some(batch)) = (batch.first(), &facts.batch) {
            let expected = BatchRecorded {
                batchId: batch.batch_id,
                modelId: self.model_id,
                submitter: facts.submitter,
                count: U256::from(batch.batch_size),
                proofHash: facts.proof_hash,
            };
            batch_event(log, &expected)?;
        }
        let items = self.statements.iter().zip(&self.assignments).zip(claims);
        items.map(|((statement, assignment), log)| claim_event(log, statement, assignment, facts.proof_hash)).collect()
    }

    /// The records of the audited claims.
    pub(super) async fn claims(&self, node: &Node, facts: &Facts) -> Result<Result<String, String>, ChainError> {
        for claim in &facts.claims {
            if let Err(reason) = self.claim(node, claim).await? {
                let several = self.statements.len() > 1;
                return Ok(Err(if several { format!("statement {}: {reason}", claim.statement_id) } else { reason }));
            }
        }
        let count = if self.is_batch { format!("{} recorded", facts.claims.len()) } else { "recorded".into() };
        Ok(Ok(format!("{count} at {} as verified", self.block_timestamp)))
    }

    async fn claim(&self, node: &Node, facts: &ClaimFacts) -> Result<Result<String, String>, ChainError> {
        let claim = match read_claim(node, self.registry, facts.statement_id).await {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(Err("it has no claim of this statement".into())),
            Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let sender = self.transaction.inner.signer();
        Ok(if !claim.verified || claim.submitter != sender {
            Err("its record is of another submitter, or not of a verified proof".into())
        } else if claim.recorded_at != self.block_timestamp || claim.recorded_at > facts.deadline {
            Err(format!(
                "it was recorded at {}, but the block is of {} and the deadline {}",
                claim.recorded_at, self.block_timestamp, facts.deadline
            ))
        } else if facts.transferable.is_some_and(|transferable| transferable != claim.transferable) {
            Err("its record and the event disagree about whether the proof is transferable".into())
        } else {
            Ok(String::new())
        })
    }
}

fn batch_event(log: &Log, expected: &BatchRecorded) -> Result<(), String> {
    let event = BatchRecorded::decode_log_validate(log).map_err(|error| error.to_string())?.data;
    if event == *expected { Ok(()) } else { Err(format!("it says {event:?}, and the calldata {expected:?}")) }
}

/// Whether the event says what the calldata say, and then what it says of `transferable`.
fn claim_event(log: &Log, statement: &Statement, assignment: &Assignment, proof_hash: B256) -> Result<bool, String> {
    let event = ClaimRecorded::decode_log_validate(log).map_err(|error| error.to_string())?.data;
    let expected = ClaimRecorded {
        statementId: statement.id(),
        modelId: statement.model_id,
        submitter: assignment.submitter,
        consumer: assignment.consumer,
        job: assignment.job,
        deadline: assignment.deadline,
        publicValuesHash: keccak256(statement.public_values.as_bytes()),
        proofHash: proof_hash,
        assurance: Assurance::Verified,
        transferable: event.transferable,
    };
    if event == expected {
        Ok(event.transferable)
    } else {
        Err(format!("it says {event:?}, and the calldata {expected:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{Context, PublicValues};
    use alloy::primitives::Address;

    const A: B256 = B256::repeat_byte(0xa);
    const B: B256 = B256::repeat_byte(0xb);
    const REGISTRY: Address = Address::repeat_byte(1);

    fn log(event: &impl SolEvent) -> Log {
        Log { address: REGISTRY, data: event.encode_log_data() }
    }

    fn statement() -> (Statement, Assignment) {
        let (submitter, consumer) = (Address::repeat_byte(2), Address::repeat_byte(3));
        let assignment = Assignment { submitter, consumer, job: A, deadline: 7 };
        let public_values = PublicValues::from_bytes(vec![1, 2].into());
        let context = Context::Chain { chain_id: 1, registry: REGISTRY, assignment };
        (Statement { model_id: B, public_values, context }, assignment)
    }

    fn recorded(statement: &Statement, assignment: &Assignment) -> ClaimRecorded {
        ClaimRecorded {
            statementId: statement.id(),
            modelId: statement.model_id,
            submitter: assignment.submitter,
            consumer: assignment.consumer,
            job: assignment.job,
            deadline: assignment.deadline,
            publicValuesHash: keccak256(statement.public_values.as_bytes()),
            proofHash: A,
            assurance: Assurance::Verified,
            transferable: true,
        }
    }

    /// Whatever word of a claim's event is another one, it is not the event of this statement and proof.
    #[test]
    fn every_word_of_a_claims_event_is_compared() {
        let (statement, assignment) = statement();
        let check = |event: &ClaimRecorded| claim_event(&log(event), &statement, &assignment, A);
        let honest = recorded(&statement, &assignment);
        assert_eq!(check(&honest), Ok(true));
        assert_eq!(check(&ClaimRecorded { transferable: false, ..honest.clone() }), Ok(false));
        for other in [
            ClaimRecorded { statementId: B, ..honest.clone() },
            ClaimRecorded { modelId: A, ..honest.clone() },
            ClaimRecorded { submitter: REGISTRY, ..honest.clone() },
            ClaimRecorded { consumer: REGISTRY, ..honest.clone() },
            ClaimRecorded { job: B, ..honest.clone() },
            ClaimRecorded { deadline: 8, ..honest.clone() },
            ClaimRecorded { publicValuesHash: B, ..honest.clone() },
            ClaimRecorded { proofHash: B, ..honest.clone() },
            ClaimRecorded { assurance: Assurance::Attested, ..honest.clone() },
        ] {
            assert!(check(&other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn every_word_of_a_batchs_event_is_compared() {
        let submitter = Address::repeat_byte(2);
        let honest = BatchRecorded { batchId: A, modelId: B, submitter, count: U256::from(4), proofHash: A };
        assert_eq!(batch_event(&log(&honest), &honest), Ok(()));
        for other in [
            BatchRecorded { batchId: B, ..honest.clone() },
            BatchRecorded { modelId: A, ..honest.clone() },
            BatchRecorded { submitter: REGISTRY, ..honest.clone() },
            BatchRecorded { count: U256::from(3), ..honest.clone() },
            BatchRecorded { proofHash: B, ..honest.clone() },
        ] {
            assert!(batch_event(&log(&other), &honest).is_err(), "{other:?}");
        }
        let (statement, assignment) = statement();
        assert!(batch_event(&log(&recorded(&statement, &assignment)), &honest).is_err(), "another event");
    }
}
