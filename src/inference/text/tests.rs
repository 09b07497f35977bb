use super::*;
use crate::{
    backend::{Control, native::NativeBackend},
    ezkl::{EZKLIntegration, ProofGenerator, answer::Outputs},
    model::graph::testing::successors,
    proof::{Context, schema::Direction},
    storage::Cache,
};
use std::{collections::BTreeMap, sync::Arc};

fn after() -> Model {
    let metadata = [("tokenizer", "characters"), ("alphabet", "\"abc\""), ("case", "lower")];
    Model::from_onnx(successors(&metadata)).unwrap()
}

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_alphabet_is_read_from_metadata_and_bounded() {
    let of = |pairs: &[(&str, &str)]| Tokenizer::of(&metadata(pairs));
    let kind = ("tokenizer", "characters");
    let tokenizer = of(&[kind, ("alphabet", "\"\\n aß\"")]).unwrap();
    assert_eq!(tokenizer.encode("ß a\n").unwrap(), [3, 1, 2, 0]);
    assert_eq!(tokenizer.decode(&[3, 1, 2, 0, 9]), "ß a\n");
    let error = tokenizer.encode("a A").unwrap_err();
    assert!(matches!(error, TextError::Character { character: 'A', at: 2, .. }), "{error}");
    let lower = of(&[kind, ("alphabet", "\"ab\""), ("case", "lower")]).unwrap();
    assert_eq!(lower.encode("aBA").unwrap(), [0, 1, 0]);
    assert!(lower.encode("İ").is_err(), "two characters in small letters");
    assert!(matches!(of(&[]), Err(TextError::NoTokenizer)));
    for wrong in [
        vec![("tokenizer", "words"), ("alphabet", "\"ab\"")],
        vec![kind, ("alphabet", "ab")],
        vec![kind, ("alphabet", "\"a\"")],
        vec![kind, ("alphabet", "\"aba\"")],
        vec![kind, ("alphabet", "\"ab\""), ("case", "upper")],
    ] {
        assert!(matches!(of(&wrong), Err(TextError::Tokenizer(_))), "{wrong:?}");
    }
}

#[test]
fn what_is_no_model_of_text_is_refused() {
    let of = |metadata: &[(&str, &str)]| TextModel::of(&Model::from_onnx(successors(metadata)).unwrap());
    assert!(matches!(of(&[]), Err(TextError::NoTokenizer)));
    let two = of(&[("tokenizer", "characters"), ("alphabet", "\"ab\"")]);
    assert!(matches!(two, Err(TextError::Shape(_))), "it gives scores for three");
}

/// A window that is full is followed by one that begins with its last half.
#[test]
fn a_text_is_drafted_and_windows_slide() {
    let model = after();
    let text = TextModel::of(&model).unwrap();
    let mut seen = String::new();
    let made = text.draft(&model, "A", 8, |c| seen.push(c)).unwrap();
    assert_eq!(seen, "bcabcabc");
    assert_eq!((made.written(), made.tokens().len()), (8, 9));
    // Five characters, and what follows from the last two of them; and so on.
    assert_eq!((text.begin("abcab").unwrap().start, text.left_out(5)), (1, 1));
    assert!(matches!(text.begin(""), Err(TextError::Empty)));
    assert!(matches!(text.begin("abd"), Err(TextError::Character { character: 'd', at: 2, .. })));
    assert!(matches!(text.draft(&model, "a", MAX_CHARACTERS + 1, |_| ()), Err(TextError::TooMany { .. })));
}

/// Written by the circuit, proven, and checked by somebody who has nothing but the bundles and the prompt.
#[test]
fn a_text_is_proven_and_every_choice_is_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let model = after();
    let samples = Input::new(vec![vec![0.0, 1.0, 2.0, 1.0]]).unwrap();
    let backend = NativeBackend::with_calibration(samples);
    let integration = EZKLIntegration::new(Arc::new(backend), Cache::at(folder.path().into()));
    let control = Control::default();
    let prepared = integration.prepare(&model, &control).unwrap();
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let text = TextModel::of(&model).unwrap();
    let mut seen = String::new();
    let written = text.write(&model, &generator, "ab", 7, &control, |c| seen.push(c)).unwrap();
    assert_eq!((seen.as_str(), written.other_choices), ("cabcabc", 0));
    // Three choices in `ab..`, three in the window that begins with its last two, and one in the next.
    assert_eq!(written.witnesses.len(), 3);
    let schema = prepared.artifacts.schema().unwrap();
    let shown: Vec<Shown> = written
        .witnesses
        .iter()
        .map(|witness| {
            let bundle = generator.prove(witness, Context::Offchain {}, &control).unwrap();
            Shown::read(&schema, &bundle.statement().public_values).unwrap()
        })
        .collect();
    assert_eq!(text.check("ab", 7, &shown).unwrap(), "abcabcabc");
    assert_eq!(schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Output).count(), 1);
    assert!(Outputs::read(&schema, &written.witnesses[0].public_values, None).unwrap().are_open());

    let refused = |prompt: &str, count, shown: &[Shown]| match text.check(prompt, count, shown) {
        Err(TextError::Statement { statement, reason }) => (statement, reason),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("bb", 7, &shown), (0, "other characters enter".into()));
    assert_eq!(refused("ab", 8, &shown[..2]), (2, "it is missing".into()));
    assert_eq!(refused("ab", 3, &shown), (1, "nothing is left for it to show".into()));
    let mut other = shown.clone();
    // Other scores for `a`: what follows is not what enters behind it.
    other[0].scores[3..6].copy_from_slice(&[9.0, 0.0, 0.0]);
    assert_eq!(refused("ab", 7, &other), (0, "other characters enter".into()));
    let mut short = shown.clone();
    short[1].scores.pop();
    assert_eq!(refused("ab", 7, &short), (1, "it has other tensors than the model".into()));
    let mut entered = shown;
    entered[1].inputs[0] = 1.0;
    assert_eq!(refused("ab", 7, &entered), (1, "other characters enter".into()));
}
