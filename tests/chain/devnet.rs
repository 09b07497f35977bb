//! The development node starts, and never outlives its owner.

use crate::world;
use std::path::PathBuf;
use zkinfer::{
    FailureClass,
    chain::{ChainError, Devnet, Node},
    evm::{Tool, ToolKind},
};

fn alive(process: u32) -> bool {
    // Signal 0 asks whether there is such a process; zombies are reaped by the drop.
    unsafe { libc::kill(process as libc::pid_t, 0) == 0 }
}

#[tokio::test]
async fn two_nodes_run_side_by_side_and_end_when_dropped() {
    let first = Devnet::start(&world::anvil()).await.unwrap();
    let second = Devnet::start(&world::anvil()).await.unwrap();
    assert_ne!(first.endpoint(), second.endpoint());
    assert_eq!(Node::connect_dev(&first.endpoint()).await.unwrap().chain_id(), 31337);
    let (one, two) = (first.process_id(), second.process_id());
    assert!(alive(one) && alive(two));
    drop(first);
    assert!(!alive(one) && alive(two));
    drop(second);
    assert!(!alive(two));
}

#[tokio::test]
async fn a_panic_takes_the_node_along() {
    let devnet = Devnet::start(&world::anvil()).await.unwrap();
    let process = devnet.process_id();
    let panicked = tokio::spawn(async move {
        let _owner = devnet;
        panic!("on purpose");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert!(!alive(process));
}

/// Not a test: the process that the next one kills.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "run by killing_the_owner_kills_the_node"]
async fn owner_of_a_node() {
    use std::io::{Read, Write};
    let devnet = Devnet::start(&world::anvil()).await.unwrap();
    println!("\nprocess {}", devnet.process_id());
    std::io::stdout().flush().unwrap();
    // Until killed.
    let _ = std::io::stdin().read(&mut [0]);
}

#[cfg(target_os = "linux")]
#[test]
fn killing_the_owner_kills_the_node() {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "devnet::owner_of_a_node", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let process: i32 =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix("process ")?.parse().ok()).unwrap();
    // A descriptor that becomes readable when the process has ended.
    let handle = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) } as libc::c_int;
    assert!(handle >= 0, "the node is running");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let mut ended = libc::pollfd { fd: handle, events: libc::POLLIN, revents: 0 };
    let ready = unsafe { libc::poll(&mut ended, 1, 30_000) };
    unsafe { libc::close(handle) };
    assert_eq!(ready, 1, "the node outlived its owner");
}

#[tokio::test]
async fn a_program_that_is_no_anvil_is_an_environment_error() {
    for (path, expected) in [("/bin/false", "without a word"), ("/nonexistent/anvil", "No such file")] {
        let tool = Tool { kind: ToolKind::Anvil, path: PathBuf::from(path), version: "0".into() };
        let error = Devnet::start(&tool).await.unwrap_err();
        assert!(matches!(error, ChainError::Devnet { .. }));
        assert_eq!(error.class(), FailureClass::Environment);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
