// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INetworkVerifier} from "../../../contracts/interfaces/INetworkVerifier.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NetworkPorts} from "./NetworkPorts.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The verifier of general networks on the TEST SRS, as its committed artifact has it, and its known-answer vectors. `make check`
/// compares the artifacts with the sources.
abstract contract NetworkTest is Test {
    /// @notice A vector: everything a verification takes.
    struct Vector {
        string json;
        ModelKey model;
        bytes vk;
        bytes program;
        bytes32[] contextIds;
        bytes[] publicValues;
        bytes proof;
    }

    string internal constant DIRECTORY = "tests/fixtures/networks/";

    INetworkVerifier internal verifier;

    function setUp() public virtual {
        verifier = INetworkVerifier(deployCode("contracts/artifacts/NetworkTestVerifier.json"));
    }

    /* VECTORS */

    /// @dev The names of all vectors; the last ones are made by the Rust prover (crates/prover/examples/network_vectors.rs).
    function names() internal pure returns (string[] memory list) {
        list = new string[](14);
        list[0] = "mlp";
        list[1] = "convolutions";
        list[2] = "tree";
        list[3] = "product";
        list[4] = "tokens-argmax";
        list[5] = "lanes-committed";
        list[6] = "attention";
        list[7] = "two-levels";
        list[8] = "rust/perceptron-batch-two-levels";
        list[9] = "rust/convolutions";
        list[10] = "rust/lenet";
        list[11] = "rust/residual-blocks";
        list[12] = "rust/transformer-blocks";
        list[13] = "rust/decoder-blocks";
    }

    function load(string memory name) internal returns (Vector memory v) {
        return loadFile(string.concat(DIRECTORY, name, ".json"));
    }

    function loadFile(string memory path) internal returns (Vector memory v) {
        v.json = vm.readFile(path);
        v.vk = vm.parseJsonBytes(v.json, ".vk");
        v.program = vm.parseJsonBytes(v.json, ".program");
        v.proof = vm.parseJsonBytes(v.json, ".proof");
        (NetworkPorts.Port[] memory ports,) = NetworkPorts.read(v.program);
        uint256 n = 0;
        while (vm.keyExistsJson(v.json, _path(n, ""))) n++;
        v.contextIds = new bytes32[](n);
        v.publicValues = new bytes[](n);
        for (uint256 k = 0; k < n; k++) {
            v.contextIds[k] = vm.parseJsonBytes32(v.json, _path(k, ".context_id"));
            for (uint256 i = 0; i < ports.length; i++) {
                v.publicValues[k] = bytes.concat(v.publicValues[k], _port(v.json, k, i, ports[i]));
            }
        }
        v.model = ModelKey({
            modelId: vm.parseJsonBytes32(v.json, _path(0, ".model_id")),
            modelCode: deployKey(keyObject(v.vk, v.program)),
            vkDigest: vm.parseJsonBytes32(v.json, ".challenges.vkd"),
            schemaHash: 0,
            srsId: vm.parseJsonBytes32(v.json, ".srs.id")
        });
    }

    /// @dev The elements of a port, or the point of a committed one.
    function _port(string memory json, uint256 k, uint256 i, NetworkPorts.Port memory port)
        private
        pure
        returns (bytes memory values)
    {
        string memory path = _path(k, string.concat(".ports[", vm.toString(i), "]"));
        if (port.committed) return vm.parseJsonBytes(json, path);
        int256[] memory elements = vm.parseJsonIntArray(json, path);
        assertEq(elements.length, port.count, "elements of a port");
        values = new bytes(port.width * port.count);
        for (uint256 j = 0; j < values.length; j++) {
            uint256 shift = 8 * (port.width - 1 - j % port.width);
            values[j] = bytes1(uint8(uint256(elements[j / port.width]) >> shift));
        }
    }

    function _path(uint256 k, string memory rest) private pure returns (string memory) {
        return string.concat(".statements[", vm.toString(k), "]", rest);
    }

    /* KEYS */

    /// @dev A key object without pages.
    function keyObject(bytes memory vk, bytes memory program) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"00", uint16(vk.length), vk, hex"00", program);
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

    /// @dev The vector with another program under a key that names it: whoever made it up also made up its digest.
    function withProgram(Vector memory v, bytes memory program) internal returns (ModelKey memory model) {
        bytes memory vk = bytes.concat(v.vk);
        bytes32 digest = keccak256(program);
        for (uint256 i = 0; i < 32; i++) {
            vk[100 + i] = digest[i];
        }
        model = v.model;
        return ModelKey(model.modelId, deployKey(keyObject(vk, program)), vkDigest(vk), 0, model.srsId);
    }

    function vkDigest(bytes memory vk) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256("zkinfer/native-vk/v2"), vk));
    }

    /* CALLS */

    function encoded(Vector memory v) internal view returns (bytes memory) {
        return v.contextIds.length == 1
            ? abi.encodeCall(verifier.verify, (v.model, v.contextIds[0], v.publicValues[0], v.proof))
            : abi.encodeCall(verifier.verifyBatch, (v.model, v.contextIds, v.publicValues, v.proof));
    }

    function verify(Vector memory v) internal view {
        (bool success, bytes memory data) = address(verifier).staticcall(encoded(v));
        assertTrue(success, string.concat("refused: ", vm.toString(data)));
    }

    /// @dev The error data of a verification that has to fail.
    function refusal(Vector memory v) internal view returns (bytes memory data) {
        bool success;
        (success, data) = address(verifier).staticcall(encoded(v));
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
}
