// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {NativeTest} from "./NativeTest.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @notice Every check is needed: without it, a forged proof of a false statement is accepted. Skipped unless `node tools/mutations.mjs` has
/// made the mutants.
contract NativeVerifierMutantsTest is NativeTest {
    function _mutants() private pure returns (string memory) {
        return onTestSrs() ? "out/mutants/NativeTestVerifier/" : "out/mutants/NativeVerifier/";
    }

    function test_withoutACheckItsAttackWorks() public {
        if (!vm.exists(_mutants())) {
            vm.skip(true);
            return;
        }
        // Patched nowhere, it is the verifier: the artifact is of these sources, and of these settings.
        assertEq(_code("None"), address(verifier).code);

        INativeVerifier unchanged = verifier;
        VmSafe.DirEntry[] memory files = vm.readDir(string.concat(directory(), "attacks"));
        string memory rules;
        for (uint256 i = 0; i < files.length; i++) {
            Vector memory v = loadFile(files[i].path, "");
            string memory rule = vm.parseJsonString(v.json, ".rule");
            rules = string.concat(rules, rule, ",");
            verifier = unchanged;
            refusal(v);
            verifier = INativeVerifier(makeAddr(rule));
            vm.etch(address(verifier), _code(rule));
            verify(v);
        }
        // And no mutant is without an attack.
        VmSafe.DirEntry[] memory mutants = vm.readDir(_mutants());
        for (uint256 i = 0; i < mutants.length; i++) {
            string memory rule = vm.parseJsonString(vm.readFile(mutants[i].path), ".rule");
            assertTrue(vm.contains(string.concat(rules, "None,"), string.concat(rule, ",")), rule);
        }
    }

    function _code(string memory rule) private view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat(_mutants(), rule, ".json")), ".code");
    }
}

/// @notice The same on the TEST SRS.
contract NativeTestVerifierMutantsTest is NativeVerifierMutantsTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
