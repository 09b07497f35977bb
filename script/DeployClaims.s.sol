// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../contracts/ClaimRegistry.sol";
import {IClaims} from "../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../contracts/interfaces/IProofRegistry.sol";
import {Script, console2} from "forge-std/Script.sol";

/// @notice Deploys a claim registry beside a `ProofRegistry`. Its terms are for ever: bond and fee in wei, the windows in seconds, the number of
/// challenges of a batch that can be open.
///
///     forge script script/DeployClaims.s.sol --sig 'run(address,(uint256,uint256,uint40,uint40,uint16))' \
///         PROOF_REGISTRY '(100000000000000000,10000000000000000,86400,14400,16)' --rpc-url URL --broadcast --private-key KEY
contract DeployClaims is Script {
    function run(IProofRegistry proofs, IClaims.Terms calldata terms) external returns (ClaimRegistry registry) {
        vm.startBroadcast();
        registry = new ClaimRegistry(proofs, terms);
        vm.stopBroadcast();

        console2.log("ClaimRegistry", address(registry));
    }
}
