//! One HTTP request to a server on this machine, with a deadline. HTTP/1.0 with one connection per request: responses
//! are small JSON documents that end with the connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Maximum bytes of a response: an emulator with thousands of services sends a tenth of that.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// `GET`, `POST`.
    pub method: &'r str,
    /// Path with a leading slash.
    pub path: &'r str,
    /// Additional headers.
    pub headers: &'r [(&'r str, &'r str)],
    /// Body, sent with its length.
    pub body: &'r str,
}

impl<'r> Request<'r> {
    /// Returns the request `GET path`.
    pub fn get(path: &'r str) -> Request<'r> {
        Request { method: "GET", path, headers: &[], body: "" }
    }

    /// Returns the request `POST path` without a body.
    pub fn post(path: &'r str) -> Request<'r> {
        Request { method: "POST", ..Request::get(path) }
    }
}

/// Sends a request and reads the complete response within `limit`.
///
/// # Errors
/// No listener, deadline exceeded, or a response that is not HTTP.
pub fn send(address: SocketAddr, request: &Request<'_>, limit: Duration) -> io::Result<Answer> {
    let deadline = Instant::now() + limit;
    let left = || match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    let Request { method, path, headers, body } = request;
    let mut text = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in *headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(text.as_bytes())?;
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > LONGEST_ANSWER {
            return Err(io::Error::other("the answer is too long"));
        }
    }
    parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| io::Error::other("the answer is no HTTP"))
}

/// Calls a JSON 1.1 API of the emulator. `target` is the value of `X-Amz-Target`, `service` the name in the signature,
/// of which the emulator checks the format only.
///
/// # Errors
/// The same as `send`.
pub fn call(address: SocketAddr, service: &str, target: &str, input: &str, limit: Duration) -> io::Result<Answer> {
    let signature = "0".repeat(64);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=local/20260101/local/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let headers = [
        ("X-Amz-Target", target),
        ("X-Amz-Date", "20260101T000000Z"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Authorization", &authorization),
    ];
    send(address, &Request { method: "POST", path: "/", headers: &headers, body: input }, limit)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Answer, Request, call, send};

    #[test]
    fn a_request_its_answer_and_a_server_that_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"{\"a\":1}") {
                let count = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..count]);
            }
            stream.write_all(b"HTTP/1.0 400 Bad Request\r\nx: y\r\n\r\n{}\r\n\r\n").unwrap();
            drop(stream);
            // The system accepts the second connection, but no response is sent.
            (listener, String::from_utf8(request).unwrap())
        });
        let answer = call(address, "ecs", "A.B", "{\"a\":1}", Duration::from_secs(30));
        assert_eq!(answer.unwrap(), Answer { status: 400, body: "{}\r\n\r\n".into() });
        let (listener, request) = server.join().unwrap();
        assert!(
            request.starts_with("POST / HTTP/1.0\r\n") && request.contains("\r\nX-Amz-Target: A.B\r\n"),
            "{request}"
        );
        let begun = Instant::now();
        assert!(send(address, &Request::get("/"), Duration::from_millis(100)).is_err());
        assert!(begun.elapsed() < Duration::from_secs(20));
        drop(listener);
        assert!(send(address, &Request::get("/"), Duration::from_secs(20)).is_err());
    }
}
