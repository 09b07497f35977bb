// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {Schemas, Tensor} from "./Schemas.sol";

/// @title PublicValues
/// @notice Reads the elements of public values by the model's schema: native and EZKL values alike (docs/identities.md).
/// @dev A `TensorView` is what is to be known of a tensor to read it. It is found once, when a consumer is deployed, and kept.
library PublicValues {
    /// @param offset Where the tensor begins, in bytes.
    /// @param elements How many elements it has.
    /// @param width The bytes of an element, big-endian.
    /// @param isSigned Whether they are two's complement.
    struct TensorView {
        uint32 offset;
        uint32 elements;
        uint8 width;
        bool isSigned;
    }

    /// @notice The schema has no such tensor.
    error NoSuchTensor(uint256 tensor);

    /// @notice The tensor is committed: the public values have a point where its elements would be.
    error Committed(uint256 tensor);

    /// @notice An element has 1 to 32 bytes.
    error WidthOutOfRange(uint256 width);

    /// @notice The tensor has no such element.
    error NoSuchElement(uint256 element);

    /// @notice The public values end before the element does.
    error TooShort(uint256 length);

    /// @notice The element is an unsigned word that is no int256.
    error TooLarge(uint256 value);

    /// @notice How to read the tensor at a place of the schema.
    function viewOf(Tensor[] memory tensors, uint256 tensor) internal pure returns (TensorView memory found) {
        if (tensor >= tensors.length) revert NoSuchTensor(tensor);
        uint256 offset = 0;
        for (uint256 i = 0; i < tensor; i++) {
            offset += Schemas.bytesOf(tensors[i]);
        }
        Tensor memory read = tensors[tensor];
        if (read.visibility != Schemas.PUBLIC) revert Committed(tensor);
        if (read.width == 0 || read.width > 32) revert WidthOutOfRange(read.width);
        uint256 elements = Schemas.bytesOf(read) / read.width;
        // Public values of 4 GiB are in no transaction.
        if (offset > type(uint32).max || elements > type(uint32).max) revert NoSuchTensor(tensor);
        found = TensorView(uint32(offset), uint32(elements), read.width, read.isSigned);
    }

    /// @notice The place of the first output in the schema.
    function firstOutput(Tensor[] memory tensors) internal pure returns (uint256 tensor) {
        for (; tensor < tensors.length; tensor++) {
            if (tensors[tensor].direction == Schemas.OUTPUT) return tensor;
        }
        revert NoSuchTensor(tensor);
    }

    /// @notice An element, as the integer that it is. The real number meant is `(integer - zeroPoint) * scale`, by the schema.
    function at(TensorView memory tensor, bytes calldata publicValues, uint256 element) internal pure returns (int256) {
        if (element >= tensor.elements) revert NoSuchElement(element);
        uint256 from = uint256(tensor.offset) + element * tensor.width;
        if (publicValues.length < from + tensor.width) revert TooShort(publicValues.length);
        uint256 unused = 8 * (32 - uint256(tensor.width));
        // The bytes are at the top of the word; what follows them is shifted out.
        bytes32 word = bytes32(publicValues[from:from + tensor.width]);
        if (tensor.isSigned) return int256(uint256(word)) >> unused;
        uint256 value = uint256(word) >> unused;
        if (value > uint256(type(int256).max)) revert TooLarge(value);
        return int256(value);
    }
}
