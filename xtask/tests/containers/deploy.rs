//! `deploy` of this very repository to `local`: from nothing to a page, again without a change, a changed view under requests,
//! and what the other verbs say of it (issue 4, acceptance 1 and 3).

use serde_json::{Value, json};

use crate::load::Load;
use crate::stand::{CLUSTER, Stand};
use crate::world::Run;

pub(crate) const APP_VIEW: &str = "app/links/templates/links/landing.html";

/// A deploy that must end so.
pub(crate) fn deploy(stand: &Stand, code: i32, outcome: &str) -> Run {
    let run = stand.json(&["deploy"]);
    let said = run.finished();
    assert_eq!((run.code, said["outcome"].as_str()), (code, Some(outcome)), "{said:#}\n{}", run.stderr);
    run
}

fn stylesheet(page: &str) -> &str {
    let of_page = page.split(['"', '\'']).find(|part| part.starts_with("/static/") && part.ends_with(".css"));
    of_page.expect("the page names its stylesheet")
}

/// Numbers in the closing event.
fn number(run: &Run, pointer: &str) -> f64 {
    let said = run.finished();
    said.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {said:#}"))
}

#[test]
fn from_nothing_to_a_page_unchanged_changed_under_requests_and_back() {
    let stand = Stand::new();

    // From nothing: the daemon is started, images are pushed, migrations run, the page and its stylesheet are served.
    let first = deploy(&stand, 0, "deployed");
    let url = first.finished()["url"].as_str().unwrap();
    assert_eq!(url, format!("http://{}", stand.balancer));
    let page = stand.get("/").unwrap();
    assert_eq!(page.status, 200, "{}", page.body);
    let style = stand.get(stylesheet(&page.body)).unwrap();
    assert_eq!(style.status, 200);
    assert!(style.header("cache-control").is_some_and(|value| value.contains("immutable")), "{}", style.head);
    let release = first.finished()["release"].as_str().unwrap();
    assert!(stand.get("/healthz/ready").unwrap().body.contains(release));
    assert!(number(&first, "/verdict_lag") <= 1.5, "{}", first.finished());

    // Again: no mutating call.
    let again = deploy(&stand, 0, "unchanged");
    let calls = &again.finished()["api_calls"];
    assert_eq!(calls["mutating"], 0, "{calls}");
    assert!(calls["total"].as_u64().unwrap() <= 8, "{calls}");
    assert_eq!(again.finished()["release"], first.finished()["release"]);
    // A commit of something that is in no image changes nothing.
    stand.clone.write("NOTES.md", "notes\n");
    // Only the notes: the settings of this stand are its own.
    stand.clone.git(&["add", "NOTES.md"]);
    stand.clone.git(&["commit", "--quiet", "--message", "notes"]);
    deploy(&stand, 0, "unchanged");

    // One-off tasks, with output and exit code; their data are there for the service.
    let seeded = stand.json(&["run", "--", "manage", "seed_demo"]);
    assert_eq!(seeded.code, 0, "{}", seeded.stderr);
    assert!(stand.get("/@ada").unwrap().body.contains("Ada"));
    let failed = stand.json(&["run", "--", "sh", "-c", "echo some words; exit 7"]);
    assert_eq!(failed.code, 7, "{}", failed.stderr);
    assert!(failed.events.iter().any(|event| event["message"] == "some words"), "{:?}", failed.events);

    // AWS's own clients and `status` agree.
    let status = stand.json(&["status"]);
    let described =
        &stand.ecs("DescribeServices", &json!({ "cluster": CLUSTER, "services": ["linkbio"] }))["services"][0];
    for member in ["serviceName", "taskDefinition", "status", "desiredCount", "runningCount", "pendingCount"] {
        assert_eq!(status.finished()["service"][member], described[member], "{member}");
    }
    assert_eq!((status.code, &status.finished()["verdict"]), (0, &json!("verified")), "{}", status.finished());

    // A changed view, under requests.
    let view = stand.clone.read(APP_VIEW);
    stand.clone.write(APP_VIEW, &view.replace("</header>", "<p>the second release</p></header>"));
    assert_ne!(view, stand.clone.read(APP_VIEW), "the view has no place for the change");
    let planned = stand.json(&["deploy", "--dry-run"]);
    assert_eq!((planned.code, planned.finished()["outcome"].as_str()), (0, Some("planned")), "{}", planned.stderr);
    assert!(!stand.get("/").unwrap().body.contains("the second release"));
    let load = Load::start(&stand);
    let second = deploy(&stand, 0, "deployed");
    assert!(load.end() > 20);
    assert!(stand.get("/").unwrap().body.contains("the second release"));
    assert!(stand.get("/@ada").unwrap().body.contains("Ada"), "the data have outlived the release");
    assert_ne!(second.finished()["release"], first.finished()["release"]);

    // What was deployed, and back.
    let history = stand.json(&["history"]);
    let releases = history.finished()["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 2, "{releases:#?}");
    assert!(releases.iter().all(|release| release["verdict"] == "verified"), "{releases:#?}");
    assert_eq!((&releases[0]["serving"], &releases[1]["serving"]), (&json!(true), &json!(false)));
    let back = stand.json(&["rollback"]);
    assert_eq!((back.code, back.finished()["outcome"].as_str()), (0, Some("deployed")), "{}", back.stderr);
    assert_eq!(back.finished()["release"], first.finished()["release"]);
    assert!(!stand.get("/").unwrap().body.contains("the second release"));

    // Two tasks share the data; a stop and a start of the daemon keep them.
    let scaled = stand.json(&["scale", "2"]);
    assert_eq!((scaled.code, &scaled.finished()["runningCount"]), (0, &json!(2)), "{}", scaled.stderr);
    let load = Load::start(&stand);
    let scaled = stand.json(&["scale", "1"]);
    assert_eq!(scaled.code, 0, "{}", scaled.stderr);
    load.end();
    let executed = stand.json(&["exec", "--", "python", "-c", "print(6*7)"]);
    assert_eq!(executed.code, 0, "{}", executed.stderr);
    let lines = stand.json(&["logs", "--container", "nginx"]);
    assert!(lines.events.iter().any(|event| event["message"].as_str().is_some_and(|line| line.contains("/@ada"))));
    assert_eq!(stand.local(&["stop"]).code, 0);
    stand.clone.write(APP_VIEW, &view);
    // Its tasks are started anew, and the URL is printed once they answer.
    let after = deploy(&stand, 0, "unchanged");
    assert_eq!(after.finished()["api_calls"]["mutating"], 0, "{}", after.finished());
    assert!(stand.get("/@ada").unwrap().body.contains("Ada"), "the data have outlived the daemon");
}
