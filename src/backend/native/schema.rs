//! The schema of native models, and whether a schema says what a key says.

use crate::{
    backend::BackendError,
    model::{
        Model, TensorInfo,
        network::Network,
        quantize::{Quantized, features_axis},
    },
    proof::{
        Schema, TensorSchema,
        schema::{Direction, NO_AXIS, Visibility},
    },
};
use alloy::primitives::I256;
use zkinfer_prover::{
    circuit::{Committed, Shape, Side},
    network::{NetworkVerifyingKey, Program, program::Port},
};

/// What a key says of the public tensors: numbers of 16-bit unsigned inputs, and of 64-bit signed outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) committed: Committed,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Interface {
    pub(super) fn of_shape(shape: &Shape) -> Self {
        Self { committed: shape.committed(), inputs: shape.inputs(), outputs: shape.outputs() }
    }

    /// A program may have any ports; these are the ones that this backend's schemas speak of.
    ///
    /// # Errors
    /// It has others.
    pub(super) fn of_network(key: &NetworkVerifyingKey) -> Result<Self, String> {
        Self::of_program(key.program())
    }

    /// The same of a program that has no key yet.
    pub(super) fn of_program(program: &Program) -> Result<Self, String> {
        let ports = &program.parts().ports;
        // Inputs come before outputs.
        let (inputs, outputs) = ports.split_at(ports.partition_point(|port| !port.has(Port::OUTPUT)));
        if inputs.is_empty() || outputs.is_empty() {
            return Err("the program has no inputs, or no outputs".into());
        }
        let plain = |port: &Port| Port { flags: port.flags & !Port::COMMITTED, ..port.clone() };
        let is_input = |port: &Port| plain(port) == Port::input(port.count);
        let is_output = |port: &Port| plain(port) == Port::output(port.count);
        if !inputs.iter().all(is_input) || !outputs.iter().all(is_output) {
            return Err("the ports of the program are not 16-bit inputs and 64-bit outputs".into());
        }
        // A point is of one port.
        let committed = |side: &[Port]| match side {
            [port] => Ok(port.has(Port::COMMITTED)),
            several if several.iter().any(|port| port.has(Port::COMMITTED)) => {
                Err("the program commits to one of several tensors on a side".to_owned())
            }
            _ => Ok(false),
        };
        let committed = Committed { inputs: committed(inputs)?, outputs: committed(outputs)? };
        let count = |side: &[Port]| side.iter().map(|port| port.count as usize).sum();
        Ok(Self { committed, inputs: count(inputs), outputs: count(outputs) })
    }

    const fn width(self, side: Side) -> usize {
        match side {
            Side::Inputs => self.inputs,
            Side::Outputs => self.outputs,
        }
    }
}

/// 16-bit inputs, of one scale or one for every feature of a row, and 64-bit outputs of one scale.
pub(super) fn schema_of(model: &Model, quantized: &Quantized, committed: Committed) -> Result<Schema, BackendError> {
    let (input, output_scale) = (quantized.input, quantized.output_scale);
    let mut units = quantized.units.iter().copied();
    let inputs = model.inputs().iter().map(|info| {
        let mut scales: Vec<f64> = units.by_ref().take(info.elements()).map(|unit| unit * input.scale).collect();
        if scales.windows(2).all(|pair| pair[0] == pair[1]) {
            scales.truncate(1);
        }
        if scales.is_empty() {
            scales.push(input.scale);
        }
        TensorSchema { axis: axis_of(info, &scales), ..input_of(info, scales, input.zero_point, committed) }
    });
    let outputs = model.outputs().iter().map(|info| output_of(info, output_scale, committed));
    Ok(Schema::new(inputs.chain(outputs).collect())?)
}

/// The axis along which scales differ: only the features of a row have different ones.
fn axis_of(info: &TensorInfo, scales: &[f64]) -> u8 {
    let axis = features_axis(&info.shape).and_then(|axis| u8::try_from(axis).ok()).filter(|_| scales.len() > 1);
    axis.unwrap_or(NO_AXIS)
}

/// 16-bit inputs, of one scale or one for every feature of a row, and 64-bit outputs of one scale for each tensor.
pub(super) fn schema_of_network(
    model: &Model,
    network: &Network,
    committed: Committed,
) -> Result<Schema, BackendError> {
    let inputs = model.inputs().iter().zip(network.inputs());
    let inputs = inputs.enumerate().map(|(at, (info, of))| {
        let scales = network.input_scales(at);
        let axis = axis_of(info, &scales);
        TensorSchema { axis, ..input_of(info, scales, of.zero_point, committed) }
    });
    let outputs = model.outputs().iter().zip(network.output_scales());
    let outputs = outputs.map(|(info, scale)| output_of(info, scale, committed));
    Ok(Schema::new(inputs.chain(outputs).collect())?)
}

fn input_of(info: &TensorInfo, scales: Vec<f64>, zero_point: u16, committed: Committed) -> TensorSchema {
    TensorSchema {
        name: info.name.clone(),
        direction: Direction::Input,
        visibility: visibility(committed, Side::Inputs),
        shape: info.shape.clone(),
        width: 2,
        is_signed: false,
        min: I256::ZERO,
        max: I256::unchecked_from(u16::MAX),
        scales,
        axis: NO_AXIS,
        zero_point: zero_point.into(),
    }
}

fn output_of(info: &TensorInfo, scale: f64, committed: Committed) -> TensorSchema {
    TensorSchema {
        name: info.name.clone(),
        direction: Direction::Output,
        visibility: visibility(committed, Side::Outputs),
        shape: info.shape.clone(),
        width: 8,
        is_signed: true,
        min: I256::unchecked_from(i64::MIN),
        max: I256::unchecked_from(i64::MAX),
        scales: vec![scale],
        axis: NO_AXIS,
        zero_point: 0,
    }
}

const fn visibility(committed: Committed, side: Side) -> Visibility {
    let hidden = match side {
        Side::Inputs => committed.inputs,
        Side::Outputs => committed.outputs,
    };
    if hidden { Visibility::Committed } else { Visibility::Public }
}

/// What is hidden is one point, which is of one tensor.
///
/// # Errors
/// That a hidden side has several.
pub(super) fn expect_one_tensor(model: &Model, committed: Committed) -> Result<(), String> {
    for (side, word, count) in
        [(Side::Inputs, "input", model.inputs().len()), (Side::Outputs, "output", model.outputs().len())]
    {
        if committed.has(side) && count != 1 {
            return Err(format!("it has {count} {word} tensors, and only one can be hidden"));
        }
    }
    Ok(())
}

/// `docs/protocol.md` section 10: the schema has tensors for the inputs of the key, then for its outputs, with as many
/// elements together and of the same integers, and says "committed" exactly where the key does, of one tensor. Neither the key
/// nor a proof says so: a schema that differs would have a point read as numbers, or numbers as a point.
///
/// # Errors
/// What differs.
pub(super) fn agrees(schema: &Schema, key: Interface) -> Result<(), String> {
    let tensors = schema.tensors();
    let outputs = tensors.iter().position(|tensor| tensor.direction == Direction::Output).unwrap_or(tensors.len());
    let (inputs, outputs) = tensors.split_at(outputs);
    if tensors.len() < 2 {
        return Err(format!(
            "the schema has {} tensors, a native model at least one input and one output",
            tensors.len()
        ));
    }
    side_agrees(inputs, key, Side::Inputs, Direction::Input, (2, false))?;
    side_agrees(outputs, key, Side::Outputs, Direction::Output, (8, true))
}

fn side_agrees(
    tensors: &[TensorSchema],
    key: Interface,
    side: Side,
    direction: Direction,
    integer: (u8, bool),
) -> Result<(), String> {
    tensors.iter().try_for_each(|tensor| tensor_agrees(tensor, key, side, direction, integer))?;
    let word = if side == Side::Inputs { "inputs" } else { "outputs" };
    let (elements, width) = (tensors.iter().map(TensorSchema::elements).sum::<usize>(), key.width(side));
    if elements != width {
        return Err(format!("the {word} of the schema have {elements} elements, the key says {width}"));
    }
    if key.committed.has(side) && tensors.len() != 1 {
        return Err(format!(
            "the {word} of the schema are {} tensors, the key says one that is committed",
            tensors.len()
        ));
    }
    Ok(())
}

fn tensor_agrees(
    tensor: &TensorSchema,
    key: Interface,
    side: Side,
    direction: Direction,
    integer: (u8, bool),
) -> Result<(), String> {
    let refuse = |what: String| Err(format!("tensor `{}` of the schema {what}", tensor.name));
    let (found, expected) = (tensor.visibility, visibility(key.committed, side));
    if tensor.direction != direction {
        return refuse("is on the other side of the model".into());
    }
    if found != expected {
        return refuse(format!("is {}, the key says {}", word(found), word(expected)));
    }
    if (tensor.width, tensor.is_signed) != integer {
        return refuse("has other integers than native models".into());
    }
    // Nobody compares the elements of a hidden tensor with a range: none is claimed but the one that is proven.
    if expected == Visibility::Committed && (tensor.min, tensor.max) != tensor.representable() {
        return refuse("is committed, with a range that nothing proves".into());
    }
    Ok(())
}

const fn word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Committed => "committed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quantize::Calibration;

    fn schema(change: impl FnOnce(&mut Vec<TensorSchema>), committed: Committed) -> Schema {
        let mlp = crate::model::synthetic::random_mlp(&[3, 2], 1).unwrap();
        let model = Model::from_onnx(crate::model::synthetic::to_onnx(&mlp)).unwrap();
        let quantized = Quantized::new(&mlp, &Calibration::default()).unwrap();
        let mut tensors = schema_of(&model, &quantized, committed).unwrap().tensors().to_vec();
        change(&mut tensors);
        Schema::new(tensors).unwrap()
    }

    #[test]
    fn a_schema_that_says_something_else_than_the_key_is_refused() {
        let both = Committed { inputs: true, outputs: true };
        let refused = |committed: Committed, change: &dyn Fn(&mut Vec<TensorSchema>)| {
            let shape = Shape::new(vec![3, 2], None).unwrap().with_committed(committed).unwrap();
            agrees(&schema(|tensors| change(tensors), committed), Interface::of_shape(&shape)).err()
        };
        for committed in [Committed::default(), both] {
            assert_eq!(refused(committed, &|_| ()), None);
            let other = |of: Visibility| match of {
                Visibility::Public => Visibility::Committed,
                Visibility::Committed => Visibility::Public,
            };
            for side in [0, 1] {
                let reason = refused(committed, &|t| t[side].visibility = other(t[side].visibility)).unwrap();
                assert!(reason.contains("the key says"), "{reason}");
                let reason = refused(committed, &|t| t[side].shape = vec![7]).unwrap();
                assert!(reason.contains("7 elements"), "{reason}");
                let reason = refused(committed, &|t| (t[side].width, t[side].is_signed) = (9, true)).unwrap();
                assert!(reason.contains("integers"), "{reason}");
            }
            assert!(refused(committed, &|t| t.truncate(1)).unwrap().contains("1 tensors"));
            assert!(refused(committed, &|t| t[0].direction = t[1].direction).unwrap().contains("0 elements"));
            // The three inputs in two tensors: as many numbers, but not one point.
            let parts = |t: &mut Vec<TensorSchema>| {
                let mut second = t[0].clone();
                (t[0].shape, second.shape, second.name) = (vec![2], vec![1], "z".into());
                t.insert(1, second);
            };
            assert_eq!(refused(committed, &parts).is_some(), committed == both);
            let longer = |t: &mut Vec<TensorSchema>| {
                parts(t);
                t[1].shape = vec![2];
            };
            assert!(refused(committed, &longer).is_some());
        }
        assert!(refused(both, &|t| t[1].max = I256::ONE).unwrap().contains("nothing proves"));
        assert_eq!(refused(Committed::default(), &|t| t[1].max = I256::ONE), None, "public elements are compared");
    }
}
