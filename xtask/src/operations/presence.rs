//! Waits for the tasks of a service without a deployment: after a stop of the emulator, after a crash. A URL is printed
//! once it responds. Not here: a rollout (`follow`).

use std::thread;
use std::time::{Duration, Instant};

use super::target::Target;
use crate::ecs::{Service, TargetGroup};
use crate::effects::{ecs, elb, interrupt};
use crate::error::{Exit, Failure};
use crate::report::Report;

/// Interval between polls.
const LOOK: Duration = Duration::from_secs(1);

/// Waits until the desired number of tasks runs and the load balancer reports them healthy. Makes no call if they run
/// already.
///
/// # Errors
/// Returns timed out (7), interrupted (130), or AWS's errors.
pub fn wait(
    target: &Target,
    service: Option<&Service>,
    group: Option<&TargetGroup>,
    limit: Duration,
    report: &Report,
) -> anyhow::Result<()> {
    let is_short = |service: &Service| service.running_count < service.desired_count;
    let Some(mut service) = service.filter(|service| is_short(service)).cloned() else { return Ok(()) };
    report.step(format!("{} of {} tasks run: waiting for the others", service.running_count, service.desired_count));
    let begun = Instant::now();
    while is_short(&service) || !is_healthy(target, group, service.desired_count)? {
        interrupt::check()?;
        if begun.elapsed() > limit {
            let counts = format!("{} of {} tasks", service.running_count, service.desired_count);
            let text = format!("nothing was to be deployed, and {counts} run after {} s", limit.as_secs());
            return Err(Failure::new(Exit::TimedOut, text)
                .hint(target.command("status"))
                .hint(target.command("logs"))
                .into());
        }
        thread::sleep(LOOK);
        service = ecs::describe_service(&target.aws, target.cluster(), target.service())?.unwrap_or_default();
    }
    Ok(())
}

fn is_healthy(target: &Target, group: Option<&TargetGroup>, wanted: u32) -> anyhow::Result<bool> {
    let Some(group) = group else { return Ok(true) };
    let targets = elb::target_health(&target.aws, &group.arn)?;
    Ok(targets.iter().filter(|target| target.state == "healthy").count() >= wanted as usize)
}
