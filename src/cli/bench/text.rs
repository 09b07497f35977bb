//! What quantization costs the character model, on text that it was not trained on.

use super::{
    super::{Failure, digits},
    subject::Subject,
};
use serde_json::{Value, json};
use zkinfer::{
    inference::text::TextModel,
    model::{
        Input, Model,
        network::{Network, NetworkError},
        quantize::{Calibration, argmax},
    },
};

/// The beginning of *Macbeth*: 16 windows, and the character behind each.
const HELD_OUT: &str = include_str!("../../../models/gpt/held-out.txt");
/// Windows of the text that it was trained on.
const SAMPLES: &[u8] = include_bytes!("../../../models/gpt/calibration.json");

/// Sums over positions.
#[derive(Default)]
pub(super) struct Choices {
    positions: usize,
    same: usize,
    /// Cross entropies of the floating-point model, and of the integers.
    nats: [f64; 2],
}

/// The model with the samples that calibrate it.
pub(super) fn subject() -> Result<Subject, Failure> {
    let model = Model::from_onnx(digits::GPT.to_vec())?;
    let width = model.inputs().iter().map(zkinfer::model::TensorInfo::elements).sum();
    let input = Input::from_json(SAMPLES)?;
    let samples = Calibration::from_input(&input, &[width]).map_err(|error| Failure::Input(error.to_string()))?;
    Ok(Subject { name: String::new(), model, samples: samples.samples(width), calibrates: true })
}

/// The integers against real numbers, at every position of the held-out text.
pub(super) fn choices(subject: &Subject) -> Result<Choices, Failure> {
    let text = TextModel::of(&subject.model)?;
    let (context, known) = (text.context(), text.tokenizer().len());
    let tokens = text.tokenizer().encode(HELD_OUT)?;
    let internal = |error: NetworkError| Failure::Internal(error.to_string());
    let network = Network::new(&subject.model, &Calibration::Samples(subject.samples.clone())).map_err(internal)?;
    let mut choices = Choices::default();
    for window in tokens.windows(context + 1).step_by(context) {
        let input: Vec<f64> = window[..context].iter().map(|token| *token as f64).collect();
        let float = subject.model.run(&Input::new(vec![input.clone()])?)?.concat();
        let float: Vec<f64> = float.into_iter().map(f64::from).collect();
        let integers = network.run(&input).ok_or_else(|| Failure::Internal("a value is out of range".into()))?;
        let rows = float.chunks_exact(known).zip(integers.chunks_exact(known)).zip(&window[1..]);
        rows.for_each(|((float, integers), next)| choices.add([float, integers], *next));
    }
    Ok(choices)
}

impl Choices {
    fn add(&mut self, scores: [&[f64]; 2], next: usize) {
        self.positions += 1;
        self.same += usize::from(argmax(scores[0]) == argmax(scores[1]));
        for (sum, scores) in self.nats.iter_mut().zip(scores) {
            let greatest = scores[argmax(scores)];
            *sum += scores.iter().map(|x| (x - greatest).exp()).sum::<f64>().ln() + greatest - scores[next];
        }
    }

    /// The part of the positions at which both choose the same.
    pub(super) fn same(&self) -> f64 {
        self.same as f64 / self.positions.max(1) as f64
    }

    /// Of the floating-point model, and of the integers.
    pub(super) fn perplexities(&self) -> [f64; 2] {
        self.nats.map(|nats| (nats / self.positions.max(1) as f64).exp())
    }

    pub(super) fn object(&self) -> Value {
        let [float, integers] = self.perplexities();
        json!({ "positions": self.positions, "same_choice": self.same(), "perplexity": { "float": float, "integers": integers } })
    }
}
