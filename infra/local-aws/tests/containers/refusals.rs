//! What keeps a task from starting, in AWS's words; and a stop before it has started.

use local_aws::store::ssm::{Parameter, ParameterType};
use local_aws::store::task::{StopCode, Task};
use local_aws::store::task_definition::{ContainerDefinition, LogConfiguration, RuntimePlatform, Secret};
use local_aws::time::Timestamp;

use crate::stand::{OBEDIENT, Stand, exit_of, reason_of};

fn refused(stand: &Stand, container: ContainerDefinition) -> Task {
    let task = stand.until_stopped(&stand.run(vec![container]));
    assert_eq!(task.stop.as_ref().unwrap().code, StopCode::TaskFailedToStart, "{task:#?}");
    assert!(task.started_at.is_none());
    assert_eq!(stand.left(), 0);
    task
}

fn reason(task: &Task) -> &str {
    &task.stop.as_ref().unwrap().reason
}

#[test]
fn secrets_reach_the_container_and_missing_ones_are_named() {
    let stand = Stand::new();
    stand.write(|state| {
        let parameter = Parameter {
            kind: ParameterType::SecureString,
            value: "open sesame".into(),
            version: 1,
            last_modified: Timestamp::now(),
            description: None,
            tags: Vec::new(),
        };
        state.ssm.parameters.insert("/web/key".into(), parameter);
    });
    let mut app = stand.container("app", "test \"$KEY\" = 'open sesame'");
    app.secrets.push(Secret { name: "KEY".into(), value_from: "/web/key".into() });
    assert_eq!(exit_of(&stand.until_stopped(&stand.run(vec![app.clone()])), "app"), Some(0));
    app.secrets.push(Secret { name: "OTHER".into(), value_from: "/web/other".into() });
    assert!(reason(&refused(&stand, app)).ends_with("invalid parameters: /web/other"));
}

#[test]
fn images_that_are_not_there_or_not_for_this_platform() {
    let stand = Stand::new();
    let mut missing = stand.container("app", OBEDIENT);
    missing.image = "127.0.0.1:1/web:1".into();
    let task = refused(&stand, missing);
    let expected = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 127.0.0.1:1/web:1: 127.0.0.1:1/web:1: not found";
    assert_eq!((reason(&task), reason_of(&task, "app").as_str()), (expected, expected));

    let platform = RuntimePlatform { cpu_architecture: Some("ARM64".into()), operating_system_family: None };
    let app = stand.container("app", OBEDIENT);
    let id = stand.run_with(vec![app], |definition| definition.runtime_platform = Some(platform), |_| {});
    let task = stand.until_stopped(&id);
    assert!(
        reason(&task).ends_with("does not contain descriptor matching platform 'linux/arm64'"),
        "{}",
        reason(&task)
    );
}

#[test]
fn programs_that_are_not_there() {
    let stand = Stand::new();
    let mut app = stand.container("app", OBEDIENT);
    app.entry_point = vec!["/no/such/program".into()];
    let task = refused(&stand, app);
    assert_eq!(reason(&task), "Task failed to start");
    let why = reason_of(&task, "app");
    assert!(why.starts_with("CannotStartContainerError: ") && why.contains("no such file"), "{why}");
}

#[test]
fn log_groups_that_are_not_there() {
    let stand = Stand::new();
    let mut app = stand.container("app", OBEDIENT);
    let options = [("awslogs-group".to_owned(), "/none".to_owned())].into();
    app.log_configuration = Some(LogConfiguration { log_driver: "awslogs".into(), options });
    let task = refused(&stand, app);
    assert!(reason(&task).contains("ResourceNotFoundException: The specified log group does not exist."));
}

#[test]
fn a_task_may_be_stopped_before_it_has_started() {
    let stand = Stand::new();
    for _ in 0..3 {
        let id = stand.run(vec![stand.container("app", OBEDIENT), stand.container("two", OBEDIENT)]);
        stand.stop(&id);
        let task = stand.until_stopped(&id);
        assert_eq!(task.stop.unwrap().code, StopCode::UserInitiated);
        assert_eq!(stand.left(), 0);
    }
}
