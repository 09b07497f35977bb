//! What no verdict forgets: every bundle, every statement, every bound. On the mock backend, which is tolerated by
//! `TrustLevel::Testing` alone, unless a comment says otherwise.

use super::world::{World, input, model, native, policy, reason};
use alloy::primitives::{Address, B256};
use std::{sync::Arc, time::Duration};
use zkinfer::{
    backend::{
        Control,
        mock::{MockBackend, VirtualClock},
    },
    model::{Mlp, Model, mlp::Dense, synthetic::to_onnx},
    pipeline::{
        Prepared, ProofGenerator, ProofVerifier,
        verification::{
            CLOCK_SKEW, Constraint, Expected, Mode, OLD, Policy, Status, TrustLevel, Verification, Warning,
        },
    },
    proof::{
        Aggregated, Assignment, Branch, Bundle, Context, PublicValues, Recursive, Statement, Structure,
        bundle::BackendName, identity,
    },
};

fn mock() -> World {
    World::mock(MockBackend::default())
}

fn testing() -> Policy {
    Policy::new(Mode::Fast, TrustLevel::Testing)
}

fn list(bundles: &[&Bundle]) -> Structure {
    Structure::Aggregated(Aggregated::new(bundles.iter().map(|&bundle| bundle.clone()).collect()).unwrap())
}

fn until(deadline: u64) -> Context {
    let assignment = Assignment { submitter: Address::ZERO, consumer: Address::ZERO, job: B256::ZERO, deadline };
    Context::Chain { chain_id: 1, registry: Address::ZERO, assignment }
}

/// Of one input, or of several with one proof, each for its context.
fn prove(world: &World, prepared: &Prepared, inputs: &[usize], contexts: &[Context]) -> Bundle {
    let (generator, control) = (ProofGenerator::new(&*world.backend, prepared), Control::default());
    let witnesses: Vec<_> = inputs.iter().map(|&number| generator.witness(&input(number), &control).unwrap()).collect();
    let runs: Vec<_> = witnesses.iter().zip(contexts.iter().copied()).collect();
    generator.prove_batch(&runs, &control).unwrap()
}

/// A network of another width, whose answers are all the same number: it is as unsure as can be.
fn unsure(world: &World) -> Prepared {
    let dense = Dense { inputs: super::world::WIDTH, outputs: 16, weights: vec![0.0; 128], bias: vec![0.0; 16] };
    let model = Model::from_onnx(to_onnx(&Mlp { hidden: vec![], last: dense })).unwrap();
    world.counted().prepare(&model, &Control::default()).unwrap()
}

fn check(verifier: &ProofVerifier<'_>, structure: &Structure, policy: &Policy) -> Verification {
    verifier.check(structure, policy, &Control::default()).unwrap()
}

/// A policy that the first bundle, or the first statement, satisfies alone.
#[test]
fn every_bundle_and_every_statement_counts() {
    let world = mock();
    let other = unsure(&world);
    let second = prove(&world, &other, &[0], &[Context::Offchain {}]);
    let verifier = world.verifier().with_model(&*world.backend, &other);
    let (first_id, second_id) = (world.bundle.model_id(), second.model_id());
    let structures = [list(&[&world.bundle, &second]), list(&[&second, &world.bundle])];
    for structure in &structures {
        assert_eq!(check(&verifier, structure, &testing()).status, Status::Valid);
        for constraint in [
            Constraint::AllowedModels { models: [first_id].into() },
            Constraint::AllowedModels { models: [second_id].into() },
            Constraint::MaxOutputLength { elements: 15 },
            Constraint::MinConfidence { confidence: 0.1 },
        ] {
            let found = check(&verifier, structure, &Policy { constraints: vec![constraint], ..testing() });
            assert!(reason(&found).contains("a constraint does not hold"), "{found:?}");
        }
        for model in [first_id, second_id] {
            let expected = Expected { model: Some(model), ..Expected::default() };
            let found = check(&verifier, structure, &Policy { expected, ..testing() });
            assert!(reason(&found).starts_with("`model`"), "{found:?}");
        }
        let both = vec![
            Constraint::AllowedModels { models: [first_id, second_id].into() },
            Constraint::MaxOutputLength { elements: 16 },
            Constraint::MinConfidence { confidence: 0.06 },
        ];
        assert_eq!(check(&verifier, structure, &Policy { constraints: both, ..testing() }).status, Status::Valid);
    }
    // A lie in the second place.
    let mut manifest = world.bundle.manifest().clone();
    manifest.test_srs = false;
    let lie = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
    let found = check(&verifier, &list(&[&world.bundle, &lie]), &testing());
    assert!(reason(&found).starts_with("`testSrs`"), "{found:?}");
    // The sure answer is in either place of one bundle.
    let sure = |numbers: [usize; 2]| prove(&world, &world.prepared, &numbers, &[Context::Offchain {}; 2]).into();
    let confidence = |structure: &Structure| -> f64 {
        let constraints = vec![Constraint::MinConfidence { confidence: 0.0 }];
        let found = check(&verifier, structure, &Policy { constraints, ..testing() });
        found.constraints[0].found.strip_prefix("confidence ").unwrap().parse().unwrap()
    };
    assert!((confidence(&second.clone().into()) - 1.0 / 16.0).abs() < 1e-9, "of 16 equal outputs, and no input");
    let alone = [0, 1].map(|number| confidence(&sure([number; 2])));
    let least = alone[0].min(alone[1]);
    assert!((alone[0] - alone[1]).abs() > 2e-4, "{alone:?}: the test tests nothing");
    for numbers in [[0, 1], [1, 0]] {
        assert!((confidence(&sure(numbers)) - least).abs() < 1e-9, "{alone:?}");
    }
    // A deadline that has passed, in either statement of one bundle and in either bundle of a list.
    let late = |contexts: [Context; 2]| prove(&world, &world.prepared, &[0, 1], &contexts);
    let never = until(u64::MAX);
    for (contexts, is_late) in [([never, never], false), ([until(5), never], true), ([never, until(5)], true)] {
        let bundle = late(contexts);
        for structure in [list(&[&bundle]), list(&[&world.bundle, &bundle])] {
            let found = check(&world.verifier(), &structure, &testing());
            assert_eq!(matches!(found.status, Status::Expired { .. }), is_late, "{found:?}");
        }
    }
}

/// What is bound by a number is right up to that number.
#[test]
fn bounds_are_inclusive() {
    let world = mock();
    let leaf = |bundle: &Bundle| Branch::Leaf(Box::new(bundle.clone()));
    let tree = Structure::Recursive(Recursive::new(vec![Branch::Inner(vec![leaf(&world.bundle)])]).unwrap());
    for (max_depth, is_valid) in [(2, true), (1, false)] {
        let found = check(&world.verifier(), &tree, &Policy { max_depth, ..testing() });
        assert_eq!((tree.depth(), found.status.is_valid()), (2, is_valid));
    }
    let made = Duration::from_millis(world.bundle.manifest().created_at_ms);
    let at = |now: Duration, structure: &Structure, policy: &Policy| {
        let clock = VirtualClock::default();
        clock.advance(now);
        check(&world.verifier().with_clock(Arc::new(clock)), structure, policy)
    };
    let (single, moment) = (world.single(), Duration::from_millis(1));
    let limited = Policy { max_age: Some(Duration::from_secs(60)), ..testing() };
    assert!(at(made + Duration::from_secs(60), &single, &limited).status.is_valid());
    let old = at(made + Duration::from_secs(60) + moment, &single, &limited);
    assert!(matches!(old.status, Status::Expired { .. }), "{old:?}");
    assert!(!at(made + OLD, &single, &testing()).warnings.contains(&Warning::Old));
    assert!(at(made + OLD + moment, &single, &testing()).warnings.contains(&Warning::Old));
    assert!(at(made - CLOCK_SKEW, &single, &testing()).status.is_valid(), "clocks differ");
    assert!(reason(&at(made - CLOCK_SKEW - moment, &single, &testing())).contains("future"));
    // The registry takes a claim in the second of its deadline.
    let deadline = made.as_secs() + 60;
    let bound = prove(&world, &world.prepared, &[0], &[until(deadline)]).into();
    assert!(at(Duration::from_secs(deadline), &bound, &testing()).status.is_valid());
    assert!(!at(Duration::from_secs(deadline + 1), &bound, &testing()).status.is_valid());
}

/// Native: whoever names the models is told everything else all the same.
#[test]
fn naming_the_models_hushes_no_other_warning() {
    let world = native();
    let id = world.bundle.model_id();
    let expected = Expected { model: Some(id), ..Expected::default() };
    let allowed = vec![Constraint::AllowedModels { models: [id].into() }];
    for (trust, is_valid) in [(TrustLevel::Development, true), (TrustLevel::Standard, false)] {
        let base = Policy::new(Mode::Fast, trust);
        let (by_id, by_list) = (
            Policy { expected: expected.clone(), ..base.clone() },
            Policy { constraints: allowed.clone(), ..base.clone() },
        );
        for policy in [by_id, by_list] {
            let found = check(&ProofVerifier::carried(), &world.single(), &policy);
            assert_eq!(found.warnings, [Warning::TestSrs], "{policy:?}");
            assert_eq!(found.status.is_valid(), is_valid, "{found:?}");
        }
        // Another constraint names none.
        let constraints = vec![Constraint::MaxOutputLength { elements: 100 }];
        let found = check(&ProofVerifier::carried(), &world.single(), &Policy { constraints, ..base });
        assert!(found.warnings.contains(&Warning::OwnCode), "{found:?}");
    }
}

/// Native: a verdict is found again for the same statements, by the same means, asked as much, and for nothing else.
#[test]
fn a_kept_verdict_is_of_its_statements_its_means_and_its_mode() {
    let world = native();
    let verifier = ProofVerifier::carried();
    let valid = check(&verifier, &world.single(), &policy(Mode::Contracts));
    assert!(valid.status.is_valid() && !valid.is_cached());
    for mode in [Mode::Full, Mode::Fast] {
        assert!(!check(&verifier, &world.single(), &policy(mode)).is_cached(), "{mode:?} asks somebody else");
    }
    assert!(check(&verifier, &world.single(), &policy(Mode::Contracts)).is_cached());
    // The same proof under other values, and under another context.
    let statement = world.bundle.statement();
    let mut values = statement.public_values.as_bytes().to_vec();
    let last = values.len() - 1;
    values[last] ^= 1;
    let lies = [
        Statement { public_values: PublicValues::from_bytes(values.into()), ..statement.clone() },
        Statement { context: until(u64::MAX), ..statement.clone() },
    ];
    for lie in lies {
        let lie = Bundle::new(vec![lie], world.bundle.proof().clone(), world.bundle.manifest().clone()).unwrap();
        for mode in [Mode::Contracts, Mode::Full, Mode::Fast] {
            let found = check(&verifier, &lie.clone().into(), &policy(mode));
            assert!(!found.status.is_valid() && !found.is_cached(), "{mode:?}: {found:?}");
        }
    }
    // With the artifacts it is another verifier who says it.
    let verifier = verifier.with_model(&*world.backend, &world.prepared);
    let found = check(&verifier, &world.single(), &policy(Mode::Fast));
    assert!(found.status.is_valid() && !found.is_cached(), "{found:?}");
}

/// Native artifacts with the backend that verifies nothing, and bundles that say what either would like to hear.
#[test]
fn a_backend_verifies_its_own_models_alone() {
    let (world, mock) = (native(), MockBackend::default());
    let confused = ProofVerifier::new(&mock, &world.prepared);
    for backend in [BackendName::Native, BackendName::Mock] {
        let mut manifest = world.bundle.manifest().clone();
        manifest.backend = backend;
        manifest.transferable = backend == BackendName::Mock;
        let said = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
        let found = check(&confused, &said.into(), &testing());
        assert!(reason(&found).starts_with("`backend`"), "{found:?}");
    }
}

type Change = fn(&mut zkinfer::proof::Manifest);
const LIES: [(&str, Change); 2] =
    [("testSrs", |manifest| manifest.test_srs = false), ("transferable", |manifest| manifest.transferable = true)];

/// What is known of an SRS follows from its id, which is a hash of its points: a word that contradicts it is a lie, and an SRS that
/// is on no list is not TEST.
#[test]
fn the_word_about_the_srs_follows_from_its_id() {
    let world = super::world::ezkl();
    let check_with = |test_srs| {
        let other = super::boundary::with_manifest(&world.bundle, |manifest| {
            (manifest.srs_id, manifest.test_srs) = (B256::repeat_byte(9), test_srs);
        });
        check(&ProofVerifier::carried(), &other.into(), &policy(Mode::Fast))
    };
    let found = check_with(false);
    assert!(found.status.is_valid() && found.warnings.contains(&Warning::UnlistedSrs), "{found:?}");
    assert!(!found.warnings.contains(&Warning::TestSrs), "{found:?}");
    assert!(reason(&check_with(true)).contains("testSrs"));
}

/// A contradiction names what the bundle says and what follows from the model.
#[test]
fn a_lie_is_told_with_both_values() {
    let world = native();
    for verifier in [world.verifier(), ProofVerifier::carried()] {
        for (field, change) in LIES {
            let mut manifest = world.bundle.manifest().clone();
            change(&mut manifest);
            let said = Bundle::new(world.bundle.statements().to_vec(), world.bundle.proof().clone(), manifest).unwrap();
            let found = check(&verifier, &said.into(), &policy(Mode::Fast));
            assert!(reason(&found).starts_with(&format!("`{field}`: the bundle says ")), "{found:?}");
            assert!(["false", "true"].iter().all(|value| reason(&found).contains(value)), "{found:?}");
        }
        let mut manifest = world.bundle.manifest().clone();
        manifest.vk_digest = B256::repeat_byte(7);
        let model_id = identity::model_id(&manifest.model_parts());
        let statement = Statement { model_id, ..world.bundle.statement().clone() };
        let other = Bundle::new(vec![statement], world.bundle.proof().clone(), manifest).unwrap();
        assert!(!check(&verifier, &other.into(), &policy(Mode::Fast)).status.is_valid());
    }
    // A model that is not the first one's.
    let second = world.counted().prepare(&model(1), &Control::default()).unwrap();
    assert_ne!(second.artifacts.model_id(), world.bundle.model_id());
    let found = check(&ProofVerifier::new(&*world.backend, &second), &world.single(), &policy(Mode::Fast));
    let ids = [second.artifacts.model_id(), world.bundle.model_id()].map(|id| id.to_string());
    assert!(ids.iter().all(|id| reason(&found).contains(id)), "{found:?}");
}
