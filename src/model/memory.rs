//! Reading takes memory by the bytes of a file, not by its numbers: each is measured in a process of its own.

#![allow(clippy::unwrap_used)] // helpers of tests are no tests to clippy

use super::{
    Model,
    synthetic::{Graph, int, ints},
};
use std::process::Command;

/// Names the file that the process of a measurement reads.
const FILE: &str = "ZKINFER_TEST_READ";
/// Bytes of weights of the file that is measured, and of one that is read before, so that the program itself is in memory.
const MANY: i64 = 24_000_000;
const FEW: i64 = 6_400;

/// ONNX's number of the element type, its bytes, whether they are scaled by column, whether they are turned round.
const KINDS: [(i32, i64, bool, bool); 6] = [
    (1, 4, false, false),
    (1, 4, false, true),
    (10, 2, false, true),
    (11, 8, false, false),
    (3, 1, true, true),
    (2, 1, false, false),
];

fn file((element, width, scaled, turned): (i32, i64, bool, bool), bytes: i64) -> Vec<u8> {
    let n = (bytes / width).isqrt();
    let mut graph = Graph::new(17, &[1, n]);
    let mut w = graph.packed(&[n, n], element, (0..n * n * width).map(|at| (at % 61) as u8).collect());
    if scaled {
        let scales = graph.constant(&[n], &vec![0.5; n as usize]);
        w = graph.node("DequantizeLinear", &[&w, &scales], vec![int("axis", 1)]);
    }
    if turned {
        w = graph.node("Transpose", &[&w], vec![ints("perm", &[1, 0])]);
    }
    if element == 2 {
        // Integers that stay integers.
        let (scale, zero) = (graph.constant(&[], &[0.5]), graph.packed(&[], 2, vec![7]));
        let x = graph.node("QuantizeLinear", &["x", &scale, &zero], vec![]);
        let y = graph.node("QLinearMatMul", &[&x, &scale, &zero, &w, &scale, &zero, &scale, &zero], vec![]);
        let y = graph.node("DequantizeLinear", &[&y, &scale, &zero], vec![]);
        return graph.finish(&y, &[1, n]);
    }
    let y = graph.node("MatMul", &["x", &w], vec![]);
    graph.finish(&y, &[1, n])
}

/// The most memory that this process had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Guards: integers of 8 bits took 8 bytes each while they were read, and places of a transposition 8 more.
#[test]
fn reading_takes_less_than_three_times_the_file() {
    if let Some(path) = std::env::var_os(FILE) {
        let path = std::path::PathBuf::from(path);
        Model::read(&path.with_extension("small")).unwrap();
        let before = peak();
        let model = Model::read(&path).unwrap();
        println!("grew by {} kB, {} nodes", peak() - before, model.graph().nodes().len());
        return;
    }
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        let bytes = file(kind, MANY);
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(path.with_extension("small"), file(kind, FEW)).unwrap();
        let test = "model::memory::reading_takes_less_than_three_times_the_file";
        let child = Command::new(std::env::current_exe().unwrap());
        let output = { child }.args(["--exact", test, "--nocapture"]).env(FILE, &path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let grown =
            said.split_once("grew by ").and_then(|(_, rest)| rest.split(' ').next()).and_then(|kb| kb.parse().ok());
        let grown: u64 = grown.unwrap_or_else(|| panic!("{kind:?}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        assert!(grown * 1024 < 3 * bytes.len() as u64, "{kind:?}: {grown} kB for {} bytes", bytes.len());
    }
}
