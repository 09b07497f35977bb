//! Opening a model commitment: what is shown is what was committed to, or it is refused.

use crate::world::{WORLD, World, digits};
use serde_json::Value;
use zkinfer::{
    backend::{
        Control,
        native::{ModelOpening, NativeBackend, SrsSource},
    },
    model::{Input, Model, synthetic},
    proof::Verdict,
};

fn opening() -> ModelOpening {
    ModelOpening::of(&WORLD.prepared.artifacts).unwrap()
}

/// An opening with a change in its file.
fn changed(change: impl FnOnce(&mut Value)) -> Result<ModelOpening, String> {
    let mut json: Value = serde_json::from_slice(&opening().to_json()).unwrap();
    change(&mut json);
    ModelOpening::from_json(&serde_json::to_vec(&json).unwrap()).map_err(|error| error.to_string())
}

fn verdict(opening: &ModelOpening) -> Verdict {
    NativeBackend::new().check_opening(opening, &Control::default()).unwrap()
}

/// Replaces the last hexadecimal digit.
fn flip(text: &mut Value) {
    let mut digits = text.as_str().unwrap().to_owned();
    let last = if digits.pop() == Some('1') { '2' } else { '1' };
    digits.push(last);
    *text = digits.into();
}

#[test]
fn the_commitment_is_opened_and_the_weights_are_the_files() {
    let opening = ModelOpening::from_json(&opening().to_json()).unwrap();
    assert_eq!(opening.vk_digest(), WORLD.prepared.artifacts.identity().vk_digest);
    assert_eq!(opening.dims(), [64, 32, 10]);
    assert_eq!(verdict(&opening), Verdict::Valid);
    assert_eq!(NativeBackend::new().compare_opening(&opening, &digits()).unwrap(), Verdict::Valid);
}

#[test]
fn other_weights_or_another_secret_open_nothing() {
    for field in ["weights", "modelSecret"] {
        let opening = changed(|json| flip(&mut json[field])).unwrap();
        assert!(matches!(verdict(&opening), Verdict::Invalid { .. }), "{field}");
    }
}

/// The same network, set up again, has another secret and another commitment.
#[test]
fn the_opening_of_another_setup_is_of_another_key() {
    let again = World::of(&digits(), NativeBackend::new());
    let other = ModelOpening::of(&again.prepared.artifacts).unwrap();
    assert_ne!(other.vk_digest(), opening().vk_digest());
    let secret = serde_json::from_slice::<Value>(&other.to_json()).unwrap()["modelSecret"].clone();
    assert!(!verdict(&changed(|json| json["modelSecret"] = secret).unwrap()).is_valid());
}

/// Whatever a backend sets its own models up under: the key names its SRS.
#[test]
fn an_opening_is_checked_under_the_srs_of_its_key() {
    let test = World::of(&digits(), NativeBackend::new().with_srs(SrsSource::Test));
    assert_eq!(verdict(&ModelOpening::of(&test.prepared.artifacts).unwrap()), Verdict::Valid);
    assert_eq!(test.backend.check_opening(&opening(), &Control::default()).unwrap(), Verdict::Valid);
}

#[test]
fn another_file_and_other_samples_give_other_weights() {
    let opening = opening();
    let other = Model::from_onnx(synthetic::to_onnx(&synthetic::random_mlp(&[64, 32, 10], 1).unwrap())).unwrap();
    assert!(!NativeBackend::new().compare_opening(&opening, &other).unwrap().is_valid());
    let samples = Input::new(vec![vec![0.01; 128]]).unwrap();
    let backend = NativeBackend::with_calibration(samples);
    assert!(!backend.compare_opening(&opening, &digits()).unwrap().is_valid());
}

#[test]
fn what_is_no_opening_is_refused_without_being_repeated() {
    let secret = serde_json::from_slice::<Value>(&opening().to_json()).unwrap()["modelSecret"].clone();
    let secret = secret.as_str().unwrap();
    for (what, error) in [
        ("format", changed(|json| json["format"] = "other".into())),
        ("version", changed(|json| json["version"] = 2.into())),
        ("field", changed(|json| json["more"] = 1.into())),
        ("hex", changed(|json| json["modelSecret"] = format!("{}x", &secret[1..]).into())),
        ("secret", changed(|json| json["modelSecret"] = secret[2..].into())),
        ("key", changed(|json| json["verifyingKey"] = "00".into())),
        ("weights", changed(|json| json["weights"] = "00".into())),
        ("type", changed(|json| json["weights"] = secret.len().into())),
    ] {
        let error = error.map(|_| what).unwrap_err();
        assert!(error.contains("no model opening") && !error.contains(&secret[8..24]), "{what}: {error}");
    }
    let shown = format!("{:?}", opening());
    assert!(!shown.contains(secret) && shown.len() < 2000, "{shown}");
}
