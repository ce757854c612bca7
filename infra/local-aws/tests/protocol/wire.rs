//! Requests that no client of AWS's would send, and those that all of them do.

use serde_json::json;

use crate::daemon::{Daemon, FORM, Folder, JSON, signed};

const LIST: &str = "AmazonEC2ContainerServiceV20141113.ListClusters";

#[test]
fn both_protocols_answer_with_an_id_of_the_request() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let headers = [("authorization", &*signed("sts")), ("content-type", FORM)];
    let query = daemon.send("POST", "/", &headers, b"Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(query.status, 200, "{query:?}");
    assert!(query.body.contains("<Account>123456789012</Account>"), "{query:?}");
    let id = query.header("x-amzn-requestid").unwrap();
    assert!(query.body.contains(&format!("<RequestId>{id}</RequestId>")), "{query:?}");
    let refused = daemon.send("POST", "/", &headers, b"Action=MakeCoffee&Version=2011-06-15");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("<Type>Sender</Type>") && refused.body.contains("<Code>InvalidAction</Code>"));
    let json = daemon.call("ssm", "GetParameter", &json!({ "Name": "/none" }));
    assert_eq!(json.error(), (400, "ParameterNotFound".to_owned()));
    assert_eq!(json.header("x-amzn-errortype"), Some("ParameterNotFound"));
    assert_ne!(json.header("x-amzn-requestid"), Some(id));
}

#[test]
fn signatures_must_have_their_form() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let check = |authorization: Option<&str>| {
        let mut headers = vec![("x-amz-target", LIST), ("content-type", JSON)];
        headers.extend(authorization.map(|value| ("authorization", value)));
        daemon.send("POST", "/", &headers, b"{}").error()
    };
    assert_eq!(check(None), (403, "MissingAuthenticationTokenException".to_owned()));
    assert_eq!(check(Some("Bearer abc")), (400, "IncompleteSignatureException".to_owned()));
    assert_eq!(check(Some("AWS4-HMAC-SHA256 Credential=a/b")), (400, "IncompleteSignatureException".to_owned()));
    assert_eq!(check(Some(&signed("ecr"))), (400, "InvalidSignatureException".to_owned()));
}

#[test]
fn what_is_no_call_is_refused_and_harms_nobody() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    for body in ["", "{", "[]", "null", "\"text\"", &"[".repeat(100_000)] {
        let headers = [("x-amz-target", LIST), ("authorization", &*signed("ecs"))];
        let answer = daemon.send("POST", "/", &headers, body.as_bytes());
        assert_eq!(answer.error(), (400, "SerializationException".to_owned()), "{}", body.len());
    }
    let unknown = |target: &str| {
        daemon.send("POST", "/", &[("x-amz-target", target), ("authorization", &signed("ecs"))], b"{}").error()
    };
    for target in ["", "....", "ListClusters", "Coffee_1.Make", "AmazonEC2ContainerServiceV20141113.MakeCoffee"] {
        assert_eq!(unknown(target), (400, "UnknownOperationException".to_owned()), "{target}");
    }
    assert_eq!(
        unknown("AmazonEC2ContainerServiceV20141113.CreateCapacityProvider"),
        (400, "UnsupportedFeatureException".to_owned())
    );
    for (method, path, status) in
        [("GET", "/", 405), ("PUT", "/", 405), ("POST", "/other", 404), ("GET", "/_local/none", 404)]
    {
        assert_eq!(daemon.send(method, path, &[], b"").status, status, "{method} {path}");
    }
    let wrong = daemon.call("ssm", "GetParameter", &json!({ "Name": 1 }));
    assert_eq!(wrong.error(), (400, "SerializationException".to_owned()));
    let unknown = daemon.call("ssm", "GetParameter", &json!({ "Name": "/a", "Colour": "teal" }));
    assert_eq!(unknown.error(), (400, "ValidationException".to_owned()));
    assert!(unknown.body.contains("Colour"), "{unknown:?}");
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_and_while_it_comes() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let signature = signed("ecs");
    let headers = [("x-amz-target", LIST), ("authorization", &*signature)];
    let by_length = [headers.as_slice(), &[("content-length", "68719476736")]].concat();
    let answer = daemon.send("POST", "/", &by_length, b"");
    assert_eq!(answer.error(), (413, "RequestEntityTooLargeException".to_owned()));
    // In pieces, so that no length is known in advance: 11 of 1 MiB each. The connection may close before the response.
    let mut body = format!("{:x}\r\n{}\r\n", 1 << 20, "a".repeat(1 << 20)).repeat(11);
    body.push_str("0\r\n\r\n");
    let in_pieces = [headers.as_slice(), &[("transfer-encoding", "chunked"), ("content-length", "")]].concat();
    let in_pieces: Vec<_> = in_pieces.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if let Some(answer) = daemon.try_send("POST", "/", &in_pieces, body.as_bytes()) {
        assert!(matches!(answer.status, 400 | 413), "{answer:?}");
    }
    assert_eq!(daemon.send("GET", "/_local/status", &[], b"").status, 200);
}

#[test]
fn pages_of_others_and_names_of_others_are_not_answered() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    for header in [("host", "evil.example:4510"), ("origin", "https://evil.example"), ("origin", "null")] {
        for (method, path) in [("GET", "/_local/status"), ("POST", "/_local/stop"), ("POST", "/"), ("GET", "/v2/")] {
            assert_eq!(daemon.send(method, path, &[header], b"").status, 403, "{header:?} {path}");
        }
    }
    assert_eq!(daemon.send("GET", "/_local/status", &[("host", "localhost")], b"").status, 200);
}

#[test]
fn one_of_many_writers_wins() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| daemon.put("/race").status)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}
