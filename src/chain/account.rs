//! Who signs.

use alloy::{
    primitives::{Address, B256, b256},
    signers::local::PrivateKeySigner,
};
use std::fmt;

/// anvil's and hardhat's first account, "test test … junk": a key that everybody knows.
const DEV_KEY: B256 = b256!("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

/// A key that signs transactions. It is never shown.
#[derive(Clone)]
pub struct Account {
    pub(super) signer: PrivateKeySigner,
}

impl Account {
    /// The first account of development nodes. Everybody knows its key, and no other chain is written to with it.
    ///
    /// # Panics
    /// Never: the key is a constant.
    #[must_use]
    pub fn dev() -> Self {
        #[allow(clippy::expect_used)] // a constant below the curve's order
        let signer = PrivateKeySigner::from_bytes(&DEV_KEY).expect("the development key is a key");
        Self { signer }
    }

    /// An account of the caller's own.
    #[must_use]
    pub const fn from_signer(signer: PrivateKeySigner) -> Self {
        Self { signer }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.signer.address()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.address()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;

    #[test]
    fn the_development_account_is_the_well_known_one_and_shows_no_key() {
        let account = Account::dev();
        assert_eq!(account.address(), address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert!(!format!("{account:?}").to_lowercase().contains("ac0974bec39a17e3"));
    }
}
