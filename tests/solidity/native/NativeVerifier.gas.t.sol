// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {NativeTest} from "./NativeTest.sol";
import {console2} from "forge-std/console2.sol";

/// @notice What a verification costs, as a transaction that calls the verifier directly. `-vv` prints the table.
contract NativeVerifierGasTest is NativeTest {
    /// @dev A transaction finds the key object cold (2,600 instead of 100); a test has just made it.
    uint256 private constant COLD = 2_500;

    /// @dev The second number is a snapshot, exact with the pinned compiler: a change of it is looked at and written into docs/benchmarks.md.
    /// The limits are goals.
    function test_gas() public virtual {
        console2.log("model | proof bytes | execution | whole transaction");
        assertLt(_measure("64-32-10", 563_163), 650_000);
        assertLt(_measure("64-128-64-10", 575_280), 650_000);
        assertLt(_measure("64-128-64-10-saturating", 633_660), 720_000);
        assertLt(_measure("64-128-64-10-batch-16", 769_028), 90_000 * 16);
    }

    /// @dev A refused proof costs no more than an accepted one, whatever is wrong with it: nothing burns what it is given.
    function test_refusalsAreNotDearer() public {
        Vector memory v = load("64-128-64-10");
        uint256 accepted = _gas(v);
        for (uint256 offset = 0; offset < v.proof.length; offset += 32) {
            uint256 word = wordAt(v.proof, offset);
            setWord(v.proof, offset, word ^ 1);
            uint256 before = gasleft();
            refusal(v);
            // The test's own work is encoding: tens of thousands.
            assertLt(before - gasleft(), accepted + 100_000);
            setWord(v.proof, offset, word);
        }
    }

    function _measure(string memory name, uint256 snapshot) internal returns (uint256 total) {
        Vector memory v = load(name);
        uint256 execution = _gas(v);
        (uint256 price, uint256 floor) = _calldata(v);
        // EIP-7623: a transaction with many data and little execution pays a floor instead.
        total = 21_000 + (execution + price > floor ? execution + price : floor);
        console2.log(
            string.concat(
                name, " | ", vm.toString(v.proof.length), " | ", vm.toString(execution), " | ", vm.toString(total)
            )
        );
        assertEq(total, snapshot, name);
    }

    function _gas(Vector memory v) private view returns (uint256) {
        verify(v);
        return vm.lastCallGas().gasTotalUsed + COLD;
    }

    function _calldata(Vector memory v) private view returns (uint256 price, uint256 floor) {
        bytes memory data = v.contextIds.length == 1
            ? abi.encodeCall(verifier.verify, (v.model, v.contextIds[0], v.publicValues[0], v.proof))
            : abi.encodeCall(verifier.verifyBatch, (v.model, v.contextIds, v.publicValues, v.proof));
        for (uint256 i = 0; i < data.length; i++) {
            price += data[i] == 0 ? 4 : 16;
        }
        floor = price * 10 / 4;
    }
}

/// @notice The same on the TEST SRS, and of models that need more powers than come with zkinfer.
contract NativeTestVerifierGasTest is NativeVerifierGasTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }

    function test_gas() public override {
        console2.log("model | proof bytes | execution | whole transaction");
        assertLt(_measure("64-32-10", 563_301), 650_000);
        assertLt(_measure("64-128-64-10", 575_262), 650_000);
        assertLt(_measure("64-128-64-10-saturating", 633_654), 720_000);
        assertLt(_measure("256-512-256-10", 623_040), 720_000);
        assertLt(_measure("256-512-256-10-two-level", 679_546), 770_000);
        assertLt(_measure("64-128-64-10-batch-16", 769_208), 90_000 * 16);
        assertLt(_measure("256-512-256-10-batch-16", 993_501), 90_000 * 16);
        assertLt(_measure("256-512-256-10-committed-inputs", 640_564), 720_000);
        assertLt(_measure("256-512-256-10-batch-16-committed-inputs", 892_438), 90_000 * 16);
    }
}
