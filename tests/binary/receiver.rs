//! An application's receiver of notices: a real socket, each request as it came, answers as they are asked for.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::process::DEADLINE;
use crate::support::wait::until;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Posted {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    got: Arc<Mutex<Vec<Posted>>>,
    answer: Arc<Mutex<String>>,
}

impl Receiver {
    /// Answers each request with this, as in `204 No Content`, and lines of headers behind it.
    pub(crate) fn answering(status: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let this = Self { port, got: Arc::default(), answer: Arc::new(Mutex::new(status.to_owned())) };
        let (got, answer) = (this.got.clone(), this.answer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // One that goes away in the middle of it is a keeper that was killed.
                let _ = serve(stream.unwrap(), &got, &answer);
            }
        });
        this
    }

    pub(crate) fn answers(&self, status: &str) {
        status.clone_into(&mut self.answer.lock().unwrap());
    }

    pub(crate) fn got(&self) -> Vec<Posted> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Posted> {
        until(&format!("{count} requests"), DEADLINE, || Some(self.got()).filter(|got| got.len() >= count))
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Posted>>, answer: &Mutex<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    got.lock().unwrap().push(Posted { line: line.trim_end().to_owned(), headers, body });
    let answer = answer.lock().unwrap().clone();
    write!(&stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
