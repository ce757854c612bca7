//! Several services of one project: their order, and what an environment makes of each.

use xtask::project::{EnvironmentName, OnFailure, ProjectService, parse};

/// A project with a worker beside its main service.
pub(crate) const SEVERAL: &str = r#"
[project]
name = "shop"
platform = "linux/amd64"
main-service = "web"
[images.app]
context = "app"
[services.worker]
task-definition = "infra/worker.json"
service = "infra/worker-service.json"
after = ["web"]
on-failure = "keep-others"
[services.web]
task-definition = "infra/web.json"
service = "infra/service.json"
[services.beat]
task-definition = "infra/beat.json"
service = "infra/worker-service.json"
"#;

#[test]
fn services_have_an_order_and_names_of_their_own() {
    let project = parse::project(SEVERAL).unchecked().unwrap();
    let order: Vec<&str> = project.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(order, ["beat", "web", "worker"]);
    let text = "region = \"eu-central-1\"\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n[variables]\nA = \"all\"\nB = \"all\"\n\
                [services.worker]\nmemory = 1024\ncount = 3\nservice = \"queue\"\nvariables = { B = \"own\" }\n\
                secrets = { A = \"ssm:/a\" }\n";
    let environment = parse::environment(EnvironmentName::LOCAL, text, &project).unwrap();
    let names = |service: &ProjectService| {
        let own = environment.for_service(&project, service);
        let family = xtask::project::names::names(&project, &own).family;
        (own.service, family, own.memory, own.count, own.variables.into_iter().collect::<Vec<_>>(), own.secrets.len())
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let all = vec![pair("A", "all"), pair("B", "all")];
    assert_eq!(names(&project.services[0]), ("shop-beat".into(), "shop-local-beat".into(), 512, 1, all.clone(), 0));
    assert_eq!(names(&project.services[1]), ("shop".into(), "shop-local".into(), 512, 1, all, 0));
    let own = vec![pair("B", "own")];
    assert_eq!(names(&project.services[2]), ("queue".into(), "shop-local-worker".into(), 1024, 3, own, 1));
    assert_eq!(project.services[2].on_failure, OnFailure::KeepOthers);
}
