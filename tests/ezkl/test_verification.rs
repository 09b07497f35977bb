//! Behaviours 33 to 46: what verifiers say, of what, and at what cost.

use super::world::{World, model, on_both_backends, policy, reason};
use alloy::primitives::{B256, Bytes};
use std::{sync::Arc, time::Duration};
use zkinfer::{
    backend::{
        Control,
        mock::{MockBackend, VirtualClock},
    },
    chain::{
        Account, ChainError, Client, Devnet, Node,
        client::{ModelEntry, read_claim},
    },
    evm::{Toolchain, artifacts},
    pipeline::{
        PipelineError, ProofGenerator, ProofRequest, ProofVerifier,
        clock::{Clock, SystemClock},
        verification::{Constraint, Expected, Mode, OnChainVerifier, Policy, Source, Status, TrustLevel, Warning},
    },
    proof::{
        Aggregated, Assignment, Branch, Bundle, Context, PublicValues, Recursive, Statement, Structure, Verdict,
        identity,
    },
};

on_both_backends! {
    /// 33
    a_basic_verification;
    /// 34
    modes_have_their_own_properties;
    /// 35
    a_corrupted_proof_is_invalid_with_a_reason;
    /// 36
    what_is_not_expected_is_named;
    /// 37
    a_batch_costs_less_than_its_parts;
    /// 38
    the_deployed_contract_verifies;
    /// 39
    trees_are_verified_bundle_by_bundle;
    /// 40
    constraints_are_told_one_by_one;
    /// 41
    the_second_result_is_from_the_cache;
    /// 42
    metrics_are_sums;
    /// 43
    old_bundles_are_expired;
    /// 44
    another_models_key_is_named;
    /// 45
    labels_are_echoed;
    /// A bundle's manifest is believed in nothing that is known better.
    manifests_are_compared_with_what_is_known;
    /// What bundles carry serves without artifacts; whoever relies on it is told to know the model.
    bundles_verify_with_what_they_carry;
    /// One verifier for bundles of several models.
    several_models_in_one_verifier;
}

fn check(world: &World, structure: &Structure, policy: &Policy) -> zkinfer::pipeline::verification::Verification {
    world.verifier().check(structure, policy, &Control::default()).unwrap()
}

/// The bundle with another proof; what else is derived is derived again.
fn with_proof(bundle: &Bundle, proof: Vec<u8>) -> Bundle {
    let proof = Bytes::from(proof);
    let mut manifest = bundle.manifest().clone();
    manifest.proof_hash = identity::proof_hash(&proof);
    Bundle::new(bundle.statements().to_vec(), proof, manifest).unwrap()
}

fn corrupted(bundle: &Bundle) -> Bundle {
    let mut proof = bundle.proof().to_vec();
    let middle = proof.len() / 2;
    proof[middle] ^= 1;
    with_proof(bundle, proof)
}

fn many(world: &World, count: usize) -> Vec<Bundle> {
    let control = Control::default();
    (0..count).map(|i| world.generator().generate(&world.request(i), &control).unwrap().bundle).collect()
}

fn list(bundles: Vec<Bundle>) -> Structure {
    Structure::Aggregated(Aggregated::new(bundles).unwrap())
}

fn a_basic_verification(world: &World) {
    let found = check(world, &world.single(), &policy(Mode::Full));
    assert_eq!((&found.status, found.trust, found.mode), (&Status::Valid, TrustLevel::Development, Mode::Full));
    assert_eq!(found.bundles[0].statement_ids, [world.bundle.statement().id()]);
    assert!(found.warnings.contains(&Warning::TestSrs));
    assert_eq!(found.warnings.contains(&Warning::Transferable), world.name == "ezkl");
    // A level that does not tolerate what this model has refuses it, and says why.
    let strict = check(world, &world.single(), &Policy::new(Mode::Full, TrustLevel::Strict));
    assert!(reason(&strict).contains("TEST SRS"), "{strict:?}");
    assert_eq!(strict.operations, 0);
}

fn modes_have_their_own_properties(world: &World) {
    let structure = world.single();
    let full = check(world, &structure, &policy(Mode::Full));
    assert_eq!((&full.status, full.operations), (&Status::Valid, 2), "the backend and the embedded EVM");
    assert!(full.bundles[0].gas().is_some_and(|gas| gas > 100_000));
    let fast = check(world, &structure, &policy(Mode::Fast));
    assert_eq!((&fast.status, fast.operations, fast.bundles[0].gas()), (&Status::Valid, 1, None));
    let batch = check(world, &structure, &policy(Mode::Batch));
    assert_eq!((&batch.status, batch.operations), (&Status::Valid, 1));

    // Optimistic: pending at first, whatever the proof is; then what the cryptography says.
    let (good, bad) = (structure, Structure::from(corrupted(&world.bundle)));
    for (structure, expected) in [(&good, true), (&bad, false)] {
        let now = check(world, structure, &policy(Mode::Optimistic));
        assert_eq!((&now.status, now.operations), (&Status::Pending, 0));
        assert_eq!(now.bundles[0].verdict, None, "nothing is invented");
        let verifier = world.verifier();
        std::thread::scope(|scope| {
            let pending = verifier.optimistic(scope, structure, &policy(Mode::Optimistic), &Control::default());
            assert_eq!(pending.now().status, Status::Pending);
            assert_eq!(pending.wait().unwrap().status.is_valid(), expected);
        });
    }
    let refused = Policy::new(Mode::Optimistic, TrustLevel::Strict);
    let verifier = world.verifier();
    std::thread::scope(|scope| {
        let settled = verifier.optimistic(scope, &good, &refused, &Control::default());
        assert!(settled.is_settled() && matches!(settled.now().status, Status::Invalid { .. }));
    });
}

fn a_corrupted_proof_is_invalid_with_a_reason(world: &World) {
    let whole = world.bundle.proof().to_vec();
    let (shorter, longer) = (whole[..whole.len() - 1].to_vec(), [&whole[..], &[0]].concat());
    let bad = [corrupted(&world.bundle), with_proof(&world.bundle, shorter), with_proof(&world.bundle, longer)];
    for (bundle, mode) in bad.iter().flat_map(|bundle| [Mode::Full, Mode::Fast, Mode::Batch].map(|mode| (bundle, mode)))
    {
        assert!(!reason(&check(world, &bundle.clone().into(), &policy(mode))).is_empty());
    }
}

fn what_is_not_expected_is_named(world: &World) {
    let expecting = |expected| Policy { expected, ..policy(Mode::Full) };
    let (model, id) = (world.bundle.model_id(), world.bundle.statement().id());
    let right = Expected { model: Some(model), statements: Some(vec![id]), root: Some(world.single().root()) };
    assert_eq!(check(world, &world.single(), &expecting(right)).status, Status::Valid);
    let other = B256::repeat_byte(7);
    for (expected, name) in [
        (Expected { model: Some(other), ..Expected::default() }, "model"),
        (Expected { statements: Some(vec![other]), ..Expected::default() }, "statements"),
        (Expected { root: Some(other), ..Expected::default() }, "root"),
    ] {
        let found = check(world, &world.single(), &expecting(expected));
        assert!(reason(&found).starts_with(&format!("`{name}`")), "{found:?}");
    }
    // Other public values under the same proof.
    let mut values = world.bundle.statement().public_values.as_bytes().to_vec();
    let last = values.len() - 1;
    values[last] ^= 1;
    let statement =
        Statement { public_values: PublicValues::from_bytes(values.into()), ..world.bundle.statement().clone() };
    let changed = Bundle::new(vec![statement], world.bundle.proof().clone(), world.bundle.manifest().clone()).unwrap();
    for mode in [Mode::Full, Mode::Fast, Mode::Batch] {
        assert!(!check(world, &changed.clone().into(), &policy(mode)).status.is_valid());
    }
}

fn a_batch_costs_less_than_its_parts(world: &World) {
    let bundles = many(world, 10);
    let together = check(world, &list(bundles.clone()), &policy(Mode::Batch));
    assert_eq!(together.status, Status::Valid);
    assert!(together.bundles.iter().all(|bundle| bundle.verdict == Some(Verdict::Valid)));
    let single = check(world, &bundles[0].clone().into(), &policy(Mode::Full)).operations;
    assert!(together.operations < 10 * single, "{} against {single}", together.operations);
    // Native proofs share one product of pairings; EZKL has no such check.
    assert_eq!(together.operations, if world.name == "native" { 1 } else { 10 });
    // The bad one is found and named, and the others are not blamed.
    let mut spoilt = bundles;
    spoilt[6] = corrupted(&spoilt[6]);
    let found = check(world, &list(spoilt), &policy(Mode::Batch));
    assert!(reason(&found).starts_with("bundle 6:"), "{found:?}");
    let valid: Vec<bool> = found.bundles.iter().map(|b| b.verdict == Some(Verdict::Valid)).collect();
    assert_eq!(valid.iter().filter(|&&valid| !valid).count(), 1);
    assert!(!valid[6]);
}

fn the_deployed_contract_verifies(world: &World) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let anvil = Toolchain::from_env().anvil().expect("run `make setup` or `npm ci` first");
        let devnet = Devnet::start(&anvil).await.unwrap();
        let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
        let client = Client::new(node.clone(), Account::dev()).unwrap();
        let identity = world.prepared.artifacts.identity();
        let contracts = client.deploy_contracts(artifacts::adapter(identity.adapter_id).unwrap()).await.unwrap();
        let code = client.deploy_verifier(world.prepared.verifier.as_ref().unwrap()).await.unwrap();
        let (adapter, code) = (contracts.adapter.address, code.address);

        let on_chain = OnChainVerifier::new(node.clone(), adapter, code);
        let found = on_chain.verify(&world.bundle).await.unwrap();
        assert_eq!((&found.verdict, found.contract), (&Verdict::Valid, adapter));
        assert!(found.gas > 100_000 && found.block > 0 && found.gas_paid() == 0);
        let bad = on_chain.verify(&corrupted(&world.bundle)).await.unwrap();
        assert!(!bad.verdict.is_valid() && bad.gas == 0);
        // Other contracts than the model's are not asked.
        let swapped = OnChainVerifier::new(node.clone(), code, adapter).verify(&world.bundle).await.unwrap();
        let Verdict::Invalid { reason } = swapped.verdict else { panic!("{swapped:?}") };
        assert!(reason.contains("code hash"), "{reason}");

        // As a claim that stays.
        let entry = ModelEntry {
            adapter,
            model_code: code,
            vk_digest: identity.vk_digest,
            srs_id: identity.srs_id,
            schema: &identity.schema,
        };
        client.register(contracts.model_registry.address, &entry).await.unwrap();
        let registry = contracts.proof_registry.address;
        let assignment = Assignment {
            submitter: client.address(),
            consumer: alloy::primitives::Address::ZERO,
            job: B256::repeat_byte(1),
            deadline: u64::MAX,
        };
        let context = Context::Chain { chain_id: node.chain_id(), registry, assignment };
        let bundle = tokio::task::block_in_place(|| {
            let request = ProofRequest { context, ..world.request(0) };
            world.generator().generate(&request, &Control::default()).unwrap().bundle
        });
        let claim = OnChainVerifier::submit(&client, &bundle).await.unwrap();
        assert_eq!((&claim.verdict, claim.contract), (&Verdict::Valid, registry));
        assert!(claim.transaction.is_some() && claim.gas > 100_000 && claim.block > found.block);
        let verifier = world.verifier();
        verifier.record_on_chain(&found);
        assert_eq!(verifier.metrics().gas_paid, 0, "a call is free");
        verifier.record_on_chain(&claim);
        assert_eq!(verifier.metrics().gas_paid, claim.gas);
        assert!(OnChainVerifier::submit(&client, &world.bundle).await.is_err(), "it is made for no chain");
        if world.name == "native" {
            a_bundle_of_several_is_one_transaction(world, &client, context).await;
        }
    });
}

/// A claim for every statement, all or none.
async fn a_bundle_of_several_is_one_transaction(world: &World, client: &Client, context: Context) {
    let requests = [1, 2, 3].map(|number| ProofRequest { context, ..world.request(number) });
    let batch = tokio::task::block_in_place(|| {
        world.generator().generate_together(&requests, &Control::default()).unwrap().bundle
    });
    // The proof binds the order of the statements.
    let turned = batch.statements().iter().rev().cloned().collect();
    let turned = Bundle::new(turned, batch.proof().clone(), batch.manifest().clone()).unwrap();
    let forged = OnChainVerifier::submit(client, &turned).await.unwrap();
    assert!(!forged.verdict.is_valid() && forged.transaction.is_none() && forged.gas_paid() == 0, "{forged:?}");
    let claims = OnChainVerifier::submit(client, &batch).await.unwrap();
    let Context::Chain { registry, .. } = context else { panic!("{context:?}") };
    assert_eq!((&claims.verdict, claims.contract), (&Verdict::Valid, registry));
    for statement in batch.statements() {
        let claim = read_claim(client.node(), registry, statement.id()).await.unwrap();
        assert!(claim.is_some_and(|claim| claim.verified));
    }
    assert!(OnChainVerifier::submit(client, &batch).await.is_err(), "they are recorded already");
    // One of them is for another registry: nothing is sent.
    let other = Context::Chain {
        registry: alloy::primitives::Address::repeat_byte(9),
        chain_id: client.node().chain_id(),
        assignment: match context {
            Context::Chain { assignment, .. } => assignment,
            Context::Offchain {} => panic!("{context:?}"),
        },
    };
    let mixed = [ProofRequest { context, ..world.request(4) }, ProofRequest { context: other, ..world.request(5) }];
    let mixed = tokio::task::block_in_place(|| {
        world.generator().generate_together(&mixed, &Control::default()).unwrap().bundle
    });
    let refused = OnChainVerifier::submit(client, &mixed).await;
    assert!(matches!(refused, Err(PipelineError::Chain(ChainError::WrongContext(_)))), "{refused:?}");
}

fn bundles_verify_with_what_they_carry(world: &World) {
    let control = Control::default();
    let (carried, single) = (ProofVerifier::carried(), world.single());
    let is_native = world.name == "native";
    // Of EZKL the contracts are all that can be asked, in every mode.
    for (mode, operations, off_chain) in [
        (Mode::Full, if is_native { 2 } else { 1 }, is_native),
        (Mode::Fast, 1, is_native),
        (Mode::Batch, 1, is_native),
        (Mode::Contracts, 1, false),
    ] {
        let verifier = ProofVerifier::carried();
        let found = verifier.check(&single, &policy(mode), &control).unwrap();
        assert_eq!((&found.status, found.operations), (&Status::Valid, operations), "{mode:?}");
        assert_eq!((found.bundles[0].source, found.bundles[0].off_chain.is_some()), (Source::Carried, off_chain));
        assert!(found.warnings.contains(&Warning::OwnCode) && found.warnings.contains(&Warning::TestSrs));
        let bad = verifier.check(&corrupted(&world.bundle).into(), &policy(mode), &control).unwrap();
        assert!(!bad.status.is_valid(), "{mode:?}");
    }
    // Whoever says which model is meant knows it.
    let model = Expected { model: Some(world.bundle.model_id()), ..Expected::default() };
    let named = Policy { expected: model, ..policy(Mode::Fast) };
    assert!(!carried.check(&single, &named, &control).unwrap().warnings.contains(&Warning::OwnCode));
    assert!(!TrustLevel::Strict.tolerates(Warning::OwnCode) && TrustLevel::Standard.tolerates(Warning::OwnCode));
    // A check that is stopped gives no verdict.
    let stopped = Control::default();
    stopped.cancel.cancel();
    let none = ProofVerifier::carried().check(&single, &policy(Mode::Full), &stopped);
    assert!(matches!(none, Err(PipelineError::Cancelled { .. })), "{none:?}");
    // Code that is not there is no verdict.
    let mut manifest = world.bundle.manifest().clone();
    manifest.model_code = None;
    let bare = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
    let none = carried.check(&bare.into(), &policy(Mode::Full), &control);
    assert!(matches!(none, Err(PipelineError::NoModelCode(_))), "{none:?}");
    let lost = carried.verify(&world.bundle, &control);
    assert!(matches!(lost, Err(PipelineError::UnknownModel(_))), "it knows no model");
}

fn several_models_in_one_verifier(world: &World) {
    let control = Control::default();
    // Built behind counters of its own: others count what the shared ones built.
    let other = world.counted().prepare(&model(1), &control).unwrap();
    let request = ProofRequest::new(other.artifacts.model_id().to_string(), super::world::input(0));
    let bundle = ProofGenerator::new(world.integration.backend(), &other).generate(&request, &control).unwrap().bundle;
    let mixed = list(vec![world.bundle.clone(), bundle.clone(), world.bundle.clone()]);
    // A model that is given twice is one model.
    let backend = world.integration.backend();
    let both = world.verifier().with_model(backend, &other).with_model(backend, &other);
    let batch = both.check(&mixed, &policy(Mode::Batch), &control).unwrap();
    assert_eq!(batch.status, Status::Valid);
    assert_eq!(batch.operations, if world.name == "native" { 2 } else { 3 }, "together, model by model");
    let seen = std::sync::Mutex::new(Vec::new());
    let observe = |done| seen.lock().unwrap().push(done);
    let contracts = both.check_observed(&mixed, &policy(Mode::Contracts), &control, &observe).unwrap();
    assert_eq!((&contracts.status, contracts.operations), (&Status::Valid, 3));
    assert_eq!(seen.into_inner().unwrap(), [1, 2, 3]);
    assert!(contracts.bundles.iter().all(|found| found.off_chain.is_none() && found.gas().is_some()));
    // With the artifacts of one, the other is verified with what it carries, if that may be.
    let half = ProofVerifier::carried().with_model(world.integration.backend(), &world.prepared);
    let found = half.check(&mixed, &policy(Mode::Full), &control).unwrap();
    assert_eq!(found.status, Status::Valid);
    let sources: Vec<Source> = found.bundles.iter().map(|found| found.source).collect();
    assert_eq!(sources, [Source::Artifacts, Source::Carried, Source::Artifacts]);
    let spoilt = list(vec![world.bundle.clone(), corrupted(&bundle)]);
    for verifier in [&both, &half] {
        assert!(reason(&verifier.check(&spoilt, &policy(Mode::Full), &control).unwrap()).starts_with("bundle 1:"));
    }
}

fn trees_are_verified_bundle_by_bundle(world: &World) {
    let bundles = many(world, 3);
    let leaf = |bundle: &Bundle| Branch::Leaf(Box::new(bundle.clone()));
    let tree = |third: &Bundle| {
        let inner = Branch::Inner(vec![leaf(&bundles[0]), Branch::Inner(vec![leaf(&bundles[1])])]);
        Structure::Recursive(Recursive::new(vec![inner, leaf(third)]).unwrap())
    };
    let found = check(world, &tree(&bundles[2]), &policy(Mode::Fast));
    assert_eq!((&found.status, found.depth, found.operations), (&Status::Valid, 3, 3), "the cost is the sum");
    let ids: Vec<B256> = found.bundles.iter().flat_map(|bundle| bundle.statement_ids.clone()).collect();
    assert_eq!(ids, bundles.iter().map(|bundle| bundle.statement().id()).collect::<Vec<_>>());
    let spoilt = check(world, &tree(&corrupted(&bundles[2])), &policy(Mode::Fast));
    assert!(reason(&spoilt).starts_with("bundle 2:"));
    assert_eq!(spoilt.bundles[0].verdict, Some(Verdict::Valid));
    let shallow = Policy { max_depth: 2, ..policy(Mode::Fast) };
    let deep = check(world, &tree(&bundles[2]), &shallow);
    assert!(reason(&deep).contains("depth 3") && deep.operations == 0);
}

fn constraints_are_told_one_by_one(world: &World) {
    let with = |constraints| Policy { constraints, ..policy(Mode::Fast) };
    let allowed = |id| Constraint::AllowedModels { models: [id].into() };
    let satisfied = vec![
        Constraint::MaxOutputLength { elements: 8 },
        Constraint::MinConfidence { confidence: 0.125 },
        allowed(world.bundle.model_id()),
    ];
    let found = check(world, &world.single(), &with(satisfied));
    assert_eq!(found.status, Status::Valid);
    assert_eq!(found.constraints.iter().map(|result| result.satisfied).collect::<Vec<_>>(), [true; 3]);
    for unsatisfied in [
        Constraint::MaxOutputLength { elements: 7 },
        Constraint::MinConfidence { confidence: 0.9 },
        allowed(B256::ZERO),
    ] {
        let found = check(world, &world.single(), &with(vec![unsatisfied]));
        assert!(reason(&found).contains("constraint"), "{found:?}");
        assert!(!found.constraints[0].satisfied);
    }
}

fn the_second_result_is_from_the_cache(world: &World) {
    let counted = world.counted();
    let verifier = ProofVerifier::new(counted.backend(), &world.prepared);
    let calls = || counted.metrics().unwrap().verifications;
    let check =
        |structure: &Structure, policy: &Policy| verifier.check(structure, policy, &Control::default()).unwrap();
    let first = check(&world.single(), &policy(Mode::Fast));
    assert!(!first.is_cached() && !first.bundles[0].cached);
    assert_eq!(calls(), 1);
    let second = check(&world.single(), &policy(Mode::Fast));
    assert!(second.is_cached() && second.bundles[0].cached);
    assert_eq!((&second.status, second.operations, calls()), (&Status::Valid, 0, 1));
    // More is asked than was checked.
    assert!(!check(&world.single(), &policy(Mode::Full)).is_cached());
    assert_eq!(calls(), 2);
    // Policy is not cached.
    let strict = Policy::new(Mode::Fast, TrustLevel::Strict);
    assert!(!check(&world.single(), &strict).status.is_valid());
    // Invalid stays Invalid, also beside a valid one of the same statement.
    let bad = Structure::from(corrupted(&world.bundle));
    for cached in [false, true] {
        let found = check(&bad, &policy(Mode::Fast));
        assert_eq!((found.status.is_valid(), found.is_cached()), (false, cached));
    }
    assert_eq!(calls(), 3);
    let uncached = ProofVerifier::new(counted.backend(), &world.prepared).with_cache(0);
    for _ in 0..2 {
        let found = uncached.check(&world.single(), &policy(Mode::Fast), &Control::default()).unwrap();
        assert!(!found.is_cached());
    }
    assert_eq!(calls(), 5);
}

fn metrics_are_sums(world: &World) {
    let verifier = world.verifier();
    let bad = Structure::from(corrupted(&world.bundle));
    let check = |structure: &Structure, mode| verifier.check(structure, &policy(mode), &Control::default()).unwrap();
    assert_eq!(verifier.metrics().average_time(), Duration::ZERO);
    let found = [
        check(&world.single(), Mode::Full),
        check(&world.single(), Mode::Full),
        check(&bad, Mode::Fast),
        check(&bad, Mode::Optimistic),
    ];
    let metrics = verifier.metrics();
    assert_eq!((metrics.total, metrics.valid, metrics.invalid, metrics.expired, metrics.pending), (4, 2, 1, 0, 1));
    assert_eq!((metrics.cache_hits, metrics.cache_misses, metrics.operations), (1, 2, 3));
    assert!((metrics.hit_rate() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(metrics.time, found.iter().map(|verification| verification.time).sum());
    assert_eq!(metrics.average_time(), metrics.time / 4);
    assert_eq!(metrics.gas_paid, 0, "nothing was on a chain");
}

/// Time moves for the verifier alone.
fn at(world: &World, after: Duration) -> ProofVerifier<'_> {
    let clock = VirtualClock::default();
    clock.advance(Duration::from_millis(world.bundle.manifest().created_at_ms) + after);
    world.verifier().with_clock(Arc::new(clock))
}

fn old_bundles_are_expired(world: &World) {
    const MINUTE: Duration = Duration::from_secs(60);
    let limited = Policy { max_age: Some(30 * MINUTE), ..policy(Mode::Fast) };
    let check = |after, policy: &Policy| at(world, after).check(&world.single(), policy, &Control::default()).unwrap();
    assert_eq!(check(29 * MINUTE, &limited).status, Status::Valid);
    let old = check(60 * MINUTE, &limited);
    assert!(matches!(&old.status, Status::Expired { reason } if reason.contains("3600") && reason.contains("1800")));
    assert_eq!(old.operations, 0);
    assert_eq!(check(60 * MINUTE, &policy(Mode::Fast)).status, Status::Valid, "nobody set a limit");
    let day_old = check(25 * 60 * MINUTE, &policy(Mode::Fast));
    assert!(day_old.status.is_valid() && day_old.warnings.contains(&Warning::Old));

    // A date in the future, beyond what clocks differ by, is none.
    let mut manifest = world.bundle.manifest().clone();
    manifest.created_at_ms += 3_600_000 + SystemClock::default().unix_ms().saturating_sub(manifest.created_at_ms);
    let future = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
    assert!(reason(&world.check(&future.into(), Mode::Fast)).contains("future"));

    // What the context says counts, whatever the policy.
    let assignment = Assignment {
        submitter: alloy::primitives::Address::ZERO,
        consumer: alloy::primitives::Address::ZERO,
        job: B256::ZERO,
        deadline: world.bundle.manifest().created_at_ms / 1000 + 600,
    };
    let context = Context::Chain { chain_id: 1, registry: alloy::primitives::Address::ZERO, assignment };
    let request = ProofRequest { context, ..world.request(0) };
    let bundle = world.generator().generate(&request, &Control::default()).unwrap().bundle;
    let structure = Structure::from(bundle);
    let of = |after| at(world, after).check(&structure, &policy(Mode::Fast), &Control::default()).unwrap().status;
    assert_eq!(of(9 * MINUTE), Status::Valid);
    assert!(matches!(of(11 * MINUTE), Status::Expired { reason } if reason.contains("deadline")));
}

fn another_models_key_is_named(world: &World) {
    let control = Control::default();
    let other = world.counted().prepare(&model(1), &control).unwrap();
    let request = ProofRequest::new(other.artifacts.model_id().to_string(), super::world::input(0));
    let bundle = ProofGenerator::new(world.integration.backend(), &other).generate(&request, &control).unwrap().bundle;
    for mode in [Mode::Full, Mode::Fast, Mode::Batch, Mode::Optimistic] {
        let found = world.check(&bundle.clone().into(), mode);
        assert!(reason(&found).contains("another verifying key"), "{found:?}");
    }
    // A proof of the other model, claimed to be one of this model.
    let stolen = with_proof(&world.bundle, bundle.proof().to_vec());
    assert!(!world.check(&stolen.into(), Mode::Full).status.is_valid());
    // In a list, it spoils the list and nothing else.
    let mixed = world.check(&list(vec![world.bundle.clone(), bundle]), Mode::Fast);
    assert!(reason(&mixed).contains("model"));
}

fn labels_are_echoed(world: &World) {
    let labels = [("job", "17"), ("client", "c-1"), ("type", "inference")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let labelled = Policy { labels: labels.clone().into(), ..policy(Mode::Fast) };
    assert_eq!(check(world, &world.single(), &labelled).labels, labels.into());
}

fn manifests_are_compared_with_what_is_known(world: &World) {
    type Change = fn(&mut zkinfer::proof::Manifest);
    let changes: [(&str, Change); 3] = [
        ("testSrs", |manifest| manifest.test_srs = false),
        ("transferable", |manifest| manifest.transferable = !manifest.transferable),
        ("backend", |manifest| manifest.backend = zkinfer::proof::bundle::BackendName::Mock),
    ];
    for (field, change) in changes {
        let mut manifest = world.bundle.manifest().clone();
        change(&mut manifest);
        let lying = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
        let found = world.check(&lying.into(), Mode::Fast);
        assert!(reason(&found).starts_with(&format!("`{field}`")), "{found:?}");
    }
    let mut manifest = world.bundle.manifest().clone();
    manifest.backend_version = "0.0.1".into();
    let foreign = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
    let found = world.check(&foreign.clone().into(), Mode::Fast);
    assert!(found.status.is_valid() && found.warnings.contains(&Warning::UnknownVersion));
    let standard = check(world, &foreign.into(), &Policy::new(Mode::Fast, TrustLevel::Standard));
    assert!(!standard.status.is_valid());
}

/// 46 (mock): refused by every level that verifies, and no chain hears of it.
#[test]
fn mock_bundles_are_refused() {
    let world = World::mock(MockBackend::default());
    for trust in [TrustLevel::Development, TrustLevel::Standard, TrustLevel::Strict] {
        for mode in [Mode::Full, Mode::Fast, Mode::Batch, Mode::Optimistic] {
            let found = check(&world, &world.single(), &Policy::new(mode, trust));
            assert!(reason(&found).contains("MOCK"), "{found:?}");
            assert_eq!(found.operations, 0);
        }
    }
    assert!(!world.verifier().verify(&world.bundle, &Control::default()).unwrap().verdict().is_valid());
    let identity = world.prepared.artifacts.identity();
    assert!(artifacts::adapter(identity.adapter_id).is_none(), "there is nothing to deploy");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let anvil = Toolchain::from_env().anvil().expect("run `make setup` or `npm ci` first");
        let devnet = Devnet::start(&anvil).await.unwrap();
        let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
        let client = Client::new(node.clone(), Account::dev()).unwrap();
        let zero = alloy::primitives::Address::ZERO;
        let asked = OnChainVerifier::new(node, zero, zero).verify(&world.bundle).await;
        assert!(matches!(asked, Err(PipelineError::Mock)));
        assert!(matches!(OnChainVerifier::submit(&client, &world.bundle).await, Err(PipelineError::Mock)));
    });
}
