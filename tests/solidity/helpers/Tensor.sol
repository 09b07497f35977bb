// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice One entry of a schema, as docs/identities.md defines it.
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
