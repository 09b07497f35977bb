// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {Identities} from "../../contracts/libraries/Identities.sol";
import {BaseTest} from "./helpers/BaseTest.sol";
import {Code} from "./helpers/Mocks.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Registers and retires models made of three codes, with three copies each, while copies lose their code and get it back.
contract ModelRegistryHandler is Test {
    ModelRegistry private immutable _models;
    address[3][3] private _copies;
    bytes[3] private _codes;

    bytes32[] public known;
    mapping(bytes32 modelId => bool) private _isKnown;
    mapping(bytes32 modelId => mapping(address account => uint8)) public standing;

    constructor(ModelRegistry models) {
        _models = models;
        for (uint256 i = 0; i < 3; i++) {
            for (uint256 j = 0; j < 3; j++) {
                _copies[i][j] = address(new Code(i));
            }
            _codes[i] = _copies[i][0].code;
        }
    }

    function register(uint256 adapter, uint256 adapterCopy, uint256 code, uint256 codeCopy, uint256 account) external {
        address adapter_ = _copies[adapter % 3][adapterCopy % 3];
        address code_ = code % 4 == 3 ? address(0) : _copies[code % 4][codeCopy % 3];
        bool alive = adapter_.code.length > 0 && (code_ == address(0) || code_.code.length > 0);
        address registrant = address(uint160(1 + account % 3));

        vm.prank(registrant);
        try _models.register(adapter_, code_, 0, 0, "schema") returns (bytes32 modelId) {
            assertTrue(alive);
            // Whatever the entry was before, it can be used after a registration with live code.
            _models.resolve(modelId);
            if (!_isKnown[modelId]) known.push(modelId);
            _isKnown[modelId] = true;
            _seeStanding(modelId, registrant, 1);
        } catch {
            assertFalse(alive);
        }
    }

    function retire(uint256 model, uint256 account) external {
        if (known.length == 0) return;
        bytes32 modelId = known[model % known.length];
        address registrant = address(uint160(1 + account % 3));
        vm.prank(registrant);
        try _models.retire(modelId, "") {
            assertEq(standing[modelId][registrant], 1);
            _seeStanding(modelId, registrant, 2);
        } catch {
            assertNotEq(standing[modelId][registrant], 1);
        }
    }

    function toggleCode(uint256 i, uint256 j) external {
        address copy = _copies[i % 3][j % 3];
        vm.etch(copy, copy.code.length == 0 ? _codes[i % 3] : bytes(""));
    }

    function knownCount() external view returns (uint256) {
        return known.length;
    }

    function _seeStanding(bytes32 modelId, address account, uint8 least) private {
        if (standing[modelId][account] < least) standing[modelId][account] = least;
    }
}

contract ModelRegistryInvariantTest is BaseTest {
    ModelRegistryHandler private _handler;

    function setUp() public override {
        super.setUp();
        _handler = new ModelRegistryHandler(models);
        targetContract(address(_handler));
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = ModelRegistryHandler.register.selector;
        selectors[1] = ModelRegistryHandler.retire.selector;
        selectors[2] = ModelRegistryHandler.toggleCode.selector;
        targetSelector(FuzzSelector(address(_handler), selectors));
    }

    /// @dev An entry says what its id says.
    function invariant_entriesAreWhatTheirIdsSay() public view {
        for (uint256 i = 0; i < _handler.knownCount(); i++) {
            bytes32 modelId = _handler.known(i);
            IModelRegistry.Model memory entry = models.model(modelId);
            assertEq(
                modelId,
                Identities.modelId(entry.adapterId, entry.codeHash, entry.vkDigest, entry.schemaHash, entry.srsId)
            );
            assertEq(entry.modelCode == address(0), entry.codeHash == 0);
        }
    }

    /// @dev What can be resolved is the code that the id names.
    function invariant_resolvedCodeIsTheCodeOfTheId() public view {
        for (uint256 i = 0; i < _handler.knownCount(); i++) {
            bytes32 modelId = _handler.known(i);
            IModelRegistry.Model memory entry = models.model(modelId);
            bool alive = entry.adapter.codehash == entry.adapterId
                && (entry.codeHash == 0 || entry.modelCode.codehash == entry.codeHash);
            try models.resolve(modelId) {
                assertTrue(alive);
            } catch {
                assertFalse(alive);
            }
        }
    }

    function invariant_standingOnlyGoesUp() public view {
        for (uint256 i = 0; i < _handler.knownCount(); i++) {
            bytes32 modelId = _handler.known(i);
            for (uint160 account = 1; account <= 3; account++) {
                assertEq(
                    uint8(models.standing(modelId, address(account))), _handler.standing(modelId, address(account))
                );
            }
        }
    }
}
