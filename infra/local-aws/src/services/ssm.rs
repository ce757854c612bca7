//! SSM, as far as a deploy needs it.

use serde_json::Value;

use crate::daemon::World;
use crate::error::{Answer, AwsError};

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(_world: &World, action: &str, _input: Value) -> Answer<Value> {
    Err(AwsError::unsupported(action))
}
