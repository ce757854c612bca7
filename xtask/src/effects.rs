//! Access to external systems, one system per file. Inputs and outputs use the crate's own types; no decisions are made
//! here. Processes, files, environment variables and clocks are used in this module only.

pub mod apt;
pub mod aws;
mod backoff;
pub mod bases;
pub mod build_directory;
pub mod context;
pub mod docker;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod engine;
pub mod files;
pub mod git;
pub mod host;
mod http;
pub mod inputs_record;
pub mod interrupt;
pub mod layout_store;
pub mod layouts;
pub mod local_daemon;
pub mod lock;
pub mod logs;
pub mod loopback;
pub mod normalize;
pub mod process;
pub mod project_files;
pub mod registry;
pub mod session;
pub mod source_files;
pub mod ssm;
pub mod sts;
pub mod web;
