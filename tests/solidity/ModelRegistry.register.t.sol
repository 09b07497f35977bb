// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {Identities} from "../../contracts/libraries/Identities.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {Code} from "./helpers/Mocks.sol";
import {Vm} from "forge-std/Vm.sol";

contract ModelRegistryRegisterTest is BaseTest {
    bytes32 private constant VK = keccak256("vk");
    bytes32 private constant SRS = keccak256("srs");
    bytes private constant SCHEMA = "schema";

    address private _adapter;
    address private _code;

    function setUp() public override {
        super.setUp();
        _adapter = address(new Code(1));
        _code = address(new Code(2));
    }

    /* REVERTS */

    function test_revert_adapterWithoutCode() public {
        _expectNoCode(address(0), _code, address(0));
        _expectNoCode(ALICE, _code, ALICE);
        vm.deal(ALICE, 1 ether); // exists, and still has no code
        _expectNoCode(ALICE, _code, ALICE);
        _expectNoCode(address(1), _code, address(1));
    }

    function test_revert_modelCodeWithoutCode() public {
        _expectNoCode(_adapter, ALICE, ALICE);
        vm.deal(ALICE, 1 ether);
        _expectNoCode(_adapter, ALICE, ALICE);
        _expectNoCode(_adapter, address(1), address(1));
    }

    function test_revert_delegatedAccount() public {
        vm.etch(ALICE, delegationTo(_code));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DelegatedCode.selector, ALICE));
        models.register(ALICE, _code, VK, SRS, SCHEMA);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DelegatedCode.selector, ALICE));
        models.register(_adapter, ALICE, VK, SRS, SCHEMA);
    }

    /* SUCCESS */

    function testFuzz_register(bytes32 vkDigest, bytes32 srsId, bytes calldata schema, address registrant) public {
        bytes32 schemaHash = keccak256(bytes.concat(keccak256("zkinfer/schema/v1"), schema));
        bytes32 expected = keccak256(
            bytes.concat(keccak256("zkinfer/model/v1"), _adapter.codehash, _code.codehash, vkDigest, schemaHash, srsId)
        );

        vm.expectEmit(address(models));
        emit IModelRegistry.ModelRegistered(
            expected, _adapter, _code, _adapter.codehash, _code.codehash, vkDigest, schemaHash, srsId, schema
        );
        vm.expectEmit(address(models));
        emit IModelRegistry.RegistrantAdded(expected, registrant);
        vm.prank(registrant);
        bytes32 modelId = models.register(_adapter, _code, vkDigest, srsId, schema);

        assertEq(modelId, expected);
        IModelRegistry.Model memory entry = models.model(modelId);
        assertEq(entry.adapter, _adapter);
        assertEq(entry.modelCode, _code);
        assertEq(entry.adapterId, _adapter.codehash);
        assertEq(entry.codeHash, _code.codehash);
        assertEq(entry.vkDigest, vkDigest);
        assertEq(entry.schemaHash, schemaHash);
        assertEq(entry.srsId, srsId);
        assertEq(uint8(models.standing(modelId, registrant)), uint8(IModelRegistry.Standing.Registered));
    }

    function test_registerWithoutModelCode() public {
        vm.deal(address(0), 1 ether); // gives address 0 the hash of empty code
        bytes32 modelId = models.register(_adapter, address(0), VK, SRS, SCHEMA);
        assertEq(modelId, Identities.modelId(_adapter.codehash, 0, VK, Identities.schemaHash(SCHEMA), SRS));
        IModelRegistry.Model memory entry = models.model(modelId);
        assertEq(entry.modelCode, address(0));
        assertEq(entry.codeHash, 0);
        (address adapter_,) = models.resolve(modelId);
        assertEq(adapter_, _adapter);
    }

    /// @dev Code that only looks a little like a delegation is code. 0xef cannot be deployed; other first bytes can.
    function test_registerCodeOfTwentyThreeBytes() public {
        vm.etch(_code, abi.encodePacked(hex"600100", _adapter));
        models.register(_adapter, _code, VK, SRS, SCHEMA);
    }

    function test_registerCodeOfOneByte() public {
        vm.etch(_code, hex"00");
        models.register(_adapter, _code, VK, SRS, SCHEMA);
    }

    /* AGAIN */

    function test_againByTheSameAccountChangesNothing() public {
        bytes32 modelId = models.register(_adapter, _code, VK, SRS, SCHEMA);
        vm.startStateDiffRecording();
        vm.recordLogs();
        assertEq(models.register(_adapter, _code, VK, SRS, SCHEMA), modelId);
        assertEq(vm.getRecordedLogs().length, 0);
        _assertNoWrites();
    }

    function test_againByAnotherAccountAddsARegistrant() public {
        bytes32 modelId = models.register(_adapter, _code, VK, SRS, SCHEMA);
        bytes32 before = keccak256(abi.encode(models.model(modelId)));
        vm.recordLogs();
        vm.prank(MALLORY);
        assertEq(models.register(_adapter, _code, VK, SRS, SCHEMA), modelId);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].emitter, address(models));
        assertEq(logs[0].topics[0], IModelRegistry.RegistrantAdded.selector);
        assertEq(logs[0].topics[1], modelId);
        assertEq(logs[0].topics[2], bytes32(uint256(uint160(MALLORY))));
        assertEq(keccak256(abi.encode(models.model(modelId))), before);
        assertEq(uint8(models.standing(modelId, MALLORY)), uint8(IModelRegistry.Standing.Registered));
        assertEq(uint8(models.standing(modelId, address(this))), uint8(IModelRegistry.Standing.Registered));
    }

    /// @dev The entry of a live model cannot be moved, not even to the same code.
    function test_againWithCopiesChangesNothing() public {
        bytes32 modelId = models.register(_adapter, _code, VK, SRS, SCHEMA);
        bytes32 before = keccak256(abi.encode(models.model(modelId)));
        address adapterCopy = address(new Code(1));
        address codeCopy = address(new Code(2));
        vm.prank(MALLORY);
        assertEq(models.register(adapterCopy, codeCopy, VK, SRS, SCHEMA), modelId);
        assertEq(keccak256(abi.encode(models.model(modelId))), before);
    }

    /// @dev Every part of an entry is part of its id.
    function test_everyPartMakesAnotherModel() public {
        bytes32[7] memory ids;
        ids[0] = models.register(_adapter, _code, VK, SRS, SCHEMA);
        ids[1] = models.register(address(new Code(3)), _code, VK, SRS, SCHEMA);
        ids[2] = models.register(_adapter, address(new Code(3)), VK, SRS, SCHEMA);
        ids[3] = models.register(_adapter, _code, keccak256("other"), SRS, SCHEMA);
        ids[4] = models.register(_adapter, _code, VK, keccak256("other"), SCHEMA);
        ids[5] = models.register(_adapter, _code, VK, SRS, "other");
        ids[6] = models.register(_code, _adapter, VK, SRS, SCHEMA);
        for (uint256 i = 0; i < ids.length; i++) {
            for (uint256 j = 0; j < i; j++) {
                assertNotEq(ids[i], ids[j]);
            }
        }
        assertEq(models.model(ids[0]).adapter, _adapter);
        assertEq(models.model(ids[0]).modelCode, _code);
    }

    /* DEAD ENTRIES */

    /// @dev A squatter's copies that vanish with the transaction that made them do not keep the id.
    function test_relocateFromAddressesThatLostTheirCode() public {
        address adapterCopy = address(new Code(1));
        address codeCopy = address(new Code(2));
        vm.prank(MALLORY);
        bytes32 modelId = models.register(adapterCopy, codeCopy, VK, SRS, SCHEMA);

        uint256 snapshot = vm.snapshotState();
        address[2] memory dead = [adapterCopy, codeCopy];
        for (uint256 i = 0; i < 2; i++) {
            vm.etch(dead[i], "");
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, dead[i]));
            models.resolve(modelId);

            vm.expectEmit(address(models));
            emit IModelRegistry.ModelRelocated(modelId, _adapter, _code);
            assertEq(models.register(_adapter, _code, VK, SRS, SCHEMA), modelId);

            IModelRegistry.Model memory entry = models.model(modelId);
            assertEq(entry.adapter, _adapter);
            assertEq(entry.modelCode, _code);
            assertEq(entry.adapterId, _adapter.codehash);
            assertEq(entry.codeHash, _code.codehash);
            models.resolve(modelId);
            vm.revertToState(snapshot);
        }
    }

    /* HELPERS */

    function _expectNoCode(address adapter_, address modelCode, address without) private {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NoCode.selector, without));
        models.register(adapter_, modelCode, VK, SRS, SCHEMA);
    }

    function _assertNoWrites() private {
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        for (uint256 i = 0; i < accesses.length; i++) {
            for (uint256 j = 0; j < accesses[i].storageAccesses.length; j++) {
                assertFalse(accesses[i].storageAccesses[j].isWrite);
            }
        }
    }
}
