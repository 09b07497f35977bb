// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../interfaces/INativeVerifier.sol";
import {IVerifierAdapter, ModelKey} from "../interfaces/IVerifierAdapter.sol";
import {R} from "../libraries/native/Bn254.sol";
import {Key, NativeKey} from "../libraries/native/NativeKey.sol";
import {NativeOpening} from "../libraries/native/NativeOpening.sol";
import {NativeProof, Proof} from "../libraries/native/NativeProof.sol";
import {NativeStatement, Statement} from "../libraries/native/NativeStatement.sol";
import {NativeSumcheck} from "../libraries/native/NativeSumcheck.sol";
import {Challenges, NativeTranscript} from "../libraries/native/NativeTranscript.sol";
import {Srs} from "srs/Srs.sol";

/// @title NativeVerifier
/// @notice Verifies proofs of the native proof system under one SRS, whose points are in this code and nowhere else.
///
/// @dev `srs/Srs.sol` is the table of an SRS (libraries/native/srs): of the ceremony hez final in `NativeVerifier` as it is built and deployed,
/// of the TEST SRS in `NativeTestVerifier`, which is this source compiled with the other table. ANYBODY CAN PROVE ANYTHING to that one, since
/// the secret of the TEST SRS is public; `ACCEPTS_TEST_SRS` says so.
///
/// With another table it is other code, hence another adapter id, hence other model ids. No model id can come to accept another SRS, and none
/// that names the code of one verifier can be taken for one under the SRS of another.
///
/// What a proof says, and what is checked: docs/protocol.md, whose numbers (§, V) the comments of the libraries use. V1: `NativeKey`,
/// `NativeProof`, `NativeStatement`. V2: `NativeTranscript`. V3, V4: `NativeSumcheck`. V5 to V7: `NativeOpening`.
///
/// `schemaHash` of the model is not read: the verifying key says how many inputs and outputs there are, which side is committed, and widths
/// are fixed; the schema names what the same bytes mean. The model id is the caller's word, as for every adapter.
///
/// No immutables: the code hash, which is the adapter's id, is the same on every chain. It is that of this contract compiled alone
/// (tools/alone.mjs): whatever else is compiled with it may order its code in another way.
contract NativeVerifier is INativeVerifier {
    /* VERIFICATION */

    /// @inheritdoc IVerifierAdapter
    function verify(ModelKey calldata model, bytes32 contextId, bytes calldata publicValues, bytes calldata proof)
        external
        view
    {
        Key memory key = _key(model);
        Statement memory statement = NativeStatement.single(key, model.modelId, contextId, publicValues);
        _verify(key, statement, NativeProof.load(key, 1, proof));
    }

    /// @inheritdoc INativeVerifier
    function verifyBatch(
        ModelKey calldata model,
        bytes32[] calldata contextIds,
        bytes[] calldata publicValues,
        bytes calldata proof
    ) external view {
        Key memory key = _key(model);
        Statement memory statement = NativeStatement.batch(key, model.modelId, contextIds, publicValues);
        _verify(key, statement, NativeProof.load(key, contextIds.length, proof));
    }

    /* VIEWS */

    /// @inheritdoc INativeVerifier
    function srsId() external pure returns (bytes32) {
        return Srs.ID;
    }

    /// @inheritdoc INativeVerifier
    function ACCEPTS_TEST_SRS() external pure returns (bool) {
        return Srs.IS_TEST;
    }

    /// @inheritdoc IVerifierAdapter
    function bindsStatement() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IVerifierAdapter
    function name() external pure returns (string memory) {
        return Srs.IS_TEST ? "native-test" : "native";
    }

    /* INTERNAL */

    /// @dev The verifying key of a model. V1: the key is the one the model names, and both name the SRS whose points are here.
    function _key(ModelKey calldata model) private view returns (Key memory key) {
        if (model.srsId != Srs.ID) revert UnknownSrs(model.srsId);
        key = NativeKey.load(model.modelCode);
        if (key.digest != model.vkDigest) revert KeyDigest(key.digest);
        if (key.srsId != Srs.ID) revert UnknownSrs(key.srsId);
        // D = b R2 is the highest power that V6 and V7 need.
        uint256 exponent = key.logPositions + key.logRows2;
        if (exponent > Srs.LAST) revert SrsTooSmall(exponent);
    }

    /// @dev V2 to V7, for input that V1 has found well-formed.
    function _verify(Key memory key, Statement memory statement, Proof memory proof) private view {
        Challenges memory c = NativeTranscript.challenges(key, statement, proof);
        // V2: x is not 0, 1 or -1.
        if (c.x < 2 || c.x == R - 1) revert ProofInvalid();
        // V3 and V4.
        if (!NativeSumcheck.check(key, statement, proof, c)) revert ProofInvalid();
        // V5, V6 and V7.
        if (!NativeOpening.check(key, statement, proof, c)) revert ProofInvalid();
    }
}
