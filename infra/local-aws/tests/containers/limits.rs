//! Limits that the kernel keeps: a quarter core, memory of container and task, open files, users.

use std::time::Duration;

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use local_aws::store::task_definition::Ulimit;

use crate::stand::{OBEDIENT, Stand, exit_of, reason_of};

/// Nanoseconds of CPU that a container has used.
fn cpu_used(stand: &Stand, id: &str) -> u64 {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let mut stats = std::pin::pin!(stand.docker.stats(id, Some(options)));
    let one = stand.wait(stats.next()).unwrap().unwrap();
    one.cpu_stats.unwrap().cpu_usage.unwrap().total_usage.unwrap()
}

#[test]
fn a_task_of_256_units_gets_a_quarter_core() {
    let stand = Stand::new();
    // Two at once: the limit is the task's, not the container's.
    let busy = "while :; do :; done";
    let mut containers = vec![stand.container("one", busy), stand.container("two", busy)];
    for container in &mut containers {
        container.stop_timeout = Some(2);
    }
    let id = stand.run(containers);
    let task = stand.until_running(&id);
    let ids: Vec<&str> = task.containers.iter().filter_map(|one| one.runtime_id.as_deref()).collect();
    let used = || ids.iter().map(|id| cpu_used(&stand, id)).sum::<u64>();
    let (begin, before) = (std::time::Instant::now(), used());
    std::thread::sleep(Duration::from_secs(4));
    let (seconds, used) = (begin.elapsed().as_secs_f64(), (used() - before) as f64 / 1e9);
    let share = used / seconds;
    println!("{share:.3} of a core");
    // More is never possible but by the length of a period; less is, on a machine that has no quarter core to spare.
    assert!(share < 0.30, "{share:.3} of a core");
    assert!(share > 0.08, "{share:.3} of a core");
}

#[test]
fn out_of_memory_is_told_whether_it_is_the_containers_limit_or_the_tasks() {
    let stand = Stand::new();
    // dd takes its block size as memory.
    let hungry = |mib: u32| format!("sleep 0.3; exec dd if=/dev/zero of=/dev/null bs={mib}M count=5");
    let mut container = stand.container("hungry", &hungry(128));
    container.memory = Some(32);
    let of_container = stand.run(vec![container]);
    let of_task = stand.run(vec![stand.container("hungry", &hungry(900)), stand.container("quiet", OBEDIENT)]);
    for id in [of_container, of_task] {
        let task = stand.until_stopped(&id);
        assert_eq!(exit_of(&task, "hungry"), Some(137), "{task:#?}");
        assert_eq!(reason_of(&task, "hungry"), "OutOfMemoryError: Container killed due to memory usage");
        assert_eq!(task.stop.unwrap().reason, "Essential container in task exited");
        assert!(task.containers.iter().skip(1).all(|other| other.reason.is_none()), "its neighbour was not");
    }
}

#[test]
fn open_files_and_users_are_as_the_definition_says() {
    let stand = Stand::new();
    let set = "test $(ulimit -Sn) = 100 && test $(ulimit -Hn) = 200 && test $(id -u):$(id -g) = 101:101";
    let mut app = stand.container("app", set);
    app.ulimits.push(Ulimit { name: "nofile".into(), soft_limit: 100, hard_limit: 200 });
    app.user = Some("web".into());
    let id = stand.run(vec![app]);
    assert_eq!(exit_of(&stand.until_stopped(&id), "app"), Some(0));
}
