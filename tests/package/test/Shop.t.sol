// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IClaimRegistry} from "@zkinfer/contracts/interfaces/IClaimRegistry.sol";
import {IClaims} from "@zkinfer/contracts/interfaces/IClaims.sol";
import {IModelRegistry} from "@zkinfer/contracts/interfaces/IModelRegistry.sol";
import {INativeVerifier} from "@zkinfer/contracts/interfaces/INativeVerifier.sol";
import {IProofRegistry} from "@zkinfer/contracts/interfaces/IProofRegistry.sol";
import {ModelKey} from "@zkinfer/contracts/interfaces/IVerifierAdapter.sol";
import {Tensor} from "@zkinfer/contracts/libraries/Schemas.sol";
import {Shop} from "../src/Shop.sol";
import {Test} from "forge-std/Test.sol";

contract ShopTest is Test {
    string private constant ARTIFACTS = "node_modules/@zkinfer/contracts/artifacts/";

    IModelRegistry private _models;
    IClaimRegistry private _claims;
    INativeVerifier private _verifier;
    address private immutable _WORKER = makeAddr("worker");

    function setUp() public {
        _models = IModelRegistry(_deploy("ModelRegistry", ""));
        IProofRegistry proofs = IProofRegistry(_deploy("ProofRegistry", abi.encode(_models)));
        IClaims.Terms memory terms = IClaims.Terms(1 ether, 0.1 ether, 1 days, 2 hours, 4);
        _claims = IClaimRegistry(_deploy("ClaimRegistry", abi.encode(proofs, terms)));
        _verifier = INativeVerifier(_deploy("NativeVerifier", ""));
    }

    /// @dev What is deployed from the package is what model ids name.
    function test_adapterId() public view {
        string memory json = vm.readFile(string.concat(ARTIFACTS, "NativeVerifier.json"));
        assertEq(address(_verifier).codehash, vm.parseJsonBytes32(json, ".deployedCodeHash"));
    }

    /// @dev A real native proof, verified by the packed verifier.
    function test_verify() public {
        string memory json = vm.readFile("native-registry.json");
        address key = makeAddr("key object");
        vm.etch(key, vm.parseJsonBytes(json, ".model_code"));
        ModelKey memory model = ModelKey({
            modelId: vm.parseJsonBytes32(json, ".model_id"),
            modelCode: key,
            vkDigest: vm.parseJsonBytes32(json, ".vk_digest"),
            schemaHash: 0,
            srsId: vm.parseJsonBytes32(json, ".srs_id")
        });
        bytes32 contextId = keccak256(
            abi.encode(
                keccak256("zkinfer/context/v1"),
                vm.parseJsonUint(json, ".chain_id"),
                vm.parseJsonAddress(json, ".registry"),
                vm.parseJsonAddress(json, ".single.submitter"),
                vm.parseJsonAddress(json, ".single.consumer"),
                vm.parseJsonBytes32(json, ".single.jobs[0]"),
                vm.parseJsonUint(json, ".single.deadline")
            )
        );
        bytes memory values = vm.parseJsonBytes(json, ".single.public_values[0]");
        bytes memory proof = vm.parseJsonBytes(json, ".single.proof");
        _verifier.verify(model, contextId, values, proof);
        values[0] ^= 0x01;
        vm.expectRevert();
        _verifier.verify(model, contextId, values, proof);
    }

    /// @dev A native model's public values, through an Optimistic claim.
    function test_read() public {
        bytes memory schema = abi.encode(_tensors());
        address key = makeAddr("key object");
        vm.etch(key, hex"00010203");
        bytes32 modelId = _models.register(address(_verifier), key, 0, 0, schema);
        Shop shop = new Shop(_claims, modelId, _WORKER, schema);
        uint64 deadline = uint64(block.timestamp + 1 days);
        IProofRegistry.Assignment memory assignment =
            IProofRegistry.Assignment(_WORKER, address(shop), "job", deadline);
        bytes memory values = abi.encodePacked(uint16(7), int64(-49));
        vm.deal(_WORKER, 1 ether);
        vm.prank(_WORKER);
        _claims.post{value: 1 ether}(modelId, assignment, values);
        vm.expectRevert();
        shop.read("job", deadline, values);
        skip(1 days + 1);
        assertEq(shop.read("job", deadline, values), -49);
    }

    function _deploy(string memory name, bytes memory arguments) private returns (address) {
        return deployCode(string.concat(ARTIFACTS, name, ".json"), arguments);
    }

    function _tensors() private pure returns (Tensor[] memory tensors) {
        tensors = new Tensor[](2);
        uint64[] memory one = new uint64[](1);
        one[0] = 1;
        tensors[0] = Tensor("input", 0, 0, one, 2, false, 0, 65535, one, 255, 0);
        tensors[1] = Tensor("output", 1, 0, one, 8, true, type(int64).min, type(int64).max, one, 255, 0);
    }
}
