//! For tests: a server on this machine that answers one request after the other from a script, and tells what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Aws, Caller};

/// What happens to one request.
#[derive(Clone, Debug)]
pub(in crate::effects) enum Scene {
    /// This status and body; the connection stays.
    Answer(u16, &'static str),
    /// The same as the first, and the connection ends once the test says so.
    LastAnswer(u16, &'static str),
    /// The same as the first, once the test says so.
    Held(u16, &'static str),
    /// The connection ends instead of an answer.
    Lose,
    /// Nothing until the client goes away.
    Silence,
}

/// What the server was asked.
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

/// The server; its script must have been played to the end when it is dropped.
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

    /// AWS, which is here, for one who needs no keys.
    pub(in crate::effects) fn aws(&self) -> Aws {
        Aws::connect("eu-central-1", Some(&self.endpoint()), Caller::Anybody).unwrap()
    }

    pub(in crate::effects) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that came.
    pub(in crate::effects) fn asked(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Lets an answer go that is held.
    pub(in crate::effects) fn release(&self) {
        let _ = self.held.send(());
    }

    /// Ends a connection after its last answer.
    pub(in crate::effects) fn end(&self) {
        self.release();
        self.ended.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // A test that has failed leaves its script unfinished.
        if !thread::panicking() {
            self.thread.take().unwrap().join().unwrap();
        }
    }
}

fn play(listener: &TcpListener, script: Vec<Scene>, tell: &Sender<Asked>, end: &Sender<()>, released: &Receiver<()>) {
    let mut connection: Option<BufReader<TcpStream>> = None;
    for scene in script {
        // A client that has another connection by now gives this one up.
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
                answer(stream.get_mut(), status, body);
                connection = Some(stream);
            }
            Scene::Held(status, body) => {
                released.recv_timeout(Duration::from_secs(60)).unwrap();
                answer(stream.get_mut(), status, body);
                connection = Some(stream);
            }
            Scene::LastAnswer(status, body) => {
                answer(stream.get_mut(), status, body);
                released.recv_timeout(Duration::from_secs(60)).unwrap();
                drop(stream);
                let _ = end.send(());
            }
            Scene::Lose => drop(stream),
            Scene::Silence => assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0),
        }
    }
}

fn answer(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
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
