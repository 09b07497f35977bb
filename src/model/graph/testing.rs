//! ONNX files that tests make, of everything that the format has.

use super::{
    Attribute,
    emit::{write_attribute, write_tensor},
    tensor::Tensor,
};

pub(in crate::model) use super::{emit::write_tensor as tensor, wire::Writer};

/// A graph, or what stands in an attribute.
#[derive(Default)]
pub(in crate::model) struct File {
    graph: Writer,
    functions: Vec<Vec<u8>>,
    versions: Vec<(String, i64)>,
    metadata: Vec<(String, String)>,
}

/// An axis of an input: a number, a symbol, or empty.
pub(in crate::model) fn dims(writer: &mut Writer, element: i64, dims: &[&str]) {
    writer.message(1, |tensor| {
        tensor.int(1, element);
        tensor.message(2, |shape| {
            for dim in dims {
                shape.message(1, |axis| match dim.parse() {
                    Ok(size) => axis.int(1, size),
                    Err(_) if dim.is_empty() => {}
                    Err(_) => axis.text(2, dim),
                });
            }
        });
    });
}

/// Bytes of a node.
pub(in crate::model) fn node(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    write: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut writer = Writer::default();
    inputs.iter().for_each(|name| writer.text(1, name));
    outputs.iter().for_each(|name| writer.text(2, name));
    writer.text(3, &format!("node of {}", outputs[0]));
    let (domain, operator) = operator.split_once(':').unwrap_or(("", operator));
    writer.text(4, operator);
    writer.text(7, domain);
    write(&mut writer);
    writer.finish()
}

/// Writes a node's attribute.
pub(in crate::model) fn attribute(writer: &mut Writer, name: &str, value: impl Into<Attribute>) {
    writer.message(5, |writer| write_attribute(writer, name, &value.into()));
}

impl File {
    /// A model of this operator set.
    pub(in crate::model) fn of(version: i64) -> Self {
        Self { versions: vec![(String::new(), version)], ..Self::default() }
    }

    /// Also of this one.
    pub(in crate::model) fn domain(mut self, name: &str, version: i64) -> Self {
        self.versions.push((name.into(), version));
        self
    }

    pub(in crate::model) fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    pub(in crate::model) fn input(mut self, name: &str, element: i64, axes: &[&str]) -> Self {
        self.graph.message(11, |info| {
            info.text(1, name);
            info.message(2, |kind| dims(kind, element, axes));
        });
        self
    }

    /// An input of floats.
    pub(in crate::model) fn floats(self, name: &str, axes: &[&str]) -> Self {
        self.input(name, 1, axes)
    }

    pub(in crate::model) fn output(mut self, name: &str) -> Self {
        self.graph.message(12, |info| info.text(1, name));
        self
    }

    pub(in crate::model) fn constant(mut self, name: &str, tensor: &Tensor) -> Self {
        self.graph.message(5, |writer| write_tensor(writer, name, tensor));
        self
    }

    pub(in crate::model) fn weights(self, name: &str, shape: &[usize], numbers: &[f32]) -> Self {
        self.constant(name, &Tensor::floats(shape.to_vec(), numbers.to_vec()))
    }

    pub(in crate::model) fn list(self, name: &str, numbers: &[i64]) -> Self {
        self.constant(name, &Tensor::list(numbers))
    }

    /// Any other field of the graph.
    pub(in crate::model) fn raw(mut self, field: u32, write: impl FnOnce(&mut Writer)) -> Self {
        self.graph.message(field, write);
        self
    }

    pub(in crate::model) fn node(self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.node_with(operator, inputs, &[output], |_| {})
    }

    pub(in crate::model) fn node_with(
        mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        write: impl FnOnce(&mut Writer),
    ) -> Self {
        self.graph.bytes(1, &node(operator, inputs, outputs, write));
        self
    }

    pub(in crate::model) fn function(
        mut self,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        nodes: &[Vec<u8>],
        version: i64,
    ) -> Self {
        let mut writer = Writer::default();
        writer.text(1, name);
        inputs.iter().for_each(|name| writer.text(4, name));
        outputs.iter().for_each(|name| writer.text(5, name));
        nodes.iter().for_each(|node| writer.bytes(7, node));
        writer.message(9, |set| set.int(2, version));
        writer.text(10, "local");
        self.functions.push(writer.finish());
        self
    }

    /// The bytes of the graph alone.
    pub(in crate::model) fn graph(self) -> Vec<u8> {
        self.graph.finish()
    }

    /// The file.
    pub(in crate::model) fn bytes(self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.int(1, 10);
        writer.bytes(7, &self.graph.finish());
        for (domain, version) in &self.versions {
            writer.message(8, |set| {
                set.text(1, domain);
                set.int(2, *version);
            });
        }
        for (key, value) in &self.metadata {
            writer.message(14, |entry| {
                entry.text(1, key);
                entry.text(2, value);
            });
        }
        self.functions.iter().for_each(|function| writer.bytes(25, function));
        writer.finish()
    }
}

/// A model that looks the next character up: of three, `b` behind `a`, `c` behind `b`, `a` behind `c`. It reads four.
pub(crate) fn successors(metadata: &[(&str, &str)]) -> Vec<u8> {
    let scores = [0.0, 3.0, 1.0, 0.5, 0.25, 2.0, 4.0, 1.0, 0.0];
    let file = File::of(17)
        .floats("x", &["1", "4"])
        .weights("scores", &[3, 3], &scores)
        .node_with("Cast", &["x"], &["tokens"], |writer| attribute(writer, "to", 7))
        .node("Gather", &["scores", "tokens"], "next")
        .output("next");
    metadata.iter().fold(file, |file, (key, value)| file.metadata(key, value)).bytes()
}
