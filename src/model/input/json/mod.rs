//! Inputs in JSON, read in one pass and kept as numbers: no tree of values is built.

mod list;

use super::{
    InputError, MAX_NUMBERS,
    array::Array,
    form::{Arrays, InputTensor, ignored, misses, shown, tensors as tensors_in_words},
};
use list::{Level, List};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeSet, fmt};

/// EZKL's key for the numbers.
const DATA: &str = "input_data";
const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) fn read(bytes: &[u8], tensors: &[InputTensor], remarks: &mut Vec<String>) -> Result<Arrays, InputError> {
    let bytes = without_mark(bytes).map_err(InputError::Json)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document = Document { tensors, budget: MAX_NUMBERS };
    let parsed = document.deserialize(&mut reader).and_then(|document| reader.end().map(|()| document));
    let parsed = parsed.map_err(|error| InputError::Json(explained(bytes, &error)))?;
    let checked = |at: usize, list: List| -> Result<Array, InputError> {
        match (list.fault, tensors.get(at)) {
            (None, _) => Ok(list.array),
            (Some(fault), Some(tensor)) => Err(InputError::tensor(tensor, fault)),
            (Some(fault), None) => Err(InputError::Json(format!("list {at} {fault}"))),
        }
    };
    if let Some(data) = parsed.data {
        remarks.extend(ignored(parsed.others.iter().map(String::as_str)));
        return match data {
            Data::Lists { kept, count } if count == tensors.len() => {
                let arrays = kept.into_iter().enumerate().map(|(at, list)| checked(at, list));
                Ok(Arrays::Listed(arrays.collect::<Result<_, _>>()?))
            }
            Data::Lists { count, .. } => {
                let hint = if tensors.len() == 1 { "; several inferences are one list of lists" } else { "" };
                Err(misses(tensors, format!("{} in `{DATA}`{hint}", tensors_in_words(count))))
            }
            Data::Numbers(list) if tensors.len() == 1 => Ok(Arrays::Listed(vec![checked(0, list)?])),
            Data::Numbers(_) => Err(misses(tensors, format!("no list per tensor in `{DATA}`"))),
        };
    }
    let position = |name: &str| tensors.iter().position(|tensor| tensor.info.name == name).unwrap_or(tensors.len());
    let named: Vec<(String, Array)> = parsed
        .named
        .into_iter()
        .map(|(name, list)| Ok((name.clone(), checked(position(&name), list)?)))
        .collect::<Result<_, InputError>>()?;
    if let Some(missing) = tensors.iter().find(|tensor| named.iter().all(|(name, _)| *name != tensor.info.name)) {
        let others = shown(parsed.others.iter().map(String::as_str));
        let found = if others.is_empty() { "nothing else".into() } else { others };
        let found = format!("neither `{DATA}` nor `{}`, but {found}", missing.info.name);
        return Err(misses(tensors, found));
    }
    remarks.extend(ignored(parsed.others.iter().map(String::as_str)));
    Ok(Arrays::Named(named))
}

/// Skips the byte order mark that some editors write before UTF-8.
pub(super) fn without_mark(bytes: &[u8]) -> Result<&[u8], String> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err("it is UTF-16; save it as UTF-8".into()),
        _ => Ok(bytes.strip_prefix(BOM).unwrap_or(bytes)),
    }
}

/// An error of serde_json, and what Python's `NaN` is about.
fn explained(bytes: &[u8], error: &serde_json::Error) -> String {
    let line = bytes.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let from = error.column().saturating_sub(2).min(line.len());
    let near = &line[from..line.len().min(from + 10)];
    let is_near = |word: &[u8]| near.windows(word.len()).any(|window| window == word);
    if is_near(b"NaN") || is_near(b"Inf") {
        return format!("a number is NaN or infinite at line {} column {}", error.line(), error.column());
    }
    error.to_string()
}

/// What stands under EZKL's key.
enum Data {
    /// A list per tensor; no more are kept than there are tensors.
    Lists { kept: Vec<List>, count: usize },
    /// Numbers without a list around them.
    Numbers(List),
}

#[derive(Default)]
struct Parsed {
    data: Option<Data>,
    named: Vec<(String, List)>,
    others: Vec<String>,
}

struct Document<'t> {
    tensors: &'t [InputTensor],
    budget: usize,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Parsed;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Parsed, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{DATA}` or the names of the tensors")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Parsed, A::Error> {
        let (mut parsed, mut seen) = (Parsed::default(), BTreeSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(de::Error::custom(format!("{} stands there twice", shown([key.as_str()].into_iter()))));
            }
            if key == DATA {
                let most = self.tensors.len();
                parsed.data = Some(map.next_value_seed(DataSeed { most, budget: &mut self.budget })?);
            } else if self.tensors.iter().any(|tensor| tensor.info.name == key) {
                let mut list = List::default();
                map.next_value_seed(Level { list: &mut list, depth: 0, budget: &mut self.budget })?;
                list.finish();
                parsed.named.push((key.clone(), list));
            } else {
                map.next_value::<IgnoredAny>()?;
                parsed.others.push(key.clone());
            }
            seen.insert(key);
        }
        if parsed.data.is_some() {
            // A file has one form.
            parsed.others.extend(parsed.named.drain(..).map(|(name, _)| name));
        }
        Ok(parsed)
    }
}

struct DataSeed<'b> {
    most: usize,
    budget: &'b mut usize,
}

impl<'de> DeserializeSeed<'de> for DataSeed<'_> {
    type Value = Data;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Data, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for DataSeed<'_> {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of numbers per tensor")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let (mut kept, mut count, mut loose) = (Vec::new(), 0, List::default());
        loop {
            // Numbers without a list around them are collected in `loose`; a list is begun anew for every other item.
            let mut list = List { offset: loose.array.numbers.len(), ..List::default() };
            let item = Item { list: &mut list, loose: &mut loose, budget: self.budget };
            match items.next_element_seed(item)? {
                None => break,
                Some(true) => {
                    count += 1;
                    if kept.len() < self.most {
                        list.finish();
                        kept.push(list);
                    }
                }
                Some(false) => {}
            }
        }
        if loose.depth.is_none() && loose.fault.is_none() {
            return Ok(Data::Lists { kept, count });
        }
        if count > 0 {
            loose.blame(|_| "mixes numbers and lists".into());
        }
        loose.array.shape = vec![loose.array.numbers.len()];
        Ok(Data::Numbers(loose))
    }
}

/// One item of EZKL's list: whether it is a list.
struct Item<'i> {
    list: &'i mut List,
    loose: &'i mut List,
    budget: &'i mut usize,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        let Self { list, loose, budget } = self;
        // Only a list leaves a length at depth 0.
        Level { list: &mut *list, depth: 0, budget }.deserialize(reader)?;
        if !list.lengths.is_empty() {
            return Ok(true);
        }
        let fault = list.fault.take();
        loose.array.numbers.append(&mut list.array.numbers);
        loose.depth = Some(1);
        if let Some(fault) = fault {
            loose.blame(|_| fault);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
