// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaimLedger} from "../interfaces/IClaimLedger.sol";

/// @title ClaimLedger
/// @dev The only calls with value, and the only calls that are not static, of the whole registry are here, after the credit is gone.
abstract contract ClaimLedger is IClaimLedger {
    /// @inheritdoc IClaimLedger
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc IClaimLedger
    mapping(address account => uint256) public credit;

    /// @inheritdoc IClaimLedger
    function withdraw(address account) external returns (uint256 amount) {
        return _pay(account, account);
    }

    /// @inheritdoc IClaimLedger
    function withdrawTo(address to) external returns (uint256 amount) {
        return _pay(msg.sender, to);
    }

    function _credit(address account, uint256 amount) internal {
        unchecked {
            // No more than there is of the currency.
            credit[account] += amount;
        }
        emit Credited(account, amount);
    }

    function _pay(address account, address to) private returns (uint256 amount) {
        amount = credit[account];
        if (amount == 0) revert NothingOwed(account);
        credit[account] = 0;
        emit Withdrawn(account, to, amount);
        bool paid;
        assembly ("memory-safe") {
            // Nothing of what is returned is copied: the receiver cannot make the caller pay for its length.
            paid := call(gas(), to, amount, 0, 0, 0, 0)
        }
        if (!paid) revert PaymentRefused(to);
    }
}
