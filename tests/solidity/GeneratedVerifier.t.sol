// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Identities} from "../../contracts/libraries/Identities.sol";
import {BundleTest} from "./helpers/BundleTest.sol";

interface IHalo2Verifier {
    function verifyProof(bytes calldata proof, uint256[] calldata instances) external returns (bool);
}

/// @notice What the adapter and the identities take for granted about a generated verifier, and about the bundle made with it.
contract GeneratedVerifierTest is BundleTest {
    /* THE FILES AGREE */

    /// @dev The toolkit's own compilation and forge's give the same code, so the same model id.
    function test_runtimeCodeIsReproduced() public view {
        bytes memory runtimeCode = vm.parseJsonBytes(readGenerated("verifier.json"), ".runtimeCode");
        assertEq(verifier.codehash, keccak256(runtimeCode));
        assertEq(verifier.codehash, modelCodeHash);
    }

    function test_creationCodeIsReproduced() public view {
        bytes memory creationCode = vm.parseJsonBytes(readGenerated("verifier.json"), ".creationCode");
        assertEq(vm.getCode(string.concat(DIRECTORY, "Halo2Verifier.sol:Halo2Verifier")), creationCode);
    }

    /// @dev The limit of EIP-170.
    function test_fitsInAContract() public view {
        assertLe(verifier.code.length, 24_576);
    }

    function test_bundleIdentitiesAreDerivable() public view {
        assertEq(adapterId, address(adapter).codehash);
        assertEq(schemaHash, Identities.schemaHash(schema));
        assertEq(modelId, Identities.modelId(adapterId, modelCodeHash, vkDigest, schemaHash, srsId));
    }

    /* THE VERIFIER */

    function test_accepts() public {
        assertTrue(IHalo2Verifier(verifier).verifyProof(proof, instancesOf(publicValues)));
    }

    /// @dev An instance has one encoding here too: instance + r is another word for the same field element, and is refused.
    function test_refusesInstancePlusOrder() public {
        uint256 n = publicValues.length / 32;
        for (uint256 i = 0; i < n; i++) {
            uint256[] memory instances = instancesOf(publicValues);
            instances[i] += ORDER;
            _expectRefusal(proof, instances);
        }
    }

    function test_refusesOtherCounts() public {
        uint256[] memory instances = instancesOf(publicValues);
        uint256[] memory more = new uint256[](instances.length + 1);
        for (uint256 i = 0; i < instances.length; i++) {
            more[i] = instances[i];
        }
        _expectRefusal(proof, more);
        assembly ("memory-safe") {
            mstore(instances, sub(mload(instances), 1))
        }
        _expectRefusal(proof, instances);
        _expectRefusal(proof, new uint256[](0));
    }

    /// @dev A refusal is a revert without data.
    function _expectRefusal(bytes memory proof_, uint256[] memory instances) private {
        bytes memory data = abi.encodeCall(IHalo2Verifier.verifyProof, (proof_, instances));
        (bool success, bytes memory returned) = verifier.call{gas: VERIFY_GAS}(data);
        assertFalse(success);
        assertEq(returned.length, 0);
    }
}
