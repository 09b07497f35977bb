// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../../contracts/ModelRegistry.sol";
import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {NativeTest} from "./NativeTest.sol";

/// @notice Key objects: only the exact bytes of a key within the bounds, with the digest and the SRS of the model, are used.
contract NativeVerifierKeysTest is NativeTest {
    bytes32 private constant TEST_SRS = 0xda53a727654e0d37498bb3680437f0daa36577eed59c0122fad241054cc38d88;
    bytes32 private constant HEZ_FINAL = 0xed74e329aac938fb492189003ddb8eeb22088b718d1541d2d985eb864a4fbc3c;

    function test_saysWhatItIs() public view {
        assertEq(verifier.name(), onTestSrs() ? "native-test" : "native");
        assertTrue(verifier.bindsStatement());
        assertEq(verifier.ACCEPTS_TEST_SRS(), onTestSrs());
        assertEq(verifier.srsId(), _srs());
    }

    /// @dev The code hash is the one of the committed artifact.
    function test_isItsArtifact() public view {
        string memory name = onTestSrs() ? "NativeTestVerifier" : "NativeVerifier";
        string memory json = vm.readFile(string.concat("contracts/artifacts/", name, ".json"));
        assertEq(address(verifier).codehash, vm.parseJsonBytes32(json, ".deployedCodeHash"));
    }

    /// @dev The limit of EIP-170, with room to spare.
    function test_fitsInAContract() public view {
        assertLe(address(verifier).code.length, 24_576 - (onTestSrs() ? 1_024 : 4_096));
    }

    /* THE OBJECT */

    function test_revert_noCode() public {
        Vector memory v = load("single");
        address[3] memory accounts = [address(0), makeAddr("nobody"), address(4)];
        for (uint256 i = 0; i < accounts.length; i++) {
            v.model.modelCode = accounts[i];
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, accounts[i]));
        }
    }

    function test_revert_prefix() public {
        Vector memory v = load("single");
        bytes memory code = bytes.concat(hex"00", v.vk);
        for (uint256 i = 1; i < 256; i++) {
            code[0] = bytes1(uint8(i));
            vm.etch(v.model.modelCode, code);
            expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyPrefix.selector));
        }
    }

    /// @dev The first byte of a key is 0, so the key without the prefix starts like an object. It is one byte short.
    function test_revert_withoutPrefix() public {
        Vector memory v = load("single");
        vm.etch(v.model.modelCode, v.vk);
        _expectAnyKeyError(v);
    }

    function test_revert_lengths() public {
        Vector memory v = load("single");
        bytes memory code = bytes.concat(hex"00", v.vk);
        for (uint256 length = 1; length < code.length; length++) {
            vm.etch(v.model.modelCode, truncated(code, length));
            expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyLength.selector, length));
        }
        uint256[5] memory more = [uint256(1), 2, 32, 200, 24_000];
        for (uint256 i = 0; i < more.length; i++) {
            vm.etch(v.model.modelCode, bytes.concat(code, new bytes(more[i])));
            expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyLength.selector, code.length + more[i]));
        }
    }

    /// @dev An account that delegates to a key object (EIP-7702).
    function test_revert_delegation() public {
        Vector memory v = load("single");
        address account = makeAddr("delegating");
        vm.etch(account, abi.encodePacked(hex"ef0100", v.model.modelCode));
        v.model.modelCode = account;
        _expectAnyKeyError(v);
    }

    /* THE KEY */

    /// @dev Every byte of the key is under the digest.
    function test_revert_everyByte() public {
        Vector memory v = load("saturating-two-level");
        for (uint256 i = 0; i < v.vk.length; i++) {
            bytes memory code = bytes.concat(hex"00", v.vk);
            code[i + 1] ^= 0x01;
            vm.etch(v.model.modelCode, code);
            _expectAnyKeyError(v);
        }
    }

    function test_revert_digest() public {
        Vector memory v = load("single");
        bytes32 digest = v.model.vkDigest;
        v.model.vkDigest ^= bytes32(uint256(1));
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyDigest.selector, digest));
    }

    /// @dev A key with its own digest, for which the proof was not made.
    function test_revert_otherKey() public {
        Vector memory v = load("single");
        bytes memory vk = load("single").vk;
        // C_f by its negative.
        setWord(vk, vk.length - 32, FIELD - wordAt(vk, vk.length - 32));
        _expect(v, vk, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
        // The identity is a point.
        setWord(vk, vk.length - 32, 0);
        setWord(vk, vk.length - 64, 0);
        _expect(v, vk, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
    }

    function test_revert_commitment() public {
        Vector memory v = load("single");
        bytes memory vk = load("single").vk;
        uint256 x = wordAt(vk, vk.length - 64);
        uint256 y = wordAt(vk, vk.length - 32);
        uint256[12] memory pairs = [x + FIELD, y, x, y + FIELD, x, y ^ 1, x ^ 1, y, 0, FIELD, FIELD, uint256(0)];
        for (uint256 i = 0; i < pairs.length; i += 2) {
            setWord(vk, vk.length - 64, pairs[i]);
            setWord(vk, vk.length - 32, pairs[i + 1]);
            _expect(v, vk, abi.encodeWithSelector(INativeVerifier.KeyPoint.selector));
        }
    }

    function test_revert_srs() public {
        Vector memory v = load("single");
        bytes32[2] memory others = [keccak256("another ceremony"), onTestSrs() ? HEZ_FINAL : TEST_SRS];
        for (uint256 i = 0; i < others.length; i++) {
            v = load("single");
            v.model.srsId = others[i];
            expectRefusal(v, abi.encodeWithSelector(INativeVerifier.UnknownSrs.selector, others[i]));
            v = load("single");
            setWord(v.vk, v.vk.length - 96, uint256(others[i]));
            _expect(v, v.vk, abi.encodeWithSelector(INativeVerifier.UnknownSrs.selector, others[i]));
        }
    }

    function test_revert_versionAndFlags() public {
        Vector memory v = load("single");
        bytes memory data = abi.encodeWithSelector(INativeVerifier.KeyVersion.selector);
        bytes[4] memory heads = [bytes(hex"0000"), hex"0002", hex"0101", hex"ffff"];
        for (uint256 i = 0; i < heads.length; i++) {
            bytes memory vk = load("single").vk;
            (vk[0], vk[1]) = (heads[i][0], heads[i][1]);
            _expect(v, vk, data);
        }
        for (uint256 flags = 8; flags < 256; flags++) {
            v.vk[2] = bytes1(uint8(flags));
            _expect(v, v.vk, data);
        }
    }

    /// @dev The same key with other committed sides is another key: public values cannot be reread as commitments, nor the other way.
    function test_revert_otherSides() public {
        string[4] memory list = ["single", "committed-inputs", "committed-outputs", "committed-batch"];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            uint8 right = uint8(v.vk[2]);
            uint256 length = v.publicValues[0].length;
            for (uint8 flags = 0; flags < 8; flags += 2) {
                if (flags == right) continue;
                v.vk[2] = bytes1(flags);
                _expect(v, v.vk, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, length));
            }
        }
    }

    /// @dev 600 outputs need more positions when they are committed: nu is 10, not 9. A proof of zeros with the right length is
    /// well-formed.
    function test_committedOutputsHavePositions() public {
        Vector memory v = load("single");
        uint32[] memory dims = _dims(1, 600);
        dims[0] = 4;
        bytes memory vk = _key(0, dims, new uint16[](0));
        vk[2] = 0x04;
        v.publicValues[0] = new bytes(8 + 64);
        for (uint256 l = 8; l < 12; l++) {
            // §6 and §10 for ell = 6, t = 1 and one side.
            v.proof = new bytes(64 * (21 + l) + 32 * (28 + 5 * l));
            bytes memory data = l == 10
                ? abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector)
                : abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, v.proof.length);
            _expect(v, vk, data);
        }
    }

    function test_revert_shapes() public {
        Vector memory v = load("single");
        bytes memory data = abi.encodeWithSelector(INativeVerifier.KeyShape.selector);
        // L
        _expect(v, _key(0, _dims(0, 5), new uint16[](0)), data);
        _expect(v, _head(0, 0, _dims(1, 5)), data);
        _expect(v, _head(0, 33, _dims(31, 5)), data);
        // d_l
        uint32[] memory dims = _dims(2, 5);
        for (uint256 l = 0; l < 3; l++) {
            dims = _dims(2, 5);
            dims[l] = 0;
            _expect(v, _key(0, dims, new uint16[](0)), data);
            dims[l] = 65_537;
            _expect(v, _key(0, dims, new uint16[](0)), data);
            dims[l] = type(uint32).max;
            _expect(v, _key(0, dims, new uint16[](0)), data);
        }
        // nu: 16 widths of 2^16 with their constant wires are more than 2^20 positions.
        _expect(v, _key(0, _dims(16, 65_536), new uint16[](0)), data);
        // rho2
        dims = _dims(2, 5);
        for (uint256 rho2 = 3; rho2 < 256; rho2++) {
            _expect(v, _key(uint8(rho2), dims, new uint16[](0)), data);
        }
        dims[1] = dims[2] = 4;
        _expect(v, _key(2, dims, new uint16[](0)), data);
        // hi_l
        dims = _dims(2, 5);
        uint16[] memory bounds = new uint16[](1);
        uint16[6] memory wrong = [uint16(0), 1, 254, 256, 65534, 32767];
        for (uint256 i = 0; i < wrong.length; i++) {
            bounds[0] = wrong[i];
            _expect(v, _key(0, dims, bounds), data);
        }
    }

    /// @dev Shapes at the bounds are read; it is the lengths of other things that are wrong then. The SRS points are looked for last.
    function test_shapesAtTheBounds() public {
        Vector memory v = load("single");
        bytes memory data =
            abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, v.publicValues[0].length);
        _expect(v, _key(0, _dims(32, 7), new uint16[](0)), data);
        _expect(v, _key(0, _dims(1, 65_536), new uint16[](0)), onTestSrs() ? data : _tooSmall(17));
        _expect(v, _key(0, _dims(15, 65_536), new uint16[](0)), onTestSrs() ? data : _tooSmall(20));
        uint16[] memory bounds = new uint16[](31);
        for (uint256 l = 0; l < 31; l++) {
            bounds[l] = l % 2 == 0 ? 255 : 65_535;
        }
        _expect(v, _key(2, _dims(32, 7), bounds), data);
        // One layer that saturates has no bounds, and 9 limbs.
        bytes memory vk = _key(0, _dims(1, 5), new uint16[](0));
        vk[2] = 0x01;
        _expect(v, vk, data);
    }

    function test_revert_srsTooSmall() public {
        Vector memory v = load("single");
        // nu + rho2 is one more than the table has, and what it has: nu = 17 and D = 2^29, nu = 10 and D = 2^15.
        (uint8 rho2, uint32 width, uint256 last) = onTestSrs() ? (12, uint32(65_536), 28) : (5, uint32(600), 14);
        _expect(v, _key(rho2, _dims(1, width), new uint16[](0)), _tooSmall(last + 1));
        bytes memory vk = _key(rho2 - 1, _dims(1, width), new uint16[](0));
        _expect(v, vk, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, v.publicValues[0].length));
    }

    /* THE REGISTRY */

    /// @dev A model with a key object can be registered, and what `resolve` returns is what the verifier takes.
    function test_registration() public {
        Vector memory v = load("single");
        ModelRegistry models = new ModelRegistry();
        bytes memory schema = "schema";
        bytes32 id = models.register(address(verifier), v.model.modelCode, v.model.vkDigest, v.model.srsId, schema);
        assertEq(
            id,
            Identities.modelId(
                address(verifier).codehash,
                keccak256(bytes.concat(hex"00", v.vk)),
                v.model.vkDigest,
                Identities.schemaHash(schema),
                v.model.srsId
            )
        );
        (address adapter, ModelKey memory key) = models.resolve(id);
        assertEq(adapter, address(verifier));
        // The proof of the vector is for another model id.
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        verifier.verify(key, v.contextIds[0], v.publicValues[0], v.proof);
        key.modelId = v.model.modelId;
        verifier.verify(key, v.contextIds[0], v.publicValues[0], v.proof);
    }

    /* INTERNAL */

    /// @dev Expects a refusal of a well-named model with the key `vk`.
    function _expect(Vector memory v, bytes memory vk, bytes memory data) private {
        vm.etch(v.model.modelCode, bytes.concat(hex"00", vk));
        v.model.vkDigest = keccak256(bytes.concat(Identities.TAG_NATIVE_VK, vk));
        expectRefusal(v, data);
    }

    function _srs() private pure returns (bytes32) {
        return onTestSrs() ? TEST_SRS : HEZ_FINAL;
    }

    function _tooSmall(uint256 exponent) private pure returns (bytes memory) {
        return abi.encodeWithSelector(INativeVerifier.SrsTooSmall.selector, exponent);
    }

    /// @dev An error that is about the key.
    function _expectAnyKeyError(Vector memory v) private view {
        bytes4 selector = bytes4(refusal(v));
        assertTrue(
            selector == INativeVerifier.KeyPrefix.selector || selector == INativeVerifier.KeyLength.selector
                || selector == INativeVerifier.KeyVersion.selector || selector == INativeVerifier.KeyShape.selector
                || selector == INativeVerifier.KeyPoint.selector || selector == INativeVerifier.KeyDigest.selector
        );
    }

    /// @dev d_0 .. d_layers, all equal.
    function _dims(uint256 layers, uint32 width) private pure returns (uint32[] memory dims) {
        dims = new uint32[](layers + 1);
        for (uint256 l = 0; l <= layers; l++) {
            dims[l] = width;
        }
    }

    function _key(uint8 rho2, uint32[] memory dims, uint16[] memory bounds) private pure returns (bytes memory vk) {
        vk = abi.encodePacked(uint16(1), uint8(bounds.length > 0 ? 1 : 0), rho2, uint16(dims.length - 1));
        for (uint256 l = 0; l < dims.length; l++) {
            vk = abi.encodePacked(vk, dims[l]);
        }
        for (uint256 l = 0; l < bounds.length; l++) {
            vk = abi.encodePacked(vk, bounds[l]);
        }
        vk = abi.encodePacked(vk, _srs(), uint256(1), uint256(2));
    }

    /// @dev A key that says `layers`, whatever the number of widths.
    function _head(uint8 rho2, uint16 layers, uint32[] memory dims) private pure returns (bytes memory vk) {
        vk = _key(rho2, dims, new uint16[](0));
        (vk[4], vk[5]) = (bytes1(uint8(layers >> 8)), bytes1(uint8(layers)));
    }
}

/// @notice The same on the TEST SRS.
contract NativeTestVerifierKeysTest is NativeVerifierKeysTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
