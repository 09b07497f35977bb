// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Reduced} from "../../interfaces/INetworkSumcheck.sol";
import {Bn254, G2_X0, G2_X1, G2_Y0, G2_Y1, HALF, R} from "../native/Bn254.sol";
import {Proof} from "../native/NativeProof.sol";
import {Key} from "./NetworkKey.sol";
import {NetworkMemory} from "./NetworkMemory.sol";
import {Srs} from "srs/Srs.sol";

/// @title NetworkOpening
/// @notice V5, V6 and V7 of docs/protocol-networks.md, N8: the values at r are those of the committed polynomials, each at its level.
/// @dev 5 R < 2^256: sums of up to five scalars are left unreduced where only `mulmod` or `addmod` reads them.
library NetworkOpening {
    using NetworkMemory for uint256;

    /* TYPES */

    /// @dev Scalars that V6 and V7 are made of.
    /// @param za z - x^2.
    /// @param zb z^2 - x^2.
    /// @param values za R_A(z) + zb v_B.
    /// @param folds za + zb eta^{h-1}: times eta^i it is the scalar of C_Fi.
    /// @param eta Where eta^0 .. eta^{h-1} are.
    /// @param cG za eta^lo rho^{jG}, the scalar of [G].
    /// @param alpha2 A_2, if there are two levels.
    /// @param one What the Schnorr proofs of committed ports add to the scalar of [1]_1.
    /// @param tau And to that of [tau]_1.
    struct Scalars {
        uint256 za;
        uint256 zb;
        uint256 values;
        uint256 folds;
        uint256 eta;
        uint256 cG;
        uint256 alpha2;
        uint256 one;
        uint256 tau;
    }

    /* CHECKS */

    /// @notice V5, V6 and V7.
    /// @param values Where the public values of all samples are, and
    /// @param stride how many bytes those of one are.
    function check(Key memory key, Reduced memory c, Proof memory proof, uint256 values, uint256 stride)
        internal
        view
        returns (bool)
    {
        Scalars memory s;
        if (!_checkFolds(c, proof, s)) return false;
        if (!_checkFinal(c, proof)) return false;
        return _checkPairings(key, c, proof, s, values, stride);
    }

    /* V5 */

    /// @dev V5a: every fold follows from the one before, down to the 8 coefficients. The sums over all folds that V6 needs are taken on
    /// the way.
    function _checkFolds(Reduced memory c, Proof memory proof, Scalars memory s) private view returns (bool) {
        unchecked {
            uint256 x2 = mulmod(c.x, c.x, R);
            s.za = addmod(c.z, R - x2, R);
            s.zb = addmod(mulmod(c.z, c.z, R), R - x2, R);
            s.eta = NetworkMemory.words(proof.folds);

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
                s.eta.put(i, eta);
                if (i > 0) openings = addmod(openings, mulmod(eta, value, R), R);

                uint256 plus = proof.foldValues.word(2 * i);
                uint256 minus = proof.foldValues.word(2 * i + 1);
                uint256 mean = mulmod(plus + minus, HALF, R);
                uint256 difference = mulmod(plus + R - minus, slope, R);
                means = addmod(means, mulmod(eta, mean, R), R);
                slopes = addmod(slopes, mulmod(eta, difference, R), R);
                // v_{i+1} = (1 - r_i) mean + r_i difference
                value = addmod(mean, mulmod(c.point[i], difference + R - mean, R), R);
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
                expected = addmod(mulmod(expected, x2, R), proof.fin.word(i - 1), R);
            }
            return value == expected;
        }
    }

    /// @dev V5b: fin~ at the last three variables is the combination of all values of M4 by powers of rho.
    function _checkFinal(Reduced memory c, Proof memory proof) private pure returns (bool result) {
        uint256 fin = proof.fin;
        uint256 evals = proof.evals;
        uint256 end = proof.foldPoints;
        uint256 rho = c.rho;
        uint256[] memory list = c.point;
        uint256 folds = proof.folds;
        assembly ("memory-safe") {
            function fold(low, high, r) -> value {
                value := addmod(low, mulmod(r, add(high, sub(R, low)), R), R)
            }
            let point := add(list, shl(5, add(folds, 1)))
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
        Reduced memory c,
        Proof memory proof,
        Scalars memory s,
        uint256 values,
        uint256 stride
    ) private view returns (bool) {
        unchecked {
            bool two = key.logRows2 != 0;
            // The pairs, three words of working space for products, and 6 words for each of three SRS powers.
            uint256 pairs = NetworkMemory.words(45);
            uint256 work = pairs + 0x300;
            uint256 srs = work + 0x60;
            // The SRS points come from the table alone.
            Srs.load(0, srs);
            Srs.load(c.shape.logWeights, srs + 0xc0);
            if (two) {
                Srs.load(c.shape.logWeights + key.logRows2, srs + 0x180);
                s.alpha2 = Bn254.power(c.alpha, 1 << key.logRows2);
            }

            // Q is summed up in the working space, and the first pair is written last.
            uint256 scalar = _columns(c, proof, s, pairs);
            scalar = _weights(key, c, proof, s, pairs, scalar);
            _foldsAndOpening(c, proof, s, pairs);
            if (c.shape.committed != 0) _ports(c, proof, s, pairs, scalar, values, stride);
            _schnorr(c, proof, s, pairs, srs, two);

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

    /// @dev za sum eta^{lev(j)} rho^j C_j over all columns from L_0 to S_3, and S_0. All are at level 0, but for Y. Returns za rho^{jG}.
    function _columns(Reduced memory c, Proof memory proof, Scalars memory s, uint256 sum)
        private
        view
        returns (uint256 scalar)
    {
        unchecked {
            // The columns are in order of j, but for S_0, which comes after G.
            scalar = s.za;
            uint256 last = proof.quotients - 64;
            uint256 hat = last - 64 * (4 + 2 * c.shape.products);
            for (uint256 point = proof.limbPoints; point < last; point += 64) {
                uint256 weight = point == hat ? mulmod(scalar, _eta(c, s, c.shape.logWeights), R) : scalar;
                Bn254.accumulate(sum, point, weight);
                scalar = mulmod(scalar, c.rho, R);
            }
            Bn254.accumulate(sum, last, mulmod(scalar, c.rho, R));
        }
    }

    /// @dev cG (C_f + D + alpha C_q1 + A_2 C_q2), the part of D being left to `_schnorr`, and the fixed columns. Sets cG. From za rho^{jG};
    /// returns za rho^j for the first committed port.
    function _weights(
        Key memory key,
        Reduced memory c,
        Proof memory proof,
        Scalars memory s,
        uint256 sum,
        uint256 scalar
    ) private view returns (uint256) {
        unchecked {
            uint256 cG = mulmod(scalar, _eta(c, s, c.shape.logWeights), R);
            s.cG = cG;
            Bn254.accumulate(sum, key.commitment, cG);
            Bn254.accumulate(sum, proof.quotients, mulmod(cG, c.alpha, R));
            if (key.logRows2 != 0) Bn254.accumulate(sum, proof.quotients + 64, mulmod(cG, s.alpha2, R));
            scalar = mulmod(scalar, mulmod(c.rho, c.rho, R), R);
            uint256 level = s.eta.word(c.shape.logSamples);
            for (uint256 i = 0; i < key.fixedCount; i++) {
                Bn254.accumulate(sum, key.fixedPoints + 64 * i, mulmod(scalar, level, R));
                scalar = mulmod(scalar, c.rho, R);
            }
            return scalar;
        }
    }

    /// @dev eta to the power of the level of a polynomial with `bits` variables.
    function _eta(Reduced memory c, Scalars memory s, uint256 bits) private pure returns (uint256) {
        unchecked {
            return s.eta.word(c.shape.variables - bits);
        }
    }

    /// @dev sum_{1<=i<h} (za eta^i + zb eta^{h+i-1}) C_Fi - za zb pi_1 + z pi_2
    function _foldsAndOpening(Reduced memory c, Proof memory proof, Scalars memory s, uint256 sum) private view {
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

    /// @dev N9: the masked tensors of committed ports with the Schnorr proofs for their masks. The s-th has the weight delta^{1+s}.
    function _ports(
        Reduced memory c,
        Proof memory proof,
        Scalars memory s,
        uint256 sum,
        uint256 scalar,
        uint256 values,
        uint256 stride
    ) private view {
        unchecked {
            uint256 weight = c.delta;
            for (uint256 i = 0; i < c.logPorts.length; i++) {
                weight = mulmod(weight, c.delta, R);
                uint256 cS = mulmod(scalar, _eta(c, s, c.logPorts[i]), R);
                scalar = mulmod(scalar, c.rho, R);

                // c_s sum_k mu^k C_s^k
                uint256 point = values + c.offsets[i];
                uint256 power = cS;
                for (uint256 k = 0; k < c.shape.samples; k++) {
                    Bn254.accumulate(sum, point, power);
                    power = mulmod(power, c.mu, R);
                    point += stride;
                }
                // (c_s - weight c_D) D_s - weight A_Ds + weight (ze_0 [1]_1 + ze_1 [tau]_1), the last two being left to `_schnorr`
                uint256 mask = proof.masks + 128 * i;
                Bn254.accumulate(sum, mask, addmod(cS, R - mulmod(weight, c.schnorr, R), R));
                Bn254.accumulate(sum, mask + 64, mulmod(R - 1, weight, R));
                uint256 response = c.shape.levels + 2 + 2 * i;
                s.one = addmod(s.one, mulmod(weight, proof.responses.word(response), R), R);
                s.tau = addmod(s.tau, mulmod(weight, proof.responses.word(response + 1), R), R);
            }
        }
    }

    /// @dev (cG - delta c_D) D - delta A_D + delta (zr_1 [tau]_1 + zr_2 [tau^b]_1 + zr_3 [tau^D]_1)
    ///      + (delta (zr_0 - alpha zr_2 - A_2 zr_3) - (za R_A(z) + zb v_B)) [1]_1
    function _schnorr(Reduced memory c, Proof memory proof, Scalars memory s, uint256 sum, uint256 srs, bool two)
        private
        view
    {
        unchecked {
            uint256 delta = c.delta;
            uint256 d = proof.quotients + (two ? 128 : 64);
            Bn254.accumulate(sum, d, addmod(s.cG, R - mulmod(delta, c.schnorr, R), R));
            Bn254.accumulate(sum, d + 64, mulmod(R - 1, delta, R));

            uint256 response = proof.responses.word(2);
            uint256 one = addmod(proof.responses.word(0), R - mulmod(c.alpha, response, R), R);
            Bn254.accumulate(sum, srs, addmod(s.tau, mulmod(delta, proof.responses.word(1), R), R));
            Bn254.accumulate(sum, srs + 0xc0, mulmod(delta, response, R));
            if (two) {
                response = proof.responses.word(3);
                one = addmod(one, R - mulmod(s.alpha2, response, R), R);
                Bn254.accumulate(sum, srs + 0x180, mulmod(delta, response, R));
            }
            one = addmod(mulmod(delta, one, R) + s.one, R - s.values, R);
            // The generator is (1, 2). Its place is that of the second point of the first pair, which is not needed yet.
            uint256 generator = sum + 0xa0;
            generator.put(0, 1);
            generator.put(1, 2);
            Bn254.accumulate(sum, generator, one);
        }
    }

    /* INTERNAL */

    function _putG2(uint256 to) private pure {
        to.put(0, G2_X1);
        to.put(1, G2_X0);
        to.put(2, G2_Y1);
        to.put(3, G2_Y0);
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
}
