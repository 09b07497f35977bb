//! Fuzz targets for every reader of foreign bytes. `fuzz_targets/*.rs` hand them to libFuzzer, `tests/fuzz_corpus.rs` runs them
//! on the committed seeds and on seeded mutations of these.

pub mod targets;
