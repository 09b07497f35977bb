//! N6: the powers of `lambda`.

use ark_bn254::Fr;

use super::program::Parts;
use crate::mle;

/// Powers of `lambda` by constraint. Every constraint has its power whether or not what it weighs exists.
#[derive(Debug)]
pub(crate) struct Lambda {
    powers: Vec<Fr>,
    /// `g`: the greatest number of gates of a kind.
    gates: usize,
    lookups: usize,
    reads: usize,
    limbs: usize,
    constraints: usize,
}

impl Lambda {
    pub(crate) fn new(p: &Parts, lambda: Fr) -> Self {
        let gates = p.kinds.iter().map(|k| k.gates.len()).max().unwrap_or(0);
        let (lookups, reads, limbs) = (p.lookups.into(), p.reads.into(), p.limbs.into());
        let constraints = p.relations.len() + p.linear_ops.len() + p.product_ops.len();
        let powers = mle::powers(lambda, gates + lookups + reads + 1 + limbs + 3 + constraints + 3);
        Self { powers, gates, lookups, reads, limbs, constraints }
    }

    /// Gate `i` of a kind.
    pub(crate) fn gate(&self, i: usize) -> Fr {
        self.powers[i]
    }

    /// `J_{i+1}`.
    pub(crate) fn lookup(&self, i: usize) -> Fr {
        self.powers[self.gates + i]
    }

    /// `H_X` of `X_j`, `j = 1..=nr`.
    pub(crate) fn read(&self, j: usize) -> Fr {
        self.powers[self.gates + self.lookups + j - 1]
    }

    /// `H_V`.
    pub(crate) fn write(&self) -> Fr {
        self.powers[self.gates + self.lookups + self.reads]
    }

    /// `H_c`.
    pub(crate) fn limb(&self, c: usize) -> Fr {
        self.powers[self.gates + self.lookups + self.reads + 1 + c]
    }

    /// `H_T`, the sum of all lookups, the sum of all copies.
    pub(crate) fn table(&self, i: usize) -> Fr {
        self.limb(self.limbs + i)
    }

    /// Relations, linear ops, product ops.
    pub(crate) fn constraint(&self, i: usize) -> Fr {
        self.table(3 + i)
    }

    /// The links of `Y`, `Y_L`, `Y_R`.
    pub(crate) fn link(&self, i: usize) -> Fr {
        self.constraint(self.constraints + i)
    }
}
