//! Where a server is, and who asks.

use crate::index::IndexError;
use reqwest::Url;
use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// The usual port.
const PORT: u16 = 5432;

/// A server's address, an account and a database.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) server: Server,
    pub(super) user: String,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) database: String,
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// A socket in this directory.
    Socket(PathBuf),
    /// Over the network, with TLS unless it was told otherwise. `roots`: a file of authorities beside the system's.
    Network { host: String, port: u16, tls: bool, roots: Option<PathBuf> },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.to_string()).finish()
    }
}

/// Without the account and its password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::Socket(folder) => write!(f, "postgres:///{}?host={}", self.database, folder.display()),
            Server::Network { host, port, .. } => write!(f, "postgres://{host}:{port}/{}", self.database),
        }
    }
}

impl Place {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `postgres:///DATABASE?host=/DIRECTORY&user=USER`. `PGPASSWORD`
    /// has the password that the address leaves away.
    pub(super) fn parse(text: &str, password: Option<String>) -> Result<Self, IndexError> {
        // The address may hold a password: it is never repeated.
        let bad =
            |reason: &str| IndexError::Unreachable { endpoint: "the given address".into(), reason: reason.into() };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(bad("it does not begin with postgres://"));
        }
        let (mut socket, mut user, mut tls, mut roots) = (None, decoded(url.username()), None, None);
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("host", folder) if folder.starts_with('/') => socket = Some(PathBuf::from(folder)),
                ("user", name) => user = name.to_owned(),
                ("sslmode", "disable") => tls = Some(false),
                ("sslmode", "verify-full") => tls = Some(true),
                ("sslrootcert", file) => roots = Some(PathBuf::from(file)),
                ("sslmode", _) => return Err(bad("sslmode is `verify-full`, the default, or `disable`")),
                (other, _) => return Err(bad(&format!("nothing is known of `{other}` here"))),
            }
        }
        let host = url.host_str().filter(|host| !host.is_empty()).map(|host| host.trim_matches(['[', ']']).to_owned());
        let server = match (socket, host) {
            (Some(folder), None) if tls.is_none() && roots.is_none() => Server::Socket(folder),
            (None, Some(host)) => {
                let here = matches!(&*host, "localhost" | "127.0.0.1" | "::1");
                Server::Network {
                    port: url.port().unwrap_or(PORT),
                    tls: tls.unwrap_or(!here || roots.is_some()),
                    host,
                    roots,
                }
            }
            _ => return Err(bad("it names either a host, or the directory of a socket as host=/DIRECTORY")),
        };
        if user.is_empty() {
            return Err(bad("it names no account"));
        }
        let password = url.password().map(decoded).or(password).map(Zeroizing::new);
        let database = decoded(url.path().trim_start_matches('/'));
        let database = if database.is_empty() { user.clone() } else { database };
        if [&user, &database].iter().any(|text| text.contains('\0')) {
            return Err(bad("it has a character that no name has"));
        }
        Ok(Self { server, user, password, database })
    }
}

/// `%20` and the like.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => (bytes.push(decoded), rest = &after[2..]).0,
            None => (bytes.push(byte), rest = after).0,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        let place = Place::parse("postgres://me:s%40cret@db.example:5433/proofs", None).unwrap();
        assert_eq!(place.server, Server::Network { host: "db.example".into(), port: 5433, tls: true, roots: None });
        assert_eq!((&*place.user, place.password.as_deref().map(|x| &**x)), ("me", Some("s@cret")));
        assert_eq!(place.to_string(), "postgres://db.example:5433/proofs");
        assert!(!format!("{place:?}").contains("s@cret"));
        let place = Place::parse("postgresql:///proofs?host=/run/postgresql&user=me", Some("x".into())).unwrap();
        assert_eq!(place.server, Server::Socket("/run/postgresql".into()));
        assert_eq!(place.password.as_deref().map(|x| &**x), Some("x"));
        let tls = |text: &str| match Place::parse(text, None).unwrap().server {
            Server::Network { tls, .. } => tls,
            Server::Socket(_) => panic!(),
        };
        assert!(!tls("postgres://me@localhost") && !tls("postgres://me@[::1]") && tls("postgres://me@10.0.0.1"));
        assert!(tls("postgres://me@localhost?sslrootcert=/etc/ca.pem"));
        assert!(!tls("postgres://me@10.0.0.1?sslmode=disable") && tls("postgres://me@localhost?sslmode=verify-full"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "db.example",
            "mysql://me@db.example",
            "postgres://db.example/x",
            "postgres:///x?user=me",
            "postgres://me@db.example?host=/run",
            "postgres://me@db.example?sslmode=require",
            "postgres://me@db.example?application_name=x",
            "postgres://m%00e@db.example",
        ] {
            assert!(Place::parse(text, None).is_err(), "{text}");
        }
        let error = Place::parse("mysql://me:secret@db.example", None).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
