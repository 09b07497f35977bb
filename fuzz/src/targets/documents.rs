//! Schemas, bundles and structures of them, content addresses, manifests of artifacts.

use alloy::primitives::I256;
use zkinfer::{
    backend::{Artifacts, Openings, native::ModelOpening},
    proof::{Bundle, Compression, Encoding, Schema, Structure, identity},
    storage::{Base, CidDialect, ContentAddress},
};

/// Public values beyond this are not made up: fuzzing is to stay fast.
const MAX_VALUES: usize = 1 << 16;

/// Canonical bytes of a schema; public values by it are written and read again.
pub(super) fn schema(bytes: &[u8]) -> bool {
    let Ok(schema) = Schema::from_bytes(bytes) else { return false };
    assert_eq!(schema.to_bytes(), bytes, "one encoding");
    if schema.byte_len() <= MAX_VALUES {
        let least = |t: &zkinfer::proof::TensorSchema| vec![t.min.max(-I256::ONE).min(t.max); t.elements()];
        let values: Vec<Vec<I256>> = schema.tensors().iter().map(least).collect();
        if let Ok(encoded) = schema.encode(&values) {
            assert_eq!(encoded.as_bytes().len(), schema.byte_len(), "the length it says");
            assert_eq!(schema.decode(&encoded).expect("what is written is read"), values);
        }
    }
    true
}

/// A bundle: what is read has no contradiction, and is written and read as the same.
pub(super) fn bundle(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::from_json(bytes) else { return false };
    let manifest = bundle.manifest();
    assert_eq!(identity::proof_hash(bundle.proof()), manifest.proof_hash, "the proof is the one that it names");
    assert!(!bundle.statements().is_empty(), "it is about something");
    let schema = bundle.schema().expect("a bundle has a schema");
    for statement in bundle.statements() {
        assert_eq!(statement.model_id, bundle.model_id(), "one model");
        assert!(schema.decode(&statement.public_values).is_ok(), "its values are canonical");
    }
    assert_eq!(Bundle::from_json(&bundle.to_json()).expect("what is written is read"), bundle);
    true
}

/// A structure of bundles in any encoding: each encoding of what was read is read as the same, and Compact has one form.
pub(super) fn structure(bytes: &[u8]) -> bool {
    let Ok(structure) = Structure::decode(bytes) else { return false };
    for encoding in [Encoding::Standard, Encoding::Compact] {
        let written = structure.encode(encoding, Compression::None);
        assert_eq!(Structure::decode(&written).expect("what is written is read"), structure);
        let compressed = structure.encode(encoding, Compression::Fast);
        assert!(compressed.len() <= written.len(), "compression does not lengthen");
        assert_eq!(Structure::decode(&compressed).expect("what is written is read"), structure);
        if encoding == Encoding::Compact && bytes.starts_with(b"zkic") {
            assert_eq!(written, bytes, "one encoding");
        }
    }
    true
}

/// A content address as text. What is read is the same address in every dialect and base.
pub(super) fn address(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(address) = text.parse::<ContentAddress>() else { return false };
    for dialect in [CidDialect::Blob, CidDialect::Raw] {
        for base in Base::ALL {
            let written = address.to_cid(dialect, base);
            assert_eq!(written.parse::<ContentAddress>().expect("what is written is read"), address, "{written}");
        }
    }
    assert_eq!(address.to_url().parse::<ContentAddress>().expect("what is written is read"), address);
    true
}

/// What opens the tensors of a bundle, or the commitment of a model: what is read is written and read as the same.
pub(super) fn openings(bytes: &[u8]) -> bool {
    if let Ok(openings) = Openings::from_json(bytes) {
        let written = openings.to_json().expect("what was read is written");
        let again = Openings::from_json(&written).expect("what is written is read");
        assert_eq!(again.to_json().expect("what was read is written"), written);
        return true;
    }
    let Ok(opening) = ModelOpening::from_json(bytes) else { return false };
    let written = opening.to_json();
    let again = ModelOpening::from_json(&written).expect("what is written is read");
    assert_eq!(again.to_json(), written);
    true
}

/// The manifest of an artifacts directory that has no other file.
pub(super) fn manifest(bytes: &[u8]) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("manifest.json"), bytes).expect("a small file");
    let peeked = Artifacts::peek(dir.path());
    let opened = Artifacts::open(dir.path());
    let Ok(artifacts) = opened else { return false };
    assert_eq!(peeked.expect("what opens can be peeked at"), *artifacts.identity());
    assert!(artifacts.schema().is_ok(), "the schema was read");
    // The directory is empty: whatever the manifest names is missing.
    assert!(artifacts.file("key").is_err() && artifacts.file("../key").is_err(), "no file is found");
    let again = tempfile::tempdir().expect("a temporary directory");
    let sealed = Artifacts::seal(again.path(), artifacts.identity().clone()).expect("what was read can be written");
    assert_eq!(sealed.identity(), artifacts.identity(), "and means the same");
    true
}
