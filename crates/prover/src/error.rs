//! Errors of the crate. None of them carries a secret.

use thiserror::Error;

/// Why a network has no circuit in this proof system.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// The operator is not lowered by this version.
    #[error("operator {index} ({name}) is not supported by the native prover: {reason}")]
    Unsupported {
        /// Position in the operator list, from 0.
        index: usize,
        /// Operator name.
        name: &'static str,
        /// What is missing.
        reason: &'static str,
    },
    /// A dimension or count is outside the bounds of §1.1.
    #[error("{what} is {got}, allowed is {min} to {max}")]
    Bound {
        /// The quantity.
        what: &'static str,
        /// Its value.
        got: u64,
        /// Smallest allowed value.
        min: u64,
        /// Largest allowed value.
        max: u64,
    },
    /// A list has the wrong length.
    #[error("{what} has length {got}, expected {expected}")]
    Length {
        /// The list.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The expected length.
        expected: usize,
    },
    /// The bytes of a committed side are not a point (§10).
    #[error("the commitment of the {side}: {reason}")]
    Point {
        /// The side.
        side: &'static str,
        /// What is wrong with them.
        reason: EncodingError,
    },
    /// A point for a public side, or none for a committed one (§10).
    #[error("the {side} are committed in the key: {committed}, in the statement: {}", !committed)]
    Commitment {
        /// The side.
        side: &'static str,
        /// What the key says.
        committed: bool,
    },
    /// An element of a port is outside the port's bounds.
    #[error("element {element} of port {port} is outside the port's bounds")]
    Element {
        /// Index of the port.
        port: usize,
        /// Index of the element.
        element: usize,
    },
    /// The program of a general network is not accepted.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A weight is -128, outside `[-127, 127]` (§1).
    #[error("layer {layer} neuron {neuron} has a weight of -128; weights are in [-127, 127]")]
    Weight {
        /// Layer, from 1.
        layer: usize,
        /// Neuron, from 0.
        neuron: usize,
    },
    /// A weight of a network is -32768, outside `[-32767, 32767]`.
    #[error("layer {layer} output {neuron} has a weight of -32768; weights are in [-32767, 32767]")]
    NetworkWeight {
        /// Layer of the graph.
        layer: usize,
        /// Output or output channel, from 0.
        neuron: usize,
    },
}

/// Why bytes are not a canonical encoding (§4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// Fewer bytes than the encoding needs.
    #[error("input is too short")]
    Short,
    /// More bytes than the encoding needs.
    #[error("input has trailing bytes")]
    Trailing,
    /// A scalar is not below the scalar-field order.
    #[error("scalar is not canonical")]
    Scalar,
    /// A coordinate is not below the base-field order.
    #[error("curve coordinate is not canonical")]
    Coordinate,
    /// A point is not on the curve.
    #[error("point is not on the curve")]
    OffCurve,
    /// The version of the encoding is unknown.
    #[error("unknown version {0}")]
    Version(u16),
    /// A flag bit or a flag combination has no meaning.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// A number is outside its bounds.
    #[error("a number is out of bounds")]
    Bound,
}

/// Why a program of a general network is not accepted ([`crate::network`]).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The bytes are not a canonical encoding.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// There is too much of something.
    #[error("{what}: {got}, at most {max} are allowed")]
    Bound {
        /// The quantity.
        what: &'static str,
        /// Its value.
        got: u64,
        /// Largest allowed value.
        max: u64,
    },
    /// A part does not fit the rest of the program.
    #[error("{what} {index} is malformed")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Index of the kind, tensor or constraint.
        index: usize,
    },
    /// The prover has no argument for this part.
    #[error("{what} {index} is not implemented")]
    Unsupported {
        /// The part.
        what: &'static str,
        /// Its index.
        index: usize,
    },
    /// The constraints leave a choice.
    #[error("constraint or tensor {index}: {what}")]
    Undetermined {
        /// What is missing.
        what: &'static str,
        /// Index of the constraint, or of the tensor that nothing defines.
        index: usize,
    },
    /// The sides of a constraint could differ by a multiple of the field's order.
    #[error("{what} {index}: its sides are not below 2^200")]
    Wraps {
        /// The sort of constraint.
        what: &'static str,
        /// Its index.
        index: usize,
    },
}

/// Why a key could not be made or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The network has no circuit.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The key bytes are not canonical.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The SRS has too few powers for this model (§3).
    #[error("the SRS has {got} powers of tau in G1, this model needs {needed}")]
    SrsTooSmall {
        /// Powers needed.
        needed: usize,
        /// Powers present.
        got: usize,
    },
    /// The key was made for another SRS.
    #[error("the key belongs to another SRS")]
    SrsMismatch,
    /// Weights or model secret do not open the commitment (§3).
    #[error("weights and model secret do not open the model commitment")]
    CommitmentMismatch,
    /// The program beside a key is not the one that the key names.
    #[error("the key names another program")]
    ProgramMismatch,
    /// The tables and copies of a network are not those that its key names.
    #[error("the key names other tables and copies")]
    FixedMismatch,
    /// The quotient points do not belong to the model commitment (§3).
    #[error("the quotient points do not belong to the model commitment")]
    QuotientMismatch,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness,
    /// The quotient level asked for does not exist for this shape (§3).
    #[error("quotient level rho2 = {0} is not possible for this shape")]
    Level(u8),
}

/// Why no proof was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The number of samples is outside the bounds of §1.1.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// Key and SRS do not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value of the witness is outside its range (§1); the layer is counted from 1.
    #[error("sample {sample}, layer {layer}, neuron {neuron}: {what} is out of range")]
    Range {
        /// Sample, from 0.
        sample: usize,
        /// Layer, from 1.
        layer: usize,
        /// Neuron, from 0.
        neuron: usize,
        /// Which bound is broken.
        what: RangeKind,
    },
    /// An element of a tensor of a general network is outside its range.
    #[error("sample {sample}, layer {layer}, element {element}: {what} is out of range")]
    Element {
        /// Sample, from 0.
        sample: usize,
        /// Layer of the graph, from 0; the input is layer 0.
        layer: usize,
        /// Element in row-major order, from 0.
        element: usize,
        /// Which bound is broken.
        what: RangeKind,
    },
    /// The secrets of a sample are not those of the sides that the key commits to (§10).
    #[error("sample {sample}: secrets are needed for the committed sides, and for no other")]
    Secrets {
        /// Sample, from 0.
        sample: usize,
    },
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness,
    /// A challenge hit a value of negligible probability; prove again.
    #[error("a challenge hit an excluded value")]
    Challenge,
}

/// The bound that a witness value breaks (§1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RangeKind {
    /// `y >= 2^16` in a shape that does not saturate.
    #[error("activation above 65535 (a saturating shape would clamp it)")]
    Activation,
    /// `w >= 2^24`.
    #[error("negative part below -2^24")]
    Under,
    /// `v >= 2^24`.
    #[error("excess over the saturation bound above 2^24")]
    Over,
}

/// A verifier check of §7 that an otherwise well-formed proof failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Check {
    /// V2: `x` is 0, 1 or -1.
    #[error("V2")]
    V2,
    /// V4: the last claim is not `Phi(r)`.
    #[error("V4")]
    V4,
    /// V5a: the last fold is not `fin(x^2)`.
    #[error("V5a")]
    V5a,
    /// V5b: `fin~` is not the batched evaluation.
    #[error("V5b")]
    V5b,
    /// V7: the pairing equation.
    #[error("V7")]
    V7,
}

/// Why a proof is not accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// V1: key, statement and pinned SRS do not fit together.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// V1: a bound of §1.1 or a length is wrong.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// V1: the proof is not a canonical encoding.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// V1: the statements of a batch name different models.
    #[error("the statements of a batch have different model ids")]
    MixedModels,
    /// A check of §7 failed.
    #[error("the proof is invalid (check {0})")]
    Rejected(Check),
}
