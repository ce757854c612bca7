//! Plans: values derived from the observed and the desired state. `--dry-run` prints them. Not here: executing them
//! (`commands`).

pub mod bake;
pub mod build;
pub mod deploy;
pub mod local;
pub mod push;
