//! One EZKL worker process: started, asked, limited, killed.

use super::{
    error::classify,
    install::Installation,
    pool::Threads,
    protocol::{Failure, FailureKind, Request, Response},
    watch::{POLL, Watch},
};
use crate::backend::BackendError;
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

const PROGRAM: &str = include_str!("../ezkl_worker/worker.py");
/// A longer answer breaks the protocol. Proofs and instances are a few hundred kilobytes at most.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;
const LOG_LINES: usize = 12;
/// What of the environment a worker sees.
const INHERITED: [&str; 5] = ["PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", THREADS];
/// The size of EZKL's thread pool, which it makes once.
const THREADS: &str = "RAYON_NUM_THREADS";
pub(super) const NAME: &str = "EZKL";

/// A running worker. It is killed and reaped when this is dropped.
pub(super) struct Worker {
    child: Child,
    requests: ChildStdin,
    responses: Receiver<std::io::Result<Vec<u8>>>,
    log: Arc<Mutex<VecDeque<String>>>,
    next_id: u64,
    threads: Threads,
}

/// What a request yielded and what it took.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) result: T,
    pub(super) peak_rss_kb: u64,
    /// Of all threads.
    pub(super) cpu: Duration,
}

impl Worker {
    /// Starts the embedded program under the installation's Python.
    pub(super) fn start(installation: &Installation, threads: Threads) -> Result<Self, BackendError> {
        let mut command = Command::new(installation.python());
        command
            // Isolated, no bytecode: neither the current directory nor the user's site-packages are looked at.
            .args(["-I", "-B", "-c", PROGRAM])
            .arg(installation.home())
            // Keys and tokens in this process's environment are not EZKL's business.
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // The user's number is the user's decision.
        if threads == Threads::One && std::env::var_os(THREADS).is_none() {
            command.env(THREADS, "1");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))?;
        let (Some(requests), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(not_started(&"its pipes are missing"));
        };
        let log = Arc::new(Mutex::new(VecDeque::new()));
        drain_log(stderr, Arc::clone(&log));
        Ok(Self { child, requests, responses: read_lines(stdout), log, next_id: 1, threads })
    }

    /// Sends one request and waits for its answer, as long as `watch` permits.
    ///
    /// After an error other than the worker's own answer the process has been killed: drop it.
    pub(super) fn call<R: Request>(&mut self, request: &R, watch: &Watch<'_>) -> Result<Answer<R::Result>, CallError> {
        let args = serde_json::to_value(request).map_err(|error| CallError::Refused(unspeakable(&error)))?;
        let id = self.next_id;
        self.next_id += 1;
        let line = serde_json::json!({ "id": id, "op": R::OP, "args": args });
        if self.requests.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.requests.flush()).is_err() {
            return Err(self.died(R::OP));
        }
        let line = self.wait(R::OP, watch)?;
        let response: Response<R::Result> = serde_json::from_slice(&line).map_err(|error| {
            self.kill();
            CallError::Lost(broken(R::OP, format!("gave an answer that cannot be read ({error})"), &self.log))
        })?;
        if response.id != Some(id) {
            self.kill();
            return Err(CallError::Lost(broken(R::OP, "answered another request".into(), &self.log)));
        }
        match (response.result, response.error) {
            (Some(result), None) => Ok(Answer {
                result,
                peak_rss_kb: response.rss_peak_kb,
                cpu: Duration::try_from_secs_f64(response.cpu_ms / 1e3).unwrap_or_default(),
            }),
            (_, Some(failure)) => Err(CallError::Refused(failure)),
            (None, None) => {
                self.kill();
                Err(CallError::Lost(broken(R::OP, "gave an empty answer".into(), &self.log)))
            }
        }
    }

    fn wait(&mut self, op: &'static str, watch: &Watch<'_>) -> Result<Vec<u8>, CallError> {
        loop {
            match self.responses.recv_timeout(POLL) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(error)) => {
                    self.kill();
                    return Err(CallError::Lost(broken(op, format!("broke its protocol ({error})"), &self.log)));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.died(op)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = watch.check_process(op, self.child.id()) {
                self.kill();
                return Err(CallError::Lost(error));
            }
        }
    }

    fn died(&mut self, op: &str) -> CallError {
        self.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        CallError::Lost(broken(op, format!("died ({status})"), &self.log))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) const fn threads(&self) -> Threads {
        self.threads
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn kill(&mut self) {
        // Errors mean that it is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("pid", &self.child.id()).finish_non_exhaustive()
    }
}

/// Why a call gave no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// The worker answered that it failed; it is usable.
    Refused(Failure),
    /// The worker is gone.
    Lost(BackendError),
}

impl CallError {
    /// As an error of the backend, with a hint.
    pub(super) fn into_backend(self, operation: &str) -> BackendError {
        match self {
            Self::Lost(error) => error,
            Self::Refused(failure) => classify(operation, &failure),
        }
    }
}

/// A path that is no Unicode text cannot be told to the worker.
fn unspeakable(error: &serde_json::Error) -> Failure {
    Failure { kind: FailureKind::Protocol, message: error.to_string(), detail: String::new() }
}

fn not_started(error: &dyn std::fmt::Display) -> BackendError {
    BackendError::NotInstalled {
        backend: NAME,
        problem: format!("its Python cannot be started ({error})"),
        hint: "Run `zkinfer setup ezkl`".into(),
    }
}

fn broken(op: &str, what: String, log: &Mutex<VecDeque<String>>) -> BackendError {
    let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
    let detail = if lines.is_empty() {
        String::new()
    } else {
        format!("; it last printed: {}", lines.iter().cloned().collect::<Vec<_>>().join(" | "))
    };
    BackendError::Worker { backend: NAME, what, operation: op.into(), detail }
}

/// Reads response lines on a thread, so that a caller can wait with a limit. Ends with the process.
fn read_lines(stdout: impl Read + Send + 'static) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            match (&mut reader).take(MAX_RESPONSE_BYTES + 1).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) if line.last() == Some(&b'\n') => {
                    if sender.send(Ok(line)).is_err() {
                        return;
                    }
                }
                Ok(_) => {
                    let error = if line.len() as u64 > MAX_RESPONSE_BYTES {
                        "an answer is too long"
                    } else {
                        "an answer is cut"
                    };
                    let _ = sender.send(Err(std::io::Error::other(error)));
                    return;
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            }
        }
    });
    receiver
}

/// Keeps the last lines that the process prints; it would block on a full pipe if nobody read them.
fn drain_log(stderr: impl Read + Send + 'static, log: Arc<Mutex<VecDeque<String>>>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.by_ref().take(4096).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text: String = String::from_utf8_lossy(&line).trim().chars().take(300).collect();
            line.clear();
            if text.is_empty() {
                continue;
            }
            tracing::trace!(target: "zkinfer::ezkl", "{text}");
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() == LOG_LINES {
                log.pop_front();
            }
            log.push_back(text);
        }
    });
}
