//! A server that says what it was told to. Its answers were written from the documentation of Qdrant's public REST interface
//! (api.qdrant.tech): they are not recordings.

use super::*;
use crate::{
    FailureClass,
    index::{
        Note, SqliteIndex, Status,
        entry::tests::{embedding, entry},
    },
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// A request: method and path, the key, the body.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    line: String,
    key: Option<String>,
    body: Value,
}

/// Answers requests in turn, each on a connection of its own.
struct Server {
    address: String,
    heard: Arc<Mutex<Vec<Request>>>,
    thread: JoinHandle<()>,
}

impl Server {
    fn saying(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Request>>> = Arc::default();
        let list = heard.clone();
        let thread = std::thread::spawn(move || {
            for (status, answer) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length, mut key) = (String::new(), 0, None);
                reader.read_line(&mut line).unwrap();
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).unwrap();
                    let Some((name, value)) = header.trim().split_once(": ") else { break };
                    match &*name.to_lowercase() {
                        "content-length" => length = value.parse().unwrap(),
                        "api-key" => key = Some(value.to_owned()),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                list.lock().unwrap().push(Request { line, key, body });
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).unwrap();
            }
        });
        Self { address, heard, thread }
    }

    /// What was asked, once every answer was given.
    fn heard(self) -> Vec<Request> {
        self.thread.join().unwrap();
        self.heard.lock().unwrap().clone()
    }
}

fn ok(result: Value) -> (u16, String) {
    (200, json!({ "result": result, "status": "ok", "time": 0.002 }).to_string())
}

fn no_collection() -> (u16, String) {
    let error = "Not found: Collection `test-x` doesn't exist!";
    (404, json!({ "status": { "error": error }, "time": 0.000_02 }).to_string())
}

fn collection_of(size: u64) -> (u16, String) {
    ok(json!({
        "status": "green", "optimizer_status": "ok", "points_count": 1, "segments_count": 2,
        "config": { "params": { "vectors": { "size": size, "distance": "Cosine" }, "shard_number": 1 } },
        "payload_schema": {},
    }))
}

fn completed() -> (u16, String) {
    ok(json!({ "operation_id": 7, "status": "completed" }))
}

fn points(statements: &[B256]) -> (u16, String) {
    let point = |statement: &B256| json!({ "id": point_id(*statement), "version": 3, "score": 0.9, "payload": { "statement": statement } });
    ok(json!({ "points": statements.iter().map(point).collect::<Vec<_>>() }))
}

fn open(server: &Server, key: Option<&str>) -> (tempfile::TempDir, QdrantIndex<SqliteIndex>) {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap();
    (dir, QdrantIndex::new(catalogue, &server.address, key.map(Into::into), "test").unwrap())
}

fn noted(number: i64, values: &[f32]) -> Entry {
    let mut entry = entry(number);
    let note = Note::new().with_label("night shift").unwrap().with_metadata("ward", "7").unwrap();
    entry.annotate(&note.with_embedding(embedding(values))).unwrap();
    entry
}

/// The collection is made, the point is written with what filters ask for, and one call asks for filter, words and nearness.
#[test]
fn what_is_entered_is_sent_and_a_combined_question_is_one_call() {
    let (first, second) = (noted(1, &[3.0, 4.0]), noted(2, &[4.0, 3.0]));
    let found = [first.statement_id, second.statement_id];
    let server = Server::saying(vec![
        no_collection(),
        ok(json!(true)),
        collection_of(2),
        collection_of(2),
        collection_of(2),
        completed(),
        collection_of(2),
        points(&found),
    ]);
    let (_dir, index) = open(&server, Some("secret"));
    index.enter(&[first.clone(), second.clone()]).unwrap();
    let filter = Filter {
        model: Some(first.model_id),
        status: Some(Status::Proven),
        metadata: vec![("ward".into(), "7".into())],
        since_ms: Some(1),
        ..Filter::default()
    };
    let query = Query::nearest(embedding(&[0.0, 2.0]), 2).with_filter(filter).with_text("Night");
    let page = index.search(&query).unwrap();
    // In the order of the exact similarities, whatever the server's scores are.
    let similarities: Vec<f64> = page.found.iter().map(|found| found.similarity().unwrap()).collect();
    assert!((similarities[0] - 0.8).abs() < 1e-12 && (similarities[1] - 0.6).abs() < 1e-12, "{similarities:?}");
    assert_eq!(page.found.iter().map(Found::entry).collect::<Vec<_>>(), [&first, &second]);

    let heard = server.heard();
    let name = collection("test", &embedding(&[1.0]));
    let lines: Vec<&str> = heard.iter().map(|request| &*request.line).collect();
    let collection = format!("GET /collections/{name}");
    let make = format!("PUT /collections/{name}");
    let (write, ask) = (format!("{make}/points?wait=true"), format!("POST /collections/{name}/points/query"));
    let expected: [&str; 8] = [&collection, &make, &collection, &collection, &collection, &write, &collection, &ask];
    assert_eq!(lines, expected);
    assert!(heard.iter().all(|request| request.key.as_deref() == Some("secret")));
    assert_eq!(heard[1].body, json!({ "vectors": { "size": 2, "distance": "Cosine" } }));
    let sent = heard[5].body["points"].as_array().unwrap();
    let sent = sent.iter().find(|point| point["payload"]["statement"] == json!(first.statement_id)).unwrap();
    assert_eq!((&sent["vector"], &sent["id"]), (&json!([0.375, 0.5]), &json!(point_id(first.statement_id))));
    let words = sent["payload"]["words"].as_array().unwrap();
    assert!(["ward", "7", "night", "shift"].iter().all(|word| words.contains(&json!(word))), "{words:?}");
    assert_eq!(sent["payload"]["status"], "proven");
    let asked = &heard[7].body;
    assert_eq!((&asked["params"], &asked["limit"]), (&json!({ "exact": true }), &json!(2)));
    assert_eq!(
        asked["filter"]["must"],
        json!([
            { "key": "model", "match": { "value": first.model_id } },
            { "key": "status", "match": { "value": "proven" } },
            { "key": "metadata", "match": { "value": "[\"ward\",\"7\"]" } },
            { "key": "words", "match": { "value": "night" } },
            { "key": "created", "range": { "gte": 1 } },
        ])
    );
}

/// What the catalogue let go is taken out of the server, and asked again.
#[test]
fn points_of_entries_that_are_gone_are_taken_out() {
    let (kept, gone) = (noted(1, &[1.0, 0.0]), noted(2, &[0.0, 1.0]));
    let server = Server::saying(vec![
        collection_of(2),
        collection_of(2),
        collection_of(2),
        completed(),
        collection_of(2),
        points(&[gone.statement_id, kept.statement_id]),
        completed(),
        points(&[kept.statement_id]),
        completed(),
    ]);
    let (_dir, index) = open(&server, None);
    index.enter(&[kept.clone(), gone.clone()]).unwrap();
    assert_eq!(index.catalogue().remove(&[gone.statement_id]).unwrap(), 1);
    let page = index.search(&Query::nearest(embedding(&[0.0, 1.0]), 5)).unwrap();
    assert_eq!(page.found.iter().map(Found::entry).collect::<Vec<_>>(), [&kept]);
    assert_eq!(index.remove(&[kept.statement_id, gone.statement_id]).unwrap(), 1);
    let heard = server.heard();
    assert_eq!(heard[6].body, json!({ "points": [point_id(gone.statement_id)] }));
    assert_eq!(heard[8].body, json!({ "points": [point_id(kept.statement_id)] }));
}

#[test]
fn another_length_and_half_a_word_are_refused_before_anything_is_entered() {
    let server = Server::saying(vec![collection_of(3), no_collection(), collection_of(2)]);
    let (_dir, index) = open(&server, None);
    let error = index.enter(&[noted(1, &[1.0, 0.0])]).unwrap_err();
    assert!(matches!(error, IndexError::Dimension { expected: 3, found: 2, .. }), "{error}");
    assert!(index.catalogue().is_empty().unwrap());
    let query = Query::nearest(embedding(&[1.0, 0.0]), 5);
    assert_eq!(index.search(&query).unwrap(), Page::default());
    let error = index.search(&query.with_text("nig*")).unwrap_err();
    assert!(matches!(error, IndexError::Unsupported { index: "Qdrant", .. }), "{error}");
    server.heard();
}

/// Whatever it says: a typed error, and the catalogue has what was entered.
#[test]
fn a_server_that_misbehaves_loses_nothing() {
    let id = noted(1, &[1.0, 0.0]).statement_id;
    let other = json!({ "points": [{ "id": point_id(B256::ZERO), "payload": { "statement": id } }] });
    for answer in [
        (500, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (200, String::new()),
        ok(json!({ "points": 7 })),
        ok(json!({ "points": [{ "id": 1, "payload": {} }] })),
        ok(other),
        points(&[id, id, id]),
        (302, String::new()),
        (401, "Must provide an API key or an Authorization bearer token".to_owned()),
    ] {
        let server =
            Server::saying(vec![collection_of(2), collection_of(2), completed(), collection_of(2), answer.clone()]);
        let (_dir, index) = open(&server, None);
        index.enter(&[noted(1, &[1.0, 0.0])]).unwrap();
        let error = index.search(&Query::nearest(embedding(&[1.0, 0.0]), 2)).unwrap_err();
        assert!(matches!(error, IndexError::Database { .. } | IndexError::Unreachable { .. }), "{answer:?}: {error}");
        assert_eq!(error.class(), FailureClass::Environment);
        assert_eq!(index.catalogue().len().unwrap(), 1);
        server.heard();
    }
    // It goes away in the middle: the catalogue has the entry, and entering again makes up for the rest.
    let server = Server::saying(vec![collection_of(2), collection_of(2), (507, json!({}).to_string())]);
    let (_dir, index) = open(&server, None);
    assert!(index.enter(&[noted(1, &[1.0, 0.0])]).is_err());
    assert_eq!(index.catalogue().len().unwrap(), 1);
    server.heard();
    let error = index.enter(&[noted(1, &[1.0, 0.0])]).unwrap_err();
    assert!(matches!(error, IndexError::Unreachable { .. } | IndexError::Lost { .. }), "{error}");
}

#[test]
fn keys_do_not_cross_the_network_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let new = |address: &str, key: Option<&str>, prefix: &str| {
        let catalogue = SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap();
        QdrantIndex::new(catalogue, address, key.map(Into::into), prefix)
    };
    assert!(new("https://db.example:6333/qdrant", Some("k"), "test").is_ok());
    assert!(
        new("http://db.example:6333", None, "test").is_ok() && new("http://localhost:6333", Some("k"), "a").is_ok()
    );
    let error = new("http://db.example:6333", Some("secret"), "test").unwrap_err().to_string();
    assert!(error.contains("clear text") && !error.contains("secret"), "{error}");
    for (address, prefix) in
        [("", "a"), ("ftp://x", "a"), ("http://me:secret@x", "a"), ("http://x", ""), ("http://x", "a/b")]
    {
        let error = new(address, None, prefix).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
