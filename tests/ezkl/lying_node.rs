//! A node that answers what it likes: JSON-RPC over HTTP, one request per connection.

use alloy::primitives::{Address, Bytes};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread::JoinHandle,
};

/// Stops when it is dropped.
pub(crate) struct LyingNode {
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl LyingNode {
    /// Has this code at these addresses, and gives every call this answer.
    pub(crate) fn start(codes: Vec<(Address, Bytes)>, answer: Bytes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let respond = move |request: &Value| match request["method"].as_str().unwrap() {
            "eth_chainId" => json!("0x7a69"),
            "eth_blockNumber" => json!("0x1"),
            "eth_estimateGas" => json!("0x5208"),
            "eth_getCode" => {
                let asked: Address = serde_json::from_value(request["params"][0].clone()).unwrap();
                json!(codes.iter().find(|(at, _)| *at == asked).map_or_else(Bytes::new, |(_, code)| code.clone()))
            }
            "eth_call" => json!(answer),
            other => panic!("{other}"),
        };
        let thread = std::thread::spawn(move || {
            while let Some(request) = read(&listener) {
                let (mut stream, request) = request;
                let result = json!({ "jsonrpc": "2.0", "id": request["id"], "result": respond(&request) }).to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    result.len()
                );
                stream.write_all((head + &result).as_bytes()).unwrap();
            }
        });
        Self { port, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The next request; `None` when somebody connects and says nothing.
fn read(listener: &TcpListener) -> Option<(TcpStream, Value)> {
    let (stream, _) = listener.accept().unwrap();
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).unwrap();
    Some((stream, serde_json::from_slice(&body).unwrap()))
}

impl Drop for LyingNode {
    fn drop(&mut self) {
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
    }
}
