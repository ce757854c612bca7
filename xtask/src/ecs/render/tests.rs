//! Tests with valid and invalid templates, and with this repository's own.

use serde_json::{Value, json};

use super::{Values, released, service, task_definition};
use crate::ecs::fixtures::{SERVICE, TASK_DEFINITION, environment, project, values};
use crate::error::Exit;
use crate::project::EnvironmentName;

/// Checks the rendered member of a container definition.
fn check(member: &str, expected: Result<Value, &str>) {
    let text = format!(
        "{{\n\"family\": \"web\", \"volumes\": [],\n\"containerDefinitions\": [{{\n\"name\": \"app\",\n{member}}}]}}"
    );
    let rendered = task_definition(&text, &values(EnvironmentName::LOCAL));
    match (rendered, expected) {
        (Ok(found), Ok(expected)) => {
            let mut container = found.document()["containerDefinitions"][0].clone();
            container.as_object_mut().unwrap().shift_remove("name");
            assert_eq!(container, expected, "{member}");
        }
        (Err(failure), Err(expected)) => {
            assert_eq!(failure.exit(), Exit::Usage);
            let hints: String = failure.hints().iter().map(|hint| format!(" ({hint})")).collect();
            assert_eq!(format!("{failure}{hints}"), format!("infra/task-definition.json:{expected}"), "{member}");
        }
        (found, expected) => panic!("{member}: {found:?} instead of {expected:?}"),
    }
}

#[test]
fn a_string_of_one_placeholder_takes_the_type_of_its_value() {
    check(r#""memory": "{{ task.memory * 3 // 4 }}""#, Ok(json!({ "memory": 384 })));
    check(r#""user": "{{ task.memory }}""#, Ok(json!({ "user": "512" })));
    check(r#""essential": "{{ strategy.circuit_breaker }}""#, Ok(json!({ "essential": true })));
    check(r#""user": "{{ strategy.circuit_breaker }}""#, Ok(json!({ "user": "true" })));
    check(
        r#""image": "{{ images['app'] }}:{{ task.cpu }}""#,
        Ok(json!({ "image": format!("registry.test/linkbio/app@sha256:{}:256", "a".repeat(64)) })),
    );
    check(
        r#""command": ["sh", "-c", "echo {{ environment }}\n"]"#,
        Ok(json!({ "command": ["sh", "-c", "echo local\n"] })),
    );
    check(
        r#""secrets": "{{ secrets + [{'name': 'B', 'valueFrom': 'arn'}] }}""#,
        Ok(json!({ "secrets": [
            { "name": "SECRET_KEY", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/linkbio/local/SECRET_KEY" },
            { "name": "B", "valueFrom": "arn" },
        ] })),
    );
    check(r#""user": "{{ 'root' if environment == 'dev' else none }}", "links": null"#, Ok(json!({})));
    check(r#""mountPoints": "{{ mounts.nginx }}""#, Ok(json!({ "mountPoints": [] })));
    check(
        r#""command": ["{% if environment == 'local' %}serve{% endif %}", "{ }}"]"#,
        Ok(json!({ "command": ["serve", "{ }}"] })),
    );
}

#[test]
fn what_is_wrong_has_line_path_and_suggestion() {
    check(
        r#""image": "{{ images.ap }}""#,
        Err("5: `containerDefinitions[0].image`: there is no value `images.ap` (did you mean `images.app`?)"),
    );
    check(
        r#""image": "{{ image.app }}:{{ region }}""#,
        Err("5: `containerDefinitions[0].image`: there is no value `image.app` (did you mean `images.app`?)"),
    );
    check(
        r#""memory": "{{ task.disk }}""#,
        Err("5: `containerDefinitions[0].memory`: there is no value `task.disk` (there are `task.cpu`, `task.memory`)"),
    );
    check(
        r#""memory": "{{ something }}""#,
        Err("5: `containerDefinitions[0].memory`: there is no value `something` (docs/guide/task-definition.md \
             lists all placeholders)"),
    );
    check(
        r#""hostname": "www.{{ domain }}""#,
        Err("5: `containerDefinitions[0].hostname`: `domain` has no value here (add `domain` to \
             `infra/environments/local.toml`)"),
    );
    check(
        r#""hostname": "{{ domain }}""#,
        Err("5: `containerDefinitions[0].hostname`: `domain` has no value here (add `domain` to \
             `infra/environments/local.toml`)"),
    );
    check(
        r#""user": "{{ volumes[7] }}""#,
        Err("5: `containerDefinitions[0].user`: `volumes[7]` has no value (docs/guide/task-definition.md lists all \
             placeholders)"),
    );
    check(
        r#""image": "{{ images.app""#,
        Err("5: `containerDefinitions[0].image`: not a placeholder: unexpected end of input, expected end of \
             variable block (write `{{ name }}`, such as `{{ images.app }}`)"),
    );
    check(
        r#""memory": "{{ task.memory // 0 }}""#,
        Err("5: `containerDefinitions[0].memory`: unable to calculate 512 // 0 \
             (expressions are minijinja's: numbers, strings, lists, filters)"),
    );
    check(
        r#""memory": "{{ task.memory }} MiB""#,
        Err("5: `containerDefinitions[0].memory`: expected an integer, found a string (leave out the quotes: `512 \
             MiB`; a placeholder that stands alone has the type of its value)"),
    );
    check(
        "\"environment\": \n\"{{ [{'nam': 'A'}] }}\"",
        Err("5: `containerDefinitions[0].environment[0].nam`: AWS has no such member here (did you mean `name`?)"),
    );
    check(
        "\"name\": \"web\"",
        Err("5: `containerDefinitions[0].name`: the key stands twice in this object: only one of \
             the two would count (keep one)"),
    );
    check(
        "\"dockerLabels\": { \"{{ region }}\": \"1\" }",
        Err(
            "5: `containerDefinitions[0].dockerLabels.{{ region }}`: a key with a placeholder (placeholders belong in \
             values, not in keys)",
        ),
    );
    check(
        "\"image\": }",
        Err("5:10: not JSON: expected value (templates are plain JSON; placeholders belong inside of \
         strings: `\"{{ task.cpu }}\"`)"),
    );
    check(
        "\"portMappings\": [{ \"containerPort\": 70000 }]",
        Err(" invalid value: integer `70000`, expected u16 (the number is none that AWS takes)"),
    );
}

#[test]
fn everything_is_said_at_once() {
    let text = SERVICE
        .replace("{{ cluster }}", "{{ clustr }}")
        .replace("\"FARGATE\"", "\"FARGAT\"")
        .replace("\"desiredCount\"", "\"taskDefinition\": \"web\",\n  \"desiredCout\"");
    let failure = service(&text, &values("production".parse().unwrap())).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "infra/service.json:2: `cluster`: there is no value `clustr`\nhint: did you mean `cluster`?\n\n\
         infra/service.json:4: `launchType`: `FARGAT` is none of AWS's values\nhint: did you mean `FARGATE`?\n\n\
         infra/service.json:5: `taskDefinition`: the deploy sets it itself: the revision that was registered\n\
         hint: leave it out\n\n\
         infra/service.json:6: `desiredCout`: AWS has no such member here\nhint: did you mean `desiredCount`?\n\n\
         4 errors in `infra/service.json`"
    );
    for text in ["[]", "\"x\"", "null", "3"] {
        let failure = task_definition(text, &values("dev".parse().unwrap())).unwrap_err();
        assert!(failure.to_string().starts_with("infra/task-definition.json:1: expected an object"), "{failure}");
    }
}

#[test]
fn our_own_templates_are_right_in_every_environment() {
    for name in ["local", "dev", "staging", "production"].map(|name| name.parse::<EnvironmentName>().unwrap()) {
        let values = values(name);
        let (definition, release) = released(TASK_DEFINITION, &values).unwrap_or_else(|failure| panic!("{failure}"));
        let environment = environment(name);
        let view = definition.view();
        assert_eq!(view.cpu.as_deref(), Some(environment.cpu.to_string().as_str()));
        let limits: u32 = view.container_definitions.iter().filter_map(|container| container.memory).sum();
        assert!(limits <= environment.memory && limits * 10 > environment.memory * 9, "{limits}");
        let app = definition.container("app").unwrap();
        assert_eq!(app.variable("SLIPWAY_RELEASE"), Some(release.as_str()));
        assert_eq!(app.variable("SLIPWAY_ENVIRONMENT"), Some(name.as_str()));
        assert_eq!(app.secrets.len(), environment.secrets.len());
        let is_local = name.is_local();
        assert_eq!((view.volumes.len(), app.mount_points.len()), if is_local { (3, 2) } else { (2, 1) });
        assert_eq!(view.family, format!("linkbio-{name}"));
        let service = service(SERVICE, &values).unwrap_or_else(|failure| panic!("{failure}"));
        let view = service.view();
        assert_eq!(view.cluster.as_deref(), Some(environment.cluster.as_str()));
        assert_eq!(view.desired_count, Some(environment.count));
        let network = &view.network_configuration.as_ref().unwrap().awsvpc_configuration;
        assert_eq!(network.subnets, environment.network.unwrap().subnets);
        let load_balancer = view.load_balancers.first().unwrap();
        assert!(definition.container(load_balancer.container_name.as_deref().unwrap()).is_some());
    }
}

#[test]
fn the_guide_lists_every_placeholder_and_shows_our_errors() {
    const GUIDE: &str = include_str!("../../../../docs/guide/task-definition.md");
    let values = values(EnvironmentName::LOCAL);
    for name in values.names() {
        let name = match name.split_once('.') {
            Some(("images", _)) => "images.<name>",
            Some(("mounts", _)) => "mounts.<image>",
            _ => &name,
        };
        assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
    }
    let wrong = TASK_DEFINITION.replacen("images.app", "images.ap", 1).replacen(
        "\"memory\": \"{{ task.memory *",
        "\"memroy\": \"{{ task.memory *",
        1,
    );
    let failure = task_definition(&wrong, &values).unwrap_err();
    assert!(GUIDE.contains(&format!("```\n{failure}\n```")), "{failure}");
}

#[test]
fn the_release_depends_on_images_and_settings_and_on_nothing_else() {
    let of = |text: &str, values: &Values| released(text, values).unwrap().1;
    let first = of(TASK_DEFINITION, &values(EnvironmentName::LOCAL));
    assert_eq!((first.as_str().len(), first.as_str().bytes().all(|byte| byte.is_ascii_hexdigit())), (12, true));
    assert_eq!(of(TASK_DEFINITION, &values(EnvironmentName::LOCAL)), first);
    let moved = TASK_DEFINITION
        .replace("  \"family\": \"{{ family }}\",\n", "")
        .replace("  \"cpu\"", "  \"family\": \"{{ family }}\",\n  \"cpu\"");
    assert_ne!(moved, TASK_DEFINITION);
    assert_eq!(of(&moved, &values(EnvironmentName::LOCAL)), first);
    assert_ne!(of(TASK_DEFINITION, &values("dev".parse().unwrap())), first);
    let renamed = values(EnvironmentName::LOCAL).with_release(&first);
    assert_eq!(
        task_definition(TASK_DEFINITION, &renamed).unwrap(),
        released(TASK_DEFINITION, &values(EnvironmentName::LOCAL)).unwrap().0
    );
    let image = [("app".parse().unwrap(), "other".to_owned()), ("nginx".parse().unwrap(), "b".to_owned())].into();
    let other = Values::new(&project(), &environment(EnvironmentName::LOCAL), "123456789012", &image, None);
    assert_ne!(of(TASK_DEFINITION, &other), first);
    let failure = service(SERVICE, &other).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "infra/service.json:13: `loadBalancers[0].targetGroupArn`: `target_group` has no value here"
    );
}

#[test]
fn what_goes_to_aws_has_an_update_of_its_own() {
    let service = service(SERVICE, &values(EnvironmentName::LOCAL)).unwrap();
    let update = Value::Object(service.update());
    assert_eq!((&update["service"], &update["cluster"]), (&json!("linkbio"), &json!("linkbio-local")));
    assert_eq!((update.get("serviceName"), update.get("launchType")), (None, None));
    assert_eq!(update["loadBalancers"][0]["containerPort"], 8080);
    let create = Value::Object(service.create("arn:revision"));
    assert_eq!((&create["taskDefinition"], &create["launchType"]), (&json!("arn:revision"), &json!("FARGATE")));
}

#[test]
fn a_service_without_an_image_of_the_project_is_refused_with_place() {
    let template = "{\n  \"family\": \"{{ family }}\",\n  \"containerDefinitions\": [{ \"name\": \"redis\", \"image\": \"redis:7\" }]\n}";
    let failure = released(template, &values(EnvironmentName::LOCAL)).unwrap_err();
    assert_eq!(failure.exit(), crate::error::Exit::Usage);
    let expected = "infra/task-definition.json:3";
    let text = failure.to_string();
    assert!(text.starts_with(expected) && text.contains("no container runs an image of the project"), "{text}");
}
