//! Models and their inputs.

use zkinfer::model::{
    Input, Mlp, Model,
    quantize::{Calibration, Quantized},
};

/// Models beyond this are read, not worked with: fuzzing is to stay fast.
const MAX_ELEMENTS: usize = 1 << 10;

/// An ONNX file: read and run, and if it is a perceptron lowered and quantized. Reading it again gives the same.
pub(super) fn onnx(bytes: &[u8]) -> bool {
    let Ok(model) = Model::from_onnx(bytes.to_vec()) else { return false };
    let widths: Vec<usize> = model.inputs().iter().map(zkinfer::model::TensorInfo::elements).collect();
    if model.graph().values().iter().any(|value| value.kind.elements() > MAX_ELEMENTS) {
        return false;
    }
    let again = Model::from_onnx(model.canonical_onnx().to_vec()).expect("a canonical graph is read");
    assert_eq!(again.canonical_onnx(), model.canonical_onnx(), "and is canonical");
    if widths.iter().any(|&width| width > MAX_ELEMENTS) || model.parameters() > MAX_ELEMENTS as u64 {
        return false;
    }
    let input = Input::new(widths.iter().map(|&width| vec![0.5; width]).collect()).expect("0.5 is finite");
    if let Ok(outputs) = model.run(&input) {
        assert_eq!(outputs.len(), model.outputs().len(), "as many outputs as it has");
    }
    let Ok(mlp) = Mlp::from_model(&model) else { return true };
    assert_eq!(mlp.inputs(), widths.iter().sum::<usize>(), "its layers fit together");
    let Ok(quantized) = Quantized::new(&mlp, &Calibration::default()) else { return true };
    let most = f64::from(i8::MAX);
    let largest = quantized.layers.iter().flat_map(|layer| &layer.weights).map(|w| f64::from(*w).abs());
    assert!(largest.fold(0.0, f64::max) <= most, "weights have 8 bits, and -128 is none");
    assert!(quantized.output_scale > 0.0, "outputs mean something");
    true
}

/// An input file.
pub(super) fn input(bytes: &[u8]) -> bool {
    let Ok(input) = Input::from_json(bytes) else { return false };
    assert!(input.tensors().iter().flatten().all(|x| x.is_finite()), "numbers are finite");
    let again = Input::from_json(&input.to_json()).expect("what is written is read");
    assert_eq!(again, input, "and means the same");
    if let Ok(Calibration::Samples(samples)) = Calibration::from_input(&input, &[4]) {
        assert_eq!(samples.len() * 4, input.tensors()[0].len(), "no number is lost");
    }
    true
}
