//! `dependsOn`, forwards and backwards, on one shared volume where containers note what they do.

use local_aws::store::task::StopCode;
use local_aws::store::task_definition::{Condition, ContainerDefinition, Dependency, HealthCheck, MountPoint, Volume};

use crate::stand::{OBEDIENT, Stand, exit_of, reason_of};

fn on(container: &mut ContainerDefinition, name: &str, condition: Condition) {
    container.depends_on.push(Dependency { container_name: name.into(), condition });
}

fn check(script: &str) -> HealthCheck {
    HealthCheck {
        command: vec!["CMD-SHELL".into(), script.into()],
        interval: Some(5),
        timeout: Some(2),
        retries: Some(1),
        start_period: None,
    }
}

fn shared(stand: &Stand, mut containers: Vec<ContainerDefinition>) -> String {
    for container in &mut containers {
        let mount = MountPoint { source_volume: "notes".into(), container_path: "/notes".into(), read_only: None };
        container.mount_points.push(mount);
    }
    let volume = Volume { name: "notes".into(), host: None, efs_volume_configuration: None };
    stand.run_with(containers, |definition| definition.volumes.push(volume), |_| {})
}

#[test]
fn every_condition_is_waited_for() {
    let stand = Stand::new();
    let mut init = stand.container("init", "sleep 1; touch /notes/init");
    init.essential = Some(false);
    let mut fails = stand.container("fails", "sleep 1; touch /notes/fails; exit 3");
    fails.essential = Some(false);
    let mut db = stand.container("db", &format!("sleep 1; touch /notes/ready; {OBEDIENT}"));
    db.health_check = Some(check("ls /notes/ready"));
    let script = format!("ls /notes/init /notes/fails /notes/ready || exit 9; {OBEDIENT}");
    let mut app = stand.container("app", &script);
    on(&mut app, "init", Condition::Success);
    on(&mut app, "fails", Condition::Complete);
    on(&mut app, "db", Condition::Healthy);
    let mut side = stand.container("side", OBEDIENT);
    on(&mut side, "app", Condition::Start);
    let id = shared(&stand, vec![side, app, db, fails, init]);
    let task = stand.until_running(&id);
    assert_eq!((exit_of(&task, "init"), exit_of(&task, "fails")), (Some(0), Some(3)));
    stand.stop(&id);
    let task = stand.until_stopped(&id);
    assert_eq!(exit_of(&task, "app"), Some(0), "it found what it waited for");
    assert_eq!(stand.left(), 0, "nothing is left of the task");
}

#[test]
fn containers_stop_before_what_they_depend_on() {
    let stand = Stand::new();
    // `app` takes a second to end; `db` says whether it was still there.
    let app = "trap 'sleep 1; touch /notes/app-over; exit 0' TERM; while :; do sleep 1 & wait $!; done";
    let db = "trap 'ls /notes/app-over && exit 0; exit 7' TERM; while :; do sleep 1 & wait $!; done";
    let mut app = stand.container("app", app);
    on(&mut app, "db", Condition::Start);
    let id = shared(&stand, vec![app, stand.container("db", db)]);
    stand.until_running(&id);
    stand.stop(&id);
    let task = stand.until_stopped(&id);
    assert_eq!((exit_of(&task, "app"), exit_of(&task, "db")), (Some(0), Some(0)));
}

#[test]
fn what_can_never_start_ends_the_task() {
    let stand = Stand::new();
    let mut init = stand.container("init", "exit 3");
    init.essential = Some(false);
    let mut app = stand.container("app", OBEDIENT);
    on(&mut app, "init", Condition::Success);
    let task = stand.until_stopped(&stand.run(vec![app, init]));
    assert_eq!(task.stop.as_ref().unwrap().code, StopCode::TaskFailedToStart);
    assert!(reason_of(&task, "app").contains("as dependency did not exit successfully"), "{task:?}");
    assert!(task.started_at.is_none());

    let mut sick = stand.container("sick", OBEDIENT);
    sick.health_check = Some(check("exit 1"));
    sick.start_timeout = Some(2);
    let mut app = stand.container("app", OBEDIENT);
    on(&mut app, "sick", Condition::Healthy);
    let task = stand.until_stopped(&stand.run(vec![app, sick]));
    assert!(reason_of(&task, "app").contains("did not resolve within 2 seconds"), "{task:?}");
    assert_eq!(exit_of(&task, "sick"), Some(0), "it was stopped, not killed");
}
