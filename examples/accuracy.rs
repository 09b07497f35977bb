//! How many labelled inputs a model gets right, in real numbers and in the integers that are proven:
//! `accuracy MODEL CALIBRATION SAMPLES LABELS`.
//!
//! Samples are a file of inputs, one after the other in one list; labels are a JSON list of classes. The held-out images of the
//! digits models: `tools/train_cnn.py --test-images FILE --test-labels FILE`.

use std::error::Error;
use zkinfer::model::{
    Input, Model, TensorInfo,
    network::Network,
    quantize::{Calibration, argmax},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, calibration, samples, labels] = &arguments[..] else {
        return Err("accuracy MODEL CALIBRATION SAMPLES LABELS".into());
    };
    let model = Model::from_onnx(std::fs::read(model)?)?;
    let width: usize = model.inputs().iter().map(TensorInfo::elements).sum();
    let read = |path: &String| -> Result<Calibration, Box<dyn Error>> {
        Ok(Calibration::from_input(&Input::from_json(&std::fs::read(path)?)?, &[width])?)
    };
    let (calibration, samples) = (read(calibration)?, read(samples)?.samples(width));
    let labels: Vec<usize> = serde_json::from_slice(&std::fs::read(labels)?)?;
    if labels.len() != samples.len() {
        return Err(format!("{} samples and {} labels", samples.len(), labels.len()).into());
    }
    let network = Network::new(&model, &calibration)?;
    let (mut float_right, mut right, mut same, mut outside, mut error) = (0, 0, 0, 0, 0.0f64);
    for (sample, label) in samples.iter().zip(&labels) {
        let float: Vec<f64> =
            model.run(&Input::new(vec![sample.clone()])?)?.concat().into_iter().map(f64::from).collect();
        float_right += usize::from(argmax(&float) == *label);
        let Some(integers) = network.run(sample) else {
            outside += 1;
            continue;
        };
        right += usize::from(argmax(&integers) == *label);
        same += usize::from(argmax(&integers) == argmax(&float));
        error = integers.iter().zip(&float).map(|(a, b)| (a - b).abs()).fold(error, f64::max);
    }
    println!(
        "{} samples: {float_right} right in real numbers, {right} in integers; {same} the same, {outside} out of range; greatest error {error:.5}",
        samples.len()
    );
    Ok(())
}
