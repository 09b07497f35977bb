// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NativeTest} from "./NativeTest.sol";

/// @notice The verdict depends on nothing but the arguments: not on how they are encoded, on the gas, or on what is in memory.
contract NativeVerifierCallsTest is NativeTest {
    /* CALLDATA */

    /// @dev The head of verify(ModelKey,bytes32,bytes,bytes) has 8 words: five of the model, the context, two offsets.
    uint256 private constant HEAD = 4 + 8 * 32;

    /// @dev Bytes after the arguments, and bytes between them, are nobody's.
    function test_acceptsOtherEncodings() public {
        Vector memory v = load("single");
        bytes memory data = _encode(v);
        (bool success,) = address(verifier).staticcall(bytes.concat(data, hex"deadbeef"));
        assertTrue(success);
        // The proof first, then a gap, then the public values.
        bytes memory head = truncated(data, HEAD - 64);
        bytes memory tail = bytes.concat(abi.encode(v.publicValues[0].length), v.publicValues[0]);
        data = bytes.concat(abi.encode(v.proof.length), v.proof, _ones(77));
        bytes memory offsets = abi.encode(8 * 32 + data.length, uint256(8 * 32));
        data = bytes.concat(head, offsets, data, tail);
        (success,) = address(verifier).staticcall(data);
        assertTrue(success);
    }

    /// @dev Both offsets at the public values, both at the proof, and exchanged.
    function test_refusesOtherOffsets() public {
        Vector memory v = load("single");
        bytes memory data = _encode(v);
        uint256 values = wordAt(data, HEAD - 64);
        uint256 proof = wordAt(data, HEAD - 32);
        uint256[18] memory offsets = [
            values,
            values,
            proof,
            proof,
            proof,
            values,
            values + 1,
            proof,
            values,
            proof - 1,
            values,
            proof + 32,
            data.length,
            proof,
            values,
            data.length,
            type(uint256).max,
            proof
        ];
        for (uint256 i = 0; i < offsets.length; i += 2) {
            setWord(data, HEAD - 64, offsets[i]);
            setWord(data, HEAD - 32, offsets[i + 1]);
            (bool success,) = address(verifier).staticcall(data);
            assertFalse(success);
        }
        uint256[4] memory far = [type(uint64).max, uint256(type(uint64).max) + 1, 1 << 255, type(uint256).max - 31];
        for (uint256 i = 0; i < far.length; i++) {
            setWord(data, HEAD - 64, values);
            setWord(data, HEAD - 32, far[i]);
            (bool success,) = address(verifier).staticcall(data);
            assertFalse(success);
        }
    }

    /// @dev Bits above an address are no part of one.
    function test_refusesDirtyAddress() public {
        Vector memory v = load("single");
        bytes memory data = _encode(v);
        uint256 word = wordAt(data, 4 + 32);
        for (uint256 bit = 160; bit < 256; bit += 5) {
            setWord(data, 4 + 32, word | 1 << bit);
            (bool success, bytes memory returned) = address(verifier).staticcall(data);
            assertFalse(success);
            assertEq(returned.length, 0);
        }
    }

    /// @dev Every prefix of the call data.
    function test_refusesTruncatedCalldata() public {
        Vector memory v = load("single");
        bytes memory data = _encode(v);
        // What the encoding pads with may be missing.
        uint256 length = data.length - (32 - (data.length - 4) % 32) % 32;
        for (uint256 i = 0; i < length; i += i < HEAD + 200 ? 1 : 61) {
            (bool success,) = address(verifier).staticcall(truncated(data, i));
            assertFalse(success);
        }
        (bool refused,) = address(verifier).staticcall(truncated(data, length - 1));
        assertFalse(refused);
    }

    /// @dev A value sent along is refused, like an unknown function.
    function test_refusesOtherCalls() public {
        Vector memory v = load("single");
        vm.deal(address(this), 1 ether);
        (bool success,) = address(verifier).call{value: 1}(_encode(v));
        assertFalse(success);
        (success,) = address(verifier).call("");
        assertFalse(success);
        (success,) = address(verifier).call(hex"12345678");
        assertFalse(success);
        // Nor can anybody call into a key: it stops.
        (success,) = v.model.modelCode.call("");
        assertTrue(success);
    }

    /* GAS */

    /// @dev With too little gas a valid proof is refused, and an invalid one never accepted.
    function test_anyGas() public {
        Vector memory v = load("single");
        verify(v);
        uint256 needed = vm.lastCallGas().gasTotalUsed;
        bytes memory data = _encode(v);
        v.proof[v.proof.length - 1] ^= 0x01;
        bytes memory bad = _encode(v);
        bool accepted;
        for (uint256 gas = 1000; gas < needed * 5 / 4; gas += 2777) {
            (bool success, bytes memory returned) = address(verifier).staticcall{gas: gas}(data);
            // Once there is enough there is enough.
            assertTrue(success || !accepted);
            assertTrue(!success || returned.length == 0);
            accepted = success;
            (success,) = address(verifier).staticcall{gas: gas}(bad);
            assertFalse(success);
        }
        assertTrue(accepted);
    }

    /* MEMORY */

    function test_dirtyMemory() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            harness.verifyInDirtyMemory(v.model, v.contextIds, v.publicValues, v.proof);
            v.proof[v.proof.length - 1] ^= 0x01;
            vm.expectRevert();
            harness.verifyInDirtyMemory(v.model, v.contextIds, v.publicValues, v.proof);
        }
    }

    /* INTERNAL */

    function _encode(Vector memory v) private view returns (bytes memory) {
        return abi.encodeCall(verifier.verify, (v.model, v.contextIds[0], v.publicValues[0], v.proof));
    }

    function _ones(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            data[i] = 0xff;
        }
    }
}
