use super::*;
use crate::proof::{
    Manifest, PublicValues, Schema, Statement,
    bundle::tests::numbered,
    identity,
    schema::{NO_AXIS, tests::two_tensors},
};
use alloy::primitives::I256;

fn tensor(name: &str, direction: Direction, visibility: Visibility) -> TensorSchema {
    let like = two_tensors().tensors()[1].clone();
    TensorSchema { name: name.into(), direction, visibility, shape: vec![2], scales: vec![1.0], axis: NO_AXIS, ..like }
}

/// A bundle with these tensors: two numbers in each public one, `point` in each committed one.
fn bundle(tensors: Vec<TensorSchema>, point: u8) -> Bundle {
    let schema = Schema::new(tensors).unwrap();
    let of = |tensor: &TensorSchema| match tensor.visibility {
        Visibility::Public => [3u64, 4].map(u64::to_be_bytes).concat(),
        Visibility::Committed => vec![point; 64],
    };
    let values: Vec<u8> = schema.tensors().iter().flat_map(of).collect();
    let like = numbered(0);
    let manifest = Manifest { schema: schema.to_bytes().into(), schema_hash: schema.hash(), ..like.manifest().clone() };
    let statement = Statement {
        model_id: identity::model_id(&manifest.model_parts()),
        public_values: PublicValues::from_bytes(values.into()),
        ..like.statement().clone()
    };
    Bundle::new(vec![statement], like.proof().clone(), manifest).unwrap()
}

const PUBLIC: Visibility = Visibility::Public;
const HIDDEN: Visibility = Visibility::Committed;

fn from(outputs: &[Visibility]) -> Bundle {
    bundle(outputs.iter().map(|&visibility| tensor("y", Direction::Output, visibility)).collect(), 1)
}

fn into(inputs: &[Visibility]) -> Bundle {
    bundle(inputs.iter().map(|&visibility| tensor("x", Direction::Input, visibility)).collect(), 2)
}

#[test]
fn every_output_is_an_input_and_every_input_an_output() {
    assert_eq!(from(&[PUBLIC]).schema().unwrap().tensors()[0].dequantize(0, I256::ONE), 1.0);
    assert_eq!(check(&from(&[PUBLIC]), &into(&[PUBLIC])), Ok(()));
    assert_eq!(check(&from(&[PUBLIC; 2]), &into(&[PUBLIC; 2])), Ok(()));
    for (outputs, inputs) in [(2, 1), (1, 2)] {
        let refused = check(&from(&[PUBLIC; 2][..outputs]), &into(&[PUBLIC; 2][..inputs]));
        assert!(refused.is_err_and(|reason| reason.contains("cannot be")), "{outputs} {inputs}");
    }
    // Nothing follows from nothing.
    assert!(check(&into(&[PUBLIC]), &from(&[PUBLIC])).is_err_and(|reason| reason.contains("0 outputs")));
}

/// Points of other tensors: what is public beside them follows, what they hide need not.
#[test]
fn hidden_tensors_are_not_passed_over() {
    assert!(check(&from(&[PUBLIC, HIDDEN]), &into(&[PUBLIC, HIDDEN])).is_err());
    assert!(check(&from(&[PUBLIC, HIDDEN]), &into(&[PUBLIC])).is_err());
    assert!(check(&from(&[PUBLIC]), &into(&[PUBLIC, HIDDEN])).is_err());
}

#[test]
fn commitments_are_linked_by_point_length_and_scale() {
    let committed = |at: usize| {
        let tensor = two_tensors().tensors()[at].clone();
        TensorSchema { visibility: Visibility::Committed, shape: vec![4], ..tensor }
    };
    let (output, input) = (committed(1), committed(0));
    let point = [7; 64];
    let linked = |input: &TensorSchema, taken: &[u8]| same_commitments(&[(&output, &point)], &[(input, taken)]);
    assert_eq!(linked(&input, &point), Ok(()), "as bytes or as 64 bits: the integers are the same");
    let refused = |change: fn(&mut TensorSchema)| {
        let mut other = input.clone();
        change(&mut other);
        linked(&other, &point).unwrap_err()
    };
    assert!(linked(&input, &[8; 64]).unwrap_err().contains("other commitments"));
    assert!(refused(|t| t.shape = vec![5]).contains("other sizes"));
    assert!(refused(|t| t.scales = vec![0.75]).contains("other scales"));
    assert!(refused(|t| t.zero_point = 1).contains("zero points"));
    assert!(refused(|t| t.visibility = Visibility::Public).contains("one is committed"));
    assert!(same_commitments(&[(&output, &point)], &[]).unwrap_err().contains("0 inputs"));
}

/// Scales near the end of what a double holds are canonical. Their products are infinite, the difference of two of these is
/// NaN, and no comparison with NaN is true: whatever is asked has to be asked so that this fails.
#[test]
fn boundary_nothing_follows_from_numbers_that_overflow() {
    let scaled =
        |scale: f64, direction| bundle(vec![TensorSchema { scales: vec![scale], ..tensor("t", direction, PUBLIC) }], 1);
    let (huge, largest) = (1e308, f64::MAX);
    let (output, input) = (scaled(huge, Direction::Output), scaled(huge, Direction::Input));
    assert!(output.schema().unwrap().tensors()[0].dequantize(0, I256::unchecked_from(3)).is_infinite());
    assert!(check(&output, &input).is_err(), "inf - inf");
    assert!(check(&scaled(1.0, Direction::Output), &input).is_err(), "3 is not infinite");
    assert!(check(&output, &scaled(1.0, Direction::Input)).is_err());
    // The step of an infinite scale is within everything's half.
    assert!(!follows(1.0, 2.0, f64::INFINITY) && !follows(f64::NAN, 0.0, 1.0) && !follows(0.0, f64::NAN, 1.0));
    assert!(!follows(largest, -largest, 1.0) && !follows(0.0, 0.0, f64::NAN) && follows(1.0, 1.4, 1.0));
}
