// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {BaseTest} from "./BaseTest.sol";
import {MockBatchAdapter} from "./Mocks.sol";
import {SchemaBuilder} from "./SchemaBuilder.sol";

/// @notice A claim registry, a model whose adapter is a stand-in, one job of Alice's, and ways to bring its claim into every stage. The
/// stand-in accepts one proof per statement, and whatever the values are, so that it contradicts itself when it is asked to.
abstract contract ClaimTest is BaseTest {
    /// @dev Odd, so that half of it has to be rounded.
    uint256 internal constant BOND = 1 ether + 1;
    uint256 internal constant FEE = 0.1 ether;
    uint40 internal constant CHALLENGE_WINDOW = 1 days;
    uint40 internal constant ANSWER_WINDOW = 2 hours;
    uint16 internal constant MAX_OPEN = 4;

    address internal immutable CAROL = makeAddr("carol, who challenges");
    address internal constant CONSUMER = address(0xC0);

    ClaimRegistry internal registry;
    MockBatchAdapter internal standIn;
    bytes32 internal modelId;
    bytes internal schema;
    IProofRegistry.Assignment internal assignment;
    bytes internal values;

    function setUp() public virtual override {
        super.setUp();
        registry = new ClaimRegistry(proofs, terms());
        standIn = new MockBatchAdapter(0);
        schema = SchemaBuilder.words(1, 1);
        modelId = models.register(address(standIn), address(0), 0, 0, schema);
        assignment = assignmentOf(ALICE);
        assignment.deadline = uint64(block.timestamp + 30 days);
        values = abi.encode(uint256(7), uint256(49));
        vm.deal(ALICE, 10_000 ether);
        vm.deal(CAROL, 10_000 ether);
        vm.deal(MALLORY, 10_000 ether);
    }

    function terms() internal pure virtual returns (IClaims.Terms memory) {
        return IClaims.Terms(BOND, FEE, CHALLENGE_WINDOW, ANSWER_WINDOW, MAX_OPEN);
    }

    /* WHAT THERE IS */

    function statementId() internal view returns (bytes32) {
        return registry.statementIdOf(modelId, assignment, keccak256(values));
    }

    function proof() internal view returns (bytes memory) {
        return proofOf(assignment, values);
    }

    function proofOf(IProofRegistry.Assignment memory assignment_, bytes memory values_)
        internal
        view
        returns (bytes memory)
    {
        (, ModelKey memory key) = models.resolve(modelId);
        return standIn.proofOf(key, proofs.contextIdOf(assignment_), values_);
    }

    /// @dev A proof that the same input gives another output.
    function contradiction(bytes32 modelId_, uint256 output) internal view returns (IClaimBreaker.Evidence memory) {
        (address adapter_, ModelKey memory key) = models.resolve(modelId_);
        bytes memory values_ = abi.encode(uint256(7), output);
        bytes32 contextId = bytes32(output);
        return IClaimBreaker.Evidence(contextId, values_, MockBatchAdapter(adapter_).proofOf(key, contextId, values_));
    }

    /* WHAT CAN BE DONE */

    function attest() internal {
        vm.prank(assignment.submitter);
        registry.attest(modelId, assignment, keccak256(values), "proof hash", "content");
    }

    function post() internal {
        vm.prank(assignment.submitter);
        registry.post{value: BOND}(modelId, assignment, values);
    }

    function submit() internal {
        bytes memory proof_ = proof();
        vm.prank(assignment.submitter);
        registry.submit(modelId, assignment, values, proof_);
    }

    function challenge() internal {
        bytes32 id = statementId();
        vm.prank(CAROL);
        registry.challenge{value: FEE}(id);
    }

    function answer() internal {
        bytes memory proof_ = proof();
        vm.prank(assignment.submitter);
        registry.answer(modelId, assignment, values, proof_);
    }

    function adopt() internal {
        registry.adopt(modelId, assignment, keccak256(values));
    }

    function finalize() internal {
        registry.finalize(modelId, assignment, keccak256(values));
    }

    /// @dev A Verified claim in the other registry.
    function prove() internal {
        bytes memory proof_ = proof();
        vm.prank(assignment.submitter);
        proofs.submit(modelId, assignment, values, proof_);
    }

    function breakModel() internal {
        registry.breakModel(modelId, schema, contradiction(modelId, 1), contradiction(modelId, 2));
    }

    /// @dev Brings the claim into a stage, from None.
    function reach(Stage stage) internal {
        if (stage == Stage.None) return;
        if (stage == Stage.Attested) return attest();
        if (stage == Stage.Verified) return submit();
        post();
        if (stage == Stage.Open) return;
        if (stage == Stage.Final) {
            skip(CHALLENGE_WINDOW + 1);
            return finalize();
        }
        challenge();
        if (stage == Stage.Challenged) return;
        if (stage == Stage.Slashed) {
            skip(ANSWER_WINDOW + 1);
            return finalize();
        }
        breakModel();
        finalize();
    }

    /* WHAT IS TRUE */

    function stageNow() internal view returns (Stage) {
        return registry.claim(statementId()).stage;
    }

    function assertStage(Stage stage) internal view {
        assertEq(uint8(stageNow()), uint8(stage), "stage");
    }

    function assertFinal(IProofRegistry.Assurance reached) internal view {
        bytes32 id = statementId();
        assertEq(uint8(registry.finalAssurance(id)), uint8(reached));
        for (uint8 level = 0; level <= uint8(type(IProofRegistry.Assurance).max); level++) {
            bool expected = reached != IProofRegistry.Assurance.None && level <= uint8(reached);
            assertEq(registry.isFinal(id, IProofRegistry.Assurance(level)), expected, "isFinal");
        }
    }

    /// @dev What is held is what is bonded or owed.
    function assertCredits(uint256 alice, uint256 carol, uint256 consumer) internal view {
        assertEq(registry.credit(ALICE), alice, "alice");
        assertEq(registry.credit(CAROL), carol, "carol");
        assertEq(registry.credit(CONSUMER), consumer, "consumer");
    }
}
