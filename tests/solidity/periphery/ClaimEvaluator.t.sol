// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ClaimConsumer} from "../../../contracts/periphery/ClaimConsumer.sol";
import {ClaimEvaluator} from "../../../contracts/periphery/erc8183/ClaimEvaluator.sol";
import {IAgenticCommerce} from "../../../contracts/periphery/erc8183/IAgenticCommerce.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

/// @notice Jobs as ERC-8183 has them, as far as an evaluator sees them: the transitions to Completed and Rejected, and who may make them.
contract JobBoard is IAgenticCommerce {
    mapping(uint256 jobId => Job) private _jobs;

    error WrongStatus();
    error Unauthorized();

    function put(uint256 jobId, address client, address provider, address evaluator, JobStatus status) external {
        _jobs[jobId] =
            Job(jobId, client, provider, evaluator, "", 1 ether, block.timestamp + 30 days, status, address(0));
    }

    function complete(uint256 jobId, bytes32, bytes calldata) external {
        if (_jobs[jobId].status != JobStatus.Submitted) revert WrongStatus();
        if (msg.sender != _jobs[jobId].evaluator) revert Unauthorized();
        _jobs[jobId].status = JobStatus.Completed;
    }

    function reject(uint256 jobId, bytes32, bytes calldata) external {
        JobStatus status = _jobs[jobId].status;
        if (status != JobStatus.Funded && status != JobStatus.Submitted) revert WrongStatus();
        if (msg.sender != _jobs[jobId].evaluator) revert Unauthorized();
        _jobs[jobId].status = JobStatus.Rejected;
    }

    function getJob(uint256 jobId) external view returns (Job memory) {
        return _jobs[jobId];
    }
}

contract ClaimEvaluatorTest is ClaimTest {
    uint256 private constant JOB = 17;

    address private immutable _CLIENT = makeAddr("client");

    JobBoard private _board;
    ClaimEvaluator private _evaluator;
    ClaimConsumer.Place private _alone;
    ClaimEvaluator.Terms private _terms;

    function setUp() public override {
        super.setUp();
        _board = new JobBoard();
        _evaluator = new ClaimEvaluator(_board, registry);
        _board.put(JOB, _CLIENT, ALICE, address(_evaluator), IAgenticCommerce.JobStatus.Submitted);
        uint64 deadline = uint64(block.timestamp + 1 days);
        _terms = ClaimEvaluator.Terms({
            modelId: modelId,
            inputsHash: keccak256(abi.encode(uint256(7))),
            inputBytes: 32,
            minimum: IProofRegistry.Assurance.Optimistic,
            deadline: deadline,
            rejectAfter: deadline + CHALLENGE_WINDOW + ANSWER_WINDOW + 1
        });
    }

    function test_interface() public pure {
        assertEq(IAgenticCommerce.complete.selector, bytes4(keccak256("complete(uint256,bytes32,bytes)")));
        assertEq(IAgenticCommerce.reject.selector, bytes4(keccak256("reject(uint256,bytes32,bytes)")));
        assertEq(IAgenticCommerce.getJob.selector, bytes4(keccak256("getJob(uint256)")));
    }

    /* REVERTS */

    function test_setTerms_revert() public {
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.NotClient.selector, address(this)));
        _evaluator.setTerms(JOB, _terms);
        vm.startPrank(_CLIENT);
        ClaimEvaluator.Terms memory bad = _terms;
        bad.rejectAfter -= 1;
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.RejectsTooEarly.selector, bad.rejectAfter));
        _evaluator.setTerms(JOB, bad);
        bad.minimum = IProofRegistry.Assurance.None;
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.NoTerms.selector, JOB));
        _evaluator.setTerms(JOB, bad);
        _evaluator.setTerms(JOB, _terms);
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.TermsExist.selector, JOB));
        _evaluator.setTerms(JOB, _terms);
        _board.put(18, _CLIENT, ALICE, ALICE, IAgenticCommerce.JobStatus.Funded);
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.NotEvaluator.selector, 18));
        _evaluator.setTerms(18, _terms);
    }

    function test_complete_revert() public {
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.NoTerms.selector, JOB));
        _evaluator.complete(JOB, values, _alone);
        _setTerms();
        post();
        bytes32 id = statementId();
        vm.expectRevert(abi.encodeWithSelector(ClaimConsumer.NotFinal.selector, id));
        _evaluator.complete(JOB, values, _alone);
        vm.expectRevert(ClaimEvaluator.OtherInputs.selector);
        _evaluator.complete(JOB, abi.encode(uint256(8), uint256(49)), _alone);
        vm.expectRevert(ClaimEvaluator.OtherInputs.selector);
        _evaluator.complete(JOB, "", _alone);
    }

    function test_reject_revert_inTheLastSecond() public {
        _setTerms();
        vm.warp(_terms.rejectAfter);
        vm.expectRevert(abi.encodeWithSelector(ClaimEvaluator.TooEarly.selector, _terms.rejectAfter));
        _evaluator.reject(JOB);
    }

    /* SUCCESS */

    function test_complete() public {
        _setTerms();
        post();
        skip(CHALLENGE_WINDOW + 1);
        vm.expectCall(address(_board), abi.encodeCall(_board.complete, (JOB, statementId(), "")));
        _evaluator.complete(JOB, values, _alone);
        assertEq(uint8(_board.getJob(JOB).status), uint8(IAgenticCommerce.JobStatus.Completed));
    }

    function test_complete_verified() public {
        _setTerms();
        submit();
        _evaluator.complete(JOB, values, _alone);
        assertEq(uint8(_board.getJob(JOB).status), uint8(IAgenticCommerce.JobStatus.Completed));
    }

    function test_reject() public {
        _setTerms();
        vm.warp(uint256(_terms.rejectAfter) + 1);
        _evaluator.reject(JOB);
        assertEq(uint8(_board.getJob(JOB).status), uint8(IAgenticCommerce.JobStatus.Rejected));
    }

    /// @dev The client has the consumer's share of the bond of a false claim.
    function test_share() public {
        _setTerms();
        post();
        challenge();
        skip(ANSWER_WINDOW + 1);
        finalize();
        _evaluator.takeShare(JOB, keccak256(values));
        _evaluator.withdraw(_CLIENT);
        assertEq(_CLIENT.balance, BOND - BOND / 2);
    }

    function _setTerms() private {
        vm.prank(_CLIENT);
        _evaluator.setTerms(JOB, _terms);
        assignment = _evaluator.assignmentOf(JOB);
    }
}
