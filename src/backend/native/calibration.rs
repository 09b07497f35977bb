//! Which samples a model is quantized with: those given, those that come with it, or a range.

use crate::model::{
    Input, Model, TensorInfo,
    quantize::{Calibration, QuantizeError},
};

/// BLAKE3 of `models/digits/digits.onnx`.
const DIGITS: &str = "3a3fee5a79bd9d5aba6ec5682776b89748e5a719e64e0e2b5626802b30a066ad";
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

/// The calibration of a model.
pub(super) fn choose(model: &Model, given: Option<&Input>) -> Result<(Calibration, Source), QuantizeError> {
    let widths: Vec<usize> = model.inputs().iter().map(TensorInfo::elements).collect();
    if let Some(input) = given {
        return Ok((Calibration::from_input(input, &widths)?, Source::Given));
    }
    if model.hash() == DIGITS {
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
    fn the_digits_model_has_its_samples() {
        let digits = Model::from_onnx(include_bytes!("../../../models/digits/digits.onnx").to_vec()).unwrap();
        let (calibration, source) = choose(&digits, None).unwrap();
        assert_eq!(source, Source::Shipped);
        assert!(matches!(calibration, Calibration::Samples(samples) if samples.len() == 64));
        let short = Input::new(vec![vec![0.5; 63]]).unwrap();
        assert!(choose(&digits, Some(&short)).is_err());
    }
}
