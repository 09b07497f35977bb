//! A node that misbehaves as told: it passes JSON-RPC on to a real one, and answers single methods itself.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// What becomes of a request.
#[derive(Clone, Debug)]
#[allow(dead_code)] // each suite needs some of them
pub(crate) enum Action {
    /// The node's own answer.
    Forward,
    /// This result; the node hears nothing.
    Answer(Value),
    /// This error; the node hears nothing.
    Error(i64, String),
    /// The node hears it, and this error is answered.
    ForwardAndError(i64, String),
    /// The node hears it, and the connection is closed without an answer.
    ForwardAndClose,
    /// Nothing, until the client gives up.
    Hang,
    /// An HTTP status, with headers and a body that is no JSON.
    Status(u16, String),
    /// The connection is closed; the node hears nothing.
    Close,
    /// The node hears it twice, and its first answer is passed on.
    Twice,
    /// The node's own answer, changed.
    Alter(fn(&mut Value)),
    /// The same, later.
    After(Duration, Box<Action>),
}

/// What to do with a request: its parameters, and how many of its method came before.
type Rule = Box<dyn Fn(&Value, usize) -> Action + Send>;

/// What to do with any request: its method and its parameters.
type AnyRule = Box<dyn Fn(&str, &Value) -> Action + Send>;

#[derive(Default)]
struct State {
    rules: HashMap<String, Rule>,
    rest: Option<AnyRule>,
    calls: HashMap<String, usize>,
}

/// Runs until the test's process ends.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// In front of a node at `http://HOST:PORT`.
    pub(crate) fn start(endpoint: &str) -> Self {
        let target: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                // A client that goes away is no matter.
                thread::spawn(move || serve(stream, target, &state).ok());
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the rule for a method; it replaces the one before.
    pub(crate) fn on(&self, method: &str, rule: impl Fn(&Value, usize) -> Action + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.calls.remove(method);
        state.rules.insert(method.into(), Box::new(rule));
    }

    /// Sets the rule for all methods that have none of their own.
    #[allow(dead_code)] // each suite needs some of them
    pub(crate) fn on_all(&self, rule: impl Fn(&str, &Value) -> Action + Send + 'static) {
        self.state.lock().unwrap().rest = Some(Box::new(rule));
    }

    /// How many requests came, since the rules of their methods were set if they have some.
    #[allow(dead_code)] // each suite needs some of them
    pub(crate) fn served(&self) -> usize {
        self.state.lock().unwrap().calls.values().sum()
    }

    /// How often a method was called, since its rule was set if it has one.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.state.lock().unwrap().calls.get(method).copied().unwrap_or(0)
    }
}

fn serve(mut stream: TcpStream, target: SocketAddr, state: &Mutex<State>) -> std::io::Result<()> {
    let body = body(&mut BufReader::new(stream.try_clone()?))?;
    let request: Value = serde_json::from_slice(&body)?;
    let action = {
        let mut state = state.lock().unwrap();
        let method = request["method"].as_str().unwrap_or_default().to_owned();
        let count = state.calls.entry(method.clone()).or_default();
        *count += 1;
        let before = *count - 1;
        match (state.rules.get(&method), &state.rest) {
            (Some(rule), _) => rule(&request["params"], before),
            (None, Some(rest)) => rest(&method, &request["params"]),
            (None, None) => Action::Forward,
        }
    };
    let action = match action {
        Action::After(delay, action) => {
            thread::sleep(delay);
            *action
        }
        action => action,
    };
    let answer = |body: Value| {
        let mut body = body;
        body["jsonrpc"] = json!("2.0");
        body["id"] = request["id"].clone();
        body.to_string().into_bytes()
    };
    let error = |code, message| answer(json!({ "error": { "code": code, "message": message } }));
    let (head, body) = match action {
        Action::Forward => ("200 OK".to_owned(), forward(target, &body)?),
        Action::Answer(result) => ("200 OK".into(), answer(json!({ "result": result }))),
        Action::Error(code, message) => ("200 OK".into(), error(code, message)),
        Action::ForwardAndError(code, message) => {
            forward(target, &body)?;
            ("200 OK".into(), error(code, message))
        }
        Action::ForwardAndClose => {
            forward(target, &body)?;
            return Ok(());
        }
        Action::Hang => {
            std::io::copy(&mut stream, &mut std::io::sink())?;
            return Ok(());
        }
        Action::Close | Action::After(..) => return Ok(()),
        Action::Twice => {
            let first = forward(target, &body)?;
            forward(target, &body)?;
            ("200 OK".into(), first)
        }
        Action::Alter(alter) => {
            let mut body: Value = serde_json::from_slice(&forward(target, &body)?)?;
            alter(&mut body["result"]);
            ("200 OK".into(), body.to_string().into_bytes())
        }
        Action::Status(status, headers) => (format!("{status} No\r\n{}", headers.trim_end()), b"no JSON".to_vec()),
    };
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// The body of a message whose headers give its length.
fn body(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn forward(target: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut node = TcpStream::connect(target)?;
    let head = "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nConnection: close";
    write!(node, "{head}\r\nContent-Length: {}\r\n\r\n", request.len())?;
    node.write_all(request)?;
    body(&mut BufReader::new(node))
}
