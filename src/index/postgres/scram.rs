//! SCRAM-SHA-256 (RFC 5802, 7677): both sides show that they know the password, and neither says it.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// More rounds than any server asks for: each takes a microsecond.
const MAX_ROUNDS: u32 = 10_000_000;
const BLOCK: usize = 64;

type Hash = [u8; 32];

/// A conversation: first, then final, then the check of the server's last word.
pub(super) struct Scram {
    password: Zeroizing<String>,
    nonce: String,
    server_signature: Option<Hash>,
    is_done: bool,
}

impl Scram {
    pub(super) fn new(password: Zeroizing<String>) -> Result<Self, String> {
        let mut nonce = [0; 18];
        getrandom::fill(&mut nonce).map_err(|_| "no randomness from the operating system".to_owned())?;
        Ok(Self::with_nonce(password, base64(&nonce)))
    }

    const fn with_nonce(password: Zeroizing<String>, nonce: String) -> Self {
        Self { password, nonce, server_signature: None, is_done: false }
    }

    /// The account's name is in the start-up message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The answer to the server's first message.
    pub(super) fn last(&mut self, server: &str) -> Result<String, String> {
        let part = |name: &str| server.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) =
            (part("r="), part("s=").and_then(unbase64), part("i=").and_then(|rounds| rounds.parse().ok()))
        else {
            return Err("its challenge lacks nonce, salt or rounds".into());
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() || !(1..=MAX_ROUNDS).contains(&rounds) {
            return Err("its challenge is none".into());
        }
        let salted = stretch(self.password.as_bytes(), &salt, rounds);
        let client_key = hmac(&*salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let said = format!("{},{server},{without_proof}", self.first_bare());
        let signature = hmac(&Sha256::digest(client_key), said.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        self.server_signature = Some(hmac(&hmac(&*salted, b"Server Key"), said.as_bytes()));
        Ok(format!("{without_proof},p={}", base64(&proof)))
    }

    /// Whether the server has shown that it knows the password.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the server knows the password, too.
    pub(super) fn check(&mut self, server: &str) -> Result<(), String> {
        let signature = server.strip_prefix("v=").and_then(unbase64);
        match (signature, self.server_signature) {
            (Some(found), Some(expected)) if found == expected => {
                self.is_done = true;
                Ok(())
            }
            _ => Err("it does not know the account's password itself".into()),
        }
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Hash {
    let mut block = Zeroizing::new([0; BLOCK]);
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| Zeroizing::new(block.map(|byte| byte ^ with));
    let inner = Sha256::new().chain_update(pad(0x36).as_slice()).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c).as_slice()).chain_update(inner).finalize().into()
}

/// PBKDF2 with HMAC-SHA-256, one block.
fn stretch(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<Hash> {
    let mut last = hmac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut sum = Zeroizing::new(last);
    for _ in 1..rounds {
        last = hmac(password, &last);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let group = |chunk: &[u8]| {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4)
            .map(move |i| if i <= chunk.len() { DIGITS[(word >> (18 - 6 * i)) as usize & 63] as char } else { '=' })
            .collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::new();
    for chunk in digits.as_bytes().chunks(4) {
        let mut word = 0;
        for digit in chunk {
            word = word << 6 | DIGITS.iter().position(|other| other == digit)? as u32;
        }
        let whole = (word << (6 * (4 - chunk.len()))).to_be_bytes();
        bytes.extend(&whole[1..chunk.len()]);
    }
    text.len().is_multiple_of(4).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, but for the name, which PostgreSQL has elsewhere: so its signatures are not those of the RFC.
    #[test]
    fn a_server_that_knows_the_password_is_believed_and_another_is_not() {
        let password = || Zeroizing::new("pencil".to_owned());
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let mut client = Scram::with_nonce(password(), "rOprNGfwEbeRWgbNEkqO".into());
        let answer = client.last(challenge).unwrap();
        // The server, by its own formulas: it has stored the keys.
        let salted = stretch(b"pencil", &unbase64("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4096);
        let (without_proof, proof) = answer.split_once(",p=").unwrap();
        let said = format!("n=,r=rOprNGfwEbeRWgbNEkqO,{challenge},{without_proof}");
        let stored = Sha256::digest(hmac(&*salted, b"Client Key"));
        let key: Vec<u8> =
            unbase64(proof).unwrap().iter().zip(hmac(&stored, said.as_bytes())).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha256::digest(key), stored);
        let word = format!("v={}", base64(&hmac(&hmac(&*salted, b"Server Key"), said.as_bytes())));
        assert_eq!(client.check(&word), Ok(()));
        assert!(client.check("v=AAAA").is_err() && client.check("e=other-error").is_err());
        let mut other = Scram::with_nonce(Zeroizing::new("pencils".into()), "rOprNGfwEbeRWgbNEkqO".into());
        assert_ne!(other.last(challenge).unwrap(), answer);
        assert!(other.check(&word).is_err());
    }

    #[test]
    fn challenges_that_are_none_are_refused() {
        for challenge in [
            "",
            "r=abc,s=AAAA,i=1",
            "r=nonce,s=AAAA,i=1",
            "r=nonceX,s=A,i=1",
            "r=nonceX,s=AAAA,i=0",
            "r=nonceX,s=AAAA,i=4000000000",
        ] {
            let mut client = Scram::with_nonce(Zeroizing::new(String::new()), "nonce".into());
            assert!(client.last(challenge).is_err(), "{challenge}");
        }
    }

    #[test]
    fn known_answers() {
        // RFC 4231, test case 2; RFC 7914, section 11.
        let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(hex(&hmac(b"Jefe", b"what do ya want for nothing?")).starts_with("5bdcc146bf60754e6a042426089575c7"));
        assert!(hex(&*stretch(b"passwd", b"salt", 1)).starts_with("55ac046e56e3089fec1691c22544b605"));
        for text in ["", "f", "fo", "foo", "foob"] {
            assert_eq!(unbase64(&base64(text.as_bytes())).unwrap(), text.as_bytes());
        }
        assert_eq!((base64(b"foob"), unbase64("Zg="), unbase64("Z*==")), ("Zm9vYg==".into(), None, None));
    }
}
