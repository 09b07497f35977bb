// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../interfaces/INativeVerifier.sol";
import {INetworkSumcheck, Reduced} from "../interfaces/INetworkSumcheck.sol";
import {IVerifierAdapter} from "../interfaces/IVerifierAdapter.sol";
import {Bn254, R} from "../libraries/native/Bn254.sol";
import {Proof} from "../libraries/native/NativeProof.sol";
import {NetworkMemory, order} from "../libraries/network/NetworkMemory.sol";
import {NetworkProgram, Program} from "../libraries/network/NetworkProgram.sol";
import {NetworkShape, Shape} from "../libraries/network/NetworkShape.sol";
import {NetworkSummand} from "../libraries/network/NetworkSummand.sol";
import {NetworkTerms, Samples} from "../libraries/network/NetworkTerms.sol";
import {Challenges, NetworkTranscript} from "../libraries/network/NetworkTranscript.sol";

/// @title NetworkSumcheck
/// @notice The part of `NetworkVerifier` that reads programs. One code for every SRS and every model, with no state.
/// @dev A program is read twice: up to its ports, from which the lengths of public values and proof follow, and, when challenges and r are
/// known, again from its kinds on. Every rule of docs/protocol-networks.md, N1, is checked on the way, before a result is used for anything.
contract NetworkSumcheck is INetworkSumcheck {
    using NetworkMemory for uint256;

    /// @dev Bytes of a shape, and of the challenges but for xi and r; and where the first list begins in the encoding of `Reduced`.
    uint256 private constant SHAPE = 0x180;
    uint256 private constant CHALLENGES = 0x1e0;
    uint256 private constant LISTS = 0x3e0;

    /// @inheritdoc INetworkSumcheck
    function reduce(
        uint256 modulus,
        bytes32 digest,
        bytes32 id,
        uint256 samples,
        uint256 logRows2,
        bytes calldata values,
        bytes calldata program,
        bytes calldata proof
    ) external view returns (Reduced memory) {
        if (modulus != R) revert IVerifierAdapter.ProofInvalid();
        // V1
        Program memory p = NetworkProgram.load(_copy(program), program.length);
        Shape memory s = NetworkShape.shape(p, samples, logRows2);
        if (values.length != samples * p.stride) revert IVerifierAdapter.PublicValuesLength(values.length);
        uint256 valuesAt = _copy(values);
        _checkValues(p, s, valuesAt);
        Proof memory layout = NetworkShape.layOut(s, _copy(proof));
        NetworkShape.check(layout, proof.length);

        // V2
        Challenges memory c = NetworkTranscript.challenges(digest, id, valuesAt, values.length, layout);
        if (c.x < 2 || c.x == order() - 1 || c.alpha == 0 || c.chi == 0 || c.theta == 0) {
            revert IVerifierAdapter.ProofInvalid();
        }
        // V3 and V4
        if (!NetworkSummand.check(p, s, layout, c, valuesAt)) revert IVerifierAdapter.ProofInvalid();
        _leave(p, s, c);
    }

    /* INTERNAL */

    /// @dev A copy in memory, with two words in front of it and at least one after it.
    function _copy(bytes calldata data) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(mload(0x40), 0x40)
            calldatacopy(at, data.offset, data.length)
            mstore(0x40, and(add(add(at, data.length), 0x5f), not(0x1f)))
        }
    }

    /// @dev V1: elements of public ports are in their ranges, those of committed ones are points.
    function _checkValues(Program memory p, Shape memory s, uint256 values) private pure {
        unchecked {
            Samples memory k;
            (k.values, k.samples) = (values, s.samples);
            (bool valid, uint256 index) = NetworkTerms.checkRanges(p, k);
            if (!valid) revert IVerifierAdapter.ValueOutOfRange(index);
            if (p.committed == 0) return;
            for (uint256 i = 0; i < p.portCount; i++) {
                uint256 port = p.ports + 256 * i;
                if (port.word(0) & NetworkProgram.COMMITTED == 0) continue;
                uint256 offset = port.word(3);
                for (uint256 j = 0; j < s.samples; j++) {
                    uint256 at = values + j * p.stride + offset;
                    if (!Bn254.isPoint(at.word(0), at.word(1))) revert INativeVerifier.CommitmentInvalid(offset);
                }
            }
        }
    }

    /// @dev Returns `Reduced` to the caller: its encoding is the shape and the challenges as they are, and four lists.
    function _leave(Program memory p, Shape memory s, Challenges memory c) private pure {
        unchecked {
            uint256 start = NetworkMemory.words(LISTS / 32 + 2 * s.variables + 2 * p.committed + 5);
            start.put(0, 32);
            uint256 head = start + 32;
            assembly ("memory-safe") {
                mcopy(head, s, SHAPE)
                mcopy(add(head, SHAPE), c, CHALLENGES)
            }
            uint256 place = head + SHAPE + CHALLENGES;
            uint256 list = head + LISTS;
            list = _list(head, place, list, s.variables);
            _copyWords(list - 32 * s.variables, c.xi, s.variables);
            list = _list(head, place + 32, list, s.variables);
            _copyWords(list - 32 * s.variables, c.point, s.variables);
            list = _list(head, place + 64, list, p.committed);
            list = _list(head, place + 96, list, p.committed);
            uint256 at = list;
            for (uint256 i = p.committed == 0 ? 0 : p.portCount; i > 0; i--) {
                uint256 port = p.ports + 256 * (i - 1);
                if (port.word(0) & NetworkProgram.COMMITTED == 0) continue;
                at -= 32;
                at.put(0, port.word(3));
                (at - 32 * (p.committed + 1)).put(0, port.word(6));
            }
            assembly ("memory-safe") {
                return(start, sub(list, start))
            }
        }
    }

    /// @dev The head of a list of `count` words at `list`, whose offset is at `place`. Returns where the list ends.
    function _list(uint256 head, uint256 place, uint256 list, uint256 count) private pure returns (uint256) {
        unchecked {
            place.put(0, list - head);
            list.put(0, count);
            return list + 32 + 32 * count;
        }
    }

    function _copyWords(uint256 to, uint256 from, uint256 count) private pure {
        assembly ("memory-safe") {
            mcopy(to, from, shl(5, count))
        }
    }
}
