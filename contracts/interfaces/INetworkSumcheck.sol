// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Shape} from "../libraries/network/NetworkShape.sol";

/// @notice What the sumcheck leaves to the opening (docs/protocol-networks.md, N8).
/// @param shape The shape of the proof.
/// @param alpha This and what follows, to delta: all challenges but for xi and r, in the order of N5. V5 to V7 need some; the others are for
/// whoever compares transcripts. `schnorr` is c_D.
/// @param xi xi_0 .. xi_{l-1}.
/// @param point r_0 .. r_{l-1}.
/// @param logPorts nu_s of each committed port.
/// @param offsets Where its commitment is in the public values of a sample, in bytes.
struct Reduced {
    Shape shape;
    uint256 alpha;
    uint256 beta;
    uint256 gamma;
    uint256 chi;
    uint256 mu;
    uint256 lambda;
    uint256 theta;
    uint256 psi;
    uint256 zeta;
    uint256 schnorr;
    uint256 rho;
    uint256 x;
    uint256 eta;
    uint256 z;
    uint256 delta;
    uint256[] xi;
    uint256[] point;
    uint256[] logPorts;
    uint256[] offsets;
}

/// @title INetworkSumcheck
/// @notice The part of the verifier of general networks that reads programs: V1 to V4. It knows no SRS, and accepts nothing by itself: what
/// is left to check is that the values at r are those of the commitments.
interface INetworkSumcheck {
    /// @notice Checks a program, public values and a proof, and reduces them to values at a point. Reverts if anything is wrong.
    /// @param modulus The order of the groups; nothing else is accepted. What is an argument need not be copied from the code at every use.
    /// @param digest vkd.
    /// @param id sid, which the caller has made from these public values.
    /// @param samples N.
    /// @param logRows2 rho2.
    /// @param values The public values of all samples, one after the other.
    /// @param program The program, whose digest the caller has compared.
    /// @param proof The canonical proof bytes.
    function reduce(
        uint256 modulus,
        bytes32 digest,
        bytes32 id,
        uint256 samples,
        uint256 logRows2,
        bytes calldata values,
        bytes calldata program,
        bytes calldata proof
    ) external view returns (Reduced memory reduced);
}
