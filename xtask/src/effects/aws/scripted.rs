//! For tests: a loopback server that answers requests one after the other from a script, and reports them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Aws, CredentialSource};

/// The reaction to one request.
#[derive(Clone, Debug)]
pub(in crate::effects) enum Scene {
    /// This status and body; the connection stays open.
    Answer(u16, &'static str),
    /// The same, and the connection is closed when the test calls `end`.
    LastAnswer(u16, &'static str),
    /// The same, when the test calls `release`.
    Held(u16, &'static str),
    /// The connection is closed without an answer.
    Lose,
    /// This status, further headers and body; the connection stays open.
    With(u16, &'static str, &'static str),
    /// No answer until the client disconnects.
    Silence,
}

/// A received request.
#[derive(Clone, Debug)]
pub(in crate::effects) struct Asked {
    pub(in crate::effects) head: String,
    pub(in crate::effects) body: String,
}

impl Asked {
    pub(in crate::effects) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The server. Its script must be finished when it is dropped.
pub(in crate::effects) struct Scripted {
    address: SocketAddr,
    asked: Receiver<Asked>,
    ended: Receiver<()>,
    held: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub(in crate::effects) fn new(script: &[Scene]) -> Scripted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ((tell, asked), (end, ended), (held, released)) = (channel(), channel(), channel());
        let script = script.to_vec();
        let thread = thread::spawn(move || play(&listener, script, &tell, &end, &released));
        Scripted { address, asked, ended, held, thread: Some(thread) }
    }

    /// A client of this server with dummy credentials.
    pub(in crate::effects) fn aws(&self) -> Aws {
        Aws::connect("eu-central-1", Some(&self.endpoint()), CredentialSource::Anonymous).unwrap()
    }

    pub(in crate::effects) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next received request.
    pub(in crate::effects) fn asked(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Releases a held answer.
    pub(in crate::effects) fn release(&self) {
        let _ = self.held.send(());
    }

    /// Closes a connection after its last answer.
    pub(in crate::effects) fn end(&self) {
        self.release();
        self.ended.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // A failed test leaves its script unfinished.
        if !thread::panicking() {
            self.thread.take().unwrap().join().unwrap();
        }
    }
}

fn play(listener: &TcpListener, script: Vec<Scene>, tell: &Sender<Asked>, end: &Sender<()>, released: &Receiver<()>) {
    let mut connection: Option<BufReader<TcpStream>> = None;
    for scene in script {
        // A client may have opened another connection and dropped this one.
        let (mut stream, asked) = loop {
            let mut stream = connection.take().unwrap_or_else(|| BufReader::new(listener.accept().unwrap().0));
            stream.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            if let Some(asked) = read(&mut stream) {
                break (stream, asked);
            }
        };
        let _ = tell.send(asked);
        match scene {
            Scene::Answer(status, body) => {
                answer(stream.get_mut(), status, "", body);
                connection = Some(stream);
            }
            Scene::With(status, headers, body) => {
                answer(stream.get_mut(), status, headers, body);
                connection = Some(stream);
            }
            Scene::Held(status, body) => {
                released.recv_timeout(Duration::from_secs(60)).unwrap();
                answer(stream.get_mut(), status, "", body);
                connection = Some(stream);
            }
            Scene::LastAnswer(status, body) => {
                answer(stream.get_mut(), status, "", body);
                released.recv_timeout(Duration::from_secs(60)).unwrap();
                drop(stream);
                let _ = end.send(());
            }
            Scene::Lose => drop(stream),
            Scene::Silence => assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0),
        }
    }
}

fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { head, body: String::from_utf8(body).unwrap() })
}
