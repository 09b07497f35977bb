//! Input files of every kind, proven.

use super::program::{NATIVE, native};
use prost::Message as _;
use serde_json::json;
use std::{fs, path::PathBuf};
use tempfile::TempDir;
use tract_onnx::pb::{ModelProto, tensor_shape_proto::dimension::Value, type_proto};
use zkinfer::model::synthetic::{random_mlp, to_onnx};

/// A perceptron of four numbers, and files beside it.
struct World {
    dir: TempDir,
    model: String,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("mlp.onnx");
        fs::write(&model, to_onnx(&random_mlp(&[4, 6, 3], 5).unwrap())).unwrap();
        Self { model: model.display().to_string(), dir }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn run(&self, command: &str, input: &str, out: &str, more: &[&str]) -> super::program::Run {
        let out = self.out(out).display().to_string();
        let args = [command, "--model", &self.model, "--input", input, "--out", &out, "--json"];
        native(&NATIVE.0, &[&args[..], more].concat())
    }

    fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Two rows of float32, columns first when `fortran`.
fn npy(fortran: bool) -> Vec<u8> {
    let (fortran, order) =
        if fortran { ("True", [0, 4, 1, 5, 2, 6, 3, 7]) } else { ("False", [0, 1, 2, 3, 4, 5, 6, 7]) };
    let header = format!("{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': (2, 4), }}\n");
    let numbers = order.iter().flat_map(|&i| (i as f32 / 8.0).to_le_bytes());
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()]
        .concat()
        .into_iter()
        .chain(numbers)
        .collect()
}

/// The same two inferences make the same two statements, whatever file they are in: one proof has both.
#[test]
fn rows_of_any_file_are_statements() {
    let world = World::new();
    let rows = [[0.0, 0.125, 0.25, 0.375], [0.5, 0.625, 0.75, 0.875]];
    let line = |row: &[f64; 4]| json!({ "input_data": [row] }).to_string();
    let mut all = Vec::new();
    for (name, content) in [
        ("rows.json", json!({ "x": rows }).to_string().into_bytes()),
        ("rows.jsonl", rows.each_ref().map(line).join("\n").into_bytes()),
        ("rows.npy", npy(false)),
        ("columns.npy", npy(true)),
        ("rows.csv", b"a,b,c,d\n0,0.125,0.25,0.375\n0.5,0.625,0.75,0.875\n".to_vec()),
    ] {
        let report = world.run("prove", &world.file(name, &content), "bundle.json", &[]).expect(0).json();
        assert_eq!(report["inferences"], 2, "{name}");
        all.push(report["statement_ids"].clone());
    }
    assert!(all.iter().all(|ids| *ids == all[0]), "{all:?}");
    let report = world.run("batch", &world.file("rows.npy", &npy(false)), "bundles", &[]).expect(0).json();
    assert_eq!(report["bundles"], 2);
    assert!(report["items"][1]["input"].as_str().unwrap().ends_with("rows.npy[1]"), "{report}");
    world.run("prove", &world.file("rows.npy", &npy(false)), "chain", &["--chain", "2"]).expect(2).says("one input");
    // Rows are samples too.
    let samples = world.file("rows.npy", &npy(false));
    let flat = world.file("flat.json", json!({ "input_data": [rows.concat()] }).to_string().as_bytes());
    let ids = [&samples, &flat].map(|samples| {
        let one = world.file("one.json", line(&rows[0]).as_bytes());
        world.run("prove", &one, "calibrated.json", &["--calibration", samples]).expect(0).json()["model_id"].clone()
    });
    assert_eq!(ids[0], ids[1]);
}

/// What is ignored is said; what does not fit is one sentence with file, tensor and shape; a batch goes on.
#[test]
fn remarks_and_refusals_name_the_file() {
    let world = World::new();
    let input = r#"{"input_shapes": [[4]], "input_data": [[0.5, 0.5, 0.5, 0.5]], "output_data": [[1]]}"#;
    let input = world.file("notebook.json", format!("\u{feff}{input}").as_bytes());
    let run = world.run("prove", &input, "bundle.json", &[]).expect(0);
    let run = run.says("notebook.json: ignored: `input_shapes`, `output_data`");
    assert_eq!(run.json()["inferences"], 1);
    let old = fs::read(world.out("bundle.json")).unwrap();
    for (name, content, why) in [
        ("text.json", &br#"{"input_data": [["1", "2", "3", "4"]]}"#[..], "has the text `1`"),
        ("deep.json", br#"{"input_data": [[[[1, 2], [3, 4]]]]}"#, "nested as [1, 2, 2]"),
        ("nan.csv", b"a,b,c,d\n1,2,3,nan\n", "which is not finite"),
        ("cut.npy", &npy(false)[..40], "cut off"),
        ("no.npz", b"PK\x03\x04 and no more", ".npz file"),
    ] {
        let run = world.run("prove", &world.file(name, content), "bundle.json", &[]).expect(2).says(name);
        assert!(run.stderr.contains(why) && run.stderr.lines().count() == 1, "{}", run.stderr);
        let shape = "`x` (float32, shape [1, 4])";
        assert!(run.stderr.contains(shape) || name.contains(".np"), "{}", run.stderr);
    }
    assert_eq!(fs::read(world.out("bundle.json")).unwrap(), old, "what was there stays");
    let report = world.run("batch", &input, "bundles", &["--input", &world.file("text.json", b"{}")]).expect(2).json();
    assert_eq!((&report["items"][0]["outcome"], &report["items"][1]["outcome"]), (&json!("proven"), &json!("failed")));
    assert!(report["items"][1]["message"].as_str().unwrap().contains("neither `input_data` nor `x`"), "{report}");
}

/// A batch axis with a symbol is 1, which is said; what an axis became is in the report, of one proof and of a batch.
#[test]
fn sizes_of_axes_are_told_and_reported() {
    let mut world = World::new();
    let mut file = ModelProto::decode(&fs::read(&world.model).unwrap()[..]).unwrap();
    let type_proto::Value::TensorType(kind) =
        file.graph.as_mut().unwrap().input[0].r#type.as_mut().unwrap().value.as_mut().unwrap();
    kind.shape.as_mut().unwrap().dim[0].value = Some(Value::DimParam("batch_size".into()));
    world.model = world.file("symbolic.onnx", &file.encode_to_vec());
    let input = world.file("one.json", br#"{"input_data": [[0.5, 0.5, 0.5, 0.5]]}"#);
    for (command, more, size) in [("prove", &[][..], 1), ("prove", &["--dim", "batch_size=1"], 1), ("batch", &[], 1)] {
        let run = world.run(command, &input, command, more).expect(0);
        let report = run.json();
        assert_eq!(report["dims"], json!({ "batch_size": size }));
        let told = format!("{}{}", run.stderr, report["remarks"]);
        assert_eq!(told.matches("`batch_size` is the batch and is 1").count(), if more.is_empty() { 2 } else { 0 });
    }
    world.run("prove", &input, "prove", &["--dim", "batch_size=2"]).expect(2).says("is given 4 numbers and takes 8");
}
