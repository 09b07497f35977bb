//! PostgreSQL's protocol, version 3, as far as an index needs it: one connection, prepared statements, values as text.
//!
//! There are libraries for it. Those that are kept switch on features of crates that this program has already, so that a hundred of
//! them would be built otherwise for everybody, or have known defects (RUSTSEC-2026-0178, -0179); what is needed of the protocol is
//! this file (`docs/decisions/0023-search-is-exact.md`).

use super::{
    endpoint::{Endpoint, Stream},
    scram::{MECHANISM, Scram},
};
use crate::index::conditions::Value;
use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Write},
};

/// The largest message that is read, in bytes.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The most rows of an answer.
const MAX_ROWS: usize = 1_000_000;
const PROTOCOL: i32 = 196_608;

/// A value of a row; `None` is NULL.
pub(super) type Row = Vec<Option<Vec<u8>>>;

/// What goes wrong between this program and a server.
#[derive(Debug)]
pub(super) enum WireError {
    /// The server's word: its code, and a sentence.
    Server { code: String, message: String },
    /// The connection broke, or is not spoken as it should be. It cannot be used again.
    Broken(String),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Broken(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it did not answer in time".into(),
            io::ErrorKind::UnexpectedEof => "it closed the connection".into(),
            _ => error.to_string(),
        })
    }
}

/// A connection that is ready for the next statement.
pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    /// Statements that the server has parsed, by their SQL.
    prepared: HashMap<String, String>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("prepared", &self.prepared.len()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects and says who we are.
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self, WireError> {
        let mut connection = Self { stream: BufReader::new(endpoint.connect()?), prepared: HashMap::new() };
        let mut start = PROTOCOL.to_be_bytes().to_vec();
        let options = [
            ("user", &*endpoint.user),
            ("database", &endpoint.database),
            ("application_name", "zkinfer"),
            ("client_encoding", "UTF8"),
        ];
        for text in options.iter().flat_map(|(name, value)| [*name, *value]).chain([""]) {
            put_text(&mut start, text)?;
        }
        let length = i32::try_from(start.len() + 4).map_err(|_| broken("a name is too long"))?;
        connection.send(&[&length.to_be_bytes(), &start[..]].concat())?;
        connection.sign_in(&endpoint.password)?;
        Ok(connection)
    }

    fn sign_in(&mut self, password: &str) -> Result<(), WireError> {
        let refused = |reason: &str| WireError::Server { code: "28000".into(), message: reason.into() };
        let (mut scram, mut answered, mut known) = (None, None, false);
        loop {
            let (kind, body) = self.receive()?;
            match (kind, body.first_chunk::<4>().map(|code| i32::from_be_bytes(*code))) {
                (b'R', Some(0)) if scram.is_none() || known => {}
                (b'R', Some(10)) if scram.is_none() => {
                    if !body[4..].split(|&byte| byte == 0).any(|name| name == MECHANISM.as_bytes()) {
                        return Err(refused("it knows no way to sign in that is known here"));
                    }
                    let begun = Scram::new(password, nonce()?);
                    let first = begun.first();
                    let mut message = Vec::new();
                    put_text(&mut message, MECHANISM)?;
                    message.extend((first.len() as i32).to_be_bytes());
                    message.extend(first.as_bytes());
                    self.send(&framed(b'p', &message)?)?;
                    scram = Some(begun);
                }
                (b'R', Some(11)) if answered.is_none() => {
                    let begun = scram.take().ok_or_else(|| broken("it goes on with what it has not begun"))?;
                    let (answer, expected) = begun.answer(&body[4..]).map_err(refused)?;
                    self.send(&framed(b'p', answer.as_bytes())?)?;
                    scram = Some(Scram::new("", String::new()));
                    answered = Some(expected);
                }
                (b'R', Some(12)) => {
                    let expected = answered.as_ref().ok_or_else(|| broken("it ends what it has not begun"))?;
                    expected.check(&body[4..]).map_err(refused)?;
                    known = true;
                }
                // A password in the clear, or as MD5, is worth less than none.
                (b'R', _) => {
                    return Err(refused(
                        "it asks for a password in a way that is not safe: set it up for scram-sha-256",
                    ));
                }
                (b'E', _) => return Err(server_error(&body)),
                (b'Z', _) => return Ok(()),
                // Parameters, the key for cancelling, notices.
                (b'S' | b'K' | b'N', _) => {}
                _ => return Err(broken("it does not speak the protocol")),
            }
        }
    }

    /// Runs one statement.
    pub(super) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, WireError> {
        self.run(sql, &[values])
    }

    /// Runs one statement for every set of values, without waiting in between; the rows of all.
    pub(super) fn run(&mut self, sql: &str, sets: &[&[Value]]) -> Result<Vec<Row>, WireError> {
        if sets.is_empty() {
            return Ok(vec![]);
        }
        let mut out = Vec::new();
        let name = match self.prepared.get(sql) {
            Some(name) => name.clone(),
            None => {
                let name = format!("s{}", self.prepared.len());
                let mut parse = Vec::new();
                put_text(&mut parse, &name)?;
                put_text(&mut parse, sql)?;
                parse.extend(0i16.to_be_bytes());
                out.extend(framed(b'P', &parse)?);
                name
            }
        };
        for values in sets {
            let mut bind = Vec::new();
            put_text(&mut bind, "")?;
            put_text(&mut bind, &name)?;
            bind.extend(0i16.to_be_bytes());
            bind.extend(i16::try_from(values.len()).map_err(|_| broken("too many values"))?.to_be_bytes());
            for value in *values {
                put_value(&mut bind, value)?;
            }
            bind.extend(0i16.to_be_bytes());
            out.extend(framed(b'B', &bind)?);
            out.extend(framed(b'E', &[0, 0, 0, 0, 0])?);
        }
        out.extend(framed(b'S', &[])?);
        self.send(&out)?;
        let rows = self.rows()?;
        self.prepared.insert(sql.into(), name);
        Ok(rows)
    }

    /// Everything up to the server being ready again.
    fn rows(&mut self) -> Result<Vec<Row>, WireError> {
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            let (kind, body) = self.receive()?;
            match kind {
                b'D' if rows.len() < MAX_ROWS => rows.push(row(&body).ok_or_else(|| broken("a row is malformed"))?),
                b'D' => return Err(broken("the answer is too long")),
                b'E' => failure = Some(server_error(&body)),
                b'Z' => return failure.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>), WireError> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes(length)).ok().and_then(|length| length.checked_sub(4));
        let length =
            length.filter(|length| *length <= MAX_MESSAGE).ok_or_else(|| broken("it does not speak the protocol"))?;
        let mut body = Vec::new();
        // Grows as it comes: a length alone takes no memory.
        let read = (&mut self.stream).take(length as u64).read_to_end(&mut body)?;
        if read < length {
            return Err(broken("it closed the connection"));
        }
        Ok((kind, body))
    }
}

fn broken(reason: &str) -> WireError {
    WireError::Broken(reason.into())
}

fn framed(kind: u8, body: &[u8]) -> Result<Vec<u8>, WireError> {
    let length = i32::try_from(body.len() + 4).map_err(|_| broken("a message is too long"))?;
    Ok([&[kind], &length.to_be_bytes()[..], body].concat())
}

/// Text that ends with a zero byte, and so has none.
fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), WireError> {
    if text.contains('\0') {
        return Err(broken("a name has a zero byte"));
    }
    out.extend(text.as_bytes());
    out.push(0);
    Ok(())
}

fn put_value(out: &mut Vec<u8>, value: &Value) -> Result<(), WireError> {
    let text = match value {
        Value::Null => {
            out.extend((-1i32).to_be_bytes());
            return Ok(());
        }
        Value::Bytes(bytes) => format!("\\x{}", alloy::hex::encode(bytes)),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    };
    out.extend(i32::try_from(text.len()).map_err(|_| broken("a value is too long"))?.to_be_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

fn row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut row = Row::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            row.push(None);
            rest = after;
        } else {
            let (value, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
            row.push(Some(value.to_vec()));
            rest = after;
        }
    }
    rest.is_empty().then_some(row)
}

/// Of the fields of an error, the code and the sentence.
fn server_error(body: &[u8]) -> WireError {
    let (mut code, mut message) = (String::new(), String::from("it says no more"));
    for field in body.split(|&byte| byte == 0) {
        match field.split_first() {
            Some((b'C', text)) => code = String::from_utf8_lossy(text).into_owned(),
            Some((b'M', text)) => message = String::from_utf8_lossy(&text[..text.len().min(500)]).into_owned(),
            _ => {}
        }
    }
    WireError::Server { code, message }
}

/// 144 random bits.
fn nonce() -> Result<String, WireError> {
    let mut bytes = [0u8; 18];
    getrandom::fill(&mut bytes).map_err(|_| broken("this system has no randomness"))?;
    Ok(alloy::hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_whole_or_not_at_all() {
        let good = [&[0, 2][..], &[0, 0, 0, 1], b"x", &[255, 255, 255, 255]].concat();
        assert_eq!(row(&good), Some(vec![Some(b"x".to_vec()), None]));
        assert_eq!(row(&good[..good.len() - 1]), None);
        assert_eq!(row(&[&good[..], &[0]].concat()), None);
        assert_eq!(row(&[0, 1, 127, 255, 255, 255]), None);
        assert_eq!(row(&[0, 1, 255, 255, 255, 254]), None);
    }

    proptest! {
        /// A server can send anything: an error, no panic.
        #[test]
        fn no_bytes_of_a_server_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = row(&bytes);
            let _ = server_error(&bytes);
            struct Fixed(io::Cursor<Vec<u8>>);
            impl Read for Fixed {
                fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                    self.0.read(to)
                }
            }
            impl Write for Fixed {
                fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                    Ok(bytes.len())
                }
                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }
            let stream: Box<dyn Stream> = Box::new(Fixed(io::Cursor::new(bytes)));
            let mut connection = Connection { stream: BufReader::new(stream), prepared: HashMap::new() };
            let _ = connection.sign_in("secret");
            let _ = connection.query("SELECT 1", &[]);
        }
    }
}
