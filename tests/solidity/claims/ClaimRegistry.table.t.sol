// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IClaimRegistry} from "../../../contracts/interfaces/IClaimRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

/// @notice The state table of docs/contracts.md, row by row: in each state every call is made, and has the next state, the payments or the
/// refusal that the table says.
contract ClaimRegistryTableTest is ClaimTest {
    enum Call {
        Attest,
        Post,
        Submit,
        Adopt,
        Challenge,
        Answer,
        Finalize
    }

    uint256 private constant SHARE = BOND / 2;

    bytes4 private immutable EXISTS = IClaimRegistry.ClaimExists.selector;
    bytes4 private immutable STAGE = IClaims.WrongStage.selector;
    bytes4 private immutable EARLY = IClaims.TooEarly.selector;
    bytes4 private immutable LATE = IClaims.TooLate.selector;
    bytes4 private immutable BROKEN = IClaimBreaker.Broken.selector;

    function test_none() public {
        _goes(Call.Attest, Stage.Attested, 0, 0, 0);
        _goes(Call.Post, Stage.Open, 0, 0, 0);
        _goes(Call.Submit, Stage.Verified, 0, 0, 0);
        _goes(Call.Adopt, Stage.Verified, 0, 0, 0);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
    }

    function test_none_broken() public {
        prove();
        breakModel();
        _goes(Call.Attest, Stage.Attested, 0, 0, 0);
        _refuses(Call.Post, BROKEN);
        _refuses(Call.Submit, BROKEN);
        _refuses(Call.Adopt, BROKEN);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
    }

    function test_attested() public {
        reach(Stage.Attested);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _goes(Call.Submit, Stage.Verified, 0, 0, 0);
        _goes(Call.Adopt, Stage.Verified, 0, 0, 0);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
    }

    function test_open_inTime() public {
        reach(Stage.Open);
        skip(CHALLENGE_WINDOW);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _goes(Call.Adopt, Stage.Verified, BOND, 0, 0);
        _goes(Call.Challenge, Stage.Challenged, 0, 0, 0);
        _goes(Call.Answer, Stage.Verified, BOND, 0, 0);
        _refuses(Call.Finalize, EARLY);
    }

    function test_open_late() public {
        reach(Stage.Open);
        skip(CHALLENGE_WINDOW + 1);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _goes(Call.Adopt, Stage.Verified, BOND, 0, 0);
        _refuses(Call.Challenge, LATE);
        _goes(Call.Answer, Stage.Verified, BOND, 0, 0);
        _goes(Call.Finalize, Stage.Final, BOND, 0, 0);
    }

    function test_open_broken() public {
        prove();
        reach(Stage.Open);
        breakModel();
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _refuses(Call.Adopt, BROKEN);
        _refuses(Call.Challenge, BROKEN);
        _refuses(Call.Answer, BROKEN);
        _goes(Call.Finalize, Stage.Void, BOND, 0, 0);
    }

    function test_challenged_inTime() public {
        reach(Stage.Challenged);
        skip(ANSWER_WINDOW);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _goes(Call.Adopt, Stage.Verified, BOND + FEE, 0, 0);
        _refuses(Call.Challenge, STAGE);
        _goes(Call.Answer, Stage.Verified, BOND + FEE, 0, 0);
        _refuses(Call.Finalize, EARLY);
    }

    function test_challenged_late() public {
        reach(Stage.Challenged);
        skip(ANSWER_WINDOW + 1);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _refuses(Call.Adopt, LATE);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, LATE);
        _goes(Call.Finalize, Stage.Slashed, 0, FEE + SHARE, BOND - SHARE);
    }

    function test_challenged_broken() public {
        prove();
        reach(Stage.Challenged);
        breakModel();
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _refuses(Call.Adopt, BROKEN);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, BROKEN);
        _goes(Call.Finalize, Stage.Void, BOND, FEE, 0);
    }

    /// @dev Even when nobody answered: what would have been proven is not known any more.
    function test_challenged_brokenAndLate() public {
        reach(Stage.Challenged);
        skip(ANSWER_WINDOW + 1);
        breakModel();
        _goes(Call.Finalize, Stage.Void, BOND, FEE, 0);
    }

    function test_verified() public {
        _ended(Stage.Verified);
    }

    function test_final() public {
        _ended(Stage.Final);
    }

    function test_slashed() public {
        _ended(Stage.Slashed);
    }

    /// @dev Verified in the other registry in vain: there the statement has no bond that could be lost.
    function test_void() public {
        prove();
        _ended(Stage.Void);
    }

    function _ended(Stage stage) private {
        reach(stage);
        _refuses(Call.Attest, EXISTS);
        _refuses(Call.Post, EXISTS);
        _refuses(Call.Submit, EXISTS);
        _refuses(Call.Adopt, STAGE);
        _refuses(Call.Challenge, STAGE);
        _refuses(Call.Answer, STAGE);
        _refuses(Call.Finalize, STAGE);
    }

    /// @dev The call leads to a stage and pays so much; then everything is as before.
    function _goes(Call call_, Stage next, uint256 alice, uint256 carol, uint256 consumer) private {
        uint256 snapshot = vm.snapshotState();
        uint256[3] memory before = [registry.credit(ALICE), registry.credit(CAROL), registry.credit(CONSUMER)];
        _make(call_);
        assertStage(next);
        assertCredits(before[0] + alice, before[1] + carol, before[2] + consumer);
        vm.revertToState(snapshot);
    }

    /// @dev The call is refused.
    function _refuses(Call call_, bytes4 selector) private {
        uint256 snapshot = vm.snapshotState();
        try this.make(call_) {
            fail();
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), selector);
        }
        vm.revertToState(snapshot);
    }

    function make(Call call_) external {
        _make(call_);
    }

    function _make(Call call_) private {
        if (call_ == Call.Attest) attest();
        if (call_ == Call.Post) post();
        if (call_ == Call.Submit) submit();
        if (call_ == Call.Adopt) {
            if (!proofs.isVerified(statementId())) prove();
            adopt();
        }
        if (call_ == Call.Challenge) challenge();
        if (call_ == Call.Answer) answer();
        if (call_ == Call.Finalize) finalize();
    }
}
