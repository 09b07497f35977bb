//! What is measured on: a model and samples of its inputs.

use super::{
    super::{Failure, digits, inputs},
    Args,
};
use zkinfer::model::{Input, Model, TensorInfo, quantize::Calibration, synthetic};

/// Inputs that a synthetic network is calibrated with, and then compared on.
const SYNTHETIC_SAMPLES: usize = 32;

pub(super) struct Subject {
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) samples: Vec<Vec<f64>>,
    /// Whether the samples calibrate; those of the digits model come with it.
    pub(super) calibrates: bool,
}

impl Subject {
    pub(super) fn of(args: &Args) -> Result<Self, Failure> {
        if !args.shape.is_empty() {
            return Self::synthetic(&args.shape);
        }
        let (name, model, input, calibrates) = match (&args.model, &args.samples) {
            (Some(path), Some(samples)) => {
                let model = Model::read(path)?;
                let samples = inputs::samples(samples, &model)?;
                (path.display().to_string(), model, samples, true)
            }
            _ => {
                let model = Model::from_onnx(digits::ONNX.to_vec())?;
                ("digits".to_owned(), model, Input::from_json(digits::SAMPLES)?, false)
            }
        };
        let width = model.inputs().first().map_or(0, TensorInfo::elements);
        let samples = Calibration::from_input(&input, &[width]).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Self { name, model, samples: samples.samples(width), calibrates })
    }

    /// A perceptron of these widths with seeded random weights.
    pub(super) fn synthetic(widths: &[usize]) -> Result<Self, Failure> {
        let refuse = || Failure::Input("a shape is two or more positive widths, such as 64-128-64-10".into());
        let positive = widths.iter().all(|width| (1..=1 << 16).contains(width));
        let mlp = synthetic::random_mlp(widths, 1).filter(|_| positive).ok_or_else(refuse)?;
        let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
        Self::network(&widths.join("-"), synthetic::to_onnx(&mlp))
    }

    /// A network of `synthetic` with one input tensor, whose numbers are in [0, 1].
    pub(super) fn network(name: &str, onnx: Vec<u8>) -> Result<Self, Failure> {
        let model = Model::from_onnx(onnx)?;
        let width = model.inputs().first().map_or(0, TensorInfo::elements);
        let numbers = Calibration::default().samples(width * SYNTHETIC_SAMPLES).swap_remove(0);
        let samples = numbers.chunks_exact(width.max(1)).map(<[f64]>::to_vec).collect();
        Ok(Self { name: name.to_owned(), model, samples, calibrates: true })
    }

    /// The first samples as one input per statement of a proof; they are used again when there are too few.
    pub(super) fn inputs(&self, count: usize) -> Vec<Vec<f64>> {
        self.samples.iter().cycle().take(count).cloned().collect()
    }

    /// The first samples in one list, for calibration.
    pub(super) fn calibration(&self, count: usize) -> Result<Option<Input>, Failure> {
        if !self.calibrates {
            return Ok(None);
        }
        Ok(Some(Input::new(vec![self.samples.iter().take(count).flatten().copied().collect()])?))
    }
}
