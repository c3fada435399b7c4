//! An application that takes whatever comes. It is away until somebody waits for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    taken: Arc<AtomicUsize>,
    open: Arc<AtomicBool>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, is_open) = (taken.clone(), open.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (count, is_open) = (count.clone(), is_open.clone());
                std::thread::spawn(move || drop(serve(stream.unwrap(), &count, &is_open)));
            }
        });
        Self { address, taken, open }
    }

    /// Opens, and waits until so many were taken; how long it took from the first on.
    pub(crate) fn time_of(&self, count: usize) -> Duration {
        self.open.store(true, Ordering::Relaxed);
        let mut first = None;
        loop {
            let taken = self.taken.load(Ordering::Relaxed);
            if taken > 0 && first.is_none() {
                first = Some(Instant::now());
            }
            if taken >= count {
                return first.map(|first| first.elapsed()).unwrap_or_default();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn serve(stream: TcpStream, taken: &AtomicUsize, open: &AtomicBool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = text.trim_end().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let is_open = open.load(Ordering::Relaxed);
        let status = if is_open { "204 No Content" } else { "503 Service Unavailable" };
        write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")?;
        taken.fetch_add(usize::from(is_open), Ordering::Relaxed);
        line.clear();
    }
    Ok(())
}
