// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IDeterministicAdapter} from "../../../contracts/interfaces/IDeterministicAdapter.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {MockBatchAdapter} from "./Mocks.sol";

/// @notice Burns all the gas that it is given.
contract Glutton is IVerifierAdapter {
    function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata) external view virtual {
        assembly ("memory-safe") {
            invalid()
        }
    }

    function bindsStatement() external pure returns (bool) {
        return true;
    }

    function name() external pure returns (string memory) {
        return "hostile";
    }
}

/// @notice Withdraws while it verifies, and would accept.
contract Reentrant is Glutton {
    ClaimRegistry private immutable _registry;

    constructor(ClaimRegistry registry) {
        _registry = registry;
    }

    function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata) external view override {
        (bool done,) = address(_registry).staticcall(abi.encodeCall(_registry.withdraw, (address(this))));
        if (!done) revert ProofInvalid();
    }
}

/// @notice Accepts everything in blocks with even numbers.
contract Moody is Glutton {
    function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata) external view override {
        if (block.number % 2 == 1) revert ProofInvalid();
    }
}

/// @notice Vouches for its models, whose first 32 bytes are inputs, and contradicts itself nevertheless.
contract VouchingAdapter is MockBatchAdapter, IDeterministicAdapter {
    constructor(uint256 kind_) MockBatchAdapter(kind_) {}

    function inputBytes(ModelKey calldata) external pure returns (uint256) {
        return 32;
    }
}
