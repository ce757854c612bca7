//! A daemon that was killed finds its tasks again, in whatever state they are; containers without an owner are removed.

use std::time::Duration;

use local_aws::runner;
use local_aws::store::task::{StopCode, TaskStatus};

use crate::stand::{OBEDIENT, Stand, exit_of};

#[test]
fn a_running_task_is_taken_over_and_stopped_like_any_other() {
    let mut stand = Stand::new();
    let id = stand.run(vec![stand.container("app", OBEDIENT)]);
    let before = stand.until_running(&id);
    stand.kill_daemon();
    stand.begin();
    let after = stand.task(&id);
    assert_eq!(after.containers[0].runtime_id, before.containers[0].runtime_id);
    stand.stop(&id);
    assert_eq!(exit_of(&stand.until_stopped(&id), "app"), Some(0));
    assert_eq!(stand.left(), 0);
}

#[test]
fn what_ended_meanwhile_is_seen() {
    let mut stand = Stand::new();
    let ends = stand.run(vec![stand.container("app", OBEDIENT)]);
    let gone = stand.run(vec![stand.container("app", OBEDIENT)]);
    stand.until_running(&ends);
    let removed = stand.until_running(&gone).containers[0].runtime_id.clone().unwrap();
    let emulator = stand.emulator().clone();
    stand.kill_daemon();
    stand.wait(runner::kill(&emulator, &ends, None)).unwrap();
    let options = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
    stand.wait(stand.docker.remove_container(&removed, Some(options))).unwrap();
    stand.begin();
    let task = stand.until_stopped(&ends);
    assert_eq!(exit_of(&task, "app"), Some(137));
    assert_eq!(task.stop.unwrap().code, StopCode::EssentialContainerExited);
    let task = stand.until_stopped(&gone);
    assert_eq!(task.stop.unwrap().code, StopCode::EssentialContainerExited);
    assert_eq!(stand.left(), 0);
}

#[test]
fn a_start_and_a_stop_that_were_cut_off_are_finished() {
    let mut stand = Stand::new();
    for millis in [50, 200, 400, 700] {
        let id = stand.run(vec![stand.container("app", OBEDIENT), stand.container("two", OBEDIENT)]);
        std::thread::sleep(Duration::from_millis(millis));
        stand.kill_daemon();
        stand.begin();
        stand.until_running(&id);
        stand.stop(&id);
        std::thread::sleep(Duration::from_millis(millis));
        stand.kill_daemon();
        stand.begin();
        stand.until_stopped(&id);
        assert_eq!(stand.left(), 0, "after {millis} ms");
    }
}

#[test]
fn what_belongs_to_no_task_is_removed_at_the_start() {
    let mut stand = Stand::new();
    let id = stand.run(vec![stand.container("app", OBEDIENT)]);
    stand.until_running(&id);
    stand.write(|state| state.ecs.tasks.get_mut(&id).unwrap().last_status = TaskStatus::Stopped);
    stand.kill_daemon();
    assert_ne!(stand.left(), 0);
    stand.begin();
    let begin = std::time::Instant::now();
    while stand.left() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_engine_that_is_away_ends_no_task() {
    let mut stand = Stand::new();
    let id = stand.run(vec![stand.container("app", OBEDIENT)]);
    stand.until_running(&id);
    stand.kill_daemon();
    let real = std::mem::replace(&mut stand.settings.engine, "unix:///nonexistent/docker.sock".into());
    stand.begin();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(stand.task(&id).last_status, TaskStatus::Running);
    let error = stand.wait(runner::sweep(&stand.settings.engine, "x")).unwrap_err().to_string();
    assert!(error.contains("does not answer"), "{error}");
    stand.kill_daemon();
    stand.settings.engine = real;
    stand.begin();
    stand.wait(runner::stop_all(stand.emulator())).unwrap();
    assert_eq!(exit_of(&stand.task(&id), "app"), Some(0));
    assert_eq!(stand.left(), 0);
}
