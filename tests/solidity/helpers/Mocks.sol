// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";

/// @notice Answers every call with the same bytes.
contract Answer {
    bytes private _answer;

    constructor(bytes memory answer) {
        _answer = answer;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        return _answer;
    }
}

/// @notice Reverts every call with the same bytes.
contract Refusal {
    bytes private _answer;

    constructor(bytes memory answer) {
        _answer = answer;
    }

    fallback() external {
        bytes memory answer = _answer;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}

/// @notice Writes state when it is asked to verify, and accepts.
contract Writer {
    uint256 private _calls;

    function verifyProof(bytes calldata, uint256[] calldata) external returns (bool) {
        _calls++;
        return true;
    }
}

/// @notice Has code. Nothing else.
contract Code {
    uint256 private immutable _kind;

    constructor(uint256 kind_) {
        _kind = kind_;
    }

    function kind() external view returns (uint256) {
        return _kind;
    }
}

/// @notice An adapter for one proof: keccak256 over the whole statement and its kind. `kind` makes for different code hashes.
contract MockAdapter is IVerifierAdapter {
    uint256 private immutable _kind;

    constructor(uint256 kind_) {
        _kind = kind_;
    }

    function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        external
        view
    {
        if (keccak256(proof) != keccak256(proofOf(model, contextId, publicValues))) revert ProofInvalid();
    }

    function proofOf(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues)
        public
        view
        returns (bytes memory)
    {
        return abi.encode(_kind, model, contextId, publicValues);
    }

    function bindsStatement() external pure returns (bool) {
        return true;
    }

    function name() external pure returns (string memory) {
        return "mock";
    }
}

/// @notice A hostile adapter that accepts everything.
contract YesAdapter is IVerifierAdapter {
    function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata) external view {}

    function bindsStatement() external pure returns (bool) {
        return true;
    }

    function name() external pure returns (string memory) {
        return "yes";
    }
}
