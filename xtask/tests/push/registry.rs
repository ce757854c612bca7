//! A small registry with ECR's API in front: it takes what the distribution specification has it take, checks digests and
//! what manifests name, writes down every request, and injects faults on request. In memory, on a free port.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use xtask::image::Digest;

pub(crate) const ACCOUNT: &str = "123456789012";

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status, with `Retry-After: <seconds>` where they are given.
    Status(u16, Option<u64>),
    /// The connection ends after so many bytes of the body.
    Reset(usize),
    /// Everything is done; the connection ends instead of the answer.
    LoseAnswer,
    /// Every token so far is no good any more.
    Expire,
    /// The manifest's blobs are not seen yet.
    Lag,
}

/// Who is let in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Door {
    /// Tokens that ECR's API gave.
    Ecr,
    /// The client with this login.
    Basic(String),
    /// The client that exchanged this login for a token.
    Bearer(String),
    Open,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// `METHOD kind repository`, in order.
    pub(crate) requests: Vec<String>,
    faults: Vec<(String, VecDeque<Fault>)>,
    sessions: BTreeMap<String, String>,
    tokens: u32,
    opened: u32,
    /// Tokens before this one are no good any more.
    expired: u32,
    pub(crate) account: String,
    pub(crate) mounts: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) manifests: BTreeMap<String, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    door: Door,
}

/// What no message may show.
pub(crate) const SENTINEL: &str = "s3ntinel-t0ken";

impl Registry {
    pub(crate) fn start(repositories: &[&str]) -> Registry {
        Registry::with(Door::Ecr, repositories)
    }

    pub(crate) fn with(door: Door, repositories: &[&str]) -> Registry {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let repositories = repositories.iter().map(|name| ((*name).to_owned(), Repository::default())).collect();
        let inner = Inner { repositories, account: ACCOUNT.to_owned(), ..Inner::default() };
        let address = listener.local_addr().unwrap();
        let registry = Registry { address, inner: Arc::new(Mutex::new(inner)), door };
        let server = registry.clone();
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        registry
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The next requests of this kind, such as `PUT upload`, have these faults, one each.
    pub(crate) fn will(&self, kind: &str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.push((kind.to_owned(), faults.into_iter().collect()));
    }

    /// Requests whose line begins so.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.lock().requests.iter().filter(|request| request.starts_with(prefix)).count()
    }

    pub(crate) fn forget(&self) {
        self.lock().requests.clear();
    }

    pub(crate) fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.lock().repositories[repository].tags.clone()
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let (method, target) = line.trim_end().rsplit_once(' ')?.0.split_once(' ')?;
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (kind, repository, last) = route(method, path, &headers);
        self.lock().requests.push(format!("{kind} {repository}"));
        let fault = self.fault(&kind);
        if let Some(Fault::Reset(bytes)) = fault {
            let _ = reader.read_exact(&mut vec![0; bytes.min(length)]);
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut answer = match fault {
            Some(Fault::Status(status, after)) => {
                let answer = error(status, "TOOMANYREQUESTS", "Rate exceeded");
                match after {
                    Some(seconds) => answer.header("Retry-After", &seconds.to_string()),
                    None => answer,
                }
            }
            Some(Fault::Lag) => error(404, "MANIFEST_BLOB_UNKNOWN", "Layers do not exist"),
            Some(Fault::Expire) => {
                let mut inner = self.lock();
                inner.expired = inner.tokens + 1;
                error(401, "UNAUTHORIZED", "Not Authorized")
            }
            _ => self.answer(&kind, &repository, &last, query, &headers, &body),
        };
        if matches!(fault, Some(Fault::LoseAnswer)) {
            return None;
        }
        if method == "HEAD" {
            answer.body.clear();
        }
        let mut text = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
        answer.headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        let mut writer = stream;
        writer.write_all(text.as_bytes()).ok()?;
        writer.write_all(b"\r\n").ok()?;
        writer.write_all(&answer.body).ok()
    }

    fn fault(&self, kind: &str) -> Option<Fault> {
        let mut inner = self.lock();
        let rule = inner.faults.iter_mut().find(|(wanted, left)| wanted == kind && !left.is_empty())?;
        rule.1.pop_front()
    }

    fn token(tokens: u32) -> String {
        format!("AWS:{SENTINEL}-{tokens}")
    }

    fn is_let_in(&self, headers: &BTreeMap<String, String>) -> bool {
        let given = headers.get("authorization").map(String::as_str).unwrap_or_default();
        let basic = |login: &str| given == format!("Basic {}", STANDARD.encode(login));
        match &self.door {
            Door::Open => true,
            Door::Basic(login) => basic(login),
            Door::Bearer(_) => given == format!("Bearer {SENTINEL}"),
            Door::Ecr => {
                let inner = self.lock();
                (inner.expired.max(1)..=inner.tokens).any(|number| basic(&Registry::token(number)))
            }
        }
    }

    fn answer(
        &self,
        kind: &str,
        repository: &str,
        last: &str,
        query: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Answer {
        if kind.starts_with("API ") {
            return self.api(kind, &serde_json::from_slice(body).unwrap());
        }
        if let (Door::Bearer(login), "GET token") = (&self.door, kind) {
            let good = headers.get("authorization") == Some(&format!("Basic {}", STANDARD.encode(login)))
                && query.contains("scope=repository%3A");
            return if good { ok(&json!({ "token": SENTINEL })) } else { error(401, "UNAUTHORIZED", "no") };
        }
        if !self.is_let_in(headers) {
            let challenge = match self.door {
                Door::Bearer(_) => format!("Bearer realm=\"http://{}/token\",service=\"test\"", self.address),
                _ => "Basic realm=\"test\"".to_owned(),
            };
            return error(401, "UNAUTHORIZED", "Not Authorized").header("WWW-Authenticate", &challenge);
        }
        let mut inner = self.lock();
        let parameter = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let mounted = parameter("mount").zip(parameter("from")).filter(|_| inner.mounts);
        let mounted = mounted.and_then(|(digest, from)| {
            Some((digest.to_owned(), inner.repositories.get(from)?.blobs.get(digest)?.clone()))
        });
        let upload = inner.sessions.remove(last);
        inner.opened += 1;
        let session = format!("session-{}", inner.opened);
        let Some(held) = inner.repositories.get_mut(repository) else {
            return error(404, "NAME_UNKNOWN", "The repository does not exist");
        };
        match kind {
            "HEAD blob" if held.blobs.contains_key(last) => Answer::new(200),
            "HEAD blob" => Answer::new(404),
            "POST uploads" => {
                if let Some((digest, bytes)) = mounted {
                    held.blobs.insert(digest, bytes);
                    return Answer::new(201);
                }
                let place = format!("/v2/{repository}/blobs/uploads/{session}?state=x");
                inner.sessions.insert(session, repository.to_owned());
                Answer::new(202).header("Location", &place)
            }
            "PUT upload" => {
                let digest = parameter("digest").unwrap_or_default();
                if upload.as_deref() != Some(repository) {
                    return error(416, "BLOB_UPLOAD_INVALID", "a session is good for one attempt");
                }
                if Digest::of(body).to_string() != digest {
                    return error(400, "DIGEST_INVALID", "not these bytes");
                }
                held.blobs.insert(digest.to_owned(), body.to_vec());
                Answer::new(201)
            }
            "PUT manifest" => {
                let digest = Digest::of(body).to_string();
                let manifest: Value = serde_json::from_slice(body).unwrap();
                let mut named = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
                if !named.all(|blob| held.blobs.contains_key(blob["digest"].as_str().unwrap())) {
                    return error(404, "BLOB_UPLOAD_UNKNOWN", "Layers do not exist");
                }
                // As ECR has it: a tag that cannot be moved cannot be given again, not even to the same image.
                if last.starts_with("in-") && held.tags.contains_key(last) {
                    return error(400, "TAG_INVALID", "the tag is immutable");
                }
                held.manifests.insert(digest.clone(), body.to_vec());
                held.tags.insert(last.to_owned(), digest.clone());
                Answer::new(201).header("Docker-Content-Digest", &digest)
            }
            "HEAD manifest" => match held.tags.get(last) {
                Some(digest) => Answer::new(200).header("Docker-Content-Digest", digest),
                None => Answer::new(404),
            },
            _ => error(405, "UNSUPPORTED", kind),
        }
    }

    fn api(&self, kind: &str, input: &Value) -> Answer {
        let inner = &mut *self.lock();
        let (address, account) = (self.address, inner.account.clone());
        match kind {
            "API DescribeRepositories" => {
                let mut found = Vec::new();
                for name in input["repositoryNames"].as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if !inner.repositories.contains_key(name) {
                        let message = format!("The repository with name '{name}' does not exist");
                        return refused("RepositoryNotFoundException", &message);
                    }
                    found.push(json!({ "registryId": account, "repositoryName": name, "repositoryUri": format!("{address}/{name}") }));
                }
                ok(&json!({ "repositories": found }))
            }
            "API BatchGetImage" => {
                let held = &inner.repositories[input["repositoryName"].as_str().unwrap()];
                let ids = input["imageIds"].as_array().unwrap().iter().filter_map(|id| {
                    let tag = id["imageTag"].as_str().unwrap();
                    let digest = held.tags.get(tag)?;
                    Some(json!({ "registryId": account, "imageId": { "imageTag": tag, "imageDigest": digest } }))
                });
                ok(&json!({ "images": ids.collect::<Vec<_>>(), "failures": [] }))
            }
            "API GetAuthorizationToken" => {
                inner.tokens += 1;
                let token = STANDARD.encode(Registry::token(inner.tokens));
                let data = json!({ "authorizationToken": token, "proxyEndpoint": format!("http://{address}") });
                ok(&json!({ "authorizationData": [data] }))
            }
            other => refused("UnknownOperationException", other),
        }
    }
}

/// `METHOD kind`, the repository and what comes last in the path.
fn route(method: &str, path: &str, headers: &BTreeMap<String, String>) -> (String, String, String) {
    if let Some(target) = headers.get("x-amz-target") {
        return (format!("API {}", target.rsplit('.').next().unwrap()), String::new(), String::new());
    }
    let rest = path.trim_start_matches("/v2/");
    for (mark, kind) in [("/blobs/uploads/", "upload"), ("/blobs/", "blob"), ("/manifests/", "manifest")] {
        if let Some((repository, last)) = rest.split_once(mark) {
            let kind = if kind == "upload" && last.is_empty() { "uploads" } else { kind };
            return (format!("{method} {kind}"), repository.to_owned(), last.to_owned());
        }
    }
    (format!("{method} {}", rest.trim_start_matches('/')), String::new(), String::new())
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn ok(body: &Value) -> Answer {
    Answer { body: body.to_string().into_bytes(), ..Answer::new(200) }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Answer { body: body.to_string().into_bytes(), ..Answer::new(status) }
}

fn refused(code: &str, message: &str) -> Answer {
    let body = json!({ "__type": code, "message": message }).to_string().into_bytes();
    Answer { body, ..Answer::new(400) }
}
