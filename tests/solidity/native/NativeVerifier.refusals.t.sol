// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NativeTest} from "./NativeTest.sol";

/// @notice Nothing but the proof of the statement is accepted.
contract NativeVerifierRefusalsTest is NativeTest {
    bytes private invalid = abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector);

    /* THE PROOF */

    /// @dev Every word of every vector with public sides, plus one.
    function test_everyWordPlusOne() public {
        _everyWordPlusOne(0, 8);
    }

    /// @dev And with committed ones. (The long batches are too much gas for one test.)
    function test_everyCommittedWordPlusOne() public {
        _everyWordPlusOne(8, 12);
    }

    /// @dev And of models that need more powers than come with zkinfer.
    function test_everyWordOfLargeModelsPlusOne() public {
        if (!onTestSrs()) return;
        _everyWordPlusOne(12, 14);
        _everyWordPlusOne(15, 16);
    }

    function _everyWordPlusOne(uint256 first, uint256 end) private {
        string[] memory list = names();
        for (uint256 i = first; i < end; i++) {
            Vector memory v = load(list[i]);
            for (uint256 offset = 0; offset < v.proof.length; offset += 32) {
                uint256 word = wordAt(v.proof, offset);
                setWord(v.proof, offset, word + 1);
                bytes memory data = refusal(v);
                if (_isPoint(v, offset)) {
                    // A coordinate plus one is on the curve with probability 0, as far as anybody can see.
                    assertEq(data, abi.encodeWithSelector(INativeVerifier.PointInvalid.selector, _pointOf(v, offset)));
                } else {
                    assertEq(data, invalid);
                }
                setWord(v.proof, offset, word);
            }
            verify(v);
        }
    }

    /// @dev Every point of a vector, replaced by other points: the identity, the generator, its own double, its negative.
    function test_everyPointByAnother() public {
        string[4] memory list = ["single", "saturating-two-level", "64-128-64-10", "committed-saturating-two-level"];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            for (uint256 offset = 0; offset < v.proof.length; offset += 32) {
                if (!_isPoint(v, offset) || _pointOf(v, offset) != offset) continue;
                uint256 x = wordAt(v.proof, offset);
                uint256 y = wordAt(v.proof, offset + 32);
                (uint256 x2, uint256 y2) = _double(x, y);
                _expectInvalid(v, offset, 0, 0);
                _expectInvalid(v, offset, 1, 2);
                _expectInvalid(v, offset, x2, y2);
                _expectInvalid(v, offset, x, FIELD - y);
                setWord(v.proof, offset, x);
                setWord(v.proof, offset + 32, y);
            }
            verify(v);
        }
    }

    /// @dev Every scalar has one encoding.
    function test_everyScalarPlusOrder() public {
        Vector memory v = load("saturating-two-level");
        for (uint256 offset = 0; offset < v.proof.length; offset += 32) {
            if (_isPoint(v, offset)) continue;
            uint256 word = wordAt(v.proof, offset);
            uint256[4] memory values = [word + ORDER, ORDER, ORDER + 1, type(uint256).max];
            for (uint256 i = 0; i < values.length; i++) {
                setWord(v.proof, offset, values[i]);
                expectRefusal(v, abi.encodeWithSelector(INativeVerifier.ScalarOutOfRange.selector, offset));
            }
            setWord(v.proof, offset, word);
        }
    }

    /// @dev Every coordinate has one encoding, and there is one identity.
    function test_everyCoordinatePlusField() public {
        Vector memory v = load("saturating-two-level");
        for (uint256 offset = 0; offset < v.proof.length; offset += 32) {
            if (!_isPoint(v, offset)) continue;
            uint256 word = wordAt(v.proof, offset);
            bytes memory data = abi.encodeWithSelector(INativeVerifier.PointInvalid.selector, _pointOf(v, offset));
            uint256[5] memory values = [word + FIELD, FIELD, type(uint256).max, word ^ 2, 0];
            for (uint256 i = 0; i < values.length; i++) {
                setWord(v.proof, offset, values[i]);
                expectRefusal(v, data);
            }
            setWord(v.proof, offset, word);
        }
        // (0, q) and (q, 0) and (q, q) are no identity.
        uint256[6] memory pairs = [0, FIELD, FIELD, 0, FIELD, FIELD];
        for (uint256 i = 0; i < 6; i += 2) {
            setWord(v.proof, 0, pairs[i]);
            setWord(v.proof, 32, pairs[i + 1]);
            expectRefusal(v, abi.encodeWithSelector(INativeVerifier.PointInvalid.selector, 0));
        }
    }

    /// @dev A proof whose points are all the identity and whose scalars are all 0 is well-formed, and every factor is defined for it.
    function test_zeros() public {
        Vector memory v = load("single");
        v.proof = new bytes(v.proof.length);
        expectRefusal(v, invalid);
    }

    function test_otherProofLengths() public {
        Vector memory v = load("single");
        bytes memory proof = v.proof;
        uint256[6] memory lengths =
            [0, 1, proof.length - 64, proof.length - 32, proof.length - 1, uint256(proof.length / 2)];
        for (uint256 i = 0; i < lengths.length; i++) {
            v.proof = truncated(proof, lengths[i]);
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, lengths[i]));
        }
        uint256[5] memory more = [uint256(1), 31, 32, 64, 96];
        for (uint256 i = 0; i < more.length; i++) {
            v.proof = bytes.concat(proof, new bytes(more[i]));
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, proof.length + more[i]));
        }
    }

    /// @dev The proof of another statement of the same model, or of another model.
    function test_otherProofs() public {
        Vector memory v = load(onTestSrs() ? "256-512-256-10" : "batch");
        v.proof = load(onTestSrs() ? "256-512-256-10-two-level" : "saturating-two-level").proof;
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, v.proof.length));
        v = load("64-128-64-10");
        v.proof = load("64-32-10").proof;
        // The same layout: the same length.
        expectRefusal(v, invalid);
    }

    /* THE STATEMENT */

    /// @dev Every byte of the public values.
    function test_everyPublicByte() public {
        string[3] memory list = ["single", "64-128-64-10", "batch"];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            for (uint256 k = 0; k < v.publicValues.length; k++) {
                for (uint256 j = 0; j < v.publicValues[k].length; j++) {
                    bytes1 old = v.publicValues[k][j];
                    v.publicValues[k][j] = old ^ 0x01;
                    expectRefusal(v, invalid);
                    v.publicValues[k][j] = old;
                }
            }
            verify(v);
        }
    }

    function test_otherPublicLengths() public {
        Vector memory v = load("single");
        bytes memory values = v.publicValues[0];
        uint256[4] memory lengths = [0, 1, values.length - 8, values.length - 1];
        for (uint256 i = 0; i < lengths.length; i++) {
            v.publicValues[0] = truncated(values, lengths[i]);
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, lengths[i]));
        }
        v.publicValues[0] = bytes.concat(values, hex"00");
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, values.length + 1));
    }

    function test_otherModelId() public {
        Vector memory v = load("single");
        v.model.modelId ^= bytes32(uint256(1));
        expectRefusal(v, invalid);
    }

    function test_otherContextId() public {
        string[2] memory list = ["single", "batch"];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            for (uint256 k = 0; k < v.contextIds.length; k++) {
                v.contextIds[k] ^= bytes32(uint256(1));
                expectRefusal(v, invalid);
                v.contextIds[k] ^= bytes32(uint256(1));
            }
            verify(v);
        }
    }

    /// @dev The schema hash is part of the model id and of nothing else here.
    function test_schemaHashIsNotRead() public {
        Vector memory v = load("single");
        v.model.schemaHash = keccak256("any");
        verify(v);
    }

    /* COMMITTED SIDES */

    /// @dev Every byte of the public values of committed models: a point that is none, or another statement.
    function test_everyCommittedByte() public {
        string[4] memory list =
            ["committed-inputs", "committed-outputs", "committed-batch", "committed-saturating-two-level"];
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            for (uint256 k = 0; k < v.publicValues.length; k++) {
                for (uint256 j = 0; j < v.publicValues[k].length; j++) {
                    bytes1 old = v.publicValues[k][j];
                    v.publicValues[k][j] = old ^ 0x01;
                    uint256 point = _committedAt(v, j);
                    expectRefusal(
                        v,
                        point == type(uint256).max
                            ? invalid
                            : abi.encodeWithSelector(INativeVerifier.CommitmentInvalid.selector, point)
                    );
                    v.publicValues[k][j] = old;
                }
            }
            verify(v);
        }
    }

    /// @dev Every commitment, replaced by other points, and by encodings that are not canonical.
    function test_everyCommitmentByAnother() public {
        Vector memory v = load("committed-batch");
        for (uint256 k = 0; k < v.publicValues.length; k++) {
            for (uint256 at = 0; at < 128; at += 64) {
                bytes memory values = v.publicValues[k];
                uint256 x = wordAt(values, at);
                uint256 y = wordAt(values, at + 32);
                (uint256 x2, uint256 y2) = _double(x, y);
                uint256[8] memory others = [0, 0, 1, 2, x2, y2, x, FIELD - y];
                for (uint256 i = 0; i < others.length; i += 2) {
                    setWord(values, at, others[i]);
                    setWord(values, at + 32, others[i + 1]);
                    expectRefusal(v, invalid);
                }
                uint256[8] memory aliases = [x + FIELD, y, x, y + FIELD, 0, FIELD, FIELD, 0];
                for (uint256 i = 0; i < aliases.length; i += 2) {
                    setWord(values, at, aliases[i]);
                    setWord(values, at + 32, aliases[i + 1]);
                    expectRefusal(v, abi.encodeWithSelector(INativeVerifier.CommitmentInvalid.selector, at));
                }
                setWord(values, at, x);
                setWord(values, at + 32, y);
            }
        }
        verify(v);
    }

    /// @dev A side is committed or public, as the key says: the lengths differ.
    function test_committedLengths() public {
        Vector memory v = load("committed-inputs");
        bytes memory values = v.publicValues[0];
        // d_0 = 4, d_L = 3
        assertEq(values.length, 64 + 24);
        uint256[4] memory lengths = [0, 8 + 24, 64, values.length - 1];
        for (uint256 i = 0; i < lengths.length; i++) {
            v.publicValues[0] = truncated(values, lengths[i]);
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, lengths[i]));
        }
        v.publicValues[0] = values;
        v.proof = load("single").proof;
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, v.proof.length));
        // The same dimensions and the same length of the proof, with the other side committed.
        v = load("committed-outputs");
        v.proof = load("committed-inputs").proof;
        expectRefusal(v, invalid);
    }

    /// @dev Where the point is that the byte `j` of the public values belongs to, if it belongs to one.
    function _committedAt(Vector memory v, uint256 j) private pure returns (uint256) {
        uint256 flags = uint8(v.vk[2]);
        // d_0 < 256 in the vectors that this is used with.
        uint256 middle = flags & 2 != 0 ? 64 : 2 * uint256(uint8(v.vk[9]));
        if (j < middle) return flags & 2 != 0 ? 0 : type(uint256).max;
        return flags & 4 != 0 ? middle : type(uint256).max;
    }

    /* BATCHES */

    function test_batchInAnotherOrder() public {
        Vector memory v = load("batch");
        (v.contextIds[0], v.contextIds[1]) = (v.contextIds[1], v.contextIds[0]);
        expectRefusal(v, invalid);
        (v.publicValues[0], v.publicValues[1]) = (v.publicValues[1], v.publicValues[0]);
        expectRefusal(v, invalid);
    }

    /// @dev A batch of 3 and one of 4 have proofs of one length.
    function test_batchWithOneMore() public {
        Vector memory v = load("batch");
        bytes32[] memory contextIds = new bytes32[](4);
        bytes[] memory publicValues = new bytes[](4);
        for (uint256 k = 0; k < 4; k++) {
            contextIds[k] = v.contextIds[k % 3];
            publicValues[k] = v.publicValues[k % 3];
        }
        v.contextIds = contextIds;
        v.publicValues = publicValues;
        expectRefusal(v, invalid);
    }

    function test_batchSizes() public {
        Vector memory v = load("batch");
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 0));
        verifier.verifyBatch(v.model, new bytes32[](0), new bytes[](0), v.proof);
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 3));
        verifier.verifyBatch(v.model, new bytes32[](2), v.publicValues, v.proof);
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 2));
        verifier.verifyBatch(v.model, v.contextIds, new bytes[](2), v.proof);

        bytes32[] memory contextIds = new bytes32[](4097);
        bytes[] memory publicValues = new bytes[](4097);
        for (uint256 k = 0; k < 4097; k++) {
            publicValues[k] = v.publicValues[0];
        }
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 4097));
        verifier.verifyBatch(v.model, contextIds, publicValues, v.proof);
    }

    function test_batchProofForASingle() public {
        Vector memory v = load("batch");
        vm.expectRevert(abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, v.proof.length));
        verifier.verify(v.model, v.contextIds[0], v.publicValues[0], v.proof);
    }

    /* INTERNAL */

    function _expectInvalid(Vector memory v, uint256 offset, uint256 x, uint256 y) private view {
        setWord(v.proof, offset, x);
        setWord(v.proof, offset + 32, y);
        expectRefusal(v, invalid);
    }

    function _double(uint256 x, uint256 y) private view returns (uint256, uint256) {
        (bool success, bytes memory sum) = address(6).staticcall(abi.encode(x, y, x, y));
        require(success);
        return abi.decode(sum, (uint256, uint256));
    }

    /// @dev Where points are in the proof, from the lengths of §6, independently of the contract.
    function _isPoint(Vector memory v, uint256 offset) private pure returns (bool) {
        return _pointOf(v, offset) != type(uint256).max;
    }

    /// @dev The offset of the point that the word at `offset` belongs to.
    function _pointOf(Vector memory v, uint256 offset) private pure returns (uint256) {
        uint256 flags = uint8(v.vk[2]);
        uint256 ell = flags & 1 == 0 ? 6 : 9;
        uint256 t = v.vk[3] == 0 ? 1 : 2;
        // Committed sides: two points, one evaluation and two responses each.
        uint256 sides = (flags >> 1 & 1) + (flags >> 2 & 1);
        // l from the length of the proof: 64 (2(ell+1) + 4 + t + 2 + (l-4) + 2) + 32 (1 + 3l + 2ell+7 + 8 + 2(l-3) + t + 2)
        uint256 l = (v.proof.length - 64 * (2 * ell + 6 + t) - 32 * (2 * ell + 12 + t) - sides * 224) / (64 + 160);
        uint256[3] memory from;
        uint256[3] memory to;
        to[0] = 64 * (2 * ell + 8 + t + 2 * sides);
        from[1] = to[0] + 32 * (1 + 3 * l + 2 * ell + 7 + sides);
        to[1] = from[1] + 64 * (l - 4);
        from[2] = to[1] + 32 * (8 + 2 * (l - 3));
        to[2] = from[2] + 128;
        for (uint256 i = 0; i < 3; i++) {
            if (offset >= from[i] && offset < to[i]) return from[i] + (offset - from[i]) / 64 * 64;
        }
        return type(uint256).max;
    }
}

/// @notice The same on the TEST SRS.
contract NativeTestVerifierRefusalsTest is NativeVerifierRefusalsTest {
    function onTestSrs() internal pure override returns (bool) {
        return true;
    }
}
