//! The one reader of ONNX: a file becomes a checked, canonical graph of our own, and everything else works with that.
//!
//! In a canonical graph every shape is fixed, every floating-point number is a finite 32-bit one, operators mean what they
//! mean in operator set 17, and nothing is left that was only about shapes or constants: such nodes are computed while the
//! file is read (`build`). [`Graph::to_onnx`] writes it as ONNX again, for backends that read files.
//!
//! `proto` and `wire` decode, `load` and `external` read tensors, whose numbers `store` keeps packed, `scope` finds what an output needs, `build` walks over
//! that, `normalize` turns operators of every version and those that are sums of others into canonical ones, `infer` knows
//! their shapes, `fold` computes with constants, `emit` writes.

#[cfg(test)]
mod bounds;
mod build;
mod bytes;
mod call;
mod element;
mod emit;
mod error;
mod external;
mod fold;
mod half;
mod infer;
mod inputs;
mod labels;
mod load;
mod normalize;
mod operators;
mod packed;
mod proto;
mod scope;
mod settle;
mod small;
mod store;
mod tensor;
#[cfg(test)]
pub(crate) mod testing;
mod wire;

pub use element::Element;
pub use error::GraphError;
pub(in crate::model) use half::half;
pub use operators::{Attribute, Attributes, Operator};
pub(in crate::model) use tensor::broadcast_indices;
pub use tensor::{MAX_ELEMENTS, MAX_RANK, Numbers, Tensor, TensorType};
pub(in crate::model) use tensor::{positions, strides};

use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The versions of ONNX's default operator set that are read.
pub const OPERATOR_SETS: std::ops::RangeInclusive<i64> = 6..=28;
/// Nodes that a model may have, with functions inlined.
pub const MAX_NODES: usize = 1_000_000;

/// A tensor that is computed, or enters the graph: a position in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(super) usize);

impl ValueId {
    /// The position in [`Graph::values`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// What is known of a tensor that is computed.
#[derive(Clone, Debug)]
pub struct Value {
    /// Unique in the graph; the file's where it has one.
    pub name: String,
    /// Its elements and shape.
    pub kind: TensorType,
}

/// A constant of the graph.
#[derive(Debug)]
pub struct Constant {
    /// The file's name for it, or none.
    pub name: String,
    /// Its numbers.
    pub tensor: Tensor,
}

/// What a node reads.
#[derive(Clone, Debug)]
pub enum Operand {
    /// What is computed.
    Value(ValueId),
    /// What is known.
    Constant(Arc<Constant>),
}

/// One operator at work.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub operator: Operator,
    /// The name of the file's node that it comes from, for messages. Not unique.
    pub name: String,
    /// How it does it; everything that ONNX has a default for is there.
    pub attributes: Attributes,
    /// What it reads; optional operands may be missing.
    pub inputs: Vec<Option<Operand>>,
    /// What it makes.
    pub outputs: Vec<ValueId>,
}

/// A tensor that enters.
#[derive(Clone, Debug)]
pub struct Input {
    /// The tensor.
    pub value: ValueId,
    /// The element type that the file gives it, which its numbers have to fit. The graph may take it as a float.
    pub declared: Element,
    /// Whether its first axis has no size in the file and is 1: a batch of one.
    pub batch: bool,
}

/// A canonical graph.
#[derive(Clone, Debug)]
pub struct Graph {
    values: Vec<Value>,
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    outputs: Vec<ValueId>,
    bound: Vec<(String, usize)>,
    remarks: Vec<String>,
    operators: Vec<String>,
    metadata: BTreeMap<String, String>,
    labels: Option<Vec<String>>,
}

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Sizes of symbolic axes, by symbol.
    pub dims: BTreeMap<String, usize>,
}

/// A graph with the files beside the model that its weights are in, by location.
pub(super) type Read = (Graph, BTreeMap<String, Arc<Vec<u8>>>);

/// Reads an ONNX file's bytes; `folder` is where its external data may be, `None` when it has none.
pub(super) fn read(bytes: &Arc<Vec<u8>>, folder: Option<&Path>, options: &Options) -> Result<Read, GraphError> {
    let files = external::Files::of(bytes, folder);
    let model = proto::Model::decode(bytes)?;
    let graph = build::build(&model, &files, options)?;
    Ok((graph, files.into_contents()))
}

impl Graph {
    /// Every tensor that enters or is computed.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// One of them.
    ///
    /// # Panics
    /// When the id is another graph's.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The tensors that enter, in the file's order.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The tensors that leave, in the file's order.
    #[must_use]
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// The nodes, each after those whose results it reads.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The sizes that symbols were given, in order of their names.
    #[must_use]
    pub fn bound(&self) -> &[(String, usize)] {
        &self.bound
    }

    /// What the user should know: sentences without a full stop.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The operators of the file that its outputs depend on, sorted; those of another domain as `domain:Operator`.
    #[must_use]
    pub fn source_operators(&self) -> &[String] {
        &self.operators
    }

    /// The file's metadata.
    #[must_use]
    pub const fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The names of the classes, where the file has them.
    #[must_use]
    pub fn labels(&self) -> Option<&[String]> {
        self.labels.as_deref()
    }

    /// The number of floating-point constants, each counted once.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let mut seen = std::collections::HashSet::new();
        let constants = self.nodes.iter().flat_map(|node| &node.inputs).flatten().filter_map(|operand| match operand {
            Operand::Constant(constant) if constant.tensor.element().is_float() => Some(constant),
            _ => None,
        });
        constants
            .filter(|constant| seen.insert(Arc::as_ptr(constant)))
            .map(|constant| constant.tensor.elements() as u64)
            .sum()
    }
}
