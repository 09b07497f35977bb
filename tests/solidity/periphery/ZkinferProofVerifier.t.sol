// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {PeripheryVerifier} from "../../../contracts/periphery/PeripheryVerifier.sol";
import {IProofVerifier} from "../../../contracts/periphery/erc8274/IProofVerifier.sol";
import {ZkinferProofVerifier} from "../../../contracts/periphery/erc8274/ZkinferProofVerifier.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {Glutton} from "../helpers/HostileAdapters.sol";

/// @notice Against the text of ERC-8274 at the commit that IProofVerifier names.
contract ZkinferProofVerifierTest is ClaimTest {
    ZkinferProofVerifier private _verifier;
    bytes32 private _inputHash;
    bytes32 private _outputHash;

    function setUp() public override {
        super.setUp();
        _verifier = new ZkinferProofVerifier(models, address(standIn).codehash);
        _inputHash = keccak256(abi.encode(uint256(7)));
        _outputHash = keccak256(abi.encode(uint256(49)));
    }

    /// @dev The functions are those of the draft, by their signatures.
    function test_interface() public view {
        assertEq(IProofVerifier.verify.selector, bytes4(keccak256("verify(bytes32,bytes32,bytes,bytes)")));
        assertEq(IProofVerifier.proofSystem.selector, bytes4(keccak256("proofSystem()")));
        assertEq(IProofVerifier.proofProfile.selector, bytes4(keccak256("proofProfile()")));
        assertTrue(_verifier.supportsInterface(type(IProofVerifier).interfaceId));
        assertTrue(_verifier.supportsInterface(0x01ffc9a7));
        assertFalse(_verifier.supportsInterface(0xffffffff));
    }

    /// @dev "{paradigm}/{variant}", and keccak256(abi.encodePacked(proofSystem(), deploymentSalt)).
    function test_names() public {
        assertEq(_verifier.proofSystem(), "zk/zkinfer");
        assertEq(_verifier.proofProfile(), keccak256(abi.encodePacked("zk/zkinfer", address(standIn).codehash)));
        ZkinferProofVerifier other = new ZkinferProofVerifier(models, address(adapter).codehash);
        assertTrue(other.proofProfile() != _verifier.proofProfile());
    }

    function test_true() public {
        assertTrue(_verify(_inputHash, _outputHash, _metadata(32), _proof()));
    }

    function testFuzz_false_otherHash(bytes32 hash) public {
        vm.assume(hash != _inputHash && hash != _outputHash);
        assertFalse(_verify(hash, _outputHash, _metadata(32), _proof()));
        assertFalse(_verify(_inputHash, hash, _metadata(32), _proof()));
    }

    /// @dev Where the inputs end is the deployment's, not the caller's: nobody shifts an output to the inputs.
    function test_false_otherSplit() public {
        assertFalse(_verify(_inputHash, _outputHash, _metadata(0), _proof()));
        assertFalse(_verify(_inputHash, _outputHash, _metadata(65), _proof()));
    }

    function test_false_invalidProof() public {
        bytes memory bad = abi.encode(proofs.contextIdOf(assignment), values, bytes("bad"));
        assertFalse(_verify(_inputHash, _outputHash, _metadata(32), bad));
    }

    function test_false_anotherAdapter() public {
        ZkinferProofVerifier other = new ZkinferProofVerifier(models, address(adapter).codehash);
        assertFalse(other.verify(_inputHash, _outputHash, _metadata(32), _proof()));
    }

    function test_revert_unknownModel() public {
        bytes memory proof_ = _proof();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, bytes32("no")));
        _verifier.verify(_inputHash, _outputHash, abi.encode(bytes32("no"), uint256(32)), proof_);
    }

    /// @dev A "no" that is only a lack of gas would let whoever settles decide against a valid proof.
    function test_revert_outOfGas() public {
        bytes32 greedy = models.register(address(new Glutton()), address(0), 0, 0, schema);
        (address glutton,) = models.resolve(greedy);
        ZkinferProofVerifier other = new ZkinferProofVerifier(models, glutton.codehash);
        (bool done, bytes memory reason) = address(other).call{gas: 5_000_000}(
            abi.encodeCall(other.verify, (_inputHash, _outputHash, abi.encode(greedy, uint256(32)), _proof()))
        );
        assertFalse(done);
        assertEq(bytes4(reason), PeripheryVerifier.NoVerdict.selector);
    }

    /// @dev With whatever gas: a valid proof is never "false".
    function testFuzz_neverFalse(uint256 gas_) public {
        gas_ = bound(gas_, 1_000, 300_000);
        bytes memory data = abi.encodeCall(_verifier.verify, (_inputHash, _outputHash, _metadata(32), _proof()));
        (bool done, bytes memory answer) = address(_verifier).call{gas: gas_}(data);
        if (done) assertTrue(abi.decode(answer, (bool)));
    }

    function _verify(bytes32 inputHash, bytes32 outputHash, bytes memory metadata, bytes memory proof_)
        private
        returns (bool)
    {
        // As the draft has it: not view.
        return IProofVerifier(address(_verifier)).verify(inputHash, outputHash, metadata, proof_);
    }

    function _metadata(uint256 inputBytes) private view returns (bytes memory) {
        return abi.encode(modelId, inputBytes);
    }

    function _proof() private view returns (bytes memory) {
        return abi.encode(proofs.contextIdOf(assignment), values, proof());
    }
}
