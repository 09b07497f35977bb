//! How long a model takes to be read, and how much memory.
//!
//! ```text
//! cargo run --example read_model [MODEL]
//! ```
//!
//! Without a file, several of 100 MB are made and read, one after the other: weights of 32, 16 and 8 bits, as they are and turned
//! round. Linux alone tells the memory.

use std::{path::Path, process::Command, time::Instant};
use zkinfer::model::{
    Model,
    synthetic::{Graph, int, ints},
};

type Failure = Box<dyn std::error::Error>;

/// Bytes of weights in a file that is made.
const BYTES: usize = 100_000_000;
/// ONNX's numbers of element types.
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const FLOAT16: i32 = 10;

type Kind = (&'static str, fn() -> Vec<u8>);
const KINDS: [Kind; 7] = [
    ("32-bit floats", || floats(false)),
    ("32-bit floats that are turned round", || floats(true)),
    ("16-bit floats", halves),
    ("8 bits with one scale", || scaled(1, false)),
    ("8 bits with a scale for each column", || scaled(side(1), false)),
    ("8 bits with a scale for each column that are turned round", || scaled(side(1), true)),
    ("8 bits that are multiplied as such", integers),
];

fn main() -> Result<(), Failure> {
    if let Some(path) = std::env::args_os().nth(1) {
        return read(Path::new(&path));
    }
    for (name, make) in KINDS {
        // Made by another process than the one that is measured.
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("model.onnx");
        std::fs::write(&path, make())?;
        println!("{name}");
        let status = Command::new(std::env::current_exe()?).arg(&path).status()?;
        if !status.success() {
            return Err("the model was not read".into());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<(), Failure> {
    let size = std::fs::metadata(path)?.len();
    let (before, started) = (peak(), Instant::now());
    let model = Model::read(path)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("  {size} bytes, {} parameters: read in {seconds:.2} s", model.parameters());
    if let (Some(before), Some(after)) = (before, peak()) {
        let grown = after.saturating_sub(before);
        println!("  memory grew by {grown} bytes at most, {:.2} times the file", grown as f64 / size as f64);
    }
    Ok(())
}

/// The side of a square matrix of so many bytes a number.
fn side(width: usize) -> i64 {
    (BYTES / width).isqrt() as i64
}

/// Bytes that repeat, none of which makes a float infinite.
fn bytes(count: i64) -> Vec<u8> {
    (0..count).map(|at| (at % 61) as u8).collect()
}

fn floats(turned: bool) -> Vec<u8> {
    let n = side(4);
    let mut graph = Graph::new(17, &[1, n]);
    let mut w = graph.packed(&[n, n], FLOAT, bytes(4 * n * n));
    if turned {
        w = graph.node("Transpose", &[&w], vec![ints("perm", &[1, 0])]);
    }
    let y = graph.node("MatMul", &["x", &w], vec![]);
    graph.finish(&y, &[1, n])
}

fn halves() -> Vec<u8> {
    let n = side(2);
    let mut graph = Graph::new(17, &[1, n]);
    let w = graph.packed(&[n, n], FLOAT16, bytes(2 * n * n));
    let y = graph.node("MatMul", &["x", &w], vec![]);
    graph.finish(&y, &[1, n])
}

fn scaled(scales: i64, turned: bool) -> Vec<u8> {
    let n = side(1);
    let mut graph = Graph::new(17, &[1, n]);
    let q = graph.packed(&[n, n], INT8, bytes(n * n));
    let shape = if scales == 1 { vec![] } else { vec![scales] };
    let scale = graph.constant(&shape, &vec![0.01; scales as usize]);
    let mut w = graph.node("DequantizeLinear", &[&q, &scale], vec![int("axis", 1)]);
    if turned {
        w = graph.node("Transpose", &[&w], vec![ints("perm", &[1, 0])]);
    }
    let y = graph.node("MatMul", &["x", &w], vec![]);
    graph.finish(&y, &[1, n])
}

fn integers() -> Vec<u8> {
    let n = side(1);
    let mut graph = Graph::new(17, &[1, n]);
    let (scale, zero) = (graph.constant(&[], &[0.01]), graph.packed(&[], UINT8, vec![7]));
    let x = graph.node("QuantizeLinear", &["x", &scale, &zero], vec![]);
    let w = graph.packed(&[n, n], UINT8, bytes(n * n));
    let y = graph.node("QLinearMatMul", &[&x, &scale, &zero, &w, &scale, &zero, &scale, &zero], vec![]);
    let y = graph.node("DequantizeLinear", &[&y, &scale, &zero], vec![]);
    graph.finish(&y, &[1, n])
}

/// The most memory that this process had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}
