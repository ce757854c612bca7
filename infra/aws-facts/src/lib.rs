//! Facts of AWS that both Slipway (`xtask`) and its local AWS emulator (`local-aws`) need: plain tables and formats, no dependencies.

/// Schedule expressions of EventBridge Scheduler.
pub mod schedule;
/// Sizes of Fargate tasks.
pub mod sizes;
/// Members and values of a task definition that Fargate accepts or refuses.
pub mod task_definition;

/// The account of the local AWS emulator. AWS's documentation uses it as an example, so it belongs to no customer.
pub const LOCAL_ACCOUNT: &str = "123456789012";
