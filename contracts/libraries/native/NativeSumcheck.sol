// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Bn254, HALF, R, SIXTH} from "./Bn254.sol";
import {Key} from "./NativeKey.sol";
import {NativePrefix} from "./NativePrefix.sol";
import {Proof} from "./NativeProof.sol";
import {Statement} from "./NativeStatement.sol";
import {Challenges} from "./NativeTranscript.sol";

/// @title NativeSumcheck
/// @notice V3 and V4 of docs/protocol.md, §7: the rounds take the claim about a sum to a claim about a point, and the evaluations meet it.
/// @dev 5 R < 2^256: sums of up to five scalars are left unreduced where only `mulmod`, `addmod` or `mod` reads them.
library NativeSumcheck {
    /* TYPES */

    /// @dev Powers of challenges that both the claim and the public functions need.
    /// @param lambda Where lambda^0 .. lambda^{ell+5+L} are.
    /// @param next alpha^{s_{l+1}}, indexed by l.
    /// @param constants sum of theta^{c_l}.
    struct Powers {
        uint256 lambda;
        uint256[] next;
        uint256 constants;
    }

    /// @dev The public functions at the point r.
    struct Functions {
        uint256 a;
        uint256 b;
        uint256 e;
        uint256 s;
        uint256 hi;
        uint256 nw;
        uint256 m;
        uint256 es;
        uint256 table;
        uint256 index;
    }

    /* CHECKS */

    /// @notice V3 and V4.
    function check(Key memory key, Statement memory statement, Proof memory proof, Challenges memory c)
        internal
        pure
        returns (bool)
    {
        Powers memory powers = _powers(key, c);
        uint256 claim = _claim(key, statement, proof, c, powers);
        claim = _rounds(proof, c, claim);
        Functions memory f = _functions(key, proof, c, powers);
        return claim == _phi(key, proof, c, powers, f);
    }

    /* THE CLAIM */

    function _powers(Key memory key, Challenges memory c) private pure returns (Powers memory powers) {
        unchecked {
            uint256 layers = key.layers;
            uint256 lambda = c.lambda;
            uint256 count = key.limbs + 6 + layers;
            uint256 at;
            assembly ("memory-safe") {
                at := mload(0x40)
                let end := add(at, shl(5, count))
                mstore(0x40, end)
                let power := 1
                for { let to := at } lt(to, end) { to := add(to, 0x20) } {
                    mstore(to, power)
                    power := mulmod(power, lambda, R)
                }
            }
            powers.lambda = at;

            uint256[] memory next = new uint256[](layers + 1);
            uint256 constants;
            for (uint256 l = 1; l <= layers; l++) {
                uint256 start = key.starts[l + 1];
                next[l] = Bn254.power(c.alpha, start);
                // c_l = s_{l+1} - 1
                constants = addmod(constants, Bn254.power(c.theta, start - 1), R);
            }
            powers.next = next;
            powers.constants = constants;
        }
    }

    /// @dev Claim_0 of §6, M3.
    function _claim(
        Key memory key,
        Statement memory statement,
        Proof memory proof,
        Challenges memory c,
        Powers memory powers
    ) private pure returns (uint256 claim) {
        unchecked {
            uint256 outputs;
            uint256 inputs;
            uint256 samples = proof.samples;
            uint256 theta2 = mulmod(c.theta, c.theta, R);

            // sum_k mu^k (..) from the last sample to the first. What a committed side has is a point: it adds nothing here (§10).
            uint256 end = statement.values + statement.length;
            for (uint256 k = 0; k < samples; k++) {
                uint256 start = end - statement.stride;
                uint256 middle = start + statement.middle;
                if (!key.committedOutputs) {
                    outputs = addmod(mulmod(outputs, c.mu, R), _outputs(middle, end, c.alpha), R);
                }
                uint256 sample = powers.constants;
                if (!key.committedInputs) sample += mulmod(theta2, _inputs(start, middle, c.theta), R);
                inputs = addmod(mulmod(inputs, c.mu, R), sample, R);
                end = start;
            }

            // lambda_L alpha^{act}, where act = s_{L+1}.
            uint256 weight = mulmod(_word(powers.lambda, key.limbs + 5 + key.layers), powers.next[key.layers], R);
            claim = R - mulmod(weight, outputs, R);
            claim += mulmod(_word(powers.lambda, key.limbs + 5), inputs, R);
            claim += mulmod(c.zeta, _word(proof.sigma, 0), R);
            claim %= R;
        }
    }

    /// @dev sum_i alpha^i o_i for the signed integers of 8 bytes from `from` to `to`.
    function _outputs(uint256 from, uint256 to, uint256 alpha) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            for {} gt(to, from) {} {
                to := sub(to, 8)
                let value := sar(192, mload(to))
                // A negative value is mapped to r - |value|.
                sum := add(mulmod(sum, alpha, R), add(value, mul(R, slt(value, 0))))
            }
            sum := mod(sum, R)
        }
    }

    /// @dev sum_i theta^i x_i for the integers of 2 bytes from `from` to `to`.
    function _inputs(uint256 from, uint256 to, uint256 theta) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            function step(value, base, word) -> result {
                result := add(mulmod(value, base, R), and(word, 0xffff))
            }
            // Until what is left is whole words of 16 values each.
            for {} and(sub(to, from), 0x1f) {} {
                to := sub(to, 2)
                sum := step(sum, theta, shr(240, mload(to)))
            }
            for {} gt(to, from) {} {
                to := sub(to, 0x20)
                let word := mload(to)
                sum := step(sum, theta, word)
                sum := step(sum, theta, shr(16, word))
                sum := step(sum, theta, shr(32, word))
                sum := step(sum, theta, shr(48, word))
                sum := step(sum, theta, shr(64, word))
                sum := step(sum, theta, shr(80, word))
                sum := step(sum, theta, shr(96, word))
                sum := step(sum, theta, shr(112, word))
                sum := step(sum, theta, shr(128, word))
                sum := step(sum, theta, shr(144, word))
                sum := step(sum, theta, shr(160, word))
                sum := step(sum, theta, shr(176, word))
                sum := step(sum, theta, shr(192, word))
                sum := step(sum, theta, shr(208, word))
                sum := step(sum, theta, shr(224, word))
                sum := step(sum, theta, shr(240, word))
            }
            sum := mod(sum, R)
        }
    }

    /* THE ROUNDS */

    /// @dev V3: the claim after each round is the cubic through (0, e0), (1, claim - e0), (2, e2), (3, e3) at r_i.
    function _rounds(Proof memory proof, Challenges memory c, uint256 claim) private pure returns (uint256 result) {
        uint256 message = proof.rounds;
        uint256 end = proof.evals;
        uint256 point = c.point;
        result = claim;
        assembly ("memory-safe") {
            for {} lt(message, end) { message := add(message, 0x60) } {
                let t := mload(point)
                point := add(point, 0x20)
                let e0 := mload(message)
                let e1 := addmod(result, sub(R, e0), R)
                // t - 1, t - 2, t - 3, not reduced.
                let t1 := add(t, sub(R, 1))
                let t2 := add(t, sub(R, 2))
                let t3 := add(t, sub(R, 3))
                let low := mulmod(t, t1, R)
                let high := mulmod(t2, t3, R)
                // (e3 t (t-1) (t-2) - e0 (t-1) (t-2) (t-3)) / 6
                let sixth := mulmod(mload(add(message, 0x40)), mulmod(low, t2, R), R)
                sixth := add(sixth, sub(R, mulmod(e0, mulmod(t1, high, R), R)))
                // (e1 t (t-2) (t-3) - e2 t (t-1) (t-3)) / 2
                let half := mulmod(e1, mulmod(t, high, R), R)
                half := add(half, sub(R, mulmod(mload(add(message, 0x20)), mulmod(low, t3, R), R)))
                result := addmod(mulmod(sixth, SIXTH, R), mulmod(half, HALF, R), R)
            }
        }
    }

    /* THE POINT */

    /// @dev V4: the public functions at r. The low kappa variables are those of the sample, the others those of the position.
    function _functions(Key memory key, Proof memory proof, Challenges memory c, Powers memory powers)
        private
        pure
        returns (Functions memory f)
    {
        unchecked {
            uint256 logSamples = proof.logSamples;
            uint256 n = key.logPositions;
            uint256 positions = c.point + 32 * logSamples;

            // M
            f.m = NativePrefix.at(NativePrefix.powers(c.mu, c.point, logSamples), logSamples, proof.samples);

            // ES: eq is the product of the part of the sample, over all K of them, and the part of the position.
            uint256 table = NativePrefix.equality(c.xi, c.point, logSamples);
            f.es = NativePrefix.all(table, logSamples);
            table = NativePrefix.equality(c.xi + 32 * logSamples, positions, n);
            f.es = mulmod(f.es, NativePrefix.interval(table, n, 2, key.positions), R);

            _pieces(key, c, powers, positions, f);

            // T and I: sum of 2^i r_i, over the lowest 8 variables and over all.
            uint256 sum;
            for (uint256 i = 0; i < proof.variables; i++) {
                sum = addmod(sum, mulmod(1 << i, _word(c.point, i), R), R);
                if (i == 7) f.table = sum;
            }
            f.index = sum;
        }
    }

    /// @dev A, B, E, S, HI, NW at r_kappa .. r_{l-1}, layer by layer.
    function _pieces(Key memory key, Challenges memory c, Powers memory powers, uint256 point, Functions memory f)
        private
        pure
    {
        unchecked {
            uint256 n = key.logPositions;
            uint256 one = NativePrefix.powers(1, point, n);
            uint256 alpha = NativePrefix.powers(c.alpha, point, n);
            uint256 theta = NativePrefix.powers(c.theta, point, n);
            bool saturating = key.bounds.length != 0;

            // The prefix up to s_l.
            uint256 before = NativePrefix.at(one, n, 2);
            f.s = addmod(NativePrefix.at(one, n, key.positions), R - before, R);
            // The inputs and the first constant wire are one interval.
            f.e = NativePrefix.interval(theta, n, 2, key.starts[2]);

            for (uint256 l = 1; l <= key.layers; l++) {
                uint256 next = key.starts[l + 1];
                uint256 lambda = _word(powers.lambda, key.limbs + 5 + l);
                uint256 upTo = NativePrefix.at(one, n, next);
                uint256 weight = mulmod(lambda, powers.next[l], R);
                f.b = addmod(f.b, mulmod(weight, upTo + R - before, R), R);
                before = upTo;
                if (l > 1) f.e = addmod(f.e, NativePrefix.single(theta, n, next - 1), R);

                if (l < key.layers) {
                    uint256 end = next + key.dims[l];
                    f.a = addmod(f.a, mulmod(lambda, NativePrefix.interval(alpha, n, next, end), R), R);
                    if (saturating) {
                        uint256 bound = key.bounds[l];
                        uint256 neurons = addmod(NativePrefix.at(one, n, end), R - upTo, R);
                        f.hi = addmod(f.hi, mulmod(bound, neurons, R), R);
                        if (bound == 255) f.nw = addmod(f.nw, neurons, R);
                    }
                }
            }
        }
    }

    /// @dev Phi of §6, M3 at r, from the evaluations of M4.
    function _phi(Key memory key, Proof memory proof, Challenges memory c, Powers memory powers, Functions memory f)
        private
        pure
        returns (uint256 phi)
    {
        unchecked {
            uint256 limbs = key.limbs;
            uint256 evals = proof.evals;
            // H_0 .. H_ell, then S_1, S_2, S_3, G, S_0.
            uint256 sums = evals + 32 * (limbs + 1);
            uint256 masks = sums + 32 * (limbs + 1);

            // y, w, v, z of §5.
            uint256 y = addmod(_word(evals, 1), mulmod(1 << 8, _word(evals, 2), R), R);
            uint256 w = _threeBytes(evals, 3);
            uint256 v = limbs == 9 ? _threeBytes(evals, 6) : 0;
            uint256 z = addmod(mulmod(1 << 8, y + v + R - w, R), _word(evals, 0) + R - (1 << 7), R);

            // sum_c lambda^c (H_c (beta + L_c) - 1), and sum_c H_c
            uint256 bracket;
            uint256 total;
            for (uint256 i = 0; i < limbs; i++) {
                uint256 h = _word(sums, i);
                total = addmod(total, h, R);
                uint256 term = mulmod(h, c.beta + _word(evals, i), R) + R - 1;
                bracket = addmod(bracket, mulmod(_word(powers.lambda, i), term, R), R);
            }
            // lambda^ell (H_ell (beta + T) - m)
            uint256 table = mulmod(_word(sums, limbs), c.beta + f.table, R) + R - _word(evals, limbs);
            bracket += mulmod(_word(powers.lambda, limbs), table, R);
            // lambda^{ell+1} y w
            bracket += mulmod(_word(powers.lambda, limbs + 1), mulmod(y, w, R), R);
            if (limbs == 9) {
                // lambda^{ell+2} v (HI - y) + lambda^{ell+3} NW L_2
                bracket += mulmod(_word(powers.lambda, limbs + 2), mulmod(v, f.hi + R - y, R), R);
                bracket += mulmod(_word(powers.lambda, limbs + 3), mulmod(f.nw, _word(evals, 2), R), R);
            }
            // ES [..]: the loop left one scalar, and at most four more were added to it.
            phi = mulmod(f.es, bracket, R);

            // lambda^{ell+4} S (sum_c H_c - H_ell)
            total = addmod(total, R - _word(sums, limbs), R);
            phi += mulmod(_word(powers.lambda, limbs + 4), mulmod(f.s, total, R), R);

            // M [A z - B G y + lambda^{ell+5} E y]
            uint256 wire = mulmod(f.b, _word(masks, 3), R);
            wire = mulmod(_word(powers.lambda, limbs + 5), f.e, R) + R - wire;
            phi += mulmod(f.m, addmod(mulmod(f.a, z, R), mulmod(wire, y, R), R), R);

            // zeta (S_1 + I S_2 + I^2 S_3)
            uint256 mask = mulmod(f.index, _word(masks, 2), R) + _word(masks, 1);
            mask = mulmod(f.index, mask, R) + _word(masks, 0);
            phi += mulmod(c.zeta, mask, R);
            if (key.sides != 0) phi += _committed(key, proof, c, powers);
            phi %= R;
        }
    }

    /// @dev Z (lambda_L E_o Ohat - lambda^{ell+5} E_x Xhat) of §10 at r, with the evaluations at the end of M4.
    function _committed(Key memory key, Proof memory proof, Challenges memory c, Powers memory powers)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            uint256 n = key.logPositions;
            uint256 point = c.point + 32 * proof.logSamples;
            uint256 first = 2 * key.limbs + 7;
            if (key.committedInputs) {
                uint256 theta = NativePrefix.powers(c.theta, point, n);
                uint256 weight = mulmod(_word(powers.lambda, key.limbs + 5), _word(proof.evals, first), R);
                sum = R - mulmod(weight, NativePrefix.interval(theta, n, 2, 2 + key.dims[0]), R);
                first++;
            }
            if (key.committedOutputs) {
                uint256 alpha = NativePrefix.powers(c.alpha, point, n);
                uint256 weight = mulmod(_word(powers.lambda, key.limbs + 5 + key.layers), _word(proof.evals, first), R);
                // act = s_{L+1}
                weight = mulmod(weight, Bn254.power(c.alpha, key.starts[key.layers + 1] - 2), R);
                sum += mulmod(weight, NativePrefix.interval(alpha, n, 2, 2 + key.dims[key.layers]), R);
            }
            sum %= R;
            // Z is 1 for the first sample and 0 for the others.
            for (uint256 i = 0; i < proof.logSamples; i++) {
                sum = mulmod(sum, 1 + R - _word(c.point, i), R);
            }
        }
    }

    /* INTERNAL */

    /// @dev e_i + 2^8 e_{i+1} + 2^16 e_{i+2}
    function _threeBytes(uint256 evals, uint256 i) private pure returns (uint256) {
        unchecked {
            uint256 high = mulmod(1 << 16, _word(evals, i + 2), R) + mulmod(1 << 8, _word(evals, i + 1), R);
            return addmod(high, _word(evals, i), R);
        }
    }

    /// @dev The word `index` of those at `at`.
    function _word(uint256 at, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(at, shl(5, index)))
        }
    }
}
