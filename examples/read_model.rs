//! How long a model takes to be read, and how much memory.
//!
//! ```text
//! cargo run --example read_model [MODEL]
//! ```
//!
//! Without a file, one of 100 MB is made: a perceptron of 25,000,000 weights. Linux alone tells the memory.

use std::{path::Path, process::Command, time::Instant};
use zkinfer::model::{
    Model,
    synthetic::{random_mlp, to_onnx},
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    if let Some(path) = std::env::args_os().nth(1) {
        return read(Path::new(&path));
    }
    // Made by another process than the one that is measured.
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("model.onnx");
    let mlp = random_mlp(&[5000, 4995, 5], 1).ok_or("no layers")?;
    std::fs::write(&path, to_onnx(&mlp))?;
    drop(mlp);
    let status = Command::new(std::env::current_exe()?).arg(&path).status()?;
    if status.success() { Ok(()) } else { Err("the model was not read".into()) }
}

fn read(path: &Path) -> Result<(), Failure> {
    let size = std::fs::metadata(path)?.len();
    let (before, started) = (peak(), Instant::now());
    let model = Model::read(path)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{size} bytes, {} parameters: read in {seconds:.2} s", model.parameters());
    if let (Some(before), Some(after)) = (before, peak()) {
        let grown = after.saturating_sub(before);
        println!("memory grew by {grown} bytes at most, {:.2} times the file", grown as f64 / size as f64);
    }
    Ok(())
}

/// The most memory that this process had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}
