//! A registry small enough to be a test's: manifests and blobs of OCI layouts over HTTP.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

/// A registry on the loopback interface that serves the layouts below a folder, under any name but two. Ends with the
/// test's process.
pub(crate) fn serve_layouts(shelf: &Utf8Path) -> (u16, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shelf = shelf.to_owned();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shelf = shelf.clone();
            std::thread::spawn(move || answer(stream, &shelf));
        }
    });
    (port, server)
}

fn answer(mut stream: std::net::TcpStream, shelf: &Utf8Path) {
    use std::io::{BufRead, BufReader, Write};
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let _headers = lines.take_while(|line| !line.is_empty()).count();
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let wanted = path.rsplit('/').next().unwrap_or_default();
    let layouts =
        || fs::read_dir(shelf).unwrap().flatten().map(|entry| Utf8PathBuf::from_path_buf(entry.path()).unwrap());
    let blob = |hex: &str| layouts().find_map(|layout| fs::read(layout.join("blobs/sha256").join(hex)).ok());
    let tagged = || {
        let is_wanted = |layout: &Utf8PathBuf| layout.file_name().is_some_and(|name| name.starts_with(wanted));
        let index = layouts().filter(is_wanted).find_map(|layout| fs::read(layout.join("index.json")).ok())?;
        let index: serde_json::Value = serde_json::from_slice(&index).ok()?;
        blob(index["manifests"][0]["digest"].as_str()?.strip_prefix("sha256:")?)
    };
    let found = match wanted.strip_prefix("sha256:") {
        _ if path == "/v2/" => Some(b"{}".to_vec()),
        _ if path.contains("/private/") || path.contains("/missing/") => None,
        Some(hex) => blob(hex),
        None => tagged(),
    };
    let status = match &found {
        Some(_) => "200 OK",
        None if path.contains("/private/") => "403 Forbidden",
        None => "404 Not Found",
    };
    let body = found.unwrap_or_default();
    let kind = if path.contains("/manifests/") {
        "application/vnd.oci.image.manifest.v1+json"
    } else {
        "application/octet-stream"
    };
    let digest = xtask::image::Digest::of(&body);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {digest}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    if method == "GET" {
        let _ = stream.write_all(&body);
    }
}
