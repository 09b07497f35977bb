// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {NetworkBox} from "./NetworkBox.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";
import {Access, Axis, NetworkPoint, Point} from "./NetworkPoint.sol";
import {Program} from "./NetworkProgram.sol";
import {NetworkTriangle} from "./NetworkTriangle.sol";

/// @title NetworkAccess
/// @notice Reads the accesses of a program, checks them (N1) and evaluates them at r (N7).
/// @dev A variable is the word that starts where it does: size in 4 bytes, monomial in 12, target in 1, stride in 4.
library NetworkAccess {
    using NetworkBox for uint256;
    using NetworkMemory for uint256;
    using NetworkPoint for Point;

    /* CONSTANTS */

    uint256 private constant NONE = 0xff;
    uint256 private constant LANE = 0xfe;
    uint256 private constant VARIABLE = 21;
    uint256 private constant MAX_VARIABLES = 8;
    uint256 private constant MAX_STEP = 0x4000000;

    /// @dev Where the offsets of an access begin.
    uint256 private constant OFFSETS = 24;

    uint256 private constant MAX_TRIANGLE = 1 << 20;
    uint256 private constant MAX_ACCESSES = 1024;
    uint256 private constant MAX_PIECES = 16_384;
    uint256 private constant MAX_AXIS_PIECES = 64;

    uint256 private constant TRIANGLE_PIECES = 8;

    /// @dev An odd number without pattern: keys times this are spread over their highest bits.
    uint256 private constant SPREAD = 0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95;

    /* LISTS */

    /// @notice The sum of the accesses of the list at `at`, each with the value of its view, without the factor of the sample; and what
    /// comes after them.
    /// @dev `q.single` says whether they are accesses of hats, which have one view.
    function list(Program memory p, Point memory q, uint256 at)
        internal
        pure
        returns (uint256 sum, uint256 count, uint256 end)
    {
        unchecked {
            count = at.u16();
            at += 2;
            uint256 free;
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            for (uint256 i = 0; i < count; i++) {
                if (at >= p.end) revert INetworkVerifier.ProgramLength(p.end - p.start);
                if (++q.accesses > MAX_ACCESSES) revert INetworkVerifier.ProgramLimit(at - p.start);
                uint256 value;
                (value, at) = _evaluate(p, q, at);
                sum = addmod(sum, value, order());
                // Nothing of an access is needed after it.
                assembly ("memory-safe") {
                    mstore(0x40, free)
                }
            }
            end = at;
        }
    }

    /* INTERNAL */

    function _evaluate(Program memory p, Point memory q, uint256 at) private pure returns (uint256 value, uint256 end) {
        unchecked {
            uint256 tensor = at.u16();
            if (tensor >= p.tensorCount) revert INetworkVerifier.ProgramAccess(at - p.start);
            tensor = p.tensors.word(tensor);
            bool valid;
            uint256 factor;
            (valid, value, factor) = _head(q.single, tensor, at);
            // Accesses of one relation often differ in coefficient, monomial and view alone: what the others say is remembered. A lane is not,
            // since which views it reaches depends on the first.
            uint256 slot;
            uint256 known;
            uint256 key;
            {
                uint256 boxes = q.boxes;
                assembly ("memory-safe") {
                    let offsets := add(at, OFFSETS)
                    end := add(offsets, shl(2, mload(add(tensor, 0x40))))
                    let count := byte(2, mload(end))
                    valid := and(valid, lt(count, 9))
                    end := add(end, add(3, mul(VARIABLE, count)))
                    mstore(0x00, tensor)
                    mstore(0x20, keccak256(offsets, sub(end, offsets)))
                    key := keccak256(0x00, 0x40)
                    slot := add(boxes, mul(0x60, and(key, 31)))
                    known := eq(mload(slot), key)
                }
            }
            if (!valid) revert INetworkVerifier.ProgramAccess(at - p.start);
            uint256 box;
            if (known != 0) {
                box = slot.word(1);
                q.pieces += slot.word(2);
                if (q.pieces > MAX_PIECES) revert INetworkVerifier.ProgramLimit(at - p.start);
            } else {
                uint256 before = q.pieces;
                Access memory a = q.access;
                box = _box(p, q, a, tensor, at);
                if (a.lane == 0) {
                    slot.put(0, key);
                    slot.put(1, box);
                    slot.put(2, q.pieces - before);
                } else {
                    factor = _lanes(q, a);
                }
            }
            value = mulmod(mulmod(value, box, order()), factor, order());
            uint256 mono = (at.word(0) >> 64) & 0xffffffffffffffffffffffff;
            if (mono != 0) value = mulmod(value, q.monomial(mono), order());
        }
    }

    /// @dev Views and coefficient, which are one or two values and one.
    function _head(bool single, uint256 tensor, uint256 at)
        private
        pure
        returns (bool valid, uint256 coefficient, uint256 factor)
    {
        assembly ("memory-safe") {
            let head := mload(at)
            let kind := mload(tensor)
            let views := mload(add(kind, 0x40))
            let values := mload(add(kind, 0x60))
            let view1 := byte(2, head)
            let view2 := byte(3, head)
            valid := lt(view1, views)
            factor := mload(add(values, shl(5, view1)))
            if iszero(eq(view2, NONE)) {
                valid := and(valid, and(lt(view2, views), iszero(single)))
                factor := mulmod(factor, mload(add(values, shl(5, view2))), calldataload(0x04))
            }
            coefficient := sar(192, shl(32, head))
            valid := and(valid, gt(coefficient, 0))
            // A negative coefficient is mapped to R - |coefficient|.
            coefficient := add(coefficient, mul(calldataload(0x04), slt(coefficient, 0)))
        }
    }

    /// @dev What an access says besides its coefficient, its monomial and its views: its variables, offsets and triangle.
    function _box(Program memory p, Point memory q, Access memory a, uint256 tensor, uint256 at)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            _layOut(a, tensor, at);
            if (!_variables(q, a) || !_checkTriangle(a)) revert INetworkVerifier.ProgramAccess(at - p.start);
            value = a.sums;
            uint256 pieces = q.pieces;
            if (a.row != NONE) {
                value = mulmod(value, _triangle(q, a), order());
                pieces += TRIANGLE_PIECES;
            }
            uint256 done = a.done;
            uint256 axis = q.axes;
            uint256 offsets = a.offsets;
            for (uint256 end = tensor + 96 * tensor.word(2); tensor != end; offsets += 4) {
                tensor += 96;
                int256 offset = offsets.i32();
                if (uint256(offset + int256(MAX_STEP)) > 2 * MAX_STEP) {
                    revert INetworkVerifier.ProgramAccess(at - p.start);
                }
                uint256 main = axis.word(0);
                uint256 others = axis.word(1) & 0xff;
                uint256 taken = done & 1;
                axis += 64;
                pieces++;
                done >>= 1;
                if (taken == 1) continue;
                uint256 factor;
                if (others == 0) {
                    factor = _axis(q, main, tensor, offset);
                } else {
                    uint256 count = _count(a.vars, others);
                    pieces += count - 1;
                    if (count > MAX_AXIS_PIECES || pieces > MAX_PIECES) {
                        revert INetworkVerifier.ProgramLimit(at - p.start);
                    }
                    factor = _several(q, a.vars, main, others, tensor, offset);
                }
                value = mulmod(value, factor, order());
            }
            q.pieces = pieces;
            if (pieces > MAX_PIECES) revert INetworkVerifier.ProgramLimit(at - p.start);
        }
    }

    /// @dev Where everything is.
    function _layOut(Access memory a, uint256 tensor, uint256 at) private pure {
        unchecked {
            uint256 view1 = (at + 2).u8();
            uint256 kind = tensor.word(0);
            a.tensor = tensor;
            a.views = kind.word(3) + 32 * view1;
            a.left = kind.word(2) - view1;
            a.second = (at + 3).u8() != NONE;
            (a.done, a.lane, a.sums) = (0, 0, 1);
            a.offsets = at + OFFSETS;
            at = a.offsets + 4 * tensor.word(2);
            (a.row, a.column, a.count) = (at.u8(), (at + 1).u8(), (at + 2).u8());
            a.vars = at + 3;
        }
    }

    /// @dev Sorts the variables by their targets: the main variable of each axis and the others (N7), the lane, and those without target,
    /// whose sums are taken at once. For each axis there is the word of its main variable; and in one word the index of that with 1 added,
    /// from bit 8 on, and a mask of the others.
    function _variables(Point memory q, Access memory a) private pure returns (bool valid) {
        unchecked {
            uint256 mains = q.axes;
            uint256 axes = a.tensor.word(2);
            assembly ("memory-safe") {
                calldatacopy(mains, calldatasize(), 0x180)
            }
            uint256 at = a.vars;
            uint256 count = a.count;
            (uint256 row, uint256 column) = (a.row, a.column);
            valid = (row == NONE && column == NONE) || (row < count && column < count && row != column);
            for (uint256 i = 0; i < count; i++) {
                uint256 variable = at.word(0);
                uint256 target = (variable >> 120) & 0xff;
                uint256 stride = (variable >> 88) & 0xffffffff;
                at += VARIABLE;
                assembly ("memory-safe") {
                    let size := shr(224, variable)
                    valid := and(valid, lt(sub(size, 1), MAX_STEP))
                    valid := and(valid, or(eq(target, NONE), lt(sub(stride, 1), MAX_STEP)))
                }
                if (target < axes) {
                    if (i == row || i == column) {
                        // Its axis is the triangle's alone: nobody comes after it, nor was there anybody before.
                        if (a.done >> target & 1 == 1) return false;
                        a.done |= 1 << target;
                        continue;
                    }
                    assembly ("memory-safe") {
                        let slot := add(mains, shl(6, target))
                        let main := mload(slot)
                        let others := mload(add(slot, 0x20))
                        // The first of the greatest with a stride that is a power of two.
                        let less := and(gt(main, 0), iszero(gt(shr(224, variable), shr(224, main))))
                        switch or(less, gt(and(stride, sub(stride, 1)), 0))
                        case 0 {
                            let former := shr(1, shl(shr(8, others), 1))
                            mstore(slot, variable)
                            mstore(add(slot, 0x20), or(shl(8, add(i, 1)), or(and(others, 0xff), former)))
                        }
                        default { mstore(add(slot, 0x20), or(others, shl(i, 1))) }
                    }
                    continue;
                }
                if (target == NONE) {
                    if (stride != 0) return false;
                    if (i == row || i == column) continue;
                    uint256 sum = NetworkPoint.geometric(q.monomial(_mono(variable)), variable >> 224);
                    a.sums = mulmod(a.sums, sum, order());
                    continue;
                }
                if (target != LANE || a.lane != 0 || a.second || stride * ((variable >> 224) - 1) >= a.left) {
                    return false;
                }
                a.lane = variable;
            }
        }
    }

    /// @dev N7: both of stride 1 and of one size, each alone on an axis of this dimension with offset 0, or on none; not both on none.
    function _checkTriangle(Access memory a) private pure returns (bool) {
        unchecked {
            if (a.row == NONE) return true;
            if (a.done == 0) return false;
            uint256 size = _size(a.vars, a.row);
            return size <= MAX_TRIANGLE && size == _size(a.vars, a.column) && _isSide(a, a.row) && _isSide(a, a.column);
        }
    }

    function _isSide(Access memory a, uint256 index) private pure returns (bool) {
        unchecked {
            uint256 variable = _variable(a.vars, index);
            uint256 target = (variable >> 120) & 0xff;
            if (target == NONE) return true;
            // Lanes have been sorted out: one of these two that is a lane is on no axis here.
            if (target == 0 || target == LANE || (variable >> 88) & 0xffffffff != 1) return false;
            for (uint256 i = 0; i < a.count; i++) {
                if (i != index && (_variable(a.vars, i) >> 120) & 0xff == target) return false;
            }
            uint256 dimension = (a.tensor + 96 * (target + 1)).word(0);
            return (a.offsets + 4 * target).i32() == 0 && dimension == variable >> 224;
        }
    }

    /// @dev The number of pieces of an axis: at most 8 sizes of at most 2^26.
    function _count(uint256 vars, uint256 others) private pure returns (uint256 count) {
        unchecked {
            count = 1;
            for (uint256 i = 0; others >> i != 0; i++) {
                if (others >> i & 1 == 1) count *= _size(vars, i);
            }
        }
    }

    /// @dev With a lane: the sum of the views of all lanes, each with its weight.
    function _lanes(Point memory q, Access memory a) private pure returns (uint256 sum) {
        unchecked {
            uint256 base = q.monomial(_mono(a.lane));
            uint256 stride = (a.lane >> 88) & 0xffffffff;
            for (uint256 i = a.lane >> 224; i > 0; i--) {
                sum = addmod(mulmod(sum, base, order()), a.views.word(stride * (i - 1)), order());
            }
        }
    }

    /* AXES */

    /// @dev The factor of the axis with this record, by odds, where there is no other variable than the main one. Accesses have many axes in
    /// common: it is remembered.
    function _axis(Point memory q, uint256 main, uint256 record, int256 offset) private pure returns (uint256 value) {
        unchecked {
            // Size, monomial, target and stride, where the axis is in memory, and its offset: 232 bits, never 0.
            uint256 key = (main >> 88) << 64 | record << 32 | uint256(offset) & 0xffffffff;
            uint256 slot = q.known;
            uint256 found;
            assembly ("memory-safe") {
                slot := add(slot, shl(6, shr(250, mul(key, SPREAD))))
                found := eq(mload(slot), key)
                value := mload(add(slot, 0x20))
            }
            if (found != 0) return value;
            value = _piece(q, main, record.word(0), record.word(1), q.r + 32 * record.word(2), offset);
            slot.put(0, key);
            slot.put(1, value);
        }
    }

    /// @dev The same where there are others.
    function _several(Point memory q, uint256 vars, uint256 main, uint256 others, uint256 record, int256 offset)
        private
        pure
        returns (uint256)
    {
        unchecked {
            Axis memory x = q.axis;
            (x.vars, x.width, x.main, x.size) = (vars, VARIABLE, main, record.word(0));
            (x.start, x.odds) = (record.word(1), q.r + 32 * record.word(2));
            return _enumerate(q, x, others, offset);
        }
    }

    /// @notice The factor of an axis of `size` elements from position 2 on, by the odds of its variables: that of a term on a committed port
    /// (N9). Its variables are words as in accesses, one after the other; the main one is `main`, 0 for none, and the others are in a mask.
    function port(Point memory q, uint256 vars, uint256 main, uint256 others, uint256 first, uint256 size, uint256 odds)
        internal
        pure
        returns (uint256)
    {
        Axis memory x = q.axis;
        (x.vars, x.width, x.main, x.size, x.start, x.odds) = (vars, 32, main, size, 2, odds);
        return _enumerate(q, x, others, int256(first));
    }

    /// @dev The sum over all values of the variables in `others`.
    function _enumerate(Point memory q, Axis memory x, uint256 others, int256 offset)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            uint256 box = NetworkBox.make(MAX_VARIABLES);
            for (uint256 i = 0; others >> i != 0; i++) {
                if (others >> i & 1 == 0) continue;
                uint256 variable = (x.vars + x.width * i).word(0);
                box.add(variable >> 224, (variable >> 88) & 0xffffffff, q.monomial(_mono(variable)));
            }
            bool more = true;
            while (more) {
                uint256 piece = _piece(q, x.main, x.size, x.start, x.odds, offset + int256(box.sum()));
                sum = addmod(sum, mulmod(box.product(), piece, order()), order());
                more = box.next();
            }
        }
    }

    /// @dev The sum over the main variable, from this offset.
    function _piece(Point memory q, uint256 main, uint256 dimension, uint256 start, uint256 odds, int256 offset)
        private
        pure
        returns (uint256)
    {
        unchecked {
            int256 last = int256(dimension) - 1 - offset;
            if (main == 0) {
                if (offset < 0 || last < 0) return 0;
                return NetworkPoint.equal(uint256(offset) + start, odds);
            }
            uint256 stride = (main >> 88) & 0xffffffff;
            int256 size = int256(main >> 224);
            main = _mono(main);
            if (stride == 1) {
                int256 to = last < size ? last + 1 : size;
                int256 from = offset < 0 ? -offset : int256(0);
                if (from >= to) return 0;
                return q.run(main, uint256(from), uint256(to), offset + int256(start), odds);
            }
            uint256 e = stride.log2();
            int256 lo = -(offset >> e);
            if (lo < 0) lo = 0;
            int256 hi = (last >> e) + 1;
            if (size < hi) hi = size;
            if (lo >= hi) return 0;
            offset += int256(start);
            // The lowest e bits are those of the remainder.
            uint256 rest = NetworkPoint.equal(uint256(offset) & (stride - 1), odds);
            return mulmod(rest, q.run(main, uint256(lo), uint256(hi), offset >> e, odds + 32 * e), order());
        }
    }

    /* TRIANGLES */

    /// @dev The factor of both variables of the triangle, in place of those of their axes and sums.
    function _triangle(Point memory q, Access memory a) private pure returns (uint256) {
        uint256 size = _size(a.vars, a.row);
        uint256 bits = size.log2();
        uint256 rows = _factors(q, a, a.row, bits);
        return NetworkTriangle.sum(rows, _factors(q, a, a.column, bits), bits, size);
    }

    function _factors(Point memory q, Access memory a, uint256 index, uint256 bits) private pure returns (uint256) {
        unchecked {
            uint256 variable = _variable(a.vars, index);
            uint256 target = (variable >> 120) & 0xff;
            uint256 base = q.monomial(_mono(variable));
            if (target == NONE) return NetworkTriangle.broadcast(base, bits);
            return NetworkTriangle.powers(base, q.r + 32 * (a.tensor + 96 * (target + 1)).word(2), bits);
        }
    }

    /* VARIABLES */

    function _variable(uint256 vars, uint256 index) private pure returns (uint256 variable) {
        assembly ("memory-safe") {
            variable := mload(add(vars, mul(VARIABLE, index)))
        }
    }

    function _size(uint256 vars, uint256 index) private pure returns (uint256 size) {
        assembly ("memory-safe") {
            size := shr(224, mload(add(vars, mul(VARIABLE, index))))
        }
    }

    function _mono(uint256 variable) private pure returns (uint256) {
        return (variable >> 128) & 0xffffffffffffffffffffffff;
    }
}
