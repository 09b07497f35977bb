// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

/// @notice Compares a live deployment with its file, deployments/CHAINID.json, and with the committed artifacts:
///
///     FOUNDRY_PROFILE=live forge test --fork-url URL
contract DeploymentTest is Test {
    string private _file;

    function setUp() public {
        string memory profile = vm.envOr("FOUNDRY_PROFILE", string(""));
        if (keccak256(bytes(profile)) != keccak256("live")) vm.skip(true, "for the profile live, on a chain");
        _file = vm.readFile(string.concat("deployments/", vm.toString(block.chainid), ".json"));
    }

    function test_EveryContractIsTheCommittedOne() public view {
        assertEq(vm.parseJsonUint(_file, ".chainId"), block.chainid);
        string[] memory names = vm.parseJsonKeys(_file, ".contracts");
        assertGe(names.length, 3);
        for (uint256 i = 0; i < names.length; i++) {
            (address at, bytes32 recorded) = _place(names[i]);
            assertGt(at.code.length, 0, names[i]);
            assertEq(at.codehash, recorded, names[i]);
            string memory json = _artifact(names[i]);
            if (keccak256(bytes(names[i])) != keccak256("ProofRegistry")) {
                assertEq(at.codehash, keccak256(vm.parseJsonBytes(json, ".deployedBytecode")), names[i]);
            }
        }
    }

    /// @dev Its code names the model registry: creating it anew leaves the same code.
    function test_TheProofRegistryIsTheCommittedOneOverTheModelRegistry() public {
        (address models,) = _place("ModelRegistry");
        (address proofs,) = _place("ProofRegistry");
        bytes memory creation =
            bytes.concat(vm.parseJsonBytes(_artifact("ProofRegistry"), ".bytecode"), abi.encode(models));
        address again;
        assembly ("memory-safe") {
            again := create(0, add(creation, 0x20), mload(creation))
        }
        assertEq(proofs.codehash, again.codehash);
    }

    /// @dev They have no owner: whoever asks, the code alone answers.
    function test_TheRegistryRefusesUnknownModels() public {
        (address models,) = _place("ModelRegistry");
        (bool success,) = models.call(abi.encodeWithSignature("model(bytes32)", bytes32(uint256(1))));
        assertFalse(success);
    }

    function _place(string memory name) private view returns (address at, bytes32 codeHash) {
        string memory place = string.concat(".contracts.", name);
        at = vm.parseJsonAddress(_file, string.concat(place, ".address"));
        codeHash = vm.parseJsonBytes32(_file, string.concat(place, ".codeHash"));
    }

    function _artifact(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("contracts/artifacts/", name, ".json"));
    }
}
