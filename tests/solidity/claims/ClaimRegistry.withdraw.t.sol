// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimRegistry} from "../../../contracts/ClaimRegistry.sol";
import {IClaimLedger} from "../../../contracts/interfaces/IClaimLedger.sol";
import {Stage} from "../../../contracts/interfaces/IClaims.sol";
import {ClaimTest} from "../helpers/ClaimTest.sol";

/// @notice Withdraws again while it is paid.
contract Greedy {
    ClaimRegistry private immutable _registry;
    bool public paid;
    bool public again;

    constructor(ClaimRegistry registry) {
        _registry = registry;
    }

    receive() external payable {
        paid = true;
        try _registry.withdraw(address(this)) {
            again = true;
        } catch {}
    }
}

/// @notice Takes no ether, and can ask for its own to go elsewhere.
contract Closed {
    function send(ClaimRegistry registry, address to) external {
        registry.withdrawTo(to);
    }
}

/// @notice Answers with a megabyte, for whoever copies it.
contract Loud {
    receive() external payable {
        assembly ("memory-safe") {
            return(0, 1000000)
        }
    }
}

contract ClaimRegistryWithdrawTest is ClaimTest {
    /* REVERTS */

    function testFuzz_revert_nothingOwed(address account) public {
        vm.expectRevert(abi.encodeWithSelector(IClaimLedger.NothingOwed.selector, account));
        registry.withdraw(account);
        vm.expectRevert(abi.encodeWithSelector(IClaimLedger.NothingOwed.selector, account));
        vm.prank(account);
        registry.withdrawTo(account);
    }

    function test_revert_twice() public {
        reach(Stage.Final);
        registry.withdraw(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IClaimLedger.NothingOwed.selector, ALICE));
        registry.withdraw(ALICE);
    }

    /// @dev What a contract does not take stays its own.
    function test_revert_refused() public {
        Closed closed = new Closed();
        assignment.consumer = address(closed);
        reach(Stage.Slashed);
        vm.expectRevert(abi.encodeWithSelector(IClaimLedger.PaymentRefused.selector, address(closed)));
        registry.withdraw(address(closed));
        assertEq(registry.credit(address(closed)), BOND - BOND / 2);
        closed.send(registry, MALLORY);
        assertEq(registry.credit(address(closed)), 0);
        assertEq(MALLORY.balance, 10_000 ether + BOND - BOND / 2);
    }

    /* SUCCESS */

    function testFuzz_withdraw(address caller) public {
        reach(Stage.Final);
        uint256 before = ALICE.balance;
        vm.expectEmit(address(registry));
        emit IClaimLedger.Withdrawn(ALICE, ALICE, BOND);
        vm.prank(caller);
        assertEq(registry.withdraw(ALICE), BOND);
        assertEq(ALICE.balance, before + BOND);
        assertEq(address(registry).balance, 0);
    }

    function test_withdrawTo() public {
        reach(Stage.Final);
        address to = makeAddr("another account");
        vm.expectEmit(address(registry));
        emit IClaimLedger.Withdrawn(ALICE, to, BOND);
        vm.prank(ALICE);
        registry.withdrawTo(to);
        assertEq(to.balance, BOND);
    }

    /// @dev A receiver that comes back finds its credit gone.
    function test_reentrant() public {
        Greedy greedy = new Greedy(registry);
        assignment.consumer = address(greedy);
        reach(Stage.Slashed);
        registry.withdraw(address(greedy));
        assertTrue(greedy.paid());
        assertFalse(greedy.again());
        assertEq(address(greedy).balance, BOND - BOND / 2);
        assertEq(address(registry).balance, FEE + BOND / 2);
    }

    function test_loud() public {
        Loud loud = new Loud();
        assignment.consumer = address(loud);
        reach(Stage.Slashed);
        uint256 before = gasleft();
        registry.withdraw(address(loud));
        // A megabyte costs two million gas to make, once; copying it would be another two.
        assertLt(before - gasleft(), 2_500_000);
        assertEq(address(loud).balance, BOND - BOND / 2);
    }

    /// @dev Ether that is forced in is nobody's, and takes nothing from anybody.
    function test_forcedEther() public {
        vm.deal(address(registry), 5 ether);
        vm.prank(ALICE);
        registry.post{value: BOND}(modelId, assignment, values);
        skip(CHALLENGE_WINDOW + 1);
        finalize();
        registry.withdraw(ALICE);
        assertEq(address(registry).balance, 5 ether);
    }
}
