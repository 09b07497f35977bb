//! Multi-layer perceptrons in floating point: what the native backend quantizes.

use super::{LowerError, Model, ModelError, TensorInfo, lower};
use zeroize::Zeroize;

/// A dense layer `z = W y + bias` in real numbers. Wiped when dropped.
#[derive(Clone, PartialEq)]
pub struct Dense {
    /// Numbers it reads.
    pub inputs: usize,
    /// Numbers it makes: its neurons.
    pub outputs: usize,
    /// `outputs * inputs` weights, neuron by neuron.
    pub weights: Vec<f64>,
    /// One bias per neuron.
    pub bias: Vec<f64>,
}

impl std::fmt::Debug for Dense {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dense").field("inputs", &self.inputs).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

impl Drop for Dense {
    fn drop(&mut self) {
        self.weights.zeroize();
        self.bias.zeroize();
    }
}

impl Dense {
    /// The layer that passes `width` numbers on.
    #[must_use]
    pub fn identity(width: usize) -> Self {
        let mut weights = vec![0.0; width * width];
        weights.iter_mut().step_by(width + 1).for_each(|w| *w = 1.0);
        Self { inputs: width, outputs: width, weights, bias: vec![0.0; width] }
    }

    /// The weights of every neuron.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.weights.chunks_exact(self.inputs)
    }

    /// `W y + bias`.
    #[must_use]
    pub fn apply(&self, y: &[f64]) -> Vec<f64> {
        let dot = |row: &[f64]| row.iter().zip(y).map(|(w, y)| w * y).sum::<f64>();
        self.rows().zip(&self.bias).map(|(row, bias)| dot(row) + bias).collect()
    }

    /// One layer that does what this one does after `first`.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let bias = self.apply(&first.bias);
        let mut weights = vec![0.0; self.outputs * first.inputs];
        for (row, sum) in self.rows().zip(weights.chunks_exact_mut(first.inputs)) {
            for (factor, inner) in row.iter().zip(first.rows()) {
                sum.iter_mut().zip(inner).for_each(|(sum, w)| *sum += factor * w);
            }
        }
        Self { inputs: first.inputs, outputs: self.outputs, weights, bias }
    }
}

/// A dense layer followed by `min(max(z, 0), upper)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden {
    /// The layer.
    pub dense: Dense,
    /// The upper bound; `None` is a plain ReLU.
    pub upper: Option<f64>,
}

impl Hidden {
    /// The activations.
    #[must_use]
    pub fn apply(&self, y: &[f64]) -> Vec<f64> {
        let upper = self.upper.unwrap_or(f64::INFINITY);
        self.dense.apply(y).into_iter().map(|z| z.max(0.0).min(upper)).collect()
    }
}

/// A multi-layer perceptron: hidden layers, then a dense layer without activation. Of a model with several input or output
/// tensors it reads and makes all numbers, one tensor after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// The hidden layers, in order.
    pub hidden: Vec<Hidden>,
    /// The last layer.
    pub last: Dense,
}

impl Mlp {
    /// Reads a model's graph, and compares what was read with the model's own float execution.
    ///
    /// # Errors
    /// [`LowerError`] when it is no multi-layer perceptron of the operators that are read.
    pub fn from_model(model: &Model) -> Result<Self, LowerError> {
        let mlp = lower::lower(model.graph())?;
        let elements: usize = model.outputs().iter().map(TensorInfo::elements).sum();
        if mlp.outputs() != elements {
            return Err(LowerError::Graph(format!("its outputs have {elements} elements")));
        }
        mlp.compare(model)?;
        Ok(mlp)
    }

    /// Numbers it reads.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers().next().map_or(0, |layer| layer.inputs)
    }

    /// Numbers it makes.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.last.outputs
    }

    /// All dense layers.
    pub fn layers(&self) -> impl Iterator<Item = &Dense> {
        self.hidden.iter().map(|hidden| &hidden.dense).chain([&self.last])
    }

    /// Weights and biases.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.layers().map(|layer| (layer.inputs + 1) * layer.outputs).sum()
    }

    /// The outputs for one input.
    #[must_use]
    pub fn run(&self, input: &[f64]) -> Vec<f64> {
        let mut y = input.to_vec();
        for hidden in &self.hidden {
            y = hidden.apply(&y);
        }
        self.last.apply(&y)
    }

    /// Fails unless tract computes the same function, on three inputs, up to 32-bit rounding.
    fn compare(&self, model: &Model) -> Result<(), LowerError> {
        let width = self.inputs();
        let inputs: [Vec<f64>; 3] = [
            vec![0.0; width],
            (1..=width).map(|i| i as f64 / width as f64).collect(),
            (0..width).map(|i| if i % 3 == 0 { 0.5 } else { -0.25 }).collect(),
        ];
        for input in inputs {
            let found = self.run(&input);
            let run = |input: &[f64]| model.run(&super::Input::new(split(input, model.inputs()))?);
            let expected = run(&input).map_err(|error: ModelError| LowerError::Graph(error.to_string()))?;
            let expected: Vec<f64> = expected.into_iter().flatten().map(f64::from).collect();
            let greatest = expected.iter().fold(1.0f64, |most, x| most.max(x.abs()));
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * greatest;
            if expected.len() != found.len() || !expected.iter().zip(&found).all(close) {
                return Err(LowerError::Graph(
                    "its layers, as they are read, do not compute what the file says".into(),
                ));
            }
        }
        Ok(())
    }
}

/// The tensors whose numbers are one after the other in `numbers`.
fn split(numbers: &[f64], tensors: &[TensorInfo]) -> Vec<Vec<f64>> {
    let mut numbers = numbers.iter().copied();
    tensors.iter().map(|tensor| numbers.by_ref().take(tensor.elements()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(inputs: usize, weights: &[f64], bias: &[f64]) -> Dense {
        Dense { inputs, outputs: bias.len(), weights: weights.to_vec(), bias: bias.to_vec() }
    }

    #[test]
    fn layers_fuse_exactly() {
        let first = dense(2, &[1.0, 2.0, 3.0, -4.0, 0.5, 0.0], &[1.0, 2.0, 3.0]);
        let second = dense(3, &[1.0, -1.0, 2.0, 0.0, 5.0, 1.0], &[10.0, 20.0]);
        let fused = second.after(&first);
        let input = [3.0, -7.0];
        assert_eq!(fused.apply(&input), second.apply(&first.apply(&input)));
        assert_eq!(Dense::identity(3).after(&first), first);
    }

    #[test]
    fn activations_are_clipped_at_both_ends_and_weights_are_not_shown() {
        let hidden = Hidden { dense: Dense::identity(3), upper: Some(6.0) };
        assert_eq!(hidden.apply(&[-1.0, 5.0, 7.0]), [0.0, 5.0, 6.0]);
        assert!(!format!("{hidden:?}").contains("1.0"));
    }
}
