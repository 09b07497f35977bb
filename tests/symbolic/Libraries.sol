// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleStatements} from "@zkinfer/contracts/libraries/MerkleStatements.sol";
import {PublicValues} from "@zkinfer/contracts/libraries/PublicValues.sol";

/// @notice The libraries behind functions that take calldata.
contract Exposed {
    function verify(bytes32[] calldata path, bytes32 root, uint256 index, uint256 count, bytes32 id)
        external
        pure
        returns (bool)
    {
        return MerkleStatements.verify(path, root, index, count, id);
    }

    function at(PublicValues.TensorView memory tensor, bytes calldata values, uint256 element)
        external
        pure
        returns (int256)
    {
        return PublicValues.at(tensor, values, element);
    }
}

/// @notice What holds for all inputs, as far as they are bounded here. halmos takes each parameter as any value, and hashes as functions
/// without collisions.
contract LibrariesSymbolic {
    Exposed private immutable EXPOSED = new Exposed();

    /// @notice A root has one statement at a place, and one path to it. Trees of up to 4 leaves: paths are of 0, 1 or 2 words.
    function check_oneStatementAtAPlace(
        bytes32[] memory first,
        bytes32[] memory second,
        bytes32 root,
        uint256 index,
        uint256 count,
        bytes32 a,
        bytes32 b
    ) external view {
        if (count > 4) return;
        if (!EXPOSED.verify(first, root, index, count, a) || !EXPOSED.verify(second, root, index, count, b)) return;
        assert(index < count);
        assert(a == b && first.length == second.length);
        for (uint256 i = 0; i < first.length; i++) {
            assert(first[i] == second[i]);
        }
    }

    /// @notice A signed element is its bytes, sign-extended; an unsigned one its bytes.
    function check_elementsOfFourBytes(bytes32 word) external view {
        _checkElements(word, 4);
    }

    function check_elementsOfOneByte(bytes32 word) external view {
        _checkElements(word, 1);
    }

    function check_elementsOfThirtyTwoBytes(bytes32 word) external view {
        _checkElements(word, 32);
    }

    /// @notice The two shares of a bond are the bond, and the challenger's is not the larger one.
    function check_sharesOfABond(uint256 total) external pure {
        uint256 share = total / 2;
        assert(share + (total - share) == total && share <= total - share && total - share - share <= 1);
    }

    /// @notice The end of a claim, written into its slot, changes its stage and nothing else. `known` < `stage` <= 7.
    function check_onlyTheStageChanges(uint256 packed, uint8 stage) external pure {
        uint256 known = uint8(packed >> 240);
        if (stage > 7 || known > 7 || known >= stage) return;
        uint256 written;
        unchecked {
            written = packed + ((uint256(stage) - known) << 240);
        }
        uint256 mask = uint256(0xff) << 240;
        assert(uint8(written >> 240) == stage && written & ~mask == packed & ~mask);
    }

    function _checkElements(bytes32 word, uint8 width) private view {
        for (uint256 element = 0; element < 32 / width; element++) {
            _checkElement(word, element, width);
        }
    }

    function _checkElement(bytes32 word, uint256 element, uint8 width) private view {
        uint32 elements = uint32(32 / width);
        bytes memory values = abi.encode(word);
        uint256 bits = 8 * uint256(width);
        uint256 raw = uint256(word << (bits * element)) >> (256 - bits);
        int256 signed = EXPOSED.at(PublicValues.TensorView(0, elements, width, true), values, element);
        if (width == 32) {
            assert(uint256(signed) == raw);
            return;
        }
        assert(uint256(EXPOSED.at(PublicValues.TensorView(0, elements, width, false), values, element)) == raw);
        int256 extended;
        assembly ("memory-safe") {
            // Byte 0 is the lowest one.
            extended := signextend(sub(width, 1), raw)
        }
        assert(signed == extended);
    }
}
