//! The end of reading: what is not needed goes, names become unique; and a canonical graph as ONNX again.

use super::{
    Graph, Input, Node, Operand, Value, ValueId,
    build::Builder,
    operators::{Attribute, Attributes, Operator},
    settle::settle,
    tensor::{Element, Numbers, Tensor, TensorType},
    wire::Writer,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// What is written: read by every consumer of ONNX of the last years.
const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 17;

impl Builder {
    /// The graph of what `outputs` need.
    pub(super) fn finish(
        mut self,
        names: &[&str],
        outputs: Vec<Operand>,
        bound: Vec<(String, usize)>,
        operators: Vec<String>,
        metadata: BTreeMap<String, String>,
    ) -> Graph {
        let mut outputs = outputs;
        self.take_integers_as_floats(&mut outputs);
        let mut given = HashSet::new();
        let inputs: HashSet<ValueId> = self.inputs.iter().map(|input| input.value).collect();
        let mut taken: HashSet<String> = inputs.iter().map(|id| self.values[id.0].name.clone()).collect();
        let mut again: HashMap<&str, usize> = HashMap::new();
        let mut ids = Vec::new();
        for (&name, operand) in names.iter().zip(outputs) {
            // A file may give an input out, or the same tensor twice; here every tensor has a name of its own.
            let mut own = name.to_owned();
            while !taken.insert(own.clone()) {
                let times = again.entry(name).or_default();
                own = if *times == 0 { format!("{name}~") } else { format!("{name}~{times}") };
                *times += 1;
            }
            let id = match operand {
                Operand::Value(id) if !inputs.contains(&id) && given.insert(id) => id,
                other => self.copy(&own, other),
            };
            given.insert(id);
            self.values[id.0].name = own;
            ids.push(id);
        }
        self.drop_dead(&ids);
        settle(&mut self.nodes);
        self.name_values(&ids);
        let mut graph = Graph {
            values: self.values,
            inputs: self.inputs,
            nodes: self.nodes,
            outputs: ids,
            bound,
            remarks: self.remarks,
            operators,
            metadata,
            labels: None,
        };
        graph.renumber();
        graph
    }

    /// A node that passes a constant, an input or a value that leaves twice on.
    fn copy(&mut self, name: &str, operand: Operand) -> ValueId {
        let kind = self.kind(&operand);
        let id = self.value(name, kind);
        self.nodes.push(Node {
            operator: Operator::Identity,
            name: name.to_owned(),
            attributes: Attributes::none(),
            inputs: vec![Some(operand)],
            outputs: vec![id],
        });
        id
    }

    /// Integer inputs that are only ever made floats are floats from the start: exact up to 2^24.
    fn take_integers_as_floats(&mut self, outputs: &mut [Operand]) {
        let value = |operand: &Operand| match operand {
            Operand::Value(id) => Some(*id),
            Operand::Constant(_) => None,
        };
        let leaving: HashSet<ValueId> = outputs.iter().filter_map(value).collect();
        let integers = self.inputs.iter().map(|input| input.value);
        let integers = integers.filter(|id| !self.values[id.0].kind.element.is_float() && !leaving.contains(id));
        // By input, what its readers make as long as all of them make floats.
        let mut readers: HashMap<ValueId, Option<Vec<ValueId>>> = integers.map(|id| (id, Some(Vec::new()))).collect();
        for node in &self.nodes {
            let to_float =
                node.operator == Operator::Cast && node.attributes.int("to") == Some(Element::Float32.onnx());
            for id in node.inputs.iter().flatten().filter_map(value) {
                match readers.get_mut(&id) {
                    Some(Some(made)) if to_float => made.push(node.outputs[0]),
                    Some(other) => *other = None,
                    None => {}
                }
            }
        }
        let mut replaced: HashMap<ValueId, ValueId> = HashMap::new();
        for (id, made) in readers {
            let made = made.unwrap_or_default();
            if !made.is_empty() {
                self.values[id.0].kind.element = Element::Float32;
                replaced.extend(made.into_iter().map(|made| (made, id)));
            }
        }
        let replace = |operand: &mut Operand| {
            if let Operand::Value(id) = operand
                && let Some(&input) = replaced.get(id)
            {
                *id = input;
            }
        };
        self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten()).for_each(replace);
        outputs.iter_mut().for_each(replace);
    }

    fn drop_dead(&mut self, outputs: &[ValueId]) {
        let mut needed: HashSet<ValueId> = outputs.iter().copied().collect();
        let mut kept = Vec::new();
        for node in std::mem::take(&mut self.nodes).into_iter().rev() {
            if node.outputs.iter().any(|id| needed.contains(id)) {
                needed.extend(node.inputs.iter().flatten().filter_map(|operand| match operand {
                    Operand::Value(id) => Some(*id),
                    Operand::Constant(_) => None,
                }));
                kept.push(node);
            }
        }
        kept.reverse();
        self.nodes = kept;
    }

    fn name_values(&mut self, outputs: &[ValueId]) {
        let fixed: HashSet<ValueId> =
            outputs.iter().copied().chain(self.inputs.iter().map(|input| input.value)).collect();
        let mut taken: HashSet<String> = fixed.iter().map(|id| self.values[id.0].name.clone()).collect();
        for (index, value) in self.values.iter_mut().enumerate() {
            if fixed.contains(&ValueId(index)) {
                continue;
            }
            if value.name.is_empty() || taken.contains(&value.name) {
                value.name = format!("{}~{index}", value.name);
            }
            taken.insert(value.name.clone());
        }
    }
}

impl Graph {
    /// Leaves out the values that nothing makes or reads.
    fn renumber(&mut self) {
        let mut numbers: Vec<Option<ValueId>> = vec![None; self.values.len()];
        let inputs = self.inputs.iter().map(|input| input.value);
        let made = self.nodes.iter().flat_map(|node| node.outputs.iter().copied());
        let mut values = Vec::new();
        for id in inputs.chain(made) {
            numbers[id.0] = Some(ValueId(values.len()));
            let empty = Value { name: String::new(), kind: TensorType::new(Element::Bool, vec![]) };
            values.push(std::mem::replace(&mut self.values[id.0], empty));
        }
        self.values = values;
        let renumber = |id: &mut ValueId| *id = numbers[id.0].unwrap_or(*id);
        self.inputs.iter_mut().for_each(|Input { value, .. }| renumber(value));
        self.outputs.iter_mut().for_each(renumber);
        for node in &mut self.nodes {
            node.outputs.iter_mut().for_each(renumber);
            for operand in node.inputs.iter_mut().flatten() {
                if let Operand::Value(id) = operand {
                    renumber(id);
                }
            }
        }
    }

    /// The graph as an ONNX file of operator set 17, with all weights in it. Reading that gives the same graph.
    #[must_use]
    pub fn to_onnx(&self) -> Vec<u8> {
        let mut names = ConstantNames::new(self);
        let mut nodes: HashMap<&str, usize> = HashMap::new();
        let mut writer = Writer::default();
        writer.int(1, IR_VERSION);
        writer.text(2, "zkinfer");
        writer.message(7, |graph| {
            for node in &self.nodes {
                // One of the file's nodes may have become several: the first keeps its name.
                let times = nodes.entry(&node.name).and_modify(|times| *times += 1).or_default();
                let name = if *times == 0 { node.name.clone() } else { format!("{}~{times}", node.name) };
                graph.message(1, |writer| self.write_node(writer, node, &name, &mut names));
            }
            graph.text(2, "canonical");
            for (name, tensor) in &names.list {
                graph.message(5, |writer| write_tensor(writer, name, tensor));
            }
            self.inputs.iter().for_each(|input| graph.message(11, |writer| self.write_info(writer, input.value)));
            self.outputs.iter().for_each(|&output| graph.message(12, |writer| self.write_info(writer, output)));
        });
        writer.message(8, |set| {
            set.text(1, "");
            set.int(2, OPERATOR_SET);
        });
        writer.finish()
    }

    fn write_node<'g>(&'g self, writer: &mut Writer, node: &'g Node, name: &str, names: &mut ConstantNames<'g>) {
        for operand in &node.inputs {
            let name = match operand {
                None => "",
                Some(Operand::Value(id)) => &self.values[id.0].name,
                Some(Operand::Constant(constant)) => names.name(constant),
            };
            writer.text(1, name);
        }
        node.outputs.iter().for_each(|id| writer.text(2, &self.values[id.0].name));
        writer.text(3, name);
        writer.text(4, node.operator.name());
        for (name, attribute) in node.attributes.iter() {
            writer.message(5, |writer| write_attribute(writer, name, attribute));
        }
    }

    fn write_info(&self, writer: &mut Writer, id: ValueId) {
        let Value { name, kind } = &self.values[id.0];
        writer.text(1, name);
        writer.message(2, |r#type| {
            r#type.message(1, |tensor| {
                tensor.int(1, kind.element.onnx());
                tensor.message(2, |shape| {
                    kind.shape.iter().for_each(|&dim| shape.message(1, |writer| writer.int(1, dim as i64)));
                });
            });
        });
    }
}

/// Names of constants, each written once.
struct ConstantNames<'g> {
    taken: HashSet<&'g str>,
    by_place: HashMap<*const super::Constant, usize>,
    list: Vec<(String, &'g Tensor)>,
    used: HashSet<String>,
}

impl<'g> ConstantNames<'g> {
    fn new(graph: &'g Graph) -> Self {
        let taken = graph.values.iter().map(|value| value.name.as_str()).collect();
        Self { taken, by_place: HashMap::new(), list: Vec::new(), used: HashSet::new() }
    }

    fn name(&mut self, constant: &'g Arc<super::Constant>) -> &str {
        let place = Arc::as_ptr(constant);
        let at = *self.by_place.entry(place).or_insert_with(|| {
            let mut name = constant.name.clone();
            if name.is_empty() || self.taken.contains(name.as_str()) || self.used.contains(&name) {
                name = format!("{name}~c{}", self.list.len());
            }
            self.used.insert(name.clone());
            self.list.push((name, &constant.tensor));
            self.list.len() - 1
        });
        &self.list[at].0
    }
}

pub(super) fn write_attribute(writer: &mut Writer, name: &str, attribute: &Attribute) {
    writer.text(1, name);
    let kind = match attribute {
        Attribute::Float(value) => {
            writer.float(2, *value);
            1
        }
        Attribute::Int(value) => {
            writer.int(3, *value);
            2
        }
        Attribute::Text(value) => {
            writer.text(4, value);
            3
        }
        Attribute::Floats(values) => {
            values.iter().for_each(|&value| writer.float(7, value));
            6
        }
        Attribute::Ints(values) => {
            values.iter().for_each(|&value| writer.int(8, value));
            7
        }
        Attribute::Texts(values) => {
            values.iter().for_each(|value| writer.text(9, value));
            8
        }
    };
    writer.int(20, kind);
}

pub(in crate::model) fn write_tensor(writer: &mut Writer, name: &str, tensor: &Tensor) {
    tensor.shape().iter().for_each(|&dim| writer.int(1, dim as i64));
    writer.int(2, tensor.element().onnx());
    writer.text(8, name);
    let raw: Vec<u8> = match tensor.numbers() {
        Numbers::Floats(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Numbers::Ints(numbers) => {
            let width = tensor.element().width();
            numbers.iter().flat_map(|number| number.to_le_bytes().into_iter().take(width)).collect()
        }
    };
    writer.bytes(9, &raw);
}
