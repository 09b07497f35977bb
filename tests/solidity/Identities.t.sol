// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Identities} from "../../contracts/libraries/Identities.sol";
import {Tensor} from "../../contracts/libraries/Schemas.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The library against known answers that were computed apart from it. Rust is held to the same file.
contract IdentitiesTest is Test {
    string private _json;

    function setUp() public {
        _json = vm.readFile("tests/fixtures/identities.json");
    }

    function test_tags() public view {
        bytes32[9] memory tags = [
            Identities.TAG_MODEL,
            Identities.TAG_SCHEMA,
            Identities.TAG_CONTEXT,
            Identities.TAG_STATEMENT,
            Identities.TAG_BATCH,
            Identities.TAG_SRS,
            Identities.TAG_EZKL_VK,
            Identities.TAG_NATIVE_VK,
            Identities.TAG_COMMITTED
        ];
        assertEq(_count(".tags"), tags.length);
        for (uint256 i = 0; i < tags.length; i++) {
            assertEq(tags[i], _word(_at(".tags", i, ".hash")), vm.parseJsonString(_json, _at(".tags", i, ".name")));
        }
        assertEq(Identities.CONTEXT_OFFCHAIN, _word(".contextOffchain"));
    }

    function test_schemaHash() public view {
        uint256 count = _count(".schemas");
        assertGe(count, 3);
        for (uint256 i = 0; i < count; i++) {
            bytes memory schema = vm.parseJsonBytes(_json, _at(".schemas", i, ".bytes"));
            assertEq(Identities.schemaHash(schema), _word(_at(".schemas", i, ".hash")));
        }
    }

    /// @dev The schema bytes are the ABI encoding of the structured form.
    function test_schemaBytes() public view {
        for (uint256 i = 0; i < _count(".schemas"); i++) {
            string memory list = _at(".schemas", i, ".tensors");
            Tensor[] memory tensors = new Tensor[](_count(list));
            for (uint256 j = 0; j < tensors.length; j++) {
                tensors[j] = _tensor(string.concat(list, "[", vm.toString(j), "]"));
            }
            assertEq(abi.encode(tensors), vm.parseJsonBytes(_json, _at(".schemas", i, ".bytes")));
        }
    }

    function test_modelId() public view {
        uint256 count = _count(".models");
        assertGe(count, 3);
        for (uint256 i = 0; i < count; i++) {
            bytes32 id = Identities.modelId(
                _word(_at(".models", i, ".adapterId")),
                _word(_at(".models", i, ".codeHash")),
                _word(_at(".models", i, ".vkDigest")),
                _word(_at(".models", i, ".schemaHash")),
                _word(_at(".models", i, ".srsId"))
            );
            assertEq(id, _word(_at(".models", i, ".modelId")));
        }
    }

    function test_contextId() public view {
        uint256 count = _count(".contexts");
        assertGe(count, 3);
        for (uint256 i = 0; i < count; i++) {
            bytes32 id = Identities.contextId(
                _number(_at(".contexts", i, ".chainId")),
                vm.parseJsonAddress(_json, _at(".contexts", i, ".registry")),
                vm.parseJsonAddress(_json, _at(".contexts", i, ".submitter")),
                vm.parseJsonAddress(_json, _at(".contexts", i, ".consumer")),
                _word(_at(".contexts", i, ".job")),
                uint64(_number(_at(".contexts", i, ".deadline")))
            );
            assertEq(id, _word(_at(".contexts", i, ".contextId")));
        }
    }

    function test_statementId() public view {
        uint256 count = _count(".statements");
        assertGe(count, 4);
        for (uint256 i = 0; i < count; i++) {
            bytes32 publicValuesHash = keccak256(vm.parseJsonBytes(_json, _at(".statements", i, ".publicValues")));
            assertEq(publicValuesHash, _word(_at(".statements", i, ".publicValuesHash")));
            bytes32 id = Identities.statementId(
                _word(_at(".statements", i, ".modelId")), publicValuesHash, _word(_at(".statements", i, ".contextId"))
            );
            assertEq(id, _word(_at(".statements", i, ".statementId")));
        }
    }

    function test_batchId() public view {
        uint256 count = _count(".batches");
        assertGe(count, 4);
        for (uint256 i = 0; i < count; i++) {
            bytes32[] memory ids = vm.parseJsonBytes32Array(_json, _at(".batches", i, ".statementIds"));
            assertEq(Identities.batchId(ids), _word(_at(".batches", i, ".batchId")));
        }
    }

    function testFuzz_batchIdDependsOnOrder(bytes32 a, bytes32 b) public pure {
        vm.assume(a != b);
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (a, b);
        bytes32 first = Identities.batchId(ids);
        (ids[0], ids[1]) = (b, a);
        assertNotEq(first, Identities.batchId(ids));
    }

    function _tensor(string memory path) private view returns (Tensor memory tensor) {
        tensor.name = vm.parseJsonString(_json, string.concat(path, ".name"));
        tensor.direction = uint8(vm.parseJsonUint(_json, string.concat(path, ".direction")));
        tensor.visibility = uint8(vm.parseJsonUint(_json, string.concat(path, ".visibility")));
        tensor.shape = _uint64s(vm.parseJsonUintArray(_json, string.concat(path, ".shape")));
        tensor.width = uint8(vm.parseJsonUint(_json, string.concat(path, ".width")));
        tensor.isSigned = vm.parseJsonBool(_json, string.concat(path, ".isSigned"));
        tensor.min = vm.parseInt(vm.parseJsonString(_json, string.concat(path, ".min")));
        tensor.max = vm.parseInt(vm.parseJsonString(_json, string.concat(path, ".max")));
        string[] memory scales = vm.parseJsonStringArray(_json, string.concat(path, ".scales"));
        tensor.scales = new uint64[](scales.length);
        for (uint256 i = 0; i < scales.length; i++) {
            tensor.scales[i] = uint64(vm.parseUint(scales[i]));
        }
        tensor.axis = uint8(vm.parseJsonUint(_json, string.concat(path, ".axis")));
        tensor.zeroPoint = int64(vm.parseInt(vm.parseJsonString(_json, string.concat(path, ".zeroPoint"))));
    }

    function _uint64s(uint256[] memory wide) private pure returns (uint64[] memory narrow) {
        narrow = new uint64[](wide.length);
        for (uint256 i = 0; i < wide.length; i++) {
            narrow[i] = uint64(wide[i]);
        }
    }

    function _at(string memory list, uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "]", field);
    }

    function _count(string memory list) private view returns (uint256 n) {
        while (vm.keyExistsJson(_json, _at(list, n, ""))) n++;
    }

    function _word(string memory path) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, path);
    }

    function _number(string memory path) private view returns (uint256) {
        return vm.parseUint(vm.parseJsonString(_json, path));
    }
}
