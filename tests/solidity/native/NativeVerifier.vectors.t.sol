// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeHarness} from "./INativeHarness.sol";
import {NativeTest} from "./NativeTest.sol";

/// @notice The verifier agrees with the Rust crate and the Python verifier on every vector, challenge by challenge.
contract NativeVerifierVectorsTest is NativeTest {
    /// @dev The vectors, the directory of the attacks, and beside those of the TEST SRS the directory of the ceremony's.
    function test_listIsComplete() public view {
        assertEq(vm.readDir(directory()).length, names().length + (onTestSrs() ? 2 : 1));
    }

    function test_acceptsEveryVector() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            verify(load(list[i]));
        }
    }

    /// @dev A batch of one is that one statement.
    function test_acceptsSinglesAsBatches() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            verifier.verifyBatch(v.model, v.contextIds, v.publicValues, v.proof);
        }
    }

    function test_challengesAreTheVectors() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            INativeHarness.Seen memory seen = harness.challenges(v.model, v.contextIds, v.publicValues, v.proof);
            assertEq(seen.vkd, vm.parseJsonBytes32(v.json, ".challenges.vkd"), "vkd");
            assertEq(seen.sid, vm.parseJsonBytes32(v.json, ".challenges.sid"), "sid");
            _assertScalar(v.json, "alpha", seen.alpha);
            _assertScalar(v.json, "beta", seen.beta);
            _assertScalar(v.json, "lambda", seen.lambda);
            _assertScalar(v.json, "mu", seen.mu);
            _assertScalar(v.json, "theta", seen.theta);
            _assertScalar(v.json, "zeta", seen.zeta);
            _assertScalar(v.json, "c_d", seen.schnorr);
            _assertScalars(v.json, "xi", seen.xi);
            _assertScalars(v.json, "r", seen.r);
            _assertScalar(v.json, "rho", seen.rho);
            _assertScalar(v.json, "x", seen.x);
            _assertScalar(v.json, "eta", seen.eta);
            _assertScalar(v.json, "z", seen.z);
            _assertScalar(v.json, "delta", seen.delta);
        }
    }

    function _assertScalar(string memory json, string memory name, uint256 value) private pure {
        assertEq(bytes32(value), vm.parseJsonBytes32(json, string.concat(".challenges.", name)), name);
    }

    function _assertScalars(string memory json, string memory name, uint256[] memory values) private pure {
        bytes32[] memory expected = vm.parseJsonBytes32Array(json, string.concat(".challenges.", name));
        assertEq(values.length, expected.length, name);
        for (uint256 i = 0; i < values.length; i++) {
            assertEq(bytes32(values[i]), expected[i], name);
        }
    }
}

/// @notice The same on the TEST SRS.
contract NativeTestVerifierVectorsTest is NativeVerifierVectorsTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
