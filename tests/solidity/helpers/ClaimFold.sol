// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimLedger} from "../../../contracts/interfaces/IClaimLedger.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The state of a claim registry, from its events, its terms and the times of its blocks: what an indexer knows.
contract ClaimFold {
    struct FoldedClaim {
        bytes32 modelId;
        address submitter;
        address challenger;
        uint40 since;
        Stage stage;
        bool transferable;
    }

    struct FoldedBatch {
        bytes32 modelId;
        bytes32 root;
        uint40 closesAt;
        uint16 count;
        uint16 open;
        Stage stage;
    }

    IClaims.Terms private _terms;

    bytes32[] public ids;
    mapping(bytes32 statementId => FoldedClaim) private _claims;
    bytes32[] public batchIds;
    mapping(bytes32 batchId => FoldedBatch) private _batches;
    mapping(bytes32 batchId => mapping(uint256 index => IClaimBatches.LeafRecord)) private _leaves;
    address[] public accounts;
    mapping(address account => bool) private _known;
    mapping(address account => uint256) public credit;
    mapping(bytes32 modelId => uint40) public number;
    uint40 public numbers;
    mapping(bytes32 modelId => bool) public modelBroken;
    mapping(bytes32 adapterId => bool) public adapterBroken;

    /// @notice What came in, by the events and the terms, and what went out.
    uint256 public paidIn;
    uint256 public paidOut;

    constructor(IClaims.Terms memory terms_) {
        _terms = terms_;
    }

    function apply_(Vm.Log[] memory logs) external {
        for (uint256 i = 0; i < logs.length; i++) {
            _apply(logs[i]);
        }
    }

    function claim(bytes32 id) external view returns (FoldedClaim memory) {
        return _claims[id];
    }

    function batch(bytes32 id) external view returns (FoldedBatch memory) {
        return _batches[id];
    }

    function leaf(bytes32 id, uint256 index) external view returns (IClaimBatches.LeafRecord memory) {
        return _leaves[id][index];
    }

    function idCount() external view returns (uint256) {
        return ids.length;
    }

    function batchCount() external view returns (uint256) {
        return batchIds.length;
    }

    function accountCount() external view returns (uint256) {
        return accounts.length;
    }

    /// @notice What the registry has to hold: bonds, fees and credits.
    function held() external view returns (uint256 total) {
        for (uint256 i = 0; i < ids.length; i++) {
            Stage stage = _claims[ids[i]].stage;
            if (stage == Stage.Open) total += _terms.bond;
            if (stage == Stage.Challenged) total += _terms.bond + _terms.fee;
        }
        for (uint256 i = 0; i < batchIds.length; i++) {
            FoldedBatch memory b = _batches[batchIds[i]];
            if (b.stage == Stage.Open) total += _terms.bond * b.count;
            for (uint256 j = 0; j < b.count; j++) {
                if (_leaves[batchIds[i]][j].stage == IClaimBatches.LeafStage.Challenged) total += _terms.fee;
            }
        }
        for (uint256 i = 0; i < accounts.length; i++) {
            total += credit[accounts[i]];
        }
    }

    /* PRIVATE */

    function _apply(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        bytes32 id = log.topics[1];
        if (topic == IClaimRegistry.ClaimAttested.selector) {
            _open(id, log, Stage.Attested);
        } else if (topic == IClaimRegistry.ClaimPosted.selector) {
            _open(id, log, Stage.Open);
            (,,, _claims[id].transferable,) = abi.decode(log.data, (address, bytes32, uint64, bool, bytes));
            _number(log.topics[2]);
            paidIn += _terms.bond;
        } else if (topic == IClaimRegistry.ClaimVerified.selector) {
            _open(id, log, Stage.Verified);
            (,,,,, _claims[id].transferable) = abi.decode(log.data, (address, bytes32, uint64, bytes32, bytes32, bool));
            _number(log.topics[2]);
        } else if (topic == IClaimRegistry.ClaimChallenged.selector) {
            _claims[id].stage = Stage.Challenged;
            _claims[id].since = uint40(block.timestamp);
            _claims[id].challenger = _address(log.topics[2]);
            paidIn += _terms.fee;
        } else if (topic == IClaimRegistry.ClaimFinalized.selector) {
            _claims[id].stage = Stage.Final;
        } else if (topic == IClaimRegistry.ClaimSlashed.selector) {
            _claims[id].stage = Stage.Slashed;
        } else if (topic == IClaimRegistry.ClaimVoided.selector) {
            _claims[id].stage = Stage.Void;
        } else {
            _applyOther(topic, id, log);
        }
    }

    function _applyOther(bytes32 topic, bytes32 id, Vm.Log memory log) private {
        if (topic == IClaimLedger.Credited.selector) {
            address account = _address(id);
            if (!_known[account]) accounts.push(account);
            _known[account] = true;
            credit[account] += abi.decode(log.data, (uint256));
        } else if (topic == IClaimLedger.Withdrawn.selector) {
            credit[_address(id)] = 0;
            paidOut += abi.decode(log.data, (uint256));
        } else if (topic == IClaimBreaker.ModelBroken.selector) {
            _number(id);
            modelBroken[id] = true;
        } else if (topic == IClaimBreaker.AdapterBroken.selector) {
            _number(log.topics[2]);
            adapterBroken[id] = true;
        } else {
            _applyBatch(topic, id, log);
        }
    }

    function _applyBatch(bytes32 topic, bytes32 id, Vm.Log memory log) private {
        FoldedBatch storage b = _batches[id];
        if (topic == IClaimBatches.BatchPosted.selector) {
            batchIds.push(id);
            b.modelId = log.topics[2];
            (,, b.root, b.count,) = abi.decode(log.data, (address, uint64, bytes32, uint16, bytes32));
            b.closesAt = uint40(block.timestamp) + _terms.challengeWindow;
            b.stage = Stage.Open;
            _number(b.modelId);
            paidIn += _terms.bond * b.count;
            return;
        }
        if (topic == IClaimBatches.BatchProlonged.selector) b.closesAt = abi.decode(log.data, (uint40));
        if (topic == IClaimBatches.BatchFinalized.selector) b.stage = Stage.Final;
        if (topic == IClaimBatches.BatchVoided.selector) b.stage = Stage.Void;
        if (log.topics.length < 3) return;
        IClaimBatches.LeafRecord storage leaf_ = _leaves[id][uint256(log.topics[2])];
        if (topic == IClaimBatches.LeafChallenged.selector) {
            leaf_.challenger = _address(log.topics[3]);
            leaf_.since = uint40(block.timestamp);
            leaf_.stage = IClaimBatches.LeafStage.Challenged;
            b.open++;
            paidIn += _terms.fee;
        } else if (topic == IClaimBatches.LeafAnswered.selector) {
            leaf_.stage = IClaimBatches.LeafStage.Answered;
            b.open--;
        } else if (topic == IClaimBatches.BatchSlashed.selector) {
            leaf_.stage = IClaimBatches.LeafStage.Settled;
            b.stage = Stage.Slashed;
        } else if (topic == IClaimBatches.FeeReturned.selector) {
            leaf_.stage = IClaimBatches.LeafStage.Settled;
        } else {
            revert("an event that the fold does not know");
        }
    }

    function _open(bytes32 id, Vm.Log memory log, Stage stage) private {
        if (_claims[id].stage == Stage.None) ids.push(id);
        _claims[id] = FoldedClaim({
            modelId: log.topics[2],
            submitter: _address(log.topics[3]),
            challenger: _claims[id].challenger,
            since: uint40(block.timestamp),
            stage: stage,
            transferable: false
        });
    }

    /// @dev Models are numbered as they first appear.
    function _number(bytes32 modelId) private {
        if (number[modelId] == 0) number[modelId] = ++numbers;
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
