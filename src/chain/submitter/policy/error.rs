use crate::FailureClass;
use std::fmt;

/// A key of a policy, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// With the tables around it: `default.batch.age`.
    pub key: String,
    /// Counted from 1.
    pub line: usize,
}

/// Why a file is no policy. Nothing of what it says is repeated but keys and what was read of them: endpoints may hold access keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It cannot be read.
    #[error("cannot read the policy {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It is no TOML, or has a key or a value that no policy has.
    #[error("the policy cannot be understood{}: {message}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Malformed {
        /// Counted from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be.
    #[error("{place}: {reason}")]
    Value {
        /// Where it stands.
        place: Place,
        /// Why not.
        reason: String,
    },
    /// Something is left out that something else needs.
    #[error("{because} needs `{key}`, which the policy does not have: {reason}")]
    Missing {
        /// What is not there.
        key: String,
        /// What needs it.
        because: Place,
        /// What for.
        reason: String,
    },
    /// Two lines that cannot both be followed.
    #[error("the policy contradicts itself: {first} and {second} cannot both be followed: {reason}")]
    Contradiction {
        /// One of them.
        first: Place,
        /// The other one.
        second: Place,
        /// Why.
        reason: String,
    },
}

impl PolicyError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        FailureClass::BadInput
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (line {})", self.key, self.line)
    }
}
