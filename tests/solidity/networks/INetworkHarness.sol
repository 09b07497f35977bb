// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice Sums of the part that reads programs, from the inside. The first argument is the order of the groups, as it is there.
interface INetworkHarness {
    /// @notice The odds of r, those of eq(xi, .) at r, and 1/other.
    function odds(uint256 modulus, uint256[] memory xi, uint256[] memory r, uint256 other)
        external
        view
        returns (uint256[] memory, uint256[] memory, uint256);

    /// @notice sum_{lo <= i < hi} B^i eq(i + shift, r), B being the monomial of these challenges.
    function run(
        uint256 modulus,
        uint256[3] memory challenges,
        uint256[] memory r,
        uint256 mono,
        uint256 lo,
        uint256 hi,
        int256 shift
    ) external view returns (uint256);

    /// @notice sum_{lo <= p < hi} base^p eq(p, r).
    function interval(uint256 modulus, uint256 base, uint256[] memory r, uint256 lo, uint256 hi)
        external
        view
        returns (uint256);

    /// @notice sum_{p < end} eq(xi, p) eq(p, r).
    function below(uint256 modulus, uint256[] memory xi, uint256[] memory r, uint256 end)
        external
        view
        returns (uint256);

    /// @notice The monomial of these challenges to the power of -exponent.
    function shifted(uint256 modulus, uint256[3] memory challenges, uint256 mono, int256 exponent)
        external
        view
        returns (uint256);
}
