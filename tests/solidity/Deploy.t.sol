// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {EzklAdapter} from "../../contracts/verifiers/EzklAdapter.sol";
import {Deploy} from "../../script/Deploy.s.sol";
import {Test} from "forge-std/Test.sol";

contract DeployTest is Test {
    /// @dev The deployed contracts belong together, and are the ones whose artifacts are committed.
    function test_run() public {
        (EzklAdapter adapter, ModelRegistry models, ProofRegistry proofs) = new Deploy().run();
        assertEq(address(proofs.modelRegistry()), address(models));
        assertEq(address(adapter).codehash, _committedCodeHash("EzklAdapter"));
        assertEq(address(models).codehash, _committedCodeHash("ModelRegistry"));
    }

    function _committedCodeHash(string memory name) private view returns (bytes32) {
        string memory json = vm.readFile(string.concat("contracts/artifacts/", name, ".json"));
        assertEq(
            keccak256(vm.parseJsonBytes(json, ".deployedBytecode")), vm.parseJsonBytes32(json, ".deployedCodeHash")
        );
        return vm.parseJsonBytes32(json, ".deployedCodeHash");
    }
}
