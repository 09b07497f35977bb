// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {Deploy} from "../../script/Deploy.s.sol";
import {Test} from "forge-std/Test.sol";

contract DeployTest is Test {
    function test_run_RevertIf_TheFactoryIsMissing() public {
        Deploy deploy = new Deploy();
        vm.etch(CREATE2_FACTORY, "");
        vm.expectRevert(abi.encodeWithSelector(Deploy.NoFactory.selector, CREATE2_FACTORY));
        deploy.run();
    }

    /// @dev The deployed contracts belong together, are the ones whose artifacts are committed, and are where they are everywhere.
    function test_run() public {
        Deploy deploy = new Deploy();
        vm.chainId(8453);
        (address models, address proofs) = deploy.run();
        assertEq(address(ProofRegistry(proofs).modelRegistry()), models);
        assertEq(models, deploy.addressOf("ModelRegistry", ""));
        assertEq(models.codehash, _committedCodeHash("ModelRegistry"));

        string memory json = deploy.description();
        assertEq(deploy.path(), "deployments/8453.json");
        assertEq(vm.parseJsonUint(json, ".chainId"), 8453);
        assertEq(vm.parseJsonUint(json, ".block"), block.number);
        assertEq(vm.parseJsonAddress(json, ".contracts.ProofRegistry.address"), proofs);
        assertEq(vm.parseJsonBytes32(json, ".contracts.ProofRegistry.codeHash"), proofs.codehash);
        string[] memory adapters = deploy.adapters();
        for (uint256 i = 0; i < adapters.length; i++) {
            string memory place = string.concat(".contracts.", adapters[i]);
            address at = vm.parseJsonAddress(json, string.concat(place, ".address"));
            assertEq(at.codehash, _committedCodeHash(adapters[i]));
            assertEq(vm.parseJsonBytes32(json, string.concat(place, ".codeHash")), at.codehash);
        }
    }

    /// @dev A second run sends nothing and finds the same.
    function test_run_AgainIsTheSame() public {
        (address models, address proofs) = new Deploy().run();
        (address modelsAgain, address proofsAgain) = new Deploy().run();
        assertEq(modelsAgain, models);
        assertEq(proofsAgain, proofs);
    }

    function _committedCodeHash(string memory name) private view returns (bytes32) {
        string memory json = vm.readFile(string.concat("contracts/artifacts/", name, ".json"));
        assertEq(
            keccak256(vm.parseJsonBytes(json, ".deployedBytecode")), vm.parseJsonBytes32(json, ".deployedCodeHash")
        );
        return vm.parseJsonBytes32(json, ".deployedCodeHash");
    }
}
