//! PostgreSQL's protocol, version 3, as far as an index needs it: parameters and results in binary form, many statements in
//! one go. (The usual client would change the features of crates that the Ethereum side is built with.)

use super::{
    place::{Place, Server},
    scram::Scram,
};
use alloy::primitives::B256;
use std::{
    collections::HashMap,
    fmt,
    io::{self, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const PROTOCOL: i32 = 3 << 16;
/// The code of the request for TLS.
const TLS_REQUEST: i32 = 80_877_103;
/// The longest wait for a connection, and for an answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);
/// The longest message that is read: a page of entries has a few megabytes.
const MAX_MESSAGE: usize = 256 << 20;
/// How many statements are sent before the answers to them are read: neither side's buffers fill up.
const PIPELINE: usize = 256;
/// How many statements are kept prepared.
const PREPARED: usize = 256;
/// Types of the elements of arrays.
const BYTEA: i32 = 17;
const INT8: i32 = 20;

/// What goes wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is gone, or was never there.
    Io(io::Error),
    /// The server says what its protocol does not have, or wants what is not done here.
    Protocol(String),
    /// The server refuses.
    Server { code: String, message: String },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str("it closed the connection"),
            Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock => f.write_str("it does not answer in time"),
            Self::Io(error) => f.write_str(&crate::net::root_cause(error)),
            Self::Protocol(reason) => f.write_str(reason),
            Self::Server { code, message } => write!(f, "{message} (SQLSTATE {code})"),
        }
    }
}

/// A value for a placeholder. Its type is a cast's in the SQL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Param {
    Null,
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
    /// pgvector's.
    Vector(Vec<f32>),
    Words(Vec<B256>),
    Integers(Vec<i64>),
}

/// A statement with its values.
pub(super) type Command = (String, Vec<Param>);

/// A row: its columns' bytes.
#[derive(Debug)]
pub(super) struct Row(Vec<Option<Vec<u8>>>);

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection that has been let in.
pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    out: Vec<u8>,
    prepared: HashMap<String, u32>,
    statements: u32,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("prepared", &self.prepared.len()).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let (stream, is_private) = connect(place)?;
        let (stream, out) = (BufReader::with_capacity(64 << 10, stream), Vec::new());
        let mut this = Self { stream, out, prepared: HashMap::new(), statements: 0 };
        this.start(place, is_private)?;
        Ok(this)
    }

    fn start(&mut self, place: &Place, is_private: bool) -> Result<(), Failure> {
        let mut hello = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", &place.user, "database", &place.database, "client_encoding", "UTF8", ""] {
            hello.extend(text.as_bytes());
            hello.push(0);
        }
        let length = (hello.len() as i32 + 4).to_be_bytes();
        self.stream.get_mut().write_all(&[&length[..], &hello].concat())?;
        let mut scram = None;
        loop {
            let (kind, body) = self.read()?;
            match kind {
                b'R' => self.authenticate(place, is_private, &body, &mut scram)?,
                b'E' => return Err(refusal(&body)),
                b'Z' => return Ok(()),
                // Parameters, the key for cancelling, notices.
                b'S' | b'K' | b'N' | b'v' => {}
                other => return Err(unknown(other)),
            }
        }
    }

    fn authenticate(
        &mut self,
        place: &Place,
        is_private: bool,
        body: &[u8],
        scram: &mut Option<Scram>,
    ) -> Result<(), Failure> {
        let (code, rest) = body.split_first_chunk::<4>().ok_or_else(|| unknown(b'R'))?;
        let password = || {
            let missing = "it wants a password: put it into the address, or into PGPASSWORD";
            place.password.clone().ok_or_else(|| Failure::Protocol(missing.into()))
        };
        let text = std::str::from_utf8(rest).map_err(|_| unknown(b'R'))?;
        match (i32::from_be_bytes(*code), scram) {
            (0, None) => Ok(()),
            (0, Some(scram)) if scram.is_done() => Ok(()),
            (3, _) if is_private => {
                let password = password()?;
                self.message(b'p', &[password.as_bytes(), &[0]].concat());
                self.flush()
            }
            (3, _) => Err(Failure::Protocol("it wants the password in the clear: use TLS".into())),
            (10, scram @ None) if text.split('\0').any(|mechanism| mechanism == "SCRAM-SHA-256") => {
                let conversation = Scram::new(password()?).map_err(Failure::Protocol)?;
                let first = conversation.first();
                let length = (first.len() as i32).to_be_bytes();
                self.message(b'p', &[b"SCRAM-SHA-256\0", &length[..], first.as_bytes()].concat());
                *scram = Some(conversation);
                self.flush()
            }
            (11, Some(scram)) => {
                let last = scram.last(text).map_err(Failure::Protocol)?;
                self.message(b'p', last.as_bytes());
                self.flush()
            }
            (12, Some(scram)) => scram.check(text).map_err(Failure::Protocol),
            (5, _) => {
                Err(Failure::Protocol("it wants MD5 of the password: set password_encryption to scram-sha-256".into()))
            }
            (other, _) => Err(Failure::Protocol(format!("it wants a way to log in that is not known here ({other})"))),
        }
    }

    /// Runs a text of statements without values.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        self.message(b'Q', &[sql.as_bytes(), &[0]].concat());
        self.flush()?;
        let mut failed = None;
        loop {
            let (kind, body) = self.read()?;
            match kind {
                b'E' => failed = failed.or_else(|| Some(refusal(&body))),
                b'Z' => return failed.map_or(Ok(()), Err),
                _ => {}
            }
        }
    }

    /// Runs one statement.
    pub(super) fn query(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Failure> {
        Ok(self.all(vec![(sql.to_owned(), params)])?.pop().unwrap_or_default())
    }

    /// Runs statements, each after the others, and returns their rows. After the first failure the others of its part are not
    /// run; within a transaction nothing of it stands then.
    pub(super) fn all(&mut self, commands: Vec<Command>) -> Result<Vec<Vec<Row>>, Failure> {
        let mut results = Vec::with_capacity(commands.len());
        for part in commands.chunks(PIPELINE) {
            let mut new = Vec::new();
            for (sql, params) in part {
                self.send(sql, params, &mut new);
            }
            self.message(b'S', &[]);
            self.flush()?;
            let done = self.answers(part.len(), &mut results);
            if done.is_err() {
                // Whether the server has them is not known: the next ones get new names.
                self.prepared.retain(|sql, _| !new.contains(sql));
            }
            done?;
        }
        Ok(results)
    }

    fn send(&mut self, sql: &str, params: &[Param], new: &mut Vec<String>) {
        let name = match self.prepared.get(sql) {
            Some(number) => format!("s{number}"),
            None => {
                let keep = self.prepared.len() < PREPARED;
                self.statements += u32::from(keep);
                let name = if keep { format!("s{}", self.statements) } else { String::new() };
                if keep {
                    self.prepared.insert(sql.to_owned(), self.statements);
                    new.push(sql.to_owned());
                }
                self.message(b'P', &[name.as_bytes(), &[0], sql.as_bytes(), &[0, 0, 0]].concat());
                name
            }
        };
        // The unnamed portal; every parameter and every column in binary form.
        let mut bind = [&[0], name.as_bytes(), &[0, 0, 1, 0, 1]].concat();
        bind.extend((params.len() as i16).to_be_bytes());
        params.iter().for_each(|param| param.write(&mut bind));
        bind.extend([0, 1, 0, 1]);
        self.message(b'B', &bind);
        self.message(b'E', &[0, 0, 0, 0, 0]);
    }

    /// Reads up to the end of a part.
    fn answers(&mut self, expected: usize, results: &mut Vec<Vec<Row>>) -> Result<(), Failure> {
        let (mut rows, mut failed, before) = (Vec::new(), None, results.len());
        loop {
            let (kind, body) = self.read()?;
            match kind {
                b'D' => rows.push(Row::read(&body)?),
                b'C' | b'I' => results.push(std::mem::take(&mut rows)),
                b'E' => failed = failed.or_else(|| Some(refusal(&body))),
                b'1' | b'2' | b'n' | b'N' | b'S' | b'A' => {}
                b'Z' => {
                    return match failed {
                        Some(failure) => Err(failure),
                        None if results.len() - before == expected => Ok(()),
                        None => Err(Failure::Protocol("it answered another number of statements".into())),
                    };
                }
                other => return Err(unknown(other)),
            }
        }
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        self.out.push(kind);
        // Statements and values are bounded far below 2^31.
        self.out.extend((body.len() as i32 + 4).to_be_bytes());
        self.out.extend(body);
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let out = std::mem::take(&mut self.out);
        self.stream.get_mut().write_all(&out)?;
        Ok(self.stream.get_mut().flush()?)
    }

    fn read(&mut self) -> Result<(u8, Vec<u8>), Failure> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = i32::from_be_bytes(length);
        let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
        let Some(length) = length.filter(|length| *length <= MAX_MESSAGE) else {
            return Err(Failure::Protocol("it does not speak PostgreSQL's protocol".into()));
        };
        let mut body = Vec::new();
        // As it comes, so that a length alone takes no memory.
        (&mut self.stream).take(length as u64).read_to_end(&mut body)?;
        if body.len() < length { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) } else { Ok((kind, body)) }
    }
}

impl Param {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend((-1i32).to_be_bytes()),
            Self::Bytes(bytes) => sized(out, bytes),
            Self::Integer(number) => sized(out, &number.to_be_bytes()),
            Self::Text(text) => sized(out, text.as_bytes()),
            Self::Vector(values) => {
                let mut bytes = (values.len() as u16).to_be_bytes().to_vec();
                bytes.extend([0, 0]);
                values.iter().for_each(|value| bytes.extend(value.to_be_bytes()));
                sized(out, &bytes);
            }
            Self::Words(words) => array(out, BYTEA, words.iter().map(|word| word.to_vec())),
            Self::Integers(numbers) => array(out, INT8, numbers.iter().map(|number| number.to_be_bytes().to_vec())),
        }
    }
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as i32).to_be_bytes());
    out.extend(bytes);
}

/// Of one dimension, without nulls.
fn array(out: &mut Vec<u8>, kind: i32, elements: impl ExactSizeIterator<Item = Vec<u8>>) {
    let mut bytes = Vec::new();
    let count = elements.len() as i32;
    for word in [i32::from(count > 0), 0, kind] {
        bytes.extend(word.to_be_bytes());
    }
    if count > 0 {
        bytes.extend(count.to_be_bytes());
        bytes.extend(1i32.to_be_bytes());
    }
    elements.for_each(|element| sized(&mut bytes, &element));
    sized(out, &bytes);
}

impl Row {
    fn read(body: &[u8]) -> Result<Self, Failure> {
        let cut = || Failure::Protocol("a row is cut off".into());
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(cut)?;
        let mut columns = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            rest = after;
            match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => columns.push(None),
                Ok(length) => {
                    let (column, after) = rest.split_at_checked(length).ok_or_else(cut)?;
                    columns.push(Some(column.to_vec()));
                    rest = after;
                }
            }
        }
        Ok(Self(columns))
    }

    /// A column's bytes; `None` for NULL and for one that is not there.
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        self.0.get(at)?.as_deref()
    }

    pub(super) fn fixed<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes(at)?.try_into().ok()
    }

    pub(super) fn integer(&self, at: usize) -> Option<i64> {
        self.fixed(at).map(i64::from_be_bytes)
    }

    pub(super) fn number(&self, at: usize) -> Option<u64> {
        self.integer(at).map(i64::cast_unsigned)
    }

    pub(super) fn text(&self, at: usize) -> Option<String> {
        String::from_utf8(self.bytes(at)?.to_vec()).ok()
    }

    pub(super) fn vector(&self, at: usize) -> Option<Vec<f32>> {
        let (head, numbers) = self.bytes(at)?.split_first_chunk::<4>()?;
        let (numbers, rest) = numbers.as_chunks::<4>();
        let whole = rest.is_empty() && usize::from(u16::from_be_bytes([head[0], head[1]])) == numbers.len();
        whole.then(|| numbers.iter().map(|number| f32::from_be_bytes(*number)).collect())
    }
}

/// The connection, and whether nobody listens on the way.
fn connect(place: &Place) -> Result<(Box<dyn Stream>, bool), Failure> {
    match &place.server {
        Server::Socket(folder) => {
            let stream = UnixStream::connect(folder.join(".s.PGSQL.5432"))?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            Ok((Box::new(stream), true))
        }
        Server::Network { host, port, tls, roots } => {
            let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for address in (host.as_str(), *port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        stream.set_read_timeout(Some(ANSWER))?;
                        stream.set_write_timeout(Some(ANSWER))?;
                        let is_here = address.ip().is_loopback();
                        return if *tls {
                            Ok((secured(stream, host, roots.as_deref())?, true))
                        } else {
                            Ok((Box::new(stream), is_here))
                        };
                    }
                    Err(error) => failed = error,
                }
            }
            Err(failed.into())
        }
    }
}

/// Asks for TLS; a server without it is not spoken to.
fn secured(mut stream: TcpStream, host: &str, roots: Option<&Path>) -> Result<Box<dyn Stream>, Failure> {
    stream.write_all(&[8i32.to_be_bytes(), TLS_REQUEST.to_be_bytes()].concat())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer != *b"S" {
        let reason = "it has no TLS; on a network that you trust, add ?sslmode=disable to its address";
        return Err(Failure::Protocol(reason.into()));
    }
    let roots = roots.map(std::fs::read).transpose()?.unwrap_or_default();
    let config = crate::net::tls(&roots).map_err(Failure::Protocol)?;
    let name = rustls::pki_types::ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| Failure::Protocol(format!("{host} is no name that a certificate can have")))?;
    let session = rustls::ClientConnection::new(config.into(), name).map_err(io::Error::other)?;
    Ok(Box::new(rustls::StreamOwned::new(session, stream)))
}

/// What an error message says.
fn refusal(body: &[u8]) -> Failure {
    let field = |kind: u8| {
        let mut fields = body.split(|byte| *byte == 0);
        let found = fields.find_map(|field| field.strip_prefix(&[kind]));
        found.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    Failure::Server { code: field(b'C'), message: field(b'M') }
}

fn unknown(kind: u8) -> Failure {
    Failure::Protocol(format!("it sent a message that is not known here ({})", kind.escape_ascii()))
}
