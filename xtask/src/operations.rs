//! What several verbs do with an environment on AWS: reaching it, one-off tasks, following a deployment, evidence of
//! failures, the lease of a deploy, the end of a move. Effects and pure rules joined, each in one place, because verbs do not
//! import each other. Not here: the verbs themselves (`commands`), what is concluded (`ecs`).

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
