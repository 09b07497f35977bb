//! Claims about hidden inputs and outputs, and models whose schema lies about what is hidden.

use crate::native_world::{NativeWorld, Prover};
use alloy::primitives::Bytes;
use std::sync::LazyLock;
use zkinfer::{
    backend::native::Committed,
    chain::{
        audit,
        auditor::{CheckName, CheckOutcome},
        bindings::Refusal,
        client::ModelEntry,
    },
    proof::{PublicValues, Schema, Statement, schema::Visibility},
};
use zkinfer_prover::{ProvingKey, Request, SampleSecrets, srs::HEZ_FINAL};

static PROVER: LazyLock<Prover> =
    LazyLock::new(|| Prover::hiding(&[6, 8, 3], Committed { inputs: true, outputs: true }));

/// One claim, and a batch: the contract verifies what it cannot read.
#[tokio::test]
async fn hidden_tensors_are_claimed_and_audited() {
    let world = NativeWorld::with(&PROVER).await;
    let single = PROVER.prove(&[world.context(1)]);
    let submission = world.client.submit(single.statement(), single.proof()).await.unwrap();
    let batch = PROVER.prove(&world.contexts(3));
    let submissions = [submission.mined.transaction_hash, world.submit(&batch).await.mined.transaction_hash];
    for (hash, claims) in submissions.into_iter().zip([1, 3]) {
        let report = audit(world.client.node(), hash, Some(PROVER.reverifier())).await.unwrap();
        assert!(report.is_valid(), "{report:#?}");
        for &name in CheckName::ALL {
            assert_eq!(report.outcome(name), CheckOutcome::Passed, "{name}");
        }
        assert_eq!(report.facts.claims.len(), claims);
        assert!(report.facts.claims.iter().all(|claim| claim.tensors.is_empty() && claim.public_values.len() == 128));
    }

    // The points of another statement; inputs and outputs swapped.
    let other = PROVER.prove(&[world.context(9)]);
    let mut statement = other.statement().clone();
    statement.public_values = single.statement().public_values.clone();
    assert_eq!(world.refusal(&[statement], other.proof()).await, Refusal::ProofInvalid);
    let mut swapped = other.statement().public_values.as_bytes().to_vec();
    swapped.rotate_left(64);
    let statement = Statement { public_values: PublicValues::from_bytes(swapped.into()), ..other.statement().clone() };
    assert_eq!(world.refusal(&[statement], other.proof()).await, Refusal::ProofInvalid);
}

/// Registries and contracts see no schema: a model can be registered, and honestly proven, under one that says "public" of
/// what the key commits to. The audit compares them.
#[tokio::test]
async fn a_registered_schema_that_contradicts_the_key_fails_the_audit() {
    let world = NativeWorld::with(&PROVER).await;
    let (client, artifacts) = (&world.client, &PROVER.prepared.artifacts);
    let identity = artifacts.identity();
    let mut tensors = artifacts.schema().unwrap().tensors().to_vec();
    // As long as a point: 8 elements of 8 bytes.
    (tensors[1].visibility, tensors[1].shape) = (Visibility::Public, vec![1, 8]);
    let schema: Bytes = Schema::new(tensors).unwrap().to_bytes().into();
    let key = client.deploy_verifier(PROVER.prepared.verifier.as_ref().unwrap()).await.unwrap();
    let entry = ModelEntry {
        adapter: world.contracts.adapter.address,
        model_code: key.address,
        vk_digest: identity.vk_digest,
        srs_id: identity.srs_id,
        schema: &schema,
    };
    let model_id = client.register(world.contracts.model_registry.address, &entry).await.unwrap().model_id;
    assert_ne!(model_id, artifacts.model_id());

    let key = ProvingKey::from_bytes(&std::fs::read(artifacts.file("pk.key").unwrap()).unwrap()).unwrap();
    let secrets = SampleSecrets::generate(key.verifying_key().shape().committed()).unwrap();
    let prover = zkinfer_prover::Prover::new(key, &HEZ_FINAL.open(4096).unwrap(), 1).unwrap();
    let context = world.context(1);
    let request = Request { inputs: vec![1, 2, 3, 4, 5, 6], context_id: context.id().0 };
    let (proven, proof) = prover.prove_committed(model_id.0, &[request], &[secrets]).unwrap();
    let public_values = PublicValues::from_bytes(proven[0].values.to_bytes().into());
    let statement = Statement { model_id, public_values, context };
    let submission = client.submit(&statement, &proof.to_bytes().into()).await.unwrap();

    let hash = submission.mined.transaction_hash;
    let report = audit(client.node(), hash, Some(PROVER.reverifier())).await.unwrap();
    assert!(!report.is_valid(), "{report:#?}");
    assert_eq!(report.outcome(CheckName::EmbeddedVerification), CheckOutcome::Passed);
    assert_eq!(report.outcome(CheckName::OffChainVerification), CheckOutcome::Failed);
    assert!(report.summary.contains("the key says committed"), "{}", report.summary);
}
