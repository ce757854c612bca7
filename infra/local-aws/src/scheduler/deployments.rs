//! Deployments: begun, completed, failed, rolled back, and the records of them.

use crate::error::Answer;
use crate::settings::Settings;
use crate::store::State;
use crate::time::Timestamp;

/// Makes what the service says now (revision, network, balancers, configuration) its `PRIMARY` deployment: a service
/// revision, a service deployment and an entry in `deployments`; what was `PRIMARY` becomes `ACTIVE`. `CreateService` and
/// `UpdateService` change the service's fields and then call this. `key` is `<cluster>/<service>`.
pub fn begin(_state: &mut State, _settings: &Settings, _key: &str, _now: Timestamp) {}

/// `StopServiceDeployment`: `stop_type` is `ABORT` or `ROLLBACK`.
///
/// # Errors
/// `ServiceDeploymentNotFoundException`, `ConflictException` where it is over.
pub fn stop(_state: &mut State, _settings: &Settings, _arn: &str, _stop_type: &str, _now: Timestamp) -> Answer<()> {
    Ok(())
}
