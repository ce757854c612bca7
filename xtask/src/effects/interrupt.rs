//! SIGINT, SIGTERM and SIGHUP (the terminal was closed): recorded once, checked by every function that waits.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::Failure;

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Installs the handlers. The first signal is recorded; the second terminates the process immediately.
pub fn install() -> anyhow::Result<()> {
    let flag = Arc::clone(REQUESTED.get_or_init(|| Arc::new(AtomicBool::new(false))));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .context("failed to install a handler for interrupts")?;
    }
    Ok(())
}

/// Stops a command between two steps if the user has interrupted.
///
/// # Errors
/// Interrupted (130) where the user has interrupted.
pub fn check() -> Result<(), Failure> {
    if requested() { Err(Failure::interrupted("interrupted")) } else { Ok(()) }
}

/// Returns whether the user has interrupted.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
