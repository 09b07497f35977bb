//! ONNX's messages as far as the reader needs them. They borrow from the file: weights are not copied here.
//!
//! Field numbers are those of `onnx.proto3` of IR version 13.

use super::{
    GraphError,
    wire::{Budget, Field, Message, malformed},
};

/// How deep graphs may lie within graphs.
const MAX_DEPTH: u32 = 24;

#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) ir_version: i64,
    pub(super) operator_sets: Vec<(&'a str, i64)>,
    pub(super) graph: Option<Graph<'a>>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) metadata: Vec<(&'a str, &'a str)>,
}

#[derive(Debug, Default)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) domain: &'a str,
    pub(super) overload: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    /// Attributes with a default.
    pub(super) defaults: Vec<Attribute<'a>>,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) operator_sets: Vec<(&'a str, i64)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) sparse: Vec<Sparse<'a>>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) overload: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<Attribute<'a>>,
}

#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: Value<'a>,
}

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Float(f32),
    Int(i64),
    Text(&'a [u8]),
    Tensor(Tensor<'a>),
    Sparse(Sparse<'a>),
    Graph(Box<Graph<'a>>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<&'a [u8]>),
    /// The caller's attribute of this name, inside a function.
    Reference(&'a str),
    Other,
}

/// A tensor whose numbers are read when they are needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    pub(super) element: i64,
    pub(super) raw: Option<&'a [u8]>,
    /// Chunks of `float_data`, `int32_data`, `int64_data`, `double_data`, `uint64_data`: field number and content.
    pub(super) typed: Vec<(u32, Field<'a>)>,
    pub(super) texts: Vec<&'a [u8]>,
    /// Whether its numbers are in another file, and where.
    pub(super) external: bool,
    pub(super) location: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sparse<'a> {
    pub(super) values: Tensor<'a>,
    pub(super) indices: Tensor<'a>,
    pub(super) dims: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Kind<'a> {
    Tensor {
        element: i64,
        dims: Option<Vec<Dim<'a>>>,
    },
    /// A tensor that may not be there.
    Optional {
        element: i64,
        dims: Option<Vec<Dim<'a>>>,
    },
    /// A sequence, a map, …
    Other(&'static str),
    #[default]
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dim<'a> {
    Size(i64),
    Symbol(&'a str),
    Unknown,
}

/// Decodes one message with `read` for every field.
fn decode<'a, T: Default>(
    bytes: &'a [u8],
    budget: &Budget,
    mut read: impl FnMut(&mut T, u32, Field<'a>) -> Result<(), GraphError>,
) -> Result<T, GraphError> {
    let mut made = T::default();
    let mut message = Message::new(bytes, budget);
    while let Some((number, field)) = message.next()? {
        read(&mut made, number, field)?;
    }
    Ok(made)
}

impl<'a> Model<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, GraphError> {
        let budget = &Budget::default();
        decode(bytes, budget, |model: &mut Self, number, field| {
            match number {
                1 => model.ir_version = field.int()?,
                7 => model.graph = Some(Graph::decode(field.bytes()?, budget, 0)?),
                8 => model.operator_sets.push(operator_set(field, budget)?),
                14 => model.metadata.push(entry(field, budget)?),
                25 => model.functions.push(Function::decode(field.bytes()?, budget)?),
                _ => {}
            }
            Ok(())
        })
    }
}

/// A pair of texts in fields 1 and 2.
fn entry<'a>(field: Field<'a>, budget: &Budget) -> Result<(&'a str, &'a str), GraphError> {
    decode(field.bytes()?, budget, |(key, value): &mut (&'a str, &'a str), number, field| {
        match number {
            1 => *key = field.text()?,
            2 => *value = field.text()?,
            _ => {}
        }
        Ok(())
    })
}

fn operator_set<'a>(field: Field<'a>, budget: &Budget) -> Result<(&'a str, i64), GraphError> {
    decode(field.bytes()?, budget, |(domain, version): &mut (&'a str, i64), number, field| {
        match number {
            1 => *domain = field.text()?,
            2 => *version = field.int()?,
            _ => {}
        }
        Ok(())
    })
}

impl<'a> Function<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        decode(bytes, budget, |function: &mut Self, number, field| {
            match number {
                1 => function.name = field.text()?,
                4 => function.inputs.push(field.text()?),
                5 => function.outputs.push(field.text()?),
                7 => function.nodes.push(Node::decode(field.bytes()?, budget, 0)?),
                9 => function.operator_sets.push(operator_set(field, budget)?),
                10 => function.domain = field.text()?,
                11 => function.defaults.push(Attribute::decode(field.bytes()?, budget, 0)?),
                13 => function.overload = field.text()?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Graph<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget, depth: u32) -> Result<Self, GraphError> {
        if depth > MAX_DEPTH {
            return Err(GraphError::too_much("graphs within graphs", MAX_DEPTH.into()));
        }
        decode(bytes, budget, |graph: &mut Self, number, field| {
            match number {
                1 => graph.nodes.push(Node::decode(field.bytes()?, budget, depth)?),
                5 => graph.initializers.push(Tensor::decode(field.bytes()?, budget)?),
                11 => graph.inputs.push(ValueInfo::decode(field.bytes()?, budget)?),
                12 => graph.outputs.push(ValueInfo::decode(field.bytes()?, budget)?),
                15 => graph.sparse.push(Sparse::decode(field.bytes()?, budget)?),
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Node<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget, depth: u32) -> Result<Self, GraphError> {
        decode(bytes, budget, |node: &mut Self, number, field| {
            match number {
                1 => node.inputs.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                3 => node.name = field.text()?,
                4 => node.operator = field.text()?,
                5 => node.attributes.push(Attribute::decode(field.bytes()?, budget, depth)?),
                7 => node.domain = field.text()?,
                8 => node.overload = field.text()?,
                _ => {}
            }
            Ok(())
        })
    }

    /// Its name for messages: its own, else that of its first output.
    pub(super) fn label(&self) -> &'a str {
        let first = || self.outputs.iter().copied().find(|output| !output.is_empty()).unwrap_or("?");
        if self.name.is_empty() { first() } else { self.name }
    }
}

#[derive(Default)]
struct Parts<'a> {
    name: &'a str,
    kind: i64,
    float: Option<f32>,
    int: Option<i64>,
    text: Option<&'a [u8]>,
    tensor: Option<Tensor<'a>>,
    sparse: Option<Sparse<'a>>,
    graph: Option<Graph<'a>>,
    floats: Vec<f32>,
    ints: Vec<i64>,
    texts: Vec<&'a [u8]>,
    reference: Option<&'a str>,
}

impl<'a> Attribute<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget, depth: u32) -> Result<Self, GraphError> {
        let parts = decode(bytes, budget, |parts: &mut Parts<'a>, number, field| {
            match number {
                1 => parts.name = field.text()?,
                2 => parts.float = Some(field.float()?),
                3 => parts.int = Some(field.int()?),
                4 => parts.text = Some(field.bytes()?),
                5 => parts.tensor = Some(Tensor::decode(field.bytes()?, budget)?),
                6 => parts.graph = Some(Graph::decode(field.bytes()?, budget, depth + 1)?),
                7 => field.push_floats(&mut parts.floats)?,
                8 => field.push_ints(&mut parts.ints)?,
                9 => parts.texts.push(field.bytes()?),
                20 => parts.kind = field.int()?,
                21 => parts.reference = Some(field.text()?).filter(|name| !name.is_empty()),
                22 => parts.sparse = Some(Sparse::decode(field.bytes()?, budget)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { name: parts.name, value: parts.value() })
    }
}

impl<'a> Parts<'a> {
    /// By the type that is named; very old files name none.
    fn value(self) -> Value<'a> {
        if let Some(name) = self.reference {
            return Value::Reference(name);
        }
        match self.kind {
            1 => Value::Float(self.float.unwrap_or(0.0)),
            2 => Value::Int(self.int.unwrap_or(0)),
            3 => Value::Text(self.text.unwrap_or_default()),
            4 => self.tensor.map_or(Value::Other, Value::Tensor),
            5 => self.graph.map_or(Value::Other, |graph| Value::Graph(Box::new(graph))),
            6 => Value::Floats(self.floats),
            7 => Value::Ints(self.ints),
            8 => Value::Texts(self.texts),
            11 => self.sparse.map_or(Value::Other, Value::Sparse),
            0 => self.untyped(),
            _ => Value::Other,
        }
    }

    fn untyped(self) -> Value<'a> {
        if !self.floats.is_empty() {
            return Value::Floats(self.floats);
        }
        if !self.ints.is_empty() {
            return Value::Ints(self.ints);
        }
        if !self.texts.is_empty() {
            return Value::Texts(self.texts);
        }
        let scalar = self.float.map(Value::Float).or(self.int.map(Value::Int)).or(self.text.map(Value::Text));
        scalar.or(self.tensor.map(Value::Tensor)).unwrap_or(Value::Other)
    }
}

impl<'a> Tensor<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        decode(bytes, budget, |tensor: &mut Self, number, field| {
            match number {
                1 => field.push_ints(&mut tensor.dims)?,
                2 => tensor.element = field.int()?,
                3 => return Err(malformed("a tensor comes in segments")),
                4 | 5 | 7 | 10 | 11 => tensor.typed.push((number, field)),
                6 => tensor.texts.push(field.bytes()?),
                8 => tensor.name = field.text()?,
                9 => tensor.raw = Some(field.bytes()?),
                13 => tensor.location.push(entry(field, budget)?),
                14 => tensor.external = field.int()? == 1,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Sparse<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        decode(bytes, budget, |sparse: &mut Self, number, field| {
            match number {
                1 => sparse.values = Tensor::decode(field.bytes()?, budget)?,
                2 => sparse.indices = Tensor::decode(field.bytes()?, budget)?,
                3 => field.push_ints(&mut sparse.dims)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> ValueInfo<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        decode(bytes, budget, |info: &mut Self, number, field| {
            match number {
                1 => info.name = field.text()?,
                2 => info.kind = Kind::decode(field.bytes()?, budget)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Kind<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        decode(bytes, budget, |kind: &mut Self, number, field| {
            match number {
                1 => *kind = Self::decode_tensor(field.bytes()?, budget)?,
                4 => *kind = Self::Other("a sequence"),
                5 => *kind = Self::Other("a map"),
                8 => *kind = Self::Other("a sparse tensor"),
                9 => *kind = Self::decode_optional(field.bytes()?, budget)?,
                _ => {}
            }
            Ok(())
        })
    }

    /// Optional values of optional values do not exist: one level is looked into.
    fn decode_optional(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        let mut message = Message::new(bytes, budget);
        let mut kind = Self::Other("optional");
        while let Some((number, field)) = message.next()? {
            if number != 1 {
                continue;
            }
            let mut inner = Message::new(field.bytes()?, budget);
            while let Some((number, field)) = inner.next()? {
                if number == 1
                    && let Self::Tensor { element, dims } = Self::decode_tensor(field.bytes()?, budget)?
                {
                    kind = Self::Optional { element, dims };
                }
            }
        }
        Ok(kind)
    }

    fn decode_tensor(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        let mut message = Message::new(bytes, budget);
        let (mut element, mut dims) = (0, None);
        while let Some((number, field)) = message.next()? {
            match number {
                1 => element = field.int()?,
                2 => {
                    let list = decode(field.bytes()?, budget, |list: &mut Vec<Dim<'a>>, number, field| {
                        if number == 1 {
                            list.push(Dim::decode(field.bytes()?, budget)?);
                        }
                        Ok(())
                    })?;
                    dims = Some(list);
                }
                _ => {}
            }
        }
        Ok(Self::Tensor { element, dims })
    }
}

impl<'a> Dim<'a> {
    fn decode(bytes: &'a [u8], budget: &Budget) -> Result<Self, GraphError> {
        let mut message = Message::new(bytes, budget);
        let mut dim = Self::Unknown;
        while let Some((number, field)) = message.next()? {
            match number {
                1 => dim = Self::Size(field.int()?),
                2 => dim = Some(field.text()?).filter(|name| !name.is_empty()).map_or(Self::Unknown, Self::Symbol),
                _ => {}
            }
        }
        Ok(dim)
    }
}
