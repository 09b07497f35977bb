// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IClaimRegistry} from "@zkinfer/contracts/interfaces/IClaimRegistry.sol";
import {IProofRegistry} from "@zkinfer/contracts/interfaces/IProofRegistry.sol";
import {PublicValues} from "@zkinfer/contracts/libraries/PublicValues.sol";
import {Tensor} from "@zkinfer/contracts/libraries/Schemas.sol";
import {ClaimConsumer} from "@zkinfer/contracts/periphery/ClaimConsumer.sol";

/// @notice A consumer in somebody else's project: believes the first output of one worker's claims.
contract Shop is ClaimConsumer {
    using PublicValues for PublicValues.TensorView;

    bytes32 public immutable modelId;
    address public immutable worker;
    PublicValues.TensorView public outputs;

    constructor(IClaimRegistry claims_, bytes32 modelId_, address worker_, bytes memory schema) ClaimConsumer(claims_) {
        (modelId, worker) = (modelId_, worker_);
        Tensor[] memory tensors = abi.decode(schema, (Tensor[]));
        outputs = PublicValues.viewOf(tensors, PublicValues.firstOutput(tensors));
    }

    function read(bytes32 job, uint64 deadline, bytes calldata publicValues) external view returns (int256) {
        IProofRegistry.Assignment memory assignment =
            IProofRegistry.Assignment(worker, address(this), job, deadline);
        bytes32 statementId = claims.statementIdOf(modelId, assignment, keccak256(publicValues));
        Place memory alone;
        _requireFinal(statementId, IProofRegistry.Assurance.Optimistic, alone);
        PublicValues.TensorView memory view_ = outputs;
        return view_.at(publicValues, 0);
    }
}
