// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {Proof} from "../native/NativeProof.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";
import {NetworkPoint} from "./NetworkPoint.sol";
import {NetworkPrefix} from "./NetworkPrefix.sol";
import {Program} from "./NetworkProgram.sol";
import {Shape} from "./NetworkShape.sol";
import {Challenges} from "./NetworkTranscript.sol";

/// @notice Where the values of M4 are (N5), and what the parts of the summand that are about single rows have in common.
/// @param columns L, then X.
/// @param multiplicities m.
/// @param inverses H, then HT.
/// @param lookups J.
/// @param copies HX, then HV.
/// @param hats Y, then YL, YR.
/// @param masks S_1, S_2, S_3, then G, S_0.
/// @param tables Tout.
/// @param addresses addr, then mult.
/// @param ports X_s.
/// @param powers Where lambda^0, lambda^1, .. up to that of the first operation are.
/// @param gamma2 gamma^2.
/// @param samples SMP: sum 2^i r_i over the variables of the sample.
/// @param odds Where the odds of r_kappa are, the first variable of the position.
/// @param eq The table of the odds of eq(xi, .) for the variables of the position.
/// @param n l - kappa.
/// @param zeros The product of 1 - r_i over these variables.
/// @param inside The sum of eq(k, r) over the samples k < N.
struct Rows {
    uint256 columns;
    uint256 multiplicities;
    uint256 inverses;
    uint256 lookups;
    uint256 copies;
    uint256 hats;
    uint256 masks;
    uint256 tables;
    uint256 addresses;
    uint256 ports;
    uint256 powers;
    uint256 gamma2;
    uint256 samples;
    uint256 odds;
    uint256 eq;
    uint256 n;
    uint256 zeros;
    uint256 inside;
}

/// @title NetworkKinds
/// @notice Reads the forms of kinds, checks them (N1) and evaluates what the summand says of the rows of each kind at r (N6).
/// @dev 5 R < 2^256: sums of up to five scalars are left unreduced where only `mulmod` or `addmod` reads them.
library NetworkKinds {
    using NetworkMemory for uint256;

    /* TYPES */

    /// @dev The sums over kinds, and what the ends of the last one were at.
    /// @param phi sum_j ES_j [..] and
    /// @param looked sum_i SLK_i J_i and
    /// @param read sum_j SR_j HX_j, all three without the factor of the sample and by odds.
    struct Sums {
        uint256 phi;
        uint256 looked;
        uint256 read;
        uint256 last;
        uint256 lastEq;
    }

    /* ROWS */

    /// @notice Where everything is. `odds` are those of r, `equalities` those of eq(xi, .) at r.
    function rows(
        Program memory p,
        Shape memory s,
        Proof memory proof,
        Challenges memory c,
        uint256 odds,
        uint256 equalities
    ) internal pure returns (Rows memory w) {
        unchecked {
            w.columns = proof.evals;
            w.multiplicities = proof.evals + 32 * (s.limbs + s.operands);
            w.inverses = w.multiplicities + 32;
            w.lookups = w.inverses + 32 * (s.limbs + 1);
            w.copies = w.lookups + 32 * s.lookups;
            w.hats = w.copies + 32 * (s.reads == 0 ? 0 : s.reads + 1);
            w.masks = w.hats + 32 + 64 * s.products;
            w.tables = w.masks + 160;
            w.addresses = w.tables + 32 * s.tables;
            w.ports = w.addresses + 32 * (s.reads == 0 ? 0 : s.reads + 1);

            uint256 count = first(p);
            w.powers = NetworkMemory.words(count + 1);
            uint256 power = 1;
            for (uint256 i = 0; i <= count; i++) {
                w.powers.put(i, power);
                power = mulmod(power, c.lambda, order());
            }

            w.gamma2 = mulmod(c.gamma, c.gamma, order());
            uint256 kappa = s.logSamples;
            for (uint256 i = kappa; i > 0; i--) {
                w.samples = addmod(2 * w.samples, c.point.word(i - 1), order());
            }
            w.n = s.variables - kappa;
            w.odds = odds + 32 * kappa;
            w.eq = NetworkPrefix.table(equalities + 32 * kappa, w.n);
            w.zeros = NetworkPrefix.zeros(c.point + 32 * kappa, w.n);
            w.inside = NetworkPoint.interval(1, 0, s.samples, odds);
            w.inside = mulmod(w.inside, NetworkPrefix.zeros(c.point, kappa), order());
        }
    }

    /// @notice eO, the exponent of lambda of the first operation.
    function first(Program memory p) internal pure returns (uint256) {
        unchecked {
            return p.gates + p.lookups + p.reads + p.limbs + 4;
        }
    }

    /* KINDS */

    /// @notice Sums over all kinds. Writes the values of their views, which the records point to.
    function sums(Program memory p, Proof memory proof, Challenges memory c, Rows memory w)
        internal
        pure
        returns (Sums memory z)
    {
        unchecked {
            uint256 at = p.kindsAt;
            for (uint256 i = 0; i < p.kindCount; i++) {
                uint256 record = p.kinds + 128 * i;
                uint256 views = record.word(2);
                uint256 values = NetworkMemory.words(views);
                record.put(3, values);
                at += 9;
                for (uint256 j = 0; j < views; j++) {
                    uint256 value;
                    (value, at) = _form(p, proof.evals, at);
                    values.put(j, value);
                }
                at = _kind(p, proof, c, w, z, record, at);
            }
        }
    }

    /* INTERNAL */

    /// @dev Gates, lookups, `val` and `reads` of a kind, whose record this is.
    function _kind(
        Program memory p,
        Proof memory proof,
        Challenges memory c,
        Rows memory w,
        Sums memory z,
        uint256 record,
        uint256 at
    ) private pure returns (uint256) {
        unchecked {
            uint256 sum;
            (sum, at) = _gates(p, proof.evals, w.powers, at);
            uint256 lookups = at.u8();
            uint256 part;
            (part, at) = _lookups(p, proof.evals, c, w, at);
            sum = addmod(sum, part, order());

            (uint256 val, uint256 reads) = (at.u8(), (at + 1).u8());
            at += 2;
            if ((val != 0xff && val >= record.word(2)) || reads >> p.reads != 0) {
                revert INetworkVerifier.ProgramKind(at - p.start);
            }
            uint256 copies = p.gates + p.lookups;
            uint256 read;
            if (p.reads != 0) {
                (part, read) = _reads(p, c, w, reads, copies);
                sum = addmod(sum, part, order());
                if (val != 0xff) {
                    // l(eV) HV val
                    part = mulmod(w.copies.word(p.reads), record.word(3).word(val), order());
                    sum = addmod(sum, mulmod(w.powers.word(copies + p.reads), part, order()), order());
                }
            }

            (uint256 lo, uint256 hi) = (record.word(0), record.word(1));
            uint256 below = lo == z.last ? z.lastEq : NetworkPrefix.below(w.eq, lo);
            (z.last, z.lastEq) = (hi, NetworkPrefix.below(w.eq, hi));
            z.phi = addmod(z.phi, mulmod(z.lastEq + order() - below, sum, order()), order());
            if (lookups == 0 && reads == 0) return at;
            uint256 span = NetworkPoint.interval(1, lo, hi, w.odds);
            for (uint256 i = 0; i < lookups; i++) {
                z.looked = addmod(z.looked, mulmod(span, w.lookups.word(i), order()), order());
            }
            z.read = addmod(z.read, mulmod(span, read, order()), order());
        }
        return at;
    }

    /// @dev sum_i l(i) (A_i B_i - C_i)
    function _gates(Program memory p, uint256 evals, uint256 powers, uint256 at)
        private
        pure
        returns (uint256 sum, uint256 end)
    {
        unchecked {
            uint256 count = at.u8();
            end = at + 1;
            if (count == 0) return (0, end);
            for (uint256 i = 0; i < count; i++) {
                uint256 a;
                uint256 b;
                (a, end) = _form(p, evals, end);
                (b, end) = _form(p, evals, end);
                a = mulmod(a, b, order());
                (b, end) = _form(p, evals, end);
                sum = addmod(sum, mulmod(powers.word(i), a + order() - b, order()), order());
            }
        }
    }

    /// @dev sum_i l(eJ + i) (J_i (beta + in_i + gamma out_i + gamma^2 id_i) - 1)
    function _lookups(Program memory p, uint256 evals, Challenges memory c, Rows memory w, uint256 at)
        private
        pure
        returns (uint256 sum, uint256 end)
    {
        unchecked {
            uint256 count = at.u8();
            end = at + 1;
            if (count == 0) return (0, end);
            for (uint256 i = 0; i < count; i++) {
                uint256 id = end.u8();
                if (id == 0 || id > p.tables) revert INetworkVerifier.ProgramKind(end - p.start);
                uint256 input;
                uint256 output;
                (input, end) = _form(p, evals, end + 1);
                (output, end) = _form(p, evals, end);
                uint256 tuple = c.beta + input + mulmod(c.gamma, output, order()) + mulmod(w.gamma2, id, order());
                tuple = mulmod(w.lookups.word(i), tuple, order()) + order() - 1;
                sum = addmod(sum, mulmod(w.powers.word(p.gates + i), tuple, order()), order());
            }
        }
    }

    /// @dev sum over X_j that are read of l(eX + j - 1) (HX_j (beta + X_j + gamma addr_j + gamma^2 SMP) - 1), and of HX_j
    function _reads(Program memory p, Challenges memory c, Rows memory w, uint256 reads, uint256 exponent)
        private
        pure
        returns (uint256 sum, uint256 read)
    {
        unchecked {
            if (reads == 0) return (0, 0);
            for (uint256 j = 0; j < p.reads; j++) {
                if (reads >> j & 1 == 0) continue;
                uint256 tuple = c.beta + w.columns.word(p.limbs + j) + mulmod(c.gamma, w.addresses.word(j), order());
                tuple += mulmod(w.gamma2, w.samples, order());
                uint256 inverse = w.copies.word(j);
                read = addmod(read, inverse, order());
                sum = addmod(
                    sum,
                    mulmod(w.powers.word(exponent + j), mulmod(inverse, tuple, order()) + order() - 1, order()),
                    order()
                );
            }
        }
    }

    /// @dev The value of a form: columns ascend, coefficients are not 0.
    function _form(Program memory p, uint256 evals, uint256 at) private pure returns (uint256 value, uint256 end) {
        unchecked {
            uint256 columns = p.limbs + p.operands;
            bool valid;
            assembly ("memory-safe") {
                let m := calldataload(0x04)
                valid := 1
                let next := 0
                let count := byte(0, mload(at))
                at := add(at, 1)
                for {} count { count := sub(count, 1) } {
                    let entry := mload(at)
                    let column := byte(0, entry)
                    let coefficient := sar(192, shl(8, entry))
                    valid := and(valid, lt(lt(column, next), gt(coefficient, 0)))
                    next := add(column, 1)
                    // A negative coefficient is mapped to R - |coefficient|.
                    coefficient := add(coefficient, mul(m, slt(coefficient, 0)))
                    value := addmod(value, mulmod(coefficient, mload(add(evals, shl(5, column))), m), m)
                    at := add(at, 9)
                }
                // The last column is the greatest.
                valid := and(valid, iszero(gt(next, columns)))
                let constant_ := sar(192, mload(at))
                value := addmod(value, add(constant_, mul(m, slt(constant_, 0))), m)
                end := add(at, 8)
            }
            if (!valid) revert INetworkVerifier.ProgramKind(at - p.start);
        }
    }
}
