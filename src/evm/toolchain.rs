//! Finding the external tools: `solc` and `anvil`.
//!
//! Each is looked for in this order, and the first hit is used whether it works or not, so that a broken installation
//! is reported instead of hidden:
//!
//! 1. the environment: `ZKINFER_SOLC`, `ZKINFER_ANVIL`;
//! 2. a project directory, one that holds `tools/solc` (the wrapper over the npm package) or
//!    `node_modules/@foundry-rs/anvil-<os>-<arch>/bin/anvil`: `ZKINFER_HOME`, then the ancestors of the current
//!    directory, then those of the executable;
//! 3. `PATH`.
//!
//! The ancestors of the current directory are trusted as `npm` and `make` trust them: do not run this in a directory
//! that somebody else can write to.

use super::{EvmError, run::stdout_of};
use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The only solc that generated verifiers are compiled with: code hashes, hence model ids, depend on it.
pub const SOLC_VERSION: semver::Version = semver::Version::new(0, 8, 30);

/// Loading the wrapper's compiler for the first time takes about a second on an idle machine.
const VERSION_DEADLINE: Duration = Duration::from_secs(60);

/// An external program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// The Solidity compiler.
    Solc,
    /// The development node.
    Anvil,
}

impl ToolKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Solc => "solc",
            Self::Anvil => "anvil",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Solc => "ZKINFER_SOLC",
            Self::Anvil => "ZKINFER_ANVIL",
        }
    }

    /// Where it lies inside a project directory.
    fn in_project(self) -> PathBuf {
        match self {
            Self::Solc => PathBuf::from("tools/solc"),
            // The platform binary, not the launcher script beside it: killing the launcher orphans the node.
            Self::Anvil => PathBuf::from("node_modules/@foundry-rs")
                .join(format!("anvil-{}-{}", npm_os(), npm_arch()))
                .join("bin")
                .join(format!("anvil{}", env::consts::EXE_SUFFIX)),
        }
    }

    /// What to run to get it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Solc => {
                "run `make setup` (or `npm ci`) in the project directory, or set ZKINFER_SOLC to a solc 0.8.30"
            }
            Self::Anvil => {
                "run `make setup` (or `npm ci`) in the project directory, or set ZKINFER_ANVIL to an anvil binary"
            }
        }
    }
}

impl fmt::Display for ToolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tool that answered when it was asked for its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Which one.
    pub kind: ToolKind,
    /// Its absolute path.
    pub path: PathBuf,
    /// The version it reports, such as `0.8.30+commit.73712a01`.
    pub version: String,
}

/// Where tools are looked for. [`Toolchain::from_env`] is what commands use.
#[derive(Clone, Debug, Default)]
pub struct Toolchain {
    /// `ZKINFER_SOLC`.
    pub solc: Option<PathBuf>,
    /// `ZKINFER_ANVIL`.
    pub anvil: Option<PathBuf>,
    /// Directories whose project is searched; only [`Toolchain::home`] itself, the ancestors too of the others.
    pub starts: Vec<PathBuf>,
    /// `ZKINFER_HOME`.
    pub home: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
}

impl Toolchain {
    /// Reads the environment, the current directory and the executable's path.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let executable = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
        Self {
            solc: variable(ToolKind::Solc.variable()),
            anvil: variable(ToolKind::Anvil.variable()),
            starts: env::current_dir().into_iter().chain(executable).collect(),
            home: variable("ZKINFER_HOME"),
            path: env::var_os("PATH"),
        }
    }

    /// Finds solc [`SOLC_VERSION`].
    ///
    /// # Errors
    /// [`EvmError::ToolMissing`], [`EvmError::ToolBroken`] or [`EvmError::ToolVersion`].
    pub fn solc(&self) -> Result<Tool, EvmError> {
        let tool = self.find(ToolKind::Solc, self.solc.as_deref())?;
        let found = semver::Version::parse(&tool.version).ok();
        if found.is_some_and(|v| (v.major, v.minor, v.patch) == (0, 8, 30) && v.pre.is_empty()) {
            return Ok(tool);
        }
        Err(EvmError::ToolVersion {
            tool: tool.kind,
            path: tool.path,
            found: tool.version,
            expected: SOLC_VERSION.to_string(),
        })
    }

    /// Finds anvil, whatever its version.
    ///
    /// # Errors
    /// [`EvmError::ToolMissing`] or [`EvmError::ToolBroken`].
    pub fn anvil(&self) -> Result<Tool, EvmError> {
        self.find(ToolKind::Anvil, self.anvil.as_deref())
    }

    fn find(&self, kind: ToolKind, named: Option<&Path>) -> Result<Tool, EvmError> {
        let path = match named {
            Some(path) if path.is_file() => path.to_owned(),
            Some(path) => {
                let searched = format!("{} names {}, which is no file", kind.variable(), path.display());
                return Err(EvmError::ToolMissing { tool: kind, searched });
            }
            None => self.in_projects(kind).or_else(|| self.on_path(kind)).ok_or_else(|| EvmError::ToolMissing {
                tool: kind,
                searched: format!(
                    "looked for {} in {} and for `{kind}` on PATH",
                    kind.in_project().display(),
                    self.places()
                ),
            })?,
        };
        // solc runs in another directory than ours.
        let path = std::path::absolute(&path).unwrap_or(path);
        match stdout_of(Command::new(&path).arg("--version"), VERSION_DEADLINE) {
            Ok(text) => match version_in(&text) {
                Some(version) => Ok(Tool { kind, path, version }),
                None => Err(EvmError::ToolBroken { tool: kind, path, reason: "it reports no version".into() }),
            },
            Err(reason) => Err(EvmError::ToolBroken { tool: kind, path, reason }),
        }
    }

    fn in_projects(&self, kind: ToolKind) -> Option<PathBuf> {
        let inside = kind.in_project();
        let ancestors = self.starts.iter().flat_map(|start| start.ancestors());
        self.home.as_deref().into_iter().chain(ancestors).map(|root| root.join(&inside)).find(|path| path.is_file())
    }

    fn on_path(&self, kind: ToolKind) -> Option<PathBuf> {
        let program = format!("{kind}{}", env::consts::EXE_SUFFIX);
        let path = self.path.as_ref()?;
        env::split_paths(path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(&program)).find(|path| path.is_file())
    }

    fn places(&self) -> String {
        let home = self.home.iter().map(|home| format!("ZKINFER_HOME ({})", home.display()));
        let starts = self.starts.iter().map(|start| format!("{} and above", start.display()));
        home.chain(starts).collect::<Vec<_>>().join(", ")
    }
}

/// The version in `solc --version` or `anvil --version`: what follows `Version: `.
fn version_in(text: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.split_once("ersion: ")).map(|(_, rest)| rest)?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// The npm package's word for this operating system.
const fn npm_os() -> &'static str {
    match env::consts::OS.as_bytes() {
        b"macos" => "darwin",
        b"windows" => "win32",
        _ => env::consts::OS,
    }
}

/// The npm package's word for this processor.
const fn npm_arch() -> &'static str {
    match env::consts::ARCH.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        _ => env::consts::ARCH,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn script(path: &Path, body: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn finds_the_wrapper_above_the_current_directory_and_reads_its_version() {
        let root = tempfile::tempdir().unwrap();
        script(&root.path().join("tools/solc"), "echo 'Version: 0.8.30+commit.73712a01.Emscripten.clang'");
        let below = root.path().join("a/b");
        let tools = Toolchain { starts: vec![below], ..Toolchain::default() };
        let solc = tools.solc().unwrap();
        assert_eq!(solc.path, root.path().join("tools/solc"));
        assert_eq!(solc.version, "0.8.30+commit.73712a01.Emscripten.clang");
    }

    #[test]
    fn home_wins_over_ancestors_and_the_named_file_over_both() {
        let (home, other, named) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&home, &other] {
            script(&dir.path().join("tools/solc"), "echo 'Version: 0.8.30'");
        }
        let mut tools = Toolchain {
            home: Some(home.path().to_owned()),
            starts: vec![other.path().to_owned()],
            ..Toolchain::default()
        };
        assert!(tools.solc().unwrap().path.starts_with(home.path()));
        script(&named.path().join("mine"), "echo 'Version: 0.8.30'");
        tools.solc = Some(named.path().join("mine"));
        assert!(tools.solc().unwrap().path.starts_with(named.path()));
    }

    #[test]
    fn missing_tools_say_what_to_run() {
        let root = tempfile::tempdir().unwrap();
        let tools = Toolchain { starts: vec![root.path().to_owned()], ..Toolchain::default() };
        let error = tools.anvil().unwrap_err();
        assert!(matches!(error, EvmError::ToolMissing { tool: ToolKind::Anvil, .. }));
        assert!(error.to_string().contains("npm ci"), "{error}");

        let named = Toolchain { solc: Some(root.path().join("nothing")), ..Toolchain::default() };
        let error = named.solc().unwrap_err();
        assert!(error.to_string().contains("ZKINFER_SOLC names"), "{error}");
    }

    #[test]
    fn another_version_and_a_broken_tool_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("solc");
        let tools = Toolchain { path: Some(root.path().into()), ..Toolchain::default() };
        script(&path, "echo 'Version: 0.8.29+commit.ab55807c'");
        assert!(matches!(tools.solc().unwrap_err(), EvmError::ToolVersion { .. }));
        script(&path, "echo 'npm package solc not found' >&2; exit 1");
        let error = tools.solc().unwrap_err();
        assert!(error.to_string().contains("npm package solc not found"), "{error}");
    }

    #[test]
    fn reads_both_version_formats() {
        assert_eq!(version_in("anvil Version: 1.7.1\nCommit SHA: 4072e\n").unwrap(), "1.7.1");
        assert_eq!(version_in("solc, the solidity\nVersion: 0.8.30+x\n").unwrap(), "0.8.30+x");
        assert_eq!(version_in("nothing here"), None);
    }
}
