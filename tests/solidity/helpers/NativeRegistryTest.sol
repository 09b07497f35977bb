// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../../contracts/ProofRegistry.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IProofRegistry} from "../../../contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {Identities} from "../../../contracts/libraries/Identities.sol";
import {BaseTest} from "./BaseTest.sol";
import {SchemaBuilder} from "./SchemaBuilder.sol";

/// @notice Real native proofs, of one statement and of four. tests/chain/registry_fixture.rs made them for a `ProofRegistry` at a fixed address.
/// @dev They are for a fixed model id too, and the id of a registered model contains the hash of the verifier's code. So the answer of the
/// model registry is set here, with the verifier that is built now: the fixture survives changes of the verifier that accept the same
/// proofs. The real model registry is between them on anvil, in tests/chain/batches.rs.
abstract contract NativeRegistryTest is BaseTest {
    struct Batch {
        IProofRegistry.Assignment[] assignments;
        bytes[] publicValues;
        bytes32[] statementIds;
        bytes proof;
    }

    /// @dev The shape of the fixture's model.
    uint64 internal constant INPUTS = 6;
    uint64 internal constant OUTPUTS = 3;

    bytes32 internal nativeId;
    bytes internal nativeSchema;
    address internal verifier;

    function setUp() public virtual override {
        super.setUp();
        string memory json = _json();
        vm.chainId(vm.parseJsonUint(json, ".chain_id"));
        address registry = vm.parseJsonAddress(json, ".registry");
        deployCodeTo("ProofRegistry.sol:ProofRegistry", abi.encode(models), registry);
        proofs = ProofRegistry(registry);

        verifier = deployCode(string.concat("contracts/artifacts/", _verifier(), ".json"));
        nativeId = vm.parseJsonBytes32(json, ".model_id");
        address key = makeAddr("key object");
        vm.etch(key, vm.parseJsonBytes(json, ".model_code"));
        ModelKey memory model = ModelKey({
            modelId: nativeId,
            modelCode: key,
            vkDigest: vm.parseJsonBytes32(json, ".vk_digest"),
            schemaHash: vm.parseJsonBytes32(json, ".schema_hash"),
            srsId: vm.parseJsonBytes32(json, ".srs_id")
        });
        vm.mockCall(address(models), abi.encodeCall(IModelRegistry.resolve, (nativeId)), abi.encode(verifier, model));
        (uint64 inputs, uint64 outputs) = _shape();
        nativeSchema = SchemaBuilder.native(inputs, outputs);
        IModelRegistry.Model memory entry = IModelRegistry.Model({
            adapter: verifier,
            modelCode: key,
            adapterId: verifier.codehash,
            codeHash: key.codehash,
            vkDigest: model.vkDigest,
            schemaHash: Identities.schemaHash(nativeSchema),
            srsId: model.srsId
        });
        vm.mockCall(address(models), abi.encodeCall(IModelRegistry.model, (nativeId)), abi.encode(entry));
    }

    function load(string memory name) internal view returns (Batch memory batch) {
        string memory json = _json();
        string memory prefix = string.concat(".", name);
        bytes32[] memory jobs = vm.parseJsonBytes32Array(json, string.concat(prefix, ".jobs"));
        batch.assignments = new IProofRegistry.Assignment[](jobs.length);
        for (uint256 i = 0; i < jobs.length; i++) {
            batch.assignments[i] = IProofRegistry.Assignment({
                submitter: vm.parseJsonAddress(json, string.concat(prefix, ".submitter")),
                consumer: vm.parseJsonAddress(json, string.concat(prefix, ".consumer")),
                job: jobs[i],
                deadline: uint64(vm.parseJsonUint(json, string.concat(prefix, ".deadline")))
            });
        }
        batch.publicValues = vm.parseJsonBytesArray(json, string.concat(prefix, ".public_values"));
        batch.statementIds = vm.parseJsonBytes32Array(json, string.concat(prefix, ".statement_ids"));
        batch.proof = vm.parseJsonBytes(json, string.concat(prefix, ".proof"));
    }

    /// @dev The contract of the fixture's model, and the number of its inputs and outputs.
    function _verifier() internal pure virtual returns (string memory) {
        return "NativeVerifier";
    }

    function _shape() internal pure virtual returns (uint64 inputs, uint64 outputs) {
        return (INPUTS, OUTPUTS);
    }

    function _fixture() internal pure virtual returns (string memory) {
        return "native-registry.json";
    }

    function _json() private view returns (string memory) {
        return vm.readFile(string.concat("tests/fixtures/", _fixture()));
    }
}
