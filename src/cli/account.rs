//! Who signs, and where it goes.

use super::Failure;
use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use std::{
    fmt,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;
use zkinfer::chain::{Account, Client, Node};

/// Holds a private key where `--key-file` is not given.
const ENV: &str = "ZKINFER_PRIVATE_KEY";
/// 64 digits, a prefix, a line's end, and some room.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// A node and an account that pays.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    /// The node of a development chain (chain id 31337 or 1337).
    #[arg(long, value_name = "URL")]
    rpc: String,

    /// Sign with the private key in this file: 64 hex digits, readable by its owner alone [default: the key in the
    /// environment variable ZKINFER_PRIVATE_KEY].
    #[arg(long, value_name = "FILE", conflicts_with = "dev_account")]
    key_file: Option<PathBuf>,

    /// Sign with the first account of development nodes, whose key everybody knows.
    #[arg(long)]
    dev_account: bool,
}

impl AccountArgs {
    /// Connects. The key is read before anything is asked of the node.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let account = self.account()?;
        Ok(Client::new(Node::connect_dev(&self.rpc).await?, account)?)
    }

    fn account(&self) -> Result<Account, Failure> {
        if self.dev_account {
            return Ok(Account::dev());
        }
        let key = match (&self.key_file, std::env::var(ENV)) {
            (Some(path), _) => PrivateKey::read(path)?,
            (None, Ok(text)) => PrivateKey::parse(&Zeroizing::new(text), &format!("the variable {ENV}"))?,
            (None, Err(_)) => {
                return Err(Failure::Input(format!(
                    "nobody signs: give --key-file FILE, or a key in {ENV}, or --dev-account"
                )));
            }
        };
        key.account()
    }
}

/// A private key on its way to the signer. Never shown, wiped after use.
struct PrivateKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([hidden])")
    }
}

impl PrivateKey {
    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
        let file = std::fs::File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Failure::Input(format!("others may read the key in {shown}: run `chmod 600` on it")));
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_BYTES as usize + 1));
        file.take(MAX_KEY_FILE_BYTES + 1).read_to_string(&mut text).map_err(cannot)?;
        Self::parse(&text, &shown.to_string())
    }

    /// The error never repeats the text: it may be the key but for a slip.
    fn parse(text: &str, place: &str) -> Result<Self, Failure> {
        let digits = text.trim().trim_start_matches("0x");
        let mut key = Zeroizing::new([0; 32]);
        match alloy::hex::decode_to_slice(digits, &mut key[..]) {
            Ok(()) => Ok(Self(key)),
            Err(_) => Err(Failure::Input(format!("{place} holds no private key: that is 64 hex digits"))),
        }
    }

    fn account(self) -> Result<Account, Failure> {
        let signer = PrivateKeySigner::from_bytes(&B256::from(*self.0));
        let refused = |_| Failure::Input("the private key is zero or too large: no account has it".into());
        signer.map(Account::from_signer).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_never_shown() {
        let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [digits.to_owned(), format!("0x{digits}\n")] {
            let key = PrivateKey::parse(&text, "here").unwrap();
            assert!(!format!("{key:?}").contains("ac09"));
            assert_eq!(key.account().unwrap().address(), Account::dev().address());
        }
        for text in ["", "0x", &digits[1..], &format!("{digits}00"), &digits.replace('a', "g")] {
            let error = PrivateKey::parse(text, "here").unwrap_err().to_string();
            assert!(error.starts_with("here holds no private key") && !error.contains("0974"), "{error}");
        }
        assert!(PrivateKey::parse(&"0".repeat(64), "here").unwrap().account().is_err());
        assert!(PrivateKey::parse(&"f".repeat(64), "here").unwrap().account().is_err());
    }
}
