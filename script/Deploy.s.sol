// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Script, console2} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @title Deploy
/// @notice Deploys the contracts that are shared by all models, at the same addresses on every chain, and writes
/// deployments/CHAINID.json. What is there already is left alone. Each is ownerless, so there is nothing to hand over.
///
///     COMMIT=$(git rev-parse HEAD) forge script script/Deploy.s.sol --rpc-url URL --broadcast --account NAME
///
/// @dev The code comes from the committed artifacts, not from what is compiled here: its hash is its identity, and the address
/// follows from it.
contract Deploy is Script {
    /* CONSTANTS */

    /// @dev Of all contracts: they have no owner and no parameters, so there is no reason for a second one of the same code.
    bytes32 private constant SALT = bytes32(0);

    /* ERRORS */

    /// @dev The chain lacks the deterministic deployment proxy. How to put it there: github.com/Arachnid/deterministic-deployment-proxy.
    error NoFactory(address factory);
    error NotDeployed(string name);
    error OtherCode(string name, bytes32 found, bytes32 expected);

    /* STORAGE */

    /// @dev Whether anything is sent: the addresses can be had without.
    string private _contracts;

    function run() external returns (address models, address proofs) {
        if (CREATE2_FACTORY.code.length == 0) revert NoFactory(CREATE2_FACTORY);
        vm.startBroadcast();
        string[] memory names = adapters();
        for (uint256 i = 0; i < names.length; i++) {
            _deploy(names[i], "");
        }
        models = _deploy("ModelRegistry", "");
        proofs = _deploy("ProofRegistry", abi.encode(models));
        vm.stopBroadcast();

        if (vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) {
            vm.writeFile(path(), string.concat(description(), "\n"));
            console2.log("wrote", path());
        }
    }

    /// @notice The adapters that are deployed: those of the committed artifacts that go to any chain.
    function adapters() public pure returns (string[] memory names) {
        names = new string[](3);
        names[0] = "EzklAdapter";
        names[1] = "NativeVerifier";
        // It creates its part, whose code hash is in its own code.
        names[2] = "NetworkVerifier";
    }

    /// @notice The file of this chain.
    function path() public view returns (string memory) {
        return string.concat("deployments/", vm.toString(block.chainid), ".json");
    }

    /// @notice What the file says once `run` is done.
    function description() public returns (string memory) {
        string memory key = "deployment";
        vm.serializeUint(key, "chainId", block.chainid);
        vm.serializeUint(key, "block", block.number);
        vm.serializeString(key, "commit", vm.envOr("COMMIT", string("")));
        return vm.serializeString(key, "contracts", _contracts);
    }

    /// @notice Where a contract's creation code, with its arguments, leads to.
    function addressOf(string memory name, bytes memory arguments) public view returns (address) {
        return vm.computeCreate2Address(SALT, keccak256(_creation(name, arguments)), CREATE2_FACTORY);
    }

    function _deploy(string memory name, bytes memory arguments) private returns (address at) {
        at = addressOf(name, arguments);
        if (at.code.length == 0) {
            (bool success,) = CREATE2_FACTORY.call(bytes.concat(SALT, _creation(name, arguments)));
            if (!success || at.code.length == 0) revert NotDeployed(name);
        }
        string memory json = _artifact(name);
        // A contract with immutables has another hash on every deployment, and null there.
        if (vm.keyExistsJson(json, ".deployedCodeHash") && arguments.length == 0) {
            bytes32 expected = vm.parseJsonBytes32(json, ".deployedCodeHash");
            if (at.codehash != expected) revert OtherCode(name, at.codehash, expected);
        }
        console2.log(name, at);
        string memory place = string.concat("place ", name);
        vm.serializeAddress(place, "address", at);
        place = vm.serializeBytes32(place, "codeHash", at.codehash);
        _contracts = vm.serializeString("contracts", name, place);
    }

    function _creation(string memory name, bytes memory arguments) private view returns (bytes memory) {
        return bytes.concat(vm.parseJsonBytes(_artifact(name), ".bytecode"), arguments);
    }

    function _artifact(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("contracts/artifacts/", name, ".json"));
    }
}
