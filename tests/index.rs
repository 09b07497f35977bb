//! The index as a program meets it: killed in the middle, made again, used beside an engine.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "index/engine.rs"]
mod engine;
#[path = "index/kills.rs"]
mod kills;
