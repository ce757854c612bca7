//! The check of the local AWS emulator. A stopped emulator is no failure: only the environment `local` needs it.

use camino::Utf8Path;

use super::Check;
use crate::effects::local_daemon::{self, Place};

pub(super) fn daemon(root: &Utf8Path) -> Check {
    let Some(daemon) = local_daemon::running(&Place::of_repository(root)) else {
        return Check::ok("local", "the local daemon is not running; `cargo xtask local start` starts it");
    };
    match local_daemon::status(daemon.endpoint) {
        Some(said) => {
            let services = said["services"].as_array().map_or(0, Vec::len);
            Check::ok("local", format!("the local daemon answers on {}, services: {services}", daemon.endpoint))
        }
        None => {
            let message = format!("process {} is there and does not answer on {}", daemon.id, daemon.endpoint);
            Check::warn("local", message, "cargo xtask local start")
        }
    }
}
