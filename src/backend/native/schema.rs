//! The schema of native models, and whether a schema says what a key says.

use crate::{
    backend::BackendError,
    model::{Model, quantize::InputScale},
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

/// What a key says of the public tensors: one of 16-bit unsigned inputs, and one of 64-bit signed outputs.
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
        let [input, output] = &ports[..] else {
            return Err(format!("the program has {} ports, not an input and an output", ports.len()));
        };
        let plain = |port: &Port| Port { flags: port.flags & !Port::COMMITTED, ..port.clone() };
        if plain(input) != Port::input(input.count) || plain(output) != Port::output(output.count) {
            return Err("the ports of the program are not 16-bit inputs and 64-bit outputs".into());
        }
        let committed = Committed { inputs: input.has(Port::COMMITTED), outputs: output.has(Port::COMMITTED) };
        Ok(Self { committed, inputs: input.count as usize, outputs: output.count as usize })
    }

    const fn width(self, side: Side) -> usize {
        match side {
            Side::Inputs => self.inputs,
            Side::Outputs => self.outputs,
        }
    }
}

/// 16-bit inputs and 64-bit outputs, one scale each.
pub(super) fn schema_of(
    model: &Model,
    input: InputScale,
    output_scale: f64,
    committed: Committed,
) -> Result<Schema, BackendError> {
    let inputs = model.inputs().iter().map(|info| TensorSchema {
        name: info.name.clone(),
        direction: Direction::Input,
        visibility: visibility(committed, Side::Inputs),
        shape: info.shape.clone(),
        width: 2,
        is_signed: false,
        min: I256::ZERO,
        max: I256::unchecked_from(u16::MAX),
        scales: vec![input.scale],
        axis: NO_AXIS,
        zero_point: input.zero_point.into(),
    });
    let outputs = model.outputs().iter().map(|info| TensorSchema {
        name: info.name.clone(),
        direction: Direction::Output,
        visibility: visibility(committed, Side::Outputs),
        shape: info.shape.clone(),
        width: 8,
        is_signed: true,
        min: I256::unchecked_from(i64::MIN),
        max: I256::unchecked_from(i64::MAX),
        scales: vec![output_scale],
        axis: NO_AXIS,
        zero_point: 0,
    });
    Ok(Schema::new(inputs.chain(outputs).collect())?)
}

const fn visibility(committed: Committed, side: Side) -> Visibility {
    let hidden = match side {
        Side::Inputs => committed.inputs,
        Side::Outputs => committed.outputs,
    };
    if hidden { Visibility::Committed } else { Visibility::Public }
}

/// `docs/protocol.md` section 10: the schema has one tensor per side of the key, with as many elements and of the same
/// integers, and says "committed" exactly where the key does. Neither the key nor a proof says so: a schema that differs
/// would have a point read as numbers, or numbers as a point.
///
/// # Errors
/// What differs.
pub(super) fn agrees(schema: &Schema, key: Interface) -> Result<(), String> {
    let [input, output] = schema.tensors() else {
        return Err(format!(
            "the schema has {} tensors, a native model one input and one output",
            schema.tensors().len()
        ));
    };
    side_agrees(input, key, Side::Inputs, Direction::Input, (2, false))?;
    side_agrees(output, key, Side::Outputs, Direction::Output, (8, true))
}

fn side_agrees(
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
    let (elements, width) = (tensor.elements(), key.width(side));
    if elements != width {
        return refuse(format!("has {elements} elements, the key says {width}"));
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

    fn schema(change: impl FnOnce(&mut Vec<TensorSchema>), committed: Committed) -> Schema {
        let model = crate::model::synthetic::random_mlp(&[3, 2], 1).unwrap();
        let model = Model::from_onnx(crate::model::synthetic::to_onnx(&model)).unwrap();
        let scale = InputScale { scale: 0.5, zero_point: 0 };
        let mut tensors = schema_of(&model, scale, 0.25, committed).unwrap().tensors().to_vec();
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
            assert!(refused(committed, &|t| t[0].direction = t[1].direction).unwrap().contains("other side"));
        }
        assert!(refused(both, &|t| t[1].max = I256::ONE).unwrap().contains("nothing proves"));
        assert_eq!(refused(Committed::default(), &|t| t[1].max = I256::ONE), None, "public elements are compared");
    }
}
