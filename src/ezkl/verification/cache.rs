//! Verdicts that were reached before. Only what cryptography said is kept: policy is evaluated anew every time.

use super::{super::proof_creation::request::Hasher, policy::Mode, settle::Finding};
use crate::proof::{Bundle, Statement};
use alloy::primitives::B256;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// A bounded store of findings; the oldest goes first.
#[derive(Debug)]
pub(super) struct VerdictCache {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    findings: HashMap<B256, Finding>,
    order: VecDeque<B256>,
}

impl VerdictCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    pub(super) fn get(&self, key: B256) -> Option<Finding> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).findings.get(&key).cloned()
    }

    pub(super) fn put(&self, key: B256, finding: Finding) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.capacity == 0 || state.findings.insert(key, finding).is_some() {
            return;
        }
        state.order.push_back(key);
        if state.order.len() > self.capacity
            && let Some(oldest) = state.order.pop_front()
        {
            state.findings.remove(&oldest);
        }
    }
}

/// Everything that cryptography's answer depends on: the verifier, how it is used, statements with their contexts, proof.
/// The model id covers verifying key, schema, SRS and contracts.
pub(super) fn key(means: &str, mode: Mode, bundle: &Bundle) -> B256 {
    let mut hasher = Hasher::new("zkinfer verdict v2");
    hasher.text(means);
    hasher.number(match mode {
        Mode::Full => 1,
        Mode::Contracts => 2,
        // Each is one answer of one verifier.
        Mode::Fast | Mode::Batch | Mode::Optimistic => 0,
    });
    hasher.bytes(bundle.model_id().as_slice());
    hasher.number(bundle.statements().len() as u64);
    bundle.statements().iter().map(Statement::id).for_each(|id| hasher.bytes(id.as_slice()));
    hasher.bytes(bundle.proof());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Verdict;
    use std::time::Duration;

    #[test]
    fn the_oldest_goes_first_and_capacity_0_keeps_nothing() {
        let finding = || Finding::off_chain(Verdict::invalid("no"), Duration::ZERO);
        let keys: Vec<B256> = (0..4).map(B256::repeat_byte).collect();
        let cache = VerdictCache::new(3);
        keys.iter().for_each(|&key| cache.put(key, finding()));
        assert_eq!(keys.iter().map(|&key| cache.get(key).is_some()).collect::<Vec<_>>(), [false, true, true, true]);
        assert_eq!(cache.get(keys[3]), Some(finding()), "invalid stays invalid");
        let none = VerdictCache::new(0);
        none.put(keys[0], finding());
        assert_eq!(none.get(keys[0]), None);
    }
}
