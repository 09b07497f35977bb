// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IERCZKMLRegistry} from "../../../contracts/periphery/erc7992/IERCZKMLRegistry.sol";
import {IERCZKMLVerifier} from "../../../contracts/periphery/erc7992/IERCZKMLVerifier.sol";
import {ZkmlVerifier} from "../../../contracts/periphery/erc7992/ZkmlVerifier.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

/// @notice Against the text of ERC-7992 at the commit that IERCZKMLVerifier names.
contract ZkmlVerifierTest is ClaimTest {
    ZkmlVerifier private _verifier;
    bytes private _inputs = abi.encode(uint256(7));
    bytes private _output = abi.encode(uint256(49));

    function setUp() public override {
        super.setUp();
        _verifier = new ZkmlVerifier(models);
    }

    function test_interface() public view {
        assertEq(
            IERCZKMLVerifier.verifyInference.selector, bytes4(keccak256("verifyInference(uint256,bytes32,bytes,bytes)"))
        );
        assertEq(IERCZKMLVerifier.proofSystemOf.selector, bytes4(keccak256("proofSystemOf(uint256)")));
        assertEq(IERCZKMLVerifier.registry.selector, bytes4(keccak256("registry()")));
        assertEq(
            IERCZKMLVerifier.InferenceVerified.selector, keccak256("InferenceVerified(uint256,bytes32,bytes,address)")
        );
        assertEq(
            IERCZKMLRegistry.registerModel.selector,
            bytes4(keccak256("registerModel((bytes32,bytes32,bytes32,bytes4,string))"))
        );
        assertEq(IERCZKMLRegistry.getModel.selector, bytes4(keccak256("getModel(uint256)")));
        assertTrue(_verifier.supportsInterface(type(IERCZKMLVerifier).interfaceId));
        assertTrue(_verifier.supportsInterface(type(IERCZKMLRegistry).interfaceId));
        assertFalse(_verifier.supportsInterface(0xffffffff));
    }

    function testFuzz_revert_otherCommitment(bytes32 commitment) public {
        vm.assume(commitment != _commitment());
        bytes memory proof_ = _proof(proof());
        vm.expectRevert(IERCZKMLVerifier.InputCommitmentMismatch.selector);
        _verifier.verifyInference(uint256(modelId), commitment, _output, proof_);
    }

    function test_revert_otherOutput() public {
        bytes memory proof_ = _proof(proof());
        bytes32 commitment = _commitment();
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        _verifier.verifyInference(uint256(modelId), commitment, abi.encode(uint256(50)), proof_);
    }

    function test_revert_invalidProof() public {
        bytes memory proof_ = _proof("bad");
        bytes32 commitment = _commitment();
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        _verifier.verifyInference(uint256(modelId), commitment, _output, proof_);
    }

    function test_revert_unknownModel() public {
        bytes32 commitment = _verifier.inputCommitmentOf(1, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32(uint256(1))));
        _verifier.verifyInference(1, commitment, _output, abi.encode(bytes32(0), bytes(""), bytes("")));
    }

    function test_verifyInference() public {
        bytes memory proof_ = _proof(proof());
        bytes32 commitment = _commitment();
        vm.expectEmit(address(_verifier));
        emit IERCZKMLVerifier.InferenceVerified(uint256(modelId), commitment, _output, MALLORY);
        vm.prank(MALLORY);
        _verifier.verifyInference(uint256(modelId), commitment, _output, proof_);
    }

    /// @dev bytes4(keccak256(name and version)), lower case with hyphens.
    function test_registry() public {
        assertEq(_verifier.registry(), address(_verifier));
        (IERCZKMLRegistry.ModelCommitment memory commitment, bool deprecated, address owner) =
            _verifier.getModel(uint256(modelId));
        assertEq(commitment.modelHash, modelId);
        assertEq(commitment.vkHash, 0);
        assertEq(commitment.proofSystemId, bytes4(keccak256("mock-bn254-v1")));
        assertFalse(deprecated);
        assertEq(owner, address(0));

        vm.expectRevert(abi.encodeWithSelector(ZkmlVerifier.RegisterInModelRegistry.selector, address(models)));
        _verifier.registerModel(commitment);
        vm.expectRevert(
            abi.encodeWithSelector(IERCZKMLRegistry.NotModelOwner.selector, uint256(modelId), address(this))
        );
        _verifier.updateModel(uint256(modelId), commitment);
        vm.expectRevert(
            abi.encodeWithSelector(IERCZKMLRegistry.NotModelOwner.selector, uint256(modelId), address(this))
        );
        _verifier.deprecateModel(uint256(modelId));
    }

    function _commitment() private view returns (bytes32) {
        return _verifier.inputCommitmentOf(uint256(modelId), proofs.contextIdOf(assignment), _inputs);
    }

    function _proof(bytes memory proof_) private view returns (bytes memory) {
        return abi.encode(proofs.contextIdOf(assignment), _inputs, proof_);
    }
}
