//! Elastic Load Balancing's API, one function a call: target groups, the health of targets, load balancers.
//! Everything here only looks.

use std::collections::BTreeMap;

use super::aws::{Api, Aws, Call, CallError, Element, child, members, number, text};
use crate::ecs::{Balancer, TargetGroup, TargetHealth};

/// `DescribeTargetGroups` by name; `None` where there is none.
///
/// # Errors
/// ELB's and the network's.
pub fn target_group(aws: &Aws, name: &str) -> Result<Option<TargetGroup>, CallError> {
    one_target_group(aws, ("Names.member.1", name))
}

fn one_target_group(aws: &Aws, which: (&str, &str)) -> Result<Option<TargetGroup>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetGroups");
    let found = aws.call_query(call, &[which], |result| {
        members(result, "TargetGroups").map(read_target_group).collect::<Option<Vec<_>>>()
    });
    first(found, "TargetGroupNotFound")
}

/// `DescribeTargetGroupAttributes`: such as `deregistration_delay.timeout_seconds`.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_group_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetGroupAttributes");
    aws.call_query(call, &[("TargetGroupArn", arn)], attributes)
}

/// `DescribeTargetHealth`: every target that is registered or draining.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_health(aws: &Aws, arn: &str) -> Result<Vec<TargetHealth>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetHealth");
    aws.call_query(call, &[("TargetGroupArn", arn)], |result| {
        members(result, "TargetHealthDescriptions").map(read_health).collect()
    })
}

/// `DescribeLoadBalancers` by ARN or name; `None` where there is none.
///
/// # Errors
/// ELB's and the network's.
pub fn load_balancer(aws: &Aws, arn_or_name: &str) -> Result<Option<Balancer>, CallError> {
    let member = if arn_or_name.starts_with("arn:") { "LoadBalancerArns.member.1" } else { "Names.member.1" };
    let found = aws.call_query(Call::new(Api::Elb, "DescribeLoadBalancers"), &[(member, arn_or_name)], |result| {
        members(result, "LoadBalancers").map(read_balancer).collect::<Option<Vec<_>>>()
    });
    first(found, "LoadBalancerNotFound")
}

/// `DescribeLoadBalancerAttributes`: such as `idle_timeout.timeout_seconds`.
///
/// # Errors
/// As above; `LoadBalancerNotFound`.
pub fn load_balancer_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = Call::new(Api::Elb, "DescribeLoadBalancerAttributes");
    aws.call_query(call, &[("LoadBalancerArn", arn)], attributes)
}

fn first<T>(found: Result<Vec<T>, CallError>, absent: &str) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(found.into_iter().next()),
        Err(error) if error.is(&[absent]) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_target_group(one: Element<'_>) -> Option<TargetGroup> {
    let arns = child(one, "LoadBalancerArns");
    let arns = arns.iter().flat_map(Element::children).filter(Element::is_element).filter_map(|arn| arn.text());
    Some(TargetGroup {
        arn: text(one, "TargetGroupArn")?,
        name: text(one, "TargetGroupName")?,
        port: number(one, "Port"),
        protocol: text(one, "Protocol"),
        target_type: text(one, "TargetType").unwrap_or_else(|| "instance".to_owned()),
        health_check_path: text(one, "HealthCheckPath"),
        // `GrpcCode` for targets that speak gRPC.
        matcher: child(one, "Matcher").and_then(|matcher| text(matcher, "HttpCode")),
        interval_seconds: number(one, "HealthCheckIntervalSeconds"),
        timeout_seconds: number(one, "HealthCheckTimeoutSeconds"),
        healthy_threshold: number(one, "HealthyThresholdCount"),
        unhealthy_threshold: number(one, "UnhealthyThresholdCount"),
        load_balancer_arns: arns.map(|arn| arn.trim().to_owned()).collect(),
    })
}

fn read_health(one: Element<'_>) -> Option<TargetHealth> {
    let (target, health) = (child(one, "Target")?, child(one, "TargetHealth")?);
    Some(TargetHealth {
        address: text(target, "Id")?,
        port: number(target, "Port").unwrap_or_default(),
        state: text(health, "State")?,
        reason: text(health, "Reason"),
        description: text(health, "Description"),
    })
}

fn read_balancer(one: Element<'_>) -> Option<Balancer> {
    Some(Balancer {
        arn: text(one, "LoadBalancerArn")?,
        name: text(one, "LoadBalancerName")?,
        dns_name: text(one, "DNSName")?,
        scheme: text(one, "Scheme"),
        state: child(one, "State").and_then(|state| text(state, "Code")),
    })
}

fn attributes(result: Element<'_>) -> Option<BTreeMap<String, String>> {
    let pair = |one: Element<'_>| Some((text(one, "Key")?, text(one, "Value").unwrap_or_default()));
    members(result, "Attributes").map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{load_balancer, target_group, target_group_attributes, target_health};
    use crate::ecs::{Balancer, TargetGroup, TargetHealth};
    use crate::effects::aws::scripted::{Scene, Scripted};

    /// An answer in ELB's form.
    fn server(action: &str, result: &str) -> Scripted {
        let text = format!(
            r#"<{action}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><{action}Result>{result}</{action}Result>
            <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"#
        );
        Scripted::new(&[Scene::Answer(200, text.leak())])
    }

    fn absent(code: &str) -> Scripted {
        let text = format!("<ErrorResponse><Error><Code>{code}</Code><Message>none</Message></Error></ErrorResponse>");
        Scripted::new(&[Scene::Answer(400, text.leak())])
    }

    #[test]
    fn target_groups() {
        let group = "<TargetGroups><member><TargetGroupArn>arn:g</TargetGroupArn><TargetGroupName>web</TargetGroupName>
            <Protocol>HTTP</Protocol><Port>80</Port><TargetType>ip</TargetType><HealthCheckPath>/healthz</HealthCheckPath>
            <HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds><HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds>
            <HealthyThresholdCount>2</HealthyThresholdCount><UnhealthyThresholdCount>3</UnhealthyThresholdCount>
            <Matcher><HttpCode>200-299</HttpCode></Matcher><LoadBalancerArns><member>arn:b</member></LoadBalancerArns>
            </member></TargetGroups>";
        let server = server("DescribeTargetGroups", group);
        let expected = TargetGroup {
            arn: "arn:g".into(),
            name: "web".into(),
            port: Some(80),
            protocol: Some("HTTP".into()),
            target_type: "ip".into(),
            health_check_path: Some("/healthz".into()),
            matcher: Some("200-299".into()),
            interval_seconds: Some(10),
            timeout_seconds: Some(5),
            healthy_threshold: Some(2),
            unhealthy_threshold: Some(3),
            load_balancer_arns: vec!["arn:b".into()],
        };
        assert_eq!(target_group(&server.aws(), "web").unwrap(), Some(expected));
        assert!(server.asked().body.ends_with("&Names.member.1=web"));
        assert_eq!(target_group(&absent("TargetGroupNotFound").aws(), "web").unwrap(), None);
        assert!(target_group(&absent("AccessDenied").aws(), "web").is_err());
    }

    #[test]
    fn the_health_of_targets() {
        let result = "<TargetHealthDescriptions><member><Target><Id>10.0.0.1</Id><Port>8080</Port></Target>
            <TargetHealth><State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>
            <Description>Health checks failed with these codes: [404]</Description></TargetHealth></member>
            <member><Target><Id>10.0.0.2</Id><Port>8080</Port></Target><TargetHealth><State>healthy</State></TargetHealth></member>
            </TargetHealthDescriptions>";
        let health = target_health(&server("DescribeTargetHealth", result).aws(), "arn:g").unwrap();
        let bad = TargetHealth {
            address: "10.0.0.1".into(),
            port: 8080,
            state: "unhealthy".into(),
            reason: Some("Target.ResponseCodeMismatch".into()),
            description: Some("Health checks failed with these codes: [404]".into()),
        };
        let good = TargetHealth {
            address: "10.0.0.2".into(),
            state: "healthy".into(),
            reason: None,
            description: None,
            ..bad.clone()
        };
        assert_eq!(health, [bad, good]);
        assert_eq!(target_health(&server("DescribeTargetHealth", "").aws(), "arn:g").unwrap(), []);
    }

    #[test]
    fn load_balancers() {
        let result = "<LoadBalancers><member><LoadBalancerArn>arn:b</LoadBalancerArn><LoadBalancerName>web</LoadBalancerName>
            <DNSName>web-1.elb.amazonaws.com</DNSName><Scheme>internet-facing</Scheme><State><Code>active</Code></State></member>
            </LoadBalancers>";
        let server_of_balancers = server("DescribeLoadBalancers", result);
        let expected = Balancer {
            arn: "arn:b".into(),
            name: "web".into(),
            dns_name: "web-1.elb.amazonaws.com".into(),
            scheme: Some("internet-facing".into()),
            state: Some("active".into()),
        };
        assert_eq!(load_balancer(&server_of_balancers.aws(), "arn:b").unwrap(), Some(expected));
        assert!(server_of_balancers.asked().body.ends_with("&LoadBalancerArns.member.1=arn%3Ab"));
        assert_eq!(load_balancer(&absent("LoadBalancerNotFound").aws(), "web").unwrap(), None);
    }

    #[test]
    fn attributes_by_key() {
        let result = "<Attributes><member><Key>a.b</Key><Value>60</Value></member><member><Key>c</Key><Value/></member></Attributes>";
        let found = target_group_attributes(&server("DescribeTargetGroupAttributes", result).aws(), "arn:g").unwrap();
        assert_eq!(found, BTreeMap::from([("a.b".into(), "60".into()), ("c".into(), String::new())]));
    }
}
