// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimBatches} from "../../../contracts/interfaces/IClaimBatches.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {BaseTest} from "../helpers/BaseTest.sol";
import {ClaimFold} from "../helpers/ClaimFold.sol";
import {ClaimHandler} from "../helpers/ClaimHandler.sol";
import {StatementTree} from "../helpers/StatementTree.sol";

/// @notice What holds of a claim registry whatever is done to it. `FOUNDRY_PROFILE=soak` does it ten thousand times.
/// forge-config: default.invariant.runs = 8
/// forge-config: default.invariant.depth = 64
/// forge-config: soak.invariant.runs = 10000
/// forge-config: soak.invariant.depth = 32
contract ClaimRegistryInvariantTest is BaseTest {
    uint256 private constant BOND = 1 ether + 1;
    uint256 private constant FEE = 0.1 ether;

    ClaimRegistry private _registry;
    ClaimHandler private _handler;
    ClaimFold private _fold;

    function setUp() public override {
        super.setUp();
        _registry = new ClaimRegistry(proofs, IClaims.Terms(BOND, FEE, 1 days, 2 hours, 2));
        _handler = new ClaimHandler(_registry, proofs, models);
        _fold = _handler.fold();
        targetContract(address(_handler));
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = ClaimHandler.attest.selector;
        selectors[1] = ClaimHandler.post.selector;
        selectors[2] = ClaimHandler.submit.selector;
        selectors[3] = ClaimHandler.adopt.selector;
        selectors[4] = ClaimHandler.challenge.selector;
        selectors[5] = ClaimHandler.answer.selector;
        selectors[6] = ClaimHandler.finalize.selector;
        selectors[7] = ClaimHandler.withdraw.selector;
        selectors[8] = ClaimHandler.postBatch.selector;
        selectors[9] = ClaimHandler.challengeLeaf.selector;
        selectors[10] = ClaimHandler.answerLeaves.selector;
        selectors[11] = ClaimHandler.finalizeBatch.selector;
        selectors[12] = ClaimHandler.slashBatch.selector;
        selectors[13] = ClaimHandler.returnFee.selector;
        selectors[14] = ClaimHandler.breakSomething.selector;
        selectors[15] = ClaimHandler.wait.selector;
        targetSelector(FuzzSelector(address(_handler), selectors));
    }

    /* MONEY */

    /// @dev Every wei has an owner: what is held is the bonds, the fees and the credits, to the wei.
    function invariant_everyWeiHasAnOwner() public view {
        assertEq(address(_registry).balance, _fold.held());
    }

    /// @dev Bonds and fees in are payments out and what is held.
    function invariant_inIsOutAndHeld() public view {
        assertEq(_fold.paidIn(), _handler.brought());
        assertEq(_fold.paidOut(), _handler.taken());
        assertEq(_handler.brought(), _handler.taken() + address(_registry).balance);
    }

    function invariant_creditsAreThoseOfTheEvents() public view {
        for (uint256 i = 0; i < _fold.accountCount(); i++) {
            address account = _fold.accounts(i);
            assertEq(_registry.credit(account), _fold.credit(account));
        }
    }

    /// @dev A bond ends once: paid back, or slashed.
    function invariant_nothingIsBothSlashedAndPaid() public view {
        for (uint256 i = 0; i < _fold.idCount(); i++) {
            _once(_fold.ids(i));
        }
        for (uint256 i = 0; i < _fold.batchCount(); i++) {
            _once(_fold.batchIds(i));
        }
    }

    /* VERDICTS */

    /// @dev Verified means that the model's adapter was asked about exactly that statement, here or in the other registry, and accepted.
    function invariant_verifiedWasAccepted() public view {
        for (uint256 i = 0; i < _fold.idCount(); i++) {
            bytes32 id = _fold.ids(i);
            if (_registry.claim(id).stage == Stage.Verified) assertTrue(_handler.proven(id));
        }
    }

    function invariant_whatIsBrokenNeverRuns() public view {
        assertEq(_handler.ranBroken(), 0);
    }

    /// @dev Broken is what the events say, and nothing else.
    function invariant_brokenByEventsAlone() public view {
        for (uint256 i = 0; i < 3; i++) {
            bytes32 modelId = _handler.modelIds(i);
            assertEq(_registry.isBroken(modelId), _handler.modelOf(modelId));
        }
    }

    /* STATES */

    /// @dev A claim is what the events say.
    function invariant_claimsAreTheFoldOfTheEvents() public view {
        for (uint256 i = 0; i < _fold.idCount(); i++) {
            bytes32 id = _fold.ids(i);
            IClaimRegistry.Claim memory claim = _registry.claim(id);
            ClaimFold.FoldedClaim memory folded = _fold.claim(id);
            assertEq(uint8(claim.stage), uint8(folded.stage));
            assertEq(claim.submitter, folded.submitter);
            assertEq(claim.since, folded.since);
            assertEq(claim.transferable, folded.transferable);
            assertEq(_registry.challengerOf(id), folded.challenger);
            assertEq(claim.model, claim.stage == Stage.Attested ? 0 : _fold.number(folded.modelId));
        }
    }

    function invariant_batchesAreTheFoldOfTheEvents() public view {
        for (uint256 i = 0; i < _fold.batchCount(); i++) {
            bytes32 id = _fold.batchIds(i);
            IClaimBatches.BatchRecord memory record = _registry.batch(id);
            ClaimFold.FoldedBatch memory folded = _fold.batch(id);
            assertEq(uint8(record.stage), uint8(folded.stage));
            assertEq(record.root, folded.root);
            assertEq(record.count, folded.count);
            assertEq(record.open, folded.open);
            assertEq(record.closesAt, folded.closesAt);
            assertEq(record.model, _fold.number(folded.modelId));
            for (uint16 j = 0; j < record.count; j++) {
                assertEq(abi.encode(_registry.leaf(id, j)), abi.encode(_fold.leaf(id, j)));
            }
        }
    }

    /// @dev Challenges of a batch are counted, and there are never more than the terms allow.
    function invariant_openChallengesAreCounted() public view {
        for (uint256 i = 0; i < _fold.batchCount(); i++) {
            bytes32 id = _fold.batchIds(i);
            IClaimBatches.BatchRecord memory record = _registry.batch(id);
            uint256 open = 0;
            for (uint16 j = 0; j < record.count; j++) {
                if (_registry.leaf(id, j).stage == IClaimBatches.LeafStage.Challenged) open++;
            }
            assertLe(record.open, _registry.terms().maxOpenChallenges);
            if (record.stage == Stage.Open) assertEq(record.open, open);
            if (record.stage == Stage.Final) assertEq(open, 0);
        }
    }

    /// @dev Only the submitter of its assignment posts a statement.
    function invariant_onlyTheSubmitterPosts() public view {
        for (uint256 i = 0; i < _fold.idCount(); i++) {
            bytes32 id = _fold.ids(i);
            assertEq(_handler.poster(id), _registry.claim(id).submitter);
        }
    }

    /// @dev Verified, Final, Slashed and Void are for ever.
    function invariant_whatHasEndedStays() public {
        assertEq(_handler.endings(), 0);
    }

    /// @dev Every call was accepted or refused as the table says.
    function invariant_noSurprises() public view {
        assertEq(_handler.surprises(), 0);
    }

    /* FINALITY */

    /// @dev Final is what the table says, at every level.
    function invariant_finality() public view {
        for (uint256 i = 0; i < _fold.idCount(); i++) {
            bytes32 id = _fold.ids(i);
            assertEq(uint8(_registry.finalAssurance(id)), uint8(_reached(id)));
            for (uint8 level = 1; level <= 3; level++) {
                assertEq(
                    _registry.isFinal(id, IProofRegistry.Assurance(level)), level <= uint8(_reached(id)), "isFinal"
                );
            }
        }
    }

    /// @dev A leaf is final as a claim of its own, or with its batch.
    function invariant_finalityInBatches() public view {
        for (uint256 k = 0; k < 4; k++) {
            IClaimBatches.Batch memory batch = _handler.batchAt(k);
            bytes32 batchId = _registry.batchIdOf(batch);
            ClaimFold.FoldedBatch memory folded = _fold.batch(batchId);
            bool over = folded.stage == Stage.Final
                || (folded.stage == Stage.Open && folded.open == 0 && block.timestamp > folded.closesAt);
            for (uint16 i = 0; i < 2; i++) {
                (bytes32[] memory ids, bytes32 id) = _handler.leafId(k, i);
                Stage own = _fold.claim(id).stage;
                bool expected = own != Stage.Slashed && own != Stage.Void
                    && (_reached(id) >= IProofRegistry.Assurance.Optimistic
                        || (over && !_handler.modelOf(batch.modelId)));
                assertEq(
                    _registry.isFinalInBatch(
                        batchId, i, StatementTree.path(ids, i), id, IProofRegistry.Assurance.Optimistic
                    ),
                    expected
                );
            }
        }
    }

    /* HELPERS */

    function _once(bytes32 id) private view {
        assertLe(_handler.paidBack(id) + _handler.slashed(id), 1);
    }

    function _reached(bytes32 id) private view returns (IProofRegistry.Assurance) {
        ClaimFold.FoldedClaim memory folded = _fold.claim(id);
        if (folded.stage == Stage.Attested) return IProofRegistry.Assurance.Attested;
        if (folded.stage == Stage.None || _handler.modelOf(folded.modelId)) return IProofRegistry.Assurance.None;
        if (folded.stage == Stage.Verified) return IProofRegistry.Assurance.Verified;
        bool late = block.timestamp > uint256(folded.since) + 1 days;
        bool unchallenged = folded.stage == Stage.Final || (folded.stage == Stage.Open && late);
        return unchallenged ? IProofRegistry.Assurance.Optimistic : IProofRegistry.Assurance.None;
    }
}
