//! The tuner's circuits against EZKL's own.

use crate::world::{WORLD, backend_with, digits, fresh_cache, seven};
use zkinfer::{
    backend::{
        Control, ProvingBackend,
        ezkl::{EzklOptions, Tuning},
    },
    model::Input,
};

const SAMPLES: &[u8] = include_bytes!("../../models/digits/calibration.json");

/// What EZKL chooses by itself is a circuit of this backend, and answers the same, at another size.
#[test]
fn ezkls_own_choice_is_larger_and_right() {
    let (_dir, cache) = fresh_cache();
    let samples = Input::from_json(SAMPLES).unwrap();
    let options = EzklOptions::new().tuning(Tuning::EzklDefault).calibration(samples);
    let theirs = backend_with(&cache, options);
    let control = Control::default();
    let dir = tempfile::tempdir().unwrap();
    let circuit = theirs.compile(&digits(), dir.path(), &control).unwrap();
    let k = |details: &serde_json::Value| details["k"].as_u64().unwrap();
    assert_eq!(k(&circuit.details), 15);
    assert!(k(&WORLD.prepared.artifacts.identity().details) < 15);
    assert_ne!(theirs.recipe(&digits()), WORLD.backend.recipe(&digits()));
    let float = digits().run(&seven()).unwrap();
    assert_eq!(circuit.schema.tensors()[1].elements(), float[0].len());
}
