use serde::Serialize;

/// What a verifier answers. An error (a missing tool, an unreadable file) is never a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "UPPERCASE")]
#[must_use = "a verdict that nobody reads verifies nothing"]
pub enum Verdict {
    /// The proof proves the statement.
    Valid,
    /// It does not.
    Invalid {
        /// Which check refused it, in a sentence.
        reason: String,
    },
}

impl Verdict {
    /// An `Invalid` verdict.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    /// Whether the proof proves the statement.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid)
    }
}
