//! A development node: anvil as a child process.

use super::{ChainError, Node};
use crate::evm::Tool;
use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, PipeReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// anvil is ready within half a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How many of anvil's last lines an error shows.
const LAST_WORDS: usize = 5;

/// What a development node is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevnetOptions {
    /// Its chain id; 31337 unless told otherwise.
    pub chain_id: u64,
    /// Seconds between blocks; a block for every transaction unless told otherwise.
    pub block_time: Option<u32>,
}

impl Default for DevnetOptions {
    fn default() -> Self {
        Self { chain_id: 31337, block_time: None }
    }
}

/// A running anvil on loopback, at a port that the operating system chose, with the rules of [`crate::evm::embedded`].
///
/// Dropping it kills the process and waits for its end, also when a panic unwinds. On Linux the kernel kills it as
/// well when this process ends in any other way.
#[derive(Debug)]
pub struct Devnet {
    child: Child,
    address: SocketAddr,
}

impl Devnet {
    /// Starts anvil, as found by [`crate::evm::Toolchain::anvil`], and waits until it listens.
    ///
    /// # Errors
    /// [`ChainError::Devnet`] with anvil's own words.
    pub async fn start(anvil: &Tool) -> Result<Self, ChainError> {
        Self::start_with(anvil, &DevnetOptions::default()).await
    }

    /// [`Devnet::start`] with options.
    ///
    /// # Errors
    /// [`ChainError::Devnet`].
    pub async fn start_with(anvil: &Tool, options: &DevnetOptions) -> Result<Self, ChainError> {
        let failed = |reason: String| ChainError::Devnet { reason };
        let command = command(anvil, options);
        let (started, child) = oneshot::channel();
        let (listening, address) = oneshot::channel();
        thread::Builder::new()
            .name("anvil".into())
            .spawn(move || keep(command, started, listening))
            .map_err(|error| failed(error.to_string()))?;
        let child = child.await.unwrap_or_else(|_| Err("its keeper thread is gone".into())).map_err(failed)?;
        // From here on dropping kills it.
        let mut devnet = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        devnet.address = match timeout(START_DEADLINE, address).await {
            Ok(Ok(address)) => address.map_err(failed)?,
            Ok(Err(_)) => return Err(failed("its keeper thread is gone".into())),
            Err(_) => return Err(failed(format!("it does not listen after {} s", START_DEADLINE.as_secs()))),
        };
        tracing::debug!(address = %devnet.address, pid = devnet.child.id(), "anvil is listening");
        Ok(devnet)
    }

    /// Its JSON-RPC endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives an account so much, in wei: the currency is the node's own.
    ///
    /// # Errors
    /// [`ChainError`] of the node.
    pub async fn give(&self, account: Address, balance: U256) -> Result<(), ChainError> {
        let node = Node::connect(&self.endpoint()).await?;
        let given = node.provider().raw_request::<_, ()>("anvil_setBalance".into(), (account, balance)).await;
        given.map_err(|error| node.error("the gift to the account", error))
    }

    /// Its process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(anvil: &Tool, options: &DevnetOptions) -> Command {
    let mut command = Command::new(&anvil.path);
    command
        .args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka", "--enable-tx-gas-limit"])
        .args(["--chain-id", &options.chain_id.to_string()])
        .env("NO_COLOR", "1")
        .env_remove("ANVIL_IP_ADDR")
        .stdin(Stdio::null());
    if let Some(seconds) = options.block_time {
        command.args(["--block-time", &seconds.to_string()]);
    }
    die_with_parent(&mut command);
    command
}

/// Starts anvil and reads its output until it ends: a full pipe, or a closed one, would stop it.
///
/// It is this thread that starts it, because the kernel ties the child's life to the thread that made it, and threads
/// of a pool come and go.
fn keep(
    mut command: Command,
    started: oneshot::Sender<Result<Child, String>>,
    listening: oneshot::Sender<Result<SocketAddr, String>>,
) {
    let spawned = spawn(&mut command);
    // The command holds the writing ends of the pipe.
    drop(command);
    let reader = match spawned {
        Ok((child, reader)) => {
            if let Err(Ok(mut child)) = started.send(Ok(child)) {
                // Whoever wanted it is gone.
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            reader
        }
        Err(error) => {
            let _ = started.send(Err(error.to_string()));
            return;
        }
    };
    let mut listening = Some(listening);
    let mut last_words = VecDeque::new();
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        let Some(waiting) = listening.take() else { continue };
        if let Some(address) = line.strip_prefix("Listening on ") {
            let _ = waiting.send(address.trim().parse().map_err(|_| format!("it listens on `{address}`")));
            continue;
        }
        if !line.trim().is_empty() {
            last_words.push_back(line);
        }
        if last_words.len() > LAST_WORDS {
            last_words.pop_front();
        }
        listening = Some(waiting);
    }
    if let Some(waiting) = listening {
        let words = Vec::from(last_words).join(" | ");
        let _ = waiting.send(Err(if words.is_empty() { "it ended without a word".into() } else { words }));
    }
}

fn spawn(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    Ok((child, reader))
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only prctl and getppid run, which are async-signal-safe and touch no memory.
    unsafe {
        let parent = libc::getpid();
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have ended before the signal was asked for.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
