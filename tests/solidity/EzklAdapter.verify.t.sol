// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter, ModelKey} from "../../contracts/interfaces/IVerifierAdapter.sol";
import {BundleTest} from "./helpers/BundleTest.sol";
import {Answer, Refusal, Writer} from "./helpers/Mocks.sol";

contract EzklAdapterVerifyTest is BundleTest {
    int256 private constant MAX_VALUE = int256((ORDER - 1) / 2);

    /* MALFORMED INPUT */

    function test_revert_modelWithoutCode() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, ALICE));
        adapter.verify(keyOf(ALICE), 0, publicValues, proof);
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, address(0)));
        adapter.verify(keyOf(address(0)), 0, publicValues, proof);
        // A precompile answers, and has no code: identity would return 1 for the right input.
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, address(4)));
        adapter.verify(keyOf(address(4)), 0, publicValues, proof);
    }

    function testFuzz_revert_publicValuesLength(uint256 length) public {
        length = bound(length, 0, publicValues.length);
        vm.assume(length % 32 != 0);
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, length));
        adapter.verify(keyOf(verifier), 0, truncated(publicValues, length), proof);
    }

    function testFuzz_revert_proofLength(uint256 length) public {
        length = bound(length, 0, proof.length);
        vm.assume(length % 32 != 0);
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, length));
        adapter.verify(keyOf(verifier), 0, publicValues, truncated(proof, length));
    }

    function test_revert_proofWithHalfAWordMore() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, proof.length + 16));
        adapter.verify(keyOf(verifier), 0, publicValues, bytes.concat(proof, new bytes(16)));
    }

    /// @dev The other words for the same field elements: v + r and v - r are out of range for every v.
    function test_revert_everyInstancePlusOrMinusOrder() public {
        uint256 n = publicValues.length / 32;
        for (uint256 i = 0; i < n; i++) {
            uint256 word = wordAt(publicValues, i);
            uint256[2] memory aliases;
            unchecked {
                aliases = [word + ORDER, word - ORDER];
            }
            for (uint256 j = 0; j < 2; j++) {
                vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, i));
                adapter.verify{gas: VERIFY_GAS}(keyOf(verifier), 0, withWord(publicValues, i, aliases[j]), proof);
            }
        }
    }

    function test_revert_valuesNextToTheRange() public {
        address accepts = address(new Answer(abi.encode(true)));
        int256[6] memory values =
            [MAX_VALUE + 1, -MAX_VALUE - 1, int256(ORDER), -int256(ORDER), type(int256).max, type(int256).min];
        for (uint256 i = 0; i < values.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, 1));
            adapter.verify(keyOf(accepts), 0, abi.encode(int256(0), values[i], int256(0)), proof);
        }
    }

    function testFuzz_revert_valueOutOfRange(int256[] memory values, uint256 index, int256 value) public {
        vm.assume(values.length > 0);
        vm.assume(value > MAX_VALUE || value < -MAX_VALUE);
        for (uint256 i = 0; i < values.length; i++) {
            values[i] = bound(values[i], -MAX_VALUE, MAX_VALUE);
        }
        index = bound(index, 0, values.length - 1);
        values[index] = value;
        address accepts = address(new Answer(abi.encode(true)));
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, index));
        adapter.verify(keyOf(accepts), 0, abi.encodePacked(values), proof);
    }

    /* ANSWERS OF A VERIFIER */

    function test_revert_verifierReturnsZero() public {
        _expectNotAccepted(address(new Answer(abi.encode(0))));
    }

    function test_revert_verifierReturnsTwo() public {
        _expectNotAccepted(address(new Answer(abi.encode(2))));
        _expectNotAccepted(address(new Answer(abi.encode(type(uint256).max))));
    }

    function test_revert_verifierReturnsNothing() public {
        _expectNotAccepted(address(new Answer("")));
    }

    function test_revert_verifierReturnsAnotherLength() public {
        _expectNotAccepted(address(new Answer(abi.encode(1, 0))));
        _expectNotAccepted(address(new Answer(abi.encode(1, 1))));
        _expectNotAccepted(address(new Answer(hex"01")));
        _expectNotAccepted(address(new Answer(bytes.concat(abi.encode(1), hex"00"))));
    }

    function test_revert_verifierRevertsWithOne() public {
        _expectNotAccepted(address(new Refusal(abi.encode(1))));
        _expectNotAccepted(address(new Refusal("")));
    }

    function test_revert_verifierWritesState() public {
        address writer = address(new Writer());
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        adapter.verify{gas: VERIFY_GAS}(keyOf(writer), 0, publicValues, proof);
    }

    /* BAD PROOFS */

    /// @dev One flipped bit in every word of the proof: commitments, evaluations, opening points.
    function test_revert_everyWordOfTheProofFlipped() public {
        uint256 words = proof.length / 32;
        assertGe(words, 16);
        for (uint256 i = 0; i < words; i++) {
            _expectInvalid(publicValues, withWord(proof, i, wordAt(proof, i) ^ 1));
        }
    }

    function test_revert_topBitsFlipped() public {
        uint256 words = proof.length / 32;
        for (uint256 i = 0; i < words; i += words / 16) {
            _expectInvalid(publicValues, withWord(proof, i, wordAt(proof, i) ^ (1 << 255)));
        }
    }

    /// @dev A point replaced by its negative is a point, so this gets as far as the pairing.
    function test_revert_negatedPoints() public {
        uint256 q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
        uint256 words = proof.length / 32;
        // The first commitment and the last opening point.
        _expectInvalid(publicValues, withWord(proof, 1, q - wordAt(proof, 1)));
        _expectInvalid(publicValues, withWord(proof, words - 1, q - wordAt(proof, words - 1)));
    }

    function test_revert_truncatedProof() public {
        uint256 words = proof.length / 32;
        for (uint256 i = 0; i < words; i += words / 8) {
            _expectInvalid(publicValues, truncated(proof, 32 * i));
        }
        _expectInvalid(publicValues, truncated(proof, proof.length - 32));
    }

    function test_revert_extendedProof() public {
        _expectInvalid(publicValues, bytes.concat(proof, new bytes(32)));
        _expectInvalid(publicValues, bytes.concat(proof, proof));
        _expectInvalid(publicValues, bytes.concat(new bytes(32), proof));
    }

    function test_revert_zeroProof() public {
        _expectInvalid(publicValues, new bytes(proof.length));
    }

    function test_revert_everyInstanceChanged() public {
        uint256 n = publicValues.length / 32;
        for (uint256 i = 0; i < n; i++) {
            int256 value = int256(wordAt(publicValues, i));
            _expectInvalid(withWord(publicValues, i, uint256(value + 1)), proof);
            _expectInvalid(withWord(publicValues, i, uint256(value == 0 ? int256(7) : -value)), proof);
        }
    }

    function test_revert_otherNumberOfInstances() public {
        _expectInvalid("", proof);
        _expectInvalid(truncated(publicValues, publicValues.length - 32), proof);
        _expectInvalid(bytes.concat(publicValues, new bytes(32)), proof);
    }

    function testFuzz_revert_flippedBit(uint256 index, uint256 bit) public {
        index = bound(index, 0, proof.length / 32 - 1);
        bit = bound(bit, 0, 255);
        _expectInvalid(publicValues, withWord(proof, index, wordAt(proof, index) ^ (1 << bit)));
    }

    /// @dev Nobody can make a submitter's transaction expensive by handing over a bad proof.
    function test_badProofsCostNoMoreThanAGoodOne() public view {
        uint256 good = this.gasOf(publicValues, proof, true);
        for (uint256 i = 0; i < proof.length / 32; i++) {
            uint256 bad = this.gasOf(publicValues, withWord(proof, i, wordAt(proof, i) ^ 1), false);
            assertLe(bad, good + good / 50, vm.toString(i));
        }
        for (uint256 i = 0; i < publicValues.length / 32; i++) {
            uint256 bad = this.gasOf(withWord(publicValues, i, 12345), proof, false);
            assertLe(bad, good + good / 50, vm.toString(i));
        }
    }

    /// @dev Too little gas looks like a bad proof. So nobody may take ProofInvalid for evidence.
    function test_revert_validProofWithTooLittleGas() public {
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        adapter.verify{gas: 250_000}(keyOf(verifier), 0, publicValues, proof);
    }

    /* SUCCESS */

    function test_accepts() public view {
        adapter.verify{gas: VERIFY_GAS}(keyOf(verifier), 0, publicValues, proof);
    }

    /// @dev Nothing of the key but the code is read, and no context is bound: that is what `bindsStatement` says.
    function testFuzz_acceptsForEveryContext(bytes32 id, bytes32 context, bytes32 vk, bytes32 schema_, bytes32 srs)
        public
        view
    {
        adapter.verify{gas: VERIFY_GAS}(ModelKey(id, verifier, vk, schema_, srs), context, publicValues, proof);
        assertFalse(adapter.bindsStatement());
    }

    /// @dev The call data are the standard encoding of the instances that the plain reference gives.
    function testFuzz_callDataAreTheStandardEncoding(int256[] memory values, bytes32[] memory proofWords) public {
        for (uint256 i = 0; i < values.length; i++) {
            values[i] = bound(values[i], -MAX_VALUE, MAX_VALUE);
        }
        bytes memory packed = abi.encodePacked(values);
        _expectCallData(packed, abi.encodePacked(proofWords));
    }

    function test_endsOfTheRange() public {
        bytes memory packed = abi.encode(MAX_VALUE, -MAX_VALUE, int256(0), int256(-1), int256(1));
        uint256[] memory instances = instancesOf(packed);
        assertEq(instances[0], ORDER / 2);
        assertEq(instances[1], ORDER / 2 + 1);
        assertEq(instances[3], ORDER - 1);
        _expectCallData(packed, proof);
    }

    /// @dev The vectors that Rust is held to as well.
    function test_fieldMapVectors() public {
        string memory json = vm.readFile("tests/fixtures/identities.json");
        address accepts = address(new Answer(abi.encode(true)));
        uint256 n;
        for (; vm.keyExistsJson(json, _element(".ezklElements", n, "")); n++) {
            bytes memory word = vm.parseJsonBytes(json, _element(".ezklElements", n, ".word"));
            uint256[] memory instances = new uint256[](1);
            instances[0] = uint256(vm.parseJsonBytes32(json, _element(".ezklElements", n, ".instance")));
            vm.expectCall(accepts, abi.encodeWithSignature("verifyProof(bytes,uint256[])", proof, instances));
            adapter.verify(keyOf(accepts), 0, word, proof);
        }
        assertGt(n, 0);
        for (n = 0; vm.keyExistsJson(json, _element(".ezklRefused", n, "")); n++) {
            bytes memory word = vm.parseJsonBytes(json, _element(".ezklRefused", n, ".word"));
            vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, 0));
            adapter.verify(keyOf(accepts), 0, word, proof);
        }
        assertGt(n, 0);
    }

    /// @dev The id of the adapter is the same on every chain and for every deployer.
    function test_codeHashIsIndependentOfTheDeployment() public {
        vm.chainId(10);
        vm.prank(ALICE);
        address other = deployCode("EzklAdapter.sol:EzklAdapter");
        assertNotEq(other, address(adapter));
        assertEq(other.codehash, address(adapter).codehash);
    }

    function test_name() public view {
        assertEq(adapter.name(), "ezkl");
    }

    /* HELPERS */

    /// @dev Called from outside, so that each measurement begins with fresh memory.
    function gasOf(bytes calldata values, bytes calldata proof_, bool valid) external view returns (uint256 used) {
        bytes memory data = abi.encodeCall(IVerifierAdapter.verify, (keyOf(verifier), 0, values, proof_));
        used = gasleft();
        (bool success,) = address(adapter).staticcall{gas: VERIFY_GAS}(data);
        used -= gasleft();
        assertEq(success, valid);
    }

    function _expectInvalid(bytes memory values, bytes memory proof_) private {
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        adapter.verify{gas: VERIFY_GAS}(keyOf(verifier), 0, values, proof_);
    }

    function _expectNotAccepted(address modelCode) private {
        vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
        adapter.verify(keyOf(modelCode), 0, publicValues, proof);
    }

    function _expectCallData(bytes memory values, bytes memory proof_) private {
        address accepts = address(new Answer(abi.encode(true)));
        bytes memory data = abi.encodeWithSignature("verifyProof(bytes,uint256[])", proof_, instancesOf(values));
        vm.expectCall(accepts, data);
        adapter.verify(keyOf(accepts), 0, values, proof_);
    }

    function _element(string memory list, uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "]", field);
    }
}
