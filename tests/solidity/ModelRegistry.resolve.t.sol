// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../contracts/libraries/Identities.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {Code} from "./helpers/Mocks.sol";

contract ModelRegistryResolveTest is BaseTest {
    address private _adapter;
    address private _code;
    bytes32 private _modelId;

    function setUp() public override {
        super.setUp();
        _adapter = address(new Code(1));
        _code = address(new Code(2));
        _modelId = models.register(_adapter, _code, keccak256("vk"), keccak256("srs"), "schema");
    }

    /* REVERTS */

    function testFuzz_revert_unknownModel(bytes32 modelId) public {
        vm.assume(modelId != _modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, modelId));
        models.resolve(modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, modelId));
        models.model(modelId);
    }

    function test_revert_adapterChanged() public {
        bytes[3] memory others = [address(new Code(3)).code, bytes(""), delegationTo(_adapter)];
        for (uint256 i = 0; i < others.length; i++) {
            vm.etch(_adapter, others[i]);
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, _adapter));
            models.resolve(_modelId);
        }
    }

    function test_revert_modelCodeChanged() public {
        bytes[3] memory others = [address(new Code(3)).code, bytes(""), delegationTo(_code)];
        for (uint256 i = 0; i < others.length; i++) {
            vm.etch(_code, others[i]);
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, _code));
            models.resolve(_modelId);
        }
    }

    /* SUCCESS */

    function test_resolve() public view {
        (address adapter_, ModelKey memory key) = models.resolve(_modelId);
        assertEq(adapter_, _adapter);
        assertEq(key.modelId, _modelId);
        assertEq(key.modelCode, _code);
        assertEq(key.vkDigest, keccak256("vk"));
        assertEq(key.schemaHash, Identities.schemaHash("schema"));
        assertEq(key.srsId, keccak256("srs"));
    }

    /// @dev The entry can be read when the code is gone.
    function test_modelAfterTheCodeIsGone() public {
        bytes32 before = keccak256(abi.encode(models.model(_modelId)));
        vm.etch(_code, "");
        vm.etch(_adapter, "");
        assertEq(keccak256(abi.encode(models.model(_modelId))), before);
    }

    /// @dev Changed back is unchanged: the hash is all that counts.
    function test_resolveAfterTheCodeIsBack() public {
        bytes memory code = _code.code;
        vm.etch(_code, "");
        vm.etch(_code, code);
        models.resolve(_modelId);
    }
}
