//! Runs the program.

use serde_json::Value;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};
use tempfile::TempDir;

/// What a run printed and how it ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Fails with everything that was printed unless the exit code is `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless the error message says `text`.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in: {}", self.stderr);
        self
    }
}

pub(crate) static STATE: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

pub(crate) fn zkinfer(args: &[&str]) -> Run {
    run(&mut command(args))
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkinfer"));
    // What a test sends is not kept among what the user has sent, nor sent where the user sends; and the tests of commands
    // that have no cache of their own do not fill the user's index.
    command.args(args).env("ZKINFER_STATE_DIR", STATE.path()).env_remove("ETH_RPC_URL").env("ZKINFER_INDEX", "off");
    command
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = loop {
        match command.output() {
            // A program that was just copied, which a process that another test is starting still holds open for writing.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => break output.unwrap(),
        }
    };
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn model(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits").join(name).display().to_string()
}

/// A cache without EZKL, and a native bundle, that the tests share.
pub(crate) static NATIVE: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.json");
    native(&dir, &["prove", "--out", path.to_str().unwrap()]).expect(0);
    (dir, path)
});

/// Runs the program with a cache that has no EZKL in it.
pub(crate) fn native(dir: &TempDir, args: &[&str]) -> Run {
    native_with(dir, &dir.path().join("state"), args)
}

/// The same with a state directory of its own.
pub(crate) fn native_with(dir: &TempDir, state: &Path, args: &[&str]) -> Run {
    let mut command = command(args);
    command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env("ZKINFER_STATE_DIR", state);
    run(command.env_remove("ZKINFER_INDEX"))
}

/// A bundle with a change, in a file of its own.
pub(crate) fn changed(path: &Path, dir: &TempDir, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut json);
    let changed = dir.path().join(name);
    std::fs::write(&changed, serde_json::to_vec(&json).unwrap()).unwrap();
    changed
}

/// A bundle of EZKL that the tests share, made by the program itself.
pub(crate) static BUNDLE: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.json");
    zkinfer(&["prove", "--backend", "ezkl", "--out", path.to_str().unwrap()]).expect(0);
    (dir, path)
});

pub(crate) fn bundle() -> &'static Path {
    &BUNDLE.1
}
