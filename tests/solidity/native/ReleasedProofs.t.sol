// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBatchVerifierAdapter} from "../../../contracts/interfaces/IBatchVerifierAdapter.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {Test} from "forge-std/Test.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @notice Proofs that verifiers of earlier times accepted, with the code of those verifiers: tests/fixtures/releases. What was accepted stays
/// accepted, by the same bytes, whatever the compiler, the chain's rules and the verifier of today are.
/// @dev A file is never changed. Each release adds one for each verifier whose code is new (docs/contracts.md).
contract ReleasedProofsTest is Test {
    string private constant DIRECTORY = "tests/fixtures/releases/";

    function test_everyReleasedProof() public {
        VmSafe.DirEntry[] memory files = vm.readDir(DIRECTORY);
        assertGt(files.length, 0);
        for (uint256 i = 0; i < files.length; i++) {
            _check(vm.readFile(files[i].path));
        }
    }

    function _check(string memory json) private {
        address adapter = makeAddr("adapter");
        vm.etch(adapter, vm.parseJsonBytes(json, ".adapter_code"));
        assertEq(adapter.codehash, vm.parseJsonBytes32(json, ".adapter_id"));
        address modelCode = makeAddr("model code");
        vm.etch(modelCode, vm.parseJsonBytes(json, ".model_code"));
        ModelKey memory key = ModelKey({
            modelId: vm.parseJsonBytes32(json, ".model_id"),
            modelCode: modelCode,
            vkDigest: vm.parseJsonBytes32(json, ".vk_digest"),
            schemaHash: vm.parseJsonBytes32(json, ".schema_hash"),
            srsId: vm.parseJsonBytes32(json, ".srs_id")
        });
        _verify(json, ".single", IBatchVerifierAdapter(adapter), key);
        _verify(json, ".four", IBatchVerifierAdapter(adapter), key);
    }

    function _verify(string memory json, string memory name, IBatchVerifierAdapter adapter, ModelKey memory key)
        private
    {
        bytes32[] memory jobs = vm.parseJsonBytes32Array(json, string.concat(name, ".jobs"));
        bytes32[] memory contextIds = new bytes32[](jobs.length);
        for (uint256 i = 0; i < jobs.length; i++) {
            contextIds[i] = Identities.contextId(
                vm.parseJsonUint(json, ".chain_id"),
                vm.parseJsonAddress(json, ".registry"),
                vm.parseJsonAddress(json, string.concat(name, ".submitter")),
                vm.parseJsonAddress(json, string.concat(name, ".consumer")),
                jobs[i],
                uint64(vm.parseJsonUint(json, string.concat(name, ".deadline")))
            );
        }
        bytes[] memory values = vm.parseJsonBytesArray(json, string.concat(name, ".public_values"));
        bytes memory proof = vm.parseJsonBytes(json, string.concat(name, ".proof"));
        adapter.verifyBatch(key, contextIds, values, proof);
        values[0][0] ^= 0x01;
        vm.expectRevert();
        adapter.verifyBatch(key, contextIds, values, proof);
    }
}
