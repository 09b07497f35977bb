//! Inputs: the numbers of one inference, and the files that users have them in.
//!
//! `form` knows what a model takes and puts what a file holds in that order; `json`, `npy`, `npz` and `csv` read files to
//! arrays; `array` takes these apart into inferences.

mod array;
#[cfg(test)]
mod cases;
mod csv;
mod error;
mod form;
mod json;
mod npy;
mod npz;

pub use error::InputError;
pub use form::{InputForm, InputTensor, Inputs};

use super::{ModelError, TensorInfo};
use serde::{Deserialize, Serialize};

/// The largest input file that is read, in bytes; also what an archive may hold when it is decompressed.
pub const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;
/// Numbers that one file may have.
pub const MAX_NUMBERS: usize = 1 << 24;

/// One inference's inputs as proving takes them: a flat, row-major list of finite numbers per input tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    input_data: Vec<Vec<f64>>,
}

impl Input {
    /// Reads what [`Input::to_json`] writes. Files of users are read by [`InputForm`]. JSON has no NaN and no infinity, and a
    /// number too large for a binary64 is refused.
    ///
    /// # Errors
    /// [`ModelError::MalformedInput`].
    pub fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        serde_json::from_slice(json).map_err(|error| ModelError::MalformedInput(error.to_string()))
    }

    /// Wraps one flat list per input tensor.
    ///
    /// # Errors
    /// [`ModelError::MalformedInput`] when a number is not finite.
    pub fn new(input_data: Vec<Vec<f64>>) -> Result<Self, ModelError> {
        if input_data.iter().flatten().any(|x| !x.is_finite()) {
            return Err(ModelError::MalformedInput("a number is not finite".into()));
        }
        Ok(Self { input_data })
    }

    /// One flat list per input tensor.
    #[must_use]
    pub fn tensors(&self) -> &[Vec<f64>] {
        &self.input_data
    }

    /// As EZKL's file format has it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Finite numbers in lists: nothing that serde_json can refuse.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks the number of tensors and their lengths.
    ///
    /// # Errors
    /// [`ModelError::InputLength`].
    pub fn check(&self, tensors: &[TensorInfo]) -> Result<(), ModelError> {
        let expect = |expected, found, unit: String| {
            if expected == found { Ok(()) } else { Err(ModelError::InputLength { expected, found, unit }) }
        };
        expect(tensors.len(), self.input_data.len(), "tensors".into())?;
        for (tensor, values) in tensors.iter().zip(&self.input_data) {
            expect(tensor.elements(), values.len(), format!("numbers for `{}`", tensor.name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_finite_numbers_are_inputs() {
        let input = Input::from_json(br#"{"input_data": [[0.5, 1, -2e3]]}"#).unwrap();
        assert_eq!(input.tensors(), [[0.5, 1.0, -2000.0]]);
        assert_eq!(Input::from_json(&input.to_json()).unwrap(), input);
        for bad in [
            r#"{"input_data": [[NaN]]}"#,
            r#"{"input_data": [[Infinity]]}"#,
            r#"{"input_data": [[1e400]]}"#,
            r#"{"input_data": [[null]]}"#,
            r#"{"input_data": [["1"]]}"#,
            r#"{"input_data": [[true]]}"#,
            r#"{"input_data": [1]}"#,
            r#"{"other": []}"#,
            "{}",
            "",
            "PK\u{3}\u{4}",
        ] {
            assert!(matches!(Input::from_json(bad.as_bytes()), Err(ModelError::MalformedInput(_))), "{bad}");
        }
        assert!(Input::new(vec![vec![f64::NAN]]).is_err());
    }

    #[test]
    fn lengths_are_the_models() {
        let tensors = [TensorInfo { name: "x".into(), shape: vec![1, 3] }];
        let check = |data| Input::new(data).unwrap().check(&tensors);
        assert!(check(vec![vec![0.0; 3]]).is_ok());
        assert!(matches!(check(vec![vec![0.0; 2]]), Err(ModelError::InputLength { expected: 3, found: 2, .. })));
        assert!(matches!(check(vec![]), Err(ModelError::InputLength { expected: 1, found: 0, .. })));
    }
}
