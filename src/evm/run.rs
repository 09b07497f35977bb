//! Running a short-lived external program under a deadline.

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The most output that is read: version lines are short.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Runs `command` with no input and returns its standard output, or a sentence that says why there is none.
///
/// The program is killed when it has not closed its output after `deadline`.
pub(super) fn stdout_of(command: &mut Command, deadline: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stdout = read_in_background(child.stdout.take());
    let stderr = read_in_background(child.stderr.take());
    let Ok(output) = stdout.recv_timeout(deadline) else {
        // Both may fail only because it is gone already, which is what is wanted.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("it did not answer within {} s", deadline.as_secs()));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(output);
    }
    let complaint = stderr.recv_timeout(deadline).unwrap_or_default();
    let complaint = complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message");
    Err(format!("{status}: {complaint}"))
}

fn read_in_background(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stream) = stream {
        thread::spawn(move || {
            let mut text = Vec::new();
            let read: io::Result<usize> = stream.take(MAX_OUTPUT).read_to_end(&mut text);
            // Nobody listens after the deadline.
            let _ = sender.send(read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&text).into_owned()));
        });
    }
    receiver
}
