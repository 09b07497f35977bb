// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {NetworkTest} from "./NetworkTest.sol";

/// @notice Hostile key objects: whatever is in them, and whatever pages they name, nothing is accepted, for no more gas than a transaction has,
/// and the reason is one of the verifier's own errors. Whoever makes one up also makes up its digest.
contract NetworkVerifierFuzzTest is NetworkTest {
    /// @dev What a transaction has (EIP-7825).
    uint256 private constant LIMIT = 1 << 24;

    /// forge-config: default.fuzz.runs = 64
    /// @dev Bytes changed anywhere in a program that verifies.
    function testFuzz_changedPrograms(uint256 which, uint16[6] memory at, uint8[6] memory values, uint8 count) public {
        Vector memory v = _any(which);
        bytes memory program = bytes.concat(v.program);
        count = uint8(bound(count, 1, 6));
        for (uint256 i = 0; i < count; i++) {
            program[at[i] % program.length] = bytes1(values[i]);
        }
        if (keccak256(program) == keccak256(v.program)) return;
        v.model = withProgram(v, program);
        _expectRefused(v);
    }

    /// forge-config: default.fuzz.runs = 64
    /// @dev A part of one program in another one, in the place of as many bytes or of none.
    function testFuzz_splicedPrograms(uint256 which, uint256 other, uint16 from, uint16 length, uint16 to, bool insert)
        public
    {
        Vector memory v = _any(which);
        bytes memory part = _slice(_any(other).program, from, length % 400);
        uint256 at = to % v.program.length;
        bytes memory head = _slice(v.program, 0, at);
        bytes memory tail = _slice(v.program, insert ? at : at + part.length, v.program.length);
        bytes memory program = bytes.concat(head, part, tail);
        if (keccak256(program) == keccak256(v.program)) return;
        v.model = withProgram(v, program);
        _expectRefused(v);
    }

    /// forge-config: default.fuzz.runs = 64
    /// @dev Another verifying key over the program that it names.
    function testFuzz_changedKeys(uint256 which, uint16 at, uint8 change) public {
        Vector memory v = _any(which);
        bytes memory vk = v.vk;
        vk[at % vk.length] ^= bytes1(uint8(bound(change, 1, 255)));
        v.model.modelCode = deployKey(keyObject(vk, v.program));
        v.model.vkDigest = vkDigest(vk);
        _expectRefused(v);
    }

    /// forge-config: default.fuzz.runs = 64
    /// @dev Pages that are cut elsewhere, missing, exchanged, or anybody's code.
    function testFuzz_pages(uint256 which, uint16 cut, uint8 how) public {
        Vector memory v = _any(which);
        uint256 middle = cut % v.program.length;
        bytes memory rest = _slice(v.program, middle, v.program.length);
        address page = deployKey(bytes.concat(hex"00", rest));
        bytes memory head = abi.encodePacked(hex"00", uint16(v.vk.length), v.vk);
        bytes memory first = _slice(v.program, 0, middle);
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"01", page, first));
        verify(v);
        how %= 6;
        if (how == 0) page = deployKey(bytes.concat(hex"00", rest, hex"00"));
        if (how == 1) page = deployKey(bytes.concat(hex"5b", rest));
        if (how == 2) page = address(uint160(uint256(keccak256(rest))));
        if (how == 3) page = address(verifier);
        if (how == 4) head[0] = 0x5b;
        if (how == 5) first = bytes.concat(first, hex"00");
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"01", page, first));
        _expectRefused(v);
    }

    /// forge-config: default.fuzz.runs = 64
    /// @dev Any bytes behind a zero byte.
    function testFuzz_anyObject(uint256 which, bytes memory object) public {
        Vector memory v = _any(which);
        vm.assume(object.length < 20_000);
        v.model.modelCode = deployKey(bytes.concat(hex"00", object));
        _expectRefused(v);
    }

    /* INTERNAL */

    function _any(uint256 which) private returns (Vector memory) {
        string[] memory list = names();
        return load(list[which % list.length]);
    }

    function _expectRefused(Vector memory v) private view {
        (bool success, bytes memory data) = address(verifier).staticcall{gas: LIMIT}(encoded(v));
        assertFalse(success, "accepted");
        // Nothing at all where the gas was used up.
        if (data.length == 0) assertGt(vm.lastCallGas().gasTotalUsed, LIMIT - LIMIT / 16, "refused without a reason");
        else assertTrue(data.length == 4 || data.length == 36, "refused for no reason of the verifier's");
    }

    function _slice(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory part) {
        if (to > data.length) to = data.length;
        if (from >= to) return "";
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; i++) {
            part[i] = data[from + i];
        }
    }
}
