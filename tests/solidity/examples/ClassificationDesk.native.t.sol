// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {NativeRegistryTest} from "../helpers/NativeRegistryTest.sol";
import {ClassificationDesk} from "./ClassificationDesk.sol";

/// @notice The example consumer with a native model: inputs of two bytes, outputs of eight, and a real proof, which is bound to this desk and
/// this job.
contract ClassificationDeskNativeTest is NativeRegistryTest {
    /// @dev `_opened` of the desk.
    bytes32 private constant OPENED = bytes32(uint256(2));

    ClassificationDesk private _desk;
    Batch private _one;
    bytes32 private _job;

    function setUp() public override {
        super.setUp();
        Batch memory one = load("single");
        _one.proof = one.proof;
        _one.publicValues = one.publicValues;
        _one.statementIds = one.statementIds;
        _one.assignments.push(one.assignments[0]);
        // The proof is for this consumer and for this job of it.
        address consumer = one.assignments[0].consumer;
        _job = one.assignments[0].job;
        deployCodeTo("ClassificationDesk.sol:ClassificationDesk", abi.encode(proofs, nativeId, nativeSchema), consumer);
        _desk = ClassificationDesk(consumer);
        vm.store(consumer, OPENED, bytes32(uint256(_job) - 1));
        bytes memory inputs = new bytes(2 * INPUTS);
        for (uint256 i = 0; i < inputs.length; i++) {
            inputs[i] = one.publicValues[0][i];
        }
        assertEq(_desk.open(one.assignments[0].submitter, one.assignments[0].deadline, inputs), _job);
    }

    function test_revert_notProven() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.NotProven.selector, _one.statementIds[0]));
        _desk.settle(_job, _one.publicValues[0]);
    }

    function test_settle() public {
        vm.prank(_one.assignments[0].submitter);
        proofs.submit(nativeId, _one.assignments[0], _one.publicValues[0], _one.proof);
        (uint256 class, int256 score) = _desk.settle(_job, _one.publicValues[0]);
        // The outputs of the fixture: 0xedb5, -0xeedc, 0x1a94a.
        assertEq(class, 2);
        assertEq(score, 0x1a94a);
    }
}
