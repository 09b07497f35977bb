//! What is known of an SRS. The one place that says so: of everything that is verified, warned about or refused for its SRS.

use alloy::primitives::B256;

pub use zkinfer_prover::srs::{Ceremony, SrsKind};

/// What is known of the SRS with this id: of a listed ceremony, with a tau that everybody knows (TEST), or on no list. The id is
/// a hash of its `[tau]_1` and `[tau]_2`, and whoever verifies compares it with the points that are used. Nothing else is asked:
/// what a file says of its SRS is nobody's knowledge.
#[must_use]
pub fn srs_kind(id: B256) -> SrsKind {
    SrsKind::of(&id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer_prover::srs::{HEZ_FINAL, test_srs};

    #[test]
    fn boundary_the_kind_follows_from_the_points() {
        let test = test_srs(2).unwrap();
        let listed = HEZ_FINAL.open(2).unwrap();
        assert_eq!((srs_kind((*test.id()).into()), test.kind()), (SrsKind::Test, SrsKind::Test));
        let hez = SrsKind::Listed(&HEZ_FINAL);
        assert_eq!((srs_kind((*listed.id()).into()), listed.kind()), (hez, hez));
        assert_eq!(srs_kind(B256::repeat_byte(9)), SrsKind::Unlisted);
    }
}
