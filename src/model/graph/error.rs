//! Why a file is no model that can be read.

/// Why a model was refused by the reader. Every message names the node or the tensor, and what helps.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The bytes are no protobuf message of ONNX.
    #[error("this is not an ONNX model that can be loaded: {0}")]
    NotOnnx(String),
    /// The file asks for more than a reader gives: nodes, depth, elements.
    #[error("the model has {what}; more than {limit} are not read")]
    TooMuch {
        /// What there is too much of, with the number.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A version of an operator set that is not read.
    #[error(
        "the model's operator set `{domain}` is {found}; {first} to {last} are read. onnx.version_converter.convert_version \
         writes it in another"
    )]
    OperatorSet {
        /// Its domain, `ai.onnx` for the default one.
        domain: String,
        /// What the file names.
        found: i64,
        /// The first that is read.
        first: i64,
        /// The last that is read.
        last: i64,
    },
    /// A node cannot be read.
    #[error("operator {operator} (node `{node}`) {reason}")]
    Node {
        /// Its type, with the domain where it is not ONNX's.
        operator: String,
        /// The node's name, or that of its first output.
        node: String,
        /// What is in the way.
        reason: String,
    },
    /// A tensor cannot be read.
    #[error("tensor `{tensor}` {reason}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is in the way.
        reason: String,
    },
    /// A weight is NaN or infinite. EZKL would silently turn NaN into 0.
    #[error("weight {index} of `{tensor}` is {value}; a model with such weights cannot be proven")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Row-major index.
        index: usize,
        /// `NaN` or `inf`.
        value: f32,
    },
    /// An attribute is NaN or infinite.
    #[error(
        "the attribute `{attribute}` of {operator} (node `{node}`) is {value}, which is not finite; that cannot be proven"
    )]
    NotFiniteAttribute {
        /// Its name.
        attribute: String,
        /// The node's type.
        operator: String,
        /// The node's name, or that of its first output.
        node: String,
        /// `NaN` or `inf`.
        value: f32,
    },
    /// An axis has no size.
    #[error(
        "axis {axis} of the input `{tensor}` has the symbolic size `{symbol}`; give its size with --dim {symbol}=N, or export \
         the model with a fixed one"
    )]
    Symbol {
        /// The input.
        tensor: String,
        /// The axis, from 0.
        axis: usize,
        /// Its symbol.
        symbol: String,
    },
    /// A size was given for a symbol that the model does not have.
    #[error("--dim {symbol}=…: no input of the model has an axis of this name; there are: {known}")]
    UnknownSymbol {
        /// The symbol.
        symbol: String,
        /// Those that it has.
        known: String,
    },
    /// The graph does not hang together.
    #[error("{0}")]
    Graph(String),
}

impl GraphError {
    pub(super) fn tensor(tensor: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.into(), reason: reason.into() }
    }

    pub(super) fn too_much(what: impl Into<String>, limit: u64) -> Self {
        Self::TooMuch { what: what.into(), limit }
    }
}
