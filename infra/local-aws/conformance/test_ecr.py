"""ECR with an image that the user's own docker has pushed; the registry's own tests are in Rust."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from clients import Aws, refused
from docker_cli import Docker
from emulator import ACCOUNT, REGION, Emulator

REPOSITORY = "conformance/app"


@pytest.fixture(scope="module")
def push(login: Callable[[], None], docker: Docker, image: str, emulator: Emulator) -> Iterator[Callable[[str], str]]:
    """Pushes the small image under a name with tag; the answer is what docker said, its refusal included."""
    login()
    made: list[str] = []

    def push(name: str) -> str:
        reference = f"{emulator.registry}/{name}"
        docker("tag", image, reference)
        made.append(reference)
        finished = docker.run("push", reference)
        return (finished.stdout + finished.stderr).decode() if finished.returncode else ""

    yield push
    docker("image", "rm", "--force", *made)


@pytest.fixture(scope="module")
def pushed(aws: Aws, push: Callable[[str], str]) -> str:
    """A repository with one image, tagged `one`; gives its digest."""
    aws.ecr.create_repository(repositoryName=REPOSITORY)
    assert push(f"{REPOSITORY}:one") == ""
    return aws.ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"][0]["imageDigest"]


def test_a_repository_has_a_life(aws: Aws, emulator: Emulator) -> None:
    name = "conformance/life"
    made = aws.ecr.create_repository(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})["repository"]
    assert made["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    assert (made["repositoryUri"], made["registryId"]) == (f"{emulator.registry}/{name}", ACCOUNT)
    assert (made["imageTagMutability"], made["imageScanningConfiguration"]) == ("MUTABLE", {"scanOnPush": True})
    with refused("RepositoryAlreadyExistsException"):
        aws.ecr.create_repository(repositoryName=name)
    assert aws.ecr.describe_repositories(repositoryNames=[name])["repositories"] == [made]
    aws.ecr.delete_repository(repositoryName=name)
    with refused("RepositoryNotFoundException"):
        aws.ecr.describe_repositories(repositoryNames=[name])


@pytest.mark.parametrize("name", ["A", "a//b", "-a", "a" * 257, "a..b"])
def test_a_repository_has_a_name_of_ecrs_form(aws: Aws, name: str) -> None:
    with refused("InvalidParameterException"):
        aws.unchecked("ecr").create_repository(repositoryName=name)


def test_repositories_come_in_pages(aws: Aws) -> None:
    wanted = [f"conformance/pages/{number:02}" for number in range(12)]
    for name in wanted:
        aws.ecr.create_repository(repositoryName=name)
    pages = aws.ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 5})
    names = [repository["repositoryName"] for page in pages for repository in page["repositories"]]
    assert [name for name in names if name in wanted] == wanted
    assert len(names) == len(set(names))
    with refused("InvalidParameterException"):
        aws.ecr.describe_repositories(nextToken="nonsense")


def test_what_docker_has_pushed_is_described(aws: Aws, pushed: str) -> None:
    (details,) = aws.ecr.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "one"}])["imageDetails"]
    assert (details["imageDigest"], details["imageTags"], details["repositoryName"]) == (pushed, ["one"], REPOSITORY)
    assert details["imageSizeInBytes"] > 100_000
    assert {"imageDigest": pushed, "imageTag": "one"} in aws.ecr.list_images(repositoryName=REPOSITORY)["imageIds"]
    with refused("ImageNotFoundException"):
        aws.ecr.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "none"}])


def test_an_image_gets_another_tag_without_a_push(aws: Aws, pushed: str) -> None:
    answer = aws.ecr.batch_get_image(
        repositoryName=REPOSITORY,
        imageIds=[{"imageTag": "one"}, {"imageTag": "none"}, {"imageDigest": "sha256:" + "0" * 64}],
    )
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound", "ImageNotFound"]
    (image,) = answer["images"]
    given = {"imageManifest": image["imageManifest"], "imageManifestMediaType": image["imageManifestMediaType"]}
    again = aws.ecr.put_image(repositoryName=REPOSITORY, imageTag="two", **given)["image"]
    assert again["imageId"] == {"imageDigest": pushed, "imageTag": "two"}
    with refused("ImageAlreadyExistsException"):
        aws.ecr.put_image(repositoryName=REPOSITORY, imageTag="two", **given)
    ids = aws.ecr.batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "two"}, {"imageTag": "none"}])
    assert [image["imageTag"] for image in ids["imageIds"]] == ["two"]
    assert [failure["failureCode"] for failure in ids["failures"]] == ["ImageNotFound"]


def test_layers_are_there_or_not(aws: Aws, pushed: str) -> None:
    (image,) = aws.ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageDigest": pushed}])["images"]
    layer = json.loads(image["imageManifest"])["layers"][0]["digest"]
    none = "sha256:" + "0" * 64
    answer = aws.ecr.batch_check_layer_availability(repositoryName=REPOSITORY, layerDigests=[layer, none])
    states = {layer["layerDigest"]: layer["layerAvailability"] for layer in answer["layers"]}
    assert states.pop(layer) == "AVAILABLE"
    assert states.get(none, "UNAVAILABLE") == "UNAVAILABLE"
    assert len(states) + len(answer["failures"]) == 1


def test_a_manifest_that_names_missing_blobs_is_refused(aws: Aws) -> None:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "sha256:" + "1" * 64}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [],
    }
    with refused("LayersNotFoundException"):
        aws.ecr.put_image(repositoryName="slipway/seeded", imageManifest=json.dumps(manifest), imageTag="one")
    with refused("RepositoryNotFoundException"):
        aws.ecr.put_image(repositoryName="none", imageManifest=json.dumps(manifest), imageTag="one")
    with refused("InvalidParameterException"):
        aws.ecr.put_image(repositoryName="slipway/seeded", imageManifest="{", imageTag="one")


def test_an_immutable_tag_stays_where_it_is(aws: Aws, push: Callable[[str], str], pushed: str) -> None:
    name = "conformance/immutable"
    filters = [{"filterType": "WILDCARD", "filter": "cache*"}]
    aws.ecr.create_repository(
        repositoryName=name, imageTagMutability="IMMUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=filters
    )
    assert push(f"{name}:one") == ""
    (image,) = aws.ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "one"}])["images"]
    other = json.dumps(json.loads(image["imageManifest"]) | {"annotations": {"other": "yes"}})
    media_type = image["imageManifestMediaType"]
    with refused("ImageTagAlreadyExistsException"):
        aws.ecr.put_image(repositoryName=name, imageManifest=other, imageManifestMediaType=media_type, imageTag="one")
    for _ in range(2):
        aws.ecr.put_image(
            repositoryName=name, imageManifest=other, imageManifestMediaType=media_type, imageTag="cache-1"
        )
        image["imageManifest"], other = other, image["imageManifest"]
    with refused("RepositoryNotEmptyException"):
        aws.ecr.delete_repository(repositoryName=name)
    aws.ecr.delete_repository(repositoryName=name, force=True)


def test_a_lifecycle_policy_is_kept(aws: Aws) -> None:
    rule = {"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9}}
    policy = json.dumps({"rules": [rule | {"action": {"type": "expire"}}]})
    with refused("LifecyclePolicyNotFoundException"):
        aws.ecr.get_lifecycle_policy(repositoryName="slipway/seeded")
    aws.ecr.put_lifecycle_policy(repositoryName="slipway/seeded", lifecyclePolicyText=policy)
    kept = aws.ecr.get_lifecycle_policy(repositoryName="slipway/seeded")["lifecyclePolicyText"]
    assert json.loads(kept) == json.loads(policy)


def test_the_registry_wants_the_token(aws: Aws, emulator: Emulator) -> None:
    def ask(authorization: str | None) -> int:
        headers = {"authorization": authorization} if authorization else {}
        request = urllib.request.Request(f"{emulator.endpoint}/v2/", headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return opener.open(request, timeout=60).status
        except urllib.error.HTTPError as error:
            return error.code if error.headers["www-authenticate"].startswith("Basic realm=") else 0

    token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    wrong = base64.b64encode(b"AWS:wrong").decode()
    assert [ask(f"Basic {token}"), ask(None), ask(f"Basic {wrong}"), ask("Basic !")] == [200, 401, 401, 401]


def test_what_ecr_has_beside_that_is_not_here(aws: Aws) -> None:
    with refused("UnsupportedFeatureException"):
        aws.ecr.describe_pull_through_cache_rules()
