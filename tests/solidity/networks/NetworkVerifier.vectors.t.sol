// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INetworkHarness} from "./INetworkHarness.sol";
import {NetworkTest} from "./NetworkTest.sol";
import {console2} from "forge-std/console2.sol";

/// @notice The verifier agrees with the Rust crate and the Python verifier on every vector, challenge by challenge.
contract NetworkVerifierVectorsTest is NetworkTest {
    INetworkHarness private harness;

    function setUp() public override {
        super.setUp();
        harness = INetworkHarness(deployCode("NetworkHarness.sol:NetworkHarness"));
    }

    /// @dev The vectors, and the directory of hostile programs.
    function test_listIsComplete() public view {
        assertEq(vm.readDir(DIRECTORY).length, names().length + 1);
    }

    function test_acceptsEveryVector() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            verify(load(list[i]));
        }
    }

    /// @dev A batch of one is that one statement.
    function test_acceptsSinglesAsBatches() public {
        Vector memory v = load("attention");
        assertEq(v.contextIds.length, 1);
        verifier.verifyBatch(v.model, v.contextIds, v.publicValues, v.proof);
    }

    function test_challengesAreTheVectors() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            INetworkHarness.Seen memory seen = harness.challenges(v.model, v.contextIds, v.publicValues, v.proof);
            assertEq(seen.vkd, vm.parseJsonBytes32(v.json, ".challenges.vkd"), "vkd");
            string[15] memory scalars = [
                "alpha", "beta", "gamma", "chi", "mu", "lambda", "theta", "psi", "zeta", "c_D", "rho", "x", "eta", "z", "delta"
            ];
            for (uint256 j = 0; j < scalars.length; j++) {
                bytes32 expected = vm.parseJsonBytes32(v.json, string.concat(".challenges.", scalars[j]));
                assertEq(bytes32(seen.scalars[j]), expected, scalars[j]);
            }
            _assertScalars(v.json, "xi", seen.xi);
            _assertScalars(v.json, "r", seen.r);
        }
    }

    function _assertScalars(string memory json, string memory name, uint256[] memory values) private pure {
        bytes32[] memory expected = vm.parseJsonBytes32Array(json, string.concat(".challenges.", name));
        assertEq(values.length, expected.length, name);
        for (uint256 i = 0; i < values.length; i++) {
            assertEq(bytes32(values[i]), expected[i], name);
        }
    }

    /* GAS */

    /// @dev A transaction finds the key object cold, and the part (2,600 instead of 100): a test has just made them.
    uint256 private constant COLD = 5_000;

    /// @dev Whole transactions that call the verifier: a snapshot, exact with the pinned compiler. A change is written into docs/gas.md.
    function test_gas() public {
        console2.log("vector | statements | proof bytes | whole transaction");
        string[] memory list = names();
        uint256[8] memory snapshots = [uint256(0), 0, 0, 0, 0, 0, 0, 0];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            bytes memory data = encoded(v);
            (bool success,) = address(verifier).staticcall(data);
            assertTrue(success);
            uint256 total = 21_000 + COLD + vm.lastCallGas().gasTotalUsed;
            for (uint256 j = 0; j < data.length; j++) {
                total += data[j] == 0 ? 4 : 16;
            }
            string memory row = string.concat(list[i], " | ", vm.toString(v.contextIds.length), " | ");
            console2.log(string.concat(row, vm.toString(v.proof.length), " | ", vm.toString(total)));
            assertEq(total, snapshots[i], list[i]);
        }
    }
}
