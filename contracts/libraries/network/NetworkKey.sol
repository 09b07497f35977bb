// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Bn254} from "../native/Bn254.sol";
import {NetworkMemory} from "./NetworkMemory.sol";

/// @notice A verifying key (docs/protocol-networks.md, N3) and the program under its digest.
/// @param digest vkd.
/// @param srsId The SRS it names. No point of it is in the key.
/// @param logRows2 rho2.
/// @param commitment Where C_f is in memory.
/// @param fixedPoints Where the fixed commitments are.
/// @param fixedCount How many there are.
/// @param program The program.
struct Key {
    bytes32 digest;
    bytes32 srsId;
    uint256 logRows2;
    uint256 commitment;
    uint256 fixedPoints;
    uint256 fixedCount;
    bytes program;
}

/// @title NetworkKey
/// @notice Reads verifying keys and programs from key objects (`INetworkVerifier`).
library NetworkKey {
    using NetworkMemory for uint256;

    /* CONSTANTS */

    bytes32 private constant TAG = keccak256("zkinfer/native-vk/v2");
    uint256 private constant VERSION = 2;

    /// @dev The zero byte and the length of the verifying key.
    uint256 private constant HEAD = 3;

    uint256 private constant POINT = 64;

    /// @dev A verifying key without fixed commitments, of which there are at most six.
    uint256 private constant LEAST = 164;
    uint256 private constant MOST = 548;

    uint256 private constant MAX_PAGES = 4;
    uint256 private constant ADDRESS = 20;

    /// @dev What comes before the program: HEAD + MOST + 1 + MAX_PAGES ADDRESS, in whole words.
    uint256 private constant MOST_HEAD = 640;

    /* READING */

    /// @notice Reads and checks the key in the code of `object` (V1), but for the program, of which it checks the digest. That it is the key
    /// of the model is for the caller to compare.
    function load(address object) internal view returns (Key memory key) {
        unchecked {
            uint256 size = object.code.length;
            if (size == 0) revert IVerifierAdapter.NoCode(object);
            // What comes before the program, at most; and a word in front of it.
            uint256 start;
            assembly ("memory-safe") {
                start := add(mload(0x40), 0x20)
                extcodecopy(object, start, 0, MOST_HEAD)
                mstore(0x40, add(start, MOST_HEAD))
            }
            if (start.u8() != 0) revert INativeVerifier.KeyPrefix();
            uint256 length = (start + 1).u16();
            if (length < LEAST || length > MOST) revert INativeVerifier.KeyLength(size);
            uint256 vk = start + HEAD;
            if (vk.u16() != VERSION || (vk + 2).u8() != 0) revert INativeVerifier.KeyVersion();
            key.digest = _digest(vk, length);
            key.logRows2 = (vk + 3).u8();
            key.srsId = bytes32((vk + 4).word(0));
            key.commitment = vk + 36;
            key.fixedPoints = vk + LEAST;
            key.fixedCount = (length - LEAST) / POINT;

            uint256 pages = (vk + length).u8();
            uint256 first = HEAD + length + 1 + ADDRESS * pages;
            if (pages > MAX_PAGES || size < first) revert INativeVerifier.KeyLength(size);
            key.program = _program(object, first, size - first, vk + length + 1, pages);
            bytes32 digest = keccak256(key.program);
            if (digest != bytes32((vk + 100).word(0))) revert INetworkVerifier.ProgramDigest(digest);
            if (length != LEAST + POINT * _fixedColumns(key.program)) revert INativeVerifier.KeyLength(size);
            _checkPoint(key.commitment);
            for (uint256 i = 0; i < key.fixedCount; i++) {
                _checkPoint(key.fixedPoints + POINT * i);
            }
        }
    }

    /* INTERNAL */

    /// @dev keccak256(TAG || verifying key). The word in front gives way to the tag for as long as that takes.
    function _digest(uint256 vk, uint256 length) private pure returns (bytes32 digest) {
        bytes32 tag = TAG;
        assembly ("memory-safe") {
            let before := sub(vk, 0x20)
            let saved := mload(before)
            mstore(before, tag)
            digest := keccak256(before, add(length, 0x20))
            mstore(before, saved)
        }
    }

    /// @dev The program: `size` bytes of the object from `first` on, and all pages but for their zero bytes.
    function _program(address object, uint256 first, uint256 size, uint256 list, uint256 pages)
        private
        view
        returns (bytes memory program)
    {
        unchecked {
            uint256 end;
            assembly ("memory-safe") {
                program := mload(0x40)
                extcodecopy(object, add(program, 0x20), first, size)
                end := add(add(program, 0x20), size)
            }
            for (uint256 i = 0; i < pages; i++) {
                address page = address(uint160((list + ADDRESS * i).word(0) >> 96));
                uint256 length = page.code.length;
                if (length == 0) revert IVerifierAdapter.NoCode(page);
                uint256 prefix;
                assembly ("memory-safe") {
                    extcodecopy(page, 0x00, 0, 1)
                    prefix := byte(0, mload(0x00))
                    extcodecopy(page, end, 1, sub(length, 1))
                    end := add(end, sub(length, 1))
                }
                if (prefix != 0) revert INativeVerifier.KeyPrefix();
            }
            assembly ("memory-safe") {
                mstore(program, sub(end, add(program, 0x20)))
                mstore(0x40, and(add(end, 0x3f), not(0x1f)))
            }
        }
    }

    /// @dev By the header of the program: one if there are tables; one for each operand that is copied, and one besides.
    function _fixedColumns(bytes memory program) private pure returns (uint256) {
        unchecked {
            uint256 header;
            assembly ("memory-safe") {
                header := mload(add(program, 0x20))
            }
            uint256 reads = (header >> 224) & 0xff;
            return ((header >> 216) & 0xff == 0 ? 0 : 1) + (reads == 0 ? 0 : reads + 1);
        }
    }

    function _checkPoint(uint256 at) private pure {
        if (!Bn254.isPoint(at.word(0), at.word(1))) revert INativeVerifier.KeyPoint();
    }
}
