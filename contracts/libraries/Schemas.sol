// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice One public tensor of a model, as docs/identities.md defines it.
struct Tensor {
    string name;
    uint8 direction;
    uint8 visibility;
    uint64[] shape;
    uint8 width;
    bool isSigned;
    int256 min;
    int256 max;
    uint64[] scales;
    uint8 axis;
    int64 zeroPoint;
}

/// @title Schemas
/// @notice Reads schemas: which bytes of a model's public values are what.
/// @dev A schema is somebody's word. Whoever reads one compares its hash with that of a model id that they examined.
library Schemas {
    /// @notice `Tensor.direction` of an input and of an output.
    uint8 internal constant INPUT = 0;
    uint8 internal constant OUTPUT = 1;

    /// @notice `Tensor.visibility` of a tensor whose elements are in the public values, and of one that has a commitment there.
    uint8 internal constant PUBLIC = 0;
    uint8 internal constant COMMITTED = 1;

    /// @dev A commitment: the coordinates of a point, as words.
    uint256 private constant COMMITMENT_BYTES = 64;

    /// @notice An input comes after an output: these are no inputs and outputs that can be told apart by a length.
    error InputAfterOutput(uint256 tensor);

    /// @notice The list of tensors. Reverts without a reason if the bytes are no encoding of one.
    function decode(bytes calldata schema) internal pure returns (Tensor[] memory) {
        return abi.decode(schema, (Tensor[]));
    }

    /// @notice How many bytes of the public values a tensor takes.
    function bytesOf(Tensor memory tensor) internal pure returns (uint256 size) {
        if (tensor.visibility != PUBLIC) return COMMITMENT_BYTES;
        size = tensor.width;
        for (uint256 i = 0; i < tensor.shape.length; i++) {
            size *= tensor.shape[i];
        }
    }

    /// @notice How many bytes of the public values are inputs, how many there are, and whether each tensor is public.
    function split(Tensor[] memory tensors) internal pure returns (uint256 inputs, uint256 total, bool allPublic) {
        allPublic = true;
        bool outputSeen;
        for (uint256 i = 0; i < tensors.length; i++) {
            if (tensors[i].visibility != PUBLIC) allPublic = false;
            uint256 size = bytesOf(tensors[i]);
            total += size;
            if (tensors[i].direction != INPUT) {
                outputSeen = true;
            } else {
                if (outputSeen) revert InputAfterOutput(i);
                inputs += size;
            }
        }
    }
}
