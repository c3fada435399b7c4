//! The listening socket and its connections. What a request means is `serve`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use super::departure::{Notes, Wire};
use super::serve::serve;
use super::shared::Shared;

/// Connections that may wait to be accepted; ten thousand clients like to come at once.
const BACKLOG: u32 = 4096;

/// To be called inside a runtime.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The same port again after going down, though old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until cancelled; then the port is closed and every connection dropped in the middle of whatever it did.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, cancelled: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Answers are small and awaited; without it the connection is slow but right.
                let _ = stream.set_nodelay(true);
                let (shared, cancelled) = (Arc::clone(&shared), cancelled.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        () = cancelled.cancelled() => {}
                        () = connection(stream, shared) => {}
                    }
                });
            }
            // Out of file descriptors, or the client is gone already: others may finish meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, shared: Arc<Shared>) {
    let notes = Arc::new(Notes::default());
    let wire = Wire::new(stream, Arc::clone(&notes));
    let service = service_fn(move |request| serve(Arc::clone(&shared), Arc::clone(&notes), request));
    // Clients break connections and faults do; neither is news.
    let _ = http1::Builder::new().serve_connection(wire, service).await;
}
