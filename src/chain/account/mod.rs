//! Who signs: a key in this process, or a signer elsewhere that never shows its key.

mod remote;

pub use remote::RemoteSigner;

use super::ChainError;
use alloy::{
    consensus::{TxEnvelope, TypedTransaction, transaction::SignerRecoverable},
    network::TxSignerSync,
    primitives::{Address, B256, b256},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use std::{fmt, pin::Pin, sync::Arc};

/// anvil's and hardhat's first account, "test test … junk": a key that everybody knows.
const DEV_KEY: B256 = b256!("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

/// A signature that is being made.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<TxEnvelope, SignerError>> + Send + 'a>>;

/// Holds a key, here or elsewhere, and signs transactions with it.
///
/// Whatever it answers is compared with what it was asked for ([`Account::sign`]): a signer can refuse, and nothing else.
pub trait Signer: Send + Sync {
    /// The account that it signs for.
    fn address(&self) -> Address;

    /// Signs a transaction as it is.
    fn sign(&self, transaction: TypedTransaction) -> Signing<'_>;
}

/// Why a signer did not sign. None of it holds a key, or a part of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// It cannot be asked, or does not answer.
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    /// It answered that it will not.
    #[error("refused: {0}")]
    Refused(String),
    /// It answered something else than a signature of what it was asked for.
    #[error("answered something else than was asked for: {0}; nothing was sent")]
    Misbehaved(String),
}

/// An account that signs transactions. Its key is never shown.
#[derive(Clone)]
pub struct Account {
    address: Address,
    signer: Arc<dyn Signer>,
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
        Self::from_signer(signer)
    }

    /// An account of the caller's own, whose key is in this process.
    #[must_use]
    pub fn from_signer(signer: PrivateKeySigner) -> Self {
        Self::of(Local(signer))
    }

    /// The account of any signer.
    #[must_use]
    pub fn of(signer: impl Signer + 'static) -> Self {
        Self { address: signer.address(), signer: Arc::new(signer) }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction in which everything is filled in. What comes back is that transaction, with a signature of this
    /// account.
    ///
    /// # Errors
    /// [`ChainError::Signer`].
    pub async fn sign(&self, what: &str, request: TransactionRequest) -> Result<TxEnvelope, ChainError> {
        let transaction = request
            .build_typed_tx()
            .map_err(|_| self.failed(what, &SignerError::Refused("something of the transaction is missing".into())))?;
        let signed = self.signer.sign(transaction.clone()).await.map_err(|error| self.failed(what, &error))?;
        self.check(&signed, &transaction).map_err(|reason| self.failed(what, &SignerError::Misbehaved(reason)))?;
        Ok(signed)
    }

    /// That a signed transaction is the one that was asked for, signed by this account.
    fn check(&self, signed: &TxEnvelope, asked: &TypedTransaction) -> Result<(), String> {
        if TypedTransaction::from(signed.clone()) != *asked {
            return Err("another transaction".into());
        }
        // Refuses the second signature that every one has (EIP-2), too.
        match signed.recover_signer() {
            Ok(signer) if signer == self.address => Ok(()),
            Ok(other) => Err(format!("a signature of {other}")),
            Err(_) => Err("no valid signature".into()),
        }
    }

    fn failed(&self, what: &str, error: &SignerError) -> ChainError {
        ChainError::Signer { account: self.address, what: what.into(), reason: error.to_string() }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.address()).finish()
    }
}

/// A key in this process.
struct Local(PrivateKeySigner);

impl Signer for Local {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, mut transaction: TypedTransaction) -> Signing<'_> {
        let signature = self.0.sign_transaction_sync(&mut transaction);
        let signed = signature.map(|signature| TxEnvelope::from((transaction, signature)));
        Box::pin(std::future::ready(signed.map_err(|_| SignerError::Refused("the key cannot sign it".into()))))
    }
}

/// Reads an address. One with capitals says by them whether a digit is wrong (EIP-55).
///
/// # Errors
/// A sentence.
pub fn parse_address(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").ok_or("an address begins with 0x")?;
    let address: Address = text.parse().map_err(|_| "an address is 0x and 40 hex digits".to_owned())?;
    let is_mixed =
        digits.contains(|c: char| c.is_ascii_lowercase()) && digits.contains(|c: char| c.is_ascii_uppercase());
    if is_mixed && address.to_checksum(None) != text {
        return Err("its checksum is wrong (EIP-55): a digit is another one, or the capitals are; copy it again".into());
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{
        network::TransactionBuilder,
        primitives::{U256, address},
    };

    fn request(nonce: u64) -> TransactionRequest {
        TransactionRequest::default()
            .with_to(Address::repeat_byte(5))
            .with_nonce(nonce)
            .with_value(U256::from(1))
            .with_input(vec![1, 2, 3])
            .with_gas_limit(50_000)
            .with_max_fee_per_gas(20)
            .with_max_priority_fee_per_gas(2)
            .with_chain_id(31337)
    }

    #[test]
    fn the_development_account_is_the_well_known_one_and_shows_no_key() {
        let account = Account::dev();
        assert_eq!(account.address(), address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert!(!format!("{account:?}").to_lowercase().contains("ac0974bec39a17e3"));
    }

    #[test]
    fn addresses_with_a_wrong_checksum_are_refused() {
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let upper = format!("0x{}", right[2..].to_uppercase());
        for text in [right, &right.to_lowercase(), &upper] {
            assert_eq!(parse_address(text), Ok(Account::dev().address()), "{text}");
        }
        for text in [&right.replace("39F", "39f"), &right.replace('6', "7"), &right[2..], &right[..41], ""] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_signed_is_what_was_asked_for() {
        let account = Account::dev();
        for request in [
            request(7),
            TransactionRequest::default()
                .with_to(Address::ZERO)
                .with_nonce(0)
                .with_gas_limit(21_000)
                .with_gas_price(3)
                .with_value(U256::ZERO)
                .with_input(vec![])
                .with_chain_id(1337),
        ] {
            let signed = account.sign("a call", request.clone()).await.unwrap();
            assert_eq!(signed.recover_signer().unwrap(), account.address());
            assert_eq!(TypedTransaction::from(signed), request.build_typed_tx().unwrap());
        }
        let error = account.sign("a call", TransactionRequest::default()).await.unwrap_err();
        assert!(matches!(error, ChainError::Signer { .. }), "{error}");
    }

    /// Signers that do something else than they were asked for.
    enum Bad {
        OtherNonce,
        OtherKey,
        Malleated,
        Silent,
    }

    impl Signer for Bad {
        fn address(&self) -> Address {
            Account::dev().address()
        }

        fn sign(&self, transaction: TypedTransaction) -> Signing<'_> {
            Box::pin(async move {
                let other = PrivateKeySigner::from_bytes(&B256::repeat_byte(9)).unwrap();
                match self {
                    Self::OtherNonce => Ok(Account::dev().sign("it", request(8)).await.unwrap()),
                    Self::OtherKey => Local(other).sign(transaction).await,
                    Self::Malleated => {
                        let honest = Account::dev().sign("it", request(7)).await.unwrap();
                        let signature = honest.signature();
                        let order = U256::from_be_bytes(alloy::hex!(
                            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
                        ));
                        let twin =
                            alloy::primitives::Signature::new(signature.r(), order - signature.s(), !signature.v());
                        Ok(TxEnvelope::from((transaction, twin)))
                    }
                    Self::Silent => Err(SignerError::Unreachable("nobody listens".into())),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_signer_that_signs_something_else_is_not_believed() {
        for (bad, sentence) in [
            (Bad::OtherNonce, "another transaction"),
            (Bad::OtherKey, "a signature of 0x"),
            (Bad::Malleated, "no valid signature"),
            (Bad::Silent, "nobody listens"),
        ] {
            let error = Account::of(bad).sign("a call", request(7)).await.unwrap_err().to_string();
            assert!(error.contains(sentence) && error.contains("0xf39F"), "{error}");
        }
    }
}
