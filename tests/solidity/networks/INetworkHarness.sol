// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";

/// @notice The libraries of the verifier of general networks, from the inside.
interface INetworkHarness {
    /// @param vkd The digest of the verifying key.
    /// @param scalars alpha, beta, gamma, chi, mu, lambda, theta, psi, zeta, c_D, rho, x, eta, z, delta.
    struct Seen {
        bytes32 vkd;
        uint256[15] scalars;
        uint256[] xi;
        uint256[] r;
    }

    /// @notice All challenges of a proof, whether it is valid or not.
    function challenges(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view returns (Seen memory seen);
}
