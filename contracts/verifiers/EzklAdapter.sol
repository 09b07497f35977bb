// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter, ModelKey} from "../interfaces/IVerifierAdapter.sol";

/// @title EzklAdapter
/// @notice Verifies proofs of EZKL models with the Solidity verifier that EZKL generates for each of them (plain, not reusable).
/// @dev The verifying key and the points of the SRS are constants in the code of that verifier, so the code hash in the model id is what
/// binds them. `vkDigest`, `schemaHash` and `srsId` of the key are not read: they name what an auditor compares the code with.
///
/// Public values are `int256` words, big-endian, one per instance. The verifier checks their number.
///
/// Gas. The verifiers that EZKL 23.0.5 generates check every point and scalar before they use one, so a bad proof costs no more than a
/// good one (the tests measure it). Nothing here relies on that: code that hands an invalid point to a precompile loses all the gas it
/// forwards, so another verifier may cost the sender the whole gas limit but for the 1/64 that each caller keeps, which is what this
/// contract reverts with. There is no cap on the call: a cap would have to foresee every repricing of the precompiles, and would turn
/// valid proofs into invalid ones when it fails to.
///
/// No immutables: the code hash, which is the adapter's id, is the same on every chain.
contract EzklAdapter is IVerifierAdapter {
    /* CONSTANTS */

    /// @dev The order of BN254's scalar field, r.
    uint256 private constant ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev (r - 1) / 2, the greatest value of an element. The least is its negative.
    uint256 private constant MAX_VALUE = 10944121435919637611123202872628637544274182200208017171849102093287904247808;

    /// @dev The selector of verifyProof(bytes,uint256[]).
    uint256 private constant VERIFY_PROOF = 0x1e8e1e13;

    /* VERIFICATION */

    /// @inheritdoc IVerifierAdapter
    function verify(ModelKey calldata model, bytes32, bytes calldata publicValues, bytes calldata proof) external view {
        // A call to an address without code succeeds.
        if (model.modelCode.code.length == 0) revert NoCode(model.modelCode);
        if (publicValues.length % 32 != 0) revert PublicValuesLength(publicValues.length);
        // The encoding below has no padding after the proof.
        if (proof.length % 32 != 0) revert ProofLength(proof.length);

        _verifyProof(model.modelCode, publicValues, proof);
    }

    /// @inheritdoc IVerifierAdapter
    function bindsStatement() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IVerifierAdapter
    function name() external pure returns (string memory) {
        return "ezkl";
    }

    /* INTERNAL */

    /// @dev Calls verifyProof(proof, instances) and reverts unless it returns exactly the word 1. The call data are laid out here, with
    /// the offsets of the standard encoding, and never taken from a caller: the verifier reads the values that were hashed into the
    /// statement. Generated verifiers report failure by reverting with empty data; anything else but the word 1 is no acceptance either.
    ///
    /// The call is static although verifyProof is not declared view: generated verifiers write no state.
    ///
    /// Both lengths have to be multiples of 32.
    function _verifyProof(address verifier, bytes calldata publicValues, bytes calldata proof) private view {
        // Index + 1 of the first element that is out of range.
        uint256 outOfRange;
        bool accepted;

        assembly ("memory-safe") {
            // The call data are built in free memory, which is not claimed: nothing of it is used after the call.
            let start := mload(0x40)

            // selector | offset of proof | offset of instances | length of proof | proof | length of instances | instances
            mstore(start, shl(0xe0, VERIFY_PROOF))
            mstore(add(start, 0x04), 0x40)
            mstore(add(start, 0x24), add(0x60, proof.length))
            mstore(add(start, 0x44), proof.length)
            calldatacopy(add(start, 0x64), proof.offset, proof.length)
            let to := add(add(start, 0x64), proof.length)
            mstore(to, shr(5, publicValues.length))
            to := add(to, 0x20)

            for { let i := 0 } lt(i, publicValues.length) { i := add(i, 0x20) } {
                let value := calldataload(add(publicValues.offset, i))
                // -MAX_VALUE <= value <= MAX_VALUE, shifted to 0 <= value + MAX_VALUE <= r - 1: one unsigned comparison, modulo 2^256.
                if iszero(lt(add(value, MAX_VALUE), ORDER)) {
                    outOfRange := add(shr(5, i), 1)
                    break
                }
                // A negative value is mapped to r - |value|.
                mstore(add(to, i), add(value, mul(ORDER, slt(value, 0))))
            }

            if iszero(outOfRange) {
                let size := sub(add(to, publicValues.length), start)
                // The first returned word goes to scratch space, and counts only if it is all that was returned.
                let success := staticcall(gas(), verifier, start, size, 0x00, 0x20)
                accepted := and(success, and(eq(returndatasize(), 0x20), eq(mload(0x00), 1)))
            }
        }

        if (outOfRange != 0) revert ValueOutOfRange(outOfRange - 1);
        if (!accepted) revert ProofInvalid();
    }
}
