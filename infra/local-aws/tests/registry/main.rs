//! The registry and ECR's API over the wire: the daemon's real routes on a port of their own, a plain HTTP client.
//! Clients that people use (docker, crane, skopeo) are in `registry_clients`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

mod api;
mod api_images;
mod auth;
mod blobs;
mod client;
mod disk;
mod faults;
mod manifests;
mod removal;
mod writers;
