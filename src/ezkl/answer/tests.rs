use super::*;
use crate::{
    ezkl::PipelineError,
    model::{Input, Mlp, Model, mlp::Dense, synthetic::to_onnx},
    proof::schema::NO_AXIS,
};
use alloy::primitives::I256;

/// `y = x + bias`, number by number, or of the first two inputs only when `outputs` is less than the bias is long.
fn shifted(inputs: usize, bias: &[f64]) -> Model {
    let outputs = bias.len();
    let weights = (0..inputs * outputs).map(|i| if i % inputs == i / inputs { 1.0 } else { 0.0 }).collect();
    Model::from_onnx(to_onnx(&Mlp { hidden: vec![], last: Dense { inputs, outputs, weights, bias: bias.to_vec() } }))
        .unwrap()
}

fn tensor(name: &str, direction: Direction, shape: &[u64], visibility: Visibility) -> TensorSchema {
    TensorSchema {
        name: name.into(),
        direction,
        visibility,
        shape: shape.to_vec(),
        width: 8,
        is_signed: true,
        min: I256::unchecked_from(i64::MIN),
        max: I256::unchecked_from(i64::MAX),
        scales: vec![0.25],
        axis: NO_AXIS,
        zero_point: 0,
    }
}

fn schema(inputs: u64, outputs: u64) -> Schema {
    let x = tensor("x", Direction::Input, &[1, inputs], Visibility::Public);
    Schema::new(vec![x, tensor("y", Direction::Output, &[1, outputs], Visibility::Public)]).unwrap()
}

/// Outputs in quarters.
fn outputs(inputs: usize, quarters: &[i64]) -> Outputs {
    let schema = schema(inputs as u64, quarters.len() as u64);
    let integers =
        [vec![0; inputs], quarters.to_vec()].map(|list| list.into_iter().map(I256::unchecked_from).collect());
    Outputs::read(&schema, &schema.encode(&integers).unwrap(), None).unwrap()
}

fn input(numbers: &[f64]) -> Input {
    Input::new(vec![numbers.to_vec()]).unwrap()
}

fn refused(reference: &Reference, found: Outputs, given: &[f64]) -> Option<String> {
    match reference.check(found, &input(given)) {
        Ok(_) => None,
        Err(PipelineError::OtherAnswer { objection, outputs }) => {
            assert_eq!(outputs.objection(), Some(objection.clone()));
            Some(objection)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_answer_is_judged_by_its_magnitude_where_nothing_else_is_known() {
    let reference = Reference::new(shifted(1, &[100.0]), None).unwrap();
    // 100.5 and 101: the greatest magnitude is at least 101.
    assert_eq!(refused(&reference, outputs(1, &[4 * 102]), &[0.0]), None);
    let objection = refused(&reference, outputs(1, &[4 * 103]), &[0.0]).unwrap();
    assert!(objection.contains("comes out as 103") && objection.contains("it is 100"), "{objection}");
    let strict = reference.clone().with_tolerance(Tolerance::default().max_error(0.0));
    assert_eq!(refused(&strict, outputs(1, &[400]), &[0.0]), None);
    assert!(refused(&strict, outputs(1, &[401]), &[0.0]).is_some());
}

/// 2 % of 300 would be more than the half of what such a thermometer tells apart.
#[test]
fn samples_tell_how_far_an_output_goes() {
    let thermometer = Reference::new(shifted(1, &[290.0]), Some(&input(&[0.0, 10.0, 5.0]))).unwrap();
    // A tenth of 300 is more than the span of 10: 0.6.
    assert_eq!(refused(&thermometer, outputs(1, &[4 * 290 + 2]), &[0.0]), None);
    assert!(refused(&thermometer, outputs(1, &[4 * 290 + 3]), &[0.0]).is_some());
    // A span of 100 admits 2.
    let wide = Reference::new(shifted(1, &[0.0]), Some(&input(&[-50.0, 50.0]))).unwrap();
    assert_eq!(refused(&wide, outputs(1, &[8]), &[0.0]), None);
    assert!(refused(&wide, outputs(1, &[9]), &[0.0]).is_some());
    assert!(Reference::new(shifted(2, &[0.0]), Some(&input(&[1.0, 2.0, 3.0]))).is_err(), "samples are whole inputs");
}

#[test]
fn another_class_is_another_answer() {
    let scores = Reference::new(shifted(2, &[0.0, 0.0, 10.0]), None).unwrap();
    let given = [9.9, 0.0];
    let objection = refused(&scores, outputs(2, &[40, 0, 40]), &given).unwrap();
    assert!(objection.contains("class of `y` comes out as 0, in the model it is 2"), "{objection}");
    assert_eq!(refused(&scores, outputs(2, &[39, 0, 40]), &given), None);
    // Whoever says that these are numbers is not told of classes.
    let numbers = scores.with_tolerance(Tolerance::default().numbers());
    assert_eq!(refused(&numbers, outputs(2, &[40, 0, 40]), &given), None);
    // Equal scores of the model are all its class.
    let tied = Reference::new(shifted(2, &[0.0, 0.0, 10.0]), None).unwrap();
    assert_eq!(refused(&tied, outputs(2, &[40, 0, 40]), &[10.0, 0.0]), None);
}

#[test]
fn a_list_of_another_shape_than_the_inputs_looks_like_scores() {
    let class = |inputs, quarters: &[i64]| outputs(inputs, quarters).tensors[0].class();
    assert_eq!(class(2, &[0, 4, 1]), Some(1));
    assert_eq!(class(3, &[0, 4, 1]), None, "a state");
    assert_eq!(class(2, &[4]), None);
    let named = outputs(3, &[0, 4, 1]).with_classes(3);
    assert_eq!((named.tensors[0].class(), named.tensors[0].scores), (Some(1), Some(DecidedBy::Labels)));
    assert_eq!(outputs(3, &[0, 4, 1]).with_classes(2).tensors[0].class(), None);
    for (shape, scores) in
        [(&[10][..], true), (&[1, 10, 1], true), (&[2, 10], false), (&[], false), (&[1, 1], false), (&[1, 3], false)]
    {
        assert_eq!(comparison::looks_like_scores(shape, &[&[1, 3], &[1, 64]]), scores, "{shape:?}");
    }
}

/// What is no number is no small difference, and no measure of anything.
#[test]
fn no_number_is_admitted_for_another() {
    for bad in [f64::NAN, f64::INFINITY] {
        let comparison = Comparison::new(&[1.0], vec![bad], f64::MAX, false);
        assert!(!comparison.is_admitted() && comparison.objection("y", &[1.0]).is_some());
    }
    assert!(!Comparison::new(&[1.0], vec![1.0], f64::NAN, false).is_admitted());
    let reference = Reference::new(shifted(1, &[0.0]), None).unwrap();
    assert!(refused(&reference, outputs(1, &[1 << 40]), &[1e38]).is_some());
}

#[test]
fn outputs_of_another_model_are_not_compared() {
    let reference = Reference::new(shifted(2, &[0.0, 0.0, 0.0]), None).unwrap();
    assert!(matches!(
        reference.compare(outputs(2, &[0, 0]), &input(&[0.0; 2])),
        Err(PipelineError::InvalidInput { .. })
    ));
    let hidden = Schema::new(vec![
        tensor("x", Direction::Input, &[1, 2], Visibility::Public),
        tensor("y", Direction::Output, &[1, 3], Visibility::Committed),
    ]);
    let values = PublicValues::from_bytes(vec![0; 16 + 64].into());
    let read = Outputs::read(&hidden.unwrap(), &values, None).unwrap();
    assert_eq!((read.tensors[0].values.as_ref(), read.tensors[0].class()), (None, None));
    assert!(matches!(reference.compare(read, &input(&[0.0; 2])), Err(PipelineError::InvalidInput { .. })));
}

#[test]
fn numbers_are_readable() {
    for (x, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (9.302_112_3, "9.30211"),
        (123_456.789, "123457"),
        (215_000.0, "215000"),
        (0.000_123_456_7, "0.000123457"),
        (1.5e-7, "1.500e-7"),
        (3e12, "3.000e12"),
        (f64::INFINITY, "inf"),
    ] {
        assert_eq!(readable(x), text);
    }
}
