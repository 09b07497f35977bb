//! The EZKL installation: a Python virtual environment with one hash-pinned wheel, outside this project.

use super::{VERSION, worker::NAME};
use crate::{
    backend::BackendError,
    storage::{Cache, StorageError},
};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const REQUIREMENTS: &str = include_str!("../ezkl_worker/requirements.txt");
/// Names the Python to make the environment with.
pub const PYTHON_ENV: &str = "ZKINFER_PYTHON";
const MIN_PYTHON: (u32, u32) = (3, 9);

/// What a user has to know before EZKL is installed.
pub const LICENCE_NOTICE: &str = "EZKL 23.0.5 publishes no licence. It is not part of zkinfer: this command installs it from the Python package index \
for you, and whether you may use it is for you to judge.";

/// A virtual environment that holds EZKL.
#[derive(Clone, Debug)]
pub struct Installation {
    dir: PathBuf,
}

impl Installation {
    /// Finds the installation in the cache.
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] says to run `zkinfer setup ezkl`.
    pub fn find(cache: &Cache) -> Result<Self, BackendError> {
        let installation = Self { dir: cache.root().join(folder()) };
        match fs::read_to_string(installation.marker()) {
            Ok(text) if text == marker_text() && installation.python().exists() => Ok(installation),
            _ => Err(missing("it is not installed", "Run `zkinfer setup ezkl`")),
        }
    }

    /// Makes the virtual environment, or finds it made. Returns whether it had to be made.
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] when Python or its packages cannot be had.
    pub fn install(cache: &Cache) -> Result<(Self, bool), BackendError> {
        let _lock = cache.lock("ezkl-install").map_err(storage)?;
        if let Ok(found) = Self::find(cache) {
            return Ok((found, false));
        }
        let python = find_python()?;
        let dir = cache.dir(&folder()).map_err(storage)?;
        // An environment without its marker is one whose making was interrupted: nothing in it is kept.
        fs::remove_dir_all(&dir).map_err(BackendError::io(&dir))?;
        fs::create_dir_all(&dir).map_err(BackendError::io(&dir))?;
        let installation = Self { dir };
        run(
            &python,
            ["-m".as_ref(), "venv".as_ref(), installation.venv().as_os_str()],
            "make a virtual environment",
            "Install Python's venv module (Debian: apt install python3-venv)",
        )?;
        let requirements = installation.dir.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).map_err(BackendError::io(&requirements))?;
        let pip: [&OsStr; 10] = [
            "-I".as_ref(),
            "-m".as_ref(),
            "pip".as_ref(),
            "install".as_ref(),
            "--require-hashes".as_ref(),
            "--no-deps".as_ref(),
            "--only-binary=:all:".as_ref(),
            "--no-input".as_ref(),
            "-r".as_ref(),
            requirements.as_os_str(),
        ];
        run(
            &installation.python(),
            pip,
            "install EZKL",
            "Check that pip reaches the Python package index and that EZKL has a wheel for this machine (none for Linux with glibc on aarch64)",
        )?;
        fs::create_dir_all(installation.home()).map_err(BackendError::io(&installation.dir))?;
        fs::write(installation.marker(), marker_text()).map_err(BackendError::io(&installation.dir))?;
        Ok((installation, true))
    }

    /// The environment's Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// What EZKL takes for the user's home directory: it writes caches there.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    fn venv(&self) -> PathBuf {
        self.dir.join("venv")
    }

    fn marker(&self) -> PathBuf {
        self.dir.join("installed")
    }
}

fn folder() -> String {
    format!("ezkl-{VERSION}")
}

/// Changes when the pinned wheel does.
fn marker_text() -> String {
    blake3::hash(REQUIREMENTS.as_bytes()).to_hex().to_string()
}

fn missing(problem: impl Into<String>, hint: &str) -> BackendError {
    BackendError::NotInstalled { backend: NAME, problem: problem.into(), hint: hint.into() }
}

fn storage(error: StorageError) -> BackendError {
    missing(error.to_string(), "Make the directory writable")
}

/// A Python of [`MIN_PYTHON`] or newer: `$ZKINFER_PYTHON`, else `python3`.
fn find_python() -> Result<PathBuf, BackendError> {
    let python = std::env::var_os(PYTHON_ENV).map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let hint = format!("Install Python {}.{} or newer, or name one in {PYTHON_ENV}", MIN_PYTHON.0, MIN_PYTHON.1);
    let program = "import sys; print(sys.version_info[0], sys.version_info[1])";
    let output = Command::new(&python)
        .args(["-I", "-c", program])
        .output()
        .map_err(|error| missing(format!("{} cannot be run ({error})", python.display()), &hint))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version: Vec<u32> = text.split_whitespace().filter_map(|part| part.parse().ok()).collect();
    match version[..] {
        [major, minor] if (major, minor) >= MIN_PYTHON => Ok(python),
        _ => Err(missing(format!("{} is not a Python that can be used", python.display()), &hint)),
    }
}

fn run<'a>(
    program: &Path,
    args: impl IntoIterator<Item = &'a OsStr>,
    what: &str,
    hint: &str,
) -> Result<(), BackendError> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| missing(format!("cannot {what} ({error})"), hint))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    Err(missing(format!("cannot {what} ({}: {})", output.status, last.join(" | ")), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_says_how_to() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().into());
        let error = Installation::find(&cache).unwrap_err();
        assert_eq!(error.class(), crate::FailureClass::Environment);
        assert!(error.to_string().contains("zkinfer setup ezkl"), "{error}");
    }

    /// An installation of another pinned version, or an interrupted one, is not used.
    #[test]
    fn a_stale_or_missing_marker_is_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().into());
        let installation = Installation { dir: cache.dir(&folder()).unwrap() };
        fs::create_dir_all(installation.venv().join("bin")).unwrap();
        fs::write(installation.python(), "").unwrap();
        assert!(Installation::find(&cache).is_err());
        fs::write(installation.marker(), "another").unwrap();
        assert!(Installation::find(&cache).is_err());
        fs::write(installation.marker(), marker_text()).unwrap();
        assert!(Installation::find(&cache).is_ok());
    }
}
