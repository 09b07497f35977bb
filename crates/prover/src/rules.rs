//! Which conditions of the protocol hold: all of them.
//!
//! Tests can drop a single one, on both sides, to show that the attack it prevents then succeeds
//! and that it is therefore needed. Outside tests [`Rules`] has no content and [`Rules::on`] is
//! always true.

/// A condition of §6 (terms of `Phi`, what the claim counts) or a check of §7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `H_c (beta + L_c) = 1`.
    Limb,
    /// `H_ell (beta + T) = m`.
    Table,
    /// `sum H_c = sum H_ell`.
    LookupSum,
    /// `y w = 0`.
    Relu,
    /// `v (HI - y) = 0`.
    Saturate,
    /// `NW L_2 = 0`.
    Narrow,
    /// The layer relation.
    Layer,
    /// Inputs and constant wires.
    Wires,
    /// The constant wires within [`Rule::Wires`].
    Constants,
    /// `B` is 0 on the mask positions.
    MaskPositions,
    /// V4.
    V4,
    /// V5a.
    V5a,
    /// V5b.
    V5b,
    /// The opening of `F_i` at `x^2`, apart from `inj` (V6).
    FoldOpening,
    /// The Schnorr proof for `D` (V6).
    Schnorr,
    /// V7.
    V7,
    /// The statement id in the transcript.
    StatementId,
    /// `sigma` is bound before `zeta`.
    Sigma,
    /// Committed inputs are the wires (§10).
    CommittedInputs,
    /// Committed outputs are those of the last layer (§10).
    CommittedOutputs,
    /// `E_o` is 0 on the mask positions (§10).
    TensorPositions,
    /// `E_x` is 0 behind the tensor (§10).
    TensorEnd,
    /// The Schnorr proofs for `D_x` and `D_o` (V6).
    SchnorrInputs,
    SchnorrOutputs,
    /// The statement, with the points of committed tensors, in the transcript: as id and as it is.
    Points,
    /// Equations that are checked together have random weights (§7.1).
    Weights,
    /// General networks, N6: gates of the row kinds.
    Gate,
    /// Relations.
    Relation,
    /// Linear operators.
    Linear,
    /// The link of `Y`.
    Link,
    /// Product ops.
    Product,
    /// The links of `Y_L`, `Y_R`.
    LinkLeft,
    LinkRight,
    /// `J_i (beta + in + gamma out + gamma^2 id) = 1`.
    Lookup,
    /// `H_X (beta + X + gamma addr + gamma^2 k) = 1`.
    Read,
    /// `H_V (beta + val + gamma p + gamma^2 k) = mult`.
    Write,
    /// `sum H_X = sum H_V`.
    CopySum,
    /// The samples of `Y_L, Y_R` are separated by `psi`, which is drawn after them, and not by `mu`.
    Psi,
    /// `theta` is drawn after the hats that it links, and not known before.
    Theta,
    /// `SLK_i` is 0 where nothing is looked up.
    LookupRows,
    /// The sample is in the tuple of a copy.
    CopySample,
    /// The Schnorr proofs for `D_s` (V6).
    SchnorrTensor,
}

/// The conditions in force.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    #[cfg(test)]
    pub(crate) dropped: Option<Rule>,
}

impl Rules {
    /// Whether `rule` is in force.
    #[cfg(not(test))]
    pub(crate) fn on(self, _: Rule) -> bool {
        true
    }

    /// Whether `rule` is in force.
    #[cfg(test)]
    pub(crate) fn on(self, rule: Rule) -> bool {
        self.dropped != Some(rule)
    }
}
