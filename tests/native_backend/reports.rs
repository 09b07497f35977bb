//! What public bug reports of this field were about: a likeness of each is a test, and this is where.

use crate::{
    models::{proves_or_names, random_input},
    world::World,
};
use std::{collections::BTreeSet, path::Path};
use zkinfer::{
    backend::native::NativeBackend,
    model::{
        Input, Model,
        synthetic::{Graph, int, random_mlp, to_onnx},
    },
    proof::Context,
};

/// What was reported, and the test that has its likeness.
const REPORTS: [(&str, &str, &str); 31] = [
    (
        "batch normalization in a perceptron",
        "src/model/tests.rs",
        "a_batch_normalization_and_a_scaler_are_put_into_layers",
    ),
    ("a branch that is left in the file", "src/model/tests.rs", "dead_branches_and_their_constants_are_nothing"),
    ("hidden neurons that are never active", "tests/native_backend/reports.rs", "dead_neurons_leave_the_bias"),
    ("a symbolic batch axis", "src/model/tests.rs", "a_symbolic_or_empty_first_axis_is_the_batch"),
    ("weights in a second file", "src/model/tests.rs", "weights_beside_the_model_are_part_of_it"),
    ("weights outside of the folder", "src/model/tests.rs", "weights_beside_the_model_are_part_of_it"),
    ("a second file that is missing", "src/model/tests.rs", "weights_beside_the_model_are_part_of_it"),
    ("input files with further keys", "src/model/input/json/tests.rs", "other_keys_are_ignored_with_a_remark"),
    ("a column that Gemm turns", "src/model/tests.rs", "vectors_and_columns_are_rows"),
    ("an infinite attribute", "src/model/tests.rs", "what_is_not_finite_or_empty_is_named"),
    ("field elements as inputs", "src/model/input/json/tests.rs", "what_is_wrong_is_said_with_the_tensor"),
    ("inputs nested by the batch axis", "src/model/input/json/tests.rs", "lists_are_flat_or_nested_as_the_shape"),
    ("a byte order mark", "src/model/input/json/tests.rs", "lists_are_flat_or_nested_as_the_shape"),
    ("integer features", "src/model/tests.rs", "integers_that_become_floats_are_floats"),
    ("answers of several 100,000", "tests/native_backend/reports.rs", "large_answers_are_close_in_their_own_unit"),
    ("a gradient-boosted ensemble", "src/model/tests.rs", "trees_are_products_of_matrices"),
    ("operator set 23", "tests/native_backend/reports.rs", "todays_operator_sets_are_proven"),
    ("an input without a batch axis", "src/model/tests.rs", "vectors_and_columns_are_rows"),
    ("pixels from 0 to 255", "tests/ezkl_backend/tuner.rs", "samples_make_weights_finer"),
    ("a column and a row that broadcast", "tests/native_backend/reports.rs", "what_broadcasts_is_no_row"),
    ("Sigmoid as the last operator", "tests/cli/answers.rs", "the_backend_is_chosen_and_told"),
    ("a classifier with ZipMap", "src/model/tests.rs", "classical_models_are_tensor_operators"),
    ("sparse weights", "src/model/tests.rs", "half_precision_and_sparse_weights_are_floats"),
    ("an error page in place of a ceremony", "tests/native_backend/ceremony.rs", "files_that_cannot_be_used_say_why"),
    ("a contribution in place", "tests/native_backend/ceremony.rs", "files_that_cannot_be_used_say_why"),
    ("a pruned ceremony", "tests/native_backend/ceremony.rs", "files_that_cannot_be_used_say_why"),
    (
        "a ceremony before its second phase",
        "tests/native_backend/ceremony.rs",
        "a_model_under_a_users_ceremony_is_proven_off_chain",
    ),
    ("a scaler in the graph", "src/model/tests.rs", "a_batch_normalization_and_a_scaler_are_put_into_layers"),
    ("weights that are turned at run time", "src/model/tests.rs", "weights_may_be_turned_at_run_time"),
    ("two inputs that are put together", "src/model/tests.rs", "several_inputs_and_outputs_are_one_network"),
    ("an empty batch", "src/model/tests.rs", "what_is_not_finite_or_empty_is_named"),
];

#[test]
fn every_report_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (report, file, test) in REPORTS {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}()")), "{report}: {file} has no {test}");
    }
    assert_eq!(REPORTS.map(|(report, ..)| report).into_iter().collect::<BTreeSet<_>>().len(), REPORTS.len());
}

/// The range of the hidden layer is 0: there is nothing to choose a scale by, and nothing to divide by.
#[test]
fn dead_neurons_leave_the_bias() {
    let mut mlp = random_mlp(&[4, 6, 2], 3).unwrap();
    mlp.hidden[0].dense.bias.fill(-10.0);
    mlp.last.bias = vec![0.5, -0.25];
    let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
    let world = World::of(&model, NativeBackend::new());
    let bundle = world.prove(&Input::new(vec![vec![0.9, 0.8, 0.7, 0.1]]).unwrap(), Context::Offchain {});
    let answer = world.real(&bundle).pop().unwrap();
    assert!((answer[0] - 0.5).abs() < 0.01 && (answer[1] + 0.25).abs() < 0.01, "{answer:?}");
}

/// Prices in the unit of the currency.
#[test]
fn large_answers_are_close_in_their_own_unit() {
    let mut mlp = random_mlp(&[8, 12, 1], 5).unwrap();
    mlp.last.weights.iter_mut().for_each(|weight| *weight *= 40_000.0);
    mlp.last.bias = vec![215_000.0];
    let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
    let world = World::of(&model, NativeBackend::new());
    let input = Input::new(vec![random_input(8, 0.0, 1.0)]).unwrap();
    let float = f64::from(model.run(&input).unwrap()[0][0]);
    let answer = world.real(&world.prove(&input, Context::Offchain {})).pop().unwrap()[0];
    assert!(float > 100_000.0 && (answer / float - 1.0).abs() < 0.01, "{answer} and {float}");
}

#[test]
fn todays_operator_sets_are_proven() {
    let mlp = random_mlp(&[16, 24, 4], 4).unwrap();
    let mut graph = Graph::new(23, &[1, 16]);
    let hidden = graph.gemm("x", &mlp.hidden[0].dense);
    let hidden = graph.node("Relu", &[&hidden], vec![]);
    let output = graph.gemm(&hidden, &mlp.last);
    let model = Model::from_onnx(graph.finish(&output, &[1, 4])).unwrap();
    proves_or_names(&model, vec![random_input(16, 0.0, 1.0)], None);
}

/// The classic accident of a column of answers and a row of targets: 36 numbers, not 6.
#[test]
fn what_broadcasts_is_no_row() {
    let mlp = random_mlp(&[6, 6], 2).unwrap();
    let mut graph = Graph::new(17, &[1, 6]);
    let scores = graph.gemm("x", &mlp.last);
    let column = graph.integers(&[6, 1]);
    let column = graph.node("Reshape", &[&scores, &column], vec![int("allowzero", 0)]);
    let row = graph.constant(&[6], &[0.5, -0.25, 0.125, 1.0, 0.0, -1.0]);
    let sum = graph.node("Add", &[&column, &row], vec![]);
    let model = Model::from_onnx(graph.finish(&sum, &[6, 6])).unwrap();
    assert_eq!(model.outputs()[0].elements(), 36);
    proves_or_names(&model, vec![random_input(6, 0.0, 1.0)], Some("Add"));
}
