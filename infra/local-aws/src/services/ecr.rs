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

use crate::daemon::World;
use crate::error::{Answer, AwsError};

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(world: &World, action: &str, input: Value) -> Answer<Value> {
    match action {
        "BatchCheckLayerAvailability" => layers::batch_check(world, input::parse(input)?),
        "BatchDeleteImage" => images::batch_delete(world, input::parse(input)?),
        "BatchGetImage" => images::batch_get(world, input::parse(input)?),
        "CreateRepository" => repositories::create(world, input::parse(input)?),
        "DeleteLifecyclePolicy" => lifecycle::delete(world, &input::parse(input)?),
        "DeleteRepository" => repositories::delete(world, input::parse(input)?),
        "DescribeImages" => images::describe(world, input::parse(input)?),
        "DescribeRepositories" => repositories::describe(world, input::parse(input)?),
        "GetAccountSetting" => account::get_setting(world, &input::parse(input)?),
        "GetAuthorizationToken" => account::authorization_token(world, &input::parse(input)?),
        "GetDownloadUrlForLayer" => layers::download_url(world, &input::parse(input)?),
        "GetLifecyclePolicy" => lifecycle::get(world, &input::parse(input)?),
        "ListImages" => images::list(world, input::parse(input)?),
        "ListTagsForResource" => tags::list(world, &input::parse(input)?),
        "PutAccountSetting" => account::put_setting(world, &input::parse(input)?),
        "PutImage" => put_image::put(world, input::parse(input)?),
        "PutImageScanningConfiguration" => repositories::put_scanning(world, input::parse(input)?),
        "PutImageTagMutability" => repositories::put_mutability(world, input::parse(input)?),
        "PutLifecyclePolicy" => lifecycle::put(world, input::parse(input)?),
        "TagResource" => tags::tag(world, input::parse(input)?),
        "UntagResource" => tags::untag(world, &input::parse(input)?),
        _ => Err(AwsError::unsupported(action)),
    }
}
