// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {NetworkAccess} from "./NetworkAccess.sol";
import {NetworkBox} from "./NetworkBox.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";
import {NetworkPoint, Point} from "./NetworkPoint.sol";
import {NetworkProgram, Program} from "./NetworkProgram.sol";

/// @notice The public values of all samples.
/// @param values Where they are in memory.
/// @param samples N.
/// @param mu The base of the weights of samples.
/// @param geometric sum_{k < N} mu^k.
/// @param odds Where the odds of r_0 are in memory.
/// @param variables l.
struct Samples {
    uint256 values;
    uint256 samples;
    uint256 mu;
    uint256 geometric;
    uint256 odds;
    uint256 variables;
}

/// @title NetworkTerms
/// @notice Reads terms and public hats of a program, checks them (N1) and evaluates them: on the public values, or at r (N7).
library NetworkTerms {
    using NetworkBox for uint256;
    using NetworkMemory for uint256;
    using NetworkPoint for Point;

    /* TYPES */

    /// @dev A functional of the elements of a port.
    /// @param port The record of the port.
    /// @param mode What an element is taken for.
    /// @param base What modes 1 and 2 are of; the stride of an index hat.
    /// @param first The first element.
    /// @param count Number of variables.
    /// @param vars Where they are as words: those of accesses, the monomial's value and not its exponents in a word after them.
    /// @param at Where the port is among the public values of a sample.
    /// @param width Bytes of an element.
    /// @param signed Whether elements are signed.
    /// @param q The first position of an index hat.
    /// @param odds Where the odds of the variables of positions of G are.
    struct Box {
        uint256 port;
        uint256 mode;
        uint256 base;
        uint256 first;
        uint256 count;
        uint256 vars;
        uint256 at;
        uint256 width;
        bool signed;
        uint256 q;
        uint256 odds;
    }

    /* CONSTANTS */

    uint256 private constant VALUE = 0;
    uint256 private constant POWER = 1;
    uint256 private constant SUM = 2;

    /// @dev Not in programs: an element of an index hat.
    uint256 private constant POSITION = 3;

    uint256 private constant TERM = 38;
    uint256 private constant GEOMETRIC_HAT = 33;
    uint256 private constant INDEX_HAT = 26;
    uint256 private constant VARIABLE = 20;
    uint256 private constant MAX_VARIABLES = 8;
    uint256 private constant MAX_STRIDE = 1 << 16;
    uint256 private constant MAX_POINTS = 1 << 18;
    uint256 private constant MAX_PIECES = 16_384;
    uint256 private constant MAX_AXIS_PIECES = 64;
    uint256 private constant MASK = 0xffffffffffffffffffffffff;

    /* PUBLIC VALUES */

    /// @notice Whether every element of the public ports is in its range (V1); if not, the index of the first that is not, of its sample.
    function checkRanges(Program memory p, Samples memory s) internal pure returns (bool valid, uint256 index) {
        unchecked {
            for (uint256 i = 0; i < p.portCount; i++) {
                uint256 port = p.ports + 256 * i;
                (uint256 flags, uint256 width, uint256 count) = (port.word(0), port.word(1), port.word(2));
                if (flags & NetworkProgram.COMMITTED != 0) continue;
                (int256 min, int256 max) = (int256(port.word(4)), int256(port.word(5)));
                (int256 least, int256 most) = NetworkProgram.bounds(flags, width);
                bool signed = flags & NetworkProgram.SIGNED != 0;
                // Every element is in a range of everything; but an unsigned one of 8 bytes can be above all bounds.
                bool whole = min == least && max == most && (width != 8 || signed);
                if (whole) {
                    index += count;
                    continue;
                }
                for (uint256 k = 0; k < s.samples; k++) {
                    uint256 bad = _outside(s.values + k * p.stride + port.word(3), width, count, signed, min, max);
                    if (bad != count) return (false, index + bad);
                }
                index += count;
            }
            valid = true;
        }
    }

    /// @dev The index of the first element that is out of range, or `count`.
    function _outside(uint256 at, uint256 width, uint256 count, bool signed, int256 min, int256 max)
        private
        pure
        returns (uint256 index)
    {
        assembly ("memory-safe") {
            let bits := sub(256, shl(3, width))
            for {} lt(index, count) { index := add(index, 1) } {
                let value := mload(at)
                switch signed
                case 0 { value := shr(bits, value) }
                default { value := sar(bits, value) }
                if or(slt(value, min), sgt(value, max)) { break }
                at := add(at, width)
            }
        }
    }

    /* TERMS */

    /// @notice The sum of the terms of the list at `at` on public ports, without the power of lambda. What the terms on a committed port are
    /// at r is added to its record, times `weight`.
    function list(Program memory p, Point memory q, Samples memory s, uint256 at, uint256 weight)
        internal
        pure
        returns (uint256 sum, uint256 end)
    {
        unchecked {
            uint256 count = at.u8();
            at++;
            uint256 free;
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            for (uint256 i = 0; i < count; i++) {
                if (at >= p.end) revert INetworkVerifier.ProgramLength(p.end - p.start);
                uint256 value;
                (value, at) = _term(p, q, s, at, weight);
                sum = addmod(sum, value, order());
                assembly ("memory-safe") {
                    mstore(0x40, free)
                }
            }
            end = at;
        }
    }

    function _term(Program memory p, Point memory q, Samples memory s, uint256 at, uint256 weight)
        private
        pure
        returns (uint256 value, uint256 end)
    {
        unchecked {
            Box memory b;
            uint256 port = at.u8();
            b.mode = (at + 1).u8();
            int256 coefficient = (at + 2).i64();
            bool valid = port < p.portCount && b.mode <= SUM && coefficient != 0;
            if (!valid) revert INetworkVerifier.ProgramTerm(at - p.start);
            port = p.ports + 256 * port;
            b.port = port;
            b.first = (at + 34).u32();
            uint256 flags = port.word(0);
            uint256 base = (at + 22).word(0) >> 160;
            if (b.mode == VALUE) valid = base == 0;
            else valid = flags & NetworkProgram.INDEX != 0;
            if (!valid || !_variables(q, b, at + TERM)) revert INetworkVerifier.ProgramTerm(at - p.start);
            end = at + TERM + 1 + VARIABLE * b.count;

            value = coefficient < 0 ? order() - uint256(-coefficient) : uint256(coefficient);
            value = mulmod(value, q.monomial(((at + 10).word(0) >> 160) & MASK), order());
            if (flags & NetworkProgram.COMMITTED != 0) {
                // E_s
                value = mulmod(value, _committed(p, q, s, b, at), order());
                port.put(7, addmod(port.word(7), mulmod(weight, value, order()), order()));
                return (0, end);
            }
            _countPoints(p, q, b, at);
            b.base = q.monomial(base);
            value = mulmod(value, _samples(p, s, b), order());
        }
    }

    /// @dev Reads the list of variables at `at`: their words, and their weights. False if it is not canonical, or if an element that it
    /// reaches is outside of the port.
    function _variables(Point memory q, Box memory b, uint256 at) private pure returns (bool valid) {
        unchecked {
            uint256 count = at.u8();
            if (count > MAX_VARIABLES) return false;
            at++;
            b.count = count;
            b.vars = NetworkMemory.words(2 * count);
            uint256 last = b.first;
            valid = true;
            for (uint256 i = 0; i < count; i++) {
                uint256 variable = at.word(0);
                (uint256 size, uint256 stride) = (variable >> 224, (variable >> 96) & 0xffffffff);
                valid = valid && size != 0 && stride != 0 && stride <= MAX_STRIDE;
                last += (size - 1) * stride;
                // As in an access: size, monomial, no target, stride.
                b.vars.put(i, (variable >> 128) << 128 | stride << 88);
                b.vars.put(count + i, q.monomial((variable >> 128) & MASK));
                at += VARIABLE;
            }
            valid = valid && last < b.port.word(2);
        }
    }

    /// @dev Sizes are at most the count of the port, or `_variables` has refused them.
    function _countPoints(Program memory p, Point memory q, Box memory b, uint256 at) private pure {
        unchecked {
            uint256 points = 1;
            for (uint256 i = 0; i < b.count; i++) {
                points *= b.vars.word(i) >> 224;
            }
            q.points += points;
            if (points > MAX_POINTS || q.points > MAX_POINTS) revert INetworkVerifier.ProgramLimit(at - p.start);
        }
    }

    /// @dev The weights of a term on a committed port at r (N9) by odds, but for coefficient and monomial.
    function _committed(Program memory p, Point memory q, Samples memory s, Box memory b, uint256 at)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 main;
            uint256 others;
            uint256 pieces = 1;
            uint256 variable;
            for (uint256 i = 0; i < b.count; i++) {
                variable = b.vars.word(i);
                uint256 stride = (variable >> 88) & 0xffffffff;
                if (stride & (stride - 1) != 0) revert INetworkVerifier.ProgramTerm(at - p.start);
                pieces *= variable >> 224;
                // The first of the greatest. Indices have 1 added.
                if (main == 0 || variable >> 224 > b.vars.word(main - 1) >> 224) main = i + 1;
            }
            for (uint256 i = 0; i < b.count; i++) {
                if (i + 1 != main) others |= 1 << i;
            }
            variable = 0;
            if (main != 0) {
                variable = b.vars.word(main - 1);
                pieces /= variable >> 224;
            }
            q.pieces += pieces;
            if (pieces > MAX_AXIS_PIECES || q.pieces > MAX_PIECES) revert INetworkVerifier.ProgramLimit(at - p.start);
            uint256 level = s.variables - b.port.word(6);
            return NetworkAccess.port(q, b.vars, variable, others, b.first, b.port.word(2), s.odds + 32 * level);
        }
    }

    /* HATS */

    /// @notice The public hat at `at`, at r and by odds: its weight on positions of G. And the positions that it claims, [lo, hi).
    function hat(Program memory p, Point memory q, Samples memory s, uint256 at)
        internal
        pure
        returns (uint256 value, uint256 lo, uint256 hi, uint256 end)
    {
        uint256 kind = at.u8();
        if (kind == 0) return _geometricHat(p, q, s, at);
        if (kind != 1) revert INetworkVerifier.ProgramHat(at - p.start);
        return _indexHat(p, q, s, at);
    }

    function _geometricHat(Program memory p, Point memory q, Samples memory s, uint256 at)
        private
        pure
        returns (uint256 value, uint256 lo, uint256 hi, uint256 end)
    {
        unchecked {
            lo = (at + 1).u32();
            hi = lo + (at + 5).u32();
            bool valid = 2 <= lo && lo < hi && hi <= p.weightEnd;
            uint256 step = ((at + 9).word(0) >> 160) & MASK;
            value = mulmod(s.geometric, q.monomial(((at + 21).word(0) >> 160) & MASK), order());
            uint256 count = (at + GEOMETRIC_HAT).u8();
            valid = valid && count <= MAX_VARIABLES;
            if (!valid) revert INetworkVerifier.ProgramHat(at - p.start);
            end = at + GEOMETRIC_HAT + 1;
            for (uint256 i = 0; i < count; i++) {
                uint256 sum = end.word(0);
                if (sum >> 224 == 0) revert INetworkVerifier.ProgramHat(at - p.start);
                value = mulmod(value, NetworkPoint.geometric(q.monomial((sum >> 128) & MASK), sum >> 224), order());
                end += 16;
            }
            uint256 first = s.odds + 32 * (s.variables - p.logWeights);
            value = mulmod(value, q.run(step, 0, hi - lo, int256(lo), first), order());
        }
    }

    function _indexHat(Program memory p, Point memory q, Samples memory s, uint256 at)
        private
        pure
        returns (uint256 value, uint256 lo, uint256 hi, uint256 end)
    {
        unchecked {
            Box memory b;
            (lo, b.base) = ((at + 1).u32(), (at + 5).u32());
            uint256 port = (at + 9).u8();
            b.first = (at + 22).u32();
            if (port >= p.portCount || b.base == 0) revert INetworkVerifier.ProgramHat(at - p.start);
            port = p.ports + 256 * port;
            b.port = port;
            hi = lo + b.base * port.word(5) + 1;
            bool valid = port.word(0) & NetworkProgram.INDEX != 0 && 2 <= lo && hi <= p.weightEnd;
            if (!valid || !_variables(q, b, at + INDEX_HAT)) revert INetworkVerifier.ProgramHat(at - p.start);
            end = at + INDEX_HAT + 1 + VARIABLE * b.count;
            _countPoints(p, q, b, at);

            b.mode = POSITION;
            b.q = lo;
            b.odds = s.odds + 32 * (s.variables - p.logWeights);
            value = mulmod(q.monomial(((at + 10).word(0) >> 160) & MASK), _samples(p, s, b), order());
        }
    }

    /* BOXES */

    /// @dev sum_k mu^k (the sum over the box for sample k), from the last sample to the first. Values are summed over the last variable at
    /// once.
    function _samples(Program memory p, Samples memory s, Box memory b) private pure returns (uint256 sum) {
        unchecked {
            b.width = b.port.word(1);
            b.signed = b.port.word(0) & NetworkProgram.SIGNED != 0;
            uint256 outer = b.count;
            if (b.mode == VALUE && outer != 0) outer--;
            uint256 box = NetworkBox.make(outer);
            for (uint256 i = 0; i < outer; i++) {
                uint256 variable = b.vars.word(i);
                box.add(variable >> 224, (variable >> 88) & 0xffffffff, b.vars.word(b.count + i));
            }
            uint256 offset = s.values + b.port.word(3);
            for (uint256 k = s.samples; k > 0; k--) {
                b.at = offset + (k - 1) * p.stride;
                sum = addmod(mulmod(sum, s.mu, order()), _box(b, box, outer), order());
            }
        }
    }

    /// @dev The sum over all variables for one sample.
    function _box(Box memory b, uint256 box, uint256 outer) private pure returns (uint256 sum) {
        unchecked {
            bool more = true;
            while (more) {
                uint256 value = _inner(b, b.first + box.sum(), outer);
                sum = addmod(sum, mulmod(box.product(), value, order()), order());
                more = box.next();
            }
        }
    }

    /// @dev The sum over the last variable, from this element on, or what the element counts for if there is none.
    function _inner(Box memory b, uint256 element, uint256 outer) private pure returns (uint256) {
        unchecked {
            if (outer == b.count) return _value(b, element);
            uint256 variable = b.vars.word(outer);
            (uint256 size, uint256 stride) = (variable >> 224, (variable >> 88) & 0xffffffff);
            uint256 last = b.at + (element + stride * (size - 1)) * b.width;
            return _horner(last, size, stride * b.width, b.width, b.signed, b.vars.word(b.count + outer));
        }
    }

    /// @dev sum_{i < size} base^i (the element `i * step` bytes after the first), where `at` is the last. Unsigned elements of two bytes that
    /// are one after the other are read sixteen at a time.
    function _horner(uint256 at, uint256 size, uint256 step, uint256 width, bool signed, uint256 base)
        private
        pure
        returns (uint256 sum)
    {
        assembly ("memory-safe") {
            let m := calldataload(0x04)
            let bits := sub(256, shl(3, width))
            switch signed
            case 0 {
                if and(eq(step, 2), eq(width, 2)) {
                    for {} gt(size, 15) { size := sub(size, 16) } {
                        // The last element is lowest in the word that ends with it.
                        let elements := mload(sub(at, 30))
                        at := sub(at, 32)
                        sum := add(mulmod(sum, base, m), and(elements, 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(16, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(32, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(48, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(64, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(80, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(96, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(112, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(128, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(144, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(160, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(176, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(192, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(208, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), and(shr(224, elements), 0xffff))
                        sum := add(mulmod(sum, base, m), shr(240, elements))
                    }
                }
                for {} size { size := sub(size, 1) } {
                    sum := add(mulmod(sum, base, m), shr(bits, mload(at)))
                    at := sub(at, step)
                }
            }
            default {
                for {} size { size := sub(size, 1) } {
                    let value := sar(bits, mload(at))
                    // A negative value is mapped to R - |value|.
                    sum := add(mulmod(sum, base, m), add(value, mul(m, slt(value, 0))))
                    at := sub(at, step)
                }
            }
            sum := mod(sum, m)
        }
    }

    /// @dev What an element counts for. Indices are unsigned.
    function _value(Box memory b, uint256 element) private pure returns (uint256 value) {
        unchecked {
            value = _horner(b.at + element * b.width, 1, 0, b.width, b.signed, 0);
            if (b.mode == VALUE) return value;
            if (b.mode == POWER) return NetworkPoint.raised(b.base, value);
            if (b.mode == SUM) return NetworkPoint.geometric(b.base, value);
            return NetworkPoint.equal(b.q + b.base * value, b.odds);
        }
    }
}
