//! Injected faults at the registry's entry; `faults` holds the rules.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::reply::RegistryError;
use super::route::Target;
use crate::emulator::Emulator;
use crate::faults::{self, Fault, Point};

/// What is left of a request after its faults.
pub(super) enum Met {
    /// This is its answer.
    Over(Response),
    /// It goes on, perhaps with a body that breaks off.
    Goes { request: Request, fate: Fate },
}

/// What becomes of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent.
    Answered,
    /// The connection ends instead.
    AnswerLost,
}

/// Applies the requested faults to a request.
pub(super) async fn meet(emulator: &Emulator, target: Option<Target<'_>>, mut request: Request) -> Met {
    let operation = format!("{} {}", request.method(), target.map_or("ping", Target::kind));
    let mut fate = Fate::Answered;
    for fault in emulator.faults.take(Point::Registry { operation: &operation }) {
        match fault {
            Fault::Throttle => {
                let error = RegistryError::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded");
                return Met::Over(error.into_response());
            }
            Fault::Fail { code, status, message } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return Met::Over(RegistryError::new(status, code, message).into_response());
            }
            Fault::Delay(duration) => tokio::time::sleep(duration).await,
            // Only an upload can be half there; of everything else nothing has been done.
            Fault::Drop { after_bytes } if matches!(target, Some(Target::Upload(_))) => {
                request = request.map(|body| cut_off(body, after_bytes));
                fate = Fate::AnswerLost;
            }
            Fault::Drop { .. } => return Met::Over(faults::dropped()),
            Fault::LoseAnswer => fate = Fate::AnswerLost,
        }
    }
    Met::Goes { request, fate }
}

/// A body that never ends well, even where it is shorter than that.
fn cut_off(body: Body, after_bytes: u64) -> Body {
    let end = stream::iter([Err(axum::Error::new(io::Error::from(io::ErrorKind::ConnectionReset)))]);
    Body::from_stream(faults::broken(body, after_bytes).into_data_stream().chain(end))
}
