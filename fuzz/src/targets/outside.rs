//! What other programs say: EZKL's worker, a chain.

use zkinfer::{evm::Refusal, fuzzing};

/// The first byte says which operation's answer the rest is.
pub(super) fn worker(data: &[u8]) -> bool {
    let Some((&operation, line)) = data.split_first() else { return false };
    let Some(instances) = fuzzing::worker_answer(operation, line) else { return false };
    for [given, written] in instances {
        assert_eq!(given.to_lowercase(), written, "one integer per field element, one element per integer");
    }
    true
}

/// Calldata that an auditor is shown. Lenient, but the standard encoding of what was read says the same.
pub(super) fn calldata(bytes: &[u8]) -> bool {
    let Some(standard) = fuzzing::submission(bytes) else { return false };
    assert_eq!(
        fuzzing::submission(&standard).as_deref(),
        Some(&standard[..]),
        "the standard encoding is read as itself"
    );
    // Two byte strings can be the same bytes of the calldata, not more.
    assert!(standard.len() <= 2 * bytes.len() + 512, "reading {} bytes took {}", bytes.len(), standard.len());
    standard == bytes
}

/// What a contract reverts with.
pub(super) fn revert(bytes: &[u8]) -> bool {
    let refusal = Refusal::decode(bytes);
    assert!(!refusal.to_string().is_empty(), "there is always something to say");
    let known = !matches!(refusal, Refusal::Unknown(_) | Refusal::Silent);
    if let Refusal::Unknown(data) = refusal {
        assert_eq!(&data[..], bytes, "nothing is lost");
    }
    known
}
