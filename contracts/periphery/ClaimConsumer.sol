// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IClaimBatches} from "../interfaces/IClaimBatches.sol";
import {IClaimRegistry} from "../interfaces/IClaimRegistry.sol";
import {Stage} from "../interfaces/IClaims.sol";
import {IProofRegistry} from "../interfaces/IProofRegistry.sol";
import {MerkleStatements} from "../libraries/MerkleStatements.sol";

/// @title ClaimConsumer
/// @notice What consumers of claims have in common: whether a statement is final, alone or in a batch, and the consumer's share of a bond that
/// was slashed, which is passed on to whoever the job was for.
/// @dev The registry credits a consumer's shares as one sum. Each is claimed once, with the claim or the leaf that was slashed.
abstract contract ClaimConsumer {
    /// @notice Where to look in a batch: a batch id of 0 means that the claim is the statement's own.
    struct Place {
        bytes32 batchId;
        uint16 index;
        bytes32[] path;
    }

    error NotFinal(bytes32 statementId);
    error NotSlashed(bytes32 id);
    error AlreadyShared(bytes32 id);
    error NotInBatch(bytes32 statementId);
    error NotTheRegistry(address sender);
    error OtherConsumer(address consumer);
    error NothingOwed(address account);
    error PaymentRefused(address account);

    event Owed(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice The registry that is relied on, with its terms.
    IClaimRegistry public immutable claims;

    /// @notice What this contract owes to whom.
    mapping(address account => uint256) public owed;

    mapping(bytes32 statementOrLeaf => bool) private _shared;

    constructor(IClaimRegistry claims_) {
        claims = claims_;
    }

    /// @dev The registry pays here, and nobody else.
    receive() external payable {
        if (msg.sender != address(claims)) revert NotTheRegistry(msg.sender);
    }

    /// @notice Pays what an account is owed. Anybody may call.
    function withdraw(address account) external {
        uint256 amount = owed[account];
        if (amount == 0) revert NothingOwed(account);
        owed[account] = 0;
        emit Withdrawn(account, amount);
        (bool paid,) = account.call{value: amount}("");
        if (!paid) revert PaymentRefused(account);
    }

    function _owe(address account, uint256 amount) internal {
        if (amount == 0) return;
        owed[account] += amount;
        emit Owed(account, amount);
    }

    /// @dev Reverts unless a statement is final at a level.
    function _requireFinal(bytes32 statementId, IProofRegistry.Assurance minimum, Place memory place) internal view {
        bool isFinal = place.batchId == 0
            ? claims.isFinal(statementId, minimum)
            : claims.isFinalInBatch(place.batchId, place.index, place.path, statementId, minimum);
        if (!isFinal) revert NotFinal(statementId);
    }

    /// @dev The consumer's share of a claim that was slashed, in this contract's hands now. Once.
    function _takeShare(bytes32 statementId) internal returns (uint256 share) {
        if (claims.claim(statementId).stage != Stage.Slashed) revert NotSlashed(statementId);
        _once(statementId);
        uint256 bond = claims.terms().bond;
        share = bond - bond / 2;
        _pull();
    }

    /// @dev A leaf's part of the consumer's share of a batch that was slashed, in this contract's hands now. Once. The remainder of the division,
    /// less than a wei for each leaf, is nobody's.
    function _takeLeafShare(
        IClaimBatches.Batch calldata batch,
        uint16 index,
        bytes32[] calldata path,
        bytes32 statementId
    ) internal returns (uint256 share) {
        if (batch.consumer != address(this)) revert OtherConsumer(batch.consumer);
        bytes32 batchId = claims.batchIdOf(batch);
        if (claims.batch(batchId).stage != Stage.Slashed) revert NotSlashed(batchId);
        if (!MerkleStatements.verify(path, batch.root, index, batch.count, statementId)) {
            revert NotInBatch(statementId);
        }
        _once(keccak256(abi.encode(batchId, index)));
        uint256 total = claims.terms().bond * batch.count;
        share = (total - total / 2) / batch.count;
        _pull();
    }

    function _once(bytes32 id) private {
        if (_shared[id]) revert AlreadyShared(id);
        _shared[id] = true;
    }

    function _pull() private {
        if (claims.credit(address(this)) != 0) claims.withdrawTo(address(this));
    }
}
