//! The OCI registry that ECR is in front of: `/v2/…`, with ECR's quirks. Blobs lie under `<state>/registry/`. Who holds what
//! is in the store; ECR's API is `services::ecr`.

pub mod auth;
pub(crate) mod blobs;
pub(crate) mod collect;
pub mod digest;
mod fault;
pub mod images;
mod listings;
pub(crate) mod manifest;
pub(crate) mod publish;
mod pull;
mod receive;
pub(crate) mod reply;
mod route;
mod sessions;
mod uploads;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use self::collect::NotDeleted;
use self::digest::{Reference, is_repository_name};
use self::fault::{Fate, Met};
use self::publish::Offer;
use self::reply::RegistryError;
use self::route::Target;
use self::sessions::Sessions;
use crate::emulator::Emulator;
use crate::faults;

/// Puts in order what an earlier run left behind. Called once, before anything is served.
pub fn prepare(emulator: &Emulator) {
    collect::tidy(emulator);
}

/// The routes below `/v2/`.
pub fn routes() -> Router<Emulator> {
    let sessions = Sessions::default();
    let ping = any(async |State(emulator): State<Emulator>, request: Request| answer(&emulator, None, request).await);
    let repository = any(async move |State(emulator): State<Emulator>, Path(path): Path<String>, request: Request| {
        answer(&emulator, Some((&sessions, &path)), request).await
    });
    Router::new().route("/v2", ping.clone()).route("/v2/", ping).route("/v2/{*path}", repository)
}

async fn answer(emulator: &Emulator, asked: Option<(&Sessions, &str)>, request: Request) -> Response {
    let target = asked.and_then(|(_, path)| route::parse(path)).map(|(_, target)| target);
    let (request, fate) = match fault::meet(emulator, target, request).await {
        Met::Over(response) => return response,
        Met::Goes { request, fate } => (request, fate),
    };
    let mut response = match auth::check(emulator, request.headers()) {
        Err(refusal) => reply::not_let_in(refusal, &emulator.settings.registry()),
        Ok(()) => match asked {
            None => StatusCode::OK.into_response(),
            Some((sessions, path)) => {
                serve(emulator, sessions, path, request).await.unwrap_or_else(IntoResponse::into_response)
            }
        },
    };
    if fate == Fate::AnswerLost {
        return faults::dropped();
    }
    let (name, value) = reply::API_VERSION;
    response.headers_mut().insert(name, value);
    response
}

async fn serve(
    emulator: &Emulator,
    sessions: &Sessions,
    path: &str,
    request: Request,
) -> Result<Response, RegistryError> {
    let (name, target) = route::parse(path)
        .ok_or_else(|| RegistryError::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "There is nothing here"))?;
    if !is_repository_name(name) {
        return Err(RegistryError::new(
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
            format!("invalid repository name `{name}`"),
        ));
    }
    if !emulator.store.read(|state| state.ecr.repositories.contains_key(name)) {
        return Err(RegistryError::no_repository(name));
    }
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let headers = &parts.headers;
    match (&parts.method, target) {
        (&Method::GET | &Method::HEAD, Target::Blob(digest)) => {
            pull::blob(emulator, &parts.method, name, digest, headers).await
        }
        (&Method::GET | &Method::HEAD, Target::Manifest(reference)) => {
            pull::manifest(emulator, &parts.method, name, &parse_reference(reference)?).await
        }
        (&Method::PUT, Target::Manifest(reference)) => {
            let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            put_manifest(emulator, name, &parse_reference(reference)?, media_type, body).await
        }
        (&Method::DELETE, Target::Manifest(reference)) => {
            delete_manifest(emulator, name, &parse_reference(reference)?).await
        }
        (&Method::POST, Target::Uploads) => uploads::begin(emulator, sessions, name, query, body).await,
        (&Method::PATCH, Target::Upload(id)) => uploads::append(sessions, name, id, headers, body).await,
        (&Method::PUT, Target::Upload(id)) => {
            uploads::finish(emulator, sessions, name, id, (query, headers), body).await
        }
        (&Method::GET, Target::Upload(id)) => uploads::status(sessions, name, id),
        (&Method::DELETE, Target::Upload(id)) => uploads::cancel(sessions, name, id),
        (&Method::GET, Target::Tags) => listings::tags(emulator, name, query),
        (&Method::GET, Target::Referrers(digest)) => listings::referrers(emulator, name, digest, query),
        (method, _) => Err(RegistryError::unsupported(format!("{method} is not supported here"))),
    }
}

fn parse_reference(text: &str) -> Result<Reference, RegistryError> {
    let (code, what) = if text.contains(':') { ("DIGEST_INVALID", "digest") } else { ("TAG_INVALID", "tag") };
    let invalid = || RegistryError::new(StatusCode::BAD_REQUEST, code, format!("`{text}` is not a valid {what}"));
    Reference::parse(text).ok_or_else(invalid)
}

async fn put_manifest(
    emulator: &Emulator,
    name: &str,
    reference: &Reference,
    media_type: Option<&str>,
    body: Body,
) -> Result<Response, RegistryError> {
    let too_large = |_| reply::refused(name, &publish::Refused::TooLarge);
    let bytes = axum::body::to_bytes(body, manifest::MAX_BYTES).await.map_err(too_large)?;
    let (tag, claimed) = match reference {
        Reference::Tag(tag) => (Some(tag.as_str()), None),
        Reference::Digest(digest) => (None, Some(digest)),
    };
    let offer = Offer { repository: name, tag, claimed, media_type, bytes: &bytes, must_be_new: false };
    let published = publish::publish(emulator, &offer).map_err(|why| reply::refused(name, &why))?;
    emulator.store.durable().await.map_err(|error| RegistryError::not_durable(&error))?;
    let location = format!("/v2/{name}/manifests/{}", published.digest);
    let headers = [(header::LOCATION, location), (uploads::CONTENT_DIGEST, published.digest.to_string())];
    let mut response = (StatusCode::CREATED, headers).into_response();
    if let Some(subject) = published.subject.and_then(|subject| HeaderValue::from_str(&subject).ok()) {
        response.headers_mut().insert(HeaderName::from_static("oci-subject"), subject);
    }
    Ok(response)
}

async fn delete_manifest(emulator: &Emulator, name: &str, reference: &Reference) -> Result<Response, RegistryError> {
    let blobs = blobs::Blobs::of(&emulator.settings);
    emulator.store.write(|state| {
        let repository = state.ecr.repositories.get_mut(name).ok_or_else(|| RegistryError::no_repository(name))?;
        let deleted = collect::delete_image(repository, reference).map_err(|why| match why {
            NotDeleted::NotFound => RegistryError::no_manifest(),
            NotDeleted::ReferencedBy(indexes) => {
                let message = format!("Requested image referenced by manifest list: [{}]", indexes.join(", "));
                RegistryError::new(StatusCode::FORBIDDEN, "DENIED", message)
            }
        })?;
        collect::discard(state, &blobs, &deleted.loose);
        Ok(())
    })?;
    emulator.store.durable().await.map_err(|error| RegistryError::not_durable(&error))?;
    blobs.empty();
    Ok(StatusCode::ACCEPTED.into_response())
}
