//! What an environment takes from elsewhere: shared files, templates, and the project whose build settings it replaces.

use camino::Utf8Path;
use xtask::effects::project_files;
use xtask::error::{Exit, exit_of};
use xtask::image::Platform;
use xtask::project::names;
use xtask::project::{EnvironmentName, Project, parse};

use super::{Disk, OUR_PROJECT, name, printed};

/// A project without a service, whose environments need no network.
fn plain_project() -> Project {
    Project { services: Vec::new(), ..parse::project(OUR_PROJECT).unchecked().unwrap() }
}

const BASE: &str = "region = \"eu-central-1\"\naccount = \"111122223333\"\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n\
                    [variables]\nA = \"base\"\nB = \"base\"\n";

#[test]
fn extends_merges_tables_and_reports_the_file_of_each_key() {
    let project = plain_project();
    let read = |text: &str, shared: &[(&str, &str)]| {
        let shared = shared.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        parse::extended_environment("qa".parse().unwrap(), text, &shared, &project)
    };
    let base = [("base", BASE)];
    let found = read("extends = \"base\"\ntask.count = 3\nvariables.B = \"qa\"", &base).unwrap();
    assert_eq!((found.cpu, found.count, found.account.as_deref()), (256, 3, Some("111122223333")));
    let variables = [("A".to_owned(), "base".to_owned()), ("B".to_owned(), "qa".to_owned())];
    assert_eq!(found.variables, variables.into());

    let nested = [("base", BASE), ("small", "extends = \"base\"\nprotected = true\n")];
    assert!(read("extends = \"small\"\n", &nested).unwrap().protected);

    let wrong = BASE.replace("cpu = 256", "cpu = 300");
    let looped = [("a", "extends = \"b\"\n"), ("b", "\nextends = \"a\"\n")];
    for (text, shared, expected) in [
        ("extends = \"base\"\n", &[("base", wrong.as_str())][..], "infra/environments/shared/base.toml:4:7: Fargate"),
        ("extends = \"base\"\ncolour = 1\n", &base, "infra/environments/qa.toml:2:1: unknown key `colour`"),
        ("extends = \"base\"\n", &[("base", "region = \n")], "infra/environments/shared/base.toml:1:10: not TOML"),
        (
            "extends = \"a\"\n",
            &looped,
            "infra/environments/shared/b.toml:2:11: the files extend each other in a circle: `a` -> `b` -> `a`",
        ),
        (
            "extends = \"a\"\n",
            &[("a", "extends = \"a\"\n")],
            "infra/environments/shared/a.toml:1:11: `a` extends itself",
        ),
        (
            "extends = \"bse\"\n",
            &base,
            "infra/environments/qa.toml:1:11: there is no file `infra/environments/shared/bse.toml`",
        ),
        ("extends = \"qa\"\n", &base, "infra/environments/qa.toml:1:11: `qa` extends itself"),
        ("extends = 3\n", &base, "infra/environments/qa.toml:1:11: `extends`: expected a string"),
    ] {
        let error = anyhow::Error::from(read(text, shared).unwrap_err());
        let found = printed(&error);
        assert!(found.contains(expected) && found.contains("hint: "), "no `{expected}` in:\n{found}");
        assert_eq!(exit_of(&error), Exit::Usage);
    }
}

#[test]
fn refuses_a_name_that_is_too_long_for_a_load_balancer() {
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    let check = |name: &str| {
        let plain = Project { services: Vec::new(), ..project.clone() };
        let environment = parse::environment(name.parse().unwrap(), BASE, &plain).unwrap();
        names::check_length(&plain, &environment).unwrap();
        names::check_length(&project, &environment)
    };
    // `linkbio-` and 24 characters are the 32 that AWS takes.
    check("a-branch-of-24-character").unwrap();
    let error = anyhow::Error::from(check("a-branch-of-25-characters").unwrap_err());
    assert!(error.to_string().contains("`linkbio-a-branch-of-25-characters` has 33 characters"), "{error}");
    assert_eq!(exit_of(&error), Exit::Usage);
}

#[test]
fn an_environment_replaces_build_settings() {
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    let plain = Project { services: Vec::new(), ..project };
    let text = format!(
        "platform = \"linux/arm64\"\n{BASE}[images.app]\ntarget = \"debug\"\nargs = {{ LEVEL = \"1\" }}\n\
         [images.app.secrets]\nnetrc = {{ file = \"/root/.netrc\" }}\n"
    );
    let qa = || "qa".parse().unwrap();
    let found = parse::environment(qa(), &text, &plain).unwrap();
    let changed = plain.clone().in_environment(&found);
    let app = changed.image(&name("app")).unwrap();
    assert_eq!((changed.platform, app.target.as_deref()), (Platform::LinuxArm64, Some("debug")));
    assert_eq!(app.args.keys().collect::<Vec<_>>(), ["LEVEL", "PYTHON_VERSION"]);
    assert_eq!(app.secrets.keys().collect::<Vec<_>>(), ["ca-certificates", "netrc"]);
    assert_eq!(app.dockerfile, "app/Dockerfile");
    assert_eq!(changed.image(&name("nginx")), plain.image(&name("nginx")));
    let error = parse::environment(qa(), &text.replace("images.app]", "images.ap]"), &plain).unwrap_err();
    assert!(error.to_string().contains("qa.toml:11:9: there is no image `ap`"), "{error}");
}

#[test]
fn a_template_makes_environments_under_their_own_names() {
    let project = plain_project();
    let name: EnvironmentName = "pr-123".parse().unwrap();
    let template: EnvironmentName = "preview".parse().unwrap();
    let text = format!("template = true\ndomain = \"{{name}}.links.example.com\"\n{BASE}");
    let text = text.replace("\"base\"", "\"ssm-{name}\"");
    let found = parse::environment(name.with_template(Some(template)), &text, &project).unwrap();
    assert_eq!((found.name.as_str(), found.cluster.as_str()), ("pr-123", "linkbio-pr-123"));
    assert_eq!(found.domain.as_deref(), Some("pr-123.links.example.com"));
    assert_eq!(found.variables.get("A").map(String::as_str), Some("ssm-pr-123"));
    let direct = parse::environment(template, &text, &project).unwrap_err().to_string();
    assert!(direct.contains("preview.toml:1:1: `preview` is a template, not an environment"), "{direct}");
    let plain = parse::environment(name.with_template(Some(template)), BASE, &project).unwrap_err().to_string();
    assert!(plain.contains("preview.toml:1:1: `preview` is not a template"), "{plain}");

    let disk = Disk::new("template");
    disk.write("infra/environments/preview.toml", text.as_bytes());
    let load =
        |root: &Utf8Path| project_files::load_environment(root, name.with_template(Some(template)), &project).map(drop);
    load(&disk.root).unwrap();
    disk.write("infra/environments/pr-123.toml", BASE.as_bytes());
    assert_eq!(
        disk.refused(load),
        "`pr-123` has a file of its own, `infra/environments/pr-123.toml`: it is not made from `preview`\n\
         hint: leave out `--from preview`, or choose another name for `--env`"
    );
}
