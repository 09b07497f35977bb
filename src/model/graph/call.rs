//! One node of the file as the reader sees it: attributes looked up, operands known.

use super::{GraphError, Operand, proto, small::SmallFloat};

/// A node with what it reads.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) operator: &'a str,
    /// The node's name, for messages.
    pub(super) label: String,
    /// The version of the operator's set.
    pub(super) version: i64,
    pub(super) attributes: Vec<proto::Attribute<'a>>,
    pub(super) inputs: Vec<Option<Operand>>,
    /// Which of them hold floats of 8 or 4 bits.
    pub(super) small: Vec<Option<SmallFloat>>,
    /// How many outputs it has, and which of them are used.
    pub(super) used: Vec<bool>,
}

impl<'a> Call<'a> {
    pub(super) fn refuse(&self, reason: impl Into<String>) -> GraphError {
        GraphError::Node { operator: self.operator.to_owned(), node: self.label.clone(), reason: reason.into() }
    }

    /// Fails when a number among the attributes is not finite.
    pub(super) fn expect_finite(&self) -> Result<(), GraphError> {
        for attribute in &self.attributes {
            let numbers = match &attribute.value {
                proto::Value::Float(number) => std::slice::from_ref(number),
                proto::Value::Floats(numbers) => numbers,
                _ => continue,
            };
            if let Some(&value) = numbers.iter().find(|number| !number.is_finite()) {
                let (attribute, operator) = (attribute.name.to_owned(), self.operator.to_owned());
                return Err(GraphError::NotFiniteAttribute { attribute, operator, node: self.label.clone(), value });
            }
        }
        Ok(())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&proto::Value<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name) {
            Some(proto::Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.int(name).unwrap_or(0) != 0
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(proto::Value::Float(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(proto::Value::Ints(values)) => Some(values),
            _ => None,
        }
    }

    pub(super) fn floats(&self, name: &str) -> Option<&[f32]> {
        match self.attribute(name) {
            Some(proto::Value::Floats(values)) => Some(values),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.attribute(name) {
            Some(proto::Value::Text(text)) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.attribute(name) {
            Some(proto::Value::Texts(texts)) => {
                Some(texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
            }
            _ => None,
        }
    }

    /// An operand that has to be there.
    pub(super) fn input(&self, index: usize) -> Result<Operand, GraphError> {
        self.optional(index).cloned().ok_or_else(|| self.refuse(format!("lacks its operand {index}")))
    }

    pub(super) fn optional(&self, index: usize) -> Option<&Operand> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// All operands, none of which may be missing.
    pub(super) fn all_inputs(&self) -> Result<Vec<Operand>, GraphError> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    /// Whether output `index` is used.
    pub(super) fn uses(&self, index: usize) -> bool {
        self.used.get(index).copied().unwrap_or(false)
    }
}
