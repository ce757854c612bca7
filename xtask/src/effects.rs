//! The edges: one foreign system per file, our types in and out, no decisions. The only place for processes, files,
//! the environment and clocks.

pub mod apt;
pub mod aws;
mod backoff;
pub mod bases;
pub mod chromium;
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
pub mod measure;
pub mod packages;
pub mod postgres;
pub mod process;
pub mod project_files;
pub mod python;
pub mod registry;
pub mod restamp;
pub mod ssm;
pub mod sts;
pub mod tests;
pub mod web;
pub mod workshop;
