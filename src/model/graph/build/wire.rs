//! What a name of the file stands for while its nodes are walked over.

use super::tensor;
use crate::model::graph::{Operand, small::SmallFloat, tensor::Tensor};
use std::rc::Rc;

/// A tensor, or a list of them. Lists are there while a file is read: every length and every place is known, so that what is
/// left of them in the graph are their tensors.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    /// A tensor, and what it holds where that are floats of 8 or 4 bits. An optional value that is there is what it holds.
    Tensor(Operand, Option<SmallFloat>),
    /// A sequence.
    List(Rc<Vec<Wire>>),
    /// An optional value that is not there.
    Nothing,
}

impl Wire {
    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Tensor(..) => "a tensor",
            Self::List(_) => "a sequence",
            Self::Nothing => "an optional value that is not there",
        }
    }

    /// Which floats of 8 or 4 bits it holds.
    pub(super) fn small(&self) -> Option<SmallFloat> {
        match self {
            Self::Tensor(_, small) => *small,
            _ => None,
        }
    }

    /// The first number of a constant of integers.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Tensor(operand, _) => tensor(operand).and_then(Tensor::as_ints)?.first().copied(),
            _ => None,
        }
    }
}

impl From<Operand> for Wire {
    fn from(operand: Operand) -> Self {
        Self::Tensor(operand, None)
    }
}
