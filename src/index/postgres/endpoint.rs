//! Where a PostgreSQL server is: `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE`, or with `?host=/directory/of/the/socket`.

use super::super::IndexError;
use reqwest::Url;
use std::{
    fmt, io,
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};
use zeroize::Zeroizing;

const PORT: u16 = 5432;
const CONNECT: Duration = Duration::from_secs(10);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// A server and an account. The password is never shown.
pub(super) struct Endpoint {
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
    pub(super) database: String,
    place: Place,
}

enum Place {
    Socket(PathBuf),
    Host(String, u16),
}

/// A stream to the server.
pub(super) trait Stream: io::Read + io::Write + Send {}
impl<T: io::Read + io::Write + Send> Stream for T {}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, IndexError> {
        let bad = |reason: &str| IndexError::Query(format!("the address of the index server cannot be used: {reason}"));
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(bad("it does not begin with postgres://"));
        }
        let decoded = |text: &str| percent(text).ok_or_else(|| bad("a part of it is not well escaped"));
        let (user, password) = (decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
        let database = decoded(url.path().trim_start_matches('/'))?;
        let mut socket = None;
        for (name, value) in url.query_pairs() {
            match &*name {
                "host" if value.starts_with('/') => socket = Some(PathBuf::from(value.into_owned())),
                _ => return Err(bad("of its options only host=/directory is known")),
            }
        }
        if user.is_empty() || database.is_empty() {
            return Err(bad("it lacks a user or a database"));
        }
        let port = url.port().unwrap_or(PORT);
        let place = match (socket, url.host_str().filter(|host| !host.is_empty())) {
            (Some(folder), _) => Place::Socket(folder.join(format!(".s.PGSQL.{port}"))),
            (None, Some(host)) => Place::Host(host.trim_matches(['[', ']']).into(), port),
            (None, None) => return Err(bad("it lacks a host")),
        };
        Ok(Self { user, password: Zeroizing::new(password), database, place })
    }

    pub(super) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match &self.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER))?;
                stream.set_write_timeout(Some(ANSWER))?;
                Ok(Box::new(stream))
            }
            Place::Host(host, port) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    // Nothing here is encrypted.
                    if !address.ip().is_loopback() {
                        last = io::Error::new(
                            io::ErrorKind::Unsupported,
                            "connections to other machines are not encrypted: use a tunnel",
                        );
                        continue;
                    }
                    match TcpStream::connect_timeout(&address, CONNECT) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(ANSWER))?;
                            stream.set_write_timeout(Some(ANSWER))?;
                            stream.set_nodelay(true)?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

/// Without the password, and without the user, who is half of it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Socket(path) => write!(f, "{}", path.display()),
            Place::Host(host, port) => write!(f, "postgres://{host}:{port}/{}", self.database),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Undoes `%41`.
fn percent(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || (bytes.next()? as char).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        let shown = |text: &str| Endpoint::parse(text).map(|endpoint| format!("{endpoint:?}")).unwrap_or_default();
        assert_eq!(shown("postgres://u:sec%72et@localhost/db"), "Endpoint(postgres://localhost:5432/db)");
        assert_eq!(shown("postgres://u@localhost:1/db?host=/tmp/pg"), "Endpoint(/tmp/pg/.s.PGSQL.1)");
        assert_eq!(*Endpoint::parse("postgres://u:sec%72et@localhost/db").unwrap().password, "secret");
        for bad in [
            "",
            "http://u@h/db",
            "postgres://h/db",
            "postgres://u@h",
            "postgres://u:secret@h/db?sslmode=require",
            "postgres://u%4@h/db",
        ] {
            let error = Endpoint::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
