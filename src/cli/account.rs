//! Who signs, where it goes, and what it may cost.

use super::{Failure, context::Session, keystore, operator::Terminal};
use alloy::{
    primitives::{Address, B256, U256},
    signers::local::PrivateKeySigner,
};
use std::{
    fmt,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use zeroize::Zeroizing;
pub(crate) use zkinfer::chain::parse_address as address;
use zkinfer::chain::{
    Account, Budget, Client, Depth, Fork, Node, Outbox, RemoteSigner, SendOptions,
    deployment::DeploymentFile,
    guard,
    money::{parse_amount, parse_price},
    submitter::connect,
};

/// Holds a private key where no other is given.
const ENV: &str = "ZKINFER_PRIVATE_KEY";
/// 64 digits, a prefix, a line's end, and some room.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// A node and an account that pays.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    /// The node. Given several times, more than half of the nodes have to agree on what is done once: claims, and acts on claims. What
    /// can be repeated is asked of the first that answers.
    #[arg(
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    rpc: Vec<String>,

    #[command(flatten)]
    payer: PayerArgs,
}

/// Who pays, and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct PayerArgs {
    /// The chain that the node has to be on; needed unless a deployment file says it, or it is a development chain (31337 or
    /// 1337).
    #[arg(long, value_name = "ID", conflicts_with = "deployment")]
    chain_id: Option<u64>,

    /// Where the contracts are, and on which chain: a file that `script/Deploy.s.sol` wrote.
    #[arg(long, value_name = "FILE")]
    deployment: Option<PathBuf>,

    /// Sign with the private key in this file: 64 hex digits, readable by its owner alone [default: the key in the
    /// environment variable ZKINFER_PRIVATE_KEY].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dev_account", "keystore"])]
    key_file: Option<PathBuf>,

    /// Sign with the key in this encrypted keystore (version 3), as `cast wallet` and geth write it.
    #[arg(long, value_name = "FILE", conflicts_with = "dev_account")]
    keystore: Option<PathBuf>,

    /// The keystore's password, the first line of this file [default: the variable ZKINFER_KEYSTORE_PASSWORD].
    #[arg(long, value_name = "FILE", requires = "keystore")]
    password_file: Option<PathBuf>,

    /// Have a signer in another process sign, which holds the key: `unix:/run/signer.sock` or an HTTP endpoint that answers
    /// `eth_signTransaction` (Web3Signer, clef behind its own method, a node with accounts).
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["dev_account", "keystore", "key_file"], requires = "from")]
    signer: Option<String>,

    /// The account that the signer signs for.
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "signer")]
    from: Option<Address>,

    /// Sign with the first account of development nodes, whose key everybody knows. Development chains only.
    #[arg(long)]
    dev_account: bool,

    /// The most for a unit of gas, in gwei, tip included. Below twice the base fee it saves nothing but may make you wait.
    #[arg(long, value_name = "GWEI", value_parser = parse_price)]
    max_fee: Option<u128>,

    /// The most for everything that the command sends, in the chain's currency, such as 0.05.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    max_cost: Option<U256>,

    /// How long to wait for each receipt.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,

    /// The rules that the chain's gas follows, where this release does not know them [default: Ethereum's and development
    /// chains' osaka, of others what the node says].
    #[arg(long, value_enum, value_name = "FORK")]
    fork: Option<ForkArg>,

    /// Agree to what it may cost. Without it a terminal is asked, before the first transaction to a chain that is no
    /// development chain.
    #[arg(long)]
    yes: bool,
}

/// How deep in the chain something has to be before the command ends.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct DepthArgs {
    /// How many blocks, the transaction's own included, it takes to be done; --wait is for all of them.
    #[arg(long, value_name = "BLOCKS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    confirmations: u64,

    /// Wait until the chain calls the block final: on Ethereum a quarter of an hour, for which --wait has to leave time.
    #[arg(long, conflicts_with = "confirmations")]
    until_final: bool,
}

impl DepthArgs {
    pub(crate) const fn depth(self) -> Depth {
        if self.until_final { Depth::Final } else { Depth::Blocks(self.confirmations) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ForkArg {
    /// No cap, no floor for calldata.
    Cancun,
    /// With the floor.
    Prague,
    /// With the cap of 2^24 gas.
    Osaka,
    /// Glamsterdam: a DRAFT, whose numbers may change.
    Amsterdam,
}

impl From<ForkArg> for Fork {
    fn from(fork: ForkArg) -> Self {
        match fork {
            ForkArg::Cancun => Self::Cancun,
            ForkArg::Prague => Self::Prague,
            ForkArg::Osaka => Self::Osaka,
            ForkArg::Amsterdam => Self::Amsterdam,
        }
    }
}

impl AccountArgs {
    /// Connects. The key is read before anything is asked of the node.
    pub(crate) async fn client(&self, session: &Session) -> Result<Client, Failure> {
        self.payer.client(&self.rpc, session).await
    }

    /// The address of a contract: the one that was given, or the deployment file's. One of both has to be there, not both.
    pub(crate) fn place(&self, option: &str, given: Option<Address>, contract: &str) -> Result<Address, Failure> {
        match (given, self.payer.file()?) {
            (Some(_), Some(_)) => {
                Err(Failure::Input(format!("{option} and --deployment both say where the {contract} is")))
            }
            (Some(address), None) => Ok(address),
            (None, Some(file)) => file.at(contract).map_err(Failure::Input),
            (None, None) => {
                Err(Failure::Input(format!("where is the {contract}? Give {option} ADDRESS, or --deployment FILE")))
            }
        }
    }

    /// The deployment file, if one was given.
    pub(crate) fn deployment(&self) -> Result<Option<DeploymentFile>, Failure> {
        self.payer.file()
    }
}

impl PayerArgs {
    /// Connects to nodes, which have to be on the chain that was named.
    async fn client(&self, rpc: &[String], session: &Session) -> Result<Client, Failure> {
        let account = self.account()?;
        self.client_of(account, rpc, session).await
    }

    /// The chain that a node of the program's own is to be. The account that everybody knows pays on development chains alone.
    pub(crate) fn chain_of_devnet(&self) -> Result<u64, Failure> {
        if self.deployment.is_some() {
            return Err(Failure::Input("--deployment goes with --rpc: on a new chain nothing is deployed".into()));
        }
        let chain_id = self.chain_id.unwrap_or(guard::DEV_CHAINS[0]);
        if self.dev_account || !self.has_account() {
            guard::admit_account(chain_id, Account::dev().address())?;
        }
        Ok(chain_id)
    }

    /// The same with the development account where no other one is given.
    pub(crate) async fn client_or_dev(&self, rpc: &str, session: &Session) -> Result<Client, Failure> {
        self.client_of(self.account_or_dev()?, &[rpc.to_owned()], session).await
    }

    /// The same at a node of the program's own. What is sent is not kept, since the node is gone when the program is; nobody is
    /// asked, since it is worth nothing whatever its chain id.
    pub(crate) async fn client_of_devnet(&self, rpc: &str, session: &Session) -> Result<Client, Failure> {
        let client = self.connect(self.account_or_dev()?, &[rpc.to_owned()]).await?;
        Ok(client.with_operator(Arc::new(Terminal::unasked(session))))
    }

    fn file(&self) -> Result<Option<DeploymentFile>, Failure> {
        self.deployment.as_deref().map(DeploymentFile::read).transpose().map_err(Failure::Input)
    }

    async fn client_of(&self, account: Account, rpc: &[String], session: &Session) -> Result<Client, Failure> {
        let outbox = Outbox::from_env()?;
        let client = self.connect(account, rpc).await?.with_outbox(outbox);
        Ok(client.with_operator(Arc::new(Terminal::new(session, self.yes))))
    }

    async fn connect(&self, account: Account, rpc: &[String]) -> Result<Client, Failure> {
        let options = SendOptions {
            receipt_deadline: Duration::from_secs(self.wait),
            budget: self.budget(),
            fork: self.fork(),
            ..SendOptions::default()
        };
        let named = self.named_chain()?;
        // Of several, one that is on another chain is a mistake, and not only a node that is of no use.
        let pool = if rpc.len() > 1 { Some(connect(rpc, named, None).await?) } else { None };
        let client = Client::new(first_node(rpc, named).await?, account)?.with_options(options);
        Ok(match pool {
            Some(pool) => client.with_endpoints(pool),
            None => client,
        })
    }

    fn account_or_dev(&self) -> Result<Account, Failure> {
        if self.has_account() { self.account() } else { Ok(Account::dev()) }
    }

    fn has_account(&self) -> bool {
        self.key_file.is_some() || self.keystore.is_some() || self.signer.is_some() || std::env::var_os(ENV).is_some()
    }

    /// The chain that was named, by its id or by a deployment file.
    pub(crate) fn named_chain(&self) -> Result<Option<u64>, Failure> {
        Ok(self.file()?.map(|file| file.chain_id).or(self.chain_id))
    }

    /// Whether the options agree to what it may cost.
    pub(crate) const fn agrees(&self) -> bool {
        self.yes
    }

    pub(crate) const fn budget(&self) -> Budget {
        Budget { max_fee: self.max_fee, max_cost: self.max_cost }
    }

    pub(crate) fn fork(&self) -> Option<Fork> {
        self.fork.map(Fork::from)
    }

    pub(crate) fn account(&self) -> Result<Account, Failure> {
        if self.dev_account {
            return Ok(Account::dev());
        }
        if let (Some(place), Some(from)) = (&self.signer, self.from) {
            return Ok(Account::of(RemoteSigner::new(place, from)?));
        }
        if let Some(path) = &self.keystore {
            return Ok(Account::from_signer(keystore::read(path, self.password_file.as_deref())?));
        }
        let key = match (&self.key_file, std::env::var(ENV)) {
            (Some(path), _) => PrivateKey::read(path)?,
            (None, Ok(text)) => PrivateKey::parse(&Zeroizing::new(text), &format!("the variable {ENV}"))?,
            (None, Err(_)) => {
                return Err(Failure::Input(format!(
                    "nobody signs: give --keystore FILE or --key-file FILE, a --signer with --from, or a key in {ENV}, or --dev-account"
                )));
            }
        };
        key.account()
    }
}

/// The first node that answers.
async fn first_node(rpc: &[String], named: Option<u64>) -> Result<Node, Failure> {
    let mut failure = Failure::Input("there is no node: give --rpc URL".into());
    for endpoint in rpc {
        match Node::connect_to(endpoint, named).await {
            Ok(node) => return Ok(node),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// What a file holds that nobody else may read.
pub(super) fn read_secret(path: &Path, limit: u64, what: &str) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Failure::Input(format!("others may read the {what} in {shown}: run `chmod 600` on it")));
    }
    let mut text = Zeroizing::new(String::with_capacity(limit as usize + 1));
    file.take(limit + 1).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
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
        Self::parse(&read_secret(path, MAX_KEY_FILE_BYTES, "key")?, &path.display().to_string())
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
