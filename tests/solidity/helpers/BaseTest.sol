// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../../contracts/ProofRegistry.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {EzklAdapter} from "../../../contracts/verifiers/EzklAdapter.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The three contracts, some accounts, and a plausible time.
abstract contract BaseTest is Test {
    EzklAdapter internal adapter;
    ModelRegistry internal models;
    ProofRegistry internal proofs;

    address internal immutable ALICE = makeAddr("alice");
    address internal immutable MALLORY = makeAddr("mallory");

    function setUp() public virtual {
        vm.warp(1_900_000_000);
        adapter = new EzklAdapter();
        models = new ModelRegistry();
        proofs = new ProofRegistry(models);
    }

    /// @dev An assignment of Alice's that is good for an hour.
    function assignmentOf(address submitter) internal view returns (IProofRegistry.Assignment memory) {
        return IProofRegistry.Assignment({
            submitter: submitter,
            consumer: address(0xC0),
            job: keccak256("job"),
            deadline: uint64(block.timestamp + 1 hours)
        });
    }

    /// @dev The code of an account that delegates to `target` (EIP-7702).
    function delegationTo(address target) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"ef0100", target);
    }
}
