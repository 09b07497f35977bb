//! What forks and chains with other prices make of verifications, claims and deployments.

use crate::{
    machine::{Done, Machine},
    native_world::{NativeWorld, Prover, SMALL},
};
use alloy::{
    primitives::{Address, B256, Bytes, bytes},
    sol_types::SolCall,
};
use zkinfer::{
    chain::{
        Fork,
        bindings::{IModelRegistry, IProofRegistry, ModelKey, Refusal},
        deployment::{self, FACTORY, Released, SALT},
        fork::NewState,
    },
    evm::{
        artifacts,
        verify::{adapter_call, batch_call},
    },
    proof::{Bundle, Context, identity::schema_hash},
};

/// What stands at [`FACTORY`], on anvil too.
const FACTORY_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// The contracts and a model on a machine, in the order in which [`NativeWorld`] puts them on anvil: at the same addresses.
pub(crate) struct Posted {
    machine: Machine,
    pub(crate) adapter: Address,
    pub(crate) registry: Address,
    pub(crate) key: ModelKey,
    /// What it took, in order.
    pub(crate) steps: Vec<(&'static str, usize, Done)>,
}

impl Posted {
    pub(crate) fn new(machine: Machine, prover: &Prover) -> Self {
        let (mut machine, mut steps) = (machine.with_code(FACTORY, FACTORY_CODE), Vec::new());
        let mut place = |machine: &mut Machine, name, contract: Released| {
            let done = machine.call(FACTORY, [SALT.as_slice(), &contract.creation].concat());
            let made = done.output.as_ref().map(|output| &output[..]);
            assert_eq!(made, Ok(contract.address.as_slice()), "{name}");
            steps.push((name, contract.code_bytes, done));
            contract.address
        };
        let verifier = artifacts::adapter(prover.prepared.artifacts.identity().adapter_id).unwrap();
        let name = artifacts::adapter_by_id(verifier.code_hash()).unwrap();
        let adapter = place(&mut machine, name, deployment::released(verifier));
        let models = place(&mut machine, "ModelRegistry", deployment::model_registry());
        let registry = place(&mut machine, "ProofRegistry", deployment::proof_registry(models).unwrap());
        let code = prover.prepared.verifier.as_ref().unwrap();
        let done = machine.create(&code.creation_code);
        assert!(done.output.is_ok(), "a native key: {done:?}");
        let model_code = done.created.unwrap();
        steps.push(("a native key", code.runtime_code.len(), done));
        let identity = prover.prepared.artifacts.identity();
        let call = IModelRegistry::registerCall {
            adapter,
            modelCode: model_code,
            vkDigest: identity.vk_digest,
            srsId: identity.srs_id,
            schema: identity.schema.clone(),
        };
        let done = machine.call(models, call.abi_encode());
        let id = B256::from_slice(done.output.as_ref().unwrap());
        assert_eq!(id, prover.prepared.artifacts.model_id());
        steps.push(("registering it", 0, done));
        let key = ModelKey {
            modelId: id,
            modelCode: model_code,
            vkDigest: identity.vk_digest,
            schemaHash: schema_hash(&identity.schema),
            srsId: identity.srs_id,
        };
        Self { machine, adapter, registry, key, steps }
    }

    /// The adapter alone, as a transaction.
    pub(crate) fn verify(&mut self, bundle: &Bundle) -> Done {
        let parts: Vec<_> =
            bundle.statements().iter().map(|s| (s.context.id(), s.public_values.as_bytes().clone())).collect();
        let data = match &parts[..] {
            [(context, values)] => adapter_call(&self.key, *context, values, bundle.proof()).abi_encode(),
            batch => batch_call(&self.key, batch, bundle.proof()).abi_encode(),
        };
        self.machine.call(self.adapter, data)
    }

    /// `submit` or `submitBatch`.
    pub(crate) fn submit(&mut self, bundle: &Bundle) -> Done {
        let assignment = |context: &Context| match context {
            Context::Chain { assignment, .. } => IProofRegistry::Assignment::from(assignment),
            Context::Offchain {} => panic!("made for no chain"),
        };
        let data = match bundle.statements() {
            [statement] => IProofRegistry::submitCall {
                modelId: bundle.model_id(),
                assignment: assignment(&statement.context),
                publicValues: statement.public_values.as_bytes().clone(),
                proof: bundle.proof().clone(),
            }
            .abi_encode(),
            statements => IProofRegistry::submitBatchCall {
                modelId: bundle.model_id(),
                assignments: statements.iter().map(|statement| assignment(&statement.context)).collect(),
                publicValues: statements.iter().map(|s| s.public_values.as_bytes().clone()).collect(),
                proof: bundle.proof().clone(),
            }
            .abi_encode(),
        };
        self.machine.call(self.registry, data)
    }
}

/// The machine is the chain: what it counts under Osaka is in anvil's receipts. Under the draft a claim's slot and a key's
/// bytes are state gas, as the table of forks has it.
#[tokio::test]
async fn the_machine_counts_what_receipts_have_and_state_is_what_the_table_says() {
    let world = NativeWorld::with(&SMALL).await;
    let (single, batch) = (SMALL.prove(&[world.context(100)]), SMALL.prove(&world.contexts(3)));
    let sender = world.client.address();
    assert_eq!(world.client.node().code(FACTORY).await.unwrap(), FACTORY_CODE);
    let mut osaka = Posted::new(Machine::new(Fork::Osaka, sender), &SMALL);
    assert_eq!((osaka.adapter, osaka.registry), (world.contracts.adapter.address, world.registry()));
    let receipts = [&world.contracts.adapter, &world.contracts.model_registry, &world.contracts.proof_registry];
    for ((name, _, done), receipt) in osaka.steps.iter().zip(receipts) {
        assert_eq!((done.gas, done.state), (receipt.mined.as_ref().unwrap().gas_used, 0), "{name}");
    }
    let recorded = world.client.submit(single.statement(), single.proof()).await.unwrap().mined.gas_used;
    assert_eq!(osaka.submit(&single).gas, recorded);
    assert_eq!(osaka.submit(&batch).gas, world.submit(&batch).await.mined.gas_used);

    let mut draft = Posted::new(Machine::new(Fork::Amsterdam, sender), &SMALL);
    let rules = Fork::Amsterdam.rules();
    for (name, code, done) in &draft.steps {
        let expected = match name {
            &"registering it" => continue,
            _ => rules.state_gas(NewState::contract(*code)),
        };
        assert_eq!(done.state, expected, "{name}");
    }
    assert_eq!(draft.submit(&single).state, rules.state_gas(NewState::claims(1)));
    assert_eq!(draft.submit(&batch).state, rules.state_gas(NewState::claims(3)));
    assert_eq!(draft.verify(&single).state, 0);
}

/// C13: every precompiled contract five times as dear. And where one is dearer than what the verifier gives it, that is what is
/// said: nothing of the proof.
#[tokio::test]
async fn verifications_work_where_precompiled_contracts_are_five_times_as_dear() {
    let world = NativeWorld::with(&SMALL).await;
    let (single, batch) = (SMALL.prove(&[world.context(100)]), SMALL.prove(&world.contexts(4)));
    let sender = world.client.address();
    for fork in [Fork::Osaka, Fork::Amsterdam] {
        let mut usual = Posted::new(Machine::new(fork, sender), &SMALL);
        let mut dear = Posted::new(Machine::new(fork, sender).with_prices(|_| 5), &SMALL);
        for bundle in [&single, &batch] {
            let (usual, dear) = (usual.verify(bundle), dear.verify(bundle));
            assert_eq!((&usual.output, &dear.output), (&Ok(Bytes::new()), &Ok(Bytes::new())));
            assert!(dear.gas > 3 * usual.gas, "{} and {}", usual.gas, dear.gas);
        }
        assert!(dear.submit(&single).output.is_ok());
    }
    // The order of the precompiled contracts: 5 modexp, 6 addition, 7 multiplication, 8 pairing.
    for (number, factor) in [(5, 400), (6, 100), (7, 20), (8, 20)] {
        let prices = move |at: &Address| if *at == Address::with_last_byte(number) { factor } else { 1 };
        let mut machine = Posted::new(Machine::new(Fork::Osaka, sender).with_prices(prices), &SMALL);
        let data: Bytes = machine.verify(&single).output.unwrap_err().parse().unwrap();
        let refusal = Refusal::decode(&data);
        assert!(
            matches!(refusal, Refusal::PrecompileFailed(which) if which == alloy::primitives::U256::from(number)),
            "{number}: {refusal}"
        );
        assert_eq!(refusal.class(), zkinfer::FailureClass::Environment);
    }
}
