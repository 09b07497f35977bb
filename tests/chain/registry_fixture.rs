//! The real native proofs of `tests/solidity/ProofRegistry.native.t.sol` and `ProofRegistry.network.t.sol`: made for a registry at a
//! fixed address.
//!
//! `ZKINFER_WRITE_FIXTURES=1 cargo test --test chain registry_fixture` makes them anew; the test checks them.

use crate::{
    native_world::{Prover, SMALL},
    networks::CNN,
};
use alloy::primitives::{Address, B256, Bytes, address};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::LazyLock};
use zkinfer::{
    chain::bindings::ModelKey,
    evm::{
        artifacts::{self, Artifact},
        verify_batch_through_adapter,
    },
    proof::{
        Assignment, Context, PublicValues, Statement,
        identity::{self, proof_hash},
    },
};

const CHAIN: u64 = 31337;
const REGISTRY: Address = address!("0x00000000000000000000000000000000005EC0DE");
const SUBMITTER: Address = address!("0x000000000000000000000000000000000000A11c");

#[derive(Serialize, Deserialize)]
struct Fixture {
    chain_id: u64,
    registry: Address,
    model_id: B256,
    model_code: Bytes,
    vk_digest: B256,
    schema_hash: B256,
    srs_id: B256,
    single: Batch,
    four: Batch,
}

#[derive(Serialize, Deserialize)]
struct Batch {
    submitter: Address,
    consumer: Address,
    jobs: Vec<B256>,
    deadline: u64,
    public_values: Vec<Bytes>,
    statement_ids: Vec<B256>,
    proof: Bytes,
    proof_hash: B256,
}

impl Batch {
    fn prove(prover: &Prover, jobs: u8, first: u8) -> Self {
        let (consumer, deadline) = (Address::repeat_byte(0xc0), 2_000_000_000);
        let jobs: Vec<B256> = (0..jobs).map(|job| B256::repeat_byte(first + job)).collect();
        let context = |&job: &B256| Context::Chain {
            chain_id: CHAIN,
            registry: REGISTRY,
            assignment: Assignment { submitter: SUBMITTER, consumer, job, deadline },
        };
        let bundle = prover.prove(&jobs.iter().map(context).collect::<Vec<_>>());
        Self {
            submitter: SUBMITTER,
            consumer,
            jobs,
            deadline,
            public_values: bundle.statements().iter().map(|s| s.public_values.as_bytes().clone()).collect(),
            statement_ids: bundle.statements().iter().map(Statement::id).collect(),
            proof: bundle.proof().clone(),
            proof_hash: proof_hash(bundle.proof()),
        }
    }

    fn statements(&self, model_id: B256) -> Vec<Statement> {
        let Self { submitter, consumer, deadline, .. } = *self;
        let of = |(&job, values): (&B256, &Bytes)| Statement {
            model_id,
            public_values: PublicValues::from_bytes(values.clone()),
            context: Context::Chain {
                chain_id: CHAIN,
                registry: REGISTRY,
                assignment: Assignment { submitter, consumer, job, deadline },
            },
        };
        self.jobs.iter().zip(&self.public_values).map(of).collect()
    }
}

impl Fixture {
    fn path(name: &str) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", name].iter().collect()
    }

    fn write(name: &str, prover: &Prover) {
        let artifacts = &prover.prepared.artifacts;
        let identity = artifacts.identity();
        let fixture = Self {
            chain_id: CHAIN,
            registry: REGISTRY,
            model_id: artifacts.model_id(),
            model_code: prover.prepared.verifier.as_ref().unwrap().runtime_code.clone(),
            vk_digest: identity.vk_digest,
            schema_hash: identity::schema_hash(&identity.schema),
            srs_id: identity.srs_id,
            single: Batch::prove(prover, 1, 1),
            four: Batch::prove(prover, 4, 2),
        };
        std::fs::write(Self::path(name), serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
    }
}

/// The committed proofs are what the release's verifier accepts. Its code may change without them, so that the model id
/// is any: the registry takes it from the model registry.
#[test]
fn the_committed_proofs_are_valid() {
    check("native-registry.json", &SMALL, artifacts::native_verifier());
}

#[test]
fn the_committed_proofs_of_a_network_are_valid() {
    check("network-registry.json", &CNN, artifacts::network_verifier());
}

fn check(name: &str, prover: &LazyLock<Prover>, verifier: &Artifact) {
    if std::env::var_os("ZKINFER_WRITE_FIXTURES").is_some() {
        Fixture::write(name, prover);
    }
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(Fixture::path(name)).unwrap()).unwrap();
    let key = ModelKey {
        modelId: fixture.model_id,
        modelCode: Address::repeat_byte(0x0c),
        vkDigest: fixture.vk_digest,
        schemaHash: fixture.schema_hash,
        srsId: fixture.srs_id,
    };
    let adapter = &verifier.deployed_bytecode;
    for (batch, count) in [(&fixture.single, 1), (&fixture.four, 4)] {
        let statements = batch.statements(fixture.model_id);
        assert_eq!(statements.iter().map(Statement::id).collect::<Vec<_>>(), batch.statement_ids);
        assert_eq!((batch.jobs.len(), proof_hash(&batch.proof)), (count, batch.proof_hash));
        let parts: Vec<_> = statements.iter().map(|s| (s.context.id(), s.public_values.as_bytes().clone())).collect();
        let answer =
            verify_batch_through_adapter(adapter, Some(&fixture.model_code), &key, &parts, &batch.proof).unwrap();
        assert!(answer.verdict.is_valid(), "{answer:?}: make the fixture anew");
    }
}
