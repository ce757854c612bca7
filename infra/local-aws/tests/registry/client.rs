//! A daemon's routes on a free port, with a folder of their own, and the requests that the tests make.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use camino::Utf8PathBuf;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use local_aws::daemon::routes;
use local_aws::emulator::Emulator;
use local_aws::log_store::LogStore;
use local_aws::registry;
use local_aws::settings::Settings;
use local_aws::store::Store;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A folder that goes with its owner.
pub(crate) struct Folder(pub(crate) Utf8PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let temporary = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        Folder(temporary.join(format!("local-aws-registry-{}", uuid::Uuid::new_v4().simple())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A daemon on another thread may still be writing its state: it is stopping, and this waits for it.
        for _ in 0..200 {
            if std::fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) struct Daemon {
    pub(crate) emulator: Emulator,
    pub(crate) address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no `{name}` in {:?}", self.headers)).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Status and code of the registry's error document.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["errors"][0]["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

impl Daemon {
    pub(crate) async fn start(folder: &Folder) -> Daemon {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            endpoint: address,
            region: "eu-central-1".to_owned(),
            state: folder.0.clone(),
            engine: String::new(),
            instance: Settings::instance_of(&folder.0),
        };
        let emulator = Emulator {
            store: Store::open(&folder.0).unwrap(),
            logs: LogStore::new(&folder.0),
            settings: Arc::new(settings),
            faults: local_aws::faults::Faults::default(),
        };
        registry::prepare(&emulator);
        let serve = axum::serve(listener, routes(emulator.clone()));
        let tasks = vec![tokio::spawn(emulator.store.clone().persist()), tokio::spawn(async { serve.await.unwrap() })];
        Daemon { emulator, address, tasks }
    }

    /// A daemon with the repository `app`.
    pub(crate) async fn with_app(folder: &Folder) -> Daemon {
        let daemon = Daemon::start(folder).await;
        daemon.api("CreateRepository", json!({ "repositoryName": "app" })).await.unwrap();
        daemon
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    async fn try_send(&self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) fn authorization(&self) -> String {
        let token = registry::auth::credentials(&self.emulator);
        format!("Basic {}", STANDARD.encode(format!("{}:{}", token.username, token.password)))
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
    }

    /// A request to the registry, with a good token.
    pub(crate) async fn v2(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = self.authorization();
        let headers = [headers, &[("authorization", authorization.as_str())]].concat();
        self.send(self.request(method, path, &headers, body)).await
    }

    /// Likewise; whatever comes back, if anything, is not looked at.
    pub(crate) async fn v2_lost(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let authorization = self.authorization();
        let headers = [headers, &[("authorization", authorization.as_str())]].concat();
        let _ = self.try_send(self.request(method, path, &headers, body)).await;
    }

    /// A request to the registry with this token.
    pub(crate) async fn with_authorization(&self, method: &str, path: &str, authorization: &str) -> Answer {
        self.send(self.request(method, path, &[("authorization", authorization)], b"")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.v2("GET", path, &[], b"").await
    }

    /// A call of ECR's API; an error is its code and message.
    pub(crate) async fn api(&self, action: &str, input: Value) -> Result<Value, (String, String)> {
        let request = Request::post("/")
            .header("host", self.address.to_string())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{action}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20261124/eu-central-1/ecr/aws4_request, SignedHeaders=host, \
                 Signature=0000000000000000000000000000000000000000000000000000000000000000",
            )
            .header("x-amz-date", "20261124T000000Z")
            .body(Full::new(Bytes::from(input.to_string())))
            .unwrap();
        let answer = self.send(request).await;
        let output = answer.json();
        if answer.status.is_success() {
            return Ok(output);
        }
        let text = |name: &str| output[name].as_str().unwrap_or_default().to_owned();
        Err((text("__type").rsplit('#').next().unwrap_or_default().to_owned(), text("message")))
    }

    pub(crate) async fn api_error(&self, action: &str, input: Value) -> String {
        self.api(action, input).await.expect_err(action).0
    }

    /// Pushes a blob in one `PUT`; its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest_of(bytes);
        let begun = self.v2("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"").await;
        assert_eq!(begun.status, 202);
        let put = self.v2("PUT", &format!("{}?digest={digest}", begun.header("location")), &[], bytes).await;
        assert_eq!(put.status, 201, "{:?}", put.body);
        digest
    }

    /// Pushes a small image whose only layer is `content`; its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, content: &str) -> String {
        let manifest = self.image(repository, content).await;
        let put = self.put_manifest(repository, tag, IMAGE, &manifest).await;
        assert_eq!(put.status, 201, "{:?}", put.body);
        digest_of(manifest.as_bytes())
    }

    /// Pushes the blobs of an image; its manifest.
    pub(crate) async fn image(&self, repository: &str, content: &str) -> String {
        let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": { "content": content } } });
        let config = config.to_string();
        self.push_blob(repository, config.as_bytes()).await;
        self.push_blob(repository, content.as_bytes()).await;
        manifest(&config, content)
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: &str,
    ) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.v2("PUT", &path, &[("content-type", media_type)], manifest.as_bytes()).await
    }

    /// Names of files below `<state>/registry/<folder>`.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let folder = self.emulator.settings.state.join("registry").join(folder);
        let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }

    pub(crate) fn has_file(&self, digest: &str) -> bool {
        self.files("blobs/sha256").iter().any(|file| format!("sha256:{file}") == digest)
    }
}

/// An image manifest with one layer.
pub(crate) fn manifest(config: &str, layer: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer.as_bytes())],
    })
    .to_string()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() })
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Waits for what another thread is about to do.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        // There is nothing to wait on: the file is removed by a thread of the daemon.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
