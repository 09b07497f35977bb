// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Tensor} from "../../../contracts/libraries/Schemas.sol";

/// @notice Schemas for tests.
library SchemaBuilder {
    /// @dev `inputs` and `outputs` elements that are int256 words.
    function words(uint64 inputs, uint64 outputs) internal pure returns (bytes memory) {
        Tensor[] memory tensors = new Tensor[](2);
        tensors[0] = tensor("input", 0, inputs, 32, true);
        tensors[1] = tensor("output", 1, outputs, 32, true);
        return abi.encode(tensors);
    }

    /// @dev Inputs of 2 bytes, outputs of 8.
    function native(uint64 inputs, uint64 outputs) internal pure returns (bytes memory) {
        Tensor[] memory tensors = new Tensor[](2);
        tensors[0] = tensor("input", 0, inputs, 2, false);
        tensors[1] = tensor("output", 1, outputs, 8, true);
        return abi.encode(tensors);
    }

    function tensor(string memory name, uint8 direction, uint64 elements, uint8 width, bool isSigned)
        internal
        pure
        returns (Tensor memory)
    {
        uint64[] memory shape = new uint64[](2);
        (shape[0], shape[1]) = (1, elements);
        uint64[] memory scales = new uint64[](1);
        scales[0] = 0x3ff0000000000000;
        return Tensor({
            name: name,
            direction: direction,
            visibility: 0,
            shape: shape,
            width: width,
            isSigned: isSigned,
            min: type(int256).min,
            max: type(int256).max,
            scales: scales,
            axis: 255,
            zeroPoint: 0
        });
    }
}
