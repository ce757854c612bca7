//! The subcommands, one file each. Commands never import each other.

pub mod build;
pub mod completions;
pub mod deploy;
pub mod doctor;
pub mod exec;
pub mod history;
pub mod local;
pub mod logs;
pub mod man;
pub mod push;
pub mod rollback;
pub mod run;
pub mod scale;
pub mod setup;
pub mod status;
pub mod verify;
