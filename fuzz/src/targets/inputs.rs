//! Input files of users, for models that the first byte chooses.

use zkinfer::model::{InputError, InputForm, InputTensor, Inputs, TensorInfo, graph::Element};

fn tensor(name: &str, shape: &[u64], element: Element) -> InputTensor {
    let info = TensorInfo { name: name.into(), shape: shape.to_vec() };
    InputTensor { batch: shape.len() > 1 && shape[0] == 1, info, element }
}

fn form(choice: u8) -> InputForm {
    let form = InputForm::new(match choice % 4 {
        0 => vec![tensor("x", &[1, 4], Element::Float32)],
        1 => vec![tensor("a", &[1, 2], Element::Float32), tensor("b", &[1, 1], Element::Int64)],
        2 => vec![tensor("image", &[1, 2, 2], Element::Uint8)],
        _ => vec![tensor("row", &[3], Element::Bool)],
    });
    if choice & 4 == 0 { form } else { form.samples() }
}

/// What is accepted is whole inferences of finite numbers, and the same when it is written as EZKL's file.
fn check(bytes: &[u8], read: impl Fn(&InputForm, &[u8]) -> Result<Inputs, InputError>) -> bool {
    let Some((&choice, bytes)) = bytes.split_first() else { return false };
    let form = form(choice);
    let Ok(found) = read(&form, bytes) else { return false };
    let infos: Vec<TensorInfo> = form.tensors().iter().map(|tensor| tensor.info.clone()).collect();
    assert!(!found.inputs.is_empty(), "there is an inference");
    for input in &found.inputs {
        input.check(&infos).expect("it has the lengths of the tensors");
        assert!(input.tensors().iter().flatten().all(|x| x.is_finite()), "numbers are finite");
        let again = form.json(&input.to_json()).expect("what is written is read");
        assert_eq!((again.inputs.as_slice(), again.remarks.len()), (std::slice::from_ref(input), 0), "and is the same");
    }
    true
}

pub(super) fn json(bytes: &[u8]) -> bool {
    check(bytes, InputForm::json)
}

pub(super) fn npy(bytes: &[u8]) -> bool {
    check(bytes, InputForm::npy)
}

pub(super) fn npz(bytes: &[u8]) -> bool {
    check(bytes, InputForm::npz)
}

pub(super) fn csv(bytes: &[u8]) -> bool {
    check(bytes, InputForm::csv)
}
