//! HTTP/1.1 by hand, so that tests see what is really on the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::stage::RETRY_LIMIT;

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Its first line.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.header(name) == Some(value)
    }

    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to the balancer.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect(to).unwrap();
        // Longer than any wait here is meant to be, so that a hang is a failure and not a hang.
        stream.set_read_timeout(Some(RETRY_LIMIT)).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next head; `None` where the connection has ended.
    pub(crate) fn head(&mut self) -> Option<Message> {
        read_head(&mut self.stream, &mut self.buffer)
    }

    /// The next response; `bodiless` for an answer to `HEAD`.
    pub(crate) fn response(&mut self, bodiless: bool) -> Option<Message> {
        let mut message = self.head()?;
        if !bodiless && ![204, 304].contains(&message.status()) {
            message.body = read_body(&mut self.stream, &mut self.buffer, &message, false);
        }
        Some(message)
    }

    pub(crate) fn get(&mut self, path: &str) -> Option<Message> {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: site\r\n\r\n").as_bytes()).ok()?;
        self.response(false)
    }

    /// Bytes that came with the head before.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Whether the other side has closed the connection, perhaps after some bytes.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// One request on a connection of its own.
pub(crate) fn get(to: SocketAddr, path: &str) -> Message {
    Client::connect(to).get(path).unwrap()
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let mut bytes = [0; 16384];
    match stream.read(&mut bytes) {
        Ok(count @ 1..) => {
            buffer.extend_from_slice(&bytes[..count]);
            true
        }
        _ => false,
    }
}

pub(crate) fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Message> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if !more(stream, buffer) {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = text.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(a, b)| (a.to_owned(), b.trim().to_owned()));
    Some(Message { line, headers: headers.collect(), body: Vec::new() })
}

fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while buffer.len() < count {
        if !more(stream, buffer) {
            return None;
        }
    }
    Some(buffer.drain(..count).collect())
}

/// The next chunk; empty for the last one, `None` where the connection ends first.
pub(crate) fn read_chunk(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = loop {
        if let Some(end) = buffer.windows(2).position(|window| window == b"\r\n") {
            break end;
        }
        if !more(stream, buffer) {
            return None;
        }
    };
    let size = usize::from_str_radix(std::str::from_utf8(&buffer[..end]).ok()?, 16).ok()?;
    buffer.drain(..end + 2);
    let chunk = take(stream, buffer, size)?;
    take(stream, buffer, 2)?;
    Some(chunk)
}

/// A whole body. One that ends too early comes back as far as it came, with `!` at its end.
pub(crate) fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, head: &Message, request: bool) -> Vec<u8> {
    if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        let mut body = Vec::new();
        loop {
            match read_chunk(stream, buffer) {
                Some(chunk) if chunk.is_empty() => return body,
                Some(chunk) => body.extend(chunk),
                None => {
                    body.push(b'!');
                    return body;
                }
            }
        }
    }
    match head.header("content-length").and_then(|value| value.parse().ok()) {
        Some(length) => take(stream, buffer, length).unwrap_or_else(|| b"!".to_vec()),
        None if request => Vec::new(),
        None => {
            while more(stream, buffer) {}
            std::mem::take(buffer)
        }
    }
}
