// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {Tensor} from "../../../contracts/libraries/Schemas.sol";
import {BundleTest} from "../helpers/BundleTest.sol";
import {ClassificationDesk} from "./ClassificationDesk.sol";

contract ClassificationDeskTest is BundleTest {
    ClassificationDesk private _desk;
    bytes private _inputs;
    bytes32 private _job;
    uint64 private _deadline;

    function setUp() public override {
        super.setUp();
        registerModel();
        (uint256 inputCount,) = _counts();
        _desk = new ClassificationDesk(proofs, modelId, schema);
        _inputs = truncated(publicValues, 32 * inputCount);
        _deadline = uint64(block.timestamp + 1 hours);
        _job = _desk.open(ALICE, _deadline, _inputs);
    }

    /* REVERTS */

    function test_revert_otherSchema() public {
        bytes memory other = bytes.concat(schema, hex"00");
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.OtherSchema.selector, Identities.schemaHash(other)));
        new ClassificationDesk(proofs, modelId, other);
    }

    function test_open_revert_wrongLength() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.WrongLength.selector, _inputs.length + 32));
        _desk.open(ALICE, _deadline, bytes.concat(_inputs, new bytes(32)));
    }

    function test_settle_revert_noOpenJob() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.NoOpenJob.selector, bytes32("no")));
        _desk.settle("no", publicValues);
    }

    function test_settle_revert_wrongLength() public {
        _prove(ALICE, address(_desk), _job);
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.WrongLength.selector, _inputs.length));
        _desk.settle(_job, _inputs);
    }

    function test_settle_revert_notProven() public {
        _expectNotProven();
    }

    /// @dev A copy of the proof is worth nothing here, whoever makes what claim with it.
    function test_settle_revert_provenBySomebodyElse() public {
        _prove(MALLORY, address(_desk), _job);
        _expectNotProven();
    }

    function test_settle_revert_provenForAnotherConsumer() public {
        _prove(ALICE, address(0), _job);
        _expectNotProven();
    }

    function test_settle_revert_provenForAnotherJob() public {
        _prove(ALICE, address(_desk), keccak256("job"));
        _expectNotProven();
    }

    function test_settle_revert_otherInputs() public {
        bytes32 job = _desk.open(ALICE, _deadline, withWord(_inputs, 0, 4711));
        _prove(ALICE, address(_desk), job);
        vm.expectRevert(ClassificationDesk.OtherInputs.selector);
        _desk.settle(job, publicValues);
    }

    function test_settle_revert_otherOutputs() public {
        _prove(ALICE, address(_desk), _job);
        publicValues = withWord(publicValues, publicValues.length / 32 - 1, 1 << 100);
        _expectNotProven();
    }

    function test_settle_revert_twice() public {
        _prove(ALICE, address(_desk), _job);
        _desk.settle(_job, publicValues);
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.NoOpenJob.selector, _job));
        _desk.settle(_job, publicValues);
    }

    /* SUCCESS */

    function test_settle() public {
        _prove(ALICE, address(_desk), _job);
        (uint256 expectedClass, int256 expectedScore) = _argmax();
        vm.expectEmit(address(_desk));
        emit ClassificationDesk.JobSettled(_job, expectedClass, expectedScore);
        (uint256 class, int256 score) = _desk.settle(_job, publicValues);
        assertEq(class, expectedClass);
        assertEq(score, expectedScore);
    }

    /// @dev A claim does not expire: the deadline is for submitting it.
    function test_settleLater() public {
        _prove(ALICE, address(_desk), _job);
        vm.warp(_deadline + 365 days);
        _desk.settle(_job, publicValues);
    }

    /* HELPERS */

    function _prove(address submitter, address consumer, bytes32 job) private {
        IProofRegistry.Assignment memory assignment = IProofRegistry.Assignment(submitter, consumer, job, _deadline);
        vm.prank(submitter);
        proofs.submit{gas: VERIFY_GAS}(modelId, assignment, publicValues, proof);
    }

    function _expectNotProven() private {
        IProofRegistry.Assignment memory asked = IProofRegistry.Assignment(ALICE, address(_desk), _job, _deadline);
        bytes32 statementId = proofs.statementIdOf(modelId, asked, publicValues);
        vm.expectRevert(abi.encodeWithSelector(ClassificationDesk.NotProven.selector, statementId));
        _desk.settle(_job, publicValues);
    }

    /// @dev From the bundle's schema: elements of the input and of the output tensors.
    function _counts() private view returns (uint256 inputCount, uint256 outputCount) {
        Tensor[] memory tensors = abi.decode(schema, (Tensor[]));
        for (uint256 i = 0; i < tensors.length; i++) {
            uint256 size = 1;
            for (uint256 j = 0; j < tensors[i].shape.length; j++) {
                size *= tensors[i].shape[j];
            }
            if (tensors[i].direction == 0) inputCount += size;
            else outputCount += size;
        }
        assertEq(publicValues.length, 32 * (inputCount + outputCount));
    }

    function _argmax() private view returns (uint256 class, int256 score) {
        uint256 first = _inputs.length / 32;
        score = int256(wordAt(publicValues, first));
        for (uint256 i = first + 1; i < publicValues.length / 32; i++) {
            int256 output = int256(wordAt(publicValues, i));
            if (output > score) (class, score) = (i - first, output);
        }
    }
}
