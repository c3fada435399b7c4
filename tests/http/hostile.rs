//! Requests by somebody who means harm: the keeper goes on serving, and its memory stays where it was.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::api::Served;

const REQUESTS: usize = 10_000;
/// Buffers that are kept for the next request, and the allocator's.
const GROWTH: f64 = 32.0 * 1024.0 * 1024.0;

/// Sends bytes, and takes what comes until the other side has enough of it.
fn send(address: &str, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may hang up before it has read all.
    let _ = connection.write_all(bytes);
    let _ = connection.shutdown(Shutdown::Write);
    let mut answer = vec![];
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The `n`th of them.
fn request(n: usize) -> Vec<u8> {
    let token = "/v1/connections/anna/access-token";
    match n % 16 {
        0 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), // TLS
        1 => b"GARBAGE\r\n\r\n".to_vec(),
        2 => format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000)).into_bytes(),
        3 => format!("GET {token} HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Header: y\r\n".repeat(1_000)).into_bytes(),
        4 => format!("GET {token} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {n}\r\n\r\n").into_bytes(),
        5 => format!("GET {token} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", "z".repeat(8_000)).into_bytes(),
        6 => b"GET /v1/connections/%00%ff/access-token HTTP/1.1\r\nHost: a\r\nAuthorization: \xff\xfe\r\n\r\n".to_vec(),
        7 => format!("GET {token} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(50).into_bytes(), // pipelined
        8 => b"PUT /v1/connections/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{".to_vec(),
        9 => b"PUT /v1/connections/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n".to_vec(),
        10 => b"POST /v1/connections/a/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef".to_vec(),
        11 => b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        12 => b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        13 => format!("GET /v1/connections?cursor={}&limit=-1 HTTP/1.1\r\nHost: a\r\n\r\n", "%41".repeat(500)).into_bytes(),
        14 => b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\rb\r\n\r\n".to_vec(),
        _ => b"GET /v1/conn".to_vec(), // half a request
    }
}

fn memory(served: &Served) -> f64 {
    let text = served.api.get("/metrics").is(200).text;
    let line = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_hostile_requests_leave_it_serving_and_its_memory_where_it_was() {
    let served = Served::with(&["anna"]);
    let address = served.api.url.strip_prefix("http://").unwrap().to_owned();
    let storm = |from: usize, to: usize| {
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let address = &address;
                scope.spawn(move || {
                    for n in (from + worker..to).step_by(8) {
                        let answer = send(address, &request(n));
                        assert!(!answer.contains(" 200 OK") || n % 16 == 14, "{n}: {answer}");
                        assert!(!answer.starts_with("HTTP/1.1 5"), "{n}: {answer}");
                    }
                });
            }
        });
    };
    // Somebody who never ends his request holds nobody up.
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut connection = TcpStream::connect(&address).unwrap();
            connection.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
            connection
        })
        .collect();
    storm(0, REQUESTS / 5);
    let before = memory(&served);
    storm(REQUESTS / 5, REQUESTS);
    served.api.get("/v1/connections/anna/access-token").is(200);
    let after = memory(&served);
    assert!(after - before < GROWTH, "{before} before, {after} after");
    drop(slow);
    for panicked in ["panicked", "ERROR"] {
        assert!(!served.keeper.said().contains(panicked), "{}", served.keeper.said());
    }
}
