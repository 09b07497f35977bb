//! The one instance codec. EZKL writes field elements as little-endian hex; public values are `int256` big-endian words.
//!
//! An integer x stands for the field element x if x >= 0 and r - |x| if x < 0. For |x| <= (r-1)/2 that is a bijection
//! between these integers and the field, so each element has one integer and there is no `instance + r`.

use alloy::primitives::{I256, U256, uint};

/// r, the order of BN254's scalar field.
pub(super) const MODULUS: U256 =
    uint!(21888242871839275222246405745257275088548364400416034343698204186575808495617_U256);
/// (r-1)/2.
pub(super) const HALF: U256 = uint!(10944121435919637611123202872628637544274182200208017171849102093287904247808_U256);

/// Why text is no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InstanceError {
    #[error("`{0}` is not 64 hexadecimal digits")]
    NotHex(String),
    #[error("an instance is not below the field's order")]
    NotCanonical,
    #[error("{0} has no place in the field")]
    OutOfRange(I256),
}

/// Reads EZKL's form: 32 bytes little-endian, 64 hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Result<I256, InstanceError> {
    let mut bytes = [0; 32];
    if text.len() != 64 || alloy::hex::decode_to_slice(text, &mut bytes).is_err() {
        return Err(InstanceError::NotHex(text.chars().take(80).collect()));
    }
    from_field(U256::from_le_bytes(bytes))
}

/// Writes EZKL's form.
pub(super) fn to_hex(value: I256) -> Result<String, InstanceError> {
    Ok(alloy::hex::encode(to_field(value)?.to_le_bytes::<32>()))
}

fn from_field(element: U256) -> Result<I256, InstanceError> {
    if element >= MODULUS {
        return Err(InstanceError::NotCanonical);
    }
    Ok(if element <= HALF { I256::from_raw(element) } else { -I256::from_raw(MODULUS - element) })
}

/// The field element that stands for an integer.
pub(super) fn to_field(value: I256) -> Result<U256, InstanceError> {
    let (sign, magnitude) = value.into_sign_and_abs();
    if magnitude > HALF {
        return Err(InstanceError::OutOfRange(value));
    }
    Ok(if sign.is_negative() { MODULUS - magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        let le = |x: u8| format!("{x:02x}{}", "00".repeat(31));
        assert_eq!(from_hex(&le(0)).unwrap(), I256::ZERO);
        assert_eq!(from_hex(&le(5)).unwrap(), I256::unchecked_from(5));
        // r - 1 in little-endian bytes.
        let minus_one = "000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430";
        assert_eq!(from_hex(minus_one).unwrap(), I256::MINUS_ONE);
        assert_eq!(to_hex(I256::MINUS_ONE).unwrap(), minus_one);
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let r = alloy::hex::encode(MODULUS.to_le_bytes::<32>());
        assert_eq!(from_hex(&r), Err(InstanceError::NotCanonical));
        assert_eq!(from_hex(&"f".repeat(64)), Err(InstanceError::NotCanonical));
        for text in ["", "0x00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &format!("0x{}", "0".repeat(62))] {
            assert!(matches!(from_hex(text), Err(InstanceError::NotHex(_))), "{text}");
        }
        let half = I256::from_raw(HALF);
        assert!(to_field(half).is_ok() && to_field(-half).is_ok());
        for value in [half + I256::ONE, -half - I256::ONE, I256::MIN, I256::MAX] {
            assert_eq!(to_field(value), Err(InstanceError::OutOfRange(value)));
        }
    }

    proptest! {
        #[test]
        fn integers_round_trip(limbs in any::<[u64; 4]>()) {
            let element = U256::from_limbs(limbs) % MODULUS;
            let value = from_field(element).unwrap();
            prop_assert_eq!(to_field(value).unwrap(), element);
            prop_assert_eq!(from_hex(&to_hex(value).unwrap()).unwrap(), value);
        }

        #[test]
        fn text_never_panics(text in ".{0,80}") {
            let _ = from_hex(&text);
        }
    }
}
