// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../contracts/ProofRegistry.sol";
import {EzklAdapter} from "../contracts/verifiers/EzklAdapter.sol";
import {Script, console2} from "forge-std/Script.sol";

/// @notice Deploys the contracts that are shared by all models. Each is ownerless, so there is nothing to hand over.
///
///     forge script script/Deploy.s.sol --rpc-url URL --broadcast --private-key KEY
contract Deploy is Script {
    function run() external returns (EzklAdapter adapter, ModelRegistry models, ProofRegistry proofs) {
        vm.startBroadcast();
        adapter = new EzklAdapter();
        models = new ModelRegistry();
        proofs = new ProofRegistry(models);
        vm.stopBroadcast();

        console2.log("EzklAdapter  ", address(adapter));
        console2.log("  adapter id ", vm.toString(address(adapter).codehash));
        console2.log("ModelRegistry", address(models));
        console2.log("ProofRegistry", address(proofs));
    }
}
