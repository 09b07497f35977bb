//! A signer in another process: JSON-RPC over a Unix socket or HTTP, as Web3Signer, clef and nodes with accounts speak it.

use super::{Signer, SignerError, Signing};
use crate::{
    chain::ChainError,
    net::{self, root_cause},
};
use alloy::{
    consensus::{Transaction, TxEnvelope, TypedTransaction},
    eips::Decodable2718,
    primitives::{Address, Bytes, U64},
    rpc::client::RpcClient,
    transports::RpcError,
};
use serde_json::{Value, json};
use std::{
    fmt,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a signer has for one answer. Somebody may have to press a button.
const DEADLINE: Duration = Duration::from_secs(30);
/// The most of an answer that is read, in bytes: a transaction of the largest size in hex, and once more as JSON.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// How much of a signer's words is repeated.
const MAX_WORDS: usize = 200;

/// A signer in another process.
///
/// It is asked with `eth_signTransaction`, unless [`RemoteSigner::asking`] says another word (clef: `account_signTransaction`), and
/// answers with the signed transaction, alone or as the `raw` of an object.
pub struct RemoteSigner {
    address: Address,
    place: Place,
    method: String,
    deadline: Duration,
}

enum Place {
    Socket(PathBuf),
    Http { client: Box<RpcClient>, shown: String },
}

impl RemoteSigner {
    /// For an account, at `unix:PATH` or an HTTP endpoint. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ChainError::BadEndpoint`].
    pub fn new(place: &str, address: Address) -> Result<Self, ChainError> {
        let place = match place.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Place::Socket(path.into()),
            Some(path) => {
                let reason = "a socket is named by its whole path: unix:/run/signer.sock";
                return Err(ChainError::BadEndpoint { endpoint: format!("unix:{path}"), reason: reason.into() });
            }
            None => http(place)?,
        };
        Ok(Self { address, place, method: "eth_signTransaction".into(), deadline: DEADLINE })
    }

    /// Asks with another method.
    #[must_use]
    pub fn asking(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// Waits for an answer as long as this instead of half a minute.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn ask(&self, transaction: TypedTransaction) -> Result<TxEnvelope, SignerError> {
        let parameter = self.parameter(&transaction);
        let answer = match &self.place {
            Place::Socket(path) => {
                let request = json!({ "jsonrpc": "2.0", "id": 1, "method": self.method, "params": [parameter] });
                let (path, deadline) = (path.clone(), Instant::now() + self.deadline);
                let asked = tokio::task::spawn_blocking(move || ask_socket(&path, &request, deadline));
                result(asked.await.map_err(|error| SignerError::Unreachable(error.to_string()))??)?
            }
            Place::Http { client, .. } => {
                let asked = client.request::<_, Value>(self.method.clone(), (parameter,));
                match tokio::time::timeout(self.deadline, asked).await {
                    Err(_) => return Err(late()),
                    Ok(Ok(answer)) => answer,
                    Ok(Err(RpcError::ErrorResp(error))) => return Err(refused(&error.message)),
                    Ok(Err(error)) => return Err(SignerError::Unreachable(root_cause(&error))),
                }
            }
        };
        let raw = answer.get("raw").unwrap_or(&answer);
        let bytes: Option<Bytes> = raw.as_str().and_then(|text| text.parse().ok());
        bytes
            .and_then(|bytes| TxEnvelope::decode_2718_exact(&bytes).ok())
            .ok_or_else(|| SignerError::Misbehaved("no signed transaction".into()))
    }

    /// The transaction as signers take it. `data`, not `input`: all of them know that one.
    fn parameter(&self, transaction: &TypedTransaction) -> Value {
        let hex = |number: u64| json!(U64::from(number));
        let price = |wei: u128| json!(alloy::primitives::U128::from(wei));
        let mut parameter = json!({
            "from": self.address,
            "to": transaction.to(),
            "gas": hex(transaction.gas_limit()),
            "value": transaction.value(),
            "nonce": hex(transaction.nonce()),
            "data": transaction.input(),
            "chainId": transaction.chain_id().map(hex),
        });
        match (transaction.gas_price(), transaction.max_priority_fee_per_gas()) {
            (Some(gas_price), _) => parameter["gasPrice"] = price(gas_price),
            (None, tip) => {
                parameter["maxFeePerGas"] = price(transaction.max_fee_per_gas());
                parameter["maxPriorityFeePerGas"] = price(tip.unwrap_or_default());
            }
        }
        parameter
    }
}

impl Signer for RemoteSigner {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, transaction: TypedTransaction) -> Signing<'_> {
        Box::pin(self.ask(transaction))
    }
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Socket(path) => format!("unix:{}", path.display()),
            Place::Http { shown, .. } => shown.clone(),
        };
        f.debug_struct("RemoteSigner").field("address", &self.address).field("place", &place).finish_non_exhaustive()
    }
}

fn http(endpoint: &str) -> Result<Place, ChainError> {
    let url = crate::chain::node::parse(endpoint)?;
    let shown = crate::chain::node::shown(&url);
    let unusable = |reason: String| ChainError::Unreachable { endpoint: shown.clone(), reason };
    let client = net::client(&url, &[]).map_err(unusable)?;
    let client = client.connect_timeout(DEADLINE).build().map_err(|error| unusable(root_cause(&error)))?;
    let client = Box::new(RpcClient::new_http_with_client(client, url));
    Ok(Place::Http { client, shown })
}

/// One request, one answer, one connection.
fn ask_socket(path: &Path, request: &Value, deadline: Instant) -> Result<Value, SignerError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(),
        _ => SignerError::Unreachable(error.to_string()),
    };
    let mut stream = UnixStream::connect(path).map_err(failed)?;
    stream.set_write_timeout(Some(left(deadline).map_err(failed)?)).map_err(failed)?;
    stream.write_all(format!("{request}\n").as_bytes()).map_err(failed)?;
    let reader = Until { stream, deadline }.take(MAX_ANSWER_BYTES);
    match serde_json::Deserializer::from_reader(io::BufReader::new(reader)).into_iter::<Value>().next() {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) if error.is_io() => Err(failed(error.into())),
        // What is no JSON is not repeated.
        Some(Err(_)) => Err(SignerError::Misbehaved("no JSON".into())),
        None => Err(SignerError::Unreachable("it closed the connection".into())),
    }
}

/// Reads until a moment, however slowly the bytes come.
struct Until {
    stream: UnixStream,
    deadline: Instant,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer)
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn result(mut answer: Value) -> Result<Value, SignerError> {
    match answer.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(refused(error.get("message").and_then(Value::as_str).unwrap_or("without a reason"))),
        None => Ok(answer["result"].take()),
    }
}

fn refused(words: &str) -> SignerError {
    let words: String = words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
    SignerError::Refused(words)
}

fn late() -> SignerError {
    SignerError::Unreachable("it did not answer in time".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Account;
    use alloy::{
        eips::Encodable2718,
        network::TransactionBuilder,
        primitives::{B256, U256},
        rpc::types::TransactionRequest,
        signers::local::PrivateKeySigner,
    };
    use std::{io::BufRead, os::unix::net::UnixListener, sync::Arc, thread};

    fn key() -> Account {
        Account::from_signer(PrivateKeySigner::from_bytes(&B256::repeat_byte(0x31)).unwrap())
    }

    fn request() -> TransactionRequest {
        TransactionRequest::default()
            .with_to(Address::repeat_byte(5))
            .with_nonce(7)
            .with_value(U256::from(1))
            .with_input(vec![1, 2, 3])
            .with_gas_limit(50_000)
            .with_max_fee_per_gas(20)
            .with_max_priority_fee_per_gas(2)
            .with_chain_id(31337)
    }

    /// A signer on a socket that answers every request with what the function makes of it.
    fn serve(answer: impl Fn(Value) -> String + Send + Sync + 'static) -> (tempfile::TempDir, RemoteSigner) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), answer.clone());
                let mut line = String::new();
                io::BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
                let said = answer(serde_json::from_str(&line).unwrap());
                // The other side may be gone.
                let _ = stream.write_all(said.as_bytes());
                if said.is_empty() {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest);
                }
            }
        });
        let signer = RemoteSigner::new(&format!("unix:{}", path.display()), key().address()).unwrap();
        (dir, signer)
    }

    /// What an honest signer does with the request.
    fn sign(request: &Value) -> String {
        let parameter: TransactionRequest = serde_json::from_value(request["params"][0].clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let signed = runtime.block_on(key().sign("it", parameter)).unwrap();
        Bytes::from(signed.encoded_2718()).to_string()
    }

    #[tokio::test]
    async fn a_signer_on_a_socket_signs_what_the_key_would() {
        let here = key().sign("a call", request()).await.unwrap();
        for object in [false, true] {
            let (_dir, signer) = serve(move |request| {
                assert_eq!(request["method"], "eth_signTransaction");
                let raw = sign(&request);
                let result = if object { json!({ "raw": raw, "tx": {} }) } else { json!(raw) };
                json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string()
            });
            assert_eq!(Account::of(signer).sign("a call", request()).await.unwrap(), here);
        }
    }

    #[tokio::test]
    async fn what_a_signer_says_instead_is_a_sentence_and_sends_nothing() {
        let long = "x".repeat(5000);
        for (said, sentence) in [
            (json!({ "error": { "message": format!("denied {long}") } }).to_string(), "refused: denied xxx"),
            (json!({ "result": "0x1234" }).to_string(), "no signed transaction"),
            (json!({ "result": null }).to_string(), "no signed transaction"),
            (json!({ "result": { "raw": 5 } }).to_string(), "no signed transaction"),
            ("secret words".to_owned(), "no JSON"),
        ] {
            let (_dir, signer) = serve(move |_| said.clone());
            let error = Account::of(signer).sign("a call", request()).await.unwrap_err().to_string();
            assert!(error.contains(sentence) && !error.contains("secret") && error.len() < 500, "{error}");
        }
    }

    #[tokio::test]
    async fn a_signer_that_is_not_there_or_does_not_answer_is_named() {
        let (dir, signer) = serve(|_| String::new());
        let signer = Account::of(signer.within(Duration::from_millis(200)));
        let error = signer.sign("a call", request()).await.unwrap_err().to_string();
        assert!(error.contains("did not answer in time"), "{error}");
        let gone = format!("unix:{}/gone", dir.path().display());
        let gone = Account::of(RemoteSigner::new(&gone, key().address()).unwrap());
        assert!(gone.sign("a call", request()).await.unwrap_err().to_string().contains("cannot be asked"));
        for place in ["", "unix:", "unix:signer.sock", "/run/signer.sock", "ftp://127.0.0.1"] {
            assert!(RemoteSigner::new(place, Address::ZERO).is_err(), "{place}");
        }
    }
}
