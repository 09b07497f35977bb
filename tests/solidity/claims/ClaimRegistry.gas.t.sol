// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter, ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {ClaimBatchTest} from "../helpers/ClaimBatchTest.sol";
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
        _check("answer, less a verification", _cost(ALICE, data, 0) - alone, 61_360, 80_000);
    }

    function test_challenge() public {
        post();
        _check("challenge", _cost(CAROL, abi.encodeCall(registry.challenge, (statementId())), FEE), 59_181, 80_000);
    }

    function test_finalize() public {
        post();
        skip(CHALLENGE_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalize, (modelId, assignment, keccak256(values)));
        _check("finalize, first credit of the account", _cost(CAROL, data, 0), 60_998, 62_000);
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
        _check("finalize, account with a credit", _cost(CAROL, data, 0), 43_898, 60_000);
    }

    function test_slash() public {
        post();
        challenge();
        skip(ANSWER_WINDOW + 1);
        bytes memory data = abi.encodeCall(registry.finalize, (modelId, assignment, keccak256(values)));
        _check("finalize, slashing", _cost(CAROL, data, 0), 88_277, 100_000);
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
        _check("isFinal, execution", _cost(ALICE, data, 0) - BASE - _calldata(data), 10_468, 15_000);
    }

    /* HELPERS */

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
