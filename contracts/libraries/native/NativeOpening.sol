// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Bn254, G2_X0, G2_X1, G2_Y0, G2_Y1, HALF, R} from "./Bn254.sol";
import {Key} from "./NativeKey.sol";
import {Proof} from "./NativeProof.sol";
import {Statement} from "./NativeStatement.sol";
import {Challenges} from "./NativeTranscript.sol";
import {Srs} from "srs/Srs.sol";

/// @title NativeOpening
/// @notice V5, V6 and V7 of docs/protocol.md, §7: the evaluations are those of the committed columns.
/// @dev 5 R < 2^256: sums of up to five scalars are left unreduced where only `mulmod` or `addmod` reads them.
library NativeOpening {
    /* TYPES */

    /// @dev Scalars that V6 and V7 are made of.
    /// @param za z - x^2.
    /// @param zb z^2 - x^2.
    /// @param values za R_A(z) + zb v_B.
    /// @param folds za + zb eta^{h-1}: times eta^i it is the scalar of C_Fi.
    /// @param etaK eta^kappa.
    /// @param cG za eta^kappa rho^{jG}, the scalar of [G].
    /// @param alpha2 A_2, if there are two levels.
    /// @param one What the Schnorr proofs of committed sides add to the scalar of [1]_1.
    /// @param tau And to that of [tau]_1.
    struct Scalars {
        uint256 za;
        uint256 zb;
        uint256 values;
        uint256 folds;
        uint256 etaK;
        uint256 cG;
        uint256 alpha2;
        uint256 one;
        uint256 tau;
    }

    /* CHECKS */

    /// @notice V5, V6 and V7.
    function check(Key memory key, Statement memory statement, Proof memory proof, Challenges memory c)
        internal
        view
        returns (bool)
    {
        Scalars memory s;
        if (!_checkFolds(proof, c, s)) return false;
        if (!_checkFinal(proof, c)) return false;
        return _checkPairings(key, statement, proof, c, s);
    }

    /* V5 */

    /// @dev V5a: every fold follows from the one before, down to the 8 coefficients. The sums over all folds that V6 needs are taken on
    /// the way.
    function _checkFolds(Proof memory proof, Challenges memory c, Scalars memory s) private view returns (bool) {
        unchecked {
            uint256 x2 = mulmod(c.x, c.x, R);
            s.za = addmod(c.z, R - x2, R);
            s.zb = addmod(mulmod(c.z, c.z, R), R - x2, R);

            // V2 has refused x = 0, so 2x has an inverse.
            uint256 slope = Bn254.inverse(addmod(c.x, c.x, R));
            uint256 last = proof.folds - 1;
            uint256 eta = 1;
            uint256 value;
            // sum of eta^i (P_i(x) + P_i(-x))/2, of eta^i (P_i(x) - P_i(-x))/(2x), and of eta^i v_i for i >= 1
            uint256 means;
            uint256 slopes;
            uint256 openings;
            for (uint256 i = 0;; i++) {
                if (i == proof.logSamples) s.etaK = eta;
                if (i > 0) openings = addmod(openings, mulmod(eta, value, R), R);

                uint256 plus = _word(proof.foldValues, 2 * i);
                uint256 minus = _word(proof.foldValues, 2 * i + 1);
                uint256 mean = mulmod(plus + minus, HALF, R);
                uint256 difference = mulmod(plus + R - minus, slope, R);
                means = addmod(means, mulmod(eta, mean, R), R);
                slopes = addmod(slopes, mulmod(eta, difference, R), R);
                // v_{i+1} = (1 - r_i) mean + r_i difference
                value = addmod(mean, mulmod(_word(c.point, i), difference + R - mean, R), R);
                if (i == last) break;
                eta = mulmod(eta, c.eta, R);
            }

            // Here eta is eta^{h-1}. R_A(z) = means + z slopes, v_B = eta^{h-1} openings.
            uint256 interpolated = addmod(means, mulmod(c.z, slopes, R), R);
            uint256 sumB = mulmod(s.zb, mulmod(eta, openings, R), R);
            s.values = addmod(mulmod(s.za, interpolated, R), sumB, R);
            s.folds = addmod(s.za, mulmod(s.zb, eta, R), R);

            // V5a: v_h = fin(x^2)
            uint256 expected;
            for (uint256 i = 8; i > 0; i--) {
                expected = addmod(mulmod(expected, x2, R), _word(proof.fin, i - 1), R);
            }
            return value == expected;
        }
    }

    /// @dev V5b: fin~ at the last three variables is the combination of all evaluations by powers of rho.
    function _checkFinal(Proof memory proof, Challenges memory c) private pure returns (bool result) {
        uint256 fin = proof.fin;
        uint256 evals = proof.evals;
        uint256 end = proof.foldPoints;
        uint256 rho = c.rho;
        uint256 point = c.point + 32 * proof.folds;
        assembly ("memory-safe") {
            function fold(low, high, r) -> value {
                value := addmod(low, mulmod(r, add(high, sub(R, low)), R), R)
            }
            let r := mload(point)
            let v0 := fold(mload(fin), mload(add(fin, 0x20)), r)
            let v1 := fold(mload(add(fin, 0x40)), mload(add(fin, 0x60)), r)
            let v2 := fold(mload(add(fin, 0x80)), mload(add(fin, 0xa0)), r)
            let v3 := fold(mload(add(fin, 0xc0)), mload(add(fin, 0xe0)), r)
            r := mload(add(point, 0x20))
            v0 := fold(v0, v1, r)
            v2 := fold(v2, v3, r)
            v0 := fold(v0, v2, mload(add(point, 0x40)))

            let sum := 0
            for {} gt(end, evals) {} {
                end := sub(end, 0x20)
                sum := addmod(mulmod(sum, rho, R), mload(end), R)
            }
            result := eq(v0, sum)
        }
    }

    /* V6 AND V7 */

    /// @dev V6: Q. V7: e(Q, [1]_2) e(-pi_2, [tau]_2) e(-cG C_q1, [tau^b]_2) e(-cG C_q2, [tau^D]_2) = 1.
    function _checkPairings(
        Key memory key,
        Statement memory statement,
        Proof memory proof,
        Challenges memory c,
        Scalars memory s
    ) private view returns (bool) {
        unchecked {
            bool two = key.levels == 2;
            // The pairs, three words of working space for products, and 6 words for each of three SRS powers.
            uint256 pairs;
            assembly ("memory-safe") {
                pairs := mload(0x40)
                mstore(0x40, add(pairs, 0x5a0))
            }
            uint256 work = pairs + 0x300;
            uint256 srs = work + 0x60;
            // The SRS points come from the table alone.
            Srs.load(0, srs);
            Srs.load(key.logPositions, srs + 0xc0);
            if (two) {
                Srs.load(key.logPositions + key.logRows2, srs + 0x180);
                s.alpha2 = Bn254.power(c.alpha, 1 << key.logRows2);
            }

            // Q is summed up in the working space, and the first pair is written last.
            _commitments(key, proof, c, s, pairs);
            _foldsAndOpening(proof, c, s, pairs);
            if (key.sides != 0) _committed(key, statement, proof, c, s, pairs);
            _schnorr(proof, c, s, pairs, srs, two);

            _putG2(pairs + 0x40);
            Bn254.negate(pairs + 0xc0, proof.opening + 64);
            _copyG2(pairs + 0x100, srs + 0x40);
            uint256 minus = s.cG == 0 ? 0 : R - s.cG;
            Bn254.multiply(work, proof.quotients, minus);
            _copyPoint(pairs + 0x180, work);
            _copyG2(pairs + 0x1c0, srs + 0xc0 + 0x40);
            if (two) {
                Bn254.multiply(work, proof.quotients + 64, minus);
                _copyPoint(pairs + 0x240, work);
                _copyG2(pairs + 0x280, srs + 0x180 + 0x40);
            }
            return Bn254.pairingsAreOne(pairs, two ? 4 : 3);
        }
    }

    /// @dev za sum_{j != jG} rho^j C_j + cG (C_f + D + alpha C_q1 + A_2 C_q2), the part of D being left to `_schnorr`. Sets cG.
    function _commitments(Key memory key, Proof memory proof, Challenges memory c, Scalars memory s, uint256 sum)
        private
        view
    {
        unchecked {
            assembly ("memory-safe") {
                mstore(sum, 0)
                mstore(add(sum, 0x20), 0)
            }
            // The columns are in order of j, from C_L[0] to C_S3, but for S_0, which comes after G.
            uint256 scalar = s.za;
            uint256 last = proof.quotients - 64;
            for (uint256 point = proof.limbPoints; point < last; point += 64) {
                Bn254.accumulate(sum, point, scalar);
                scalar = mulmod(scalar, c.rho, R);
            }
            // Here the scalar is za rho^{jG}.
            Bn254.accumulate(sum, last, mulmod(scalar, c.rho, R));
            uint256 cG = mulmod(scalar, s.etaK, R);
            s.cG = cG;
            Bn254.accumulate(sum, key.commitment, cG);
            Bn254.accumulate(sum, proof.quotients, mulmod(cG, c.alpha, R));
            if (key.levels == 2) Bn254.accumulate(sum, proof.quotients + 64, mulmod(cG, s.alpha2, R));
        }
    }

    /// @dev sum_{1<=i<h} (za eta^i + zb eta^{h+i-1}) C_Fi - za zb pi_1 + z pi_2
    function _foldsAndOpening(Proof memory proof, Challenges memory c, Scalars memory s, uint256 sum) private view {
        unchecked {
            uint256 scalar = s.folds;
            for (uint256 point = proof.foldPoints; point < proof.fin; point += 64) {
                scalar = mulmod(scalar, c.eta, R);
                Bn254.accumulate(sum, point, scalar);
            }
            Bn254.accumulate(sum, proof.opening, mulmod(R - s.za, s.zb, R));
            Bn254.accumulate(sum, proof.opening + 64, c.z);
        }
    }

    /// @dev §10: the masked tensors of both sides with the Schnorr proofs for their masks. Inputs come first, and their proof has the
    /// weight delta^2, that of outputs delta^3.
    function _committed(
        Key memory key,
        Statement memory statement,
        Proof memory proof,
        Challenges memory c,
        Scalars memory s,
        uint256 sum
    ) private view {
        unchecked {
            // The columns before are G and S_0.
            uint256 scalar = mulmod(s.cG, mulmod(c.rho, c.rho, R), R);
            uint256 weight = mulmod(c.delta, c.delta, R);
            uint256 masks = proof.masks;
            uint256 response = key.levels + 2;
            if (key.committedInputs) {
                _side(statement, 0, c, sum, scalar);
                _mask(proof, response, c, s, sum, masks, scalar, weight);
                (masks, response) = (masks + 128, response + 2);
                scalar = mulmod(scalar, c.rho, R);
            }
            if (key.committedOutputs) {
                weight = mulmod(weight, c.delta, R);
                _side(statement, statement.middle, c, sum, scalar);
                _mask(proof, response, c, s, sum, masks, scalar, weight);
            }
        }
    }

    /// @dev scalar sum_k mu^k C^k, for the points `offset` bytes into the public values of each sample.
    function _side(Statement memory statement, uint256 offset, Challenges memory c, uint256 sum, uint256 scalar)
        private
        view
    {
        unchecked {
            uint256 end = statement.values + statement.length;
            for (uint256 point = statement.values + offset; point < end; point += statement.stride) {
                Bn254.accumulate(sum, point, scalar);
                scalar = mulmod(scalar, c.mu, R);
            }
        }
    }

    /// @dev (scalar - weight c_D) D - weight A_D + weight (z_0 [1]_1 + z_1 [tau]_1), the last two being left to `_schnorr`.
    function _mask(
        Proof memory proof,
        uint256 response,
        Challenges memory c,
        Scalars memory s,
        uint256 sum,
        uint256 masks,
        uint256 scalar,
        uint256 weight
    ) private view {
        unchecked {
            Bn254.accumulate(sum, masks, addmod(scalar, R - mulmod(weight, c.schnorr, R), R));
            Bn254.accumulate(sum, masks + 64, mulmod(R - 1, weight, R));
            s.one = addmod(s.one, mulmod(weight, _word(proof.responses, response), R), R);
            s.tau = addmod(s.tau, mulmod(weight, _word(proof.responses, response + 1), R), R);
        }
    }

    /// @dev (cG - delta c_D) D - delta A_D + delta (zr_1 [tau]_1 + zr_2 [tau^b]_1 + zr_3 [tau^D]_1)
    ///      + (delta (zr_0 - alpha zr_2 - A_2 zr_3) - (za R_A(z) + zb v_B)) [1]_1
    function _schnorr(Proof memory proof, Challenges memory c, Scalars memory s, uint256 sum, uint256 srs, bool two)
        private
        view
    {
        unchecked {
            uint256 delta = c.delta;
            uint256 d = proof.quotients + (two ? 128 : 64);
            Bn254.accumulate(sum, d, addmod(s.cG, R - mulmod(delta, c.schnorr, R), R));
            Bn254.accumulate(sum, d + 64, mulmod(R - 1, delta, R));

            uint256 response = _word(proof.responses, 2);
            uint256 one = addmod(_word(proof.responses, 0), R - mulmod(c.alpha, response, R), R);
            Bn254.accumulate(sum, srs, addmod(s.tau, mulmod(delta, _word(proof.responses, 1), R), R));
            Bn254.accumulate(sum, srs + 0xc0, mulmod(delta, response, R));
            if (two) {
                response = _word(proof.responses, 3);
                one = addmod(one, R - mulmod(s.alpha2, response, R), R);
                Bn254.accumulate(sum, srs + 0x180, mulmod(delta, response, R));
            }
            one = addmod(mulmod(delta, one, R) + s.one, R - s.values, R);
            // The generator is (1, 2). Its place is that of the second point of the first pair, which is not needed yet.
            uint256 generator = sum + 0xa0;
            assembly ("memory-safe") {
                mstore(generator, 1)
                mstore(add(generator, 0x20), 2)
            }
            Bn254.accumulate(sum, generator, one);
        }
    }

    /* INTERNAL */

    function _putG2(uint256 to) private pure {
        assembly ("memory-safe") {
            mstore(to, G2_X1)
            mstore(add(to, 0x20), G2_X0)
            mstore(add(to, 0x40), G2_Y1)
            mstore(add(to, 0x60), G2_Y0)
        }
    }

    function _copyPoint(uint256 to, uint256 from) private pure {
        assembly ("memory-safe") {
            mcopy(to, from, 0x40)
        }
    }

    function _copyG2(uint256 to, uint256 from) private pure {
        assembly ("memory-safe") {
            mcopy(to, from, 0x80)
        }
    }

    /// @dev The word `index` of those at `at`.
    function _word(uint256 at, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(at, shl(5, index)))
        }
    }
}
