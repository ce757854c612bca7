//! Both images run together: what they answer, and what a stop signal does to a request in flight.

use std::time::{Duration, Instant};

use crate::shared::shared;
use crate::task::{Pair, load};
use crate::world::{docker, docker_ok};

#[test]
fn the_pair_serves_page_static_file_admin_and_health() {
    let clone = shared();
    let pair = Pair::start(&clone);

    let page = pair.get("/@ada");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Ada"), "{}", page.body);
    let style = page.body.split(['"', '\'']).find(|part| part.starts_with("/static/") && part.ends_with(".css"));
    let style = style.expect("the page names its stylesheet").to_owned();
    let stylesheet = pair.get(&style);
    assert_eq!(stylesheet.status, 200);
    assert!(stylesheet.header("cache-control").is_some_and(|value| value.contains("immutable")), "{}", stylesheet.head);
    let packed = pair.try_get(&style, "shop.example", "Accept-Encoding: gzip\r\n").unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));

    let login = pair.get("/admin/login/");
    assert_eq!(login.status, 200);
    assert!(login.body.contains("csrfmiddlewaretoken"));
    assert_eq!(pair.get("/admin/").status, 302);
    assert_eq!(pair.get("/@unknown-of-that-name").status, 404);
    assert_eq!(pair.get("/static/nothing.css").status, 404);

    for path in ["/healthz/live", "/healthz/ready"] {
        // A load balancer's probe sends the task's address as host.
        let health = pair.try_get(path, "10.1.2.3", "").unwrap();
        let expected = if path.ends_with("live") { 200 } else { health.status };
        assert_eq!(health.status, expected, "{path}: {}", health.body);
        assert!(health.body.contains("release-of-the-test"), "{path}: {}", health.body);
    }
    assert_eq!(pair.get("/healthz/ready").status, 200);

    let cached = (0..20).map(|_| pair.get("/@ada")).filter(|page| page.header("x-cache") == Some("hit")).count();
    assert!(cached >= 10, "only {cached} of 20 pages within a second came from the micro-cache");
}

#[test]
fn a_stop_signal_during_a_long_request_loses_nothing() {
    let clone = shared();
    let pair = Pair::start(&clone);
    let slow = {
        let address = pair.address.clone();
        std::thread::spawn(move || {
            let pair = std::mem::ManuallyDrop::new(Pair { id: String::new(), address });
            let begun = Instant::now();
            pair.try_get("/-/sleep?seconds=5", "shop.example", "").map(|answer| (answer.status, begun.elapsed()))
        })
    };
    std::thread::sleep(Duration::from_secs(1));
    let probe = Instant::now();
    assert_eq!(pair.get("/healthz/live").status, 200);
    let probe = probe.elapsed();
    assert!(probe < Duration::from_millis(500), "a probe during the long request took {probe:?}");

    // ECS stops containers in the reverse order of `dependsOn`: nginx first, with its own stop signal, then the app.
    // Here both get theirs at once, which is harder on the request.
    let stop = |name: String| {
        std::thread::spawn(move || {
            let begun = Instant::now();
            docker_ok(&["stop", "--time=30", &name]);
            begun.elapsed()
        })
    };
    let stops = [stop(pair.nginx()), stop(pair.app())];
    let (status, took) = slow.join().unwrap().expect("the request in flight was cut");
    assert_eq!(status, 200);
    assert!(took >= Duration::from_secs(5), "{took:?}");
    for stop in stops {
        let took = stop.join().unwrap();
        assert!(took < Duration::from_secs(15), "a container needed {took:?} to stop");
    }
    for name in [pair.nginx(), pair.app()] {
        let code = docker_ok(&["inspect", "--format", "{{.State.ExitCode}}", &name]);
        assert_eq!(code, "0", "{name} did not end by itself");
    }
}

#[test]
fn the_app_refuses_to_start_half_configured() {
    let clone = shared();
    let app = load(&clone, "app");
    let output = docker(&[
        "run",
        "--rm",
        "--read-only",
        "--tmpfs=/tmp",
        "--label=slipway.test=boot",
        "--env=SLIPWAY_ENVIRONMENT=production",
        &app,
    ])
    .output()
    .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    for missing in ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"] {
        assert!(said.contains(missing), "{missing} is not named: {said}");
    }
    let _ = docker(&["image", "rm", "--force", &app]).output();
}
