//! Encrypted keystores (Web3 Secret Storage, version 3).

use super::{Failure, account::read_secret};
use alloy::signers::local::PrivateKeySigner;
use serde::Deserialize;
use std::path::Path;
use zeroize::Zeroizing;

/// Holds a keystore's password where `--password-file` is not given.
const ENV: &str = "ZKINFER_KEYSTORE_PASSWORD";
/// Keystores have 500 bytes.
const MAX_KEYSTORE_BYTES: u64 = 16 * 1024;
const MAX_PASSWORD_BYTES: u64 = 4096;
/// The memory that deriving the key may take: geth's default is 256 MiB.
const MAX_SCRYPT_BYTES: u64 = 1 << 30;
const MAX_ROUNDS: u64 = 100_000_000;

/// What is looked at before anything is derived: a file may ask for all of a machine's memory, or for what its reader does not
/// expect.
#[derive(Deserialize)]
struct Keystore {
    crypto: Crypto,
    version: u8,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    kdfparams: Params,
    ciphertext: String,
    mac: String,
    cipherparams: Iv,
}

#[derive(Deserialize)]
struct Iv {
    iv: String,
}

#[derive(Deserialize)]
struct Params {
    dklen: u64,
    /// scrypt's.
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
    /// PBKDF2's.
    c: Option<u64>,
}

/// The key in a keystore.
pub(crate) fn read(path: &Path, password_file: Option<&Path>) -> Result<PrivateKeySigner, Failure> {
    let shown = path.display();
    let refuse = |reason: &str| Failure::Input(format!("{shown} is no keystore that can be used: {reason}"));
    let text = read_secret(path, MAX_KEYSTORE_BYTES, "keystore")?;
    if text.len() as u64 > MAX_KEYSTORE_BYTES {
        return Err(refuse("it is too large"));
    }
    // geth and others write `Crypto` at times; the error of the reader repeats nothing of the file.
    let keystore: Keystore = serde_json::from_str(&text).map_err(|_| refuse("it is not the JSON of version 3"))?;
    check(&keystore).map_err(refuse)?;
    let password = password(password_file)?;
    PrivateKeySigner::decrypt_keystore(path, password.as_bytes())
        .map_err(|_| Failure::Input(format!("the password does not open {shown}")))
}

fn check(keystore: &Keystore) -> Result<(), &'static str> {
    let crypto = &keystore.crypto;
    if keystore.version != 3 || crypto.cipher != "aes-128-ctr" {
        return Err("only version 3 with aes-128-ctr is read");
    }
    let hex = |text: &str, bytes: usize| text.len() == 2 * bytes && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex(&crypto.ciphertext, 32) || !hex(&crypto.mac, 32) || !hex(&crypto.cipherparams.iv, 16) {
        return Err("key, mac or iv have another length than they should");
    }
    let params = &crypto.kdfparams;
    let is_bounded = match (params.n, params.r, params.p, params.c) {
        (Some(n), Some(r), Some(p), None) => {
            let memory = n.checked_mul(r).and_then(|product| product.checked_mul(128));
            n.is_power_of_two()
                && n > 1
                && r > 0
                && (1..=16).contains(&p)
                && memory.is_some_and(|m| m <= MAX_SCRYPT_BYTES)
        }
        (None, None, None, Some(c)) => (1..=MAX_ROUNDS).contains(&c),
        _ => false,
    };
    if params.dklen != 32 || !is_bounded {
        return Err("deriving its key would take more than is allowed, or it says not how");
    }
    Ok(())
}

fn password(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    match (file, std::env::var(ENV)) {
        (Some(path), _) => {
            let text = read_secret(path, MAX_PASSWORD_BYTES, "password")?;
            // The line's end is the editor's, spaces are the user's.
            Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
        }
        (None, Ok(password)) => Ok(Zeroizing::new(password)),
        (None, Err(_)) => Err(Failure::Input(format!(
            "the keystore has a password: give --password-file FILE, or the password in {ENV}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

    /// The test vector of the definition: PBKDF2, password `testpassword`.
    const VECTOR: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
        "kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",
        "salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
        "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

    fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[test]
    fn the_definitions_vector_is_opened_by_its_password_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keystore = file(&dir, "key.json", VECTOR);
        let password = file(&dir, "password", "testpassword\n");
        let signer = read(&keystore, Some(&password)).unwrap();
        assert_eq!(signer.address().to_string().to_lowercase(), "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
        let wrong = read(&keystore, Some(&file(&dir, "wrong", "testpasswort"))).unwrap_err().to_string();
        assert!(wrong.contains("does not open") && !wrong.contains("testpass"), "{wrong}");
        fs::set_permissions(&password, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&keystore, Some(&password)).unwrap_err().to_string().contains("chmod 600"));
    }

    /// Each of them would panic in the reader, take all memory, or for ever.
    #[test]
    fn keystores_that_ask_for_too_much_are_refused_before_anything_is_derived() {
        let scrypt = |n: u64, r: u64, p: u64, dklen: u64| {
            let params = format!(r#""kdfparams":{{"n":{n},"r":{r},"p":{p},"dklen":{dklen},"salt":"00"}}"#);
            let (head, rest) = VECTOR.split_once("\"kdfparams\"").unwrap();
            format!("{head}{params}{}", rest.split_once('}').unwrap().1)
        };
        let parse = |text: &str| check(&serde_json::from_str(text).unwrap());
        assert_eq!(parse(VECTOR), Ok(()));
        assert_eq!(parse(&scrypt(262_144, 8, 1, 32)), Ok(()));
        for text in [
            scrypt(1 << 30, 8, 1, 32),
            scrypt(1 << 63, 1 << 63, 1, 32),
            scrypt(262_143, 8, 1, 32),
            scrypt(0, 8, 1, 32),
            scrypt(262_144, 0, 1, 32),
            scrypt(262_144, 8, 1000, 32),
            scrypt(262_144, 8, 1, 16),
            VECTOR.replace("262144", "4000000000"),
            VECTOR.replace("\"version\":3", "\"version\":1"),
            VECTOR.replace("aes-128-ctr", "aes-128-cbc"),
            VECTOR.replace("6087dab2", "6087"),
            VECTOR.replace("5318b4d5", ""),
        ] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
