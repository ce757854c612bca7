"""The first judge: every answer is held against the model of the service that botocore ships. What AWS's own
clients would drop in silence (unknown members) or trip over later (missing ones, wrong types, unknown error codes) is a
complaint."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

from botocore.model import OperationModel, Shape

# What any AWS service may answer beside what its model names: "Common Errors" of the API references.
COMMON = {
    "AccessDeniedException": {400},
    "ExpiredTokenException": {400, 403},
    "IncompleteSignature": {400},
    "IncompleteSignatureException": {400},
    "InternalFailure": {500},
    "InvalidAction": {400},
    "InvalidClientTokenId": {403},
    "InvalidSignatureException": {400, 403},
    "MissingAction": {400},
    "MissingAuthenticationToken": {400, 403},
    "MissingAuthenticationTokenException": {400, 403},
    "MissingParameter": {400},
    "RequestEntityTooLargeException": {413},
    "SerializationException": {400},
    "ServerException": {500},
    "ServiceUnavailable": {503},
    "SignatureDoesNotMatch": {403},
    "Throttling": {400},
    "ThrottlingException": {400},
    "UnknownOperationException": {400, 404},
    "UnrecognizedClientException": {400, 403},
    "ValidationError": {400},
    "ValidationException": {400},
    # ECS's own code for "not here"; the emulator answers it for what it leaves out of the other services, too.
    "UnsupportedFeatureException": {400},
}
# The JSON models of these services name no status. These codes are the service's fault, all others the caller's.
FAULTS = {
    "InternalServerError": {500},
    "ServerException": {500},
    "ServiceUnavailableException": {500, 503},
}
# Clocks of answers lie between 2001 and 2096; milliseconds taken for seconds do not.
SECONDS = (1e9, 4e9)
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
INTEGERS = {"integer": 2**31, "long": 2**63}


def complaints(operation: OperationModel, status: int, headers: dict[str, str], body: bytes) -> list[str]:
    """What is wrong with one answer; nothing where AWS could have sent it."""
    headers = {name.lower(): value for name, value in headers.items()}
    judge = _query if operation.service_model.resolved_protocol == "query" else _json
    found = list(judge(operation, status, headers, body))
    if not headers.get("x-amzn-requestid"):
        found.append("the header x-amzn-RequestId is missing")
    name = f"{operation.service_model.service_name}:{operation.name}"
    return [f"{name} {status}: {complaint}" for complaint in found]


def _json(operation: OperationModel, status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    is_rest = operation.service_model.resolved_protocol == "rest-json"
    version = operation.service_model.metadata.get("jsonVersion")
    wanted = "application/json" if is_rest else f"application/x-amz-json-{version}"
    if headers.get("content-type", "").split(";")[0] != wanted:
        yield f"content type `{headers.get('content-type')}`, not `{wanted}`"
    try:
        document = json.loads(body) if body else {}
    except ValueError as error:
        yield f"not JSON: {error}: {body[:80]!r}"
        return
    if status >= 300:
        if is_rest and isinstance(document, dict):
            # The code is in a header only.
            document = {"__type": headers.get("x-amzn-errortype")} | document
        yield from _json_error(operation, status, document)
    elif operation.output_shape is None:
        if document != {}:
            yield f"members where the model has none: {sorted(document)}"
    else:
        yield from _value(operation.output_shape, document, "")


def _json_error(operation: OperationModel, status: int, document: object) -> Iterator[str]:
    if not isinstance(document, dict) or not isinstance(document.get("__type"), str):
        yield f"an error without `__type`: {document!r:.120}"
        return
    code = document["__type"].rsplit("#", 1)[-1]
    members = {name: value for name, value in document.items() if name not in ("__type", "message", "Message")}
    shape = next((shape for shape in operation.error_shapes if shape.name == code), None)
    if not any(isinstance(document.get(name), str) for name in ("message", "Message")):
        yield f"the error {code} has no message"
    if shape is None:
        if code not in COMMON:
            yield f"the error {code} is not one of {sorted(shape.name for shape in operation.error_shapes)}"
        elif status not in COMMON[code]:
            yield f"the error {code} has status {sorted(COMMON[code])}"
        return
    for spelling in ("message", "Message"):
        if spelling in shape.members and spelling not in document:
            yield f"the message of {code} is called `{spelling}`"
    named = shape.metadata.get("error", {}).get("httpStatusCode")
    statuses = {named} if named else FAULTS.get(code, {400})
    if status not in statuses:
        yield f"the error {code} has status {sorted(statuses)}"
    for name, value in members.items():
        if name not in shape.members:
            yield f"unknown member `{name}` of the error {code}"
        else:
            yield from _value(shape.members[name], value, f".{name}")


def _value(shape: Shape, value: object, path: str) -> Iterator[str]:
    """Holds a JSON value against a shape, recursively."""
    kind = shape.type_name
    where = path or "the answer"
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{where} is {_type(value)}, not a structure"
        elif not shape.is_document_type:
            yield from _structure(shape, value, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{where} is {_type(value)}, not a list"
            return
        for index, member in enumerate(value):
            yield from _value(shape.member, member, f"{path}[{index}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{where} is {_type(value)}, not a map"
            return
        for key, member in value.items():
            yield from _value(shape.key, key, f"{path}.{key}")
            yield from _value(shape.value, member, f"{path}.{key}")
    elif not _fits(shape, value):
        yield f"{where} is {_type(value)} {value!r:.60}, not {_wanted(shape)}"


def _structure(shape: Shape, value: dict[str, object], path: str) -> Iterator[str]:
    known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    for name in shape.required_members:
        if shape.members[name].serialization.get("name", name) not in value:
            yield f"{path}.{name} is required and missing"
    for name, member in value.items():
        if name not in known:
            yield f"{path}.{name} is not a member of {shape.name}"
        else:
            yield from _value(known[name], member, f"{path}.{name}")


def _fits(shape: Shape, value: object) -> bool:
    kind = shape.type_name
    if kind in INTEGERS:
        return type(value) is int and -INTEGERS[kind] <= value < INTEGERS[kind]
    if kind in ("float", "double"):
        return type(value) in (int, float)
    if kind == "boolean":
        return type(value) is bool
    if kind == "timestamp":
        return type(value) in (int, float) and SECONDS[0] < value < SECONDS[1]
    if not isinstance(value, str):
        return False
    if kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            return False
    return value in shape.enum if getattr(shape, "enum", None) else True


def _wanted(shape: Shape) -> str:
    enum = getattr(shape, "enum", None)
    return f"one of {enum}" if enum else f"{shape.type_name} ({shape.name})"


def _type(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _query(operation: OperationModel, status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    if headers.get("content-type", "").split(";")[0] != "text/xml":
        yield f"content type `{headers.get('content-type')}`, not `text/xml`"
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        yield f"not XML: {error}: {body[:80]!r}"
        return
    space = operation.service_model.metadata["xmlNamespace"]
    for element in root.iter():
        namespace, _, element.tag = element.tag.rpartition("}")
        if namespace != "{" + space:
            yield f"<{element.tag}> is in the namespace `{namespace[1:]}`, not `{space}`"
            return
    if status >= 300:
        yield from _xml_error(operation, status, root)
        return
    if root.tag != f"{operation.name}Response":
        yield f"<{root.tag}>, not <{operation.name}Response>"
    if not root.findtext("ResponseMetadata/RequestId"):
        yield "no ResponseMetadata/RequestId"
    wrapper = operation.output_shape.serialization.get("resultWrapper") if operation.output_shape else None
    extra = [child.tag for child in root if child.tag not in (wrapper, "ResponseMetadata")]
    if extra:
        yield f"unknown elements {extra}"
    result = root.find(wrapper) if wrapper else None
    if result is not None:
        yield from _element(operation.output_shape, result, "")
    elif wrapper and operation.output_shape.required_members:
        yield f"no <{wrapper}>"


def _xml_error(operation: OperationModel, status: int, root: ElementTree.Element) -> Iterator[str]:
    code = root.findtext("Error/Code")
    if root.tag != "ErrorResponse" or not code:
        yield f"<{root.tag}> without Error/Code"
        return
    if root.findtext("Error/Type") not in ("Sender", "Receiver"):
        yield f"Error/Type is {root.findtext('Error/Type')!r}"
    if root.find("Error/Message") is None or not root.findtext("RequestId"):
        yield f"the error {code} lacks Message or RequestId"
    shape = next((shape for shape in operation.error_shapes if shape.error_code == code), None)
    if shape is None and code not in COMMON:
        yield f"the error {code} is not one of {sorted(shape.error_code for shape in operation.error_shapes)}"
        return
    statuses = {shape.metadata["error"]["httpStatusCode"]} if shape is not None else COMMON[code]
    if status not in statuses:
        yield f"the error {code} has status {sorted(statuses)}"


def _element(shape: Shape, element: ElementTree.Element, path: str) -> Iterator[str]:
    """Holds an XML element against a shape, recursively."""
    kind = shape.type_name
    if kind == "structure":
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for tag, count in Counter(child.tag for child in element).items():
            if tag not in known:
                yield f"{path}.{tag} is not a member of {shape.name}"
            elif count > 1:
                yield f"{path}.{tag} is there {count} times"
        for name in shape.required_members:
            if element.find(shape.members[name].serialization.get("name", name)) is None:
                yield f"{path}.{name} is required and missing"
        for child in element:
            if child.tag in known:
                yield from _element(known[child.tag], child, f"{path}.{child.tag}")
    elif kind == "list":
        for child in element:
            if child.tag != shape.member.serialization.get("name", "member"):
                yield f"{path} has <{child.tag}> in a list"
            else:
                yield from _element(shape.member, child, f"{path}[]")
    elif len(element):
        yield f"{path} has children, not {_wanted(shape)}"
    elif not _text_fits(shape, element.text or ""):
        yield f"{path} is {element.text!r:.60}, not {_wanted(shape)}"


def _text_fits(shape: Shape, text: str) -> bool:
    kind = shape.type_name
    if kind in INTEGERS:
        return re.fullmatch(r"-?\d+", text) is not None and -INTEGERS[kind] <= int(text) < INTEGERS[kind]
    if kind == "boolean":
        return text in ("true", "false")
    if kind == "timestamp":
        return ISO_8601.match(text) is not None
    return text in shape.enum if getattr(shape, "enum", None) else True
