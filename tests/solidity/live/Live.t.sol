// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {ModelRegistry} from "../../../contracts/ModelRegistry.sol";
import {ProofRegistry} from "../../../contracts/ProofRegistry.sol";
import {IClaims, Stage} from "../../../contracts/interfaces/IClaims.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {MockAdapter} from "../helpers/Mocks.sol";
import {SchemaBuilder} from "../helpers/SchemaBuilder.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Contracts that are deployed somewhere: that they are the ones of this release, and work there. tools/live_test.mjs runs it on an anvil
/// that script/ deployed to:
///
///     ZKINFER_CLAIM_REGISTRY=0x... FOUNDRY_PROFILE=live forge test --fork-url URL
contract LiveTest is Test {
    ClaimRegistry private _registry;
    ProofRegistry private _proofs;
    ModelRegistry private _models;

    function setUp() public {
        address registry = vm.envOr("ZKINFER_CLAIM_REGISTRY", address(0));
        if (registry == address(0)) vm.skip(true, "ZKINFER_CLAIM_REGISTRY names no deployment");
        _registry = ClaimRegistry(registry);
        _proofs = ProofRegistry(address(_registry.proofRegistry()));
        _models = ModelRegistry(address(_proofs.modelRegistry()));
    }

    /// @dev The code is what this release's creation code makes with the same arguments, to the byte. It has no storage of ours, so there is no
    /// owner and no switch in it.
    function test_code() public {
        assertEq(address(_registry.modelRegistry()), address(_models));
        address models = deployCode("contracts/artifacts/ModelRegistry.json");
        assertEq(address(_models).codehash, models.codehash, "ModelRegistry");
        address proofs = deployCode("contracts/artifacts/ProofRegistry.json", abi.encode(_models));
        assertEq(address(_proofs).codehash, proofs.codehash, "ProofRegistry");
        address registry = deployCode("contracts/artifacts/ClaimRegistry.json", abi.encode(_proofs, _registry.terms()));
        assertEq(address(_registry).codehash, registry.codehash, "ClaimRegistry");
    }

    /// @dev One claim of each price, on a fork.
    function test_claims() public {
        MockAdapter adapter = new MockAdapter(1);
        bytes32 modelId = _models.register(address(adapter), address(0), 0, 0, SchemaBuilder.words(1, 1));
        IClaims.Terms memory terms = _registry.terms();
        address node = makeAddr("node");
        vm.deal(node, terms.bond);
        bytes memory values = abi.encode(uint256(1), uint256(2));
        IProofRegistry.Assignment memory assignment =
            IProofRegistry.Assignment(node, address(0), "attested", uint64(block.timestamp + 1));
        vm.startPrank(node);
        bytes32 id = _registry.attest(modelId, assignment, keccak256(values), 0, 0);
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Attested));

        assignment.job = "verified";
        (, ModelKey memory key) = _models.resolve(modelId);
        id = _registry.submit(
            modelId, assignment, values, adapter.proofOf(key, _proofs.contextIdOf(assignment), values)
        );
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Verified));

        assignment.job = "optimistic";
        id = _registry.post{value: terms.bond}(modelId, assignment, values);
        assertFalse(_registry.isFinal(id, IProofRegistry.Assurance.Optimistic));
        skip(uint256(terms.challengeWindow) + 1);
        assertEq(uint8(_registry.finalize(modelId, assignment, keccak256(values))), uint8(Stage.Final));
        assertTrue(_registry.isFinal(id, IProofRegistry.Assurance.Optimistic));
        _registry.withdraw(node);
        assertEq(node.balance, terms.bond);
    }
}
