// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {INativeHarness} from "./INativeHarness.sol";
import {Test} from "forge-std/Test.sol";

/// @notice A native verifier, as its committed artifact has it, and its known-answer vectors: those of the ceremony, unless a test says that
/// it is on the TEST SRS. `make check` compares the artifacts with the sources.
abstract contract NativeTest is Test {
    uint256 internal constant ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 internal constant FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @notice A vector: everything a verification takes.
    struct Vector {
        string json;
        ModelKey model;
        bytes vk;
        bytes32[] contextIds;
        bytes[] publicValues;
        bytes proof;
    }

    INativeVerifier internal verifier;
    INativeHarness internal harness;

    function setUp() public virtual {
        verifier = INativeVerifier(
            deployCode(
                onTestSrs() ? "contracts/artifacts/NativeTestVerifier.json" : "contracts/artifacts/NativeVerifier.json"
            )
        );
        harness = INativeHarness(deployCode("NativeHarness.sol:NativeHarness"));
    }

    /// @dev Whether the tests are on the TEST SRS.
    function onTestSrs() internal pure virtual returns (bool) {
        return false;
    }

    /* VECTORS */

    /// @dev Where the vectors are.
    function directory() internal pure returns (string memory) {
        return onTestSrs() ? "tests/fixtures/native/" : "tests/fixtures/native/hez-final/";
    }

    /// @dev The names of all vectors. Some are of models that need more powers than come with zkinfer.
    function names() internal pure returns (string[] memory list) {
        list = new string[](onTestSrs() ? 17 : 12);
        list[0] = "one-layer";
        list[1] = "single";
        list[2] = "batch";
        list[3] = "saturating-two-level";
        list[4] = "64-32-10";
        list[5] = "64-128-64-10";
        list[6] = "64-128-64-10-saturating";
        list[7] = "64-128-64-10-batch-16";
        list[8] = "committed-inputs";
        list[9] = "committed-outputs";
        list[10] = "committed-batch";
        list[11] = "committed-saturating-two-level";
        if (!onTestSrs()) return list;
        list[12] = "256-512-256-10";
        list[13] = "256-512-256-10-two-level";
        list[14] = "256-512-256-10-batch-16";
        list[15] = "256-512-256-10-committed-inputs";
        list[16] = "256-512-256-10-batch-16-committed-inputs";
    }

    function load(string memory name) internal returns (Vector memory) {
        return loadFile(string.concat(directory(), name, ".json"), ".challenges");
    }

    /// @dev Reads a vector whose ids are under `ids`.
    function loadFile(string memory path, string memory ids) internal returns (Vector memory v) {
        v.json = vm.readFile(path);
        v.vk = vm.parseJsonBytes(v.json, ".vk");
        v.proof = vm.parseJsonBytes(v.json, ".proof");
        uint256 n = 0;
        while (vm.keyExistsJson(v.json, _path(n, ""))) n++;
        v.contextIds = new bytes32[](n);
        v.publicValues = new bytes[](n);
        for (uint256 k = 0; k < n; k++) {
            v.contextIds[k] = vm.parseJsonBytes32(v.json, _path(k, ".context_id"));
            v.publicValues[k] = bytes.concat(_inputs(v, k), _outputs(v, k));
        }
        v.model = ModelKey({
            modelId: vm.parseJsonBytes32(v.json, _path(0, ".model_id")),
            modelCode: deployKey(bytes.concat(hex"00", v.vk)),
            vkDigest: vm.parseJsonBytes32(v.json, string.concat(ids, ".vkd")),
            schemaHash: 0,
            srsId: vm.parseJsonBytes32(v.json, string.concat(ids, ".srs_id"))
        });
    }

    /// @dev The inputs of a sample: two bytes each, or the point of committed ones.
    function _inputs(Vector memory v, uint256 k) private pure returns (bytes memory values) {
        if (uint8(v.vk[2]) & 2 != 0) return vm.parseJsonBytes(v.json, _path(k, ".inputs"));
        uint256[] memory inputs = vm.parseJsonUintArray(v.json, _path(k, ".inputs"));
        for (uint256 i = 0; i < inputs.length; i++) {
            values = bytes.concat(values, bytes2(uint16(inputs[i])));
        }
    }

    /// @dev The outputs: eight bytes each, or the point of committed ones.
    function _outputs(Vector memory v, uint256 k) private pure returns (bytes memory values) {
        if (uint8(v.vk[2]) & 4 != 0) return vm.parseJsonBytes(v.json, _path(k, ".outputs"));
        int256[] memory outputs = vm.parseJsonIntArray(v.json, _path(k, ".outputs"));
        for (uint256 i = 0; i < outputs.length; i++) {
            values = bytes.concat(values, bytes8(uint64(int64(outputs[i]))));
        }
    }

    function _path(uint256 k, string memory rest) private pure returns (string memory) {
        return string.concat(".statements[", vm.toString(k), "]", rest);
    }

    /// @dev Deploys `code` as it is.
    function deployKey(bytes memory code) internal returns (address deployed) {
        // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN, then the code.
        bytes memory creation = abi.encodePacked(hex"61", uint16(code.length), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            deployed := create(0, add(creation, 0x20), mload(creation))
        }
        require(deployed != address(0), "the key object cannot be deployed");
    }

    /* CALLS */

    function verify(Vector memory v) internal view {
        if (v.contextIds.length == 1) {
            verifier.verify(v.model, v.contextIds[0], v.publicValues[0], v.proof);
        } else {
            verifier.verifyBatch(v.model, v.contextIds, v.publicValues, v.proof);
        }
    }

    /// @dev The error data of a verification that has to fail.
    function refusal(Vector memory v) internal view returns (bytes memory data) {
        bytes memory call = v.contextIds.length == 1
            ? abi.encodeCall(verifier.verify, (v.model, v.contextIds[0], v.publicValues[0], v.proof))
            : abi.encodeCall(verifier.verifyBatch, (v.model, v.contextIds, v.publicValues, v.proof));
        bool success;
        (success, data) = address(verifier).staticcall(call);
        assertFalse(success, "accepted");
    }

    function expectRefusal(Vector memory v, bytes memory data) internal view {
        assertEq(refusal(v), data);
    }

    /* BYTES */

    function wordAt(bytes memory data, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }

    /// @dev Writes a word where it is. The memory of `data` changes.
    function setWord(bytes memory data, uint256 offset, uint256 value) internal pure {
        require(offset + 32 <= data.length, "out of bounds");
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), offset), value)
        }
    }

    function truncated(bytes memory data, uint256 length) internal pure returns (bytes memory result) {
        result = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            result[i] = data[i];
        }
    }
}
