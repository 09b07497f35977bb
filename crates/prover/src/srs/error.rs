//! Why an SRS is refused.

use std::io;

use thiserror::Error;

/// A section of a `.ptau` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Section {
    /// Field and size.
    Header,
    /// `[tau^i]_1`.
    TauG1,
    /// `[tau^i]_2`.
    TauG2,
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::TauG1 => "tauG1",
            Self::TauG2 => "tauG2",
        })
    }
}

/// Why an SRS is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SrsError {
    /// The file cannot be read.
    #[error("cannot read the SRS file")]
    Io(#[from] io::Error),
    /// The operating system gave no randomness for the checks.
    #[error("no randomness from the operating system")]
    Randomness,
    /// The file does not start as a `.ptau` file does.
    #[error("not a .ptau file")]
    NotPtau,
    /// The file is text in angle brackets.
    #[error(
        "not a .ptau file but an XML or HTML page, such as the error page of a link that has moved: look into it, and download \
         the file from somewhere else"
    )]
    Page,
    /// The file has fewer powers in G2 than its power says: it was cut down for other programs.
    #[error(
        "the .ptau file is pruned: it has {got} powers in G2 of {expected}, and those are needed; use the whole file"
    )]
    Pruned {
        /// Powers by the header.
        expected: u64,
        /// Powers there are.
        got: u64,
    },
    /// Not an excerpt of an SRS, or not of the length that its head gives.
    #[error("not an SRS excerpt of this version")]
    NotExcerpt,
    /// A version of the format that is not known.
    #[error("version {0} of the .ptau format is not supported")]
    Version(u32),
    /// The file ends inside a section.
    #[error("the .ptau file is truncated: it needs {needed} bytes and has {got}; download it again")]
    Truncated {
        /// Bytes that the section table speaks of.
        needed: u64,
        /// Bytes of the file.
        got: u64,
    },
    /// The file announces more sections than the format has.
    #[error("the .ptau file announces {0} sections")]
    TooManySections(u32),
    /// A section is missing.
    #[error("the .ptau file has no {0} section")]
    Missing(Section),
    /// A section is there more than once.
    #[error("the .ptau file has more than one {0} section")]
    Duplicate(Section),
    /// A section's length does not fit the file's power.
    #[error("the {section} section has {got} bytes instead of {expected}")]
    SectionLength {
        /// The section.
        section: Section,
        /// Length by the header.
        expected: u64,
        /// Length in the section table.
        got: u64,
    },
    /// The file is for another curve.
    #[error("the .ptau file is for another curve than BN254 (bn128)")]
    WrongField,
    /// The power in the header is not in 1..=28.
    #[error("a .ptau file of power {0} is not supported")]
    Power(u32),
    /// The ceremony is too small.
    #[error(
        "{needed} powers of tau are needed and there are {got}: use a .ptau file of power {} or more",
        ptau_power(*needed)
    )]
    TooFewPowers {
        /// Powers `[tau^0]_1 ..` needed.
        needed: usize,
        /// Powers there are.
        got: usize,
    },
    /// A point is the identity, has coordinates beyond the field's order, or is off the curve.
    #[error("point {index} of {section} is not a point of the curve")]
    Point {
        /// Where.
        section: Section,
        /// The power of tau.
        index: usize,
    },
    /// A G2 point is on the curve, but not in the group of order r.
    #[error("point {0} of tauG2 is outside the group")]
    OutsideSubgroup(usize),
    /// The points are not consecutive powers of one tau.
    #[error(
        "the points are not the powers of one tau: the file is damaged, or was written over while a contribution was made; \
         download it again"
    )]
    Inconsistent,
    /// tau is 1, as in a file without a contribution: anybody can forge proofs.
    #[error("the SRS has no contribution: tau is 1")]
    NoContribution,
}

/// The power p of the smallest `.ptau` file with `needed` powers in G1: it has `2^(p+1) - 1`.
#[must_use]
pub const fn ptau_power(needed: usize) -> u32 {
    match needed.saturating_add(1).checked_next_power_of_two() {
        None => usize::BITS,
        // p + 1 = log2(needed + 1), rounded up; the smallest file has p = 1.
        Some(size) => {
            let p = size.trailing_zeros().saturating_sub(1);
            if p < 1 { 1 } else { p }
        }
    }
}
