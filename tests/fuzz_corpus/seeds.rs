//! The seeds: valid ones, and broken ones that were worth thinking of.

use alloy::{
    primitives::{Address, B256, Bytes, I256, keccak256},
    sol_types::{SolCall, SolError, SolValue},
};
use zkinfer::{
    backend::{ArtifactIdentity, Artifacts, Control},
    chain::bindings::{IModelRegistry, IProofRegistry, IVerifierAdapter},
    ezkl::verify_carried,
    model::synthetic::{Graph, float_list, int, ints, random_mlp, texts, to_onnx},
    proof::{
        Aggregated, Assignment, Bundle, Compression, Context, Encoding, Manifest, PublicValues, Recursive, Schema,
        Statement, Structure, TensorSchema,
        bundle::BackendName,
        identity::{self, ModelParts},
        schema::{Direction, NO_AXIS, Visibility},
    },
    storage::{Base, CidDialect, ContentAddress},
};
use zkinfer_prover::{
    ModelSecret, Prover, ProvingKey, Request, VerifyingKey,
    circuit::{Shape, Weights},
    setup,
    srs::{Ptau, Srs, test_srs, write_test_ptau},
};

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// The seeds of every target, by file name.
pub(crate) fn all() -> Vec<(&'static str, Seeds)> {
    vec![
        ("native_proof", native_proof()),
        ("native_values", native_values()),
        ("native_vk", native_vk()),
        ("native_pk", native_pk()),
        ("native_weights", native_weights()),
        ("native_opening", native_opening()),
        ("network_program", network_program()),
        ("network_key", network_key()),
        ("network_key_object", network_key_object()),
        ("openings", openings()),
        ("ptau", ptau()),
        ("srs_excerpt", srs_excerpt()),
        ("onnx", onnx()),
        ("input", input()),
        ("input_json", input_json()),
        ("input_npy", input_npy()),
        ("input_npz", input_npz()),
        ("input_csv", input_csv()),
        ("schema", schema()),
        ("bundle", bundle()),
        ("structure", structure()),
        ("carried", carried()),
        ("key_object", key_object()),
        ("journal", journal()),
        ("address", address()),
        ("manifest", manifest()),
        ("worker", worker()),
        ("s5", s5()),
        ("calldata", calldata()),
        ("revert", revert()),
    ]
}

/// A field of a known-answer vector, and its first statement's public values.
fn vector(json: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let hex = |name: &str| alloy::hex::decode(json[name].as_str().unwrap()).unwrap();
    // Numbers, or a committed side's point.
    let side = |name: &str, width: usize| match json["statements"][0][name].as_array() {
        Some(numbers) => {
            numbers.iter().flat_map(|n| n.as_i64().unwrap().to_be_bytes()[8 - width..].to_vec()).collect::<Vec<u8>>()
        }
        None => alloy::hex::decode(json["statements"][0][name].as_str().unwrap()).unwrap(),
    };
    (hex("vk"), hex("proof"), [side("inputs", 2), side("outputs", 8)].concat())
}

const SINGLE: &str = include_str!("../fixtures/native/single.json");
const TWO_LEVEL: &str = include_str!("../fixtures/native/saturating-two-level.json");
const COMMITTED_INPUTS: &str = include_str!("../fixtures/native/committed-inputs.json");
const COMMITTED_BOTH: &str = include_str!("../fixtures/native/committed-saturating-two-level.json");

fn with_first(first: u8, rest: &[u8]) -> Vec<u8> {
    [&[first], rest].concat()
}

fn changed(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

fn native_proof() -> Seeds {
    let ((_, proof, _), (_, committed, _)) = (vector(SINGLE), vector(COMMITTED_INPUTS));
    vec![
        ("ok-single", with_first(0, &proof)),
        ("ok-committed-inputs", with_first(4, &committed)),
        ("bad-committed-inputs-of-another", with_first(5, &committed)),
        ("bad-short", with_first(0, &proof[..200])),
        ("bad-identity-first", with_first(0, &changed(&proof, 0, &[0; 64]))),
        ("bad-no-vector", vec![9; 40]),
    ]
}

fn native_values() -> Seeds {
    let ((_, _, single), (_, _, two_level)) = (vector(SINGLE), vector(TWO_LEVEL));
    let ((_, _, inputs), (_, _, both)) = (vector(COMMITTED_INPUTS), vector(COMMITTED_BOTH));
    let last = single.len() - 1;
    vec![
        ("ok-single", with_first(0, &single)),
        ("ok-batch-first", with_first(3, &two_level)),
        ("ok-committed-inputs", with_first(4, &inputs)),
        ("ok-committed-both", with_first(7, &both)),
        ("bad-committed-identity", with_first(4, &changed(&inputs, 0, &[0; 64]))),
        ("bad-committed-off-curve", with_first(4, &changed(&inputs, 63, &[inputs[63] ^ 1]))),
        ("bad-committed-coordinate", with_first(4, &changed(&inputs, 0, &[0xff; 32]))),
        ("bad-committed-sides-swapped", with_first(7, &[&both[64..], &both[..64]].concat())),
        ("bad-output", with_first(0, &changed(&single, last, &[single[last] ^ 1]))),
        ("bad-length", with_first(0, &single[1..])),
    ]
}

fn native_vk() -> Seeds {
    let ((single, ..), (two_level, ..)) = (vector(SINGLE), vector(TWO_LEVEL));
    vec![
        ("ok-single", single.clone()),
        ("ok-saturating-two-level", two_level),
        ("bad-version", changed(&single, 1, &[2])),
        ("bad-levels", changed(&single, 3, &[1])),
        ("bad-flags", changed(&single, 2, &[8])),
        ("bad-layers", changed(&single, 4, &[0xff, 0xff])),
        ("bad-width", changed(&single, 6, &[0xff; 4])),
        ("bad-commitment", changed(&single, single.len() - 64, &[0; 64])),
    ]
}

/// Key and program of a known-answer vector of general networks.
fn network(json: &str) -> (Vec<u8>, Vec<u8>) {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let hex = |name: &str| alloy::hex::decode(json[name].as_str().unwrap()).unwrap();
    (hex("vk"), hex("program"))
}

const NETWORK_MLP: &str = include_str!("../fixtures/networks/mlp.json");
const NETWORK_TREE: &str = include_str!("../fixtures/networks/tree.json");
const NETWORK_LANES: &str = include_str!("../fixtures/networks/lanes-committed.json");

fn network_program() -> Seeds {
    let [mlp, tree, lanes] = [NETWORK_MLP, NETWORK_TREE, NETWORK_LANES].map(|json| network(json).1);
    vec![
        ("ok-mlp", with_first(0, &mlp)),
        ("ok-tree", with_first(1, &tree)),
        ("ok-lanes", with_first(3, &lanes)),
        ("ok-of-another-key", with_first(0, &tree)),
        ("bad-limbs", with_first(0, &changed(&mlp, 0, &[3]))),
        ("bad-positions", with_first(0, &changed(&mlp, 17, &[0xff; 4]))),
        ("bad-longer", with_first(0, &[&mlp[..], &[0]].concat())),
        ("bad-shorter", with_first(0, &mlp[..mlp.len() - 1])),
    ]
}

fn network_key() -> Seeds {
    let seed = |key: &[u8], program: &[u8]| [&(key.len() as u16).to_be_bytes(), key, program].concat();
    let [(mlp, mlp_program), (tree, tree_program)] = [NETWORK_MLP, NETWORK_TREE].map(network);
    vec![
        ("ok-mlp", seed(&mlp, &mlp_program)),
        ("ok-tree", seed(&tree, &tree_program)),
        ("bad-program", seed(&mlp, &tree_program)),
        ("bad-version", seed(&changed(&mlp, 1, &[1]), &mlp_program)),
        ("bad-flags", seed(&changed(&mlp, 2, &[1]), &mlp_program)),
        ("bad-levels", seed(&changed(&mlp, 3, &[30]), &mlp_program)),
        ("bad-commitment", seed(&changed(&mlp, 36, &[0xff; 64]), &mlp_program)),
        ("bad-length", changed(&seed(&mlp, &mlp_program), 0, &[0xff; 2])),
    ]
}

fn network_key_object() -> Seeds {
    let [(mlp, mlp_program), (tree, tree_program)] = [NETWORK_MLP, NETWORK_TREE].map(network);
    let object = |key: &[u8], pages: u8, rest: &[u8]| {
        [&[0][..], &(key.len() as u16).to_be_bytes(), key, &[pages], rest].concat()
    };
    let with_page = |page: &[u8], object: &[u8]| [&[1][..], &(page.len() as u16).to_be_bytes(), page, object].concat();
    let whole = object(&mlp, 0, &mlp_program);
    let (first, second) = tree_program.split_at(tree_program.len() / 2);
    let split = object(&tree, 1, &[&[7; 20][..], first].concat());
    let page = [&[0][..], second].concat();
    vec![
        ("ok-mlp", with_first(0, &whole)),
        ("ok-page", with_page(&page, &split)),
        ("bad-page-missing", with_first(0, &split)),
        ("bad-page-callable", with_page(&changed(&page, 0, &[0x5b]), &split)),
        ("bad-page-short", with_page(&page[..page.len() - 1], &split)),
        ("bad-pages", with_first(0, &object(&mlp, 5, &[&[7; 100][..], &mlp_program].concat()))),
        ("bad-callable", with_first(0, &changed(&whole, 0, &[0x5b]))),
        ("bad-key-length", with_first(0, &changed(&whole, 1, &[0, 163]))),
        ("bad-program", with_first(0, &changed(&whole, whole.len() - 1, &[0xff]))),
    ]
}

/// Three inputs, four neurons, two outputs.
fn small_key() -> ProvingKey {
    let shape = Shape::new(vec![3, 4, 2], None).unwrap();
    let rows = vec![vec![10, -20, 30, -40, 50, -60, 70, -80, 90, -100, 110, -127], vec![1, -2, 3, -4, 5, -6, 7, -8]];
    let weights = Weights::new(shape, rows, vec![vec![1, -2, 300, -400], vec![5, 6]]).unwrap();
    let secret = ModelSecret::from_bytes([3; 32]);
    setup::generate(weights, &secret, None, &test_srs(1 << 12).unwrap()).unwrap()
}

fn native_pk() -> Seeds {
    let bytes = small_key().to_bytes().to_vec();
    let end = bytes.len();
    let swapped = [&bytes[..end - 128], &bytes[end - 64..], &bytes[end - 128..end - 64]].concat();
    vec![
        ("ok-small", bytes.clone()),
        ("bad-quotients-swapped", swapped),
        ("bad-key-length", changed(&bytes, 0, &[0xff; 4])),
        ("bad-short", bytes[..end - 1].to_vec()),
    ]
}

fn native_weights() -> Seeds {
    let small =
        [&[1, 1, 0, 0, 1][..], &[1, 0xff, 0, 0, 0, 9], &[2, 3, 0xff, 0xff, 0xff, 0], &[7, 8, 0, 0, 1, 0]].concat();
    vec![
        ("ok-two-layers", small.clone()),
        ("bad-minus-128", changed(&small, 5, &[0x80])),
        ("bad-short", small[..small.len() - 1].to_vec()),
    ]
}

fn native_opening() -> Seeds {
    let elements: Vec<u8> = [3i64, -7, 1 << 40].into_iter().flat_map(i64::to_be_bytes).collect();
    let with_secret = |elements: &[u8]| [&[5; 32], elements].concat();
    vec![
        ("ok-three", with_secret(&elements)),
        ("ok-zero", with_secret(&[0; 8])),
        ("bad-none", with_secret(&[])),
        ("bad-part-of-one", with_secret(&elements[..20])),
        ("bad-too-many", with_secret(&[0; 8 * 65])),
        ("bad-short-secret", vec![5; 31]),
    ]
}

/// Of tensors, and of a model.
fn openings() -> Seeds {
    let tensors = |secret: &str, elements: &str| {
        let model = B256::repeat_byte(7);
        let tensor = format!(r#"{{"secret":"{secret}","elements":[{elements}]}}"#);
        format!(
            r#"{{"format":"zkinfer-openings","version":1,"modelId":"{model}","statements":[{{"inputs":{tensor}}}]}}"#
        )
    };
    let (secret, key) = ("05".repeat(32), small_key());
    let hex = alloy::hex::encode::<Vec<u8>>;
    let model = |secret: &str, weights: Vec<u8>| {
        let (key, weights) = (hex(key.verifying_key().to_bytes()), hex(weights));
        format!(
            r#"{{"format":"zkinfer-model-opening","version":1,"verifyingKey":"{key}","modelSecret":"{secret}","weights":"{weights}"}}"#
        )
    };
    let weights = key.weights().to_bytes().to_vec();
    let short = weights[1..].to_vec();
    let text = |name, json: String| (name, json.into_bytes());
    vec![
        text("ok-tensor", tensors(&secret, "1,-2,65535")),
        text("ok-model", model(&secret, weights.clone())),
        text("bad-secret", tensors(&secret[2..], "1")),
        text("bad-element", tensors(&secret, "1.5")),
        text("bad-no-side", tensors(&secret, "1").replace("inputs", "inputz")),
        text("bad-model-secret", model(&secret[2..], weights)),
        text("bad-weights", model(&secret, short)),
    ]
}

fn test_ptau(power: u32) -> Vec<u8> {
    let mut file = Vec::new();
    write_test_ptau(power, &mut file).unwrap();
    file
}

fn ptau() -> Seeds {
    const SNARKJS: &[u8] = include_bytes!("../../crates/prover/src/srs/fixtures/snarkjs-contributed-5.ptau");
    let (small, larger) = (test_ptau(1), test_ptau(3));
    // Head (12), header section (56), head of tauG1 (12), then three points of 64 bytes.
    let one = small[80..144].to_vec();
    vec![
        ("ok-power-1", small.clone()),
        ("ok-power-3", larger.clone()),
        ("bad-tau-is-one", changed(&changed(&small, 144, &one), 208, &one)),
        ("bad-snarkjs-cut", SNARKJS[..300].to_vec()),
        ("bad-power", changed(&small, 60, &[28])),
        ("bad-section-length", changed(&small, 72, &[0xff; 8])),
        ("bad-sections", changed(&small, 8, &[0xff; 4])),
        ("bad-version", changed(&small, 4, &[2])),
    ]
}

fn srs_excerpt() -> Seeds {
    let srs = Srs::from_ptau(&Ptau::from_bytes(test_ptau(2)).unwrap(), 7).unwrap();
    let mut bytes = Vec::new();
    srs.write_excerpt(5, &mut bytes).unwrap();
    let end = bytes.len();
    vec![
        ("ok-five-powers", bytes.clone()),
        ("bad-pinned-count", changed(&bytes, 16, &[0xff; 4])),
        ("bad-powers-count", changed(&bytes, 20, &[0xff; 4])),
        ("bad-power-twice", changed(&bytes, end - 192, &bytes[end - 256..end - 192])),
        ("bad-short", bytes[..end - 1].to_vec()),
    ]
}

fn onnx() -> Seeds {
    let mlp = random_mlp(&[3, 4, 2], 1).unwrap();
    let mut clipped = mlp.clone();
    clipped.hidden[0].upper = Some(6.0);
    let file = to_onnx(&mlp);
    let one_node = |operator: &str| {
        let mut graph = Graph::new(13, &[1, 3]);
        let output = graph.node(operator, &["x"], vec![]);
        graph.finish(&output, &[1, 3])
    };
    // Shapes without the data that they speak of.
    let shaped = |shape: &[i64]| {
        let mut graph = Graph::new(13, &[1, 3]);
        let weights = graph.constant(shape, &[]);
        let output = graph.node("MatMul", &["x", &weights], vec![]);
        graph.finish(&output, &[1, 2])
    };
    let wide_input = {
        let mut graph = Graph::new(13, &[1 << 20, 1 << 20]);
        let output = graph.node("Relu", &["x"], vec![]);
        graph.finish(&output, &[1 << 20, 1 << 20])
    };
    vec![
        ("ok-relu", file.clone()),
        ("ok-clip", to_onnx(&clipped)),
        ("ok-sigmoid", one_node("Sigmoid")),
        ("ok-convolutions", convolutions()),
        ("ok-recurrent", recurrent()),
        ("ok-trees", trees()),
        ("ok-attention", attention()),
        ("ok-narrow", narrow()),
        ("bad-unknown-operator", one_node("Nonsense")),
        ("bad-huge-weights", shaped(&[1 << 40, 1 << 20])),
        ("bad-large-weights", shaped(&[1 << 16, 1 << 16])),
        ("bad-negative-shape", shaped(&[-3, 2])),
        ("bad-huge-input", wide_input),
        ("bad-cut", file[..file.len() / 2].to_vec()),
    ]
}

/// Numbers that are not all the same.
fn some(count: usize) -> Vec<f32> {
    (0..count).map(|at| (at * 5 % 7) as f32 / 4.0 - 0.75).collect()
}

fn convolutions() -> Vec<u8> {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let (w, b) = (graph.constant(&[2, 1, 3, 3], &some(18)), graph.constant(&[2], &some(2)));
    let y = graph.node("Conv", &["x", &w, &b], vec![ints("pads", &[1, 1, 1, 1])]);
    let y = graph.node("Relu", &[&y], vec![]);
    let y = graph.node("MaxPool", &[&y], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
    let y = graph.node("Flatten", &[&y], vec![]);
    let w = graph.constant(&[18, 3], &some(54));
    let y = graph.node("MatMul", &[&y, &w], vec![]);
    graph.finish(&y, &[1, 3])
}

/// Weights of 8 bits with a scale for each column, turned round, and of 16 bits.
fn narrow() -> Vec<u8> {
    let mut graph = Graph::new(17, &[1, 3]);
    let (q, scales) =
        (graph.packed(&[4, 3], 3, (250..255).chain(0..7).collect()), graph.constant(&[3], &[0.5, 0.25, 2.0]));
    let w = graph.node("DequantizeLinear", &[&q, &scales], vec![int("axis", 1)]);
    let w = graph.node("Transpose", &[&w], vec![ints("perm", &[1, 0])]);
    let y = graph.node("MatMul", &["x", &w], vec![]);
    let halves = graph.packed(&[4, 2], 10, [0, 0x3c, 0, 0xc0].repeat(4));
    let y = graph.node("MatMul", &[&y, &halves], vec![]);
    graph.finish(&y, &[1, 2])
}

fn recurrent() -> Vec<u8> {
    let mut graph = Graph::new(14, &[3, 1, 2]);
    let (w, r, b) = (
        graph.constant(&[1, 8, 2], &some(16)),
        graph.constant(&[1, 8, 2], &some(16)),
        graph.constant(&[1, 16], &some(16)),
    );
    let y = graph.node("LSTM", &["x", &w, &r, &b], vec![int("hidden_size", 2)]);
    graph.finish(&y, &[3, 1, 1, 2])
}

/// A scaler and two trees, one of which is a leaf.
fn trees() -> Vec<u8> {
    let mut graph = Graph::new(13, &[1, 2]);
    let scale = vec![float_list("offset", &[1.0, 0.0]), float_list("scale", &[2.0, 1.0])];
    let scaled = graph.node("ai.onnx.ml:Scaler", &["x"], scale);
    let trees = vec![
        ints("nodes_treeids", &[0, 0, 0, 1]),
        ints("nodes_nodeids", &[0, 1, 2, 0]),
        ints("nodes_featureids", &[1, 0, 0, 0]),
        float_list("nodes_values", &[0.5, 0.0, 0.0, 0.0]),
        ints("nodes_truenodeids", &[1, 0, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0, 0]),
        texts("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"]),
        ints("target_treeids", &[0, 0, 1]),
        ints("target_nodeids", &[1, 2, 0]),
        ints("target_ids", &[0, 0, 0]),
        float_list("target_weights", &[1.0, 2.0, 3.0]),
        int("n_targets", 1),
    ];
    let y = graph.node("ai.onnx.ml:TreeEnsembleRegressor", &[&scaled], trees);
    graph.finish(&y, &[1, 1])
}

fn attention() -> Vec<u8> {
    let mut graph = Graph::new(23, &[1, 2, 4]);
    let heads = vec![int("q_num_heads", 2), int("kv_num_heads", 2), int("is_causal", 1)];
    let y = graph.node("Attention", &["x", "x", "x"], heads);
    graph.finish(&y, &[1, 2, 4])
}

fn text(seeds: &[(&'static str, &str)]) -> Seeds {
    seeds.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

fn input() -> Seeds {
    text(&[
        ("ok-two-samples", r#"{"input_data": [[0.5, 1, -2e3, 1e-300, 0, 0, 0, 0]]}"#),
        ("ok-empty", r#"{"input_data": []}"#),
        ("bad-nan", r#"{"input_data": [[NaN]]}"#),
        ("bad-overflow", r#"{"input_data": [[1e400]]}"#),
        ("bad-nested", r#"{"input_data": [[[[[[[[1]]]]]]]]}"#),
        ("bad-unknown-key", r#"{"input_data": [[1]], "output_data": [[1]]}"#),
        ("bad-key-twice", r#"{"input_data": [[1]], "input_data": [[2]]}"#),
        ("bad-text", "PK\u{3}\u{4}"),
    ])
}

/// The first byte is the form: see the target.
fn input_json() -> Seeds {
    let field = format!(r#"{{"input_data": [["{}"]]}}"#, "4".repeat(64));
    [
        ("ok-ezkl", 0, r#"{"input_shapes": [[4]], "input_data": [[1, 2.5, -3e-7, true]], "output_data": [[1]]}"#),
        ("ok-rows", 0, r#"{"x": [[1, 2, 3, 4], [5, 6, 7, 8]]}"#),
        ("ok-mark", 0, "\u{feff}{\"input_data\": [1, 2, 3, 4]}"),
        ("ok-named", 1, r#"{"b": [7], "a": [[1, 2]]}"#),
        ("ok-image", 2, r#"{"input_data": [[[1, 2], [3, 255]]]}"#),
        ("ok-samples", 4, r#"{"input_data": [[1, 2, 3, 4, 5, 6, 7, 8]]}"#),
        ("bad-flat", 0, r#"{"input_data": [[1, 2, 3, 4, 5, 6, 7, 8]]}"#),
        ("bad-field", 0, &field),
        ("bad-ragged", 2, r#"{"image": [[1, 2], [3]]}"#),
        ("bad-integer", 1, r#"{"a": [1, 2], "b": [0.5]}"#),
        ("bad-truth", 3, r#"{"row": [1, 0, 2]}"#),
        ("bad-nan", 3, r#"{"row": [1, 0, NaN]}"#),
        ("bad-number-as-object", 3, r#"{"row": [1, 0, {"$serde_json::private::Number": "x"}]}"#),
        ("bad-deep", 0, &format!("{{\"x\": {}", "[".repeat(200))),
    ]
    .map(|(name, form, json)| (name, with_first(form, json.as_bytes())))
    .to_vec()
}

/// NumPy's file of one array.
fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn input_npy() -> Seeds {
    let floats: Vec<u8> = (0..8).flat_map(|i| (i as f32).to_be_bytes()).collect();
    vec![
        ("ok-floats", with_first(0, &npy(">f4", "False", "(2, 4)", &floats))),
        ("ok-columns", with_first(2, &npy("|u1", "True", "(3, 2, 2)", &[9; 12]))),
        ("ok-truths", with_first(3, &npy("|b1", "False", "(3,)", &[1, 0, 1]))),
        ("ok-half", with_first(0, &npy("<f2", "False", "(1, 4)", &[0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b]))),
        ("bad-nan", with_first(0, &npy("<f2", "False", "(4,)", &[0, 0x7e, 0, 0, 0, 0, 0, 0]))),
        ("bad-huge", with_first(0, &npy("<f4", "False", "(4294967296, 4294967296)", &floats))),
        ("bad-objects", with_first(0, &npy("|O", "False", "(4,)", &floats))),
        ("bad-cut", with_first(0, &npy(">f4", "False", "(2, 4)", &floats[..30]))),
        ("bad-two-tensors", with_first(1, &npy(">f4", "False", "(2, 4)", &floats))),
    ]
}

fn input_npz() -> Seeds {
    let archive = |files: &[(&str, Vec<u8>)]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            let options = zip::write::SimpleFileOptions::default();
            // The date would be today's.
            writer.start_file(*name, options.last_modified_time(zip::DateTime::default())).unwrap();
            std::io::Write::write_all(&mut writer, content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let (a, b) = (npy("|u1", "False", "(1, 2)", &[1, 2]), npy("<i8", "False", "(1, 1)", &(-7i64).to_le_bytes()));
    let both = archive(&[("b.npy", b.clone()), ("a.npy", a.clone())]);
    vec![
        ("ok-named", with_first(1, &both)),
        ("ok-numbered", with_first(1, &archive(&[("arr_0.npy", a.clone()), ("arr_1.npy", b)]))),
        ("bad-one-of-two", with_first(1, &archive(&[("a.npy", a)]))),
        ("bad-no-arrays", with_first(0, &archive(&[("readme.txt", vec![1])]))),
        ("bad-cut", with_first(1, &both[..both.len() / 2])),
        ("bad-checksum", with_first(1, &changed(&both, 60, &[both[60] ^ 1]))),
        ("bad-zeros", with_first(0, &archive(&[("x.npy", vec![0; 1 << 20])]))),
    ]
}

fn input_csv() -> Seeds {
    [
        ("ok-table", 0, "a,b,c,d\n1,2.5,\"-3e-7\",true\r\n\n5,6,7,8"),
        ("ok-names", 1, "b,id,a_1,a[0]\n7,0,2,1\n"),
        ("ok-truths", 3, ",0,1,2\n0,1,0,1\n"),
        ("bad-no-header", 0, "1,2,3,4\n"),
        ("bad-twice", 1, "b,b,a_0,a_1\n1,2,3,4\n"),
        ("bad-ragged", 0, "a,b,c,d\n1,2,3\n"),
        ("bad-image", 2, "a,b,c,d\n1,2,3,4\n"),
        ("bad-empty", 0, ""),
    ]
    .map(|(name, form, csv)| (name, with_first(form, csv.as_bytes())))
    .to_vec()
}

fn tensors() -> Schema {
    let tensor = |name: &str, direction, elements, width, is_signed, min: i64, max: i64| TensorSchema {
        name: name.into(),
        direction,
        visibility: Visibility::Public,
        shape: vec![1, elements],
        width,
        is_signed,
        min: I256::try_from(min).unwrap(),
        max: I256::try_from(max).unwrap(),
        scales: vec![0.25],
        axis: NO_AXIS,
        zero_point: 0,
    };
    let input = tensor("x", Direction::Input, 4, 2, false, 0, 65_535);
    let output = tensor("y", Direction::Output, 2, 8, true, i64::MIN, i64::MAX);
    Schema::new(vec![input, output]).unwrap()
}

fn schema() -> Seeds {
    let bytes = tensors().to_bytes();
    let end = bytes.len();
    vec![
        ("ok-two-tensors", bytes.clone()),
        ("bad-trailing-word", [&bytes[..], &[0; 32]].concat()),
        ("bad-offset", changed(&bytes, 31, &[0xff])),
        ("bad-count", changed(&bytes, 32, &[0xff; 32])),
        ("bad-cut", bytes[..end - 32].to_vec()),
    ]
}

fn parts() -> ModelParts {
    ModelParts {
        adapter_id: B256::repeat_byte(1),
        model_code_hash: keccak256([2]),
        vk_digest: B256::repeat_byte(3),
        schema_hash: tensors().hash(),
        srs_id: B256::repeat_byte(4),
    }
}

fn assignment() -> Assignment {
    Assignment { submitter: Address::repeat_byte(8), consumer: Address::ZERO, job: B256::ZERO, deadline: u64::MAX }
}

/// One bundle about one statement, one about two.
fn bundles() -> [Bundle; 2] {
    let schema = tensors();
    let three = |t: &TensorSchema| vec![I256::unchecked_from(3); t.elements()];
    let values: Vec<Vec<I256>> = schema.tensors().iter().map(three).collect();
    let (proof, parts) = (Bytes::from(vec![7; 64]), parts());
    let chain = Context::Chain { chain_id: 31_337, registry: Address::repeat_byte(9), assignment: assignment() };
    let statement = |context| Statement {
        model_id: identity::model_id(&parts),
        public_values: schema.encode(&values).unwrap(),
        context,
    };
    let manifest = Manifest {
        backend: BackendName::Mock,
        backend_version: "1".into(),
        adapter_id: parts.adapter_id,
        model_code_hash: parts.model_code_hash,
        model_code: Some(vec![2].into()),
        vk_digest: parts.vk_digest,
        schema: schema.to_bytes().into(),
        schema_hash: parts.schema_hash,
        srs_id: parts.srs_id,
        test_srs: true,
        transferable: true,
        weights: "none".into(),
        proof_hash: identity::proof_hash(&proof),
        created_at_ms: 1_790_000_000_000,
    };
    let bundle = |statements| Bundle::new(statements, proof.clone(), manifest.clone()).unwrap();
    [bundle(vec![statement(chain)]), bundle(vec![statement(Context::Offchain {}), statement(chain)])]
}

fn bundle() -> Seeds {
    let [single, batch] = bundles().map(|bundle| bundle.to_json());
    let edit = |from: &str, to: &str| {
        let text = String::from_utf8(single.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    vec![
        ("ok-single", single.clone()),
        ("ok-batch", batch),
        ("bad-proof", edit("\"0x0707", "\"0x0708")),
        ("bad-model", edit("\"modelId\": \"0x", "\"modelId\": \"0xff")),
        ("bad-no-statement", edit("\"statements\"", "\"statementz\"")),
        ("bad-version", edit("\"version\"", "\"version\": 0, \"version\"")),
        ("bad-cut", single[..single.len() / 2].to_vec()),
    ]
}

/// A zstd frame of one raw block: the same bytes whatever the library's version. For 256 to 65,791 bytes.
fn stored(plain: &[u8]) -> Vec<u8> {
    let size = (plain.len() - 256) as u16;
    let block = 1 | (plain.len() as u32) << 3;
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x60], &size.to_le_bytes()[..], &block.to_le_bytes()[..3], plain].concat();
    [b"zkiz", &(plain.len() as u64).to_be_bytes()[..], &frame].concat()
}

fn structure() -> Seeds {
    let [single, batch] = bundles();
    let write = |structure: &Structure| structure.encode(Encoding::Compact, Compression::None);
    let list = Structure::Aggregated(Aggregated::new(vec![single.clone(), batch.clone()]).unwrap());
    let tree = Structure::Recursive(Recursive::balanced(vec![single.clone(), batch, single.clone()], 2).unwrap());
    let compact = write(&single.into());
    let mut bomb = stored(&compact);
    bomb[4..12].copy_from_slice(&(1u64 << 40).to_be_bytes());
    vec![
        ("ok-single", compact.clone()),
        ("ok-list", write(&list)),
        ("ok-tree", write(&tree)),
        ("ok-tree-standard", tree.encode(Encoding::Standard, Compression::None)),
        ("ok-stored", stored(&compact)),
        ("bad-bomb", bomb),
        ("bad-trailing", [&compact[..], &[0]].concat()),
        ("bad-version", changed(&compact, 4, &[0xff])),
        ("bad-cut", compact[..compact.len() - 1].to_vec()),
    ]
}

/// A bundle of [`small_key`]'s model that carries its key object.
fn prove_carried() -> Bundle {
    let (key, srs) = (small_key(), test_srs(1 << 12).unwrap());
    let vk = key.verifying_key().clone();
    let code = Bytes::from([&[0][..], &vk.to_bytes()].concat());
    let mut tensors = tensors().tensors().to_vec();
    (tensors[0].shape, tensors[0].name) = (vec![1, 3], "three".into());
    let schema = Schema::new(tensors).unwrap();
    let parts = ModelParts {
        adapter_id: zkinfer::evm::artifacts::native_test_verifier().code_hash(),
        model_code_hash: keccak256(&code),
        vk_digest: vk.digest().into(),
        schema_hash: schema.hash(),
        srs_id: (*vk.srs_id()).into(),
    };
    let (model_id, context) = (identity::model_id(&parts), Context::Offchain {});
    let request = Request { inputs: vec![1, 2, 3], context_id: context.id().0 };
    let (statements, proof) = Prover::new(key, &srs, 1).unwrap().prove(model_id.0, &[request]).unwrap();
    let proof = Bytes::from(proof.to_bytes());
    let public_values = PublicValues::from_bytes(statements[0].values.to_bytes().into());
    let manifest = Manifest {
        backend: BackendName::Native,
        backend_version: "1".into(),
        adapter_id: parts.adapter_id,
        model_code_hash: parts.model_code_hash,
        model_code: Some(code),
        vk_digest: parts.vk_digest,
        schema: schema.to_bytes().into(),
        schema_hash: parts.schema_hash,
        srs_id: parts.srs_id,
        test_srs: true,
        transferable: false,
        weights: "hidden".into(),
        proof_hash: identity::proof_hash(&proof),
        created_at_ms: 1_790_000_000_000,
    };
    Bundle::new(vec![Statement { model_id, public_values, context }], proof, manifest).unwrap()
}

/// The recorded bundle. Every proof has other masks: it is made anew only when it is no valid one any more.
fn recorded() -> Bundle {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/carried/ok-native");
    // Of another release's contract there is no verdict.
    let checked = |bundle: &Bundle| verify_carried(bundle, &Control::default());
    let valid = |bundle: &Bundle| checked(bundle).is_ok_and(|report| report.verdict().is_valid());
    let read = std::fs::read(path).ok().and_then(|bytes| Structure::decode(&bytes).ok());
    match read {
        Some(Structure::Single(bundle)) if valid(&bundle) => *bundle,
        _ => prove_carried(),
    }
}

fn carried() -> Seeds {
    let bundle = recorded();
    let write = |bundle: &Bundle| Structure::from(bundle.clone()).encode(Encoding::Compact, Compression::None);
    let with = |statement: Statement, proof: Bytes| {
        let manifest = Manifest { proof_hash: identity::proof_hash(&proof), ..bundle.manifest().clone() };
        write(&Bundle::new(vec![statement], proof, manifest).unwrap())
    };
    let (statement, proof) = (bundle.statement().clone(), bundle.proof().clone());
    let elsewhere = Context::Chain { chain_id: 1, registry: Address::ZERO, assignment: assignment() };
    let values = statement.public_values.as_bytes();
    let other_input = PublicValues::from_bytes(changed(values, 1, &[values[1] ^ 1]).into());
    let other_proof = changed(&proof, proof.len() - 1, &[proof[proof.len() - 1] ^ 1]);
    let coded = |code| {
        let manifest = Manifest { model_code: code, ..bundle.manifest().clone() };
        write(&Bundle::new(bundle.statements().to_vec(), proof.clone(), manifest).unwrap())
    };
    vec![
        ("ok-native", write(&bundle)),
        ("bad-context", with(Statement { context: elsewhere, ..statement.clone() }, proof.clone())),
        ("bad-input", with(Statement { public_values: other_input, ..statement.clone() }, proof.clone())),
        ("bad-proof", with(statement, other_proof.into())),
        ("bad-no-code", coded(None)),
    ]
}

fn key_object() -> Seeds {
    let code = recorded().manifest().model_code.clone().unwrap();
    let another = [&[0][..], &vector(SINGLE).0].concat();
    vec![
        ("ok-own", code.to_vec()),
        ("bad-callable", changed(&code, 0, &[0x5b])),
        ("bad-another-key", another),
        ("bad-commitment", changed(&code, code.len() - 64, &[0; 64])),
        ("bad-version", changed(&code, 2, &[2])),
        ("bad-srs", changed(&code, code.len() - 96, &[0xee; 32])),
        ("bad-short", code[..code.len() - 1].to_vec()),
        ("bad-empty", vec![]),
    ]
}

fn journal() -> Seeds {
    let header = [b"zkinfer journal1", &[7; 32][..]].concat();
    let of_bundle = |items: &[u32]| {
        let [_, batch] = bundles();
        let head: Vec<u8> = items.iter().flat_map(|word| word.to_be_bytes()).collect();
        [head, Structure::from(batch).encode(Encoding::Compact, Compression::None)].concat()
    };
    let record = of_bundle(&[2, 4, 0, 9, 1]);
    vec![
        ("ok-empty-file", vec![0]),
        ("ok-header-cut-off", with_first(0, &header[..30])),
        ("ok-header", with_first(0, &header)),
        ("ok-record-cut-off", with_first(0, &[&header[..], &[0; 40]].concat())),
        ("ok-record", with_first(1, &record)),
        ("bad-notes", with_first(0, b"notes")),
        ("bad-another-batch", with_first(0, &changed(&header, 20, &[8]))),
        ("bad-length", with_first(0, &[&header[..], &[0xff; 48]].concat())),
        ("bad-items", with_first(1, &changed(&record, 0, &[0xff; 4]))),
        ("bad-bundle", with_first(1, &record[..record.len() - 1])),
    ]
}

fn s5() -> Seeds {
    let seed = |kind: u8, text: &str| with_first(kind, text.as_bytes());
    let refusal = |status: u16, body: &str| with_first(3, &[&status.to_be_bytes(), body.as_bytes()].concat());
    vec![
        ("ok-upload", seed(0, "/s5/upload/tus/7f?x=1")),
        ("bad-upload-elsewhere", seed(0, "http://127.0.0.2:5050/s5/upload/tus/7f")),
        ("bad-upload-user", seed(0, "//127.0.0.1:5050@example.org/")),
        ("ok-redirect", seed(1, "http://example.org/blob?signed=1")),
        ("bad-redirect-scheme", seed(1, "file:///etc/passwd")),
        ("bad-redirect-password", seed(1, "http://user:password@example.org/")),
        ("ok-offset", seed(2, "1000")),
        ("bad-offset-beyond", seed(2, "1001")),
        ("bad-offset-sign", seed(2, "-1")),
        ("bad-refusal-echo", refusal(400, "no \u{7}\n such the-token-of-a-user thing")),
        ("bad-refusal-unauthorized", refusal(401, "")),
        ("bad-refusal-passing", refusal(503, "later")),
        ("ok-node", seed(4, "http://127.0.0.1:5050/with/path")),
        ("bad-node-password", seed(4, "http://user:password@127.0.0.1:5050")),
        ("bad-node-scheme", seed(4, "ftp://127.0.0.1")),
    ]
}

fn address() -> Seeds {
    let address = ContentAddress::of(b"zkinfer");
    let blob = address.to_cid(CidDialect::Blob, Base::Base32);
    let raw = address.to_cid(CidDialect::Raw, Base::Base58Btc);
    text(&[
        ("ok-url", &address.to_url()),
        ("ok-blob", &blob),
        ("ok-raw", &raw),
        ("bad-cut", &blob[..blob.len() - 4]),
        ("ok-upper-case", &blob.to_uppercase()),
        ("bad-base", "q0123"),
        ("bad-empty", ""),
    ])
}

fn manifest() -> Seeds {
    let parts = parts();
    let identity = ArtifactIdentity {
        backend: BackendName::Native,
        backend_version: "1".into(),
        parameters: 14,
        dims: Default::default(),
        adapter_id: parts.adapter_id,
        model_code_hash: parts.model_code_hash,
        vk_digest: parts.vk_digest,
        schema: tensors().to_bytes().into(),
        srs_id: parts.srs_id,
        proof_bytes: 4_032,
        details: serde_json::json!({ "dims": [3, 2] }),
    };
    let written = |file: Option<&str>| {
        let dir = tempfile::tempdir().unwrap();
        if let Some(name) = file {
            std::fs::write(dir.path().join(name), b"key").unwrap();
        }
        Artifacts::seal(dir.path(), identity.clone()).unwrap();
        std::fs::read(dir.path().join("manifest.json")).unwrap()
    };
    let (empty, with_key) = (written(None), written(Some("key")));
    let elsewhere = String::from_utf8(with_key.clone()).unwrap().replace("\"key\"", "\"../key\"");
    vec![
        ("ok-empty", empty.clone()),
        ("bad-file-missing", with_key),
        ("bad-file-elsewhere", elsewhere.into_bytes()),
        ("bad-cut", empty[..empty.len() - 3].to_vec()),
    ]
}

fn worker() -> Seeds {
    let five = format!("05{}", "00".repeat(31));
    let minus_one = "000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430";
    let answer =
        |operation: u8, result: &str| with_first(operation, format!("{{\"id\": 1, \"result\": {result}}}").as_bytes());
    let prove = |instance: &str, proof: &str| {
        answer(5, &format!("{{\"instances\": [[\"{instance}\"]], \"proof\": \"{proof}\"}}"))
    };
    let settings = r#"{"num_rows": 5, "model_input_scales": [7], "model_output_scales": [21], "model_instance_shapes": [[1, 4]],
        "required_lookups": [], "required_range_checks": [[-1, 1]]}"#;
    let bounds = "\"min_lookup_inputs\": -1, \"max_lookup_inputs\": 1";
    let witness = format!("{{\"inputs\": [[\"{five}\"]], \"outputs\": [[\"{minus_one}\"]], {bounds}}}");
    vec![
        ("ok-hello", answer(0, r#"{"protocol": 1, "ezkl": "23.0.5", "python": "3.11.2"}"#)),
        ("ok-settings", answer(1, settings)),
        ("ok-witness", answer(4, &witness)),
        ("ok-proof", prove(&five, "0x0011")),
        ("ok-verdict", answer(6, r#"{"valid": false, "reason": "no"}"#)),
        ("bad-failure", with_first(5, br#"{"id": 1, "error": {"kind": "panic", "message": "x"}, "rss_peak_kb": 1}"#)),
        ("bad-field-element", prove(&"ff".repeat(32), "0x00")),
        ("bad-digits", prove("0x05", "0x00")),
        ("bad-proof", prove(&five, "0x0")),
        ("bad-operation", answer(200, "{}")),
    ]
}

fn calldata() -> Seeds {
    let assignment = assignment();
    let assignment = IProofRegistry::Assignment {
        submitter: assignment.submitter,
        consumer: assignment.consumer,
        job: assignment.job,
        deadline: 1_790_000_000,
    };
    let call = IProofRegistry::submitCall {
        modelId: B256::repeat_byte(5),
        assignment: assignment.clone(),
        publicValues: vec![1; 40].into(),
        proof: vec![2; 70].into(),
    };
    let bytes = call.abi_encode();
    let batch = |count: usize, bytes: usize| IProofRegistry::submitBatchCall {
        modelId: B256::repeat_byte(5),
        assignments: vec![assignment.clone(); count],
        publicValues: (0..count).map(|i| vec![i as u8; bytes].into()).collect(),
        proof: vec![2; 70].into(),
    };
    // Twelve statements whose values are the first one's: every offset is changed to it.
    let (many, large) = (12, 2_000);
    let mut shared = batch(many, 0);
    shared.publicValues[0] = vec![7; large].into();
    let mut shared = shared.abi_encode();
    // Selector, four words, the count and the assignments, the count of values: then their offsets.
    let offsets = 4 + 4 * 32 + 32 + many * 4 * 32 + 32;
    let first = shared[offsets..offsets + 32].to_vec();
    for i in 1..many {
        shared[offsets + i * 32..offsets + (i + 1) * 32].copy_from_slice(&first);
    }
    // Selector, model, four words of the assignment: then the offsets of values and proof.
    let (values_at, proof_at) = (4 + 5 * 32, 4 + 6 * 32);
    let offset = bytes[proof_at..proof_at + 32].to_vec();
    vec![
        ("ok-submission", bytes.clone()),
        ("bad-selector", changed(&bytes, 0, &[0xff])),
        ("bad-one-for-both", changed(&bytes, values_at, &offset)),
        ("bad-offset", changed(&bytes, proof_at, &[0xff; 32])),
        ("bad-length", changed(&bytes, values_at + 64, &[0xff; 32])),
        ("bad-trailing", [&bytes[..], &[0; 32]].concat()),
        ("bad-cut", bytes[..bytes.len() - 40].to_vec()),
        ("ok-batch", batch(3, 40).abi_encode()),
        ("bad-batch-empty", batch(0, 0).abi_encode()),
        ("bad-batch-shared-values", shared),
    ]
}

fn revert() -> Seeds {
    let account = Address::repeat_byte(7);
    let text = [&keccak256("Error(string)")[..4], &("no".to_owned(),).abi_encode_params()].concat();
    vec![
        ("ok-invalid", IVerifierAdapter::ProofInvalid {}.abi_encode()),
        ("ok-no-code", IVerifierAdapter::NoCode { account }.abi_encode()),
        ("ok-unknown-model", IModelRegistry::UnknownModel { modelId: B256::repeat_byte(5) }.abi_encode()),
        ("ok-deadline", IProofRegistry::DeadlinePassed { deadline: 7 }.abi_encode()),
        ("ok-text", text.clone()),
        ("bad-text-cut", text[..text.len() - 40].to_vec()),
        ("bad-unknown", vec![1, 2, 3, 4, 5]),
        ("bad-empty", vec![]),
    ]
}

/// The vectors' keys are keys: a change of their form shows here first.
#[test]
fn the_vectors_are_read() {
    for json in [SINGLE, TWO_LEVEL] {
        let (key, proof, values) = vector(json);
        assert!(VerifyingKey::from_bytes(&key).is_ok());
        assert!(proof.len() > 3_000 && !values.is_empty());
    }
}
