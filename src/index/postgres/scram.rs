//! SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding, as PostgreSQL asks for it.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The only mechanism that is spoken.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// A server that asks for more would keep this program busy (RUSTSEC-2026-0179); PostgreSQL's default is 4,096.
const MAX_ITERATIONS: u32 = 100_000;
/// No channel binding, which this client could not do.
const HEADER: &str = "n,,";

/// A conversation that has begun.
pub(super) struct Scram {
    password: Zeroizing<String>,
    nonce: String,
}

/// A conversation that has answered the server's challenge, and knows how the server must answer.
pub(super) struct Answered {
    signature: [u8; 32],
}

impl Scram {
    /// `nonce`: printable characters without a comma, never used before.
    pub(super) fn new(password: &str, nonce: String) -> Self {
        Self { password: Zeroizing::new(password.into()), nonce }
    }

    /// The first message. The user's name is that of the connection.
    pub(super) fn first(&self) -> String {
        format!("{HEADER}{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The answer to the challenge.
    pub(super) fn answer(self, challenge: &[u8]) -> Result<(String, Answered), &'static str> {
        self.answer_as(challenge, &self.first_bare())
    }

    fn answer_as(&self, challenge: &[u8], first_bare: &str) -> Result<(String, Answered), &'static str> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| "its challenge is no text")?;
        let mut parts = challenge.split(',');
        let mut part =
            |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or("its challenge is malformed");
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("its challenge is not for this conversation");
        }
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| "its challenge is malformed")?;
        let iterations: u32 = iterations.parse().map_err(|_| "its challenge is malformed")?;
        if iterations == 0 || iterations > MAX_ITERATIONS {
            return Err("it asks for more work than any password is worth");
        }
        let salted = Zeroizing::new(stretch(self.password.as_bytes(), &salt, iterations));
        let client_key = mac(&*salted, b"Client Key");
        let without_proof = format!("c={},r={nonce}", BASE64_STANDARD.encode(HEADER));
        let all = format!("{first_bare},{challenge},{without_proof}");
        let signature = mac(&Sha256::digest(client_key), all.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        let answer = format!("{without_proof},p={}", BASE64_STANDARD.encode(proof));
        Ok((answer, Answered { signature: mac(&mac(&*salted, b"Server Key"), all.as_bytes()) }))
    }
}

impl Answered {
    /// Whether the server knows the password, too.
    pub(super) fn check(&self, last: &[u8]) -> Result<(), &'static str> {
        let signature = last.strip_prefix(b"v=").and_then(|text| BASE64_STANDARD.decode(text).ok());
        if signature.is_some_and(|signature| signature == self.signature) {
            Ok(())
        } else {
            Err("it does not know the password")
        }
    }
}

/// PBKDF2 with one block.
fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = mac(password, &[salt, &1u32.to_be_bytes()].concat());
    let mut sum = last;
    for _ in 1..iterations {
        last = mac(password, &last);
        sum.iter_mut().zip(last).for_each(|(sum, last)| *sum ^= last);
    }
    sum
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn scram() -> Scram {
        Scram::new("pencil", "rOprNGfwEbeRWgbNEkqO".into())
    }

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example_of_the_standard() {
        let (answer, answered) = scram().answer_as(CHALLENGE.as_bytes(), "n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert!(answer.ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), "{answer}");
        answered.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(answered.check(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_err());
        assert!(answered.check(b"e=other-error").is_err());
        assert_eq!(scram().first(), "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
    }

    #[test]
    fn challenges_that_are_none_are_refused() {
        for (from, to) in [
            ("r=rOpr", "r=xOpr"),
            ("i=4096", "i=0"),
            ("i=4096", "i=100001"),
            ("i=4096", "i=-1"),
            ("s=W22Z", "s=%%"),
            (",s=", ",t="),
        ] {
            assert!(scram().answer(CHALLENGE.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(
            scram().answer(b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").is_err(),
            "no part of the server's"
        );
        assert!(scram().answer(b"").is_err() && scram().answer(&[0xff]).is_err());
    }
}
