// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice Finds the ports of a program: what encodes public values, and where the operations begin. For tests: it passes over everything
/// else, and believes it.
library NetworkPorts {
    struct Port {
        bool committed;
        bool signed;
        uint256 width;
        uint256 count;
    }

    /// @return list The ports.
    /// @return end What comes after them, in bytes.
    function read(bytes memory program) internal pure returns (Port[] memory list, uint256 end) {
        uint256 at = 21;
        uint256 count = _u(program, at++, 1);
        for (uint256 i = 0; i < count; i++) {
            at = _forms(program, at + 9, _u(program, at + 8, 1));
            at = _forms(program, at + 1, 3 * _u(program, at, 1));
            uint256 lookups = _u(program, at++, 1);
            for (uint256 j = 0; j < lookups; j++) {
                at = _forms(program, at + 1, 2);
            }
            at += 2;
        }
        count = _u(program, at, 2);
        at += 2;
        for (uint256 i = 0; i < count; i++) {
            at += 6 + 4 * _u(program, at + 5, 1);
        }
        list = new Port[](_u(program, at++, 1));
        for (uint256 i = 0; i < list.length; i++) {
            uint256 flags = _u(program, at, 1);
            list[i] = Port(flags & 2 != 0, flags & 4 != 0, _u(program, at + 1, 1), _u(program, at + 2, 4));
            at += 22;
        }
        end = at;
    }

    function _forms(bytes memory program, uint256 at, uint256 count) private pure returns (uint256) {
        for (uint256 i = 0; i < count; i++) {
            at += 9 + 9 * _u(program, at, 1);
        }
        return at;
    }

    function _u(bytes memory program, uint256 at, uint256 size) private pure returns (uint256 value) {
        for (uint256 i = 0; i < size; i++) {
            value = value << 8 | uint8(program[at + i]);
        }
    }
}
