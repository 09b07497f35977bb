// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INetworkSumcheck, Reduced} from "../../../contracts/interfaces/INetworkSumcheck.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {R} from "../../../contracts/libraries/native/Bn254.sol";
import {NetworkTest} from "./NetworkTest.sol";
import {console2} from "forge-std/console2.sol";

/// @notice The verifier agrees with the Rust crate and the Python verifier on every vector, challenge by challenge.
contract NetworkVerifierVectorsTest is NetworkTest {
    /// @dev The vectors, and the directories of hostile programs, of forged proofs under two SRS, and of proofs made in Rust.
    function test_listIsComplete() public view {
        uint256 made = vm.readDir(string.concat(DIRECTORY, "rust")).length;
        assertEq(vm.readDir(DIRECTORY).length - 4 + made, names().length);
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

    /// @dev Those that the part of the verifier has come to, and returned.
    function test_challengesAreTheVectors() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            Reduced memory c = this.reduce(v, R);
            _assertScalar(v.json, "alpha", c.alpha);
            _assertScalar(v.json, "beta", c.beta);
            _assertScalar(v.json, "gamma", c.gamma);
            _assertScalar(v.json, "chi", c.chi);
            _assertScalar(v.json, "mu", c.mu);
            _assertScalar(v.json, "lambda", c.lambda);
            _assertScalar(v.json, "theta", c.theta);
            _assertScalar(v.json, "psi", c.psi);
            _assertScalar(v.json, "zeta", c.zeta);
            _assertScalar(v.json, "c_D", c.schnorr);
            _assertScalar(v.json, "rho", c.rho);
            _assertScalar(v.json, "x", c.x);
            _assertScalar(v.json, "eta", c.eta);
            _assertScalar(v.json, "z", c.z);
            _assertScalar(v.json, "delta", c.delta);
            _assertScalars(v.json, "xi", c.xi);
            _assertScalars(v.json, "r", c.point);
        }
    }

    /// @dev The part takes the order from its calldata, because that is cheap, and computes with no other.
    function test_thePartComputesWithTheOrderAlone() public {
        Vector memory v = load("mlp");
        uint256[5] memory others = [uint256(0), 1, R - 1, R + 1, 2 * R];
        for (uint256 i = 0; i < others.length; i++) {
            vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
            this.reduce(v, others[i]);
        }
        this.reduce(v, R);
    }

    function reduce(Vector memory v, uint256 modulus) external view returns (Reduced memory) {
        bytes memory values;
        bytes32[] memory ids = new bytes32[](v.contextIds.length);
        for (uint256 k = 0; k < ids.length; k++) {
            values = bytes.concat(values, v.publicValues[k]);
            ids[k] = Identities.statementId(v.model.modelId, keccak256(v.publicValues[k]), v.contextIds[k]);
        }
        bytes32 id = ids.length == 1 ? ids[0] : Identities.batchId(ids);
        INetworkSumcheck part = INetworkSumcheck(vm.computeCreateAddress(address(verifier), 1));
        return part.reduce(modulus, v.model.vkDigest, id, ids.length, uint8(v.vk[3]), values, v.program, v.proof);
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

    /* GAS */

    /// @dev A transaction finds the key object cold, and the part (2,600 instead of 100): a test has just made them.
    uint256 private constant COLD = 5_000;

    /// @dev Whole transactions that call the verifier: a snapshot, exact with the pinned compiler. A change is written into docs/gas.md.
    function test_gas() public {
        console2.log("vector | statements | proof bytes | whole transaction");
        string[] memory list = names();
        uint256[14] memory totals;
        uint256[14] memory snapshots = [
            uint256(823_944),
            1_042_327,
            740_945,
            684_965,
            768_091,
            777_859,
            1_475_598,
            824_498,
            876_332,
            1_057_897,
            1_167_697,
            724_984,
            1_625_072,
            1_742_729
        ];
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
            totals[i] = total;
        }
        for (uint256 i = 0; i < list.length; i++) {
            assertEq(totals[i], snapshots[i], list[i]);
        }
    }
}
