//! What the machine lacks is exit code 3 and a sentence that says what to do.

use crate::program::{STATE, command, run, zkinfer};
use std::{fs, process::Command};
use tempfile::TempDir;
use zkinfer::{
    chain::{Devnet, devnet::DevnetOptions},
    evm::Toolchain,
};

/// The program copied away from the project, so that it finds no tools beside itself, in an empty directory.
fn away(args: &[&str]) -> (TempDir, Command) {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("zkinfer");
    fs::copy(env!("CARGO_BIN_EXE_zkinfer"), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(args).current_dir(dir.path()).env("PATH", dir.path());
    for name in ["ZKINFER_HOME", "ZKINFER_SOLC", "ZKINFER_ANVIL"] {
        command.env_remove(name);
    }
    (dir, command)
}

#[test]
fn missing_ezkl_says_how_to_install_it() {
    let cache = tempfile::tempdir().unwrap();
    let out = cache.path().join("bundle.json");
    let mut prove = command(&["prove", "--backend", "ezkl", "--out", out.to_str().unwrap()]);
    run(prove.env("ZKINFER_CACHE_DIR", cache.path())).expect(3).says("zkinfer setup ezkl");
    let mut demo = command(&["demo", "--backend", "ezkl", "--json"]);
    let demo = run(demo.env("ZKINFER_CACHE_DIR", cache.path())).expect(3);
    assert_eq!(demo.json()["error"]["class"], "environment");
}

#[test]
fn missing_python_says_what_to_install() {
    let cache = tempfile::tempdir().unwrap();
    let mut setup = command(&["setup", "ezkl"]);
    let setup = setup.env("ZKINFER_CACHE_DIR", cache.path()).env("ZKINFER_PYTHON", "/nonexistent/python");
    run(setup).expect(3).says("ZKINFER_PYTHON");
    let (_dir, mut setup) = away(&["setup", "ezkl"]);
    run(setup.env("ZKINFER_CACHE_DIR", cache.path()).env_remove("ZKINFER_PYTHON")).expect(3).says("Install Python");
}

#[test]
fn missing_npm_packages_say_what_to_run() {
    let (dir, mut demo) = away(&["demo"]);
    run(demo.env("ZKINFER_CACHE_DIR", dir.path())).expect(3).says("npm ci");
    let (_dir, mut doctor) = away(&["doctor", "--json"]);
    let doctor = run(&mut doctor).expect(3);
    assert_eq!(doctor.json()["healthy"], false);
}

#[test]
fn no_directory_for_the_cache_is_said() {
    let out = tempfile::tempdir().unwrap();
    let mut prove = command(&["prove", "--out", out.path().join("bundle.json").to_str().unwrap()]);
    for name in ["ZKINFER_CACHE_DIR", "XDG_CACHE_HOME", "HOME"] {
        prove.env_remove(name);
    }
    run(&mut prove).expect(3).says("ZKINFER_CACHE_DIR");
}

#[test]
fn an_rpc_that_is_down_is_the_environments_fault() {
    // A port that was just free: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rpc = format!("http://127.0.0.1:{port}");
    let transaction = format!("0x{}", "11".repeat(32));
    zkinfer(&["audit", &transaction, "--rpc", &rpc]).expect(3);
    zkinfer(&["demo", "--rpc", &rpc]).expect(3);
    zkinfer(&["doctor", "--rpc", &rpc]).expect(3);
    zkinfer(&["audit", &transaction, "--rpc", "not a url"]).expect(2);
}

/// A chain that is worth something: named, with a key of one's own, and no model of the TEST SRS. Nothing is sent.
#[tokio::test]
async fn test_keys_and_test_models_go_to_development_chains_alone() {
    use std::os::unix::fs::PermissionsExt;
    let anvil = Toolchain::from_env().anvil().unwrap();
    let options = DevnetOptions { chain_id: 8453, ..DevnetOptions::default() };
    let devnet = Devnet::start_with(&anvil, &options).await.unwrap();
    let rpc = devnet.endpoint();
    let demo = |args: &[&str]| {
        let mut demo = command(&[&["demo", "--rpc", &rpc][..], args].concat());
        run(demo.env_remove("ZKINFER_PRIVATE_KEY"))
    };
    demo(&[]).expect(2).says("name it with --chain-id 8453");
    demo(&["--chain-id", "1"]).expect(2).says("not on chain 1");
    demo(&["--chain-id", "8453"]).expect(2).says("everybody knows the key");
    // On a node of the demo's own, too.
    run(command(&["demo", "--chain-id", "8453"]).env_remove("ZKINFER_PRIVATE_KEY"))
        .expect(2)
        .says("everybody knows the key");
    zkinfer(&["demo", "--deployment", "x.json"]).expect(2).says("--rpc");
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, "51".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let key = key.to_str().unwrap();
    let deploy = [
        "verifier",
        "deploy",
        "--srs",
        "test",
        "--registries",
        "--rpc",
        &rpc,
        "--chain-id",
        "8453",
        "--key-file",
        key,
        "--yes",
    ];
    zkinfer(&deploy).expect(2).says("TEST SRS");
    assert!(!STATE.path().join("outbox/sent.jsonl").exists() || !sent(8453), "something was sent");
}

/// Whether this process's tests have sent anything to a chain.
fn sent(chain_id: u64) -> bool {
    let log = fs::read_to_string(STATE.path().join("outbox/sent.jsonl")).unwrap();
    log.contains(&format!("\"chain_id\":{chain_id},"))
}

#[test]
fn doctor_finds_everything_here() {
    let run = zkinfer(&["doctor", "--backend", "ezkl", "--json"]).expect(0);
    assert_eq!(run.json()["healthy"], true);
    let text = zkinfer(&["doctor"]).expect(0).stdout;
    for name in ["solc", "anvil", "ezkl", "TEST", "accelerators"] {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
}

/// The default backend needs no EZKL: a machine without it is whole, unless it is asked for.
#[test]
fn doctor_requires_ezkl_only_for_ezkl() {
    let cache = tempfile::tempdir().unwrap();
    let doctor = |args: &[&str]| run(command(args).env("ZKINFER_CACHE_DIR", cache.path()));
    let text = doctor(&["doctor"]).expect(0).stdout;
    assert!(text.contains("absent") && !text.contains("MISSING"), "{text}");
    assert_eq!(doctor(&["doctor", "--backend", "ezkl", "--json"]).expect(3).json()["healthy"], false);
}
