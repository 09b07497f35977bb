// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimBreaker} from "../../../contracts/interfaces/IClaimBreaker.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {Schemas, Tensor} from "../../../contracts/libraries/Schemas.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {VouchingAdapter} from "../helpers/HostileAdapters.sol";
import {Answer} from "../helpers/Mocks.sol";
import {SchemaBuilder} from "../helpers/SchemaBuilder.sol";

contract ClaimRegistryBreakTest is ClaimTest {
    /* REVERTS: A MODEL */

    function test_model_revert_unknown() public {
        _expect(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("no")), "no", 1, 2);
    }

    function test_model_revert_sameOutput() public {
        _expect(abi.encodeWithSelector(IClaimBreaker.NoContradiction.selector), modelId, 1, 1);
    }

    function testFuzz_model_revert_otherInput(uint256 input) public {
        vm.assume(input != 7);
        IClaimBreaker.Evidence memory first = contradiction(modelId, 1);
        IClaimBreaker.Evidence memory second = contradiction(modelId, 2);
        second.publicValues = abi.encode(input, uint256(2));
        vm.expectRevert(IClaimBreaker.NoContradiction.selector);
        registry.breakModel(modelId, schema, first, second);
    }

    function test_model_revert_otherLength() public {
        IClaimBreaker.Evidence memory first = contradiction(modelId, 1);
        IClaimBreaker.Evidence memory second = contradiction(modelId, 2);
        second.publicValues = bytes.concat(second.publicValues, hex"00");
        vm.expectRevert(IClaimBreaker.NoContradiction.selector);
        registry.breakModel(modelId, schema, first, second);
        (first.publicValues, second.publicValues) = (bytes(hex"01"), bytes(hex"02"));
        vm.expectRevert(IClaimBreaker.NoContradiction.selector);
        registry.breakModel(modelId, schema, first, second);
    }

    /// @dev Either proof has to be accepted.
    function test_model_revert_badProof() public {
        IClaimBreaker.Evidence memory first = contradiction(modelId, 1);
        IClaimBreaker.Evidence memory second = contradiction(modelId, 2);
        second.proof = first.proof;
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        registry.breakModel(modelId, schema, first, second);
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        registry.breakModel(modelId, schema, second, first);
    }

    /// @dev The schema is the model's, not the caller's: with all values as outputs any two statements would do.
    function test_model_revert_otherSchema() public {
        bytes memory other = SchemaBuilder.words(0, 2);
        IClaimBreaker.Evidence memory first = contradiction(modelId, 1);
        IClaimBreaker.Evidence memory second = contradiction(modelId, 2);
        vm.expectRevert(abi.encodeWithSelector(IClaimBreaker.OtherSchema.selector, Identities.schemaHash(other)));
        registry.breakModel(modelId, other, first, second);
    }

    /// @dev Two commitments may hide the same tensor.
    function test_model_revert_hiddenSide() public {
        Tensor[] memory tensors = abi.decode(schema, (Tensor[]));
        tensors[1].visibility = Schemas.COMMITTED;
        schema = abi.encode(tensors);
        modelId = models.register(address(standIn), address(0), 0, 0, schema);
        _expect(abi.encodeWithSelector(IClaimBreaker.HiddenSide.selector), modelId, 1, 2);
    }

    function test_model_revert_inputAfterOutput() public {
        Tensor[] memory tensors = abi.decode(schema, (Tensor[]));
        (tensors[0], tensors[1]) = (tensors[1], tensors[0]);
        schema = abi.encode(tensors);
        modelId = models.register(address(standIn), address(0), 0, 0, schema);
        _expect(abi.encodeWithSelector(Schemas.InputAfterOutput.selector, 1), modelId, 1, 2);
    }

    function test_model_revert_twice() public {
        breakModel();
        _expect(abi.encodeWithSelector(IClaimBreaker.Broken.selector, modelId), modelId, 1, 2);
    }

    /* REVERTS: AN ADAPTER */

    /// @dev Somebody makes a model that accepts everything, under the adapter of everybody's models. It breaks itself and nothing else.
    function test_adapter_revert_doesNotVouch() public {
        address yes = address(new Answer(abi.encode(true)));
        bytes32 hostile = models.register(address(adapter), yes, 0, 0, schema);
        IClaimBreaker.Evidence memory first = IClaimBreaker.Evidence(0, abi.encode(7, 1), "");
        IClaimBreaker.Evidence memory second = IClaimBreaker.Evidence(0, abi.encode(7, 2), "");
        vm.expectRevert(abi.encodeWithSelector(IClaimBreaker.DoesNotVouch.selector, address(adapter)));
        registry.breakAdapter(hostile, first, second);

        registry.breakModel(hostile, schema, first, second);
        assertTrue(registry.isBroken(hostile));
        assertFalse(registry.isAdapterBroken(address(adapter).codehash));
    }

    /// @dev Somebody registers an honest model under a schema that calls its inputs outputs. That model id is broken, the honest one is not.
    function test_falseSchema() public {
        bytes memory lie = SchemaBuilder.words(0, 2);
        bytes32 liar = models.register(address(standIn), address(0), 0, 0, lie);
        IClaimBreaker.Evidence memory first = contradiction(liar, 1);
        IClaimBreaker.Evidence memory second = contradiction(liar, 2);
        registry.breakModel(liar, lie, first, second);
        assertTrue(registry.isBroken(liar));
        assertFalse(registry.isBroken(modelId));
        submit();
        assertFinal(IProofRegistry.Assurance.Verified);
    }

    function test_adapter_revert_noContradiction() public {
        bytes32 vouched = _vouched(0);
        IClaimBreaker.Evidence memory first = contradiction(vouched, 1);
        vm.expectRevert(IClaimBreaker.NoContradiction.selector);
        registry.breakAdapter(vouched, first, first);
        IClaimBreaker.Evidence memory second = contradiction(vouched, 2);
        second.proof = "";
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        registry.breakAdapter(vouched, first, second);
    }

    /* SUCCESS */

    function testFuzz_breakModel(address breaker, uint256 one, uint256 two) public {
        vm.assume(one != two);
        IClaimBreaker.Evidence memory first = contradiction(modelId, one);
        IClaimBreaker.Evidence memory second = contradiction(modelId, two);
        vm.expectEmit(address(registry));
        emit IClaimBreaker.ModelBroken(modelId, breaker, keccak256(abi.encode(uint256(7))));
        vm.prank(breaker);
        registry.breakModel(modelId, schema, first, second);
        assertTrue(registry.isBroken(modelId));
        assertFalse(registry.isAdapterBroken(address(standIn).codehash));
    }

    /// @dev Another model of the same adapter goes on.
    function test_nothingElseStops() public {
        bytes32 other = models.register(address(standIn), address(0), "another key", 0, schema);
        breakModel();
        assertFalse(registry.isBroken(other));
        modelId = other;
        submit();
        assertFinal(IProofRegistry.Assurance.Verified);
    }

    function test_breakAdapter() public {
        bytes32 vouched = _vouched(0);
        bytes32 sibling = models.register(_adapterOf(vouched), address(0), "another key", 0, schema);
        modelId = sibling;
        submit();
        assertFinal(IProofRegistry.Assurance.Verified);

        bytes32 adapterId = _adapterOf(vouched).codehash;
        IClaimBreaker.Evidence memory first = contradiction(vouched, 1);
        IClaimBreaker.Evidence memory second = contradiction(vouched, 2);
        vm.expectEmit(address(registry));
        emit IClaimBreaker.AdapterBroken(adapterId, vouched, MALLORY, keccak256(abi.encode(uint256(7))));
        vm.prank(MALLORY);
        registry.breakAdapter(vouched, first, second);

        // Every model of it, and every claim, whenever it was verified.
        assertTrue(registry.isAdapterBroken(adapterId));
        assertTrue(registry.isBroken(vouched));
        assertTrue(registry.isBroken(sibling));
        assertFinal(IProofRegistry.Assurance.None);
        // A model that comes later, before it is used for the first time.
        bytes32 later = models.register(_adapterOf(vouched), address(0), "a later key", 0, schema);
        assertTrue(registry.isBroken(later));
        modelId = later;
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IClaimBreaker.Broken.selector, later));
        vm.prank(ALICE);
        registry.submit(later, assignment, values, proof_);
    }

    /// @dev An adapter is its code: a copy at another address is stopped with it, and other code of the same kind is not.
    function test_breakAdapter_isItsCode() public {
        bytes32 vouched = _vouched(0);
        registry.breakAdapter(vouched, contradiction(vouched, 1), contradiction(vouched, 2));
        bytes32 copy = models.register(address(new VouchingAdapter(0)), address(0), "copy", 0, schema);
        vm.expectRevert(abi.encodeWithSelector(IClaimBreaker.Broken.selector, copy));
        vm.prank(ALICE);
        registry.post{value: BOND}(copy, assignment, values);
        modelId = _vouched(1);
        post();
    }

    function _vouched(uint256 kind) private returns (bytes32) {
        return models.register(address(new VouchingAdapter(kind)), address(0), 0, 0, schema);
    }

    function _adapterOf(bytes32 model) private view returns (address adapter_) {
        (adapter_,) = models.resolve(model);
    }

    function _expect(bytes memory reason, bytes32 model, uint256 one, uint256 two) private {
        bool known = model != "no";
        IClaimBreaker.Evidence memory first = contradiction(known ? model : modelId, one);
        IClaimBreaker.Evidence memory second = contradiction(known ? model : modelId, two);
        vm.expectRevert(reason);
        registry.breakModel(model, schema, first, second);
    }
}
