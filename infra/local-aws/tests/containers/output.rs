//! Output of containers: every line once, whatever happens to the daemon in between.

use std::time::{Duration, Instant};

use local_aws::log_store::{MOST, Span};
use local_aws::store::task_definition::{ContainerDefinition, LogConfiguration};

use crate::stand::Stand;

fn logged(mut container: ContainerDefinition) -> ContainerDefinition {
    let options = [("awslogs-group", "/web"), ("awslogs-stream-prefix", "ecs"), ("awslogs-create-group", "true")];
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    container.log_configuration = Some(LogConfiguration { log_driver: "awslogs".into(), options });
    container
}

fn lines(stand: &Stand, id: &str) -> Vec<String> {
    let (logs, stream) = (stand.emulator().logs.clone(), format!("ecs/app/{id}"));
    let (mut lines, mut from) = (Vec::new(), 0);
    loop {
        let (events, next) = logs.after("/web", &stream, from, Span::ALL, MOST).unwrap();
        lines.extend(events.into_iter().map(|placed| placed.event.message));
        if next == from {
            return lines;
        }
        from = next;
    }
}

#[test]
fn nothing_is_lost_of_a_chatty_container() {
    let stand = Stand::new();
    let app = stand.container("app", "seq 1 50000; echo -n no end; exit 1");
    let id = stand.run(vec![logged(app)]);
    stand.until_stopped(&id);
    let lines = lines(&stand, &id);
    assert_eq!(lines.len(), 50_001);
    assert!((1..=50_000).zip(&lines).all(|(number, line)| *line == number.to_string()), "in order");
    assert_eq!(lines[50_000], "no end");
    assert!(stand.emulator().store.read(|state| state.logs.groups["/web"].streams.len() == 1));
}

#[test]
fn a_daemon_that_was_away_goes_on_where_it_was() {
    let mut stand = Stand::new();
    let app = stand.container("app", "for i in $(seq 1 200); do echo $i; sleep 0.03; done; while :; do sleep 1; done");
    let mut app = logged(app);
    app.stop_timeout = Some(2);
    let id = stand.run(vec![app]);
    stand.until_running(&id);
    let begin = Instant::now();
    while lines(&stand, &id).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    stand.kill_daemon();
    std::thread::sleep(Duration::from_secs(1));
    stand.begin();
    while lines(&stand, &id).last().map(String::as_str) != Some("200") {
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", lines(&stand, &id));
        std::thread::sleep(Duration::from_millis(50));
    }
    let expected: Vec<String> = (1..=200).map(|number: u32| number.to_string()).collect();
    assert_eq!(lines(&stand, &id), expected, "none lost, none twice");
}
