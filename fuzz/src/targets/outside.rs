//! What other programs say: EZKL's worker, a chain, an S5 node.

use zkinfer::{evm::Refusal, fuzzing, storage::ContentAddress};

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

/// What an S5 node says; the first byte says where. The user's token and passwords are shown to nobody.
pub(super) fn s5(data: &[u8]) -> bool {
    const SIZE: u64 = 1000;
    let Some((&kind, bytes)) = data.split_first() else { return false };
    let Some(answer) = fuzzing::s5_answer(kind, bytes, &ContentAddress::new([7; 32], SIZE)) else { return false };
    let said = match &answer {
        Ok(made) => made.clone(),
        Err(error) => error.to_string(),
    };
    assert!(!said.contains("the-token-of-a-user"), "the token stays here");
    assert!(!said.chars().any(char::is_control), "one line, and nothing that moves a terminal");
    let Ok(made) = answer else {
        assert!(said.chars().count() < 600, "a node does not fill the screen: {said}");
        return false;
    };
    let authority = || made.split("://").nth(1).map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match kind {
        0 => assert!(made.starts_with("http://127.0.0.1:5050/"), "content and token go to the node alone: {made}"),
        2 => assert!(made.parse::<u64>().is_ok_and(|offset| offset <= SIZE), "no more than there is: {made}"),
        _ => {
            assert!(made.starts_with("http"), "no other scheme: {made}");
            assert!(authority().is_some_and(|host| !host.is_empty() && !host.contains('@')), "a host alone: {made}");
        }
    }
    true
}
