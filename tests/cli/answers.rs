//! Answers are shown by every command, and what is not the model's answer is not proven.

use crate::{
    hidden::HIDDEN,
    program::{NATIVE, Run, changed, command, native, run},
};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;
use zkinfer::{
    backend::ezkl::VERSION,
    model::{
        Mlp,
        mlp::Dense,
        synthetic::{Graph, int, to_onnx},
    },
    storage::Cache,
};

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

fn write(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// Scores `(x0, x1, 0)`: which of the first two is greater may be a matter of less than an integer of the circuit.
fn scores(dir: &TempDir) -> String {
    let weights = vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let last = Dense { inputs: 2, outputs: 3, weights, bias: vec![0.0; 3] };
    write(dir, "scores.onnx", to_onnx(&Mlp { hidden: vec![], last }))
}

fn input(dir: &TempDir, name: &str, numbers: [f64; 2]) -> String {
    write(dir, name, json!({ "input_data": [numbers] }).to_string())
}

/// The model's class is 1; every circuit of less than some twenty bits makes both scores the same, so that its class is 0.
const TIED: [f64; 2] = [0.5, 0.500_000_2];
const CLEAR: [f64; 2] = [0.25, 0.5];

fn only_output(report: &Value) -> &Value {
    assert_eq!(report["answers"].as_array().unwrap().len(), 1, "{report}");
    &report["answers"][0]["outputs"][0]
}

#[test]
fn every_command_shows_the_answer() {
    let (dir, path) = &*NATIVE;
    let (bundle, out) = (path.to_str().unwrap(), dir.path().join("shown.json"));
    let labels = write(dir, "labels.txt", NAMES.join("\n"));
    let prove = |more: &[&str]| native(dir, &[&["prove", "--out", out.to_str().unwrap()][..], more].concat());
    let report = prove(&["--json", "--labels", &labels]).expect(0).json();
    assert_eq!(report["backend_choice"], json!({ "asked": "auto", "chosen": "native", "why": null }));
    let proven = only_output(&report);
    assert_eq!(
        (&proven["class"], &proven["label"], &proven["model"]["label"]),
        (&json!(7), &json!("seven"), &json!("seven"))
    );
    assert_eq!((&proven["name"], &proven["visibility"]), (&json!("logits"), &json!("public")));
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let (circuit, float) = (numbers(&proven["values"]), numbers(&proven["model"]["values"]));
    let largest = circuit.iter().zip(&float).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert_eq!((circuit.len(), proven["difference"]["largest"].as_f64()), (10, Some(largest)));
    assert!(largest > 0.0 && largest <= proven["difference"]["admitted"].as_f64().unwrap(), "{proven}");
    let text = prove(&["--labels", &labels]).expect(0).stdout;
    assert!(text.contains("class 7 (seven), as in the model; largest difference"), "{text}");
    assert!(text.contains("native, which can prove it"), "{text}");

    // Whoever verifies reads the same from the bundle.
    let verified = native(dir, &["verify", bundle, "--json", "--labels", &labels]).expect(0).json();
    let seen = only_output(&verified);
    assert_eq!((&seen["values"], &seen["label"], &seen["model"]), (&proven["values"], &json!("seven"), &Value::Null));
    let inspected = native(dir, &["inspect", bundle, "--json"]).expect(0).json();
    assert_eq!(only_output(&inspected)["values"], proven["values"]);
    let text = native(dir, &["inspect", bundle, "--labels", &labels]).expect(0).stdout;
    assert!(text.contains("not verified here") && text.contains("class 7 (seven)\n"), "{text}");
    let text = native(dir, &["verify", bundle]).expect(0).stdout;
    assert!(text.contains("logits [1, 10]") && text.contains("class 7\n"), "{text}");

    // Labels that go with nothing, and a file of none.
    let nine = write(dir, "nine.json", json!(NAMES[1..]).to_string());
    for args in [&["verify", bundle][..], &["inspect", bundle], &["prove", "--out", bundle]] {
        native(dir, &[args, &["--labels", &nine]].concat()).expect(2).says("no output has 9 numbers");
        native(dir, &[args, &["--labels", "missing.txt"]].concat()).expect(2).says("missing.txt");
    }
}

/// What is not valid is no answer, whatever the bundle says.
#[test]
fn an_invalid_bundle_answers_nothing() {
    let (dir, path) = &*NATIVE;
    let lie = changed(path, dir, "lie.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    let lie = lie.to_str().unwrap();
    assert_eq!(native(dir, &["verify", lie, "--json"]).expect(1).json().get("answers"), None);
    assert!(!native(dir, &["verify", lie]).expect(1).stdout.contains("logits"));
    let inspected = native(dir, &["inspect", lie]).expect(0).stdout;
    assert!(inspected.contains("What it says of the outputs"), "{inspected}");
}

#[test]
fn hidden_outputs_say_so() {
    let (dir, bundle, _) = &*HIDDEN;
    let shown = native(dir, &["verify", bundle.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(shown["answers"].as_array().unwrap().len(), 2, "inputs are hidden, not outputs");
    let (out, openings) = (dir.path().join("out.json"), dir.path().join("out.openings.json"));
    let (out, openings) = (out.to_str().unwrap(), openings.to_str().unwrap());
    let args = ["prove", "--hide", "outputs", "--out", out, "--openings", openings];
    let proved = native(dir, &args).expect(0).stdout;
    assert!(proved.contains("logits [1, 10]: hidden"), "{proved}");
    assert!(proved.contains("native: --hide is for it"), "{proved}");
    for command in ["verify", "inspect"] {
        let closed = native(dir, &[command, out, "--json"]).expect(0).json();
        let output = only_output(&closed);
        assert_eq!((&output["values"], &output["visibility"]), (&Value::Null, &json!("committed")), "{command}");
        let opened = native(dir, &[command, out, "--openings", openings, "--json"]).expect(0).json();
        assert_eq!(only_output(&opened)["class"], 7, "{command}");
    }
    // What is hidden is compared all the same.
    native(dir, &[&args[..], &["--max-error", "0"]].concat()).expect(2).says("is not the model's");
}

/// Refused before anything is proven: both answers, exit code 2, nothing written, what was there stays.
fn expect_refusal(refused: Run, sentence: &str) -> Run {
    let refused = refused.expect(2).says("is not the model's, and is not proven").says(sentence);
    assert!(refused.stderr.contains("difference"), "both answers: {}", refused.stderr);
    refused
}

#[test]
fn another_answer_than_the_models_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (model, tied) = (scores(&dir), input(&dir, "tied.json", TIED));
    let out = write(&dir, "bundle.json", "kept");
    let prove = |more: &[&str]| {
        native(&dir, &[&["prove", "--model", &model, "--input", &tied, "--out", &out][..], more].concat())
    };
    let listed = || {
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "cache" && name != "state");
        names.sort();
        names
    };
    let before = listed();
    let sentence = "comes out as 0, in the model it is 1";
    let refused = expect_refusal(prove(&["--json"]), sentence).json();
    let output = &refused["error"]["outputs"][0];
    assert_eq!((&output["class"], &output["model"]["class"]), (&json!(0), &json!(1)));
    assert_eq!((&refused["exit_code"], &output["difference"]["is_admitted"]), (&json!(2), &json!(false)));
    assert_eq!(output["taken_for_scores_by"], "shape");
    assert_eq!((fs::read_to_string(&out).unwrap().as_str(), listed()), ("kept", before));
    // A number that is off is another answer, too; and what are no scores has no class.
    expect_refusal(prove(&["--numbers", "--max-error", "0"]), "comes out as 0.5, in the model it is");
    let proved = prove(&["--numbers", "--json"]).expect(0).json();
    assert_eq!(only_output(&proved)["class"], Value::Null);
    let names = write(&dir, "names.txt", "a\nb\nc\n");
    let named = expect_refusal(prove(&["--labels", &names, "--json"]), sentence).json();
    assert_eq!(named["error"]["outputs"][0]["taken_for_scores_by"], "labels");
    prove(&["--max-error=-1"]).expect(2).says("write a part");
}

/// Two scores that weights of 8 bits make one: who left open what proves gets 16, is told, and gets another model; for a registry,
/// or with a backend that was asked for, nothing else is proven than that.
#[test]
fn an_answer_that_8_bits_get_wrong_is_proven_with_16() {
    let dir = tempfile::tempdir().unwrap();
    let last = Dense { inputs: 1, outputs: 3, weights: vec![-1.0, 0.5, 0.501], bias: vec![0.0; 3] };
    let model = write(&dir, "close.onnx", to_onnx(&Mlp { hidden: vec![], last }));
    let given = write(&dir, "input.json", json!({ "input_data": [[1.0]] }).to_string());
    let out = dir.path().join("out.json").display().to_string();
    let prove = |more: &[&str]| {
        native(&dir, &[&["prove", "--json", "--model", &model, "--input", &given, "--out", &out][..], more].concat())
    };
    let report = prove(&[]).expect(0).says("--precise").json();
    assert_eq!((&only_output(&report)["class"], &report["backend_choice"]["asked"]), (&json!(2), &json!("auto")));
    let why = report["backend_choice"]["why"].as_str().unwrap();
    assert!(why.contains("8 bits") && why.contains("--precise"), "{why}");
    native(&dir, &["verify", &out]).expect(0);
    assert_eq!(report["model_id"], prove(&["--precise"]).expect(0).json()["model_id"]);
    fs::remove_file(&out).unwrap();
    expect_refusal(prove(&["--backend", "native"]), "comes out as 1, in the model it is 2");
    let registry = ["--registry", "0x00000000000000000000000000000000000000aa", "--chain-id", "1"];
    let claimed = ["--submitter", "0x00000000000000000000000000000000000000bb", "--deadline", "1900000000"];
    expect_refusal(prove(&[registry, claimed].concat()), "comes out as 1, in the model it is 2");
    assert!(!fs::exists(&out).unwrap());
}

/// Of a batch, the one that is refused is named, and the others are proven.
#[test]
fn a_batch_refuses_each_answer_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (model, out) = (scores(&dir), dir.path().join("bundles").display().to_string());
    let inputs = [input(&dir, "a.json", CLEAR), input(&dir, "b.json", TIED)];
    let args = ["batch", "--model", &model, "--input", &inputs[0], "--input", &inputs[1], "--out", &out, "--json"];
    for (more, bundles) in [(&[][..], 1), (&["--one-proof"], 1), (&["--numbers"], 2)] {
        let run = native(&dir, &[&args[..], more].concat());
        let report = run.expect(if bundles == 2 { 0 } else { 2 }).json();
        let items = report["items"].as_array().unwrap();
        assert_eq!(
            (&items[0]["outcome"], report["answers"][0]["of"].as_str()),
            (&json!("proven"), Some(inputs[0].as_str()))
        );
        assert_eq!((report["answers"].as_array().unwrap().len(), &report["bundles"]), (bundles, &json!(bundles)));
        if bundles == 1 {
            let message = items[1]["message"].as_str().unwrap();
            assert!(items[1]["outcome"] == "failed" && message.contains("is not the model's"), "{message}");
            assert_eq!(report["answers"][0]["outputs"][0]["class"], 1);
        }
    }
    let proved = ["prove", "--model", &model, "--input", &inputs[0], "--input", &inputs[1], "--out", &out];
    native(&dir, &proved).expect(2).says("b.json: the circuit's answer is not the model's");
}

/// The same with EZKL, whose circuit may take several inputs.
#[test]
fn ezkl_refuses_another_answer_too() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("ezkl-{VERSION}");
    fs::create_dir(dir.path().join("cache")).unwrap();
    std::os::unix::fs::symlink(Cache::from_env().unwrap().root().join(&name), dir.path().join("cache").join(name))
        .unwrap();
    let (model, out) = (scores(&dir), dir.path().join("out").display().to_string());
    let inputs = [input(&dir, "a.json", CLEAR), input(&dir, "b.json", TIED)];
    let with = |args: &[&str]| {
        let common = ["--backend", "ezkl", "--model", &model, "--out", &out, "--json"];
        run(command(&[args, &common].concat()).env("ZKINFER_CACHE_DIR", dir.path().join("cache")))
    };
    expect_refusal(with(&["prove", "--input", &inputs[1]]), "comes out as 0, in the model it is 1");
    assert!(!dir.path().join("out").exists());
    let both = ["--batch", "2", "--input", &inputs[0], "--input", &inputs[1]];
    expect_refusal(with(&[&["prove"][..], &both].concat()), "b.json: ");
    let report = with(&[&["batch", "--one-proof"][..], &both].concat()).expect(2).json();
    let outcomes: Vec<&Value> = report["items"].as_array().unwrap().iter().map(|item| &item["outcome"]).collect();
    assert_eq!(outcomes, ["proven", "failed"]);
    let output = only_output(&report);
    assert_eq!((&output["shape"], &output["class"]), (&json!([1, 3]), &json!(1)));
}

/// Native if it can, else EZKL where it is installed, else a sentence that says what is lacking and what helps.
#[test]
fn the_backend_is_chosen_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (model, input) = (scores(&dir), input(&dir, "input.json", CLEAR));
    let out = dir.path().join("out.json").display().to_string();
    let common = ["prove", "--model", &model, "--input", &input, "--out", &out, "--json"];
    let choice = |more: &[&str]| native(&dir, &[&common[..], more].concat()).expect(0).json()["backend_choice"].clone();
    assert_eq!(choice(&["--backend", "native"])["asked"], "native");
    assert_eq!(choice(&["--srs", "test"])["chosen"], "native");
    // EZKL is not installed in this cache.
    native(&dir, &[&common[..], &["--optimize", "gas"]].concat()).expect(3).says("setup ezkl");
    let both = ["--hide", "outputs", "--openings", "x", "--batch", "2"];
    native(&dir, &[&common[..], &both].concat()).expect(2).says("no backend takes both");
    // What a public answer leads to need not be proven.
    let (headed, numbers) = too_many_in_order();
    let (headed, input) = (write(&dir, "headed.onnx", headed), write(&dir, "numbers.json", numbers));
    let lacking = native(&dir, &["prove", "--model", &headed, "--input", &input, "--out", &out]).expect(3);
    let lacking = lacking.says("TopK (node `TopK_n1`)").says("setup ezkl");
    lacking.says("export the model with the output `n0`");
}

/// A model whose last operator native does not prove: 70 numbers in order, which takes too many comparisons. And an input.
pub(crate) fn too_many_in_order() -> (Vec<u8>, String) {
    let mut graph = Graph::new(9, &[1, 70]);
    let kept = graph.node("Relu", &["x"], vec![]);
    let sorted = graph.node("TopK", &[&kept], vec![int("k", 70)]);
    let numbers: Vec<f64> = (0..70).map(f64::from).collect();
    (graph.finish(&sorted, &[1, 70]), json!({ "input_data": [numbers] }).to_string())
}
