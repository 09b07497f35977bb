use super::InferenceError;
use crate::{
    backend::Opening,
    ezkl::PipelineError,
    proof::{
        PublicValues, Schema, TensorSchema,
        schema::{Direction, Visibility},
    },
};
use alloy::primitives::I256;

/// What a model said to one input.
#[derive(Clone, Debug)]
pub struct Answer {
    /// One per output of the model, in its order.
    pub outputs: Vec<AnswerTensor>,
    /// The values that a proof of this answer is about: inputs and outputs in canonical bytes.
    pub public_values: PublicValues,
    /// How far it is from the floating-point model.
    pub distance: Distance,
    /// What opens the tensors that the public values hide; `None` when there are none. Secret, and kept nowhere else.
    pub opening: Option<Opening>,
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerTensor {
    /// As in the ONNX graph.
    pub name: String,
    /// Row-major.
    pub shape: Vec<u64>,
    /// The answer: what the circuit's integers mean.
    pub values: Vec<f64>,
    /// The circuit's integers, as in the public values.
    pub integers: Vec<I256>,
    /// What the floating-point model says; bound by no proof.
    pub float: Vec<f32>,
}

/// The difference between the circuit's numbers and those of the floating-point model.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// The largest, in the units of the output; infinite when the floating-point model's number is not finite.
    pub largest: f64,
    /// The output where it is.
    pub tensor: String,
    /// Its row-major index there.
    pub index: usize,
    /// The mean of all.
    pub mean: f64,
}

impl Answer {
    /// Reads an answer from public values, so that it cannot be another one than what is proven; a hidden output from the
    /// opening, which opens the commitment that is proven.
    pub(super) fn read(
        schema: &Schema,
        values: &PublicValues,
        opening: Option<&Opening>,
        float: Vec<Vec<f32>>,
    ) -> Result<Self, InferenceError> {
        // Only public tensors are decoded, in order.
        let mut decoded = schema.decode(values).map_err(PipelineError::from)?.into_iter();
        let mut outputs = Vec::new();
        for tensor in schema.tensors() {
            let integers = match tensor.visibility {
                Visibility::Public => decoded.next().unwrap_or_default(),
                Visibility::Committed if tensor.direction == Direction::Input => continue,
                Visibility::Committed => match opening.and_then(|opening| opening.side(Direction::Output)) {
                    Some(opened) => opened.elements().iter().map(|&q| I256::unchecked_from(q)).collect(),
                    None => return Err(InferenceError::HiddenOutput { tensor: tensor.name.clone() }),
                },
            };
            if tensor.direction == Direction::Output {
                outputs.push(AnswerTensor::new(tensor, integers));
            }
        }
        let outputs = with_float(outputs, float)?;
        let distance = Distance::measure(&outputs);
        Ok(Self { outputs, public_values: values.clone(), distance, opening: opening.cloned() })
    }

    pub(super) fn check_distance(&self, limit: f64) -> Result<(), InferenceError> {
        let Distance { largest, tensor, index, .. } = &self.distance;
        if *largest <= limit {
            return Ok(());
        }
        let of = |output: &AnswerTensor| Some((*output.values.get(*index)?, *output.float.get(*index)?));
        let numbers = self.outputs.iter().find(|output| output.name == *tensor).and_then(of);
        let (circuit, float) = numbers.unwrap_or((f64::NAN, f32::NAN));
        Err(InferenceError::TooFar { tensor: tensor.clone(), index: *index, circuit, float, limit })
    }
}

impl AnswerTensor {
    fn new(tensor: &TensorSchema, integers: Vec<I256>) -> Self {
        let values = integers.iter().enumerate().map(|(index, &q)| tensor.dequantize(index, q)).collect();
        Self { name: tensor.name.clone(), shape: tensor.shape.clone(), values, integers, float: vec![] }
    }
}

/// Puts the floating-point model's numbers beside the circuit's.
fn with_float(mut outputs: Vec<AnswerTensor>, float: Vec<Vec<f32>>) -> Result<Vec<AnswerTensor>, InferenceError> {
    let lengths = |all: &mut dyn Iterator<Item = usize>| all.collect::<Vec<_>>();
    let ours = lengths(&mut outputs.iter().map(|output| output.values.len()));
    let theirs = lengths(&mut float.iter().map(Vec::len));
    if ours != theirs {
        return Err(InferenceError::OtherOutputs { circuit: ours, float: theirs });
    }
    for (output, float) in outputs.iter_mut().zip(float) {
        output.float = float;
    }
    Ok(outputs)
}

impl Distance {
    fn measure(outputs: &[AnswerTensor]) -> Self {
        let mut distance = Self { largest: 0.0, tensor: String::new(), index: 0, mean: 0.0 };
        let (mut sum, mut count) = (0.0, 0usize);
        for output in outputs {
            for (index, (&circuit, &float)) in output.values.iter().zip(&output.float).enumerate() {
                let difference = (circuit - f64::from(float)).abs();
                // Not a number is no small difference.
                let difference = if difference.is_finite() { difference } else { f64::INFINITY };
                (sum, count) = (sum + difference, count + 1);
                if difference > distance.largest || distance.tensor.is_empty() {
                    distance.largest = difference;
                    distance.tensor.clone_from(&output.name);
                    distance.index = index;
                }
            }
        }
        distance.mean = if count == 0 { 0.0 } else { sum / count as f64 };
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::schema::NO_AXIS;

    fn tensor(name: &str, direction: Direction, visibility: Visibility) -> TensorSchema {
        TensorSchema {
            name: name.into(),
            direction,
            visibility,
            shape: vec![1, 2],
            width: 8,
            is_signed: true,
            min: I256::unchecked_from(i64::MIN),
            max: I256::unchecked_from(i64::MAX),
            scales: vec![0.5],
            axis: NO_AXIS,
            zero_point: 0,
        }
    }

    fn answer(float: [f32; 2]) -> Answer {
        let x = tensor("x", Direction::Input, Visibility::Public);
        let y = tensor("y", Direction::Output, Visibility::Public);
        let schema = Schema::new(vec![x, y]).unwrap();
        let integers = [[1, 2], [8, -6]].map(|pair| pair.map(I256::unchecked_from).to_vec());
        Answer::read(&schema, &schema.encode(&integers).unwrap(), None, vec![float.to_vec()]).unwrap()
    }

    #[test]
    fn the_distance_is_where_it_is_largest() {
        let near = answer([4.25, -4.0]);
        assert_eq!(near.outputs[0].values, [4.0, -3.0]);
        assert_eq!(near.distance, Distance { largest: 1.0, tensor: "y".into(), index: 1, mean: 0.625 });
        assert!(near.check_distance(1.0).is_ok());
        let error = near.check_distance(0.99).unwrap_err();
        assert!(matches!(error, InferenceError::TooFar { index: 1, circuit: -3.0, float: -4.0, .. }), "{error}");
        assert_eq!(answer([4.0, -3.0]).distance.largest, 0.0);
    }

    #[test]
    fn no_number_is_too_far() {
        for bad in [f32::NAN, f32::INFINITY] {
            let answer = answer([bad, -3.0]);
            assert_eq!((answer.distance.largest, answer.distance.index), (f64::INFINITY, 0));
            assert!(answer.check_distance(f64::MAX).is_err());
        }
    }

    /// A committed tensor has no elements in the public values: it must not shift those of the others.
    #[test]
    fn hidden_tensors_are_not_mistaken_for_others() {
        let hidden_input = tensor("x", Direction::Input, Visibility::Committed);
        let schema = Schema::new(vec![hidden_input, tensor("y", Direction::Output, Visibility::Public)]).unwrap();
        let bytes = [&[7; 64][..], &8u64.to_be_bytes(), &2u64.to_be_bytes()].concat();
        let values = PublicValues::from_bytes(bytes.into());
        let answer = Answer::read(&schema, &values, None, vec![vec![4.0, 1.0]]).unwrap();
        assert_eq!((answer.outputs.len(), answer.distance.largest), (1, 0.0));
        assert!(matches!(
            Answer::read(&schema, &values, None, vec![vec![4.0]]),
            Err(InferenceError::OtherOutputs { .. })
        ));
        let schema = Schema::new(vec![tensor("y", Direction::Output, Visibility::Committed)]).unwrap();
        let error = Answer::read(&schema, &PublicValues::from_bytes(vec![7; 64].into()), None, vec![]).unwrap_err();
        assert!(matches!(error, InferenceError::HiddenOutput { .. }), "{error}");
    }
}
