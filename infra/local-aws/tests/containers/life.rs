//! The life of a task: one network, essential containers, stop signals and timeouts, targets, health.

use local_aws::runner;
use local_aws::store::ecs::ServiceLoadBalancer;
use local_aws::store::elb::{TargetGroup, TargetHealthCheck};
use local_aws::store::task::{ContainerOverride, Health, StopCode, TaskStatus};
use local_aws::store::task_definition::{HealthCheck, KeyValue};

use crate::stand::{OBEDIENT, Stand, exit_of};

#[test]
fn containers_reach_each_other_on_loopback_and_the_host_reaches_the_task() {
    let stand = Stand::new();
    let server = stand.container("server", "httpd -f -p 127.0.0.1:8000 -h /data");
    let script = "while ! wget -q -O - http://127.0.0.1:8000/from-image; do sleep 0.2; done";
    let client = stand.container("client", script);
    let id = stand.run(vec![server, client]);
    let task = stand.until_stopped(&id);
    assert_eq!(exit_of(&task, "client"), Some(0));
    assert_eq!(task.stop.as_ref().unwrap().code, StopCode::EssentialContainerExited);
    assert_eq!(task.stop.unwrap().reason, "Essential container in task exited");
    assert!(task.started_at.is_some() && task.execution_stopped_at <= task.stopped_at);
    assert_eq!(stand.left(), 0);
}

#[test]
fn the_end_of_a_container_that_is_not_essential_is_only_written_down() {
    let stand = Stand::new();
    let mut side = stand.container("side", "exit 4");
    side.essential = Some(false);
    let id = stand.run(vec![side, stand.container("app", OBEDIENT)]);
    let task = stand.until(&id, "over", |task| exit_of(task, "side").is_some());
    assert_eq!(exit_of(&task, "side"), Some(4));
    stand.until_running(&id);
    stand.wait(runner::kill(stand.emulator(), &id, Some("app"))).unwrap();
    let task = stand.until_stopped(&id);
    assert_eq!(exit_of(&task, "app"), Some(137));
    assert_eq!(task.stop.unwrap().code, StopCode::EssentialContainerExited);
    assert!(task.containers.iter().all(|container| container.reason.is_none()), "no container was out of memory");
}

#[test]
fn who_does_not_listen_is_killed_after_its_stop_timeout() {
    let stand = Stand::new();
    let mut deaf = stand.container("deaf", "trap '' TERM; while :; do sleep 1; done");
    deaf.stop_timeout = Some(2);
    let id = stand.run(vec![deaf]);
    stand.until_running(&id);
    stand.stop(&id);
    let task = stand.until_stopped(&id);
    assert_eq!(exit_of(&task, "deaf"), Some(137));
    let took = task.stopped_at.unwrap().since(task.stopping_at.unwrap());
    assert!(took.as_secs() >= 2, "{took:?}");
}

#[test]
fn overrides_and_one_off_tasks() {
    let stand = Stand::new();
    let app = stand.container("app", "exit 1");
    let id = stand.run_with(
        vec![app],
        |_| {},
        |task| {
            task.overrides.container_overrides.push(ContainerOverride {
                name: Some("app".into()),
                command: Some(vec!["exit $CODE".into()]),
                environment: vec![KeyValue { name: "CODE".into(), value: "5".into() }],
                ..ContainerOverride::default()
            });
        },
    );
    let task = stand.until_stopped(&id);
    assert_eq!(exit_of(&task, "app"), Some(5));
    assert!(task.started_at.is_some(), "it has run");
}

#[test]
fn targets_come_and_go_and_health_is_the_definitions() {
    let stand = Stand::new();
    let group = "arn:group".to_owned();
    stand.write(|state| {
        let health_check = TargetHealthCheck {
            path: "/".into(),
            interval_seconds: 5,
            timeout_seconds: 2,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        };
        let made = TargetGroup {
            name: "web".into(),
            port: 80,
            health_check,
            deregistration_delay_seconds: 0,
            attributes: [].into(),
            targets: Vec::new(),
            tags: Vec::new(),
        };
        state.elb.target_groups.insert(group.clone(), made);
    });
    let mut app = stand.container("app", &format!("httpd -p 8080 -h /data; {OBEDIENT}"));
    app.health_check = Some(HealthCheck {
        command: vec!["CMD-SHELL".into(), "wget -q -O /dev/null http://127.0.0.1:8080/from-image".into()],
        interval: Some(30),
        timeout: None,
        retries: None,
        start_period: None,
    });
    let balanced =
        ServiceLoadBalancer { target_group_arn: group.clone(), container_name: "app".into(), container_port: 8080 };
    let id = stand.run_with(vec![app], |_| {}, |task| task.load_balancers.push(balanced));
    stand.until_running(&id);
    let target = stand.emulator().store.read(|state| state.elb.target_groups[&group].targets[0].clone());
    let task = stand.until(&id, "healthy", |task| task.health == Health::Healthy);
    let took = task.started_at.unwrap();
    assert!(local_aws::time::Timestamp::now().since(took).as_secs() < 25, "long before the first interval is over");
    assert_eq!(task.private_ip, Some(target.address.to_string()));
    std::net::TcpStream::connect(target.reached_at).unwrap();
    stand.stop(&id);
    stand.until(&id, "draining", |task| task.last_status == TaskStatus::Deactivating);
    assert!(stand.inspect(&stand.task(&id), "app").state.unwrap().running.unwrap(), "it serves while it drains");
    // The balancer, which is not there, would do this.
    stand.write(|state| state.elb.target_groups.get_mut(&group).unwrap().targets.clear());
    stand.until_stopped(&id);
}
