//! What stands under the digest of a network's key: row kinds, tensors, and the constraints that
//! tie them together.
//!
//! A program is public. It says where every value of an inference stands, which gates hold on a row
//! and which linear functionals of the rows vanish; the verifier evaluates it and knows nothing else
//! of the network. [`bytes`] is its canonical encoding, [`bounds`] what every reader enforces,
//! [`check`] what whoever registers a model has to establish once: that the outputs are a function
//! of the inputs.

pub mod bounds;
pub mod bytes;
pub mod check;
mod range;

use crate::encoding::keccak;

/// A linear form of the columns of one row: `sum_c coefficient * column + constant`.
///
/// Columns are `L_0..L_{ell-1}`, then the operands `X_1..X_nx`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// `(column, coefficient)`, ascending columns, no coefficient 0.
    pub terms: Vec<(u8, i64)>,
    /// The constant.
    pub constant: i64,
}

impl Form {
    /// The constant form.
    #[must_use]
    pub fn constant(constant: i64) -> Self {
        Self { terms: Vec::new(), constant }
    }

    /// `scale * (L_first + 2^8 L_{first+1} + ..)` over `count` limbs.
    #[must_use]
    pub fn limbs(first: u8, count: u8, scale: i64) -> Self {
        Self { terms: (0..count).map(|i| (first + i, scale << (8 * i))).collect(), constant: 0 }
    }

    /// The form plus `other`, which has no column in common with it and only higher ones.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self.constant += other.constant;
        self
    }
}

/// `a b = c` on every row of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Left factor.
    pub a: Form,
    /// Right factor.
    pub b: Form,
    /// Product.
    pub c: Form,
}

/// `(id, input, output)` is a row of the tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// Table, from 1.
    pub id: u8,
    /// Argument.
    pub input: Form,
    /// Value.
    pub output: Form,
}

/// A row kind: the gates and the views of an interval of positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// First position.
    pub lo: u32,
    /// One past the last position.
    pub hi: u32,
    /// What accesses can read.
    pub views: Vec<Form>,
    /// What holds on every row of a sample.
    pub gates: Vec<Gate>,
    /// Table lookups.
    pub lookups: Vec<Lookup>,
    /// The view that copies read.
    pub value: Option<u8>,
    /// Bit `j - 1`: `X_j` is read by copy.
    pub reads: u8,
}

impl Kind {
    /// Whether `X_j` is read by copy.
    #[must_use]
    pub fn reads_column(&self, j: usize) -> bool {
        (1..=8).contains(&j) && self.reads >> (j - 1) & 1 == 1
    }

    /// Every `j` for which `X_j` is read by copy.
    pub(crate) fn read_columns(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=8).filter(|j| self.reads_column(*j))
    }
}

/// A public tensor: its elements are in every statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Port {
    /// Bit 0 output, bit 1 committed, bit 2 signed, bit 3 index.
    pub flags: u8,
    /// Bytes of an element: 1, 2, 4 or 8.
    pub width: u8,
    /// Number of elements.
    pub count: u32,
    /// Smallest allowed element.
    pub min: i64,
    /// Largest allowed element.
    pub max: i64,
}

impl Port {
    /// Flag bits.
    pub const OUTPUT: u8 = 1;
    /// The statement has a hiding point in place of the elements (§10).
    pub const COMMITTED: u8 = 2;
    /// Elements are two's complement.
    pub const SIGNED: u8 = 4;
    /// Elements are indices.
    pub const INDEX: u8 = 8;

    /// An input of `count` unsigned 16-bit elements.
    #[must_use]
    pub fn input(count: u32) -> Self {
        Self { flags: 0, width: 2, count, min: 0, max: 65535 }
    }

    /// An output of `count` signed 64-bit elements.
    #[must_use]
    pub fn output(count: u32) -> Self {
        Self { flags: Self::OUTPUT | Self::SIGNED, width: 8, count, min: i64::MIN, max: i64::MAX }
    }

    /// Whether a flag bit is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A tensor: axis 0 is an interval of the high position bits, every other axis owns
/// `ceil(log2 dim)` bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tensor {
    /// Index of its kind.
    pub kind: u8,
    /// Position of its first element, a multiple of [`Self::unit`].
    pub base: u32,
    /// Dimensions, outermost first, at least one.
    pub dims: Vec<u32>,
}

impl Tensor {
    /// Address bits below axis `axis`.
    #[must_use]
    pub fn shift(&self, axis: usize) -> u32 {
        self.dims[axis + 1..].iter().map(|d| d.next_power_of_two().trailing_zeros()).sum()
    }

    /// Address bits of an axis other than 0.
    #[must_use]
    pub fn bits(&self, axis: usize) -> u32 {
        self.dims[axis].next_power_of_two().trailing_zeros()
    }

    /// Positions of one index of axis 0.
    #[must_use]
    pub fn unit(&self) -> u64 {
        1 << self.shift(0)
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.dims.iter().map(|d| u64::from(*d)).product()
    }

    /// Whether there are no elements; never for a program within its bounds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the last position.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.base) + u64::from(self.dims[0]) * self.unit()
    }

    /// The position of an index.
    #[must_use]
    pub fn position(&self, index: &[u32]) -> usize {
        let offset = index.iter().enumerate().map(|(axis, i)| u64::from(*i) << self.shift(axis));
        (u64::from(self.base) + offset.sum::<u64>()) as usize
    }

    /// Whether an element is at a position.
    #[must_use]
    pub fn holds(&self, position: u32) -> bool {
        let Some(mut rest) = position.checked_sub(self.base).map(u64::from) else {
            return false;
        };
        for axis in 0..self.dims.len() {
            let index = rest >> self.shift(axis);
            if index >= u64::from(self.dims[axis]) {
                return false;
            }
            rest -= index << self.shift(axis);
        }
        true
    }

    /// All positions in row-major order of the indices.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).map(|i| {
            let (mut rest, mut position) = (i, u64::from(self.base));
            for axis in (0..self.dims.len()).rev() {
                let dim = u64::from(self.dims[axis]);
                position += (rest % dim) << self.shift(axis);
                rest /= dim;
            }
            position as usize
        })
    }
}

/// `alpha^a chi^c theta^t`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Monomial {
    /// Exponent of `alpha`: output rows.
    pub alpha: u32,
    /// Exponent of `chi`: spatial positions and tokens.
    pub chi: u32,
    /// Exponent of `theta`: input columns and the indices of relations.
    pub theta: u32,
}

impl Monomial {
    /// `alpha^e`.
    #[must_use]
    pub fn alpha(e: u32) -> Self {
        Self { alpha: e, ..Self::default() }
    }

    /// `chi^e`.
    #[must_use]
    pub fn chi(e: u32) -> Self {
        Self { chi: e, ..Self::default() }
    }

    /// `theta^e`.
    #[must_use]
    pub fn theta(e: u32) -> Self {
        Self { theta: e, ..Self::default() }
    }
}

/// The target of a variable that moves the view instead of an axis.
pub const LANE: u8 = 0xfe;

/// A box variable `0 <= i < size` with the weight `weight^i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Var {
    /// Number of values, at least 1.
    pub size: u32,
    /// Weight of one step.
    pub weight: Monomial,
    /// `(axis, stride)`: it moves the index of an axis; `None` for a broadcast.
    pub target: Option<(u8, u32)>,
}

/// The functional `sum_k mu^k sum_box coefficient * monomial * prod weight_v^{i_v} * view[offset + sum stride_v i_v](k)`;
/// indices out of the tensor's bounds are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// Index of the tensor.
    pub tensor: u16,
    /// Index of the view in the tensor's kind.
    pub view: u8,
    /// A second view that multiplies the first.
    pub view2: Option<u8>,
    /// Coefficient, not 0.
    pub coefficient: i64,
    /// Weight of the first index.
    pub monomial: Monomial,
    /// Offset per axis of the tensor.
    pub offsets: Vec<i32>,
    /// `(s, t)`: only `i_t <= i_s`.
    pub triangle: Option<(u8, u8)>,
    /// The box.
    pub vars: Vec<Var>,
}

/// How a term uses an element `e` of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `e`.
    Value,
    /// `B^e`.
    Power,
    /// `sum_{j < e} B^j`.
    Geometric,
}

/// `sum_k mu^k sum_box coefficient * monomial * prod weight_v^{i_v} * V(element[first + sum stride_v i_v])`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// Index of the port.
    pub port: u8,
    /// `V`.
    pub mode: Mode,
    /// Coefficient.
    pub coefficient: i64,
    /// Weight of the first element.
    pub monomial: Monomial,
    /// `B`; 1 for [`Mode::Value`].
    pub base: Monomial,
    /// First element.
    pub first: u32,
    /// The box: size, weight, stride.
    pub vars: Vec<(u32, Monomial, u32)>,
}

/// The accesses and terms sum up to 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    /// On tensors.
    pub accesses: Vec<Access>,
    /// On ports.
    pub terms: Vec<Term>,
}

/// A hat that the verifier knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublicHat {
    /// `monomial * step^i * prod_sums (sum_{j < size} weight^j) * sum_k mu^k` at `start + i`.
    Geometric {
        /// First position of `G`.
        start: u32,
        /// Number of positions.
        count: u32,
        /// Weight of one position.
        step: Monomial,
        /// Weight of the first position.
        monomial: Monomial,
        /// `(size, weight)`: what the value is summed over.
        sums: Vec<(u32, Monomial)>,
    },
    /// `mu^k * monomial * prod weight_v^{i_v}` at `start + stride * element[first + sum stride_v i_v]`.
    Indexed {
        /// First position of `G`.
        start: u32,
        /// Positions of one index.
        stride: u32,
        /// Index of the port.
        port: u8,
        /// Weight of the first element.
        monomial: Monomial,
        /// First element.
        first: u32,
        /// The box: size, weight, stride.
        vars: Vec<(u32, Monomial, u32)>,
    },
}

/// `sum z + sum terms = <G, Y>` over a segment, plus `<G, hat>` for public hats.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinearOp {
    /// What is computed, on tensors.
    pub z: Vec<Access>,
    /// What is computed, on ports.
    pub terms: Vec<Term>,
    /// Positions of `G` and `Y` that belong to the operator.
    pub segment: (u32, u32),
    /// What `Y` is there: accesses with the position as the exponent of `theta`.
    pub hats: Vec<Access>,
    /// Biases.
    pub public_hats: Vec<PublicHat>,
}

/// `sum z = sum_k mu^k <YL_k, YR_k>` over a segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProductOp {
    /// What is computed.
    pub z: Vec<Access>,
    /// Positions of `YL` and `YR`.
    pub segment: (u32, u32),
    /// What `YL` is there.
    pub left: Vec<Access>,
    /// What `YR` is there.
    pub right: Vec<Access>,
}

/// A network as the verifier sees it. Values of this type are within [`bounds`]: the fields cannot
/// be changed from outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    pub(crate) parts: Parts,
}

/// The parts of a [`Program`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Parts {
    /// `ell`, the number of limb columns.
    pub limbs: u8,
    /// `nx`, the number of operand columns.
    pub operands: u8,
    /// `nj`, most lookups of a kind.
    pub lookups: u8,
    /// `nr`: `X_1..X_nr` can be read by copy.
    pub reads: u8,
    /// `F`, the number of tables.
    pub tables: u8,
    /// `R`, the number of blocks of `f`.
    pub blocks: u32,
    /// `qend`, one past the last position of `G` and `Y`.
    pub hat_end: u32,
    /// `pend`, one past the last position of `YL` and `YR`; 2 without products.
    pub product_end: u32,
    /// `P`, the number of positions.
    pub positions: u32,
    /// Row kinds in the order of their positions.
    pub kinds: Vec<Kind>,
    /// Tensors.
    pub tensors: Vec<Tensor>,
    /// Public tensors, inputs before outputs.
    pub ports: Vec<Port>,
    /// Relations.
    pub relations: Vec<Relation>,
    /// Linear operators.
    pub linear_ops: Vec<LinearOp>,
    /// Products of two activations.
    pub product_ops: Vec<ProductOp>,
}

impl Parts {
    /// The committed ports with their indices.
    pub(crate) fn committed_ports(&self) -> impl Iterator<Item = (u8, &Port)> {
        // At most 16 ports.
        self.ports.iter().enumerate().filter(|(_, p)| p.has(Port::COMMITTED)).map(|(i, p)| (i as u8, p))
    }

    /// Whether a port is committed.
    pub(crate) fn is_committed(&self, port: u8) -> bool {
        self.ports.get(usize::from(port)).is_some_and(|p| p.has(Port::COMMITTED))
    }

    /// All accesses, in the order of the program.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        let relations = self.relations.iter().flat_map(|r| &r.accesses);
        let linear = self.linear_ops.iter().flat_map(|o| o.z.iter().chain(&o.hats));
        let products = self.product_ops.iter().flat_map(|o| o.z.iter().chain(&o.left).chain(&o.right));
        relations.chain(linear).chain(products)
    }
}

impl Program {
    /// A program from its parts.
    ///
    /// # Errors
    /// A bound is broken: see [`bounds`].
    pub fn new(parts: Parts) -> Result<Self, crate::error::ProgramError> {
        bounds::check(&parts)?;
        Ok(Self { parts })
    }

    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// `keccak(program bytes)`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        keccak(&[&self.to_bytes()])
    }
}
