//! Which claim registry, and what is said of every act on it.

use crate::cli::{
    Failure,
    account::{self, AccountArgs, DepthArgs},
    context::Session,
    index::time,
};
use alloy::primitives::{Address, B256};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    chain::{
        Client, Node as ChainNode, Outbox,
        claims::{ClaimBatch, ClaimRegistry, Done},
        deployment::DeploymentFile,
    },
    proof::bundle::MAX_BUNDLE_BYTES,
};

const CONTRACT: &str = "ClaimRegistry";

/// A claim registry, and an account that acts on it.
#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// The ClaimRegistry [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    claim_registry: Option<Address>,

    /// Where the search for the claim's events begins: a block before it was posted [default: the deployment file's, else 0].
    #[arg(long, value_name = "BLOCK")]
    from_block: Option<u64>,

    #[command(flatten)]
    pub(crate) account: AccountArgs,

    #[command(flatten)]
    depth: DepthArgs,
}

impl PlaceArgs {
    pub(crate) fn registry(&self) -> Result<Address, Failure> {
        self.account.place("--claim-registry", self.claim_registry, CONTRACT)
    }

    /// Connects for acts on the registry.
    pub(crate) async fn client(&self, session: &Session) -> Result<Client, Failure> {
        Ok(self.account.client(session).await?.with_depth(self.depth.depth()))
    }

    pub(crate) fn first_block(&self) -> Result<u64, Failure> {
        Ok(self.from_block.or(self.account.deployment()?.map(|file| file.block)).unwrap_or(0))
    }
}

/// A claim registry that is looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// The node to ask.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    rpc: String,

    /// The ClaimRegistry [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    claim_registry: Option<Address>,

    /// Where the contracts are: a file that `script/Deploy.s.sol` wrote.
    #[arg(long, value_name = "FILE")]
    deployment: Option<PathBuf>,

    /// Where its events begin: a block before it was deployed [default: the deployment file's, else 0].
    #[arg(long, value_name = "BLOCK")]
    from_block: Option<u64>,
}

impl Node {
    /// The registry, whose code is compared with this release's, and the block at which its events begin.
    pub(crate) async fn open(&self) -> Result<(ClaimRegistry, u64), Failure> {
        let file = self.deployment.as_deref().map(DeploymentFile::read).transpose().map_err(Failure::Input)?;
        let address = match (self.claim_registry, &file) {
            (Some(address), _) => address,
            (None, Some(file)) => file.at(CONTRACT).map_err(Failure::Input)?,
            (None, None) => {
                return Err(Failure::Input(format!(
                    "where is the {CONTRACT}? Give --claim-registry ADDRESS, or --deployment FILE"
                )));
            }
        };
        let node = match &file {
            Some(file) => ChainNode::connect_to(&self.rpc, Some(file.chain_id)).await?,
            None => ChainNode::connect(&self.rpc).await?,
        };
        let from_block = self.from_block.or(file.map(|file| file.block)).unwrap_or(0);
        Ok((ClaimRegistry::at(&node, address).await?, from_block))
    }
}

/// What an act came to, into an object and rows.
pub(crate) fn done(done: &Done, object: &mut Value, rows: &mut Vec<(String, String)>) {
    object["done_before"] = json!(done.done_before);
    if let Some(mined) = &done.mined {
        object["transaction_hash"] = json!(mined.transaction_hash);
        object["block_number"] = json!(mined.block_number);
        object["gas_used"] = json!(mined.gas_used);
        rows.push(("transaction".into(), mined.transaction_hash.to_string()));
        rows.push(("gas".into(), mined.gas_used.to_string()));
    }
}

/// A second of Unix time, as people read it.
pub(crate) fn moment(seconds: u64) -> String {
    format!("{} UTC", time::show(seconds.saturating_mul(1000)))
}

/// A window, as people read it.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The leaves of a batch: of the file that was given, or of what was posted from here. They are those of the batch.
pub(crate) fn find_batch_file(
    file: Option<&Path>,
    outbox: &Outbox,
    registry: &ClaimRegistry,
    batch_id: B256,
) -> Result<Option<ClaimBatch>, Failure> {
    let batch = match file {
        Some(path) => read_batch(path)?,
        None => match outbox.kept_batch(registry.node().chain_id(), batch_id)? {
            Some(batch) => batch,
            None => return Ok(None),
        },
    };
    match batch.id(registry.address) {
        id if id == batch_id => Ok(Some(batch)),
        id => Err(Failure::Input(format!(
            "the file's leaves are those of batch {id} in this registry, not of {batch_id}"
        ))),
    }
}

fn read_batch(path: &Path) -> Result<ClaimBatch, Failure> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    ClaimBatch::from_json(&bytes).map_err(|error| Failure::Input(format!("{shown}: {error}")))
}
