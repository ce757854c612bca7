//! ECR, as far as a deploy needs it. How images get in and out is `registry`; here are the calls about them.

mod account;
mod images;
mod input;
mod layers;
mod lifecycle;
mod put_image;
mod repositories;
mod tags;

use serde_json::Value;

use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "BatchCheckLayerAvailability" => layers::batch_check(emulator, input::parse(input)?),
        "BatchDeleteImage" => images::batch_delete(emulator, input::parse(input)?),
        "BatchGetImage" => images::batch_get(emulator, input::parse(input)?),
        "CreateRepository" => repositories::create(emulator, input::parse(input)?),
        "DeleteLifecyclePolicy" => lifecycle::delete(emulator, &input::parse(input)?),
        "DeleteRepository" => repositories::delete(emulator, input::parse(input)?),
        "DescribeImages" => images::describe(emulator, input::parse(input)?),
        "DescribeRepositories" => repositories::describe(emulator, input::parse(input)?),
        "GetAccountSetting" => account::get_setting(emulator, &input::parse(input)?),
        "GetAuthorizationToken" => account::authorization_token(emulator, &input::parse(input)?),
        "GetDownloadUrlForLayer" => layers::download_url(emulator, &input::parse(input)?),
        "GetLifecyclePolicy" => lifecycle::get(emulator, &input::parse(input)?),
        "ListImages" => images::list(emulator, input::parse(input)?),
        "ListTagsForResource" => tags::list(emulator, &input::parse(input)?),
        "PutAccountSetting" => account::put_setting(emulator, &input::parse(input)?),
        "PutImage" => put_image::put(emulator, input::parse(input)?),
        "PutImageScanningConfiguration" => repositories::put_scanning(emulator, input::parse(input)?),
        "PutImageTagMutability" => repositories::put_mutability(emulator, input::parse(input)?),
        "PutLifecyclePolicy" => lifecycle::put(emulator, input::parse(input)?),
        "TagResource" => tags::tag(emulator, input::parse(input)?),
        "UntagResource" => tags::untag(emulator, &input::parse(input)?),
        _ => Err(AwsError::unsupported(action)),
    }
}
