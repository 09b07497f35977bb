// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Q} from "../native/Bn254.sol";
import {Proof} from "../native/NativeProof.sol";
import {NetworkMemory} from "./NetworkMemory.sol";
import {Program} from "./NetworkProgram.sol";

/// @notice What the length of a proof follows from (docs/protocol-networks.md, N3, N5).
/// @param limbs ell.
/// @param operands nx.
/// @param lookups nj.
/// @param reads nr.
/// @param tables 1 if there are tables.
/// @param products 1 if there is a product op.
/// @param committed Number of committed ports.
/// @param levels t, the levels of f.
/// @param logWeights nu.
/// @param samples N.
/// @param logSamples kappa.
/// @param variables l.
struct Shape {
    uint256 limbs;
    uint256 operands;
    uint256 lookups;
    uint256 reads;
    uint256 tables;
    uint256 products;
    uint256 committed;
    uint256 levels;
    uint256 logWeights;
    uint256 samples;
    uint256 logSamples;
    uint256 variables;
}

/// @title NetworkShape
/// @notice Shapes, and where the parts of a proof of a shape are.
library NetworkShape {
    /* CONSTANTS */

    uint256 private constant POINT = 64;
    uint256 private constant SCALAR = 32;
    uint256 private constant MAX_SAMPLES = 1 << 12;
    uint256 private constant MAX_VARIABLES = 26;
    uint256 private constant MAX_EXPONENT = 28;

    /// @dev Folding stops at 8 = 2^3 coefficients.
    uint256 private constant LOG_FINAL = 3;

    /* SHAPES */

    /// @notice The shape of a program for `samples` samples and a key with this rho2 (V1).
    function shape(Program memory p, uint256 samples, uint256 logRows2) internal pure returns (Shape memory s) {
        unchecked {
            if (samples == 0 || samples > MAX_SAMPLES) revert INativeVerifier.BatchSize(samples);
            s.logSamples = NetworkMemory.log2(samples);
            uint256 variables = NetworkMemory.log2(p.positions << s.logSamples);
            if (p.logWeights > variables) variables = p.logWeights;
            if (p.logPorts > variables) variables = p.logPorts;
            if (variables > MAX_VARIABLES) revert INativeVerifier.BatchSize(samples);
            if (logRows2 != 0 && (1 << logRows2 >= p.rows || p.logWeights + logRows2 > MAX_EXPONENT)) {
                revert INativeVerifier.KeyShape();
            }
            (s.limbs, s.operands, s.lookups, s.reads) = (p.limbs, p.operands, p.lookups, p.reads);
            s.tables = p.tables == 0 ? 0 : 1;
            s.products = p.productEnd == 2 ? 0 : 1;
            s.committed = p.committed;
            s.levels = logRows2 == 0 ? 1 : 2;
            s.logWeights = p.logWeights;
            s.samples = samples;
            s.variables = variables;
        }
    }

    /// @notice Number of fixed columns.
    function fixedColumns(Shape memory s) internal pure returns (uint256) {
        unchecked {
            return s.tables + (s.reads == 0 ? 0 : s.reads + 1);
        }
    }

    /* PROOFS */

    /// @notice Where the parts of a proof at `start` are. `masks` are those of committed ports.
    function layOut(Shape memory s, uint256 start) internal pure returns (Proof memory proof) {
        unchecked {
            uint256 folds = s.variables - LOG_FINAL;
            proof.samples = s.samples;
            proof.logSamples = s.logSamples;
            proof.variables = s.variables;
            proof.folds = folds;
            uint256 first = s.limbs + s.operands + 1;
            uint256 second = s.limbs + 2 + s.lookups + s.reads + (s.reads == 0 ? 0 : 1) + 2 * s.products;

            proof.limbPoints = start;
            proof.sumPoints = start + POINT * first;
            proof.quotients = proof.sumPoints + POINT * (second + 4);
            proof.masks = proof.quotients + POINT * (s.levels + 2);
            proof.sigma = proof.masks + POINT * 2 * s.committed;
            proof.rounds = proof.sigma + SCALAR;
            proof.evals = proof.rounds + SCALAR * 3 * s.variables;
            proof.foldPoints = proof.evals + SCALAR * (first + second + 5 + fixedColumns(s) + s.committed);
            proof.fin = proof.foldPoints + POINT * (folds - 1);
            proof.foldValues = proof.fin + SCALAR * 8;
            proof.opening = proof.foldValues + SCALAR * 2 * folds;
            proof.responses = proof.opening + POINT * 2;
            proof.end = proof.responses + SCALAR * (s.levels + 2 + 2 * s.committed);
        }
    }

    /// @notice V1: exactly the length of N5, every point valid, every scalar canonical.
    function check(Proof memory proof, uint256 length) internal pure {
        unchecked {
            uint256 start = proof.limbPoints;
            if (length != proof.end - start) revert IVerifierAdapter.ProofLength(length);
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
            for {} and(lt(at, end), lt(mload(at), calldataload(0x04))) {} { at := add(at, 0x20) }
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
