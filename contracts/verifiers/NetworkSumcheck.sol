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
    ) external view returns (Reduced memory reduced) {
        if (modulus != R) revert IVerifierAdapter.ProofInvalid();
        // V1
        Program memory p = NetworkProgram.load(_copy(program), program.length);
        Shape memory s = NetworkShape.shape(p, samples, logRows2);
        if (values.length != samples * p.stride) revert IVerifierAdapter.PublicValuesLength(values.length);
        uint256 valuesAt = _copy(values);
        _checkValues(p, s, valuesAt, reduced);
        Proof memory layout = NetworkShape.layOut(s, _copy(proof));
        NetworkShape.check(layout, proof.length);

        // V2
        Challenges memory c = NetworkTranscript.challenges(digest, id, valuesAt, values.length, layout);
        if (c.x < 2 || c.x == order() - 1 || c.alpha == 0 || c.chi == 0 || c.theta == 0) {
            revert IVerifierAdapter.ProofInvalid();
        }
        // V3 and V4
        if (!NetworkSummand.check(p, s, layout, c, valuesAt)) revert IVerifierAdapter.ProofInvalid();
        _leave(reduced, s, c);
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
    function _checkValues(Program memory p, Shape memory s, uint256 values, Reduced memory reduced) private pure {
        unchecked {
            Samples memory k;
            (k.values, k.samples) = (values, s.samples);
            (bool valid, uint256 index) = NetworkTerms.checkRanges(p, k);
            if (!valid) revert IVerifierAdapter.ValueOutOfRange(index);
            reduced.logPorts = new uint256[](p.committed);
            reduced.offsets = new uint256[](p.committed);
            uint256 next;
            for (uint256 i = 0; i < p.portCount; i++) {
                uint256 port = p.ports + 256 * i;
                if (port.word(0) & NetworkProgram.COMMITTED == 0) continue;
                uint256 offset = port.word(3);
                (reduced.logPorts[next], reduced.offsets[next]) = (port.word(6), offset);
                next++;
                for (uint256 j = 0; j < s.samples; j++) {
                    uint256 at = values + j * p.stride + offset;
                    if (!Bn254.isPoint(at.word(0), at.word(1))) revert INativeVerifier.CommitmentInvalid(offset);
                }
            }
        }
    }

    function _leave(Reduced memory reduced, Shape memory s, Challenges memory c) private pure {
        unchecked {
            reduced.shape = s;
            (reduced.alpha, reduced.beta, reduced.gamma, reduced.chi) = (c.alpha, c.beta, c.gamma, c.chi);
            (reduced.mu, reduced.lambda, reduced.theta, reduced.psi) = (c.mu, c.lambda, c.theta, c.psi);
            (reduced.zeta, reduced.schnorr, reduced.rho) = (c.zeta, c.schnorr, c.rho);
            (reduced.x, reduced.eta, reduced.z, reduced.delta) = (c.x, c.eta, c.z, c.delta);
            (reduced.xi, reduced.point) = (_list(c.xi, s.variables), _list(c.point, s.variables));
        }
    }

    function _list(uint256 at, uint256 count) private pure returns (uint256[] memory list) {
        list = new uint256[](count);
        assembly ("memory-safe") {
            mcopy(add(list, 0x20), at, shl(5, count))
        }
    }
}
