//! Hidden inputs and outputs: committed to, proven, opened, linked; and what has to be refused.

use crate::world::{World, fresh_cache};
use alloy::primitives::{B256, Bytes};
use std::{fs, path::Path, sync::LazyLock};
use zkinfer::{
    backend::{
        Artifacts, BackendError, Control, Opening, Openings, ProvingBackend, SampleSecrets, TensorOpening,
        TensorSecret, Witness,
        mock::MockBackend,
        native::{Committed, NativeBackend, check_model, verify_with_key_object},
    },
    model::{Input, Model, synthetic},
    pipeline::{
        BatchProofGenerator, EZKLIntegration, PipelineError, ProofGenerator, ProofRequest, ProofVerifier,
        batch_proofs::{BatchConfig, Strategy},
        verification::{Constraint, Mode, Policy, Status, TrustLevel},
        verify_carried, verify_in_evm,
    },
    proof::{
        Aggregated, Bundle, Context, Manifest, PublicValues, Schema, Statement, Structure, TensorSchema, Verdict,
        identity::{ModelParts, model_id, proof_hash, schema_hash},
        schema::{Direction, Visibility},
    },
};
use zkinfer_prover::{Prover, ProvingKey, Request, srs::HEZ_FINAL};

const INPUTS: Committed = Committed { inputs: true, outputs: false };
const OUTPUTS: Committed = Committed { inputs: false, outputs: true };
const BOTH: Committed = Committed { inputs: true, outputs: true };

fn network() -> Model {
    Model::from_onnx(synthetic::to_onnx(&synthetic::random_mlp(&[4, 6, 3], 1).unwrap())).unwrap()
}

fn input(number: usize) -> Input {
    Input::new(vec![(0..4).map(|j| ((number + 3 * j) % 16) as f64 / 16.0).collect()]).unwrap()
}

/// Proofs of two inputs by a model that hides some sides, with what opens them.
struct Hidden {
    world: World,
    bundle: Bundle,
    openings: Openings,
}

impl Hidden {
    fn of(hidden: Committed) -> Self {
        let world = World::of(&network(), NativeBackend::new().with_hidden(hidden));
        let (bundle, openings) = prove(&world, &[1, 2]);
        Self { world, bundle, openings }
    }

    fn verdict(&self, openings: &Openings) -> Verdict {
        self.world.backend.check_openings(&self.bundle, Some(&self.world.prepared.artifacts), openings).unwrap()
    }

    /// What the verdict says of these openings in the place of the right ones.
    fn refused(&self, statements: Vec<Opening>) -> String {
        reason(self.verdict(&Openings::new(self.bundle.model_id(), statements)))
    }
}

static HIDES_INPUTS: LazyLock<Hidden> = LazyLock::new(|| Hidden::of(INPUTS));
static HIDES_BOTH: LazyLock<Hidden> = LazyLock::new(|| Hidden::of(BOTH));

fn prove(world: &World, inputs: &[usize]) -> (Bundle, Openings) {
    let generator = ProofGenerator::new(world.integration.backend(), &world.prepared);
    let witness = |&number: &usize| generator.witness(&input(number), &Control::default()).unwrap();
    let witnesses: Vec<Witness> = inputs.iter().map(witness).collect();
    let runs: Vec<_> = witnesses.iter().map(|witness| (witness, Context::Offchain {})).collect();
    let bundle = generator.prove_batch(&runs, &Control::default()).unwrap();
    let opened = witnesses.iter().map(|witness| witness.opening().unwrap().clone()).collect();
    (bundle, Openings::new(world.prepared.artifacts.model_id(), opened))
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Valid => panic!("it is accepted"),
        Verdict::Invalid { reason } => reason,
    }
}

fn values(bundle: &Bundle, at: usize) -> &Bytes {
    bundle.statements()[at].public_values.as_bytes()
}

#[test]
fn hidden_sides_are_proven_batched_and_opened() {
    let outputs = Hidden::of(OUTPUTS);
    for (hidden, size) in [(&*HIDES_INPUTS, 64 + 3 * 8), (&outputs, 4 * 2 + 64), (&*HIDES_BOTH, 128)] {
        assert_eq!(values(&hidden.bundle, 0).len(), size);
        let verifier = ProofVerifier::new(&*hidden.world.backend, &hidden.world.prepared);
        let report = verifier.verify(&hidden.bundle, &Control::default()).unwrap();
        assert!(report.verdict().is_valid() && report.embedded_evm.unwrap().verdict.is_valid());
        assert!(verify_carried(&hidden.bundle, &Control::default()).unwrap().verdict().is_valid());
        assert_eq!(hidden.verdict(&hidden.openings), Verdict::Valid);
        // Neither artifacts nor backend of the prover: whoever gets the file can check it.
        let elsewhere = NativeBackend::new().check_openings(&hidden.bundle, None, &hidden.openings).unwrap();
        assert_eq!(elsewhere, Verdict::Valid);
        let read = Openings::from_json(&hidden.openings.to_json().unwrap()).unwrap();
        assert_eq!(hidden.verdict(&read), Verdict::Valid);
    }
    let opened = HIDES_BOTH.openings.statements()[0].clone();
    let schema = HIDES_BOTH.bundle.schema().unwrap();
    let numbers = opened.side(Direction::Input).unwrap().reals(&schema.tensors()[0]);
    assert_eq!(vec![numbers], input(1).tensors());
    // What is opened is what a model that hides nothing says.
    let public = Hidden::of(OUTPUTS);
    let inputs = public.openings.statements()[0].side(Direction::Output).unwrap();
    assert_eq!(inputs.elements(), opened.side(Direction::Output).unwrap().elements());
}

/// A secret that is used twice would show which tensors are equal.
#[test]
fn every_witness_has_secrets_of_its_own() {
    let (again, openings) = prove(&HIDES_BOTH.world, &[1, 1]);
    let points = [values(&again, 0), values(&again, 1), values(&HIDES_BOTH.bundle, 0)];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(points[a][..64], points[b][..64]);
        assert_ne!(points[a][64..], points[b][64..]);
    }
    let elements = |at: usize| openings.statements()[at].side(Direction::Input).unwrap().elements();
    assert_eq!(elements(0), elements(1));
}

#[test]
fn what_is_hidden_decides_about_the_artifacts() {
    let (_dir, cache) = fresh_cache();
    let mut dirs: Vec<_> = [Committed::default(), INPUTS, OUTPUTS, BOTH]
        .map(|hidden| {
            let backend = std::sync::Arc::new(NativeBackend::new().with_hidden(hidden));
            let integration = EZKLIntegration::new(backend, cache.clone());
            integration.prepare(&network(), &Control::default()).unwrap().artifacts.dir().to_owned()
        })
        .to_vec();
    dirs.sort();
    dirs.dedup();
    assert_eq!(dirs.len(), 4);
}

#[test]
fn openings_of_something_else_are_refused() {
    let hidden = &*HIDES_BOTH;
    let [first, second] = hidden.openings.statements() else { panic!() };
    let change = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_slice(&hidden.openings.to_json().unwrap()).unwrap();
        change(&mut json["statements"][0]);
        reason(hidden.verdict(&Openings::from_json(json.to_string().as_bytes()).unwrap()))
    };
    // Of another bundle of the same tensors, in another order, too few.
    let (_, others) = prove(&hidden.world, &[1, 2]);
    assert!(hidden.refused(others.statements().to_vec()).contains("another commitment"));
    assert!(hidden.refused(vec![second.clone(), first.clone()]).contains("another commitment"));
    assert!(hidden.refused(vec![first.clone()]).contains("1 openings of 2"));
    // Another secret, another element, more of them, none, one that no such tensor has.
    for side in ["inputs", "outputs"] {
        let flip = |json: &mut serde_json::Value| {
            let secret = json[side]["secret"].as_str().unwrap();
            let digit = if secret.ends_with('0') { "1" } else { "0" };
            json[side]["secret"] = format!("{}{digit}", &secret[..63]).into();
        };
        assert!(change(&flip).contains("another commitment"), "{side}");
        assert!(change(&|json| json[side]["elements"][0] = 17.into()).contains("another commitment"), "{side}");
        let longer = |json: &mut serde_json::Value| json[side]["elements"].as_array_mut().unwrap().push(0.into());
        assert!(change(&longer).contains("another number of elements"), "{side}");
        assert!(change(&|json| _ = json.as_object_mut().unwrap().remove(side)).contains("was not opened"), "{side}");
    }
    assert!(change(&|json| json["inputs"]["elements"][0] = 65536.into()).contains("out of range"));
    // Of another model; and of a tensor that everybody sees.
    let foreign = Openings::new(B256::repeat_byte(1), hidden.openings.statements().to_vec());
    assert!(reason(hidden.verdict(&foreign)).contains("another model"));
    let refused = HIDES_INPUTS.refused(hidden.openings.statements().to_vec());
    assert!(refused.contains("another commitment"), "{refused}");
    let inputs = HIDES_INPUTS.openings.statements()[0].clone();
    let mut json: serde_json::Value = serde_json::from_slice(&HIDES_INPUTS.openings.to_json().unwrap()).unwrap();
    json["statements"][0]["outputs"] = json["statements"][0]["inputs"].clone();
    let more = Openings::from_json(json.to_string().as_bytes()).unwrap();
    assert!(reason(HIDES_INPUTS.verdict(&more)).contains("it is public"));
    assert!(inputs.side(Direction::Output).is_none());
}

/// Points of other tensors, of other statements, or no points at all.
#[test]
fn other_points_make_a_proof_invalid() {
    let hidden = &*HIDES_BOTH;
    let verifier = ProofVerifier::new(&*hidden.world.backend, &hidden.world.prepared);
    let accepted = |change: &dyn Fn(&mut [Vec<u8>; 2])| {
        let mut bytes = [0, 1].map(|at| values(&hidden.bundle, at).to_vec());
        change(&mut bytes);
        let changed = |(statement, bytes): (&Statement, &Vec<u8>)| Statement {
            public_values: PublicValues::from_bytes(bytes.clone().into()),
            ..statement.clone()
        };
        let statements: Vec<_> = hidden.bundle.statements().iter().zip(&bytes).map(changed).collect();
        let proof = hidden.bundle.proof();
        let artifacts = &hidden.world.prepared.artifacts;
        let ours = hidden.world.backend.verify(artifacts, &statements, proof, &Control::default()).unwrap();
        let contract = verifier.embedded(&statements, proof).unwrap().unwrap();
        assert_eq!(ours.is_valid(), contract.verdict.is_valid(), "Rust and Solidity disagree");
        ours.is_valid()
    };
    assert!(accepted(&|_| ()));
    assert!(!accepted(&|bytes| bytes[0].rotate_left(64)), "inputs and outputs swapped");
    assert!(!accepted(&|bytes| bytes.swap(0, 1)), "statements swapped");
    assert!(
        !accepted(&|[first, second]| first[64..].swap_with_slice(&mut second[64..])),
        "the outputs of the other statement"
    );
    assert!(!accepted(&|bytes| bytes[0][63] ^= 1), "no point");
    assert!(!accepted(&|bytes| bytes[0][..64].fill(0)), "the identity");
}

/// The artifacts of a model, with another schema that is sealed as carefully.
fn forged(world: &World, dir: &Path, change: impl FnOnce(&mut Vec<TensorSchema>)) -> Artifacts {
    let artifacts = &world.prepared.artifacts;
    for name in ["vk.key", "pk.key", "model.secret"] {
        fs::copy(artifacts.file(name).unwrap(), dir.join(name)).unwrap();
    }
    let mut identity = artifacts.identity().clone();
    identity.schema = other_schema(&artifacts.schema().unwrap(), change);
    Artifacts::seal(dir, identity).unwrap()
}

fn other_schema(schema: &Schema, change: impl FnOnce(&mut Vec<TensorSchema>)) -> Bytes {
    let mut tensors = schema.tensors().to_vec();
    change(&mut tensors);
    Schema::new(tensors).unwrap().to_bytes().into()
}

type Change = fn(&mut Vec<TensorSchema>);

/// For a model that hides its inputs: what is committed said to be public, also in as many bytes; what is public said to be
/// committed; and a length that the point does not have.
const LIES: [(&str, Change); 4] = [
    ("the key says committed", |tensors| tensors[0].visibility = Visibility::Public),
    // As many bytes as a point has.
    ("the key says committed", |tensors| {
        (tensors[0].visibility, tensors[0].shape) = (Visibility::Public, vec![1, 32]);
    }),
    ("the key says public", |tensors| tensors[1].visibility = Visibility::Committed),
    ("the key says 4", |tensors| tensors[0].shape = vec![1, 9]),
];

#[test]
fn artifacts_whose_schema_lies_are_refused() {
    let world = &HIDES_INPUTS.world;
    for (expected, lie) in LIES {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = forged(world, dir.path(), lie);
        let fresh = NativeBackend::new();
        let statement = Statement { model_id: artifacts.model_id(), ..HIDES_INPUTS.bundle.statements()[0].clone() };
        let proof = HIDES_INPUTS.bundle.proof();
        let errors = [
            fresh.check(&artifacts).unwrap_err(),
            fresh.witness(&artifacts, &input(1), &Control::default()).err().unwrap(),
            fresh.verify(&artifacts, &[statement], proof, &Control::default()).unwrap_err(),
        ];
        // Some lies want an input of another length.
        for error in errors.iter().filter(|error| !matches!(error, BackendError::Model(_))) {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(errors.iter().filter(|error| matches!(error, BackendError::Artifacts(_))).count() >= 2);

        let dir = tempfile::tempdir().unwrap();
        let backend = NativeBackend::new().with_hidden(INPUTS);
        let mut circuit = backend.compile(&network(), dir.path(), &Control::default()).unwrap();
        circuit.schema = Schema::from_bytes(&other_schema(&circuit.schema, lie)).unwrap();
        let error = backend.setup(&circuit, dir.path(), &Control::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(NativeBackend::new().check(&forged(world, dir.path(), |_| ())).is_ok());
}

/// Whoever has a key can name a model with any schema, and prove for that name: proof and contract know no schema.
#[test]
fn a_key_object_whose_schema_lies_is_refused() {
    let world = &HIDES_INPUTS.world;
    let artifacts = &world.prepared.artifacts;
    let code = &world.prepared.verifier.as_ref().unwrap().runtime_code;
    let key = || ProvingKey::from_bytes(&fs::read(artifacts.file("pk.key").unwrap()).unwrap()).unwrap();
    let prover = Prover::new(key(), &HEZ_FINAL.open(2048).unwrap(), 1).unwrap();
    let committed = prover.key().verifying_key().shape().committed();
    let mut bundles = 0;
    for (expected, lie) in LIES {
        let schema = other_schema(&artifacts.schema().unwrap(), lie);
        let parts = ModelParts { schema_hash: schema_hash(&schema), ..HIDES_INPUTS.bundle.manifest().model_parts() };
        let context = Context::Offchain {};
        let request = Request { inputs: vec![1, 2, 3, 4], context_id: context.id().0 };
        let secrets = [SampleSecrets::generate(committed).unwrap()];
        let (proven, proof) = prover.prove_committed(model_id(&parts).0, &[request], &secrets).unwrap();
        let statement = Statement {
            model_id: model_id(&parts),
            public_values: PublicValues::from_bytes(proven[0].values.to_bytes().into()),
            context,
        };
        let proof = Bytes::from(proof.to_bytes());
        let verdict = |schema: Option<&Bytes>| {
            verify_with_key_object(&parts, code, &[], schema, std::slice::from_ref(&statement), &proof).unwrap()
        };
        assert_eq!(verdict(None), Verdict::Valid, "the proof is honest");
        assert!(reason(verdict(Some(&schema))).contains(expected));
        assert!(check_model(&parts, code, &[], &schema).unwrap_err().contains(expected));
        let honest = &artifacts.identity().schema;
        assert!(reason(verdict(Some(honest))).contains("the schema is another model's"));
        let manifest = Manifest {
            schema_hash: schema_hash(&schema),
            schema,
            proof_hash: proof_hash(&proof),
            ..HIDES_INPUTS.bundle.manifest().clone()
        };
        // Public values of another length make no bundle.
        let Ok(bundle) = Bundle::new(vec![statement.clone()], proof.clone(), manifest) else { continue };
        bundles += 1;
        for report in [verify_carried(&bundle, &Control::default()), verify_in_evm(&bundle, code, &Control::default())]
        {
            let report = report.unwrap();
            assert!(report.embedded_evm.verdict.is_valid(), "contracts see no schema");
            assert!(reason(report.verdict()).contains(expected) && !report.is_contradictory());
        }
        // Whoever asks the contracts alone is told before they are asked.
        for mode in [Mode::Contracts, Mode::Full, Mode::Fast] {
            let policy = Policy::new(mode, TrustLevel::Development);
            let found = ProofVerifier::carried().check(&bundle.clone().into(), &policy, &Control::default()).unwrap();
            let refused = matches!(&found.status, Status::Invalid { reason } if reason.contains(expected));
            assert!(refused && found.operations == 0, "{mode:?}: {found:?}");
        }
    }
    assert_eq!(bundles, 2);
    let parts = HIDES_INPUTS.bundle.manifest().model_parts();
    assert_eq!(check_model(&parts, code, &[], &artifacts.identity().schema), Ok(()));
}

#[test]
fn secrets_are_for_hidden_sides_alone() {
    let outputs =
        SampleSecrets { inputs: None, outputs: Some(HIDES_BOTH.openings.statements()[0].secrets().outputs.unwrap()) };
    let (control, world) = (Control::default(), &HIDES_INPUTS.world);
    let error = world.backend.witness_with(&world.prepared.artifacts, &input(1), &outputs, &control).unwrap_err();
    assert!(error.to_string().contains("outputs are public"), "{error}");
    let mock = MockBackend::default();
    let error = mock.witness_with(&world.prepared.artifacts, &input(1), &outputs, &control).unwrap_err();
    assert!(matches!(error, BackendError::Unsupported { .. }), "{error}");
    // The same secret and tensor: the same point. Another secret: another.
    let secrets = HIDES_BOTH.openings.statements()[0].secrets();
    let again = |secrets: &SampleSecrets| {
        let world = &HIDES_BOTH.world;
        world.backend.witness_with(&world.prepared.artifacts, &input(1), secrets, &control).unwrap()
    };
    assert_eq!(again(&secrets).public_values.as_bytes(), values(&HIDES_BOTH.bundle, 0));
    let one = SampleSecrets { outputs: None, ..secrets };
    let half = again(&one);
    assert_eq!(half.public_values.as_bytes()[..64], values(&HIDES_BOTH.bundle, 0)[..64]);
    assert_ne!(half.public_values.as_bytes()[64..], values(&HIDES_BOTH.bundle, 0)[64..]);
}

/// A hidden answer is as long as the schema says, and not shorter than any limit.
#[test]
fn the_length_of_hidden_outputs_counts() {
    let hidden = &*HIDES_BOTH;
    let verifier = ProofVerifier::new(&*hidden.world.backend, &hidden.world.prepared);
    for (elements, satisfied) in [(3, true), (2, false)] {
        let mut policy = Policy::new(Mode::Fast, TrustLevel::Testing);
        policy.constraints = vec![Constraint::MaxOutputLength { elements }];
        let found = verifier.check(&hidden.bundle.clone().into(), &policy, &Control::default()).unwrap();
        assert_eq!(found.status.is_valid(), satisfied, "{:?}", found.constraints);
    }
}

/// Its reports and journals have no place for openings.
#[test]
fn a_batch_generator_refuses_what_it_would_make_unopenable() {
    let world = &HIDES_INPUTS.world;
    let generator = ProofGenerator::new(world.integration.backend(), &world.prepared);
    let strategy = Strategy::Streaming { chunk: 1, workers: 1 };
    let error = BatchProofGenerator::new(generator, BatchConfig::new(strategy)).unwrap_err();
    assert!(matches!(error, PipelineError::HiddenTensors), "{error}");
}

/// A network whose outputs are integers of the scale of its inputs: `(a, a)` is mapped to `(a, a)`.
fn fixed_point() -> Model {
    let mut mlp = synthetic::random_mlp(&[2, 2], 1).unwrap();
    (mlp.last.weights, mlp.last.bias) = (vec![127.0, -126.0, -126.0, 127.0], vec![0.0; 2]);
    Model::from_onnx(synthetic::to_onnx(&mlp)).unwrap()
}

/// Nobody but the prover sees the numbers between the steps; everybody sees that they are the same.
#[test]
fn chains_link_hidden_tensors_by_their_commitments() {
    let world = World::of(&fixed_point(), NativeBackend::new().with_hidden(BOTH));
    let (generator, control) = (ProofGenerator::new(world.integration.backend(), &world.prepared), Control::default());
    let start = Input::new(vec![vec![0.25, 0.25]]).unwrap();
    let mut chain = generator.start_incremental(ProofRequest::new(fixed_point().hash(), start)).unwrap();
    let steps: Vec<Bundle> = (0..3).map(|_| chain.step(&control).unwrap().clone()).collect();
    for pair in steps.windows(2) {
        assert_eq!(values(&pair[0], 0)[64..], values(&pair[1], 0)[..64]);
    }
    let result = chain.finalize().unwrap();
    assert_eq!(result.openings.len(), 3);
    let openings = Openings::new(steps[2].model_id(), vec![result.openings[2].clone()]);
    assert_eq!(world.backend.check_openings(&steps[2], None, &openings).unwrap(), Verdict::Valid);

    let verifier = ProofVerifier::new(&*world.backend, &world.prepared);
    let valid = |bundles: Vec<Bundle>| {
        let structure = Structure::Aggregated(Aggregated::chain(bundles).unwrap());
        verifier.check(&structure, &Policy::new(Mode::Fast, TrustLevel::Testing), &control).unwrap().status
    };
    assert_eq!(valid(steps.clone()), Status::Valid);
    assert_eq!(valid(steps[1..].to_vec()), Status::Valid);
    // A step is left out: the same numbers, other commitments.
    let Status::Invalid { reason } = valid(vec![steps[0].clone(), steps[2].clone()]) else { panic!() };
    assert!(reason.contains("other commitments"), "{reason}");
    let tensor = |secret| TensorOpening::new(TensorSecret::from_bytes([secret; 32]), [1]);
    assert!(!format!("{:?}", tensor(7)).contains('7'));
}
