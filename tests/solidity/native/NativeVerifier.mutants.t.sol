// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {NativeTest} from "./NativeTest.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @notice Every check is needed: without it, a forged proof of a false statement is accepted. Skipped unless `node tools/mutations.mjs` has
/// made the mutants.
contract NativeVerifierMutantsTest is NativeTest {
    string private constant DIRECTORY = "out/mutants/";

    function test_withoutACheckItsAttackWorks() public {
        if (!vm.exists(DIRECTORY)) {
            vm.skip(true);
            return;
        }
        // Patched nowhere, it is the verifier: what is compiled are these sources, and with the same settings.
        assertEq(_code("None"), address(verifier).code);

        INativeVerifier unchanged = verifier;
        VmSafe.DirEntry[] memory files = vm.readDir("tests/fixtures/native/attacks");
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
        VmSafe.DirEntry[] memory mutants = vm.readDir(DIRECTORY);
        for (uint256 i = 0; i < mutants.length; i++) {
            string memory rule = vm.parseJsonString(vm.readFile(mutants[i].path), ".rule");
            assertTrue(vm.contains(string.concat(rules, "None,"), string.concat(rule, ",")), rule);
        }
    }

    function _code(string memory rule) private view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat(DIRECTORY, rule, ".json")), ".code");
    }
}
