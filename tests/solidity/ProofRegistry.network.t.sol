// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {INetworkVerifier} from "../../contracts/interfaces/INetworkVerifier.sol";
import {ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {ProofRegistryNativeTest} from "./ProofRegistry.native.t.sol";

/// @notice The same of a general network: the convolutional digits model, whose proofs `NetworkVerifier` takes under the ceremony.
contract ProofRegistryNetworkTest is ProofRegistryNativeTest {
    function _verifier() internal pure override returns (string memory) {
        return "NetworkVerifier";
    }

    function _shape() internal pure override returns (uint64 inputs, uint64 outputs) {
        return (64, 10);
    }

    function _fixture() internal pure override returns (string memory) {
        return "network-registry.json";
    }

    /// @dev Without the part that the verifier names nothing is recorded, and with it again the same proof is.
    function test_revert_otherPart() public {
        Batch memory one = load("single");
        address part = vm.computeCreateAddress(verifier, 1);
        bytes memory code = part.code;
        vm.etch(part, hex"00");
        vm.expectRevert(abi.encodeWithSelector(INetworkVerifier.PartInvalid.selector, keccak256(hex"00")));
        vm.prank(one.assignments[0].submitter);
        proofs.submit(nativeId, one.assignments[0], one.publicValues[0], one.proof);
        vm.etch(part, code);
        vm.prank(one.assignments[0].submitter);
        assertTrue(proofs.isVerified(proofs.submit(nativeId, one.assignments[0], one.publicValues[0], one.proof)));
    }

    /// @dev The real list of models names the adapter by its code hash, which covers the part, and the key object by its own: with
    /// another program it is another model, and the old id resolves no more.
    function test_registered() public {
        ModelRegistry list = new ModelRegistry();
        (, ModelKey memory key) = models.resolve(nativeId);
        bytes32 id = list.register(verifier, key.modelCode, key.vkDigest, key.srsId, nativeSchema);
        IModelRegistry.Model memory entry = list.model(id);
        assertEq(entry.adapterId, verifier.codehash);
        assertEq(entry.codeHash, key.modelCode.codehash);
        list.resolve(id);
        bytes memory code = key.modelCode.code;
        code[code.length - 1] ^= 0x01;
        vm.etch(key.modelCode, code);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.CodeChanged.selector, key.modelCode));
        list.resolve(id);
        assertNotEq(list.register(verifier, key.modelCode, key.vkDigest, key.srsId, nativeSchema), id);
    }
}
