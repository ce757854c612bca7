//! A request's body into a draft: streamed, hashed as it arrives, by a thread of its own, so that the next bytes are read
//! from the socket while the last ones are hashed and written.

use std::io;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::blobs::Draft;

/// How many pieces may wait for the disk. hyper reads at most 400 KiB at once, so that an upload holds at most 3 MiB.
const PIECES: usize = 8;

/// Why a body did not arrive.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The client went away.
    Client,
    /// The disk would not take it.
    Disk(io::Error),
}

/// Appends all of `body` to `draft`; `received` gets the count of bytes so far. On an error, the draft is removed.
pub(crate) async fn receive(body: Body, mut draft: Draft, received: &mut u64) -> Result<Draft, Interrupted> {
    let (pieces, mut arrived) = mpsc::channel::<Bytes>(PIECES);
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(piece) = arrived.blocking_recv() {
            draft.append(&piece)?;
        }
        Ok(draft)
    });
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Interrupted::Client)?;
        *received += piece.len() as u64;
        // The writer has failed: it says why below.
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    drop(pieces);
    writer.await.map_err(io::Error::other).and_then(|written| written).map_err(Interrupted::Disk)
}
