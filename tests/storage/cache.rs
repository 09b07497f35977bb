//! The bounded cache: what goes, what stays, and that other processes are heard.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};
use zkinfer::storage::{Cache, Eviction};

struct World {
    cache: Cache,
    _dir: tempfile::TempDir,
}

/// `count` entries of 100 bytes, used one after the other: `e0` first.
fn world(count: u64, max_bytes: u64) -> World {
    let dir = tempfile::tempdir().unwrap();
    let world = World { cache: Cache::at(dir.path().into()).with_max_bytes(max_bytes), _dir: dir };
    for i in 0..count {
        world.add(&format!("e{i}"), 100);
        world.used_at(&format!("e{i}"), i);
    }
    world
}

impl World {
    fn entry(&self, name: &str) -> PathBuf {
        self.cache.dir("artifacts").unwrap().join(name)
    }

    fn add(&self, name: &str, bytes: usize) {
        fs::create_dir_all(self.entry(name).join("deep")).unwrap();
        fs::write(self.entry(name).join("file"), vec![0; bytes / 2]).unwrap();
        fs::write(self.entry(name).join("deep/file"), vec![0; bytes - bytes / 2]).unwrap();
    }

    /// Moves the last use of an entry to a second of its own.
    fn used_at(&self, name: &str, second: u64) {
        drop(self.cache.lease(&self.entry(name)).unwrap());
        let lock = self.cache.root().join(format!("locks/artifacts-{name}.use"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second);
        fs::File::options().write(true).open(lock).unwrap().set_modified(time).unwrap();
    }

    fn evict(&self) -> Eviction {
        self.cache.evict("artifacts", |_| false).unwrap()
    }

    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache.root().join("artifacts")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_least_recently_used_go_first_and_no_more_than_needed() {
    let world = world(5, 300);
    // Used again: the oldest is the youngest now.
    drop(world.cache.lease(&world.entry("e0")).unwrap());
    let eviction = world.evict();
    assert_eq!(eviction.evicted, ["e1", "e2"]);
    assert_eq!((eviction.freed, eviction.left, world.cache.evictions()), (200, 300, 2));
    assert_eq!(world.left(), ["e0", "e3", "e4"]);
    assert_eq!(world.evict(), Eviction { left: 300, ..Eviction::default() });
    assert_eq!(world.cache.evictions(), 2);
    assert_eq!(fs::read_dir(world.cache.root().join("staging")).unwrap().count(), 0, "the space is free");
}

#[test]
fn what_is_in_use_or_being_built_stays() {
    let world = world(4, 0);
    let lease = world.cache.lease(&world.entry("e0")).unwrap();
    let clone = lease.clone();
    drop(lease);
    let building = world.cache.lock("artifacts-e1").unwrap();
    let eviction = world.evict();
    assert_eq!((eviction.evicted, eviction.in_use, eviction.left), (vec!["e2".into(), "e3".into()], 2, 200));
    drop(building);
    assert_eq!(world.evict().evicted, ["e1"]);
    drop(clone);
    assert_eq!(world.evict().evicted, ["e0"]);
    assert_eq!(world.left(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_made_again_stays() {
    let world = world(3, 100);
    let eviction = world.cache.evict("artifacts", |path| path.ends_with("e0")).unwrap();
    assert_eq!((eviction.evicted, eviction.irreplaceable), (vec!["e1".into(), "e2".into()], 1));
    assert_eq!(world.left(), ["e0"]);
}

/// The name under which this test program plays the other process.
const ROLE: &str = "ZKINFER_TEST_LEASE";

/// Not a test of its own: holds a lease until its standard input ends.
#[test]
fn other_process() {
    let Some(root) = std::env::var_os(ROLE) else { return };
    let cache = Cache::at(root.into());
    let _lease = cache.lease(&cache.root().join("artifacts/e0")).unwrap();
    println!("\nholding");
    let _ = std::io::stdin().lines().count();
}

#[test]
fn other_processes_are_heard_and_their_death_frees() {
    for kill in [false, true] {
        let world = world(2, 0);
        let mut other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cache::other_process", "--nocapture"])
            .env(ROLE, world.cache.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "holding"));
        let eviction = world.evict();
        assert_eq!((eviction.evicted, eviction.in_use), (vec!["e1".into()], 1));
        if kill {
            other.kill().unwrap();
        } else {
            other.stdin.take().unwrap().flush().unwrap();
        }
        other.wait().unwrap();
        assert_eq!(world.evict().evicted, ["e0"]);
    }
}

/// Many at once: every entry is counted once, and what is left fits.
#[test]
fn concurrent_evictions_remove_no_more_than_one_does() {
    let world = world(20, 500);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // A process of its own would have a value of its own.
                let cache = Cache::at(world.cache.root().into()).with_max_bytes(500);
                cache.evict("artifacts", |_| false).unwrap();
            });
        }
    });
    assert_eq!(world.left().len(), 5);
}

/// Not a test of its own: says what the environment leads to.
#[test]
fn other_environment() {
    if std::env::var_os(ROLE).is_some() {
        match Cache::from_env() {
            Ok(cache) => println!("\nlimit {}", cache.max_bytes()),
            Err(error) => println!("\nrefused: {error}"),
        }
    }
}

#[test]
fn the_limit_comes_from_the_environment() {
    for (value, says) in [
        ("", "limit 68719476736"),
        ("12345", "limit 12345"),
        ("0", "limit 0"),
        ("10GB", "refused: ZKINFER_CACHE_MAX_BYTES is `10GB`: give a whole number of bytes"),
        ("-1", "refused: ZKINFER_CACHE_MAX_BYTES"),
        ("99999999999999999999", "refused: ZKINFER_CACHE_MAX_BYTES"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cache::other_environment", "--nocapture"])
            .env(ROLE, "x")
            .env("ZKINFER_CACHE_DIR", "cache")
            .env("ZKINFER_CACHE_MAX_BYTES", value)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.lines().any(|line| line.starts_with(says)), "{value}: {printed}");
    }
}
