// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";

/// @notice What a verification goes through, for comparison with other implementations.
interface INativeHarness {
    struct Seen {
        bytes32 vkd;
        bytes32 sid;
        uint256 alpha;
        uint256 beta;
        uint256 lambda;
        uint256 mu;
        uint256 theta;
        uint256 zeta;
        uint256 schnorr;
        uint256[] xi;
        uint256[] r;
        uint256 rho;
        uint256 x;
        uint256 eta;
        uint256 z;
        uint256 delta;
    }

    /// @notice All challenges.
    function challenges(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view returns (Seen memory);

    /// @notice As `verifyBatch`, with memory in disorder: everything beyond the free memory pointer is full of ones.
    function verifyInDirtyMemory(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view;

    /// @notice The words of the ceremony's table for an exponent.
    function srsPoints(uint256 exponent) external pure returns (uint256[6] memory points);

    /// @notice The words of the TEST SRS's table for an exponent.
    function pointsOfTheTestSrs(uint256 exponent) external pure returns (uint256[6] memory points);

    /// @notice sum over from <= p < to of base^p eq(p, r).
    function interval(uint256 base, uint256[] calldata r, uint256 from, uint256 to) external pure returns (uint256);
}
