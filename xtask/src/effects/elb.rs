//! Elastic Load Balancing's API, one function per call: target groups, target health, load balancers. Reads only.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types;

use super::aws::{Api, Aws, Call, CallError, Exchange};
use crate::ecs::{Balancer, TargetGroup, TargetHealth};

/// Creates a call without its parameters; `$set` passes them to the builder.
macro_rules! describe {
    ($aws:expr, $action:literal, $operation:ident, $($set:ident($value:expr)),+) => {
        $aws.output(Call::new(Api::Elb, $action), |exchange: Exchange| {
            let settings = aws_sdk_elasticloadbalancingv2::config::Builder::default()
                .interceptor(exchange.clone())
                .retry_classifier(exchange);
            $aws.elb().$operation()$(.$set($value))+.customize().config_override(settings).send()
        })
    };
}

/// Calls `DescribeTargetGroups` by name; `None` where the target group does not exist.
///
/// # Errors
/// Errors of ELB and of the network.
pub fn target_group(aws: &Aws, name: &str) -> Result<Option<TargetGroup>, CallError> {
    let found = describe!(aws, "DescribeTargetGroups", describe_target_groups, names(name));
    let found = found.map(|output| output.target_groups.unwrap_or_default());
    Ok(first(found, "TargetGroupNotFound")?.map(read_target_group))
}

/// Calls `DescribeTargetGroupAttributes`; an attribute is `deregistration_delay.timeout_seconds`.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_group_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let output =
        describe!(aws, "DescribeTargetGroupAttributes", describe_target_group_attributes, target_group_arn(arn))?;
    Ok(attributes(output.attributes.into_iter().flatten().map(|one| (one.key, one.value))))
}

/// Calls `DescribeTargetHealth`: every target that is registered or draining.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_health(aws: &Aws, arn: &str) -> Result<Vec<TargetHealth>, CallError> {
    let output = describe!(aws, "DescribeTargetHealth", describe_target_health, target_group_arn(arn))?;
    let call = Call::new(Api::Elb, "DescribeTargetHealth");
    let health: Option<_> = output.target_health_descriptions.into_iter().flatten().map(read_health).collect();
    health.ok_or_else(|| aws.unreadable(call, "a target lacks its address or state".to_owned()))
}

/// Calls `DescribeLoadBalancers` by ARN or name; `None` where the load balancer does not exist.
///
/// # Errors
/// Errors of ELB and of the network.
pub fn load_balancer(aws: &Aws, arn_or_name: &str) -> Result<Option<Balancer>, CallError> {
    let found = if arn_or_name.starts_with("arn:") {
        describe!(aws, "DescribeLoadBalancers", describe_load_balancers, load_balancer_arns(arn_or_name))
    } else {
        describe!(aws, "DescribeLoadBalancers", describe_load_balancers, names(arn_or_name))
    };
    let found = found.map(|output| output.load_balancers.unwrap_or_default());
    Ok(first(found, "LoadBalancerNotFound")?.map(read_balancer))
}

/// Calls `DescribeLoadBalancerAttributes`; an attribute is `idle_timeout.timeout_seconds`.
///
/// # Errors
/// As above; `LoadBalancerNotFound`.
pub fn load_balancer_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let output =
        describe!(aws, "DescribeLoadBalancerAttributes", describe_load_balancer_attributes, load_balancer_arn(arn))?;
    Ok(attributes(output.attributes.into_iter().flatten().map(|one| (one.key, one.value))))
}

fn first<T>(found: Result<Vec<T>, CallError>, absent: &str) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(found.into_iter().next()),
        Err(error) if error.is(&[absent]) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_target_group(one: types::TargetGroup) -> TargetGroup {
    TargetGroup {
        arn: one.target_group_arn.unwrap_or_default(),
        name: one.target_group_name.unwrap_or_default(),
        port: one.port.and_then(|port| port.try_into().ok()),
        protocol: one.protocol.map(|protocol| protocol.as_str().to_owned()),
        target_type: one.target_type.map_or_else(|| "instance".to_owned(), |kind| kind.as_str().to_owned()),
        health_check_path: one.health_check_path,
        // `GrpcCode` is set for gRPC targets.
        matcher: one.matcher.and_then(|matcher| matcher.http_code),
        interval_seconds: one.health_check_interval_seconds.and_then(|number| number.try_into().ok()),
        timeout_seconds: one.health_check_timeout_seconds.and_then(|number| number.try_into().ok()),
        healthy_threshold: one.healthy_threshold_count.and_then(|number| number.try_into().ok()),
        unhealthy_threshold: one.unhealthy_threshold_count.and_then(|number| number.try_into().ok()),
        load_balancer_arns: one.load_balancer_arns.unwrap_or_default(),
    }
}

fn read_health(one: types::TargetHealthDescription) -> Option<TargetHealth> {
    let (target, health) = (one.target?, one.target_health?);
    Some(TargetHealth {
        address: target.id?,
        port: target.port.and_then(|port| port.try_into().ok()).unwrap_or_default(),
        state: health.state?.as_str().to_owned(),
        reason: health.reason.map(|reason| reason.as_str().to_owned()),
        description: health.description,
    })
}

fn read_balancer(one: types::LoadBalancer) -> Balancer {
    Balancer {
        arn: one.load_balancer_arn.unwrap_or_default(),
        name: one.load_balancer_name.unwrap_or_default(),
        dns_name: one.dns_name.unwrap_or_default(),
        scheme: one.scheme.map(|scheme| scheme.as_str().to_owned()),
        state: one.state.and_then(|state| state.code).map(|code| code.as_str().to_owned()),
    }
}

fn attributes(pairs: impl Iterator<Item = (Option<String>, Option<String>)>) -> BTreeMap<String, String> {
    pairs.filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{load_balancer, target_group, target_group_attributes, target_health};
    use crate::ecs::{Balancer, TargetGroup, TargetHealth};
    use crate::effects::aws::scripted::{Scene, Scripted};

    /// Returns a scripted server with a response in ELB's format.
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
