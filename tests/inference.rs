//! The inference engine: what it answers is what is proven, with real keys and real proofs.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "inference/answers.rs"]
mod answers;
#[path = "inference/background.rs"]
mod background;
#[path = "inference/ezkl.rs"]
mod ezkl;
#[path = "inference/gate.rs"]
mod gate;
#[path = "inference/world.rs"]
mod world;
