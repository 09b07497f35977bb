//! Values as people write them: amounts and prices are text, since decimal fractions in TOML are binary ones when they are read.

use crate::chain::{
    money::{parse_amount, parse_price},
    parse_address,
    submitter::options::Finality,
};
use alloy::primitives::{Address, U256};
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// Wei; written in the chain's currency: `"0.05"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amount(pub(super) U256);

/// Wei for a unit of gas; written in gwei: `"2.5"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price(pub(super) u128);

/// Seconds; written as a number of them, or as `"90s"`, `"15m"`, `"2h"`, `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(pub(super) u64);

/// The most blocks that make sense to wait for: a day of two-second blocks.
pub(super) const MAX_BLOCKS: u64 = 43_200;

/// An address whose capitals are right, if it has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contract(pub(super) Address);

/// When a block is final: `"finalized"`, or a number of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Final(pub(super) Finality);

/// The longest time that is taken for meant, in seconds: a hundred years.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(format!("this is not {}", self.expected)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "an amount in the chain's currency, in quotes: \"0.05\"";
        from.deserialize_any(Text { expected, parse: |text| parse_amount(text).ok().map(Self) })
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "a price in gwei per gas, in quotes: \"2.5\"";
        from.deserialize_any(Text { expected, parse: |text| parse_price(text).ok().map(Self) })
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "a time of at least a second: 90, \"90s\", \"15m\", \"2h\" or \"7d\"";
        from.deserialize_any(Text { expected, parse: seconds })
    }
}

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "an address: 0x and 40 hex digits with the right checksum, or without capitals";
        from.deserialize_any(Text { expected, parse: |text| parse_address(text).ok().map(Self) })
    }
}

impl<'de> Deserialize<'de> for Final {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "\"finalized\", or a number of blocks";
        from.deserialize_any(Text { expected, parse: finality })
    }
}

fn finality(text: &str) -> Option<Final> {
    if text == "finalized" {
        return Some(Final(Finality::Tag));
    }
    text.parse().ok().filter(|blocks| (1..=MAX_BLOCKS).contains(blocks)).map(|blocks| Final(Finality::Depth(blocks)))
}

fn seconds(text: &str) -> Option<Seconds> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        (at, 'd') => (&text[..at], 86_400),
        _ => (text, 1),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=MAX_SECONDS).contains(&seconds).then_some(Seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, number) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(seconds(text), Some(Seconds(number)));
        }
        for text in ["", "0", "0s", "s", "-5", "1.5h", "2 h", "1w", "99999999999999999999", "40000d", "é"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
