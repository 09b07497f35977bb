// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {ModelRegistry} from "../../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../../contracts/ProofRegistry.sol";
import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {ClaimFold} from "./ClaimFold.sol";
import {VouchingAdapter} from "./HostileAdapters.sol";
import {MockBatchAdapter} from "./Mocks.sol";
import {SchemaBuilder} from "./SchemaBuilder.sol";
import {StatementTree} from "./StatementTree.sol";
import {Test} from "forge-std/Test.sol";
import {Vm, VmSafe} from "forge-std/Vm.sol";

/// @notice Does everything that can be done to a claim registry, rightly and wrongly, with few accounts, jobs and models, so that they meet.
/// Before each call it knows by the state table, from the folded events, whether the call is to be accepted; and it records what every adapter was
/// asked, and what it accepted.
contract ClaimHandler is Test {
    struct Item {
        bytes32 modelId;
        IProofRegistry.Assignment assignment;
        bytes values;
        bytes32 id;
    }

    ClaimRegistry public immutable registry;
    ProofRegistry private immutable _proofs;
    ModelRegistry private immutable _models;
    ClaimFold public immutable fold;
    IClaims.Terms private _terms;
    bytes private _schema;
    uint64 private immutable _start;

    bytes32[3] public modelIds;
    address[2] public submitters = [makeAddr("first submitter"), makeAddr("second submitter")];
    address[2] public challengers = [makeAddr("first challenger"), makeAddr("second challenger")];
    address private immutable _consumer = makeAddr("consumer");

    IClaimBatches.Batch[4] private _batches;

    /// @notice What adapters accepted, of which statement.
    mapping(bytes32 statementId => bool) public accepted;
    /// @notice How often an adapter ran for a model that was broken by then.
    uint256 public ranBroken;
    /// @notice How often a call was accepted or refused against the table.
    uint256 public surprises;
    /// @notice Who posted a statement first.
    mapping(bytes32 statementId => address) public poster;
    /// @notice What bonds came to, by claim or batch: how often paid back, how often slashed.
    mapping(bytes32 id => uint256) public paidBack;
    mapping(bytes32 id => uint256) public slashed;
    /// @notice Ether that accounts brought and took, as their balances say.
    uint256 public brought;
    uint256 public taken;
    /// @notice The stage that a claim ended in.
    mapping(bytes32 id => Stage) public ended;
    uint256 public calls;

    constructor(ClaimRegistry registry_, ProofRegistry proofs, ModelRegistry models) {
        (registry, _proofs, _models) = (registry_, proofs, models);
        _terms = registry_.terms();
        fold = new ClaimFold(_terms);
        _start = uint64(block.timestamp);
        _schema = SchemaBuilder.words(1, 1);
        address vouching = address(new VouchingAdapter(0));
        modelIds[0] = models.register(vouching, address(0), "first", 0, _schema);
        modelIds[1] = models.register(vouching, address(0), "second", 0, _schema);
        modelIds[2] = models.register(address(new MockBatchAdapter(1)), address(0), 0, 0, _schema);
        for (uint256 k = 0; k < 4; k++) {
            bytes32[] memory ids = _leafIds(k);
            _batches[k] = IClaimBatches.Batch({
                modelId: modelIds[k % 3],
                submitter: submitters[k % 2],
                consumer: _consumer,
                deadline: _start + 3 days,
                root: StatementTree.root(ids),
                count: uint16(ids.length)
            });
        }
    }

    /* CALLS: SINGLE CLAIMS */

    function attest(uint256 seed) external {
        Item memory item = _item(seed);
        bool right = _mayPost(item) && fold.claim(item.id).stage == Stage.None;
        _do(
            item.assignment.submitter,
            0,
            abi.encodeCall(registry.attest, (item.modelId, item.assignment, keccak256(item.values), 0, 0)),
            right
        );
        if (right) poster[item.id] = item.assignment.submitter;
    }

    function post(uint256 seed, uint256 flaw) external {
        Item memory item = _item(seed);
        address sender = flaw % 8 == 0 ? challengers[0] : item.assignment.submitter;
        uint256 value = flaw % 8 == 1 ? _terms.bond - 1 : _terms.bond;
        bool right = flaw % 8 > 1 && _mayPost(item) && fold.claim(item.id).stage == Stage.None && !_broken(item.modelId);
        _do(sender, value, abi.encodeCall(registry.post, (item.modelId, item.assignment, item.values)), right);
        if (right) poster[item.id] = sender;
    }

    function submit(uint256 seed, uint256 flaw) external {
        Item memory item = _item(seed);
        bool right =
            flaw % 4 != 0 && _mayPost(item) && fold.claim(item.id).stage <= Stage.Attested && !_broken(item.modelId);
        bytes memory proof = _proof(item, flaw % 4 != 0);
        _do(
            item.assignment.submitter,
            0,
            abi.encodeCall(registry.submit, (item.modelId, item.assignment, item.values, proof)),
            right
        );
        if (right && poster[item.id] == address(0)) poster[item.id] = item.assignment.submitter;
    }

    /// @dev Through the other registry.
    function adopt(uint256 seed, bool prove) external {
        Item memory item = _item(seed);
        if (prove && _mayPost(item) && !_proofs.isVerified(item.id)) {
            bytes memory proof = _proof(item, true);
            vm.prank(item.assignment.submitter);
            _proofs.submit(item.modelId, item.assignment, item.values, proof);
        }
        ClaimFold.FoldedClaim memory known = fold.claim(item.id);
        bool right = _proofs.isVerified(item.id) && known.stage <= Stage.Challenged && !_broken(item.modelId)
            && (known.stage != Stage.Challenged || block.timestamp <= uint256(known.since) + _terms.answerWindow);
        if (right && known.stage >= Stage.Open) paidBack[item.id]++;
        _do(
            challengers[1],
            0,
            abi.encodeCall(registry.adopt, (item.modelId, item.assignment, keccak256(item.values))),
            right
        );
        if (right && poster[item.id] == address(0)) poster[item.id] = item.assignment.submitter;
    }

    function challenge(uint256 seed, uint256 who, bool short) external {
        bytes32 id = _someId(seed);
        ClaimFold.FoldedClaim memory known = fold.claim(id);
        bool right = !short && known.stage == Stage.Open && !_broken(known.modelId)
            && block.timestamp <= uint256(known.since) + _terms.challengeWindow;
        // A submitter may challenge itself.
        address sender = who % 3 == 2 ? known.submitter : challengers[who % 3];
        if (sender == address(0)) sender = challengers[0];
        _do(sender, short ? _terms.fee - 1 : _terms.fee, abi.encodeCall(registry.challenge, (id)), right);
    }

    function answer(uint256 seed, uint256 flaw) external {
        Item memory item = _live(seed);
        ClaimFold.FoldedClaim memory known = fold.claim(item.id);
        bool right = flaw % 4 != 0 && (known.stage == Stage.Open || known.stage == Stage.Challenged)
            && !_broken(item.modelId)
            && (known.stage == Stage.Open || block.timestamp <= uint256(known.since) + _terms.answerWindow);
        bytes memory proof = _proof(item, flaw % 4 != 0);
        if (right) paidBack[item.id]++;
        _do(
            item.assignment.submitter,
            0,
            abi.encodeCall(registry.answer, (item.modelId, item.assignment, item.values, proof)),
            right
        );
    }

    function finalize(uint256 seed) external {
        Item memory item = _live(seed);
        ClaimFold.FoldedClaim memory known = fold.claim(item.id);
        bool live = known.stage == Stage.Open || known.stage == Stage.Challenged;
        uint256 window = known.stage == Stage.Open ? _terms.challengeWindow : _terms.answerWindow;
        bool right = live && (_broken(item.modelId) || block.timestamp > uint256(known.since) + window);
        if (right && (_broken(item.modelId) || known.stage == Stage.Open)) paidBack[item.id]++;
        else if (right) slashed[item.id]++;
        _do(
            challengers[1],
            0,
            abi.encodeCall(registry.finalize, (item.modelId, item.assignment, keccak256(item.values))),
            right
        );
    }

    function withdraw(uint256 seed, bool elsewhere) external {
        if (fold.accountCount() == 0) return;
        address account = fold.accounts(seed % fold.accountCount());
        uint256 owed = fold.credit(account);
        address to = elsewhere ? makeAddr("elsewhere") : account;
        uint256 before = to.balance;
        if (elsewhere) _do(account, 0, abi.encodeCall(registry.withdrawTo, (to)), owed != 0);
        else _do(challengers[0], 0, abi.encodeCall(registry.withdraw, (account)), owed != 0);
        taken += to.balance - before;
    }

    /* CALLS: BATCHES */

    function postBatch(uint256 k) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bool right = block.timestamp <= batch.deadline && !_broken(batch.modelId)
            && fold.batch(registry.batchIdOf(batch)).stage == Stage.None;
        _do(batch.submitter, _terms.bond * batch.count, abi.encodeCall(registry.postBatch, (batch, 0)), right);
    }

    function challengeLeaf(uint256 k, uint256 index, uint256 who) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bytes32 id = registry.batchIdOf(batch);
        index %= batch.count + 1;
        ClaimFold.FoldedBatch memory known = fold.batch(id);
        bool right = known.stage == Stage.Open && block.timestamp <= known.closesAt && index < batch.count
            && fold.leaf(id, index).stage == IClaimBatches.LeafStage.None && known.open < _terms.maxOpenChallenges
            && !_broken(batch.modelId);
        _do(challengers[who % 2], _terms.fee, abi.encodeCall(registry.challengeLeaf, (id, uint16(index))), right);
    }

    /// @dev All challenged leaves that are in time, or one.
    function answerLeaves(uint256 k, bool all, uint256 flaw) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bytes32 id = registry.batchIdOf(batch);
        bytes32[] memory ids = _leafIds(k);
        uint256[] memory which = new uint256[](ids.length);
        uint256 count = 0;
        for (uint256 i = 0; i < ids.length && (all || count == 0); i++) {
            IClaimBatches.LeafRecord memory leaf = fold.leaf(id, i);
            if (leaf.stage != IClaimBatches.LeafStage.Challenged) continue;
            if (block.timestamp <= uint256(leaf.since) + _terms.answerWindow) which[count++] = i;
        }
        bool right = fold.batch(id).stage == Stage.Open && count != 0 && !_broken(batch.modelId) && flaw % 4 != 0;
        IClaimBatches.Leaf[] memory leaves = new IClaimBatches.Leaf[](count);
        for (uint256 i = 0; i < count; i++) {
            Item memory item = _leaf(k, which[i]);
            leaves[i] = IClaimBatches.Leaf(
                uint16(which[i]), item.assignment.job, item.values, StatementTree.path(ids, which[i])
            );
        }
        bytes memory proof = _leavesProof(k, which, count);
        if (flaw % 4 == 0 && proof.length != 0) proof[proof.length - 1] ^= 0x01;
        _do(batch.submitter, 0, abi.encodeCall(registry.answerLeaves, (batch, leaves, proof)), right);
        for (uint256 i = 0; right && i < count; i++) {
            if (poster[ids[which[i]]] == address(0)) poster[ids[which[i]]] = batch.submitter;
        }
    }

    function finalizeBatch(uint256 k) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bytes32 id = registry.batchIdOf(batch);
        ClaimFold.FoldedBatch memory known = fold.batch(id);
        bool right = known.stage == Stage.Open
            && (_broken(batch.modelId) || (known.open == 0 && block.timestamp > known.closesAt));
        if (right) paidBack[id]++;
        _do(challengers[0], 0, abi.encodeCall(registry.finalizeBatch, (batch)), right);
    }

    function slashBatch(uint256 k, uint256 index) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bytes32 id = registry.batchIdOf(batch);
        index %= batch.count;
        IClaimBatches.LeafRecord memory leaf = fold.leaf(id, index);
        bool right = fold.batch(id).stage == Stage.Open && !_broken(batch.modelId)
            && leaf.stage == IClaimBatches.LeafStage.Challenged
            && block.timestamp > uint256(leaf.since) + _terms.answerWindow;
        if (right) slashed[id]++;
        _do(challengers[0], 0, abi.encodeCall(registry.slashBatch, (batch, uint16(index))), right);
    }

    function returnFee(uint256 k, uint256 index) external {
        IClaimBatches.Batch memory batch = _batches[k %= 4];
        bytes32 id = registry.batchIdOf(batch);
        index %= batch.count;
        Stage stage = fold.batch(id).stage;
        bool right = (stage == Stage.Slashed || stage == Stage.Void)
            && fold.leaf(id, index).stage == IClaimBatches.LeafStage.Challenged;
        _do(challengers[0], 0, abi.encodeCall(registry.returnFee, (id, uint16(index))), right);
    }

    /* CALLS: THE BREAKER, AND TIME */

    /// @dev Seldom: what is broken is no use to the other calls.
    function breakSomething(uint256 seed, bool whole) external {
        if (seed % 8 != 0) return;
        uint256 m = (seed / 8) % 3;
        bool contradicts = (seed / 24) % 4 != 0;
        IClaimBreaker.Evidence memory first = _evidence(m, 1);
        IClaimBreaker.Evidence memory second = _evidence(m, contradicts ? 2 : 1);
        bool right = contradicts && !_broken(modelIds[m]) && (!whole || m != 2);
        bytes memory data = whole
            ? abi.encodeCall(registry.breakAdapter, (modelIds[m], first, second))
            : abi.encodeCall(registry.breakModel, (modelIds[m], _schema, first, second));
        _do(challengers[0], 0, data, right);
    }

    function wait(uint256 time) external {
        skip(time % (uint256(_terms.answerWindow) + 10));
    }

    /* INTERNAL: ONE CALL */

    function _do(address sender, uint256 value, bytes memory data, bool right) private {
        calls++;
        deal(sender, sender.balance + value);
        vm.recordLogs();
        vm.startStateDiffRecording();
        vm.prank(sender);
        (bool done,) = address(registry).call{value: value}(data);
        _note(vm.stopAndReturnStateDiff(), done);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done) {
            brought += value;
            fold.apply_(logs);
        }
        if (done != right) surprises++;
        assertEq(done, right, "against the table");
    }

    /// @dev What adapters were asked. A broken model's must not have been.
    function _note(Vm.AccountAccess[] memory accesses, bool done) private {
        for (uint256 i = 0; i < accesses.length; i++) {
            if (accesses[i].kind != VmSafe.AccountAccessKind.StaticCall || accesses[i].data.length < 4) continue;
            bytes4 selector = bytes4(accesses[i].data);
            bytes memory args = _tail(accesses[i].data);
            if (selector == IVerifierAdapter.verify.selector) {
                (ModelKey memory key, bytes32 contextId, bytes memory values,) =
                    abi.decode(args, (ModelKey, bytes32, bytes, bytes));
                if (_broken(key.modelId)) ranBroken++;
                if (done) accepted[Identities.statementId(key.modelId, keccak256(values), contextId)] = true;
            } else if (selector == MockBatchAdapter.verifyBatch.selector) {
                (ModelKey memory key, bytes32[] memory contextIds, bytes[] memory values,) =
                    abi.decode(args, (ModelKey, bytes32[], bytes[], bytes));
                if (_broken(key.modelId)) ranBroken++;
                for (uint256 j = 0; done && j < values.length; j++) {
                    accepted[Identities.statementId(key.modelId, keccak256(values[j]), contextIds[j])] = true;
                }
            }
        }
    }

    function _tail(bytes memory data) private pure returns (bytes memory tail) {
        tail = new bytes(data.length - 4);
        for (uint256 i = 0; i < tail.length; i++) {
            tail[i] = data[i + 4];
        }
    }

    /* INTERNAL: WHAT THERE IS */

    function _broken(bytes32 modelId) private view returns (bool) {
        (address adapter,) = _models.resolve(modelId);
        return fold.modelBroken(modelId) || fold.adapterBroken(adapter.codehash);
    }

    function _mayPost(Item memory item) private view returns (bool) {
        return block.timestamp <= item.assignment.deadline;
    }

    /// @dev One of 3 models, 2 submitters, 3 jobs, 2 answers. The first job is for nobody in particular.
    function _item(uint256 seed) private view returns (Item memory) {
        return _itemOf(seed % 3, (seed >> 8) % 2, (seed >> 16) % 3, (seed >> 24) % 2);
    }

    function _itemOf(uint256 model, uint256 who, uint256 job, uint256 output) private view returns (Item memory item) {
        item.modelId = modelIds[model];
        item.assignment = IProofRegistry.Assignment({
            submitter: submitters[who],
            consumer: job == 0 ? address(0) : _consumer,
            job: bytes32(job),
            deadline: _start + 3 days
        });
        item.values = abi.encode(uint256(7), output);
        item.id = registry.statementIdOf(item.modelId, item.assignment, keccak256(item.values));
    }

    /// @dev A statement that has an Open or Challenged claim, if a few tries find one.
    function _live(uint256 seed) private view returns (Item memory item) {
        for (uint256 i = 0; i < 8; i++) {
            item = _item(uint256(keccak256(abi.encode(seed, i))));
            Stage stage = fold.claim(item.id).stage;
            if (stage == Stage.Open || stage == Stage.Challenged) return item;
        }
    }

    function _someId(uint256 seed) private view returns (bytes32) {
        return _live(seed).id;
    }

    /// @dev Batch `k` has leaves with the jobs 1 (which single claims have too) and from 10 on.
    function _leaf(uint256 k, uint256 i) private view returns (Item memory) {
        return _itemOf(k % 3, k % 2, i == 0 ? 1 : 10 * (k + 1) + i, k / 3);
    }

    function _leafIds(uint256 k) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](3 + k);
        for (uint256 i = 0; i < ids.length; i++) {
            ids[i] = _leaf(k, i).id;
        }
    }

    function _proof(Item memory item, bool good) private view returns (bytes memory proof) {
        (address adapter, ModelKey memory key) = _models.resolve(item.modelId);
        proof = MockBatchAdapter(adapter).proofOf(key, _proofs.contextIdOf(item.assignment), item.values);
        if (!good) proof[proof.length - 1] ^= 0x01;
    }

    function _leavesProof(uint256 k, uint256[] memory which, uint256 count) private view returns (bytes memory) {
        if (count == 0) return "";
        (address adapter, ModelKey memory key) = _models.resolve(_batches[k].modelId);
        if (count == 1) return _proof(_leaf(k, which[0]), true);
        bytes32[] memory contextIds = new bytes32[](count);
        bytes[] memory values = new bytes[](count);
        for (uint256 i = 0; i < count; i++) {
            Item memory item = _leaf(k, which[i]);
            (contextIds[i], values[i]) = (_proofs.contextIdOf(item.assignment), item.values);
        }
        return MockBatchAdapter(adapter).batchProofOf(key, contextIds, values);
    }

    function _evidence(uint256 m, uint256 output) private view returns (IClaimBreaker.Evidence memory) {
        (address adapter, ModelKey memory key) = _models.resolve(modelIds[m]);
        bytes memory values = abi.encode(uint256(7), output);
        return IClaimBreaker.Evidence(0, values, MockBatchAdapter(adapter).proofOf(key, 0, values));
    }

    /* FOR THE INVARIANTS */

    function modelOf(bytes32 modelId) external view returns (bool broken) {
        return _broken(modelId);
    }

    function proven(bytes32 statementId) external view returns (bool) {
        return accepted[statementId] || _proofs.isVerified(statementId);
    }

    function batchAt(uint256 k) external view returns (IClaimBatches.Batch memory) {
        return _batches[k];
    }

    function leafId(uint256 k, uint256 i) external view returns (bytes32[] memory ids, bytes32 id) {
        ids = _leafIds(k);
        id = ids[i];
    }

    /// @dev Notes what has ended, and whether something that had ended has changed.
    function endings() external returns (uint256 changed) {
        for (uint256 i = 0; i < fold.idCount(); i++) {
            bytes32 id = fold.ids(i);
            Stage stage = registry.claim(id).stage;
            if (ended[id] != Stage.None && ended[id] != stage) changed++;
            if (stage >= Stage.Verified) ended[id] = stage;
        }
        for (uint256 i = 0; i < fold.batchCount(); i++) {
            bytes32 id = fold.batchIds(i);
            Stage stage = registry.batch(id).stage;
            if (ended[id] != Stage.None && ended[id] != stage) changed++;
            if (stage >= Stage.Final) ended[id] = stage;
        }
    }
}
