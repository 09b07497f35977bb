// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {NetworkBox} from "./NetworkBox.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";
import {Access, Axis, NetworkPoint, Point} from "./NetworkPoint.sol";
import {NetworkPrefix} from "./NetworkPrefix.sol";
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
    uint256 private constant MAX_STEP = 1 << 26;
    uint256 private constant MAX_TRIANGLE = 1 << 20;
    uint256 private constant MAX_ACCESSES = 1024;
    uint256 private constant MAX_PIECES = 16_384;
    uint256 private constant MAX_AXIS_PIECES = 64;

    /// @dev In place of a table: it is made when a piece needs it.
    uint256 private constant LATER = 1;
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
            Access memory a = q.access;
            (a.second, a.done, a.lane) = (false, 0, 0);
            if (!_head(p, q, a, at)) revert INetworkVerifier.ProgramAccess(at - p.start);
            end = a.vars + VARIABLE * a.count;

            // Accesses of one relation often differ in coefficient, monomial and view alone: what the others say is remembered. A lane is not,
            // since which views it reaches depends on the first.
            uint256 slot = q.boxes;
            bytes32 key;
            {
                uint256 tensor = a.tensor;
                uint256 from = a.offsets;
                assembly ("memory-safe") {
                    mstore(0x00, tensor)
                    mstore(0x20, keccak256(from, sub(end, from)))
                    key := keccak256(0x00, 0x40)
                    slot := add(slot, mul(0x60, and(key, 31)))
                }
            }
            if (slot.word(0) == uint256(key)) {
                value = slot.word(1);
                q.pieces += slot.word(2);
                if (q.pieces > MAX_PIECES) revert INetworkVerifier.ProgramLimit(at - p.start);
            } else {
                uint256 before = q.pieces;
                value = _box(p, q, a, at);
                if (a.lane == 0) {
                    slot.put(0, uint256(key));
                    slot.put(1, value);
                    slot.put(2, q.pieces - before);
                }
            }
            value = mulmod(mulmod(a.value, value, order()), _view(q, a), order());
        }
    }

    /// @dev What an access says besides its coefficient, its monomial and its view: its variables, offsets and triangle.
    function _box(Program memory p, Point memory q, Access memory a, uint256 at) private pure returns (uint256 value) {
        unchecked {
            if (!_variables(q, a) || !_checkTriangle(a)) revert INetworkVerifier.ProgramAccess(at - p.start);
            if (!_checkPieces(q, a)) revert INetworkVerifier.ProgramLimit(at - p.start);
            value = a.sums;
            if (a.row != NONE) value = mulmod(value, _triangle(q, a), order());
            uint256 axes = a.tensor.word(2);
            for (uint256 j = 0; j < axes; j++) {
                if (a.done >> j & 1 == 0) value = mulmod(value, _axis(q, a, j), order());
            }
        }
    }

    /// @dev Tensor, views, coefficient, monomial, offsets, triangle.
    function _head(Program memory p, Point memory q, Access memory a, uint256 at) private pure returns (bool valid) {
        unchecked {
            uint256 head = at.word(0);
            uint256 tensor = head >> 240;
            if (tensor >= p.tensorCount) return false;
            tensor = p.tensors.word(tensor);
            a.tensor = tensor;
            uint256 kind = tensor.word(0);
            (uint256 view1, uint256 view2, uint256 views) = ((head >> 232) & 0xff, (head >> 224) & 0xff, kind.word(2));
            if (view1 >= views) return false;
            a.views = kind.word(3) + 32 * view1;
            a.left = views - view1;
            (a.factor, a.sums) = (1, 1);
            if (view2 != NONE) {
                if (view2 >= views || q.single) return false;
                a.second = true;
                a.factor = kind.word(3).word(view2);
            }
            int256 coefficient = (at + 4).i64();
            if (coefficient == 0) return false;
            a.value = coefficient < 0 ? order() - uint256(-coefficient) : uint256(coefficient);
            a.value = mulmod(a.value, q.monomial((head >> 64) & 0xffffffffffffffffffffffff), order());

            at += 24;
            a.offsets = at;
            uint256 axes = tensor.word(2);
            valid = true;
            for (uint256 j = 0; j < axes; j++) {
                int256 offset = at.i32();
                valid = valid && offset <= int256(MAX_STEP) && offset >= -int256(MAX_STEP);
                at += 4;
            }
            (a.row, a.column, a.count) = (at.u8(), (at + 1).u8(), (at + 2).u8());
            a.vars = at + 3;
            valid = valid && a.count <= MAX_VARIABLES;
            if (a.row == NONE && a.column == NONE) return valid;
            valid = valid && a.row < a.count && a.column < a.count && a.row != a.column;
        }
    }

    /// @dev Sorts the variables by their targets: the main variable of each axis and the others (N7), the lane, and those without target,
    /// whose sums are taken at once.
    function _variables(Point memory q, Access memory a) private pure returns (bool valid) {
        unchecked {
            uint256 mains = q.axes;
            uint256 others = mains + 192;
            uint256 axes = a.tensor.word(2);
            assembly ("memory-safe") {
                calldatacopy(mains, calldatasize(), 0x180)
            }
            uint256 at = a.vars;
            uint256 count = a.count;
            valid = true;
            for (uint256 i = 0; i < count; i++) {
                uint256 variable = at.word(0);
                uint256 size = variable >> 224;
                uint256 target = (variable >> 120) & 0xff;
                uint256 stride = (variable >> 88) & 0xffffffff;
                at += VARIABLE;
                valid = valid && size != 0 && size <= MAX_STEP;
                if (target == NONE) {
                    valid = valid && stride == 0;
                    if (i == a.row || i == a.column) continue;
                    a.sums = mulmod(a.sums, NetworkPoint.geometric(q.monomial(_mono(variable)), size), order());
                    continue;
                }
                valid = valid && stride != 0 && stride <= MAX_STEP;
                if (target == LANE) {
                    if (a.lane != 0 || a.second || stride * (size - 1) >= a.left) return false;
                    a.lane = variable;
                    continue;
                }
                if (target >= axes) return false;
                if (i == a.row || i == a.column) {
                    // Its axis is the triangle's alone: nobody comes after it, nor was there anybody before.
                    if (a.done >> target & 1 == 1) return false;
                    a.done |= 1 << target;
                    continue;
                }
                uint256 main = mains.word(target);
                // The first of the greatest with a stride that is a power of two. Indices are stored with 1 added.
                if (stride & (stride - 1) == 0 && (main == 0 || size > _size(a.vars, main - 1))) {
                    mains.put(target, i + 1);
                    if (main != 0) others.put(target, others.word(target) | 1 << (main - 1));
                } else {
                    others.put(target, others.word(target) | 1 << i);
                }
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

    /// @dev The number of pieces on each axis, and in all.
    function _checkPieces(Point memory q, Access memory a) private pure returns (bool) {
        unchecked {
            uint256 others = q.axes + 192;
            uint256 axes = a.tensor.word(2);
            uint256 sum = a.row == NONE ? axes : axes + TRIANGLE_PIECES;
            for (uint256 j = 0; j < axes; j++) {
                uint256 mask = others.word(j);
                if (mask == 0) continue;
                // At most 8 sizes of at most 2^26.
                uint256 pieces = 1;
                for (uint256 i = 0; mask >> i != 0; i++) {
                    if (mask >> i & 1 == 1) pieces *= _size(a.vars, i);
                }
                if (pieces > MAX_AXIS_PIECES) return false;
                sum += pieces - 1;
            }
            q.pieces += sum;
            return q.pieces <= MAX_PIECES;
        }
    }

    /// @dev The value of the view; with a lane the sum of the views of all lanes, each with its weight.
    function _view(Point memory q, Access memory a) private pure returns (uint256 sum) {
        unchecked {
            if (a.lane == 0) return mulmod(a.views.word(0), a.factor, order());
            uint256 base = q.monomial(_mono(a.lane));
            uint256 stride = (a.lane >> 88) & 0xffffffff;
            for (uint256 i = a.lane >> 224; i > 0; i--) {
                sum = addmod(mulmod(sum, base, order()), a.views.word(stride * (i - 1)), order());
            }
        }
    }

    /* AXES */

    /// @dev The factor of axis `j`. Accesses have many axes in common: what has no other variables than the main one is remembered.
    function _axis(Point memory q, Access memory a, uint256 j) private pure returns (uint256 value) {
        unchecked {
            uint256 record = a.tensor + 96 * (j + 1);
            int256 offset = (a.offsets + 4 * j).i32();
            uint256 main = q.axes.word(j);
            if (main != 0) main = _variable(a.vars, main - 1);
            uint256 others = (q.axes + 192).word(j);
            if (others != 0) {
                _layOut(q, a, j, record, main);
                return _enumerate(q, q.axis, others, offset);
            }

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
            _layOut(q, a, j, record, main);
            value = _piece(q, q.axis, offset);
            slot.put(0, key);
            slot.put(1, value);
        }
    }

    /// @dev There is one axis at a time, and memory for one.
    function _layOut(Point memory q, Access memory a, uint256 j, uint256 record, uint256 main) private pure {
        unchecked {
            Axis memory x = q.axis;
            x.table = 0;
            uint256 shift = record.word(2);
            (x.vars, x.width, x.main, x.size) = (a.vars, VARIABLE, main, record.word(0));
            x.start = j == 0 ? a.tensor.word(1) >> shift : 0;
            x.r = q.r + 32 * shift;
            x.n = j == 0 ? q.n - shift : record.word(1);
        }
    }

    /// @notice The factor of an axis of `size` elements from position 2 on, at the n variables at `r`: that of a term on a committed port
    /// (N9). Its variables are words as in accesses, one after the other; the main one is `main`, 0 for none, and the others are in a mask.
    function port(
        Point memory q,
        uint256 vars,
        uint256 main,
        uint256 others,
        uint256 first,
        uint256 size,
        uint256 r,
        uint256 n
    ) internal pure returns (uint256) {
        Axis memory x = q.axis;
        (x.vars, x.width, x.main, x.size, x.start, x.r, x.n) = (vars, 32, main, size, 2, r, n);
        x.table = 0;
        return _enumerate(q, x, others, int256(first));
    }

    /// @dev The sum over all values of the variables in `others`.
    function _enumerate(Point memory q, Axis memory x, uint256 others, int256 offset)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            if (others == 0) return _piece(q, x, offset);
            x.table = LATER;
            uint256 box = NetworkBox.make(MAX_VARIABLES);
            for (uint256 i = 0; others >> i != 0; i++) {
                if (others >> i & 1 == 0) continue;
                uint256 variable = (x.vars + x.width * i).word(0);
                box.add(variable >> 224, (variable >> 88) & 0xffffffff, q.monomial(_mono(variable)));
            }
            bool more = true;
            while (more) {
                uint256 piece = _piece(q, x, offset + int256(box.sum()));
                sum = addmod(sum, mulmod(box.product(), piece, order()), order());
                more = box.next();
            }
        }
    }

    /// @dev The sum over the main variable, from this offset.
    function _piece(Point memory q, Axis memory x, int256 offset) private pure returns (uint256) {
        unchecked {
            int256 last = int256(x.size) - 1 - offset;
            if (x.main == 0) {
                if (offset < 0 || last < 0) return 0;
                return NetworkPoint.equal(uint256(offset) + x.start, x.r, x.n);
            }
            uint256 e = ((x.main >> 88) & 0xffffffff).log2();
            int256 lo = -(offset >> e);
            if (lo < 0) lo = 0;
            int256 hi = (last >> e) + 1;
            int256 size = int256(x.main >> 224);
            if (size < hi) hi = size;
            if (lo >= hi) return 0;
            offset += int256(x.start);
            // The lowest e bits are those of the remainder.
            uint256 low = e < x.n ? e : x.n;
            uint256 rest = e == 0 ? 1 : NetworkPoint.equal(uint256(offset) & ((1 << e) - 1), x.r, low);
            return mulmod(rest, _run(q, x, uint256(lo), uint256(hi), offset >> e, low), order());
        }
    }

    /// @dev sum_{lo <= i < hi} B^i eq(i + shift, the variables from `low` on), B the main variable's monomial.
    function _run(Point memory q, Axis memory x, uint256 lo, uint256 hi, int256 shift, uint256 low)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 mono = _mono(x.main);
            uint256 r = x.r + 32 * low;
            if (x.table == 0) return q.run(mono, lo, hi, shift, r, x.n - low);
            if (x.table == LATER) x.table = NetworkPrefix.powers(q.monomial(mono), r, x.n - low);
            (lo, hi) = (uint256(int256(lo) + shift), uint256(int256(hi) + shift));
            return mulmod(NetworkPrefix.interval(x.table, x.n - low, lo, hi), q.shifted(mono, shift), order());
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
