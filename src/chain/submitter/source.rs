//! Intents from what was proven.

use super::{Intent, Kind, Look, Test};
use crate::{
    chain::{
        ChainError, Node,
        bindings::IProofRegistry::{self, Assurance},
        plan::check_size,
        release, submission,
    },
    proof::{Bundle, Context, Statement},
};
use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};

/// The word of a claim's record that says how sure it is.
const ASSURANCE: u16 = 2;

/// The submission of a bundle's claims to the registry of proofs that it is made for. All of them are recorded by one transaction,
/// or none.
///
/// # Errors
/// [`ChainError::WrongContext`] when it is not made for this chain and account, or its statements do not go together.
pub fn of_bundle(bundle: &Bundle, chain_id: u64, account: Address) -> Result<Intent, ChainError> {
    let call = submission::Submitter { chain_id, account }.bundle(bundle)?;
    Ok(of_call(&call, bundle.statements()))
}

/// The submission of some statements, by their call.
pub(in crate::chain) fn of_call(call: &submission::Call, statements: &[Statement]) -> Intent {
    // A call of one statement has its id.
    let (id, kind) = match call.batch_id {
        Some(id) => (id, Kind::ProofBatch),
        None => (call.ids.first().copied().unwrap_or_default(), Kind::Proof),
    };
    let deadlines = statements.iter().filter_map(|statement| match &statement.context {
        Context::Chain { assignment, .. } => Some(assignment.deadline),
        Context::Offchain {} => None,
    });
    Intent {
        model_id: statements.first().map(|statement| statement.model_id),
        deadline: deadlines.min(),
        records: u32::try_from(call.ids.len()).unwrap_or(u32::MAX),
        done: recorded(call.registry, &call.ids),
        ..Intent::new(id, kind, call.what, call.registry, call.data.clone())
    }
}

/// What a registry of proofs shows when it has a verified claim of each of these statements.
pub(in crate::chain) fn recorded(registry: Address, ids: &[B256]) -> Vec<Look> {
    let look = |id: &B256| Look {
        to: registry,
        data: IProofRegistry::claimCall { statementId: *id }.abi_encode().into(),
        word: ASSURANCE,
        test: Test::Equals(U256::from(Assurance::Verified as u8)),
    };
    ids.iter().map(look).collect()
}

/// [`of_bundle`], when the registry's code is this release's and the model may be claimed on this chain. Whether the registry
/// accepts the proof is asked when it is sent.
///
/// # Errors
/// Those of [`of_bundle`]; [`ChainError::OtherRelease`], [`ChainError::TestSrs`]; others of the node.
pub async fn admit_bundle(node: &Node, bundle: &Bundle, account: Address) -> Result<Intent, ChainError> {
    let intent = of_bundle(bundle, node.chain_id(), account)?;
    check_size(&intent.what, intent.data.len())?;
    let models = release::registries(node, intent.to).await?;
    release::admit_model(node, models, bundle.model_id()).await?;
    Ok(intent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{
        Assignment,
        bundle::tests::{numbered, numbered_batch},
        identity::batch_id,
    };
    use alloy::sol_types::SolValue;

    const ACCOUNT: Address = Address::repeat_byte(7);
    const REGISTRY: Address = Address::repeat_byte(8);

    fn made_for_chain(bundle: &Bundle) -> Bundle {
        let assigned = |(at, statement): (usize, &Statement)| {
            let deadline = 100 - at as u64;
            let (consumer, job) = (Address::ZERO, B256::with_last_byte(at as u8));
            let assignment = Assignment { submitter: ACCOUNT, consumer, job, deadline };
            Statement { context: Context::Chain { chain_id: 5, registry: REGISTRY, assignment }, ..statement.clone() }
        };
        let statements: Vec<Statement> = bundle.statements().iter().enumerate().map(assigned).collect();
        Bundle::new(statements, bundle.proof().clone(), bundle.manifest().clone()).unwrap()
    }

    #[test]
    fn a_bundle_is_one_intent_whose_id_is_its_statements() {
        let bundle = made_for_chain(&numbered(1));
        let intent = of_bundle(&bundle, 5, ACCOUNT).unwrap();
        assert_eq!((intent.id, intent.kind, intent.to), (bundle.statement().id(), Kind::Proof, REGISTRY));
        assert_eq!((intent.deadline, intent.records, intent.done.len()), (Some(100), 1, 1));
        // As the contract answers.
        let claim = |assurance: u8| (ACCOUNT, U256::from(17), U256::from(assurance), true).abi_encode();
        assert_eq!(intent.done[0].holds(&claim(3)), Some(true));
        for other in 0..3 {
            assert_eq!(intent.done[0].holds(&claim(other)), Some(false));
        }
        assert!(intent.done[0].data.ends_with(intent.id.as_slice()));

        let batch = made_for_chain(&numbered_batch(1, 5));
        let intent = of_bundle(&batch, 5, ACCOUNT).unwrap();
        let ids: Vec<B256> = batch.statements().iter().map(Statement::id).collect();
        assert_eq!((intent.id, intent.kind, intent.done.len()), (batch_id(&ids), Kind::ProofBatch, ids.len()));
        assert_eq!((intent.deadline, intent.records), (Some(101 - ids.len() as u64), ids.len() as u32));
    }

    #[test]
    fn what_is_for_somebody_else_is_refused() {
        let bundle = made_for_chain(&numbered(1));
        for refused in [
            of_bundle(&numbered_batch(1, 2), 5, ACCOUNT),
            of_bundle(&bundle, 6, ACCOUNT),
            of_bundle(&bundle, 5, Address::ZERO),
        ] {
            assert!(matches!(refused, Err(ChainError::WrongContext(_))), "{refused:?}");
        }
    }
}
