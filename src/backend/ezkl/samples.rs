//! Samples of inputs: what they say of a model, and how far its circuit is from it.

use super::{
    EzklBackend, batch,
    circuit::Details,
    options::{EzklOptions, Objective},
    tuner,
    worker::NAME,
};
use crate::{
    backend::{BackendError, Control},
    model::{
        Extent, Input, Model, TensorInfo,
        quantize::{Accuracy, Calibration},
    },
    proof::{Schema, schema::Direction},
};
use serde::{Deserialize, Serialize};
use std::{num::NonZeroU32, path::Path};

/// Samples that a circuit is tried out on.
const TRIED: usize = 16;
/// Samples that are looked at.
const MAX_SAMPLES: usize = 1024;
/// As many when they are made up, and tell little.
const MADE_UP: usize = 4;
/// Fraction bits of weights below those of [`tuner::SCALES`], and above.
const COARSE: [i32; 3] = [4, 5, 6];
const FINE: [i32; 4] = [9, 11, 13, 15];
/// Values may be four times as large as the samples lead to.
const HEADROOM_LOG2: u32 = 2;

/// Inputs of a model, one after the other.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) inputs: Vec<Input>,
    /// Given by the caller, not made up.
    pub(super) given: bool,
}

/// How far a circuit's answers are from the float model's, per output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Parity {
    /// Whether the samples were given by the caller; else they are made up, numbers between 0 and 1.
    pub given: bool,
    /// In the order of the model.
    pub outputs: Vec<OutputParity>,
}

/// How far one output's values are from the float model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputParity {
    /// The output.
    pub name: String,
    /// The float model's greatest magnitude on the samples.
    pub greatest: f64,
    /// The circuit against it.
    pub accuracy: Accuracy,
    /// The least and the greatest of the float model's numbers on the samples.
    #[serde(default)]
    pub extent: Option<Extent>,
}

impl Parity {
    /// The greatest error, as a part of how far the output's numbers go ([`Extent::measure`]); infinite when no sample could be
    /// computed.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        let of = |output: &OutputParity| match output.accuracy {
            Accuracy { samples, out_of_range, .. } if samples == out_of_range => f64::INFINITY,
            Accuracy { max_abs_error, .. } => {
                let measure = output.extent.map_or(output.greatest, |extent| extent.measure(self.given));
                max_abs_error / measure.max(f64::MIN_POSITIVE)
            }
        };
        self.outputs.iter().map(of).fold(0.0, f64::max)
    }

    /// Samples that the circuit could not compute.
    #[must_use]
    pub fn out_of_domain(&self) -> usize {
        self.outputs.first().map_or(0, |output| output.accuracy.out_of_range)
    }
}

impl Samples {
    /// The caller's samples of `single`, else some that are made up, in batches that fill `tensors`.
    pub(super) fn of(options: &EzklOptions, single: &Model, tensors: &[TensorInfo]) -> Result<Self, BackendError> {
        let given = options.calibration.is_some();
        let items = sample_inputs(single, options.calibration.as_ref())?;
        let inputs = items.chunks(options.batch.get() as usize).take(MAX_SAMPLES);
        let inputs = inputs.map(|items| batch::fill(tensors, items)).collect::<Result<_, _>>()?;
        Ok(Self { inputs, given })
    }

    /// All of them in one input file, as EZKL's calibration takes them.
    pub(super) fn joined(&self) -> Result<Input, BackendError> {
        let tensors = self.inputs.first().map_or(0, |input| input.tensors().len());
        let list = |at: usize| self.inputs.iter().flat_map(|input| input.tensors()[at].iter().copied()).collect();
        Ok(Input::new((0..tensors).map(list).collect())?)
    }

    /// The base-2 logarithm of a bound on all values that these inputs lead to, with head-room.
    pub(super) fn magnitude_log2(&self, model: &Model) -> Result<u32, BackendError> {
        let mut most = 1.0f64;
        for input in &self.inputs {
            most = model.trace(input)?.iter().fold(most, |most, layer| most.max(layer.max_abs));
        }
        // Finite floats of 32 bits: at most 2^128.
        Ok(most.log2().ceil() as u32 + HEADROOM_LOG2)
    }

    /// Fraction bits of inputs and weights that are worth trying, the cheapest first. A circuit that is to be balanced begins with
    /// those that need no samples.
    pub(super) fn scales(&self, objective: Objective) -> Vec<(i32, i32)> {
        let exact = |bits: i32| {
            let all = self.inputs.iter().flat_map(|input| input.tensors().iter().flatten());
            all.map(|x| x * 2f64.powi(bits)).all(|x| x.fract() == 0.0)
        };
        let exact = if self.given { (2..=6).find(|&bits| exact(bits)) } else { None };
        let mut scales = match (objective, self.given) {
            (Objective::Balanced, _) | (_, false) => vec![],
            (_, true) => COARSE.map(|weights| (exact.unwrap_or(tuner::SCALES.0), weights)).to_vec(),
        };
        scales.push(tuner::SCALES);
        // Small weights before large inputs lose everything at coarse scales, however large the answer is.
        scales.extend(FINE.map(|weights| (exact.unwrap_or(weights), weights)));
        scales
    }
}

/// The caller's samples of a model (one list per tensor, several inputs in each), else some that are made up, as inputs.
pub(crate) fn sample_inputs(model: &Model, given: Option<&Input>) -> Result<Vec<Input>, BackendError> {
    match given {
        Some(samples) => items(model.inputs(), samples.tensors()),
        None => {
            let made_up =
                |elements| Calibration::default().samples(elements).into_iter().take(MADE_UP).flatten().collect();
            let lists: Vec<Vec<f64>> = model.inputs().iter().map(|tensor| made_up(tensor.elements())).collect();
            items(model.inputs(), &whole(model, lists))
        }
    }
}

/// Made-up numbers between 0 and 1, as they can enter: for tensors of integers, 0 and 1.
pub(super) fn whole(model: &Model, mut lists: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let graph = model.graph();
    for (input, list) in graph.inputs().iter().zip(&mut lists) {
        if !graph.value(input.value).kind.element.is_float() {
            list.iter_mut().for_each(|x| *x = x.round());
        }
    }
    lists
}

/// What fills a circuit's inputs: the caller's samples, one after the other and from the beginning again; else made-up numbers.
pub(super) fn one_sample(given: Option<&Input>, schema: &Schema) -> Result<Input, BackendError> {
    let tensors = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Input);
    let lists = tensors.enumerate().map(|(at, tensor)| match given.and_then(|given| given.tensors().get(at)) {
        Some(list) => list.iter().copied().cycle().take(tensor.elements()).collect(),
        // Whole numbers have the scale 1.
        None => {
            let made_up = Calibration::default().samples(tensor.elements()).into_iter().next().unwrap_or_default();
            made_up.into_iter().map(|x| if tensor.scales == [1.0] { x.round() } else { x }).collect()
        }
    });
    Ok(Input::new(lists.collect())?)
}

/// Splits one list per tensor into inputs.
fn items(tensors: &[TensorInfo], lists: &[Vec<f64>]) -> Result<Vec<Input>, BackendError> {
    let refuse = |why: String| BackendError::Model(crate::model::ModelError::MalformedInput(why));
    if lists.len() != tensors.len() {
        return Err(refuse(format!(
            "the samples have {} lists, the model takes {} tensors",
            lists.len(),
            tensors.len()
        )));
    }
    let mut count = None;
    for (tensor, list) in tensors.iter().zip(lists) {
        let elements = tensor.elements().max(1);
        if list.is_empty()
            || list.len() % elements != 0
            || *count.get_or_insert(list.len() / elements) != list.len() / elements
        {
            return Err(refuse(format!(
                "the samples of `{}` are {} numbers: not the same whole number of inputs of {elements} for every tensor",
                tensor.name,
                list.len()
            )));
        }
    }
    (0..count.unwrap_or(0))
        .map(|item| {
            let of = |(tensor, list): (&TensorInfo, &Vec<f64>)| {
                list.iter().skip(item * tensor.elements()).take(tensor.elements()).copied().collect()
            };
            Ok(Input::new(tensors.iter().zip(lists).map(of).collect())?)
        })
        .collect()
}

impl EzklBackend {
    /// Runs the compiled circuit in `dir` on samples, beside the float model.
    pub(super) fn parity(
        &self,
        model: &Model,
        samples: &Samples,
        dir: &Path,
        details: &Details,
        schema: &Schema,
        control: &Control,
    ) -> Result<Parity, BackendError> {
        let of = |tensor: &TensorInfo| OutputParity {
            name: tensor.name.clone(),
            greatest: 0.0,
            accuracy: Accuracy::default(),
            extent: Some(Extent::EMPTY),
        };
        let mut outputs: Vec<OutputParity> = model.outputs().iter().map(of).collect();
        for input in samples.inputs.iter().take(TRIED) {
            let float = model.run(input)?;
            let witness = match self.run_witness(dir, details, schema, input, control) {
                Ok(witness) => Some(witness),
                Err(BackendError::OutOfDomain(_) | BackendError::Schema(_)) => None,
                Err(error) => return Err(error),
            };
            let quantized = witness.map(|witness| real_outputs(schema, &witness.public_values)).transpose()?;
            for (at, (output, float)) in outputs.iter_mut().zip(&float).enumerate() {
                let float: Vec<f64> = float.iter().map(|&x| f64::from(x)).collect();
                output.extent = output.extent.map(|extent| extent.with(float.iter().copied()));
                output.greatest = float.iter().fold(output.greatest, |most, x| most.max(x.abs()));
                output.accuracy.add(quantized.as_ref().and_then(|outputs| outputs.get(at)).map(Vec::as_slice), &float);
            }
        }
        Ok(Parity { given: samples.given, outputs })
    }

    /// Refuses a circuit that keeps less than the caller's accuracy.
    pub(super) fn expect_accuracy(&self, details: &Details) -> Result<(), BackendError> {
        let (Some(bound), Some(parity)) = (self.options.max_error, &details.figures.parity) else { return Ok(()) };
        let error = parity.relative_error();
        if error <= bound {
            return Ok(());
        }
        Err(BackendError::Unsupported {
            backend: NAME,
            reason: format!(
                "at the largest scales that are tried, an output is off by {:.3} % of the greatest one, more than the {:.3} % allowed",
                error * 100.0,
                bound * 100.0
            ),
        })
    }
}

/// The outputs as real numbers.
fn real_outputs(schema: &Schema, values: &crate::proof::PublicValues) -> Result<Vec<Vec<f64>>, BackendError> {
    let decoded = schema.decode(values)?;
    let outputs = schema.tensors().iter().zip(decoded).filter(|(tensor, _)| tensor.direction == Direction::Output);
    Ok(outputs.map(|(tensor, q)| q.into_iter().enumerate().map(|(i, q)| tensor.dequantize(i, q)).collect()).collect())
}

/// One is enough to tell.
pub(super) const fn is_batch(batch: NonZeroU32) -> bool {
    batch.get() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(elements: u64) -> TensorInfo {
        TensorInfo { name: "x".into(), shape: vec![1, elements] }
    }

    /// The samples of a batch of two, and numbers for a tensor of integers.
    #[test]
    fn a_sample_fills_a_circuit() {
        let tensor = |scale: f64| crate::proof::TensorSchema {
            name: "x".into(),
            direction: Direction::Input,
            visibility: crate::proof::schema::Visibility::Public,
            shape: vec![2, 2],
            width: 32,
            is_signed: true,
            min: alloy::primitives::I256::MINUS_ONE,
            max: alloy::primitives::I256::ONE,
            scales: vec![scale],
            axis: crate::proof::schema::NO_AXIS,
            zero_point: 0,
        };
        let schema = Schema::new(vec![tensor(0.5)]).unwrap();
        let given = |list: &[f64]| Input::new(vec![list.to_vec()]).unwrap();
        assert_eq!(one_sample(Some(&given(&[1.0, 2.0])), &schema).unwrap().tensors(), [[1.0, 2.0, 1.0, 2.0]]);
        let longer = given(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(one_sample(Some(&longer), &schema).unwrap().tensors(), [[1.0, 2.0, 3.0, 4.0]]);
        let made_up =
            |scale| one_sample(None, &Schema::new(vec![tensor(scale)]).unwrap()).unwrap().tensors()[0].clone();
        assert!(made_up(0.5).iter().any(|x| x.fract() != 0.0));
        assert!(made_up(1.0).iter().all(|x| [0.0, 1.0].contains(x)));
    }

    #[test]
    fn samples_are_whole_inputs() {
        let two = [tensor(2), tensor(1)];
        let inputs = items(&two, &[vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0]]).unwrap();
        assert_eq!(inputs.len(), 2);
        assert_eq!(inputs[1].tensors(), [vec![3.0, 4.0], vec![6.0]]);
        for lists in [
            vec![vec![1.0, 2.0]],
            vec![vec![1.0], vec![1.0]],
            vec![vec![1.0, 2.0], vec![1.0, 2.0]],
            vec![vec![], vec![]],
        ] {
            assert!(items(&two, &lists).is_err(), "{lists:?}");
        }
    }

    #[test]
    fn inputs_that_are_exact_get_few_bits() {
        let samples = |x: f64, given| Samples { inputs: vec![Input::new(vec![vec![0.0, x]]).unwrap()], given };
        let of = |x: f64| samples(x, true).scales(Objective::Gas)[0].0;
        assert_eq!((of(3.0 / 16.0), of(1.0), of(0.3)), (4, 2, 7));
        let balanced = |x: f64, given| samples(x, given).scales(Objective::Balanced);
        assert_eq!(balanced(255.0, true), [(7, 7), (2, 9), (2, 11), (2, 13), (2, 15)]);
        assert_eq!(balanced(0.3, true), [(7, 7), (9, 9), (11, 11), (13, 13), (15, 15)]);
        assert_eq!(balanced(1.0, false)[..2], [(7, 7), (9, 9)], "made-up samples do not show what inputs are");
    }

    #[test]
    fn errors_are_told_relative_to_the_greatest_output() {
        let mut accuracy = Accuracy::default();
        accuracy.add(None, &[2.0]);
        let mut parity = Parity {
            given: true,
            outputs: vec![OutputParity { name: "y".into(), greatest: 4.0, accuracy, extent: None }],
        };
        assert_eq!((parity.relative_error(), parity.out_of_domain()), (f64::INFINITY, 1));
        parity.outputs[0].accuracy.add(Some(&[3.0]), &[4.0]);
        assert_eq!(parity.relative_error(), 0.25);
        parity.outputs[0].extent = Some(Extent::EMPTY.with([2.0, 4.0]));
        assert_eq!(parity.relative_error(), 0.5, "half of what there is between the least and the greatest");
    }
}
