// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./BaseTest.sol";

/// @notice A bundle with a real EZKL proof, and the verifier generated for its model, deployed. `make fixtures` makes them.
abstract contract BundleTest is BaseTest {
    string internal constant DIRECTORY = "contracts/generated/digits/";

    uint256 internal constant ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev A few times what a valid proof needs. Bad input may make a verifier burn whatever it is given.
    uint256 internal constant VERIFY_GAS = 4_000_000;

    bytes32 internal modelId;
    bytes32 internal vkDigest;
    bytes32 internal schemaHash;
    bytes32 internal srsId;
    bytes internal schema;
    bytes internal publicValues;
    bytes internal proof;
    bytes32 internal adapterId;
    bytes32 internal modelCodeHash;

    address internal verifier;

    function setUp() public virtual override {
        super.setUp();
        string memory json = readGenerated("bundle.json");
        modelId = vm.parseJsonBytes32(json, ".statements[0].modelId");
        publicValues = vm.parseJsonBytes(json, ".statements[0].publicValues");
        proof = vm.parseJsonBytes(json, ".proof");
        vkDigest = vm.parseJsonBytes32(json, ".manifest.vkDigest");
        schema = vm.parseJsonBytes(json, ".manifest.schema");
        schemaHash = vm.parseJsonBytes32(json, ".manifest.schemaHash");
        srsId = vm.parseJsonBytes32(json, ".manifest.srsId");
        adapterId = vm.parseJsonBytes32(json, ".manifest.adapterId");
        modelCodeHash = vm.parseJsonBytes32(json, ".manifest.modelCodeHash");
        verifier = deployVerifier();
    }

    /// @dev A generated file.
    function readGenerated(string memory file) internal view returns (string memory) {
        string memory path = string.concat(DIRECTORY, file);
        require(vm.isFile(path), "run `make fixtures` first");
        return vm.readFile(path);
    }

    /// @dev One more copy of the verifier, compiled by forge from the generated source.
    function deployVerifier() internal returns (address deployed) {
        require(vm.isFile(string.concat(DIRECTORY, "Halo2Verifier.sol")), "run `make fixtures` first");
        bytes memory code = vm.getCode(string.concat(DIRECTORY, "Halo2Verifier.sol:Halo2Verifier"));
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), "the generated verifier cannot be deployed");
    }

    function registerModel() internal returns (bytes32) {
        return models.register(address(adapter), verifier, vkDigest, srsId, schema);
    }

    function keyOf(address modelCode) internal view returns (ModelKey memory) {
        return ModelKey(modelId, modelCode, vkDigest, schemaHash, srsId);
    }

    /// @dev The word at index `i`.
    function wordAt(bytes memory data, uint256 i) internal pure returns (uint256 word) {
        require(32 * i + 32 <= data.length, "out of bounds");
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), mul(0x20, i)))
        }
    }

    /// @dev A copy with another word at index `i`.
    function withWord(bytes memory data, uint256 i, uint256 word) internal pure returns (bytes memory copy) {
        require(32 * i + 32 <= data.length, "out of bounds");
        copy = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(add(add(copy, 0x20), mul(0x20, i)), word)
        }
    }

    /// @dev The first `length` bytes.
    function truncated(bytes memory data, uint256 length) internal pure returns (bytes memory copy) {
        require(length <= data.length, "out of bounds");
        copy = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(copy, length)
        }
    }

    /// @dev The instances that a plain reading of docs/identities.md gives for public values.
    function instancesOf(bytes memory values) internal pure returns (uint256[] memory instances) {
        instances = new uint256[](values.length / 32);
        for (uint256 i = 0; i < instances.length; i++) {
            int256 value = int256(wordAt(values, i));
            instances[i] = value >= 0 ? uint256(value) : ORDER - uint256(-value);
        }
    }
}
