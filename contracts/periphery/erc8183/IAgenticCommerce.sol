// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IAgenticCommerce
/// @notice What an evaluator needs of ERC-8183, "Agentic Commerce".
/// @dev A draft. `complete` and `reject` are those of ethereum/ERCs, ERCS/erc-8183.md, at commit 908fa98b2e15b268cc2612aa04ae82ca1421af44. The
/// specification asks for no getter; `getJob` is that of the reference implementation in the same text.
interface IAgenticCommerce {
    enum JobStatus {
        Open,
        Funded,
        Submitted,
        Completed,
        Rejected,
        Expired
    }

    struct Job {
        uint256 id;
        address client;
        address provider;
        address evaluator;
        string description;
        uint256 budget;
        uint256 expiredAt;
        JobStatus status;
        address hook;
    }

    /// @notice The evaluator: the work is done. Submitted -> Completed.
    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    /// @notice The evaluator: it is not. Funded, Submitted -> Rejected.
    function reject(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    function getJob(uint256 jobId) external view returns (Job memory);
}
