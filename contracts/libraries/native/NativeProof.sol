// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Q, R} from "./Bn254.sol";
import {Key} from "./NativeKey.sol";

/// @notice Where the parts of a proof are in memory, in the order of the wire (docs/protocol.md, §6), and what their numbers follow from.
/// There is at least one word in front of the first part, which the transcript uses.
/// @param samples N.
/// @param logSamples kappa.
/// @param variables l.
/// @param folds h.
/// @param limbPoints M1: C_L[0..ell].
/// @param sumPoints M2: C_H[0..ell], C_S1, C_S2, C_S3, C_S0.
/// @param quotients M2: C_q1 (, C_q2), D, A_D.
/// @param masks M2: D_x, A_Dx and D_o, A_Do, for the sides that are committed.
/// @param sigma M2: sigma.
/// @param rounds M3: e(0), e(2), e(3) of each round.
/// @param evals M4.
/// @param foldPoints M5: C_F1 ..
/// @param fin M5: the last 8 coefficients.
/// @param foldValues M6: P_i(x), P_i(-x).
/// @param opening M7: pi_1, pi_2.
/// @param responses M7: zr.
/// @param end The end of the proof.
struct Proof {
    uint256 samples;
    uint256 logSamples;
    uint256 variables;
    uint256 folds;
    uint256 limbPoints;
    uint256 sumPoints;
    uint256 quotients;
    uint256 masks;
    uint256 sigma;
    uint256 rounds;
    uint256 evals;
    uint256 foldPoints;
    uint256 fin;
    uint256 foldValues;
    uint256 opening;
    uint256 responses;
    uint256 end;
}

/// @title NativeProof
/// @notice Reads proofs.
library NativeProof {
    /* CONSTANTS */

    uint256 private constant POINT = 64;
    uint256 private constant SCALAR = 32;

    uint256 private constant MAX_SAMPLES = 1 << 12;
    uint256 private constant MAX_VARIABLES = 26;

    /// @dev Folding stops at 8 = 2^3 coefficients.
    uint256 private constant LOG_FINAL = 3;

    /* READING */

    /// @notice Copies a proof to memory and checks its length, every scalar and every point (V1).
    function load(Key memory key, uint256 samples, bytes calldata data) internal pure returns (Proof memory proof) {
        unchecked {
            // V1: 1 <= N <= 2^12, kappa + nu <= 26.
            if (samples == 0 || samples > MAX_SAMPLES) revert INativeVerifier.BatchSize(samples);
            uint256 logSamples;
            while (1 << logSamples < samples) logSamples++;
            uint256 variables = logSamples + key.logPositions;
            if (variables > MAX_VARIABLES) revert INativeVerifier.BatchSize(samples);
            uint256 folds = variables - LOG_FINAL;

            proof.samples = samples;
            proof.logSamples = logSamples;
            proof.variables = variables;
            proof.folds = folds;

            uint256 start;
            assembly ("memory-safe") {
                start := add(mload(0x40), 0x20)
            }
            proof.limbPoints = start;
            proof.sumPoints = proof.limbPoints + POINT * (key.limbs + 1);
            proof.quotients = proof.sumPoints + POINT * (key.limbs + 5);
            proof.masks = proof.quotients + POINT * (key.levels + 2);
            proof.sigma = proof.masks + POINT * 2 * key.sides;
            proof.rounds = proof.sigma + SCALAR;
            proof.evals = proof.rounds + SCALAR * 3 * variables;
            proof.foldPoints = proof.evals + SCALAR * (2 * key.limbs + 7 + key.sides);
            proof.fin = proof.foldPoints + POINT * (folds - 1);
            proof.foldValues = proof.fin + SCALAR * 8;
            proof.opening = proof.foldValues + SCALAR * 2 * folds;
            proof.responses = proof.opening + POINT * 2;
            proof.end = proof.responses + SCALAR * (key.levels + 2 + 2 * key.sides);

            // V1: exactly the length of §6.
            if (data.length != proof.end - start) revert IVerifierAdapter.ProofLength(data.length);
            assembly ("memory-safe") {
                calldatacopy(start, data.offset, data.length)
                mstore(0x40, add(start, data.length))
            }

            // V1: points valid, scalars canonical.
            _checkPoints(start, start, proof.sigma);
            _checkScalars(start, proof.sigma, proof.foldPoints);
            _checkPoints(start, proof.foldPoints, proof.fin);
            _checkScalars(start, proof.fin, proof.opening);
            _checkPoints(start, proof.opening, proof.responses);
            _checkScalars(start, proof.responses, proof.end);
        }
    }

    /* INTERNAL */

    /// @dev Reverts unless all words from `at` to `end` are less than R.
    function _checkScalars(uint256 start, uint256 at, uint256 end) private pure {
        assembly ("memory-safe") {
            for {} and(lt(at, end), lt(mload(at), R)) {} { at := add(at, 0x20) }
        }
        if (at != end) revert INativeVerifier.ScalarOutOfRange(at - start);
    }

    /// @dev Reverts unless all pairs of words from `at` to `end` are canonical coordinates of points, as in `Bn254.isPoint`.
    function _checkPoints(uint256 start, uint256 at, uint256 end) private pure {
        assembly ("memory-safe") {
            for {} lt(at, end) { at := add(at, 0x40) } {
                let x := mload(at)
                let y := mload(add(at, 0x20))
                let onCurve := eq(mulmod(y, y, Q), addmod(mulmod(mulmod(x, x, Q), x, Q), 3, Q))
                if iszero(and(and(lt(x, Q), lt(y, Q)), or(onCurve, iszero(or(x, y))))) { break }
            }
        }
        if (at != end) revert INativeVerifier.PointInvalid(at - start);
    }
}
