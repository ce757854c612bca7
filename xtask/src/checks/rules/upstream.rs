//! nginx with uWSGI and Django: the address between them, and sizes that both must accept.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, quoted, unknown};
use super::super::{Rule, Scope};

/// Django's default of `DATA_UPLOAD_MAX_MEMORY_SIZE`.
const DJANGO_UPLOAD: u64 = 2_621_440;

/// Bytes of the variables that nginx adds to a uwsgi packet: about 20 names and addresses.
const OWN_VARIABLES: u64 = 2 << 10;

/// Linux's default of `net.core.somaxconn` in a new network namespace, since 5.4.
const SOMAXCONN: u32 = 4096;

/// uWSGI's own default of `buffer-size`.
const BUFFER_SIZE: u64 = 4096;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "uwsgi-pass", "nginx connects to the address at which uWSGI listens", pass),
    Rule::new(
        Scope::Environment,
        "uwsgi-loopback",
        "uWSGI's protocol, by which code can be loaded, is reachable within the task only",
        loopback,
    ),
    Rule::new(Scope::Environment, "backlog", "no backlog exceeds the kernel's limit", backlog),
    Rule::new(Scope::Environment, "header-buffers", "request headers that nginx accepts fit uWSGI's buffer", headers),
    Rule::new(Scope::Environment, "body-size", "nginx accepts every body that Django accepts", body),
    Rule::new(Scope::Environment, "harakiri", "uWSGI's own timeout is longer than nginx's", harakiri),
    Rule::new(Scope::Environment, "uwsgi-strict", "uWSGI exits where the app cannot be loaded", strict),
];

fn sockets<'a>(facts: &'a Facts<'_>) -> Result<Vec<&'a str>, super::super::Unknown> {
    let uwsgi = &facts.server()?.uwsgi;
    let sockets: Vec<&str> = uwsgi.all("socket").chain(uwsgi.all("uwsgi-socket")).collect();
    if sockets.is_empty() || sockets.iter().any(|socket| socket.contains("$(")) {
        return unknown("uWSGI's `socket` is not known from its file and the image's variables");
    }
    Ok(sockets)
}

fn pass(facts: &Facts<'_>) -> Judgement {
    let nginx = &facts.front()?.nginx;
    let sockets = sockets(facts)?;
    if nginx.uwsgi_pass.is_empty() {
        return unknown("nginx does not use `uwsgi_pass`");
    }
    let mut problems = Problems::default();
    for address in &nginx.uwsgi_pass {
        let wanted = address.strip_prefix("unix:").unwrap_or(address);
        let meets = |socket: &&str| {
            let (host, port) = socket.rsplit_once(':').unwrap_or((socket, ""));
            let every = matches!(host, "" | "0.0.0.0" | "*") && !port.is_empty();
            *socket == wanted || (every && wanted.rsplit_once(':').is_some_and(|(_, asked)| asked == port))
        };
        if !sockets.iter().any(meets) {
            let text = format!("nginx goes to `{address}`, and uWSGI listens at {}", quoted(&sockets));
            problems.fail(text, "make `uwsgi_pass` and `socket` one address");
        }
    }
    problems.or(format!("nginx and uWSGI meet at {}", quoted(&nginx.uwsgi_pass)))
}

fn loopback(facts: &Facts<'_>) -> Judgement {
    let sockets = sockets(facts)?;
    let mut problems = Problems::default();
    for socket in &sockets {
        let is_private = socket.starts_with('/')
            || socket.starts_with("127.")
            || socket.starts_with("localhost:")
            || socket.starts_with("[::1]:");
        if !is_private {
            let text = format!(
                "uWSGI listens at `{socket}`, the task's own address: every client that reaches it can run code"
            );
            problems.fail(text, "set `socket` to 127.0.0.1:8000");
        }
    }
    problems.or(format!("uWSGI listens at {}", quoted(sockets)))
}

fn backlog(facts: &Facts<'_>) -> Judgement {
    let mut limit = SOMAXCONN;
    let mut said = "the kernel's default".to_owned();
    for container in facts.containers()? {
        for control in
            container.system_controls.iter().filter(|one| one.namespace.as_deref() == Some("net.core.somaxconn"))
        {
            if let Some(value) = control.value.as_deref().and_then(|value| value.parse().ok()) {
                limit = value;
                said = format!("`net.core.somaxconn` of `{}`", container.name);
            }
        }
    }
    let mut problems = Problems::default();
    if let Some(listen) =
        facts.server().ok().and_then(|server| server.uwsgi.number("listen")).filter(|listen| *listen > limit)
    {
        let text = format!("uWSGI asks for a backlog of {listen}, and {said} is {limit}: it ends at its start");
        problems.fail(text, "lower `listen` or raise `net.core.somaxconn` in `systemControls`");
    }
    if let Ok(front) = facts.front() {
        let asked =
            front.nginx.servers.iter().flat_map(|server| &server.listens).filter_map(|listen| listen.backlog).max();
        if let Some(asked) = asked.filter(|asked| *asked > limit) {
            let text = format!("nginx asks for a backlog of {asked}, and {said} cuts it to {limit}");
            problems.warn(text, "raise `net.core.somaxconn` in `systemControls`");
        }
    }
    problems.or(format!("backlogs are within {limit}, {said}"))
}

fn headers(facts: &Facts<'_>) -> Judgement {
    let (count, line) = facts.front()?.nginx.header_buffers;
    let uwsgi = &facts.server()?.uwsgi;
    let buffer = uwsgi.number("buffer-size").map_or(BUFFER_SIZE, u64::from);
    // The packet contains the request's address twice beside the headers: raw and decoded.
    let largest = count.saturating_mul(line).saturating_add(line).saturating_add(OWN_VARIABLES);
    let mut problems = Problems::default();
    if buffer < largest {
        let text = format!(
            "nginx takes heads that make packets of {largest} bytes, and uWSGI's buffer is {buffer}: a 502 that nothing explains"
        );
        problems.fail(text, "raise `buffer-size` or lower `large_client_header_buffers`");
    }
    problems.or(format!("a packet of {largest} bytes fits uWSGI's {buffer}"))
}

fn body(facts: &Facts<'_>) -> Judgement {
    let nginx = facts.front()?.nginx.client_max_body_size;
    let (app, _) = facts.app_container()?;
    let said = app.variable("DATA_UPLOAD_MAX_MEMORY_SIZE").map(|value| value.trim().parse::<u64>());
    let django = match said {
        Some(Ok(size)) => size,
        Some(Err(_)) => return unknown("`DATA_UPLOAD_MAX_MEMORY_SIZE` is no number"),
        None => DJANGO_UPLOAD,
    };
    let mut problems = Problems::default();
    if nginx != 0 && nginx < django {
        let text =
            format!("Django takes bodies of {django} bytes, and nginx refuses what is larger than {nginx} with a 413");
        problems.fail(text, "raise `client_max_body_size` or lower `DATA_UPLOAD_MAX_MEMORY_SIZE`");
    }
    problems.or(format!("nginx takes bodies of {nginx} bytes, Django of {django}"))
}

fn harakiri(facts: &Facts<'_>) -> Judgement {
    let read = facts.front()?.nginx.uwsgi_read_timeout;
    let uwsgi = &facts.server()?.uwsgi;
    let Some(harakiri) = uwsgi.number("harakiri") else { return unknown("uWSGI has no `harakiri`") };
    let mut problems = Problems::default();
    if harakiri <= read {
        let text =
            format!("uWSGI kills a worker with all its requests after {harakiri} s, and nginx waits {read} for one");
        problems.fail(text, format!("set `harakiri` above {read}"));
    }
    // unbit/uwsgi 2706: each worker has one timer, and with post-buffering it fires immediately.
    if uwsgi.number("post-buffering").is_some_and(|size| size > 0) {
        problems.fail(
            "`harakiri` with `post-buffering` kills workers at once",
            "remove `post-buffering`: nginx buffers bodies",
        );
    }
    problems.or(format!("nginx waits {read} s, uWSGI kills after {harakiri}"))
}

fn strict(facts: &Facts<'_>) -> Judgement {
    let uwsgi = &facts.server()?.uwsgi;
    let mut problems = Problems::default();
    for (option, without) in [
        ("need-app", "an import that fails leaves a server that answers nothing, and a port check calls it healthy"),
        ("strict", "a misspelled option is ignored"),
        ("enable-threads", "threads that the app starts never run"),
    ] {
        if !uwsgi.is_on(option) {
            problems.fail(format!("without `{option}`, {without}"), format!("add `{option} = true` to uwsgi.ini"));
        }
    }
    problems.or("uWSGI ends where it cannot serve")
}
