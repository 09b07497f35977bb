//! The first round on bytes against the one on field elements. Every proof of every test, with whatever a malicious
//! prover has put into its rows, is one case.

use ark_bn254::Fr;

use super::Inputs;
use super::first::is_changed;
use super::state::{Rows, State};

/// Fails unless both ways give one message, and the same rows after it.
pub(super) fn check_the_first_round(inputs: &Inputs<'_>) {
    let [mut bytes, mut fields] = [0, 1].map(|_| State::new(inputs));
    if is_changed(&bytes.rows) {
        return;
    }
    fields.expand();
    assert_eq!(bytes.message(), fields.message(), "the first message");
    let r = Fr::from(0x1234_5678_9abcu64);
    bytes.fix(r);
    fields.fix(r);
    let (Rows::Fields(a), Rows::Fields(b)) = (&bytes.rows, &fields.rows) else { panic!("rows are fields by now") };
    assert!(a == b, "rows after the first round");
    assert_eq!(bytes.message(), fields.message(), "the second message");
}
