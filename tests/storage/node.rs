//! An S5 node to test against, over plain sockets: it keeps to the documented interface, and breaks it when told to.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use zkinfer::storage::{Base, CidDialect, ContentAddress};

/// What one request does instead of what it should.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this status and these words.
    Status(u16, &'static str),
    /// Announces all of the answer's body and sends half of it.
    Cut,
    /// Sends half of the answer's body without having announced a length.
    CutUnannounced,
    /// Takes so many bytes of the request's body, then closes the connection.
    CutRequest(usize),
    /// Says nothing until the client gives up.
    Stall,
    /// Sends so many bytes of the answer's body, then says nothing more.
    StallAfter(usize),
    /// Changes one bit of the body, or of the address that it reports.
    Lie,
    /// Adds bytes and announces them.
    Longer,
    /// Sends a body that does not end.
    Endless,
    /// Redirects there.
    Redirect(u16, String),
    /// Sends this header beside the usual ones.
    Header(&'static str, String),
    /// Forgets all unfinished uploads, then goes on.
    Forget,
    /// Sends every header that it got back as the reason of a refusal.
    Echo,
    /// Sends the answer's body byte by byte, slowly, and never comes to its end.
    Drip,
    /// Does this first, then what it should.
    Act(Action),
}

/// Something to do when a request comes.
#[derive(Clone)]
pub(crate) struct Action(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Action")
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body_bytes: usize,
}

#[derive(Default)]
struct State {
    objects: HashMap<[u8; 32], Vec<u8>>,
    uploads: HashMap<String, Upload>,
    faults: Vec<(&'static str, &'static str, VecDeque<Fault>)>,
    asked: Vec<Asked>,
    token: Option<String>,
    says_blob: bool,
    quiet_offsets: bool,
}

struct Upload {
    length: usize,
    multihash: Vec<u8>,
    received: Vec<u8>,
}

/// A running node. Stops when dropped.
pub(crate) struct Node {
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

const MAX_SINGLE: usize = 32 * 1024 * 1024;

impl Node {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (shared, stopping) = (state.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::Acquire) {
                    break;
                }
                let shared = shared.clone();
                // A client that goes away ends the thread with an error that nobody wants.
                std::thread::spawn(move || stream.and_then(|stream| serve(&shared, &stream)));
            }
        });
        Self { state, stop, port, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets the next requests of this kind do this, one after the other.
    pub(crate) fn fail(&self, method: &'static str, path: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.push((method, path, faults.into_iter().collect()));
    }

    pub(crate) fn require_token(&self, token: &str) {
        self.state().token = Some(token.into());
    }

    /// Answers in the new dialect.
    pub(crate) fn say_blob(&self) {
        self.state().says_blob = true;
    }

    /// Says how much it has of an upload only when asked, and at the end.
    pub(crate) fn quiet_offsets(&self) {
        self.state().quiet_offsets = true;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.starts_with(path)).count()
    }

    pub(crate) fn has(&self, address: &ContentAddress) -> bool {
        self.state().objects.contains_key(address.blake3())
    }

    pub(crate) fn insert(&self, content: &[u8]) -> ContentAddress {
        let address = ContentAddress::of(content);
        self.state().objects.insert(*address.blake3(), content.to_vec());
        address
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, headers: vec![], body: vec![] }
    }

    fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// One request per connection.
fn serve(state: &Mutex<State>, mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let fault = take_fault(&mut state.lock().unwrap(), &method, &path);
    let wanted = if let Some(Fault::CutRequest(bytes)) = fault { bytes.min(length) } else { length };
    let mut body = vec![0; wanted];
    reader.read_exact(&mut body)?;
    let asked = Asked { method, path, headers, body_bytes: length };
    let mut state_now = state.lock().unwrap();
    state_now.asked.push(asked.clone());
    match &fault {
        Some(Fault::Forget) => state_now.uploads.clear(),
        Some(Fault::Act(action)) => action.0(),
        _ => {}
    }
    let before = matches!(fault, Some(Fault::Status(..) | Fault::Stall | Fault::Redirect(..) | Fault::Echo));
    let answer = if before { Answer::status(200) } else { respond(&mut state_now, &asked, body) };
    drop(state_now);
    send(&mut stream, &asked, answer, fault)
}

fn take_fault(state: &mut State, method: &str, path: &str) -> Option<Fault> {
    let fitting = |(of, prefix, faults): &&mut (&str, &str, VecDeque<Fault>)| {
        *of == method && path.starts_with(*prefix) && !faults.is_empty()
    };
    state.faults.iter_mut().find(fitting)?.2.pop_front()
}

/// How a connection ends.
enum End {
    Close,
    Stall,
    Forever,
    Drip,
}

fn send(stream: &mut &TcpStream, asked: &Asked, mut answer: Answer, fault: Option<Fault>) -> std::io::Result<()> {
    let (mut announces, mut end, mut sends) = (answer.status != 204, End::Close, usize::MAX);
    let half = answer.body.len() / 2;
    match fault {
        Some(Fault::Status(status, words)) => answer = Answer::status(status).body(words.into()),
        Some(Fault::Redirect(status, to)) => answer = Answer::status(status).header("location", to),
        Some(Fault::Header(name, value)) => answer.headers.insert(0, (name, value)),
        Some(Fault::Echo) => answer = Answer::status(400).body(format!("{:?}", asked.headers).into()),
        Some(Fault::Cut) => sends = half,
        Some(Fault::CutUnannounced) => (announces, sends) = (false, half),
        Some(Fault::CutRequest(_)) => return Ok(()),
        Some(Fault::Lie) => answer.body[half] ^= 1,
        Some(Fault::Longer) => answer.body.extend_from_slice(b"more"),
        Some(Fault::Stall) => return wait_for_end(stream),
        Some(Fault::StallAfter(bytes)) => (sends, end) = (bytes, End::Stall),
        Some(Fault::Endless) => (announces, end) = (false, End::Forever),
        Some(Fault::Drip) => (sends, end) = (0, End::Drip),
        Some(Fault::Forget | Fault::Act(_)) | None => {}
    }
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if announces {
        head += &format!("content-length: {}\r\n", answer.body.len());
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method == "HEAD" {
        return Ok(());
    }
    stream.write_all(&answer.body[..sends.min(answer.body.len())])?;
    match end {
        End::Close => Ok(()),
        End::Stall => wait_for_end(stream),
        End::Forever => loop {
            stream.write_all(&[b'x'; 4096])?;
        },
        End::Drip => {
            stream.set_read_timeout(Some(std::time::Duration::from_millis(20)))?;
            loop {
                stream.write_all(&answer.body[..1])?;
                // Nothing comes: this is the wait between two bytes.
                let _ = stream.read(&mut [0]);
            }
        }
    }
}

/// Reads until the client closes the connection.
fn wait_for_end(stream: &mut &TcpStream) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

fn respond(state: &mut State, asked: &Asked, body: Vec<u8>) -> Answer {
    let is_write = asked.method != "GET" && asked.method != "HEAD";
    let token = asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if is_write && state.token.as_deref().is_some_and(|wanted| Some(wanted) != token) {
        return Answer::status(401);
    }
    let path = asked.path.trim_start_matches('/');
    match (asked.method.as_str(), path) {
        ("POST", "s5/upload") => upload(state, body),
        ("POST", "s5/upload/tus") => begin(state, asked),
        ("HEAD" | "PATCH", _) if path.starts_with("s5/upload/tus/") => resume(state, asked, &body),
        _ => content(state, asked, path),
    }
}

fn upload(state: &mut State, body: Vec<u8>) -> Answer {
    if body.len() > MAX_SINGLE {
        return Answer::status(413);
    }
    let address = ContentAddress::of(&body);
    let (dialect, base) =
        if state.says_blob { (CidDialect::Blob, Base::Base32) } else { (CidDialect::Raw, Base::Base58Btc) };
    state.objects.insert(*address.blake3(), body);
    Answer::status(200).body(format!("{{\"cid\": \"{}\"}}", address.to_cid(dialect, base)).into())
}

fn begin(state: &mut State, asked: &Asked) -> Answer {
    assert_eq!(asked.headers["tus-resumable"], "1.0.0");
    let length = asked.headers["upload-length"].parse().unwrap();
    let hash = asked.headers["upload-metadata"].strip_prefix("hash ").unwrap();
    let multihash = base64url(&String::from_utf8(base64(hash)).unwrap());
    assert!(multihash.len() == 33 && matches!(multihash[0], 0x1e | 0x1f));
    if state.objects.contains_key(&multihash[1..]) {
        return Answer::status(409);
    }
    let id = format!("upload{}", state.asked.len());
    state.uploads.insert(id.clone(), Upload { length, multihash, received: vec![] });
    Answer::status(201).header("location", format!("/s5/upload/tus/{id}"))
}

fn resume(state: &mut State, asked: &Asked, body: &[u8]) -> Answer {
    let id = asked.path.rsplit('/').next().unwrap().to_owned();
    let Some(upload) = state.uploads.get_mut(&id) else { return Answer::status(404) };
    if asked.method == "HEAD" {
        return Answer::status(200).header("upload-offset", upload.received.len());
    }
    if asked.headers["upload-offset"] != upload.received.len().to_string() {
        return Answer::status(409);
    }
    assert_eq!(asked.headers["content-type"], "application/offset+octet-stream");
    upload.received.extend_from_slice(body);
    let offset = upload.received.len();
    if offset < upload.length {
        let quiet = state.quiet_offsets;
        return if quiet { Answer::status(200) } else { Answer::status(204).header("upload-offset", offset) };
    }
    let received = upload.received.clone();
    let is_right = blake3::hash(&received).as_bytes()[..] == upload.multihash[1..];
    if !is_right {
        state.uploads.remove(&id);
        return Answer::status(500).body(b"Invalid hash found".to_vec());
    }
    state.objects.insert(*blake3::hash(&received).as_bytes(), received);
    Answer::status(204).header("upload-offset", offset)
}

fn content(state: &mut State, asked: &Asked, path: &str) -> Answer {
    let name = path.rsplit('/').next().unwrap();
    let Ok(address) = name.parse::<ContentAddress>() else { return Answer::status(404) };
    let Some(content) = state.objects.get(address.blake3()) else { return Answer::status(404) };
    let all = content.clone();
    match (asked.method.as_str(), path.rsplit_once('/').unwrap().0) {
        ("GET", "s5/blob") => Answer::status(307).header("location", format!("/storage/{name}")),
        ("GET", "s5/download" | "storage") => match asked.headers.get("range").map(String::as_str) {
            Some("bytes=0-0") if !all.is_empty() => Answer::status(206).body(all[..1].to_vec()),
            _ => Answer::status(200).body(all),
        },
        ("POST", "s5/pin") => Answer::status(200),
        ("DELETE", "s5/delete") => {
            state.objects.remove(address.blake3());
            Answer::status(200)
        }
        _ => Answer::status(405),
    }
}

fn base64(text: &str) -> Vec<u8> {
    base64url(&text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
}

/// Bit by bit, in its own words: not the client's code.
fn base64url(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = text.chars().map(|c| format!("{:06b}", DIGITS.find(c).unwrap())).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}
