// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IModelRegistry} from "./IModelRegistry.sol";
import {IProofRegistry} from "./IProofRegistry.sol";

/// @notice Where a claim, or a batch of claims, is. Batches are never Attested, Challenged (their leaves are) or Verified.
enum Stage {
    None,
    Attested,
    Open,
    Challenged,
    Verified,
    Final,
    Slashed,
    Void
}

/// @title IClaims
/// @notice What claims and batches of claims have in common: the terms of the deployment, and the refusals.
interface IClaims {
    /* TYPES */

    /// @notice The terms of a deployment. They never change. Who relies on claims looks at them first: a bond, a fee and windows that are
    /// too small make an Optimistic claim worth little.
    /// @param bond The bond of a claim, and of each leaf of a batch, in wei.
    /// @param fee The fee of a challenge, in wei. It is to cover the gas of an answer, or challenging costs less than answering.
    /// @param challengeWindow How many seconds after posting a claim can be challenged.
    /// @param answerWindow How many seconds after a challenge it can be answered: long enough to prove and to be included.
    /// @param maxOpenChallenges How many challenges of one batch can be open at a time.
    struct Terms {
        uint256 bond;
        uint256 fee;
        uint40 challengeWindow;
        uint40 answerWindow;
        uint16 maxOpenChallenges;
    }

    /* ERRORS */

    /// @notice The caller is not the submitter of the assignment.
    error SubmitterMismatch(address submitter, address caller);

    /// @notice The deadline of the assignment has passed.
    error DeadlinePassed(uint64 deadline);

    /// @notice The statement's claim is not in a stage in which this can be done.
    error WrongStage(bytes32 id, Stage stage);

    /// @notice The transaction has to bring exactly so much.
    error WrongValue(uint256 required, uint256 sent);

    /// @notice The time for this ended with that second.
    error TooLate(uint256 lastSecond);

    /// @notice The time for this begins after that second.
    error TooEarly(uint256 lastSecond);

    /// @notice Each term has to be at least 1.
    error ZeroTerm();

    /// @notice A window has at most 365 days: what waits for it has to end.
    error WindowTooLong(uint40 window);

    /* VIEWS */

    /// @notice The terms.
    function terms() external view returns (Terms memory);

    /// @notice The registry whose statement ids are used.
    function proofRegistry() external view returns (IProofRegistry);

    /// @notice The registry that models are looked up in: that of `proofRegistry`.
    function modelRegistry() external view returns (IModelRegistry);
}
