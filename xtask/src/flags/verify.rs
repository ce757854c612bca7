//! The flags of `verify`.

use clap::Args;

use super::Shared;
use crate::checks::Scope;
use crate::commands::verify::Request;

/// `cargo xtask verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask verify\n  cargo xtask verify --env staging --scope environment\n  \
                        cargo xtask verify --env production --scope service --output json")]
pub struct Verify {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only the rules about `images`, the `environment` or the `service`; may be repeated. Default: all rules.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<Scope>,
}

impl Verify {
    /// The scopes and the environment.
    pub fn request(self) -> Request {
        Request { environment: self.shared.environment(), service: self.service, scopes: self.scopes }
    }
}
