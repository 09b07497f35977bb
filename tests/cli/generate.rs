//! Text on the command line: written, proven, checked, refused.

use crate::program::{changed, model, native, zkinfer};
use std::path::Path;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text").join(name).display().to_string()
}

/// The model that comes with zkinfer continues a prompt, always with the same characters.
#[test]
fn a_prompt_is_continued() {
    let args = ["generate", "--prompt", "O Romeo, ", "--tokens", "8"];
    let text = zkinfer(&args).expect(0).stdout;
    assert!(text.starts_with("O Romeo, ") && text.ends_with('\n'), "{text}");
    let object = zkinfer(&[&args[..], &["--json"]].concat()).expect(0).json();
    assert_eq!((&object["tokens"], &object["proven"]), (&8.into(), &false.into()));
    let whole = object["text"].as_str().unwrap();
    assert_eq!(whole.chars().count(), "o romeo, ".len() + 8);
    assert_eq!(whole["o romeo, ".len()..], text["o romeo, ".len()..text.len() - 1], "written in small letters");
}

#[test]
fn what_cannot_be_continued_is_said() {
    let with =
        |prompt: &str, more: &[&str]| zkinfer(&[&["generate", "--prompt", prompt, "--tokens", "2"], more].concat());
    with("caf\u{e9}", &[]).expect(2).says("the character '\u{e9}' (number 3), which the model does not know");
    with("", &[]).expect(2).says("the prompt is empty");
    with("to be", &["--tokens", "0"]).expect(2);
    with("to be", &["--prove"]).expect(2).says("--out");
    with("to be", &["--model", &model("digits.onnx")]).expect(2).says("names no tokenizer");
    with("to be", &["--model", "/nothing.onnx"]).expect(2).says("cannot read");
    with("to be", &["--check", "/nothing.json"]).expect(2).says("cannot read");
    let long = "to be or not to be, ".repeat(4);
    with(&long, &[]).expect(0).says("the model reads 64 characters: the first 16 of the prompt count for nothing");
}

/// The circuit writes, proofs show it, and whoever has the file and the prompt takes every choice again.
#[test]
fn a_text_is_proven_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let (onnx, samples) = (fixture("successors.onnx"), fixture("windows.json"));
    let out = dir.path().join("text.json").display().to_string();
    let of = ["generate", "--model", &onnx, "--prompt", "Ab", "--tokens", "7"];
    let prove = ["--prove", "--calibration", &samples, "--out", &out];
    let object = native(&dir, &[&of[..], &prove, &["--json"]].concat()).expect(0).json();
    assert_eq!((&object["text"], &object["windows"]), (&"abcabcabc".into(), &3.into()));
    assert_eq!((&object["other_choices"], &object["test_srs"]), (&0.into(), &false.into()));
    native(&dir, &["verify", &out]).expect(0);

    let check = |dir: &tempfile::TempDir, args: &[&str], file: &str| {
        native(dir, &[args, &["--check", file, "--json"]].concat())
    };
    let checked = check(&dir, &of, &out).expect(0).json();
    assert_eq!((&checked["verdict"], &checked["text"]), (&"VALID".into(), &"abcabcabc".into()));
    assert_eq!((&checked["model_id"], &checked["model_file_checked"]), (&object["model_id"], &true.into()));
    // Where nothing of the model is, the bundle carries enough for its proofs.
    let elsewhere = tempfile::tempdir().unwrap();
    let checked = check(&elsewhere, &of, &out).expect(0).json();
    assert_eq!(checked["model_file_checked"], false);

    let other = ["generate", "--model", &onnx, "--prompt", "bb", "--tokens", "7"];
    let refused = check(&dir, &other, &out).expect(1).json();
    assert!(refused["reason"].as_str().unwrap().contains("other characters enter"), "{refused}");
    // Two more choices are proven, too: what fills the last window is an `a`, which the text goes on with. A third is not.
    let longer = ["generate", "--model", &onnx, "--prompt", "ab", "--tokens", "10"];
    assert_eq!(check(&dir, &longer, &out).expect(1).json()["verdict"], "INVALID");
    // A statement that was changed has no proof.
    let forged = changed(Path::new(&out), &dir, "forged.json", |object| {
        let values = object.pointer_mut("/bundles/0/statements/0/publicValues").unwrap();
        let text = values.as_str().unwrap().to_owned();
        *values = format!("{}{}", &text[..text.len() - 1], if text.ends_with('0') { '1' } else { '0' }).into();
    });
    let refused = check(&dir, &of, forged.to_str().unwrap());
    assert!([1, 2].contains(&refused.code), "{}", refused.stderr);
}
