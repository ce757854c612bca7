//! The load balancer and its targets: health check paths, and timeouts on both sides of a connection.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, Unknown};
use super::super::{Rule, Scope};

/// Maximum of `deregistration_delay.timeout_seconds`. AWS's default of 300 delays every deployment.
const LONGEST_DELAY: u32 = 120;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "balancer-target-type", "targets are addresses, as awsvpc asks", target_type),
    Rule::new(
        Scope::Environment,
        "balancer-health-path",
        "nginx or the app answers the load balancer's path without a redirect",
        health_path,
    ),
    Rule::new(Scope::Environment, "balancer-matcher", "only a success status counts as healthy", matcher),
    Rule::new(
        Scope::Environment,
        "balancer-health-timing",
        "a health check of the load balancer ends before the next begins",
        health_timing,
    ),
    Rule::new(
        Scope::Environment,
        "keepalive-idle",
        "the load balancer closes idle connections, never nginx",
        keepalive,
    ),
    Rule::new(
        Scope::Environment,
        "read-timeout-idle",
        "nginx, which logs it, ends a request that takes too long, not the load balancer",
        read_timeout,
    ),
    Rule::new(
        Scope::Environment,
        "deregistration-delay",
        "a draining task can finish its requests, and delays a deployment no longer",
        delay,
    ),
];

fn idle(facts: &Facts<'_>) -> Result<u32, Unknown> {
    let balancer = facts.balancer()?;
    balancer
        .idle_timeout
        .ok_or_else(|| Unknown::new(format!("the balancer of `{}` does not say its idle time-out", balancer.name)))
}

fn target_type(facts: &Facts<'_>) -> Judgement {
    let balancer = facts.balancer()?;
    let mut problems = Problems::default();
    if balancer.target_type != "ip" {
        let text = format!("the target group `{}` takes targets of type {}", balancer.name, balancer.target_type);
        problems.fail(text, "make a target group of type ip: the type cannot be changed");
    }
    problems.or(format!("the target group `{}` takes addresses", balancer.name))
}

fn health_path(facts: &Facts<'_>) -> Judgement {
    let path = facts.balancer()?.health_path.as_str();
    let (container, nginx) = facts.front_container()?;
    let port = facts.registrations()?.iter().find(|(name, _)| *name == container.name).and_then(|(_, port)| *port);
    let server = port.and_then(|port| nginx.server_at(port));
    let server = server.ok_or_else(|| Unknown::new("it is not known which server of nginx the balancer asks"))?;
    let asked = path.split('?').next().unwrap_or_default();
    let mut problems = Problems::default();
    if !asked.starts_with('/') {
        problems.fail(format!("the balancer asks for `{path}`, which is no path"), "begin it with a slash");
    } else if !server.takes(asked) {
        problems.fail(
            format!("the balancer asks for {path}, for which nginx has no location"),
            "correct the health check's path",
        );
    } else if let Some(location) = server.location_of(asked) {
        match location.returns {
            Some(status) if (300..400).contains(&status) => problems.fail(
                format!("the balancer asks for {path}, which nginx redirects ({}, {status})", location.place),
                "let it ask for a path that is answered",
            ),
            Some(status) if status >= 400 => problems.fail(
                format!("the balancer asks for {path}, which nginx refuses ({}, {status})", location.place),
                "let it ask for a path that is answered",
            ),
            _ if location.alias.is_some() => problems.fail(
                format!(
                    "the balancer asks for {path}, a file of the front ({}): it does not reach the app",
                    location.place
                ),
                "let it ask for /healthz/live",
            ),
            _ if !location.passes && location.returns.is_some() => problems.warn(
                format!("the balancer asks for {path}, which nginx answers alone ({})", location.place),
                "let it ask for /healthz/live, so that a dead app is noticed",
            ),
            _ => {}
        }
    }
    problems.or(format!("{path} gets to a location of nginx"))
}

fn matcher(facts: &Facts<'_>) -> Judgement {
    let balancer = facts.balancer()?;
    let mut problems = Problems::default();
    for part in balancer.matcher.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().unwrap_or_default();
        if number(from) < 200 || number(to) > 299 || number(from) > number(to) {
            let text = format!("the balancer takes {part} for healthy: a task that serves no page would pass");
            problems.fail(text, "set the matcher to 200");
        }
    }
    problems.or(format!("the balancer takes {} for healthy", balancer.matcher))
}

fn health_timing(facts: &Facts<'_>) -> Judgement {
    let balancer = facts.balancer()?;
    let (interval, timeout) = (balancer.interval, balancer.timeout);
    let mut problems = Problems::default();
    // The emulator checks every second, with a timeout that AWS would reject.
    if timeout > interval && facts.environment.local.is_none() {
        let text = format!("the balancer waits {timeout} s for an answer, and asks every {interval}");
        problems.fail(text, "set the health check's time-out below its interval");
    }
    if interval > 60 {
        let text = format!("the balancer asks every {interval} s: a deployment waits that long for each task");
        problems.warn(text, "set the health check's interval to 10");
    }
    problems.or(format!("the balancer asks every {interval} s"))
}

fn keepalive(facts: &Facts<'_>) -> Judgement {
    let keepalive = facts.front()?.nginx.keepalive_timeout;
    let idle = idle(facts)?;
    let mut problems = Problems::default();
    if keepalive <= idle {
        let text = format!(
            "nginx closes idle connections after {keepalive} s, the balancer after {idle}: requests in between get a 502"
        );
        problems.fail(text, format!("set `keepalive_timeout` above {idle}s"));
    }
    problems.or(format!("nginx keeps connections {keepalive} s, the balancer {idle}"))
}

fn read_timeout(facts: &Facts<'_>) -> Judgement {
    let read = facts.front()?.nginx.uwsgi_read_timeout;
    let idle = idle(facts)?;
    let mut problems = Problems::default();
    if read >= idle {
        let text =
            format!("nginx waits {read} s for the app, the balancer {idle}: its 504 comes first, and no log says why");
        problems.fail(text, format!("set `uwsgi_read_timeout` below {idle}s"));
    }
    problems.or(format!("nginx waits {read} s for the app, the balancer {idle}"))
}

fn delay(facts: &Facts<'_>) -> Judgement {
    let balancer = facts.balancer()?;
    let missing = || Unknown::new(format!("the target group `{}` does not say its delay", balancer.name));
    let delay = balancer.deregistration_delay.ok_or_else(missing)?;
    let mut problems = Problems::default();
    if delay > LONGEST_DELAY {
        let text = format!("a leaving task holds a deployment up for {delay} s");
        problems.warn(text, "set `deregistration_delay.timeout_seconds` to 60");
    }
    if let Ok(front) = facts.front()
        && delay < front.nginx.uwsgi_read_timeout
    {
        let text = format!(
            "the balancer leaves a task after {delay} s, and requests may take {}",
            front.nginx.uwsgi_read_timeout
        );
        problems.fail(text, "set `deregistration_delay.timeout_seconds` above `uwsgi_read_timeout`");
    }
    problems.or(format!("a leaving task has {delay} s"))
}
