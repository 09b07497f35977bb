//! One function per reader of foreign bytes.
//!
//! Each takes any bytes, panics when a promise is broken, and tells whether the bytes were accepted. A promise is more than
//! "it does not panic": what is accepted is written again as the same bytes (or means the same), and a proof, a key or an SRS
//! that was changed is not accepted.

mod carried;
mod documents;
mod inputs;
mod journal;
mod model;
mod native;
mod network;
mod outside;
mod srs;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which its seeds' directory has too.
    pub name: &'static str,
    /// Whether the bytes were accepted.
    pub run: fn(&[u8]) -> bool,
    /// How many mutations the test tries: fewer where each is slow.
    pub mutations: u32,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "native_proof", run: native::proof, mutations: 300 },
    Target { name: "native_values", run: native::values, mutations: 200 },
    Target { name: "native_vk", run: native::verifying_key, mutations: 600 },
    Target { name: "native_pk", run: native::proving_key, mutations: 400 },
    Target { name: "native_weights", run: native::weights, mutations: 600 },
    Target { name: "native_opening", run: native::opening, mutations: 300 },
    Target { name: "network_program", run: network::program, mutations: 300 },
    Target { name: "network_key", run: network::key, mutations: 300 },
    Target { name: "network_key_object", run: network::key_object, mutations: 300 },
    Target { name: "openings", run: documents::openings, mutations: 600 },
    Target { name: "ptau", run: srs::ptau, mutations: 300 },
    Target { name: "srs_excerpt", run: srs::excerpt, mutations: 300 },
    Target { name: "onnx", run: model::onnx, mutations: 300 },
    Target { name: "input", run: model::input, mutations: 600 },
    Target { name: "input_json", run: inputs::json, mutations: 600 },
    Target { name: "input_npy", run: inputs::npy, mutations: 600 },
    Target { name: "input_npz", run: inputs::npz, mutations: 600 },
    Target { name: "input_csv", run: inputs::csv, mutations: 600 },
    Target { name: "schema", run: documents::schema, mutations: 600 },
    Target { name: "bundle", run: documents::bundle, mutations: 600 },
    Target { name: "structure", run: documents::structure, mutations: 600 },
    Target { name: "carried", run: carried::bundle, mutations: 150 },
    Target { name: "key_object", run: carried::key_object, mutations: 200 },
    Target { name: "journal", run: journal::journal, mutations: 300 },
    Target { name: "address", run: documents::address, mutations: 600 },
    Target { name: "manifest", run: documents::manifest, mutations: 300 },
    Target { name: "worker", run: outside::worker, mutations: 600 },
    Target { name: "s5", run: outside::s5, mutations: 600 },
    Target { name: "calldata", run: outside::calldata, mutations: 600 },
    Target { name: "revert", run: outside::revert, mutations: 600 },
];

/// The target of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn named(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("there is a target of this name")
}
