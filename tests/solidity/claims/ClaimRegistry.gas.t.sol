// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBatchVerifierAdapter} from "../../../contracts/interfaces/IBatchVerifierAdapter.sol";
import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";
import {VouchingAdapter} from "../helpers/HostileAdapters.sol";
import {console2} from "forge-std/console2.sol";

/// @notice What the calls of a claim registry cost as transactions: 21,000, the calldata, and the execution with everything cold. `-vv` prints
/// the table of docs/gas.md. The adapter is a stand-in: what asking it in a transaction of its own costs is taken off.
contract ClaimRegistryGasTest is ClaimBatchTest {
    uint256 private constant BASE = 21_000;

    function setUp() public override {
        super.setUp();
        assignment.consumer = makeAddr("a consumer whose address has few zeros");
        assignment.job = keccak256("a job");
        values = abi.encode(keccak256("input"), keccak256("output"));
        // The model is known to the registry: somebody has used it before.
        assignment.submitter = MALLORY;
        post();
        assignment.submitter = ALICE;
        makeBatch(COUNT);
    }

    function test_attest() public {
        bytes memory data =
            abi.encodeCall(registry.attest, (modelId, assignment, keccak256(values), keccak256("p"), keccak256("c")));
        _check("Attested: attest", _cost(ALICE, data, 0), 53_778, 60_000);
    }

    function test_post() public {
        _check(
            "Optimistic: post",
            _cost(ALICE, abi.encodeCall(registry.post, (modelId, assignment, values)), BOND),
            81_809,
            130_000
        );
    }

    function test_submit() public {
        bytes memory proof_ = proof();
        uint256 alone = _verification(proof_);
        bytes memory data = abi.encodeCall(registry.submit, (modelId, assignment, values, proof_));
        _check("Verified: submit, less a verification", _cost(ALICE, data, 0) - alone, 54_121, 60_000);
    }

    function test_answer() public {
        post();
        challenge();
        bytes memory proof_ = proof();
        uint256 alone = _verification(proof_);
        bytes memory data = abi.encodeCall(registry.answer, (modelId, assignment, values, proof_));
        _check("answer, less a verification", _cost(ALICE, data, 0) - alone, 61_229, 80_000);
    }

    function test_challenge() public {
        post();
        _check("challenge", _cost(CAROL, abi.encodeCall(registry.challenge, (statementId())), FEE), 59_046, 80_000);
    }

    function test_finalize() public {
        post();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalize, (modelId, assignment, keccak256(values)));
        _check("finalize, first credit of the account", _cost(CAROL, data, 0), 59_967, 60_000);
    }

    function test_finalizeAgain() public {
        assignment.job = "another job";
        post();
        skip(CHALLENGE_WINDOW + 1);
        finalize();
        assignment.job = keccak256("a job");
        post();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalize, (modelId, assignment, keccak256(values)));
        _check("finalize, account with a credit", _cost(CAROL, data, 0), 42_867, 60_000);
    }

    function test_slash() public {
        post();
        challenge();
        skip(ANSWER_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalize, (modelId, assignment, keccak256(values)));
        _check("finalize, slashing", _cost(CAROL, data, 0), 87_121, 100_000);
    }

    function test_postBatch() public {
        IClaimBatches.Batch memory big = batch;
        big.count = 1000;
        big.consumer = assignment.consumer;
        bytes memory data = abi.encodeCall(registry.postBatch, (big, keccak256("content")));
        _check("postBatch, 1000 leaves", _cost(ALICE, data, BOND * 1000), 102_366, 150_000);
    }

    function test_breakModel() public {
        IClaimBreaker.Evidence memory first = contradiction(modelId, 1);
        IClaimBreaker.Evidence memory second = contradiction(modelId, 2);
        uint256 alone = _verificationOf(first.contextId, first.publicValues, first.proof)
            + _verificationOf(second.contextId, second.publicValues, second.proof);
        bytes memory data = abi.encodeCall(registry.breakModel, (modelId, schema, first, second));
        uint256 cost = _cost(MALLORY, data, 0);
        _check("breakModel, less two verifications", cost > alone ? cost - alone : 0, 26_300, 60_000);
    }

    function test_isFinal() public {
        submit();
        bytes memory data = abi.encodeCall(registry.isFinal, (statementId(), _verified()));
        _check("isFinal, execution", _cost(ALICE, data, 0) - BASE - _calldata(data), 10_334, 15_000);
    }

    function test_adopt() public {
        prove();
        bytes memory data = abi.encodeCall(registry.adopt, (modelId, assignment, keccak256(values)));
        _check("adopt", _cost(CAROL, data, 0), 78_291, 100_000);
    }

    function test_challengeLeaf() public {
        postBatch();
        bytes memory data = abi.encodeCall(registry.challengeLeaf, (batchId(), 3));
        _check("challengeLeaf", _cost(CAROL, data, FEE), 61_797, 100_000);
    }

    function test_answerLeaves() public {
        _checkAnswer(1, 102_652);
        _checkAnswer(4, 235_912);
    }

    function test_finalizeBatch() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalizeBatch, (batch));
        _check("finalizeBatch, first credit", _cost(CAROL, data, 0), 62_656, 70_000);
    }

    function test_slashBatch() public {
        _challengedTooLong();
        bytes memory data = abi.encodeCall(registry.slashBatch, (batch, 3));
        _check("slashBatch, two first credits", _cost(MALLORY, data, 0), 93_663, 110_000);
    }

    function test_returnFee() public {
        _challengedTooLong();
        registry.slashBatch(batch, 3);
        bytes memory data = abi.encodeCall(registry.returnFee, (batchId(), 4));
        _check("returnFee, the account has a credit", _cost(MALLORY, data, 0), 38_711, 60_000);
    }

    function test_withdraw() public {
        post();
        answer();
        _check("withdraw", _cost(CAROL, abi.encodeCall(registry.withdraw, (ALICE)), 0), 35_802, 60_000);
    }

    function test_withdrawTo() public {
        post();
        answer();
        _check(
            "withdrawTo, an account that is there",
            _cost(ALICE, abi.encodeCall(registry.withdrawTo, (CAROL)), 0),
            38_256,
            60_000
        );
    }

    function test_breakAdapter() public {
        standIn = new VouchingAdapter(0);
        bytes32 vouched = models.register(address(standIn), address(0), "vouched", 0, schema);
        modelId = vouched;
        post();
        IClaimBreaker.Evidence memory first = contradiction(vouched, 1);
        IClaimBreaker.Evidence memory second = contradiction(vouched, 2);
        uint256 alone = _verificationOf(first.contextId, first.publicValues, first.proof)
            + _verificationOf(second.contextId, second.publicValues, second.proof);
        uint256 cost = _cost(MALLORY, abi.encodeCall(registry.breakAdapter, (vouched, first, second)), 0);
        _check("breakAdapter, less two verifications", cost > alone ? cost - alone : 0, 28_251, 60_000);
    }

    function test_isFinalInBatch() public {
        postBatch();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory data = abi.encodeCall(
            registry.isFinalInBatch, (batchId(), 3, path(3), ids[3], IProofRegistry.Assurance.Optimistic)
        );
        _check("isFinalInBatch, 7 leaves, execution", _cost(ALICE, data, 0) - BASE - _calldata(data), 17_548, 30_000);
    }

    /* HELPERS */

    function _challengedTooLong() private {
        postBatch();
        challengeLeaf(3);
        challengeLeaf(4);
        skip(ANSWER_WINDOW + 1);
    }

    /// @dev So many challenged leaves with one proof, less what verifying it costs.
    function _checkAnswer(uint16 count, uint256 snapshot) private {
        uint256 before = vm.snapshotState();
        postBatch();
        for (uint16 i = 0; i < count; i++) {
            challengeLeaf(i);
        }
        (IClaimBatches.Leaf[] memory leaves, bytes memory proof_) = shownWithProof(0, count);
        uint256 alone = _batchVerification(leaves, proof_);
        bytes memory data = abi.encodeCall(registry.answerLeaves, (batch, leaves, proof_));
        string memory name = string.concat("answerLeaves, ", vm.toString(count), ", less a verification");
        _check(name, _cost(ALICE, data, 0) - alone, snapshot, 300_000);
        vm.revertToState(before);
    }

    function _batchVerification(IClaimBatches.Leaf[] memory leaves, bytes memory proof_) private returns (uint256) {
        (, ModelKey memory key) = models.resolve(modelId);
        bytes32[] memory contextIds = new bytes32[](leaves.length);
        bytes[] memory values_ = new bytes[](leaves.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            contextIds[i] = proofs.contextIdOf(leafAssignment(leaves[i].index));
            values_[i] = leaves[i].publicValues;
        }
        if (leaves.length == 1) return _verificationOf(contextIds[0], values_[0], proof_);
        bytes memory data = abi.encodeCall(IBatchVerifierAdapter.verifyBatch, (key, contextIds, values_, proof_));
        return _costOf(ALICE, address(standIn), data, 0);
    }

    /// @dev The transaction's cost, below its goal and exactly what it was.
    function _check(string memory name, uint256 cost, uint256 snapshot, uint256 goal) private pure {
        console2.log(string.concat(name, " | ", vm.toString(cost)));
        assertLe(cost, goal, name);
        assertEq(cost, snapshot, name);
    }

    function _verification(bytes memory proof_) private returns (uint256) {
        return _verificationOf(proofs.contextIdOf(assignment), values, proof_);
    }

    function _verificationOf(bytes32 contextId, bytes memory values_, bytes memory proof_) private returns (uint256) {
        (, ModelKey memory key) = models.resolve(modelId);
        return
            _costOf(
                ALICE, address(standIn), abi.encodeCall(IVerifierAdapter.verify, (key, contextId, values_, proof_)), 0
            );
    }

    function _cost(address sender, bytes memory data, uint256 value) private returns (uint256) {
        return _costOf(sender, address(registry), data, value);
    }

    function _costOf(address sender, address to, bytes memory data, uint256 value) private returns (uint256 cost) {
        uint256 snapshot = vm.snapshotState();
        vm.cool(address(registry));
        vm.cool(address(proofs));
        vm.cool(address(models));
        vm.cool(address(standIn));
        vm.prank(sender);
        (bool done,) = to.call{value: value}(data);
        cost = vm.lastCallGas().gasTotalUsed + BASE + _calldata(data);
        assertTrue(done);
        vm.revertToState(snapshot);
    }

    function _calldata(bytes memory data) private pure returns (uint256 price) {
        for (uint256 i = 0; i < data.length; i++) {
            price += data[i] == 0 ? 4 : 16;
        }
    }

    function _verified() private pure returns (IProofRegistry.Assurance) {
        return IProofRegistry.Assurance.Verified;
    }
}
