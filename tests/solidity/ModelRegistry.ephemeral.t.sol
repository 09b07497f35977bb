// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {Code} from "./helpers/Mocks.sol";

/// @notice Has the code it is told to have until the end of the transaction that creates it: it is marked for destruction in its
/// constructor, which goes on.
contract Ephemeral {
    constructor(address destroyer, bytes memory code) {
        (bool success,) = destroyer.delegatecall("");
        require(success);
        assembly ("memory-safe") {
            return(add(code, 0x20), mload(code))
        }
    }
}

/// @notice Registers somebody else's model with copies of its code that will be gone.
contract Squatter {
    function squat(IModelRegistry models, address destroyer, address adapter, address modelCode)
        external
        returns (bytes32, address, address)
    {
        address adapterCopy = address(new Ephemeral(destroyer, adapter.code));
        address codeCopy = address(new Ephemeral(destroyer, modelCode.code));
        return (models.register(adapterCopy, codeCopy, "vk", "srs", "schema"), adapterCopy, codeCopy);
    }
}

/// @notice The attack that `ModelRelocated` is there for, with real destruction: calls are transactions of their own here.
contract ModelRegistryEphemeralTest is BaseTest {
    /// forge-config: default.isolate = true
    function test_ephemeralCodeDoesNotKeepAnId() public {
        address adapter_ = address(new Code(1));
        address code = address(new Code(2));
        address destroyer = makeAddr("destroyer");
        vm.etch(destroyer, hex"33ff"); // CALLER SELFDESTRUCT

        Squatter squatter = new Squatter();
        (bytes32 modelId, address adapterCopy, address codeCopy) = squatter.squat(models, destroyer, adapter_, code);
        assertEq(models.model(modelId).adapter, adapterCopy);
        assertEq(models.model(modelId).modelCode, codeCopy);
        assertEq(adapterCopy.code.length, 0);
        assertEq(codeCopy.code.length, 0);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, adapterCopy));
        models.resolve(modelId);

        assertEq(models.register(adapter_, code, "vk", "srs", "schema"), modelId);
        models.resolve(modelId);
        assertEq(models.model(modelId).adapter, adapter_);
        assertEq(models.model(modelId).modelCode, code);

        // The same again finds the entry alive, and leaves it.
        squatter.squat(models, destroyer, adapter_, code);
        assertEq(models.model(modelId).adapter, adapter_);
        models.resolve(modelId);
    }
}
