// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {Stage} from "./IClaims.sol";
import {IProofRegistry} from "./IProofRegistry.sol";

/// @title IClaimBatches
/// @notice Optimistic claims by the thousand: a Merkle root, a number of leaves, a bond for each. A challenge names a leaf, and the submitter
/// shows it with a proof, or loses the whole batch. So a leaf that nobody was shown is challenged like a false one.
/// @dev The tree is the one of docs/identities.md, over statement ids. Each leaf is a statement of the batch's model and of its assignment,
/// which differs from leaf to leaf in the job alone.
interface IClaimBatches {
    /* TYPES */

    /// @notice What a batch is; its hash, with the chain and the registry, is its id.
    /// @param submitter The submitter of every leaf, as are the next two of the assignment. The only one who may post and answer.
    /// @param root The Merkle root of the statement ids.
    /// @param count How many leaves there are, 1 to 4096.
    struct Batch {
        bytes32 modelId;
        address submitter;
        address consumer;
        uint64 deadline;
        bytes32 root;
        uint16 count;
    }

    /// @notice A leaf as it is shown.
    /// @param index Its place.
    /// @param job Its job.
    /// @param publicValues Its public values.
    /// @param path The siblings on the way to the root, lowest first.
    struct Leaf {
        uint16 index;
        bytes32 job;
        bytes publicValues;
        bytes32[] path;
    }

    /// @notice The record of a batch.
    /// @param closesAt The last second in which a leaf can be challenged.
    /// @param model The registry's number of the model.
    /// @param count How many leaves there are.
    /// @param open How many challenges are open.
    /// @param stage Open, Final, Slashed or Void.
    /// @param root The Merkle root.
    struct BatchRecord {
        uint40 closesAt;
        uint40 model;
        uint16 count;
        uint16 open;
        Stage stage;
        bytes32 root;
    }

    /// @notice Where a leaf is.
    enum LeafStage {
        None,
        Challenged,
        Answered,
        Settled
    }

    /// @notice The record of a challenged leaf.
    struct LeafRecord {
        address challenger;
        uint40 since;
        LeafStage stage;
    }

    /* ERRORS */

    /// @notice A batch has 1 to 4096 leaves.
    error LeafCount(uint256 count);

    /// @notice There is such a batch, or was.
    error BatchExists(bytes32 batchId);

    /// @notice The batch has no such leaf.
    error NoSuchLeaf(uint256 index);

    /// @notice The leaf is not in a stage in which this can be done.
    error WrongLeafStage(uint256 index, LeafStage stage);

    /// @notice So many challenges of the batch are open already. Each answer makes room, and time.
    error TooManyChallenges(uint256 open);

    /// @notice Challenges of the batch are open.
    error OpenChallenges(uint256 open);

    /// @notice An answer shows at least one leaf, and no more than are challenged.
    error AnswerSize(uint256 leaves);

    /// @notice The leaf is not in the tree at its place.
    error NotInTree(uint256 index);

    /* EVENTS */

    /// @notice A batch was posted.
    /// @param contentHash BLAKE3 of where the leaves are to be found.
    event BatchPosted(
        bytes32 indexed batchId,
        bytes32 indexed modelId,
        address indexed submitter,
        address consumer,
        uint64 deadline,
        bytes32 root,
        uint16 count,
        bytes32 contentHash
    );

    /// @notice A leaf was challenged.
    event LeafChallenged(bytes32 indexed batchId, uint256 indexed index, address indexed challenger);

    /// @notice A leaf was shown and its proof accepted. `ClaimVerified` comes with it unless the statement has a claim of its own.
    event LeafAnswered(bytes32 indexed batchId, uint256 indexed index, bytes32 indexed statementId);

    /// @notice An answer came while all challenges were taken: the batch can be challenged until `closesAt`.
    event BatchProlonged(bytes32 indexed batchId, uint40 closesAt);

    /// @notice Nobody objected in time.
    event BatchFinalized(bytes32 indexed batchId);

    /// @notice A challenge was not answered in time.
    event BatchSlashed(bytes32 indexed batchId, uint256 indexed index, address indexed challenger, address beneficiary);

    /// @notice The model or its adapter is broken.
    event BatchVoided(bytes32 indexed batchId);

    /// @notice A fee was given back: its challenge was open when the batch ended.
    event FeeReturned(bytes32 indexed batchId, uint256 indexed index, address indexed challenger);

    /* FUNCTIONS */

    /// @notice Posts a batch, with the bond of each leaf. None -> Open.
    function postBatch(Batch calldata batch, bytes32 contentHash) external payable returns (bytes32 batchId);

    /// @notice Challenges a leaf, and brings the fee. A leaf that was answered cannot be challenged again.
    function challengeLeaf(bytes32 batchId, uint16 index) external payable;

    /// @notice Shows challenged leaves, with one proof of all of them in this order. Their fees are the submitter's, and each is Verified.
    function answerLeaves(Batch calldata batch, Leaf[] calldata leaves, bytes calldata proof) external;

    /// @notice Ends a batch whose time is over: Open -> Final, or -> Void if the model is broken. Anybody may call.
    function finalizeBatch(Batch calldata batch) external returns (Stage stage);

    /// @notice Ends a batch with a challenge that was not answered in time. Open -> Slashed. Anybody may call.
    function slashBatch(Batch calldata batch, uint16 index) external;

    /// @notice Gives the fee of a challenge back that was open when its batch was slashed for another one, or voided. Anybody may call.
    function returnFee(bytes32 batchId, uint16 index) external;

    /// @notice Whether a consumer may rely on a statement at this level, now: by itself, as `isFinal` says, or as a leaf of a batch that is
    /// final. A statement whose own claim was slashed or voided is not final in any batch.
    function isFinalInBatch(
        bytes32 batchId,
        uint16 index,
        bytes32[] calldata path,
        bytes32 statementId,
        IProofRegistry.Assurance minimumAssurance
    ) external view returns (bool);

    /// @notice The record of a batch; all zero if there is none.
    function batch(bytes32 batchId) external view returns (BatchRecord memory);

    /// @notice The record of a leaf; all zero if it was never challenged.
    function leaf(bytes32 batchId, uint16 index) external view returns (LeafRecord memory);

    /// @notice The id of a batch, in this registry on this chain.
    function batchIdOf(Batch calldata batch) external view returns (bytes32);
}
