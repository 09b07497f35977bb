// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {NetworkMemory} from "./NetworkMemory.sol";

/// @notice The first half of a program (docs/protocol-networks.md, N1): its header, and its kinds, tensors and ports as records in memory.
/// @param start Where the program is in memory.
/// @param end Where it ends.
/// @param limbs ell, the number of byte columns.
/// @param operands nx.
/// @param lookups nj.
/// @param reads nr.
/// @param tables F.
/// @param rows R.
/// @param weightEnd qend.
/// @param productEnd pend: 2 if there is no product op.
/// @param positions P.
/// @param logWeights nu.
/// @param gates g, the greatest number of gates of a kind.
/// @param kindCount Number of kinds.
/// @param kinds Their records, four words each: lo, hi, number of views, where the values of the views are.
/// @param kindsAt Where the kinds are in the program.
/// @param tensorCount Number of tensors.
/// @param tensors Where the record of each is: kind, base, number of axes; for each axis its dimension, the index of its first element among
/// those that its bits can name (0, but for the first axis), and its shift.
/// @param portCount Number of ports.
/// @param ports Their records, eight words each: flags, width, count, offset in the public values, min, max, nu_s of a committed one, E_s.
/// @param committed Number of committed ports.
/// @param logPorts The greatest nu_s.
/// @param stride The length of the public values of one sample.
/// @param operations Where the relations are in the program.
struct Program {
    uint256 start;
    uint256 end;
    uint256 limbs;
    uint256 operands;
    uint256 lookups;
    uint256 reads;
    uint256 tables;
    uint256 rows;
    uint256 weightEnd;
    uint256 productEnd;
    uint256 positions;
    uint256 logWeights;
    uint256 gates;
    uint256 kindCount;
    uint256 kinds;
    uint256 kindsAt;
    uint256 tensorCount;
    uint256 tensors;
    uint256 portCount;
    uint256 ports;
    uint256 committed;
    uint256 logPorts;
    uint256 stride;
    uint256 operations;
}

/// @title NetworkProgram
/// @notice Reads what a program says before its operations, and checks it (N1, V1). Forms of kinds are left to `NetworkKinds`.
library NetworkProgram {
    using NetworkMemory for uint256;

    /* CONSTANTS */

    uint256 private constant HEADER = 21;
    uint256 private constant MAX_LENGTH = 98_304;
    uint256 private constant MAX_KINDS = 64;
    uint256 private constant MAX_VIEWS = 32;
    uint256 private constant MAX_GATES = 16;
    uint256 private constant MAX_TENSORS = 1024;
    uint256 private constant MAX_AXES = 6;
    uint256 private constant MAX_DIMENSION = 1 << 26;
    uint256 private constant MAX_PORTS = 16;
    uint256 private constant MAX_COMMITTED = 4;

    uint256 internal constant OUTPUT = 1;
    uint256 internal constant COMMITTED = 2;
    uint256 internal constant SIGNED = 4;
    uint256 internal constant INDEX = 8;

    /* READING */

    /// @notice Reads the program of `length` bytes at `start` up to its operations.
    function load(uint256 start, uint256 length) internal pure returns (Program memory p) {
        if (length < HEADER || length > MAX_LENGTH) revert INetworkVerifier.ProgramLength(length);
        p.start = start;
        p.end = start + length;
        _header(p);
        uint256 at = _kinds(p, start + HEADER);
        at = _tensors(p, at);
        p.operations = _ports(p, at);
    }

    /* INTERNAL */

    function _header(Program memory p) private pure {
        unchecked {
            uint256 at = p.start;
            (p.limbs, p.operands, p.lookups) = (at.u8(), (at + 1).u8(), (at + 2).u8());
            (p.reads, p.tables, p.rows) = ((at + 3).u8(), (at + 4).u8(), (at + 5).u32());
            (p.weightEnd, p.productEnd, p.positions) = ((at + 9).u32(), (at + 13).u32(), (at + 17).u32());
            bool valid = p.limbs >= 4 && p.limbs <= 32 && p.operands <= 4 && p.lookups <= 2 && p.reads <= p.operands;
            valid = valid && p.tables <= 253 && (p.lookups == 0) == (p.tables == 0);
            valid = valid && p.rows >= 1 && p.rows <= 1 << 20 && p.weightEnd >= 2 && p.weightEnd <= 1 << 20;
            valid = valid && p.positions >= 256 * (p.tables + 2) && p.positions <= 1 << 26;
            valid = valid && p.productEnd >= 2 && p.productEnd <= p.positions;
            if (!valid) revert INetworkVerifier.ProgramHeader();
            uint256 nu = p.weightEnd.log2();
            p.logWeights = nu < 4 ? 4 : nu;
            if (p.rows << p.logWeights > 1 << 28) revert INetworkVerifier.ProgramHeader();
        }
    }

    /// @dev Intervals and numbers of parts; their forms are passed over.
    function _kinds(Program memory p, uint256 at) private pure returns (uint256) {
        unchecked {
            uint256 count = at.u8();
            if (count > MAX_KINDS) revert INetworkVerifier.ProgramHeader();
            at++;
            p.kindCount = count;
            p.kindsAt = at;
            if (count == 0) return at;
            uint256 record = NetworkMemory.words(4 * count);
            p.kinds = record;
            uint256 last = 2;
            uint256 end = p.end;
            for (uint256 i = 0; i < count; i++) {
                (uint256 lo, uint256 hi, uint256 views) = (at.u32(), (at + 4).u32(), (at + 8).u8());
                bool valid = last <= lo && lo < hi && hi <= p.positions && views != 0 && views <= MAX_VIEWS;
                last = hi;
                at = _pass(at + 9, views, end);
                uint256 gates = at.u8();
                at = _pass(at + 1, 3 * gates, end);
                uint256 lookups = at.u8();
                if (!valid || gates > MAX_GATES || lookups > p.lookups) {
                    revert INetworkVerifier.ProgramKind(at - p.start);
                }
                at++;
                for (uint256 j = 0; j < lookups; j++) {
                    at = _pass(at + 1, 2, end);
                }
                at += 2;
                if (gates > p.gates) p.gates = gates;
                record.put(0, lo);
                record.put(1, hi);
                record.put(2, views);
                record += 128;
            }
        }
        return at;
    }

    /// @dev The end of `count` forms. None begins behind the end of the program: memory there would be paid for.
    function _pass(uint256 at, uint256 count, uint256 end) private pure returns (uint256) {
        assembly ("memory-safe") {
            for {} and(lt(at, end), gt(count, 0)) { count := sub(count, 1) } {
                at := add(at, add(9, mul(9, byte(0, mload(at)))))
            }
        }
        if (count != 0 || at > end) revert INetworkVerifier.ProgramEnd();
        return at;
    }

    function _tensors(Program memory p, uint256 at) private pure returns (uint256) {
        unchecked {
            uint256 count = at.u16();
            if (count > MAX_TENSORS) revert INetworkVerifier.ProgramHeader();
            at += 2;
            p.tensorCount = count;
            if (count == 0) return at;
            p.tensors = NetworkMemory.words(count);
            uint256 intervals = NetworkMemory.words(count);
            for (uint256 i = 0; i < count; i++) {
                (uint256 kind, uint256 base, uint256 axes) = (at.u8(), (at + 1).u32(), (at + 5).u8());
                if (kind >= p.kindCount || axes == 0 || axes > MAX_AXES) {
                    revert INetworkVerifier.ProgramTensor(at - p.start);
                }
                at += 6;
                kind = p.kinds + 128 * kind;
                uint256 record = NetworkMemory.words(3 + 3 * axes);
                p.tensors.put(i, record);
                record.put(0, kind);
                record.put(1, base);
                record.put(2, axes);
                uint256 shift;
                uint256 first;
                bool valid = true;
                for (uint256 j = axes; j > 0; j--) {
                    first = (at + 4 * (j - 1)).u32();
                    valid = valid && first != 0 && first <= MAX_DIMENSION;
                    uint256 axis = record + 96 * j;
                    axis.put(0, first);
                    axis.put(2, shift);
                    if (j > 1 && valid) {
                        shift += first.log2();
                    }
                }
                at += 4 * axes;
                // The lowest bits of the base are those of the other axes.
                valid = valid && shift <= 26 && base & ((1 << shift) - 1) == 0;
                if (valid) {
                    record.put(4, base >> shift);
                    uint256 end = base + (first << shift);
                    valid = kind.word(0) <= base && end <= kind.word(1) && intervals.claim(i, base, end);
                }
                if (!valid) revert INetworkVerifier.ProgramTensor(at - p.start);
            }
        }
        return at;
    }

    function _ports(Program memory p, uint256 at) private pure returns (uint256) {
        unchecked {
            uint256 count = at.u8();
            if (count > MAX_PORTS) revert INetworkVerifier.ProgramHeader();
            at++;
            p.portCount = count;
            if (count == 0) return at;
            uint256 record = NetworkMemory.words(8 * count);
            p.ports = record;
            uint256 total;
            uint256 outputs;
            for (uint256 i = 0; i < count; i++) {
                (uint256 flags, uint256 width, uint256 elements) = (at.u8(), (at + 1).u8(), (at + 2).u32());
                if (!_isPort(at, flags, width, elements) || flags & OUTPUT < outputs) {
                    revert INetworkVerifier.ProgramPort(at - p.start);
                }
                outputs = flags & OUTPUT;
                total += elements;
                record.put(0, flags);
                record.put(1, width);
                record.put(2, elements);
                record.put(3, p.stride);
                record.put(4, uint256((at + 6).i64()));
                record.put(5, uint256((at + 14).i64()));
                if (flags & COMMITTED != 0) {
                    uint256 bits = (elements + 2).log2();
                    if (bits < 4) bits = 4;
                    record.put(6, bits);
                    if (bits > p.logPorts) p.logPorts = bits;
                    p.committed++;
                    p.stride += 64;
                } else {
                    p.stride += width * elements;
                }
                record += 256;
                at += 22;
            }
            if (total > 1 << 17 || p.committed > MAX_COMMITTED) revert INetworkVerifier.ProgramPort(at - p.start);
        }
        return at;
    }

    function _isPort(uint256 at, uint256 flags, uint256 width, uint256 count) private pure returns (bool) {
        unchecked {
            if (flags > 15 || (width != 1 && width != 2 && width != 4 && width != 8)) return false;
            if (count == 0 || count > 1 << 16) return false;
            (int256 least, int256 most) = bounds(flags, width);
            (int256 min, int256 max) = ((at + 6).i64(), (at + 14).i64());
            if (min < least || min > max || max > most) return false;
            return flags & INDEX == 0 || (flags & (SIGNED | COMMITTED) == 0 && min == 0 && max < 1 << 20);
        }
    }

    /// @notice The least and the greatest integer that an element of a port can encode, as far as bounds go: those of an unsigned port of 8
    /// bytes are below 2^63.
    function bounds(uint256 flags, uint256 width) internal pure returns (int256 least, int256 most) {
        unchecked {
            uint256 bits = 8 * width;
            if (flags & SIGNED != 0) {
                most = int256(1 << (bits - 1)) - 1;
                least = -most - 1;
            } else {
                most = int256(1 << (bits == 64 ? 63 : bits)) - 1;
            }
        }
    }
}
