// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INetworkVerifier} from "../../../contracts/interfaces/INetworkVerifier.sol";
import {NetworkTest} from "./NetworkTest.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @notice The forged proofs of crates/prover/src/network/attacks, each of a false statement, and each broken in one condition alone. The
/// verifier refuses all of them.
contract NetworkVerifierAttacksTest is NetworkTest {
    function onTestSrs() internal pure virtual returns (bool) {
        return false;
    }

    function setUp() public override {
        if (onTestSrs()) super.setUp();
        else verifier = INetworkVerifier(deployCode("contracts/artifacts/NetworkVerifier.json"));
    }

    function attacks() internal pure returns (string memory) {
        return string.concat(DIRECTORY, onTestSrs() ? "attacks" : "attacks-hez-final");
    }

    function test_forgedProofsAreRefused() public {
        VmSafe.DirEntry[] memory files = vm.readDir(attacks());
        assertGt(files.length, 28);
        for (uint256 i = 0; i < files.length; i++) {
            refusal(loadFile(files[i].path));
        }
    }
}

/// @notice The same on the TEST SRS.
contract NetworkTestVerifierAttacksTest is NetworkVerifierAttacksTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}

/// @notice Every check is needed: without it, its forged proofs are accepted. Skipped unless `node tools/mutations.mjs` has made the mutants.
contract NetworkVerifierMutantsTest is NetworkVerifierAttacksTest {
    function _mutants() private pure returns (string memory) {
        return onTestSrs() ? "out/mutants/NetworkTestVerifier/" : "out/mutants/NetworkVerifier/";
    }

    function test_withoutACheckItsAttackWorks() public {
        if (!vm.exists(_mutants())) {
            vm.skip(true);
            return;
        }
        address part = vm.computeCreateAddress(address(verifier), 1);
        // Patched nowhere, they are the released ones.
        assertEq(_code("None", ".code"), address(verifier).code);
        assertEq(_code("None", ".part"), part.code);

        VmSafe.DirEntry[] memory files = vm.readDir(attacks());
        string memory rules;
        for (uint256 i = 0; i < files.length; i++) {
            rules = string.concat(rules, this.accepted(files[i].path, part), ",");
        }
        // And no mutant is without an attack.
        VmSafe.DirEntry[] memory mutants = vm.readDir(_mutants());
        for (uint256 i = 0; i < mutants.length; i++) {
            string memory rule = vm.parseJsonString(vm.readFile(mutants[i].path), ".rule");
            assertTrue(vm.contains(string.concat(rules, "None,"), string.concat(rule, ",")), rule);
        }
    }

    /// @dev The rule that the forged proof in this file breaks: the mutant without it has to accept it. A call of its own, whose memory is
    /// given back.
    function accepted(string calldata path, address part) external returns (string memory rule) {
        Vector memory v = loadFile(path);
        rule = vm.parseJsonString(v.json, ".rule");
        vm.etch(address(verifier), _code(rule, ".code"));
        vm.etch(part, _code(rule, ".part"));
        (bool success, bytes memory data) = address(verifier).staticcall(encoded(v));
        assertTrue(success, string.concat(path, " refused: ", vm.toString(data)));
    }

    function _code(string memory rule, string memory which) private view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat(_mutants(), rule, ".json")), which);
    }
}

/// @notice The same on the TEST SRS.
contract NetworkTestVerifierMutantsTest is NetworkVerifierMutantsTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
