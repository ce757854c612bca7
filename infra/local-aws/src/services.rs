//! One module per AWS service. Each gets the members of a call and returns the members of its response; what AWS has and the
//! emulator does not is an error of AWS's own, never a fake success.

pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod logs;
pub mod scheduler;
pub mod ssm;
pub mod sts;

use serde_json::Value;

use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::protocol::Call;

/// Carries out one call.
///
/// # Errors
/// The service's own.
pub async fn call(emulator: &Emulator, call: Call) -> Answer<Value> {
    let Call { service, action, input } = call;
    match service {
        Service::Ecr => ecr::call(emulator, &action, input).await,
        Service::Ecs => ecs::call(emulator, &action, input).await,
        Service::Elb => elb::call(emulator, &action, input).await,
        Service::Logs => logs::call(emulator, &action, input).await,
        Service::Scheduler => scheduler::call(emulator, &action, input),
        Service::Ssm => ssm::call(emulator, &action, input).await,
        Service::Sts => sts::call(emulator, &action, input).await,
    }
}
