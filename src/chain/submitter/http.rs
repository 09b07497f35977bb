//! Pages for this machine alone: metrics and status over HTTP, on a loopback address.
//!
//! No framework, no TLS, no writing: `GET`, small requests, a deadline for each, and few connections at a time. What is served says how much
//! money an account has and where it goes, so that an address which others reach is refused, and so is a request under another host's
//! name, with which a page in a browser could read it.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The largest request that is read, in bytes.
const MAX_REQUEST_BYTES: usize = 8 * 1024;
/// The most connections at a time; further ones are told to come back.
const MAX_CONNECTIONS: usize = 16;
/// How long a request and its answer may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// What there is to see.
pub trait Pages: Send + Sync + 'static {
    /// The page at a path, without its query; `None`: there is none.
    fn page(&self, path: &str) -> Option<Page>;
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// As HTTP has it.
    pub content_type: &'static str,
    /// What is on it.
    pub body: String,
    /// Whether all is well: 200, else 503, which is what probes look at.
    pub is_well: bool,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Others could reach it.
    #[error(
        "metrics and status are served on loopback addresses alone, and {0} is none: use 127.0.0.1 or [::1], and let a proxy of \
         your own decide who else may read them"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot serve metrics on {address}: {reason}")]
    Unusable {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to serve; with port 0, on one that the system chooses.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn start(address: SocketAddr, pages: Arc<dyn Pages>) -> Result<Self, HttpError> {
        if !is_loopback(address.ip()) {
            return Err(HttpError::NotLoopback(address));
        }
        let unusable = |error: io::Error| HttpError::Unusable { address, reason: error.to_string() };
        let listener = TcpListener::bind(address).map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let named = thread::Builder::new().name("submitter-http".into());
        let thread = named.spawn(move || accept(&listener, &pages, &over)).map_err(unusable)?;
        Ok(Self { address, is_over, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is over.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// IPv4 in IPv6 counts as what it is.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn accept(listener: &TcpListener, pages: &Arc<dyn Pages>, is_over: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            let mut connection = Connection::new(stream);
            let _ = connection.answer("503 Service Unavailable", "text/plain", "too many connections\n");
            continue;
        }
        let (pages, open) = (pages.clone(), open.clone());
        let served = thread::Builder::new().name("submitter-http-request".into()).spawn({
            let open = open.clone();
            move || {
                // A page that panics costs its own connection.
                let _open = Open(open);
                let _ = Connection::new(stream).serve(&*pages);
            }
        });
        if served.is_err() {
            open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, deadline: Instant::now() + DEADLINE }
    }

    fn serve(mut self, pages: &dyn Pages) -> io::Result<()> {
        let Some(request) = self.read()? else {
            return self.answer("431 Request Header Fields Too Large", "text/plain", "the request is too large\n");
        };
        let request = String::from_utf8_lossy(&request).into_owned();
        let mut lines = request.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let host = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("host"));
        if !host.is_some_and(|(_, host)| is_local(host.trim())) {
            return self.answer("421 Misdirected Request", "text/plain", "this is no host of that name\n");
        }
        if method != "GET" && method != "HEAD" {
            return self.answer("405 Method Not Allowed", "text/plain", "nothing can be changed here\n");
        }
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let Some(page) = pages.page(path) else {
            return self.answer("404 Not Found", "text/plain", "there are /metrics, /status and /health\n");
        };
        let status = if page.is_well { "200 OK" } else { "503 Service Unavailable" };
        let body = if method == "HEAD" { "" } else { &page.body };
        self.answer(status, page.content_type, body)
    }

    /// The head of a request; `None` when it is too large.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            if head.len() >= MAX_REQUEST_BYTES {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(self.left()?))?;
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&buffer[..count]);
        }
        Ok(Some(head))
    }

    fn answer(&mut self, status: &str, content_type: &str, body: &str) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            body.len()
        );
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body.as_bytes())
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// Whether a `Host` names this machine from within.
fn is_local(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return is_loopback(address.ip());
    }
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    struct One;

    impl Pages for One {
        fn page(&self, path: &str) -> Option<Page> {
            let page = |body: &str, is_well| Page { content_type: "text/plain", body: body.into(), is_well };
            match path {
                "/metrics" => Some(page("up 1\n", true)),
                "/health" => Some(page("ill\n", false)),
                "/panic" => panic!("a page that cannot be made"),
                _ => None,
            }
        }
    }

    fn server() -> Server {
        Server::start((Ipv4Addr::LOCALHOST, 0).into(), Arc::new(One)).unwrap()
    }

    fn ask(server: &Server, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        // The other side may close before it read everything.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn other_addresses_than_loopback_are_refused() {
        for address in ["0.0.0.0:0", "[::]:0", "192.168.0.1:0", "8.8.8.8:80", "[::ffff:10.0.0.1]:0"] {
            let error = Server::start(address.parse().unwrap(), Arc::new(One)).unwrap_err();
            assert!(matches!(error, HttpError::NotLoopback(_)), "{address}: {error}");
        }
        assert!(is_loopback(Ipv6Addr::LOCALHOST.into()) && is_loopback("::ffff:127.0.0.1".parse().unwrap()));
        let first = server();
        let error = Server::start(first.address(), Arc::new(One)).unwrap_err();
        assert!(matches!(error, HttpError::Unusable { .. }), "{error}");
    }

    #[test]
    fn pages_are_read_and_nothing_else() {
        let server = server();
        let get =
            |path: &str, host: &str| ask(&server, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        for host in ["127.0.0.1:9000", "localhost:1", "localhost", "[::1]:80", "127.0.0.1"] {
            let answer = get("/metrics?x=1", host);
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\nup 1\n"), "{host}: {answer}");
        }
        assert!(get("/health", "localhost").starts_with("HTTP/1.1 503"));
        assert!(get("/journal", "localhost").starts_with("HTTP/1.1 404"));
        // A name that leads here, as a page in a browser would use it.
        for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            assert!(get("/metrics", host).starts_with("HTTP/1.1 421"), "{host}");
        }
        assert!(ask(&server, b"GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 421"));
        assert!(ask(&server, b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405"));
        let head = ask(&server, b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn what_is_too_large_broken_or_panics_costs_only_itself() {
        let server = server();
        let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
        let answer = ask(&server, large.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(ask(&server, &[0xff; 100].iter().copied().chain(*b"\r\n\r\n").collect::<Vec<_>>()).contains("421"));
        assert!(ask(&server, b"GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\n").is_empty());
        drop(TcpStream::connect(server.address()).unwrap());
        assert!(ask(&server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").contains("up 1"));
    }

    /// Connections that say nothing do not keep others out for longer than their deadline; one too many is told so.
    #[test]
    fn connections_are_bounded() {
        let server = server();
        let silent: Vec<_> = (0..MAX_CONNECTIONS).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
        let answer = ask(&server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
        drop(silent);
        let begun = Instant::now();
        while !ask(&server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").contains("up 1") {
            assert!(begun.elapsed() < DEADLINE * 2);
            thread::yield_now();
        }
    }
}
