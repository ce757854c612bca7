//! nginx's configuration, as far as the rules need it: ports, locations, upstream, timeouts, sizes, written paths.
//! Reads the project's own files; `include` is resolved among the given texts. Not here: the grammar (`syntax`),
//! whether the values fit (`rules`).

mod amount;
mod location;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

pub use location::{Location, Matcher, Server};
use syntax::Directive;

/// nginx's defaults for absent directives (ngx_http_core_module, ngx_http_uwsgi_module).
const DEFAULT_KEEPALIVE: u32 = 75;
const DEFAULT_READ_TIMEOUT: u32 = 60;
const DEFAULT_BODY_SIZE: u64 = 1 << 20;
const DEFAULT_HEADER_BUFFERS: (u64, u64) = (4, 8 << 10);

/// The parsed configuration of nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxFacts {
    /// Its servers.
    pub servers: Vec<Server>,
    /// Addresses in `uwsgi_pass`.
    pub uwsgi_pass: BTreeSet<String>,
    /// Longest `uwsgi_read_timeout` of all locations: seconds between two reads of a response.
    pub uwsgi_read_timeout: u32,
    /// Seconds that an idle connection is kept open.
    pub keepalive_timeout: u32,
    /// Seconds that a stop waits for requests; `None` waits without a limit.
    pub worker_shutdown_timeout: Option<u32>,
    /// Largest request body in bytes; 0 means no limit.
    pub client_max_body_size: u64,
    /// Number and size in bytes of the buffers for long request headers.
    pub header_buffers: (u64, u64),
    /// Written paths: temporary files, caches, the PID file.
    pub written: BTreeSet<String>,
}

/// Reads the configuration `name` among `texts`, which are named as `include` names them.
///
/// # Errors
/// Returns the syntax error, with file and line.
pub fn read(name: &str, texts: &BTreeMap<String, String>) -> Result<NginxFacts, String> {
    let directives = syntax::read(name, texts)?;
    let mut facts = NginxFacts {
        servers: Vec::new(),
        uwsgi_pass: BTreeSet::new(),
        uwsgi_read_timeout: 0,
        keepalive_timeout: DEFAULT_KEEPALIVE,
        worker_shutdown_timeout: None,
        client_max_body_size: DEFAULT_BODY_SIZE,
        header_buffers: DEFAULT_HEADER_BUFFERS,
        written: BTreeSet::new(),
    };
    gather(&directives, &mut facts)?;
    if facts.uwsgi_read_timeout == 0 {
        facts.uwsgi_read_timeout = DEFAULT_READ_TIMEOUT;
    }
    Ok(facts)
}

fn gather(directives: &[Directive], facts: &mut NginxFacts) -> Result<(), String> {
    for directive in directives {
        let seconds = || amount::seconds(directive.first()).ok_or_else(|| directive.wrong("is no time"));
        let bytes = |text: &str| amount::bytes(text).ok_or_else(|| directive.wrong("is no size"));
        match directive.name.as_str() {
            "server" if directive.arguments.is_empty() => facts.servers.push(location::server(directive)?),
            "uwsgi_pass" => drop(facts.uwsgi_pass.insert(directive.first().to_owned())),
            // A stop waits for the longest timeout of all locations.
            "uwsgi_read_timeout" => facts.uwsgi_read_timeout = facts.uwsgi_read_timeout.max(seconds()?),
            "keepalive_timeout" => facts.keepalive_timeout = seconds()?,
            "worker_shutdown_timeout" => facts.worker_shutdown_timeout = Some(seconds()?),
            "client_max_body_size" => facts.client_max_body_size = bytes(directive.first())?,
            "large_client_header_buffers" => {
                let number = directive.first().parse().map_err(|_| directive.wrong("is no number of buffers"))?;
                facts.header_buffers = (number, bytes(directive.argument(1))?);
            }
            "pid"
            | "client_body_temp_path"
            | "proxy_temp_path"
            | "fastcgi_temp_path"
            | "uwsgi_temp_path"
            | "scgi_temp_path"
            | "uwsgi_cache_path"
            | "proxy_cache_path" => {
                facts.written.insert(directive.first().to_owned());
            }
            _ => {}
        }
        gather(&directive.block, facts)?;
    }
    Ok(())
}

impl NginxFacts {
    /// Returns the server that accepts connections on a port from outside of the task.
    pub fn server_at(&self, port: u16) -> Option<&Server> {
        self.servers.iter().find(|server| server.listens.iter().any(|at| at.port == port && at.is_public()))
    }

    /// Returns every location, nested ones included.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        self.servers.iter().flat_map(|server| server.locations.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{NginxFacts, read};

    fn texts(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn facts(text: &str) -> NginxFacts {
        read("nginx.conf", &texts(&[("nginx.conf", text)])).unwrap()
    }

    #[test]
    fn what_the_project_says_is_read_through_its_includes() {
        let ours = texts(&[
            ("nginx.conf", include_str!("../../../nginx/nginx.conf")),
            ("snippets/app.conf", include_str!("../../../nginx/snippets/app.conf")),
            ("snippets/cache.conf", include_str!("../../../nginx/snippets/cache.conf")),
            ("snippets/headers.conf", include_str!("../../../nginx/snippets/headers.conf")),
            ("snippets/log.conf", include_str!("../../../nginx/snippets/log.conf")),
            ("snippets/micro-cache.conf", include_str!("../../../nginx/snippets/micro-cache.conf")),
            ("snippets/trust.conf", include_str!("../../../nginx/snippets/trust.conf")),
        ]);
        let facts = read("nginx.conf", &ours).unwrap();
        assert_eq!((facts.uwsgi_read_timeout, facts.keepalive_timeout), (50, 75));
        assert_eq!(facts.worker_shutdown_timeout, Some(55));
        assert_eq!((facts.client_max_body_size, facts.header_buffers), (3 << 20, (2, 8 << 10)));
        assert!(facts.uwsgi_pass.iter().eq(["127.0.0.1:8000"]));
        assert!(facts.written.iter().all(|path| path.starts_with("/tmp/")), "{:?}", facts.written);
        assert_eq!(facts.written.len(), 7);
        let server = facts.server_at(8080).unwrap();
        assert!(server.locations.iter().any(|location| location.alias.as_deref() == Some("/srv/static/")));
        assert!(facts.server_at(8081).is_none(), "that one is for the task itself");
    }

    #[test]
    fn what_is_not_said_has_nginxs_defaults() {
        let facts = facts("http { server { listen 80; location / { uwsgi_pass unix:/tmp/app.sock; } } }");
        assert_eq!((facts.uwsgi_read_timeout, facts.keepalive_timeout), (60, 75));
        assert_eq!((facts.client_max_body_size, facts.header_buffers), (1 << 20, (4, 8 << 10)));
        assert_eq!(facts.worker_shutdown_timeout, None);
    }

    #[test]
    fn what_cannot_be_read_names_its_place() {
        for (text, expected) in [
            ("http {\n keepalive_timeout soon;\n}", "nginx.conf:2: `keepalive_timeout soon` is no time"),
            ("http { client_max_body_size 3 mb; }", ""),
            ("client_max_body_size much;", "nginx.conf:1: `client_max_body_size much` is no size"),
        ] {
            let found = read("nginx.conf", &texts(&[("nginx.conf", text)])).err().unwrap_or_default();
            assert_eq!(found, expected, "{text}");
        }
    }
}
