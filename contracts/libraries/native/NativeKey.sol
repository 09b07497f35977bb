// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../interfaces/INativeVerifier.sol";
import {IVerifierAdapter} from "../../interfaces/IVerifierAdapter.sol";
import {Identities} from "../Identities.sol";
import {Bn254} from "./Bn254.sol";

/// @notice A verifying key (docs/protocol.md, §3) and the layout that follows from its shape (§2). Lists are indexed as in the
/// specification, so some have a place 0 that is not used.
/// @param digest vkd.
/// @param srsId The SRS it names. No point of it is in the key.
/// @param committedInputs Whether inputs are committed (§10).
/// @param committedOutputs Whether outputs are.
/// @param sides How many of the two are.
/// @param layers L.
/// @param limbs ell: 6, or 9 if the shape saturates.
/// @param logRows2 rho2, 0 for one level.
/// @param levels t: 1 or 2.
/// @param dims d_0 .. d_L.
/// @param bounds hi_1 .. hi_{L-1}; without any if the shape does not saturate.
/// @param starts s_1 .. s_{L+1}; the last is act.
/// @param positions P.
/// @param logPositions nu.
/// @param commitment Where C_f is.
struct Key {
    bytes32 digest;
    bytes32 srsId;
    bool committedInputs;
    bool committedOutputs;
    uint256 sides;
    uint256 layers;
    uint256 limbs;
    uint256 logRows2;
    uint256 levels;
    uint256[] dims;
    uint256[] bounds;
    uint256[] starts;
    uint256 positions;
    uint256 logPositions;
    uint256 commitment;
}

/// @title NativeKey
/// @notice Reads verifying keys from key objects.
library NativeKey {
    /* CONSTANTS */

    uint256 private constant VERSION = 1;
    uint256 private constant MAX_LAYERS = 32;
    uint256 private constant MAX_WIDTH = 1 << 16;
    uint256 private constant MAX_LOG_POSITIONS = 20;

    /// @dev The position of the first wire: 0 and 1 are mask positions.
    uint256 private constant FIRST = 2;

    /// @dev The least number of looked-up positions: the mask positions and a table of 256 bytes.
    uint256 private constant MIN_POSITIONS = 258;

    /// @dev Version, flags, rho2 and L come first; the SRS id and the commitment last.
    uint256 private constant HEAD = 6;
    uint256 private constant TAIL = 96;

    /* READING */

    /// @notice Reads and checks the key in the code of `object` (V1). That it is the key of the model is for the caller to compare.
    function load(address object) internal view returns (Key memory key) {
        uint256 at;
        uint256 size;
        (key.digest, at, size) = _copy(object);

        // §3: the canonical bytes. Everything that a length depends on is bounded before it is used.
        uint256 flags = _read(at + 2, 1);
        if (_read(at, 2) != VERSION || flags > 7) revert INativeVerifier.KeyVersion();
        uint256 saturating = flags & 1;
        key.committedInputs = flags & 2 != 0;
        key.committedOutputs = flags & 4 != 0;
        key.sides = (flags >> 1 & 1) + (flags >> 2);
        key.logRows2 = _read(at + 3, 1);
        uint256 layers = _read(at + 4, 2);
        if (layers == 0 || layers > MAX_LAYERS) revert INativeVerifier.KeyShape();
        if (size != HEAD + 4 * (layers + 1) + saturating * 2 * (layers - 1) + TAIL) {
            revert INativeVerifier.KeyLength(size + 1);
        }
        key.layers = layers;
        key.limbs = saturating == 1 ? 9 : 6;
        at += HEAD;

        key.dims = new uint256[](layers + 1);
        for (uint256 l = 0; l <= layers; l++) {
            uint256 width = _read(at, 4);
            // V1: 1 <= d_l <= 2^16.
            if (width == 0 || width > MAX_WIDTH) revert INativeVerifier.KeyShape();
            key.dims[l] = width;
            at += 4;
        }
        if (saturating == 1) {
            key.bounds = new uint256[](layers);
            for (uint256 l = 1; l < layers; l++) {
                uint256 bound = _read(at, 2);
                // V1: hi_l.
                if (bound != 255 && bound != 65535) revert INativeVerifier.KeyShape();
                key.bounds[l] = bound;
                at += 2;
            }
        }
        key.srsId = bytes32(_read(at, 32));
        key.commitment = at + 32;
        if (!Bn254.isPoint(_read(at + 32, 32), _read(at + 64, 32))) revert INativeVerifier.KeyPoint();

        _layOut(key);
    }

    /* INTERNAL */

    /// @dev §2: positions, and the bounds that depend on them.
    function _layOut(Key memory key) private pure {
        uint256 layers = key.layers;
        uint256[] memory starts = new uint256[](layers + 2);
        uint256 start = FIRST;
        uint256 rows;
        for (uint256 l = 1; l <= layers; l++) {
            starts[l] = start;
            // The wires y^(l-1), then the constant wire.
            start += key.dims[l - 1] + 1;
            if (key.dims[l] > rows) rows = key.dims[l];
        }
        starts[layers + 1] = start;
        key.starts = starts;

        uint256 positions = start > MIN_POSITIONS ? start : MIN_POSITIONS;
        // Committed outputs have positions, though no layer reads them.
        if (key.committedOutputs && FIRST + key.dims[layers] > positions) positions = FIRST + key.dims[layers];
        uint256 logPositions = 9;
        while (1 << logPositions < positions) logPositions++;
        // V1: nu <= 20.
        if (logPositions > MAX_LOG_POSITIONS) revert INativeVerifier.KeyShape();
        key.positions = positions;
        key.logPositions = logPositions;

        // V1: rho2 = 0 or 2 <= R2 < R. rho2 is one byte, so the shift cannot vanish.
        if (key.logRows2 == 0) {
            key.levels = 1;
        } else {
            if (1 << key.logRows2 >= rows) revert INativeVerifier.KeyShape();
            key.levels = 2;
        }
    }

    /// @dev Copies the key without its prefix to memory, and hashes it with its tag.
    /// @return digest vkd.
    /// @return data Where the key is.
    /// @return size Its length in bytes.
    function _copy(address object) private view returns (bytes32 digest, uint256 data, uint256 size) {
        size = object.code.length;
        if (size == 0) revert IVerifierAdapter.NoCode(object);
        uint256 most = 1 + HEAD + 4 * (MAX_LAYERS + 1) + 2 * (MAX_LAYERS - 1) + TAIL;
        if (size < 1 + HEAD + TAIL || size > most) revert INativeVerifier.KeyLength(size);
        size--;

        bytes32 tag = Identities.TAG_NATIVE_VK;
        uint256 prefix;
        assembly ("memory-safe") {
            extcodecopy(object, 0x00, 0, 1)
            prefix := byte(0, mload(0x00))
            let start := mload(0x40)
            data := add(start, 0x20)
            mstore(start, tag)
            extcodecopy(object, data, 1, size)
            digest := keccak256(start, add(size, 0x20))
            mstore(0x40, and(add(add(data, size), 0x1f), not(0x1f)))
        }
        if (prefix != 0) revert INativeVerifier.KeyPrefix();
    }

    /// @dev The big-endian integer of `size` bytes at `at`.
    function _read(uint256 at, uint256 size) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), mload(at))
        }
    }
}
