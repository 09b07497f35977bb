// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBatchVerifierAdapter} from "../../../contracts/interfaces/IBatchVerifierAdapter.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";

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
    uint256 internal immutable _kind;

    constructor(uint256 kind_) {
        _kind = kind_;
    }

    function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        external
        view
        virtual
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

    function bindsStatement() external pure virtual returns (bool) {
        return true;
    }

    function name() external pure returns (string memory) {
        return "mock";
    }
}

/// @notice An adapter for one proof of a batch.
contract MockBatchAdapter is MockAdapter, IBatchVerifierAdapter {
    error BatchSize(uint256 statements);

    constructor(uint256 kind_) MockAdapter(kind_) {}

    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view virtual {
        if (contextIds.length == 0) revert BatchSize(0);
        if (keccak256(proof) != keccak256(batchProofOf(model, contextIds, publicValues))) revert ProofInvalid();
    }

    function batchProofOf(ModelKey calldata model, bytes32[] calldata contextIds, bytes[] calldata publicValues)
        public
        view
        returns (bytes memory)
    {
        return abi.encode(_kind, model, contextIds, publicValues);
    }

    function bindsStatement() external pure virtual override(IVerifierAdapter, MockAdapter) returns (bool) {
        return true;
    }
}

/// @notice The same, of a proof system that cannot bind a context.
contract TransferableBatchAdapter is MockBatchAdapter {
    constructor() MockBatchAdapter(0) {}

    function bindsStatement() external pure override returns (bool) {
        return false;
    }
}

/// @notice Refuses every batch of statements without a reason, and an empty one with one. What a call that runs out of gas looks like.
contract SilentAdapter {
    function verifyBatch(ModelKey calldata, bytes32[] calldata contextIds, bytes[] calldata, bytes calldata)
        external
        pure
    {
        require(contextIds.length != 0, "empty");
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }
}

/// @notice Asks the registry about its claims while it verifies a batch, and accepts if there are none.
contract CuriousAdapter is MockBatchAdapter {
    IProofRegistry private immutable _registry;

    constructor(IProofRegistry registry) MockBatchAdapter(0) {
        _registry = registry;
    }

    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata
    ) external view override {
        for (uint256 i = 0; i < contextIds.length; i++) {
            bytes32 id = Identities.statementId(model.modelId, keccak256(publicValues[i]), contextIds[i]);
            if (_registry.isVerified(id)) revert ProofInvalid();
        }
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
