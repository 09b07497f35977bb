// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PublicValues} from "../../contracts/libraries/PublicValues.sol";
import {Schemas, Tensor} from "../../contracts/libraries/Schemas.sol";
import {SchemaBuilder} from "./helpers/SchemaBuilder.sol";
import {Test} from "forge-std/Test.sol";

contract PublicValuesTest is Test {
    using PublicValues for PublicValues.TensorView;

    /* REVERTS */

    function test_revert_noSuchTensor() public {
        Tensor[] memory tensors = _tensors(2, false, 8, true);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.NoSuchTensor.selector, 2));
        this.viewOf(tensors, 2);
        tensors[1].direction = Schemas.INPUT;
        vm.expectRevert(abi.encodeWithSelector(PublicValues.NoSuchTensor.selector, 2));
        this.firstOutput(tensors);
    }

    function test_revert_committed() public {
        Tensor[] memory tensors = _tensors(2, false, 8, true);
        tensors[0].visibility = Schemas.COMMITTED;
        vm.expectRevert(abi.encodeWithSelector(PublicValues.Committed.selector, 0));
        this.viewOf(tensors, 0);
        // What comes after one is after its 64 bytes.
        assertEq(this.viewOf(tensors, 1).offset, 64);
    }

    function test_revert_width() public {
        Tensor[] memory tensors = _tensors(2, false, 0, true);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.WidthOutOfRange.selector, 0));
        this.viewOf(tensors, 1);
        tensors[1].width = 33;
        vm.expectRevert(abi.encodeWithSelector(PublicValues.WidthOutOfRange.selector, 33));
        this.viewOf(tensors, 1);
    }

    function test_revert_huge() public {
        Tensor[] memory tensors = _tensors(2, false, 8, true);
        tensors[0].shape[0] = type(uint32).max;
        vm.expectRevert(abi.encodeWithSelector(PublicValues.NoSuchTensor.selector, 1));
        this.viewOf(tensors, 1);
    }

    function testFuzz_revert_noSuchElement(uint256 element) public {
        element = bound(element, 3, type(uint256).max);
        PublicValues.TensorView memory v = this.viewOf(_tensors(2, false, 8, true), 1);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.NoSuchElement.selector, element));
        this.at(v, new bytes(1000), element);
    }

    function test_revert_tooShort() public {
        PublicValues.TensorView memory v = this.viewOf(_tensors(2, false, 8, true), 1);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.TooShort.selector, 3 * 2 + 3 * 8 - 1));
        this.at(v, new bytes(3 * 2 + 3 * 8 - 1), 2);
    }

    function test_revert_tooLarge() public {
        PublicValues.TensorView memory v = this.viewOf(_tensors(32, false, 8, true), 0);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.TooLarge.selector, type(uint256).max));
        this.at(v, abi.encode(type(uint256).max, 0, 0), 0);
    }

    /* SUCCESS */

    /// @dev Whatever the width, what was written is read: signed and unsigned, with other bytes before and behind.
    function testFuzz_at(uint8 width, bool isSigned, int256 value, bytes32 noise, uint256 element) public view {
        width = uint8(bound(width, 1, 32));
        element %= 3;
        uint256 bits = 8 * uint256(width);
        // Into the range of the width.
        if (isSigned) value = (value << (256 - bits)) >> (256 - bits);
        else value = int256((uint256(value) << (256 - bits)) >> (256 - bits) & uint256(type(int256).max));

        Tensor[] memory tensors = _tensors(2, false, width, isSigned);
        bytes memory values = abi.encodePacked(new bytes(6));
        for (uint256 i = 0; i < 3; i++) {
            bytes32 word = i == element ? bytes32(uint256(value)) : noise;
            for (uint256 j = 32 - width; j < 32; j++) {
                values = bytes.concat(values, word[j]);
            }
        }
        values = bytes.concat(values, noise);
        assertEq(this.at(this.viewOf(tensors, 1), values, element), value);
    }

    function test_split() public view {
        (uint256 inputs, uint256 total, bool allPublic) = this.split(_tensors(2, false, 8, true));
        assertEq(inputs, 6);
        assertEq(total, 30);
        assertTrue(allPublic);
    }

    /* HELPERS */

    function viewOf(Tensor[] memory tensors, uint256 i) external pure returns (PublicValues.TensorView memory) {
        return PublicValues.viewOf(tensors, i);
    }

    function firstOutput(Tensor[] memory tensors) external pure returns (uint256) {
        return PublicValues.firstOutput(tensors);
    }

    function split(Tensor[] memory tensors) external pure returns (uint256, uint256, bool) {
        return Schemas.split(tensors);
    }

    function at(PublicValues.TensorView memory v, bytes calldata values, uint256 i) external pure returns (int256) {
        return v.at(values, i);
    }

    /// @dev Three inputs and three outputs.
    function _tensors(uint8 inputWidth, bool inputSigned, uint8 outputWidth, bool outputSigned)
        private
        pure
        returns (Tensor[] memory tensors)
    {
        tensors = new Tensor[](2);
        tensors[0] = SchemaBuilder.tensor("input", 0, 3, inputWidth, inputSigned);
        tensors[1] = SchemaBuilder.tensor("output", 1, 3, outputWidth, outputSigned);
    }
}
