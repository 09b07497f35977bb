use super::*;
use proptest::prelude::*;

fn tensor(name: &str, direction: Direction, shape: &[u64], width: u8, is_signed: bool) -> TensorSchema {
    let mut tensor = TensorSchema {
        name: name.into(),
        direction,
        visibility: Visibility::Public,
        shape: shape.to_vec(),
        width,
        is_signed,
        min: I256::ZERO,
        max: I256::ZERO,
        scales: vec![2f64.powi(-7)],
        axis: NO_AXIS,
        zero_point: 0,
    };
    (tensor.min, tensor.max) = tensor.representable();
    tensor
}

/// A two-tensor schema that other modules' tests use too.
pub(crate) fn two_tensors() -> Schema {
    Schema::new(vec![
        tensor("image", Direction::Input, &[1, 4], 2, false),
        tensor("logits", Direction::Output, &[1, 3], 8, true),
    ])
    .unwrap()
}

fn refused(change: impl FnOnce(&mut TensorSchema)) -> bool {
    let mut tensor = tensor("x", Direction::Input, &[2, 3], 2, true);
    change(&mut tensor);
    Schema::new(vec![tensor]).is_err()
}

#[test]
fn each_rule_is_checked() {
    assert!(!refused(|_| ()));
    assert!(refused(|t| t.name.clear()));
    assert!(refused(|t| t.shape[0] = 0));
    assert!(refused(|t| t.shape = vec![u64::MAX, u64::MAX]));
    assert!(refused(|t| t.width = 0));
    assert!(refused(|t| t.width = 33));
    assert!(refused(|t| t.min = t.max + I256::ONE));
    assert!(refused(|t| t.max += I256::ONE));
    assert!(refused(|t| t.min -= I256::ONE));
    assert!(refused(|t| t.scales = vec![0.0]));
    assert!(refused(|t| t.scales = vec![f64::NAN]));
    assert!(refused(|t| t.scales = vec![1.0, 1.0]));
    assert!(refused(|t| t.axis = 2));
    assert!(refused(|t| t.axis = 1));
    assert!(!refused(|t| (t.axis, t.scales) = (1, vec![1.0; 3])));
    assert!(Schema::new(vec![]).is_err());
    let backwards = vec![tensor("y", Direction::Output, &[1], 1, true), tensor("x", Direction::Input, &[1], 1, true)];
    assert!(Schema::new(backwards).is_err());
}

#[test]
fn channels_scale_along_their_axis() {
    let mut t = tensor("x", Direction::Output, &[2, 3], 2, true);
    (t.axis, t.scales, t.zero_point) = (1, vec![1.0, 10.0, 100.0], 2);
    let real: Vec<f64> = (0..6).map(|i| t.dequantize(i, I256::unchecked_from(3))).collect();
    assert_eq!(real, [1.0, 10.0, 100.0, 1.0, 10.0, 100.0]);
    assert_eq!(t.dequantize(0, I256::unchecked_from(-1)), -3.0);
}

#[test]
fn values_of_wrong_size_or_range_are_refused() {
    let schema = two_tensors();
    let zeros = |n: usize| vec![I256::ZERO; n];
    let good = schema.encode(&[zeros(4), zeros(3)]).unwrap();
    assert_eq!(good.as_bytes().len(), 4 * 2 + 3 * 8);
    assert!(matches!(schema.encode(&[zeros(4)]), Err(SchemaError::Length { unit: "tensors", .. })));
    assert!(matches!(schema.encode(&[zeros(4), zeros(4)]), Err(SchemaError::Length { .. })));
    let negative = vec![I256::MINUS_ONE; 4];
    assert!(matches!(schema.encode(&[negative, zeros(3)]), Err(SchemaError::OutOfRange { index: 0, .. })));
    for len in [0, 31, 33] {
        let bytes = PublicValues::from_bytes(vec![0; len].into());
        assert!(matches!(schema.decode(&bytes), Err(SchemaError::Length { unit: "bytes", .. })));
    }
    let narrow = Schema::new(vec![TensorSchema {
        max: I256::unchecked_from(5),
        ..tensor("x", Direction::Input, &[1], 1, false)
    }])
    .unwrap();
    let six = PublicValues::from_bytes(vec![6].into());
    assert!(matches!(narrow.decode(&six), Err(SchemaError::OutOfRange { .. })));
    let wide = Schema::new(vec![tensor("x", Direction::Input, &[1], 32, false)]).unwrap();
    let top = PublicValues::from_bytes(vec![0xff; 32].into());
    assert!(matches!(wide.decode(&top), Err(SchemaError::OutOfRange { .. })));
}

#[test]
fn only_the_canonical_schema_encoding_is_read() {
    let bytes = two_tensors().to_bytes();
    assert_eq!(Schema::from_bytes(&bytes).unwrap(), two_tensors());
    let mut longer = bytes.clone();
    longer.extend([0; 32]);
    assert!(Schema::from_bytes(&longer).is_err());
    for len in 0..bytes.len() {
        assert!(Schema::from_bytes(&bytes[..len]).is_err(), "{len}");
    }
    assert!(Schema::from_bytes(&vec![0; MAX_SCHEMA_BYTES + 1]).is_err());
}

/// Every offset of the list is changed to that of its first, largest tensor: 20 copies of it are not made.
#[test]
fn tensors_that_share_bytes_are_not_copied() {
    let wide = TensorSchema { axis: 1, scales: vec![0.5; 1000], ..tensor("x", Direction::Input, &[1, 1000], 1, false) };
    let mut tensors = vec![wide];
    tensors.extend((1..20).map(|i| tensor(&format!("x{i}"), Direction::Input, &[1], 1, false)));
    let mut bytes = Schema::new(tensors).unwrap().to_bytes();
    let first: [u8; 32] = bytes[64..96].try_into().unwrap();
    bytes[64..64 + 20 * 32].as_chunks_mut().0.iter_mut().for_each(|offset| *offset = first);
    let error = Schema::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.to_lowercase().contains("memory"), "{error}");
}

fn any_tensor(direction: Direction) -> impl Strategy<Value = TensorSchema> {
    ("[a-z]{1,40}", prop::collection::vec(1u64..5, 0..4), 1u8..=32, any::<bool>(), 1e-9f64..1e9, any::<i64>()).prop_map(
        move |(name, shape, width, is_signed, scale, zero_point)| TensorSchema {
            scales: vec![scale],
            zero_point,
            ..tensor(&name, direction, &shape, width, is_signed)
        },
    )
}

fn any_schema() -> impl Strategy<Value = Schema> {
    (
        prop::collection::vec(any_tensor(Direction::Input), 1..3),
        prop::collection::vec(any_tensor(Direction::Output), 0..3),
    )
        .prop_map(|(inputs, outputs)| Schema::new([inputs, outputs].concat()).unwrap())
}

proptest! {
    #[test]
    fn schema_bytes_round_trip(schema in any_schema()) {
        prop_assert_eq!(Schema::from_bytes(&schema.to_bytes()).unwrap(), schema);
    }

    #[test]
    fn schema_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), schema in any_schema(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let _ = Schema::from_bytes(&bytes);
        bytes = schema.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(read) = Schema::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    #[test]
    fn values_round_trip(schema in any_schema(), seed in any::<u64>()) {
        let values: Vec<Vec<I256>> = schema.tensors().iter().map(|t| {
            (0..t.elements()).map(|i| match (seed >> (i % 60)) & 3 {
                0 => t.min,
                1 => t.max,
                2 => I256::ZERO,
                _ => t.max / I256::unchecked_from(3),
            }).collect()
        }).collect();
        let bytes = schema.encode(&values).unwrap();
        prop_assert_eq!(bytes.as_bytes().len(), schema.byte_len());
        prop_assert_eq!(schema.decode(&bytes).unwrap(), values);
    }
}
