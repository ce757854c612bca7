//! AWS's environment variables and profiles, each test in a child process with an environment of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::scripted::{Scene, Scripted};
use super::{Aws, CredentialSource};
use crate::effects::{ecs, ssm, sts};
use crate::error::{exit_of, hints_of};

const IDENTITY: &str = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/ci</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"#;
const ME: Scene = Scene::Answer(200, IDENTITY);
/// The marker of the child's result, and of the call that it makes.
const RESULT: &str = "result: ";
const CALL: &str = "SLIPWAY_TEST_CALL";
const REGION: &str = "SLIPWAY_TEST_REGION";

/// Runs in the child only.
#[test]
#[ignore = "the child process of the other tests"]
fn child() {
    let region = std::env::var(REGION).unwrap_or_else(|_| "eu-central-1".to_owned());
    let result = Aws::connect(&region, None, CredentialSource::DefaultChain).and_then(|aws| {
        Ok(match std::env::var(CALL).as_deref() {
            Ok("ssm") => format!("{:?}", ssm::get(&aws, "x")?),
            Ok("ecs") => format!("{:?}", ecs::describe_cluster(&aws, "x")?),
            Ok("page") => crate::effects::web::Web::new()?
                .get("http://shop.example/", &[], std::time::Duration::from_secs(10))?
                .text(),
            Ok("registry") => {
                let registry = crate::effects::registry::Registry::at("registry.example")?;
                format!("{:?}", registry.digest_of_tag("shop/app", &"v1".parse()?)?)
            }
            _ => sts::caller(&aws)?.account,
        })
    });
    match result {
        Ok(text) => println!("{RESULT}{text}"),
        Err(error) => println!("{RESULT}{:?} {error:#} {:?}", exit_of(&error), hints_of(&error)),
    }
}

/// The result of the child in this environment.
fn run(environment: &[(&str, &str)]) -> String {
    let home = home(&[]);
    let mut all: BTreeMap<&str, &str> = BTreeMap::from([
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/nonexistent/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials"),
        ("HOME", home.to_str().unwrap()),
    ]);
    all.extend(environment.iter().copied());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "effects::aws::environment::child", "--ignored", "--nocapture"])
        .env_clear()
        .envs(all)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.split_once(RESULT));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    line.unwrap_or_else(|| panic!("{text}{error}")).1.to_owned()
}

/// A directory that is removed when dropped.
struct Home(PathBuf);

impl std::ops::Deref for Home {
    type Target = std::path::Path;

    fn deref(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A fresh directory with these files.
fn home(files: &[(&str, &str)]) -> Home {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let home = std::env::temp_dir().join(format!("slipway-aws-{}-{number}", std::process::id()));
    std::fs::create_dir_all(home.join("sso/cache")).unwrap();
    std::fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
    for (name, text) in files {
        std::fs::write(home.join(name), text).unwrap();
    }
    Home(home)
}

fn path(home: &std::path::Path, name: &str) -> String {
    home.join(name).to_str().unwrap().to_owned()
}

const STATIC: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "fromenv"), ("AWS_SECRET_ACCESS_KEY", "secret")];

fn with<'a>(base: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    base.iter().chain(more).copied().collect()
}

#[test]
fn credentials_of_variables_and_the_general_endpoint() {
    let server = Scripted::new(&[ME]);
    assert_eq!(run(&with(&STATIC, &[("AWS_ENDPOINT_URL", &server.endpoint())])), "123456789012");
    assert!(server.asked().head.contains("credential=fromenv/"));
}

#[test]
fn credentials_and_endpoint_of_a_profile() {
    let server = Scripted::new(&[ME]);
    let config = format!(
        "[profile work]\nservices = local\naws_access_key_id = fromprofile\naws_secret_access_key = s\n\
         [services local]\nsts =\n  endpoint_url = {}\n",
        server.endpoint()
    );
    let home = home(&[("config", &config)]);
    assert_eq!(run(&[("AWS_PROFILE", "work"), ("AWS_CONFIG_FILE", &path(&home, "config"))]), "123456789012");
    assert!(server.asked().head.contains("credential=fromprofile/"));
}

#[test]
fn endpoint_of_a_service_precedes_the_general_one() {
    let server = Scripted::new(&[Scene::Answer(200, r#"{"Parameter":{"Value":"v","Version":3}}"#)]);
    let variables =
        [(CALL, "ssm"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ENDPOINT_URL_SSM", &server.endpoint())];
    assert_eq!(run(&with(&STATIC, &variables)), r#"Some(("v", 3))"#);
}

#[test]
fn plain_http_to_another_machine_is_a_usage_error() {
    let found = run(&with(&STATIC, &[("AWS_ENDPOINT_URL_ECS", "http://10.0.0.1:80")]));
    assert!(found.starts_with("Usage the endpoint `http://10.0.0.1:80` has no TLS"), "{found}");
}

const ASSUMED: &str = r#"<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><RRRR><Credentials><AccessKeyId>assumed</AccessKeyId>
    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
    </RRRR></R>"#;

fn assumed(action: &str) -> Scene {
    let text = ASSUMED.replace("RRRR", &format!("{action}Result")).replace("<R ", &format!("<{action}Response "));
    Scene::Answer(200, text.replace("</R>", &format!("</{action}Response>")).leak())
}

#[test]
fn credentials_of_an_assumed_role() {
    let server = Scripted::new(&[assumed("AssumeRole"), ME]);
    let config = "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = base\n\
                  [profile base]\naws_access_key_id = base\naws_secret_access_key = s\n";
    let home = home(&[("config", config)]);
    let config = path(&home, "config");
    let variables =
        [("AWS_PROFILE", "role"), ("AWS_CONFIG_FILE", &config), ("AWS_ENDPOINT_URL_STS", &server.endpoint())];
    assert_eq!(run(&variables), "123456789012");
    assert!(server.asked().body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeploy"));
    assert!(server.asked().head.contains("credential=assumed/"));
}

#[test]
fn credentials_of_a_web_identity() {
    let server = Scripted::new(&[assumed("AssumeRoleWithWebIdentity"), ME]);
    let home = home(&[("token", "jwt")]);
    let variables = [
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path(&home, "token")),
        ("AWS_ENDPOINT_URL_STS", &server.endpoint()),
    ];
    assert_eq!(run(&variables), "123456789012");
    assert!(server.asked().body.contains("WebIdentityToken=jwt"));
    assert!(server.asked().head.contains("credential=assumed/"));
}

#[test]
fn credentials_of_a_container() {
    let given = r#"{"AccessKeyId":"container","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
    let (source, server) = (Scripted::new(&[Scene::Answer(200, given)]), Scripted::new(&[ME]));
    let address = format!("{}/creds", source.endpoint());
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", address.as_str()), ("AWS_ENDPOINT_URL", &server.endpoint())];
    assert_eq!(run(&variables), "123456789012");
    assert!(server.asked().head.contains("credential=container/"));
}

#[test]
fn credentials_of_an_instance() {
    let given = r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"instance","SecretAccessKey":"s","Token":"t",
        "LastUpdated":"2026-01-01T00:00:00Z","Expiration":"2099-01-01T00:00:00Z"}"#;
    let token = Scene::With(200, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "token");
    let source = Scripted::new(&[token, Scene::Answer(200, "role"), Scene::Answer(200, given)]);
    let server = Scripted::new(&[ME]);
    let variables = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &source.endpoint()),
        ("AWS_ENDPOINT_URL", &server.endpoint()),
    ];
    assert_eq!(run(&variables), "123456789012");
    assert!(server.asked().head.contains("credential=instance/"));
}

#[test]
fn expired_sso_session_names_the_login() {
    let config = "[profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
                  [sso-session s]\nsso_region = eu-central-1\nsso_start_url = https://example.awsapps.com/start\n";
    let home = home(&[("config", config)]);
    let found = run(&[("AWS_PROFILE", "sso"), ("AWS_CONFIG_FILE", &path(&home, "config"))]);
    assert!(found.contains("no credentials for GetCallerIdentity") && found.contains("aws sso login"), "{found}");
}

#[test]
fn number_of_attempts_and_retry_mode() {
    let busy = Scene::Answer(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
    for mode in ["standard", "adaptive"] {
        let server = Scripted::new(&[busy.clone(), busy.clone()]);
        let variables = [
            (CALL, "ecs"),
            ("AWS_MAX_ATTEMPTS", "2"),
            ("AWS_RETRY_MODE", mode),
            ("AWS_ENDPOINT_URL", &server.endpoint()),
        ];
        let found = run(&with(&STATIC, &variables));
        assert!(found.contains("ThrottlingException"), "{found}");
    }
}

/// The proxy that calls go through sees the host that they are for.
fn check_proxy(more: &[(&str, &str)], host: &str) {
    let proxy = Scripted::new(&[Scene::Answer(403, "")]);
    let found = run(&with(&STATIC, &with(&[("HTTPS_PROXY", &proxy.endpoint()), ("AWS_MAX_ATTEMPTS", "1")], more)));
    assert!(found.starts_with("Failed"), "{found}");
    let head = proxy.asked().head;
    assert!(head.starts_with(&format!("connect {host}:443 http/1.1")), "{head}");
}

#[test]
fn hosts_by_region_fips_and_dual_stack_through_a_proxy() {
    check_proxy(&[], "sts.eu-central-1.amazonaws.com");
    check_proxy(
        &[(CALL, "ecs"), ("AWS_USE_FIPS_ENDPOINT", "true"), (REGION, "us-east-1")],
        "ecs-fips.us-east-1.amazonaws.com",
    );
    check_proxy(&[(CALL, "ecs"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")], "ecs.eu-central-1.api.aws");
    check_proxy(
        &[(CALL, "ssm"), ("AWS_USE_FIPS_ENDPOINT", "true"), (REGION, "us-east-1")],
        "ssm-fips.us-east-1.amazonaws.com",
    );
    check_proxy(&[(CALL, "ssm"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")], "ssm.eu-central-1.api.aws");
    check_proxy(&[(CALL, "ecs"), (REGION, "cn-north-1")], "ecs.cn-north-1.amazonaws.com.cn");
    check_proxy(&[(CALL, "ecs"), (REGION, "eusc-de-east-1")], "ecs.eusc-de-east-1.amazonaws.eu");
    check_proxy(&[(CALL, "ecs"), (REGION, "us-iso-east-1")], "ecs.us-iso-east-1.c2s.ic.gov");
}

#[test]
fn pages_and_registries_go_through_the_proxy() {
    let proxy = Scripted::new(&[Scene::Answer(200, "page")]);
    assert_eq!(run(&[(CALL, "page"), ("HTTP_PROXY", &proxy.endpoint())]), "page");
    assert!(proxy.asked().head.starts_with("get http://shop.example/ http/1.1"));
    let refused = Scene::Answer(403, "");
    let proxy = Scripted::new(&[refused.clone(), refused.clone(), refused]);
    run(&[(CALL, "registry"), ("HTTPS_PROXY", &proxy.endpoint())]);
    assert!(proxy.asked().head.starts_with("connect registry.example:443 http/1.1"));
}

#[test]
fn no_proxy_and_this_machine_bypass_the_proxy() {
    // Nothing listens at the proxy's address.
    let server = Scripted::new(&[ME]);
    let dead = "http://127.0.0.1:9";
    let variables = [("HTTP_PROXY", dead), ("HTTPS_PROXY", dead), ("AWS_ENDPOINT_URL", &server.endpoint())];
    assert_eq!(run(&with(&STATIC, &variables)), "123456789012");
    let proxy = Scripted::new(&[]);
    let variables = [
        ("HTTPS_PROXY", proxy.endpoint()),
        ("NO_PROXY", ".amazonaws.com".to_owned()),
        ("AWS_MAX_ATTEMPTS", "1".to_owned()),
    ];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let found = run(&with(&with(&STATIC, &variables), &[(REGION, "zz-nowhere-1")]));
    assert!(found.contains("failed to reach STS"), "{found}");
}

#[test]
fn certificates_of_the_bundle_are_checked() {
    let home = home(&[("empty", "none"), ("bad", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]);
    for (name, why) in
        [("empty", "no certificates in PEM form"), ("bad", "AWS_CA_BUNDLE"), ("absent", "cannot be read")]
    {
        let found = run(&with(&STATIC, &[("AWS_CA_BUNDLE", &path(&home, name))]));
        assert!(found.starts_with("Failed") && found.contains(why) && found.contains("AWS_CA_BUNDLE"), "{found}");
    }
}
