// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {ModelKey} from "./IVerifierAdapter.sol";

/// @title IDeterministicAdapter
/// @notice What an adapter (IVerifierAdapter) has besides if it vouches for its models: for every key that it accepts, whoever made it, and
/// for public values of that key, the first `inputBytes` bytes determine the rest. Two accepted proofs to the contrary show that the adapter
/// is unsound.
/// @dev An adapter that runs code of the model must not say so: it cannot know. The number has to follow from the key and the adapter's own
/// code, never from the schema, which anybody can make up.
interface IDeterministicAdapter {
    /// @notice How many bytes of the public values are inputs. Reverts for a key that is not accepted or has a committed side.
    function inputBytes(ModelKey calldata model) external view returns (uint256);
}
