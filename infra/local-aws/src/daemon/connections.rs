//! Connections of the endpoint, one task each. A connection can end without an answer: faults on request need that.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::Dropped;

/// A client that has not sent its headers by then never will.
const HEADERS: Duration = Duration::from_secs(60);

/// The process has too many files open: connections end by themselves, and none is taken meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(attend(stream, router.clone()));
            }
            Err(error) => {
                eprintln!("warning: no connection can be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn attend(stream: TcpStream, router: Router) {
    // Answers are small and somebody waits for each. Where it cannot be set, they are slower.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let answering = router.call(request);
        async move {
            let response = answering.await.unwrap_or_else(|never: Infallible| match never {});
            let is_dropped = response.extensions().get::<Dropped>().is_some();
            if is_dropped { Err(io::Error::from(io::ErrorKind::ConnectionAborted)) } else { Ok(response) }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    // A client that disconnects, or sends something other than HTTP, gets no further answer.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
