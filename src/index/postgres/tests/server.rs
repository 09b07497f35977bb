//! A PostgreSQL server with pgvector: `tools/pgvector serve` in a temporary directory.

use super::super::{PostgresIndex, place::Place, wire::Connection};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;

/// A server that ends, and takes its files away, with its standard input: with this value, or with this process, however it
/// ends.
pub(super) struct Server {
    folder: TempDir,
    child: Child,
    databases: AtomicU32,
}

/// The server of this process. `None` where there is none to be had, which is said.
static SHARED: LazyLock<Option<Server>> = LazyLock::new(Server::start);

impl Server {
    pub(super) fn shared() -> Option<&'static Self> {
        SHARED.as_ref()
    }

    pub(super) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/pgvector");
        let mut command = Command::new(script);
        command.arg("serve").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = Vec::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            if line.ends_with("database system is ready to accept connections") {
                // What it says later goes nowhere, and never fills the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Some(Self { folder, child, databases: AtomicU32::new(0) });
            }
            said.push(line);
        }
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(3), "the server did not start:\n{}", said.join("\n"));
        println!("SKIPPED, since no PostgreSQL with pgvector can be had: {}", said.join("\n"));
        None
    }

    /// The name of a database that is new.
    pub(super) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    pub(super) fn address(&self, database: &str, user: &str) -> String {
        format!("postgres:///{database}?host={}&user={user}", self.folder.path().display())
    }

    /// A connection of the superuser's.
    pub(super) fn connect(&self, database: &str) -> Connection {
        Connection::open(&Place::parse(&self.address(database, "zkinfer"), None).unwrap()).unwrap()
    }

    pub(super) fn run(&self, database: &str, sql: &str) {
        self.connect(database).run(sql).unwrap();
    }

    pub(super) fn index(&self, database: &str) -> PostgresIndex {
        PostgresIndex::open(&self.address(database, "zkinfer")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
