// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {Code} from "./helpers/Mocks.sol";

contract ModelRegistryRetireTest is BaseTest {
    bytes32 private _modelId;

    function setUp() public override {
        super.setUp();
        _modelId = _register();
    }

    /* REVERTS */

    function test_revert_unknownModel() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotRegistrant.selector, bytes32("no"), address(this)));
        models.retire("no", "");
    }

    function test_revert_notRegistrant() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotRegistrant.selector, _modelId, MALLORY));
        vm.prank(MALLORY);
        models.retire(_modelId, "");
    }

    function test_revert_twice() public {
        models.retire(_modelId, "");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotRegistrant.selector, _modelId, address(this)));
        models.retire(_modelId, "");
    }

    /// @dev A retirement is for good: to register once more does not take it back.
    function test_revert_afterRegisteringAgain() public {
        models.retire(_modelId, "");
        vm.recordLogs();
        assertEq(_register(), _modelId);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(uint8(models.standing(_modelId, address(this))), uint8(IModelRegistry.Standing.Retired));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotRegistrant.selector, _modelId, address(this)));
        models.retire(_modelId, "");
    }

    /* SUCCESS */

    function testFuzz_retire(string calldata reason) public {
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelRetired(_modelId, address(this), reason);
        models.retire(_modelId, reason);
        assertEq(uint8(models.standing(_modelId, address(this))), uint8(IModelRegistry.Standing.Retired));
    }

    function test_retireBindsNobodyElse() public {
        vm.prank(MALLORY);
        _register();
        bytes32 before = keccak256(abi.encode(models.model(_modelId)));
        vm.prank(MALLORY);
        models.retire(_modelId, "mine now");
        assertEq(keccak256(abi.encode(models.model(_modelId))), before);
        assertEq(uint8(models.standing(_modelId, address(this))), uint8(IModelRegistry.Standing.Registered));
        models.resolve(_modelId);
    }

    /// @dev Both copies are made before the call, so that a prank is for the call to the registry.
    address private immutable _ADAPTER = address(new Code(1));
    address private immutable _CODE = address(new Code(2));

    function _register() private returns (bytes32) {
        return models.register(_ADAPTER, _CODE, keccak256("vk"), keccak256("srs"), "schema");
    }
}
