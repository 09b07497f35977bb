// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProofRegistry} from "../../contracts/ProofRegistry.sol";
import {IProofRegistry} from "../../contracts/interfaces/IProofRegistry.sol";
import {BaseTest} from "./helpers/BaseTest.sol";

contract ProofRegistryViewsTest is BaseTest {
    function test_modelRegistry() public view {
        assertEq(address(proofs.modelRegistry()), address(models));
    }

    function testFuzz_claimOfNothing(bytes32 statementId) public view {
        IProofRegistry.Claim memory claim = proofs.claim(statementId);
        assertEq(claim.submitter, address(0));
        assertEq(claim.recordedAt, 0);
        assertEq(uint8(claim.assurance), uint8(IProofRegistry.Assurance.None));
        assertFalse(claim.transferable);
        assertFalse(proofs.isVerified(statementId));
    }

    /// @dev A plain reading of docs/identities.md, word by word.
    function testFuzz_contextIdOf(IProofRegistry.Assignment memory assignment, uint64 chainId) public {
        vm.chainId(chainId);
        bytes memory preimage = bytes.concat(
            keccak256("zkinfer/context/v1"),
            bytes32(uint256(chainId)),
            bytes32(uint256(uint160(address(proofs)))),
            bytes32(uint256(uint160(assignment.submitter))),
            bytes32(uint256(uint160(assignment.consumer))),
            assignment.job,
            bytes32(uint256(assignment.deadline))
        );
        assertEq(proofs.contextIdOf(assignment), keccak256(preimage));
    }

    function testFuzz_statementIdOf(
        bytes32 modelId,
        IProofRegistry.Assignment memory assignment,
        bytes calldata publicValues
    ) public view {
        bytes32 contextId = proofs.contextIdOf(assignment);
        bytes memory preimage =
            bytes.concat(keccak256("zkinfer/statement/v1"), modelId, keccak256(publicValues), contextId);
        assertEq(proofs.statementIdOf(modelId, assignment, publicValues), keccak256(preimage));
    }

    /// @dev Every part of a context makes another one: chain, registry, and the four of the assignment.
    function test_contextIdDependsOnEveryPart() public {
        IProofRegistry.Assignment memory assignment = assignmentOf(ALICE);
        bytes32[7] memory ids;
        ids[0] = proofs.contextIdOf(assignment);
        ids[1] = new ProofRegistry(models).contextIdOf(assignment);
        ids[2] = proofs.contextIdOf(assignmentOf(MALLORY));
        assignment.consumer = MALLORY;
        ids[3] = proofs.contextIdOf(assignment);
        assignment.job = keccak256("another job");
        ids[4] = proofs.contextIdOf(assignment);
        assignment.deadline++;
        ids[5] = proofs.contextIdOf(assignment);
        vm.chainId(block.chainid + 1);
        ids[6] = proofs.contextIdOf(assignment);
        for (uint256 i = 0; i < ids.length; i++) {
            for (uint256 j = 0; j < i; j++) {
                assertNotEq(ids[i], ids[j]);
            }
        }
    }
}
