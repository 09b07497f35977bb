// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NativeTest} from "./NativeTest.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @notice Forged proofs of false statements, one or more for every condition of the protocol: each breaks that condition and no other
/// (crates/prover/src/attacks.rs). That each is accepted once its condition is taken out of the contract is what tools/mutations.mjs shows.
contract NativeVerifierAttacksTest is NativeTest {
    function test_refusesEveryAttack() public {
        VmSafe.DirEntry[] memory files = vm.readDir(string.concat(directory(), "attacks"));
        assertGe(files.length, 34);
        for (uint256 i = 0; i < files.length; i++) {
            Vector memory v = loadFile(files[i].path, "");
            assertEq(refusal(v), abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector), files[i].path);
        }
    }
}

/// @notice The same on the TEST SRS.
contract NativeTestVerifierAttacksTest is NativeVerifierAttacksTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
