//! What may be written to which chain.
//!
//! A development chain is worth nothing, so that there everything goes. Anywhere else a claim is read by people who cannot
//! see how it came about: a model whose SRS has a public tau, and a key that everybody knows, are refused, and nothing
//! overrides that. What a file says of its SRS is not asked: the kind is derived from the id, which is a hash of points.

use super::ChainError;
use crate::proof::srs::SrsKind;
use alloy::primitives::{Address, address};

/// The chains whose keys and SRS are public anyway: anvil's and hardhat's, and that of `geth --dev`.
pub const DEV_CHAINS: [u64; 2] = [31337, 1337];

/// The first accounts of development nodes ("test test … junk"). Whatever they own on another chain is anybody's.
pub const PUBLIC_ACCOUNTS: [Address; 10] = [
    address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("0x976EA74026E726554dB657fA54763abd0C3a0aa9"),
    address!("0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    address!("0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
    address!("0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
];

/// Whether a chain is for development only.
#[must_use]
pub const fn is_dev_chain(chain_id: u64) -> bool {
    chain_id == DEV_CHAINS[0] || chain_id == DEV_CHAINS[1]
}

/// A chain that is written to is named by whoever writes, unless it is for development; the node has to agree.
///
/// # Errors
/// [`ChainError::WrongChain`], [`ChainError::UnnamedChain`].
pub const fn expect_chain(found: u64, named: Option<u64>) -> Result<(), ChainError> {
    match named {
        Some(named) if named == found => Ok(()),
        Some(named) => Err(ChainError::WrongChain { found, named }),
        None if is_dev_chain(found) => Ok(()),
        None => Err(ChainError::UnnamedChain { found }),
    }
}

/// Refuses keys that everybody knows off development chains.
///
/// # Errors
/// [`ChainError::PublicKey`].
pub fn admit_account(chain_id: u64, account: Address) -> Result<(), ChainError> {
    if !is_dev_chain(chain_id) && PUBLIC_ACCOUNTS.contains(&account) {
        return Err(ChainError::PublicKey { chain_id, account });
    }
    Ok(())
}

/// Refuses models whose SRS has a public tau off development chains. An SRS that is on no list passes: who knows its tau is
/// not known here, which is what audits say of it.
///
/// # Errors
/// [`ChainError::TestSrs`].
pub fn admit_srs(chain_id: u64, kind: SrsKind) -> Result<(), ChainError> {
    match kind {
        SrsKind::Test if !is_dev_chain(chain_id) => Err(ChainError::TestSrs { chain_id }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Account;

    #[test]
    fn chains_are_named_unless_they_are_for_development() {
        assert!(expect_chain(8453, Some(8453)).is_ok() && expect_chain(31337, None).is_ok());
        assert!(matches!(expect_chain(8453, None), Err(ChainError::UnnamedChain { found: 8453 })));
        for found in [1, 31337] {
            let error = expect_chain(found, Some(8453)).unwrap_err();
            assert!(matches!(error, ChainError::WrongChain { named: 8453, .. }), "{error}");
        }
    }

    #[test]
    fn off_development_chains_public_keys_and_a_public_tau_are_refused() {
        let dev = Account::dev().address();
        for chain_id in DEV_CHAINS {
            assert!(admit_account(chain_id, dev).is_ok() && admit_srs(chain_id, SrsKind::Test).is_ok());
        }
        for chain_id in [1, 8453, 11_155_111] {
            for account in PUBLIC_ACCOUNTS {
                assert!(matches!(admit_account(chain_id, account), Err(ChainError::PublicKey { .. })));
            }
            assert!(admit_account(chain_id, Address::repeat_byte(1)).is_ok());
            assert!(matches!(admit_srs(chain_id, SrsKind::Test), Err(ChainError::TestSrs { .. })));
            assert!(admit_srs(chain_id, SrsKind::Unlisted).is_ok());
        }
        assert_eq!(PUBLIC_ACCOUNTS[0], dev);
    }
}
