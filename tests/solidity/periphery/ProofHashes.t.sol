// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IProofHashes} from "../../../contracts/periphery/marketplace/IProofHashes.sol";
import {ProofHashes} from "../../../contracts/periphery/marketplace/ProofHashes.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";
import {TransferableBatchAdapter} from "../helpers/Mocks.sol";

/// @notice Takes work as the marketplace of the specification does: a hash and where the bytes are, paid by the token.
contract TokenMarket {
    IProofHashes private immutable _proofSystem;
    bytes32 private immutable _modelId;
    mapping(address node => uint256) public tokens;

    constructor(IProofHashes proofSystem, bytes32 modelId) {
        (_proofSystem, _modelId) = (proofSystem, modelId);
    }

    function submitProofOfWork(uint256, uint256 tokensClaimed, bytes32 proofHash, string calldata, string calldata)
        external
    {
        require(_proofSystem.markProofUsed(proofHash, msg.sender, tokensClaimed, _modelId), "Proof already used");
        tokens[msg.sender] += tokensClaimed;
    }
}

contract ProofHashesTest is ClaimTest {
    ProofHashes private _hashes;
    TokenMarket private _market;

    function setUp() public override {
        super.setUp();
        _hashes = new ProofHashes(registry);
        _market = new TokenMarket(_hashes, modelId);
    }

    /* REVERTS */

    function test_prove_revert() public {
        vm.expectRevert(IProofHashes.ProofInvalid.selector);
        _hashes.prove(modelId, assignment, values, "bad");
        bytes memory proof_ = proof();
        breakModel();
        vm.expectRevert(abi.encodeWithSelector(IProofHashes.Broken.selector, modelId));
        _hashes.prove(modelId, assignment, values, proof_);
    }

    /// @dev Of a proof that binds nobody, anybody could say that it is theirs.
    function test_prove_revert_transferable() public {
        modelId = models.register(address(new TransferableBatchAdapter()), address(0), 0, 0, schema);
        bytes memory proof_ = proof();
        vm.expectRevert(abi.encodeWithSelector(IProofHashes.Transferable.selector, modelId));
        _hashes.prove(modelId, assignment, values, proof_);
    }

    function test_market_revert_notProven() public {
        bytes32 hash = sha256(proof());
        vm.expectRevert("Proof already used");
        _work(ALICE, hash);
    }

    /// @dev A hash is the node's that the proof names.
    function test_market_revert_somebodyElse() public {
        bytes32 hash = _prove();
        vm.expectRevert("Proof already used");
        _work(MALLORY, hash);
    }

    function test_market_revert_twice() public {
        bytes32 hash = _prove();
        _work(ALICE, hash);
        vm.expectRevert("Proof already used");
        _work(ALICE, hash);
    }

    function test_market_revert_anotherModel() public {
        bytes32 hash = _prove();
        vm.prank(address(_market));
        assertFalse(_hashes.markProofUsed(hash, ALICE, 1, "another model"));
    }

    function test_market_revert_broken() public {
        bytes32 hash = _prove();
        breakModel();
        assertFalse(_hashes.isVerified(hash, ALICE));
        vm.expectRevert("Proof already used");
        _work(ALICE, hash);
    }

    /* SUCCESS */

    function test_market() public {
        bytes memory proof_ = proof();
        (bytes32 id, bytes32 expected) = (statementId(), sha256(proof_));
        vm.expectEmit(address(_hashes));
        emit IProofHashes.HashProven(expected, ALICE, modelId, id);
        bytes32 hash = _hashes.prove(modelId, assignment, values, proof_);
        assertTrue(_hashes.isVerified(hash, ALICE));
        _work(ALICE, hash);
        assertEq(_market.tokens(ALICE), 100);
        // Another marketplace has its own books.
        assertTrue(_hashes.markProofUsed(hash, ALICE, 1, modelId));
    }

    function _prove() private returns (bytes32) {
        return _hashes.prove(modelId, assignment, values, proof());
    }

    function _work(address node, bytes32 hash) private {
        vm.prank(node);
        _market.submitProofOfWork(1, 100, hash, "z...", "");
    }
}
