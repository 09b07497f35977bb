//! What is printed, and where: results on standard output, everything else on standard error.

use super::{
    answers::{self, Labels},
    context::Session,
    failure,
};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use zkinfer::FailureClass;

pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ZKINFER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second subscriber in one process is refused; the first one stays.
    // Colours are for terminals: in a pipe they are noise.
    let colours = std::io::stderr().is_terminal();
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).try_init();
}

/// Prints the result: the JSON object or the text.
pub(crate) fn result(session: &Session, object: &Value, text: &str) {
    session.finish();
    if session.json { print(&format!("{object:#}\n")) } else { print(text) }
}

/// A reader that went away (`| head`) is no reason to panic.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Reports an error, and says which exit code it leads to.
pub(crate) fn failure(error: &anyhow::Error, json: bool) -> u8 {
    let (class, sentence) = (failure::class(error), failure::sentence(error));
    let (exit_code, outputs) = (failure::exit_code(class), failure::other_answer(error));
    let class = match class {
        FailureClass::BadInput => "bad_input",
        FailureClass::Environment => "environment",
        FailureClass::Invalid => "invalid",
        FailureClass::Internal => "internal",
    };
    if json {
        let mut object = json!({ "error": { "class": class, "message": sentence }, "exit_code": exit_code });
        if let Some(outputs) = outputs {
            object["error"]["outputs"] = answers::objects(outputs, &Labels::default());
        }
        print(&format!("{object:#}\n"));
    }
    eprintln!("zkinfer: {sentence}");
    if let Some(outputs) = outputs {
        eprint!("{}", answers::tables(outputs, &Labels::default()));
    }
    exit_code
}

/// Rows of two columns, the first one padded.
pub(crate) fn rows(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("  {name:<width$}  {value}\n")).collect()
}

/// Milliseconds with a unit that suits them.
pub(crate) fn time(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.2} s", ms / 1000.0) }
}

/// The ids of a bundle's statements: each of a few, the number of many.
pub(crate) fn listed(ids: &[B256]) -> String {
    match ids {
        [id] => id.to_string(),
        [first, .., last] => format!("{} of them, from {first} to {last}", ids.len()),
        [] => "none".into(),
    }
}
