//! Lists of numbers in JSON, flat or nested.

use super::super::{MAX_NUMBERS, array::Array, form::shown};
use crate::model::graph::MAX_RANK;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// As serde_json hands over a number whose digits it keeps, which a dependency asks it to.
const DIGITS: &str = "$serde_json::private::Number";

/// A list of numbers, nested or not.
#[derive(Default)]
pub(super) struct List {
    pub(super) array: Array,
    /// Numbers before its own, where it is a part.
    pub(super) offset: usize,
    /// What is wrong with it: a verb phrase.
    pub(super) fault: Option<String>,
    /// How long lists are, by depth.
    pub(super) lengths: Vec<Option<usize>>,
    /// How deep the numbers are.
    pub(super) depth: Option<usize>,
}

impl List {
    /// Keeps the first fault, with the place where it is; numbers are kept no longer.
    pub(super) fn blame(&mut self, fault: impl FnOnce(&str) -> String) {
        if self.fault.is_none() {
            self.fault = Some(fault(&format!("in the place of number {}", self.offset + self.array.numbers.len())));
            self.array.numbers = Vec::new();
        }
    }

    pub(super) fn finish(&mut self) {
        self.array.shape = self.lengths.iter().map(|length| length.unwrap_or(0)).collect();
    }

    fn number(&mut self, x: f64, depth: usize) {
        if self.fault.is_some() {
            return;
        }
        if *self.depth.get_or_insert(depth) != depth || self.lengths.len() > depth {
            return self.blame(|place| format!("mixes numbers and lists {place}"));
        }
        self.array.numbers.push(x);
    }

    fn text(&mut self, text: &str) {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.blame(|place| {
                format!(
                    "has a field element (64 hex digits, as EZKL's witness files have them) {place}, which is not read; write \
                     decimal numbers"
                )
            });
        } else {
            self.blame(|place| {
                format!("has the text {} {place}; write numbers without quotes", shown([text].into_iter()))
            });
        }
    }
}

/// What stands at one depth of a list: a number, or a list of what is one deeper.
pub(super) struct Level<'l> {
    pub(super) list: &'l mut List,
    pub(super) depth: usize,
    pub(super) budget: &'l mut usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth > MAX_RANK + 1 {
            self.list.blame(|_| "is nested too deeply".into());
            return IgnoredAny::deserialize(reader).map(|_| ());
        }
        reader.deserialize_any(self)
    }
}

impl Level<'_> {
    fn number<E: de::Error>(self, x: f64) -> Result<(), E> {
        *self.budget =
            self.budget.checked_sub(1).ok_or_else(|| E::custom(format!("more than {MAX_NUMBERS} numbers")))?;
        self.list.number(x, self.depth);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<(), E> {
        self.number(x)
    }

    fn visit_i64<E: de::Error>(self, x: i64) -> Result<(), E> {
        self.number(x as f64)
    }

    fn visit_u64<E: de::Error>(self, x: u64) -> Result<(), E> {
        self.number(x as f64)
    }

    fn visit_bool<E: de::Error>(self, x: bool) -> Result<(), E> {
        self.number(f64::from(u8::from(x)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.list.text(text);
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.list.blame(|place| format!("has null {place}"));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = map.next_key::<String>()?;
        if first.as_deref() == Some(DIGITS)
            && let Ok(x) = map.next_value::<String>()?.parse()
        {
            return self.number(x);
        } else if first.as_deref().is_some_and(|key| key != DIGITS) {
            map.next_value::<IgnoredAny>()?;
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.list.blame(|place| format!("has an object {place}"));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { list, depth, budget } = self;
        if list.depth == Some(depth) {
            list.blame(|place| format!("mixes numbers and lists {place}"));
        }
        if list.lengths.len() <= depth {
            list.lengths.resize(depth + 1, None);
        }
        let mut length = 0;
        while items.next_element_seed(Level { list: &mut *list, depth: depth + 1, budget: &mut *budget })?.is_some() {
            length += 1;
        }
        let expected = *list.lengths[depth].get_or_insert(length);
        if expected != length {
            list.blame(|_| format!("has a list of {length} beside one of {expected}"));
        }
        Ok(())
    }
}
