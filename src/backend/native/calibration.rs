//! Which samples a model is quantized with: those given, those that come with it, or a range.

use crate::model::{
    Input, Model, TensorInfo,
    quantize::{Calibration, QuantizeError},
};

/// BLAKE3 of the models that read the images of `models/digits`: `digits.onnx` there, and `models/digits-cnn/cnn.onnx`.
const DIGITS: [&str; 2] = [
    "3a3fee5a79bd9d5aba6ec5682776b89748e5a719e64e0e2b5626802b30a066ad",
    "fbb17c63561e2a9f6341f0b82c8d6a5fae350e331816d2179c42522f962dc00e",
];
const DIGITS_SAMPLES: &[u8] = include_bytes!("../../../models/digits/calibration.json");

/// Where the samples come from, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The caller gave them.
    Given,
    /// They come with the model.
    Shipped,
    /// There are none: every input number is taken to lie in `[0, 1]`.
    Range,
}

/// A calibration, and where it comes from.
pub(super) type Chosen = (Calibration, Source);

/// The calibration of a model.
pub(super) fn choose(model: &Model, given: Option<&Input>) -> Result<Chosen, QuantizeError> {
    let widths: Vec<usize> = model.inputs().iter().map(TensorInfo::elements).collect();
    if let Some(input) = given {
        return Ok((Calibration::from_input(input, &widths)?, Source::Given));
    }
    if DIGITS.iter().any(|hash| *hash == model.hash()) {
        // The file is part of the program; a test reads it.
        let shipped = Input::from_json(DIGITS_SAMPLES).map_err(|_| QuantizeError::NoScale)?;
        return Ok((Calibration::from_input(&shipped, &widths)?, Source::Shipped));
    }
    Ok((Calibration::default(), Source::Range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_models_have_their_samples() {
        let cnn = Model::from_onnx(include_bytes!("../../../models/digits-cnn/cnn.onnx").to_vec()).unwrap();
        let digits = Model::from_onnx(include_bytes!("../../../models/digits/digits.onnx").to_vec()).unwrap();
        for model in [&cnn, &digits] {
            let (calibration, source) = choose(model, None).unwrap();
            assert_eq!(source, Source::Shipped);
            assert!(matches!(calibration, Calibration::Samples(samples) if samples.len() == 64));
        }
        let short = Input::new(vec![vec![0.5; 63]]).unwrap();
        assert!(choose(&digits, Some(&short)).is_err());
    }
}
