//! Reads models for `tools/suite`: a request per line on standard input, an answer per line on standard output.
//!
//! ```text
//! echo '{"model": "model.onnx", "canonical": "canonical.onnx"}' | cargo run --example suite_read
//! ```
//!
//! A request names the model's file, where its canonical ONNX goes, and the sizes of symbolic axes (`dims`). The answer has
//! the tensors and operators, or `error`. With `run`, a flat list of numbers for every input, it also has what the program's
//! own executor makes of them: `ran`, a flat list for every output, or `failed`.

use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, Write},
    panic::catch_unwind,
    path::PathBuf,
};
use zkinfer::model::{Input, Model, ReadOptions};

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct Request {
    model: PathBuf,
    canonical: PathBuf,
    #[serde(default)]
    dims: BTreeMap<String, u64>,
    #[serde(default)]
    run: Option<Vec<Vec<f64>>>,
}

fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        // A reader that panics is what the suite is there to find.
        let answer = catch_unwind(|| answer(&request)).unwrap_or_else(|_| Err("the reader panicked".into()));
        let answer = answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn answer(request: &Request) -> Result<Value, Failure> {
    let model = Model::read_with(&request.model, &ReadOptions { dims: request.dims.clone() })?;
    std::fs::write(&request.canonical, model.canonical_onnx())?;
    let mut answer = json!({
        "inputs": model.inputs(),
        "outputs": model.outputs(),
        "operators": model.operators(),
        "remarks": model.remarks(),
    });
    if let Some(numbers) = &request.run {
        match Input::new(numbers.clone()).and_then(|input| model.run(&input)) {
            Ok(made) => answer["ran"] = json!(made),
            Err(error) => answer["failed"] = json!(error.to_string()),
        }
    }
    Ok(answer)
}
