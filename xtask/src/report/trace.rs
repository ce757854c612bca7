//! `--verbose`: one line on standard error for each service call and each child process. Callers emit `tracing`
//! events with names, counts and durations; bodies, headers and tokens are never fields of an event.

use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::Failure;

/// The variable with a filter such as `debug` or `xtask::effects::process=debug`.
const VARIABLE: &str = "SLIPWAY_LOG";

/// Installs the subscriber. The filter is `SLIPWAY_LOG`, else `debug` with `--verbose`, else `RUST_LOG`.
/// Without any of them no subscriber is installed, and an event costs a comparison.
///
/// # Errors
/// Usage: `SLIPWAY_LOG` cannot be parsed.
pub fn install(verbose: bool) -> Result<(), Failure> {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let targets = match (variable(VARIABLE), variable("RUST_LOG")) {
        (Some(text), _) => parse(&text)?,
        (None, _) if verbose => Targets::new().with_default(LevelFilter::DEBUG),
        // The value may be meant for another program and have an unknown syntax, so it is ignored.
        (None, Some(text)) => text.parse().unwrap_or_default(),
        (None, None) => return Ok(()),
    };
    // Libraries log headers and canonical requests, so only events of this program pass, regardless of the filter.
    let ours = filter_fn(|metadata| metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME")));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_filter(targets)
        .with_filter(ours);
    // Only a second installation can fail. The first one stays in effect.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    Ok(())
}

fn parse(text: &str) -> Result<Targets, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("`{text}` in {VARIABLE} is not a filter: {error}"))
            .hint(format!("{VARIABLE}=debug, or a level for each module: {VARIABLE}=xtask::effects::process=debug"))
    })
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::parse;

    #[test]
    fn filters_are_levels_or_targets_with_levels() {
        assert_eq!(parse("debug").unwrap().default_level(), Some(LevelFilter::DEBUG));
        let targets = parse("warn,xtask::effects=trace").unwrap();
        assert!(targets.would_enable("xtask::effects::process", &tracing::Level::TRACE));
        assert!(!targets.would_enable("xtask::commands", &tracing::Level::INFO));
        let error = parse("xtask=loud").unwrap_err();
        assert!(error.to_string().starts_with("`xtask=loud` in SLIPWAY_LOG is not a filter"), "{error}");
        assert_eq!(error.exit() as u8, 2);
    }
}
