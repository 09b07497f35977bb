// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title IClaimLedger
/// @notice What is owed to whom. Bonds and fees are never sent along with anything else: they become a credit, and whoever has one takes it.
interface IClaimLedger {
    /* ERRORS */

    /// @notice There is nothing to withdraw.
    error NothingOwed(address account);

    /// @notice The account did not take the payment. Its credit stays.
    error PaymentRefused(address account);

    /* EVENTS */

    /// @notice An account is owed more.
    event Credited(address indexed account, uint256 amount);

    /// @notice An account's credit was paid.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /* FUNCTIONS */

    /// @notice Pays an account's whole credit to that account. Anybody may call: so a contract that cannot call this gets its money, and
    /// what is burned is burned (`BURNED`).
    function withdraw(address account) external returns (uint256 amount);

    /// @notice Pays the caller's whole credit to another account.
    function withdrawTo(address to) external returns (uint256 amount);

    /// @notice What an account is owed.
    function credit(address account) external view returns (uint256);

    /// @notice What is burned is owed to this account, which has no key.
    function BURNED() external view returns (address);
}
