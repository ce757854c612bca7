//! Operations on an environment on AWS that several verbs share: connecting to AWS, one-off tasks, following a
//! deployment, evidence of failures, the deploy lease, verification. They combine calls with pure rules, because verbs
//! do not import each other. Not here: the verbs (`commands`), conclusions from observations (`ecs`).

pub mod closing;
pub mod evidence;
pub mod follow;
pub mod history;
pub mod lease;
pub mod one_off;
pub mod output;
pub mod presence;
pub mod reach;
pub mod revert;
pub mod settle;
pub mod target;
pub mod verification;
