//! What is known of an SRS. The one place that says so: of everything that is verified, warned about or refused for its SRS.

use alloy::primitives::B256;
use ark_bn254::G2Affine;
use std::sync::OnceLock;
use zkinfer_prover::srs::test_srs;

pub use zkinfer_prover::srs::SrsKind;

/// Which SRS has this id: by its `[tau]_2` where that is at hand (the caller has compared the id with it), else by the id,
/// which is a hash of the points. Nothing else is asked: what a file says of its SRS is nobody's knowledge.
#[must_use]
pub fn srs_kind(id: B256, tau_g2: Option<&G2Affine>) -> SrsKind {
    match tau_g2 {
        Some(tau_g2) => SrsKind::of(tau_g2),
        None if Some(id) == test_id() => SrsKind::Test,
        None => SrsKind::Unlisted,
    }
}

/// The TEST SRS's. Computed once in a process.
fn test_id() -> Option<B256> {
    static ID: OnceLock<Option<B256>> = OnceLock::new();
    *ID.get_or_init(|| test_srs(0).ok().map(|srs| B256::from(*srs.id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::{AffineRepr, CurveGroup};

    #[test]
    fn boundary_id_and_points_say_the_same_of_the_test_srs() {
        let srs = test_srs(2).unwrap();
        let (id, tau) = (B256::from(*srs.id()), srs.pinned().g2(0).unwrap());
        assert_eq!((srs_kind(id, None), srs_kind(id, Some(&tau))), (SrsKind::Test, SrsKind::Test));
        let other = (G2Affine::generator() * ark_bn254::Fr::from(5u64)).into_affine();
        let unlisted = B256::repeat_byte(9);
        assert_eq!(
            (srs_kind(unlisted, None), srs_kind(unlisted, Some(&other))),
            (SrsKind::Unlisted, SrsKind::Unlisted)
        );
    }
}
