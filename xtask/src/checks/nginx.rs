//! nginx's configuration as far as something else depends on it: ports, locations, upstream, time-outs, sizes, paths that are
//! written. Read from the project's own files; `include` is resolved among the texts that are given. Not here: the grammar
//! (`syntax`), or whether the values fit (`rules`).

mod amount;
mod location;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

pub use location::{Location, Matcher, Server};
use syntax::Directive;

/// nginx's own defaults (ngx_http_core_module, ngx_http_uwsgi_module): what holds where the configuration is silent.
const DEFAULT_KEEPALIVE: u32 = 75;
const DEFAULT_READ_TIMEOUT: u32 = 60;
const DEFAULT_BODY_SIZE: u64 = 1 << 20;
const DEFAULT_HEADER_BUFFERS: (u64, u64) = (4, 8 << 10);

/// What nginx's configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxFacts {
    /// Its servers.
    pub servers: Vec<Server>,
    /// Where requests go over the uwsgi protocol.
    pub uwsgi_pass: BTreeSet<String>,
    /// Seconds that the longest answer of the app may take between two reads.
    pub uwsgi_read_timeout: u32,
    /// Seconds that an idle connection is kept open.
    pub keepalive_timeout: u32,
    /// Seconds that a stop waits for requests; without one it waits for as long as they take.
    pub worker_shutdown_timeout: Option<u32>,
    /// Largest request body in bytes; 0 is any.
    pub client_max_body_size: u64,
    /// How many lines of a request's head may be long, and how long each may be.
    pub header_buffers: (u64, u64),
    /// Paths that are written: temporary files, caches, the file with the process id.
    pub written: BTreeSet<String>,
}

/// Reads the configuration `name` among `texts`, which are named as `include` names them.
///
/// # Errors
/// What cannot be read, with file and line.
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
            // The longest of all locations: what a stop has to wait for.
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
    /// The server that answers at a port of the task's address: one that listens on every address.
    pub fn server_at(&self, port: u16) -> Option<&Server> {
        self.servers.iter().find(|server| server.listens.iter().any(|at| at.port == port && at.is_public()))
    }

    /// Every location, those inside of others included.
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
