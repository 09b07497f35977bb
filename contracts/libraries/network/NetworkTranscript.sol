// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Proof} from "../native/NativeProof.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";

/// @notice All challenges of a proof, under the names of docs/protocol-networks.md, N5.
/// @param schnorr c_D.
/// @param xi Where xi_0 .. xi_{l-1} are in memory.
/// @param point Where r_0 .. r_{l-1} are in memory.
struct Challenges {
    uint256 alpha;
    uint256 beta;
    uint256 gamma;
    uint256 chi;
    uint256 mu;
    uint256 lambda;
    uint256 theta;
    uint256 psi;
    uint256 zeta;
    uint256 schnorr;
    uint256 rho;
    uint256 x;
    uint256 eta;
    uint256 z;
    uint256 delta;
    uint256 xi;
    uint256 point;
}

/// @title NetworkTranscript
/// @notice The transcript (docs/protocol.md, §4; docs/protocol-networks.md, N5). Every message is absorbed before any challenge that follows
/// it is drawn, in the order of the proof, and every message is hashed where it is: what lies between two places in the proof is one message.
library NetworkTranscript {
    using NetworkMemory for uint256;

    /* CONSTANTS */

    /// @dev The first state.
    bytes32 private constant START = keccak256("zkinfer/native/v2");

    /* CHALLENGES */

    /// @notice Draws all challenges (V2).
    /// @param digest vkd.
    /// @param id sid.
    /// @param values Where the public values of all samples are; the two words in front of them are written.
    /// @param length Their length in bytes.
    function challenges(bytes32 digest, bytes32 id, uint256 values, uint256 length, Proof memory proof)
        internal
        pure
        returns (Challenges memory c)
    {
        unchecked {
            c.xi = NetworkMemory.words(proof.variables);
            c.point = NetworkMemory.words(proof.variables);
            uint256 state = _bind(digest, proof.samples, id, values, length);

            // M1
            state = _next(_absorb(state, proof.limbPoints, proof.sumPoints));
            c.alpha = state % order();
            state = _next(state);
            c.beta = state % order();
            state = _next(state);
            c.gamma = state % order();
            state = _next(state);
            c.chi = state % order();
            state = _next(state);
            c.mu = state % order();

            // M2
            state = _next(_absorb(state, proof.sumPoints, proof.rounds));
            c.lambda = state % order();
            state = _next(state);
            c.theta = state % order();
            state = _next(state);
            c.psi = state % order();
            state = _next(state);
            c.zeta = state % order();
            state = _next(state);
            c.schnorr = state % order();
            for (uint256 i = 0; i < proof.variables; i++) {
                state = _next(state);
                c.xi.put(i, state % order());
            }

            // M3: one message per round.
            for (uint256 i = 0; i < proof.variables; i++) {
                uint256 round = proof.rounds + 96 * i;
                state = _next(_absorb(state, round, round + 96));
                c.point.put(i, state % order());
            }

            // M4
            state = _next(_absorb(state, proof.evals, proof.foldPoints));
            c.rho = state % order();

            // M5
            state = _next(_absorb(state, proof.foldPoints, proof.foldValues));
            c.x = state % order();

            // M6
            state = _next(_absorb(state, proof.foldValues, proof.opening));
            c.eta = state % order();

            // M7: pi_1, then pi_2 with the responses.
            state = _next(_absorb(state, proof.opening, proof.opening + 64));
            c.z = state % order();
            state = _next(_absorb(state, proof.opening + 64, proof.end));
            c.delta = state % order();
        }
    }

    /* INTERNAL */

    /// @dev Binds the key, the number of samples, the statement id and the public values. The two words in front of the public values are
    /// written, the first being the state and the second the length.
    function _bind(bytes32 digest, uint256 samples, bytes32 id, uint256 values, uint256 length)
        private
        pure
        returns (uint256 state)
    {
        state = uint256(keccak256(abi.encode(START, digest, samples, id)));
        assembly ("memory-safe") {
            mstore(sub(values, 0x20), length)
            mstore(sub(values, 0x40), state)
            state := keccak256(sub(values, 0x40), add(length, 0x40))
        }
    }

    /// @dev The state after the message from `from` to `to`: keccak256(state || message). The word in front of the message gives way to
    /// the state for as long as that takes.
    function _absorb(uint256 state, uint256 from, uint256 to) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            let start := sub(from, 0x20)
            let saved := mload(start)
            mstore(start, state)
            result := keccak256(start, sub(to, start))
            mstore(start, saved)
        }
    }

    /// @dev The state after drawing a challenge: keccak256(state || 0x01). The challenge is the new state modulo R.
    function _next(uint256 state) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            mstore(0x00, state)
            mstore8(0x20, 0x01)
            result := keccak256(0x00, 0x21)
        }
    }
}
