// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {BatchClaims} from "./claims/BatchClaims.sol";
import {SingleClaims} from "./claims/SingleClaims.sol";
import {IClaims} from "./interfaces/IClaims.sol";
import {IProofRegistry} from "./interfaces/IProofRegistry.sol";

/// @title ClaimRegistry
/// @dev Put together from `ClaimLedger` (credits), `ClaimJudge` (models, verdicts, breaker), `SingleClaims` and `BatchClaims`. Every wei that
/// comes in is the bond of an Open or Challenged claim or of an Open batch, the fee of an open challenge, or somebody's credit. There is no
/// function that takes ether without one of these; ether that is forced in is nobody's.
contract ClaimRegistry is BatchClaims {
    constructor(IProofRegistry proofs, Terms memory terms_)
        SingleClaims(proofs, terms_)
        BatchClaims(terms_.maxOpenChallenges)
    {}

    /// @inheritdoc IClaims
    function terms() external view returns (Terms memory) {
        return Terms({
            bond: BOND,
            fee: FEE,
            challengeWindow: CHALLENGE_WINDOW,
            answerWindow: ANSWER_WINDOW,
            maxOpenChallenges: MAX_OPEN
        });
    }
}
