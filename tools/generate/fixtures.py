#!/usr/bin/env python3
"""Writes requests as unmodified botocore spells them, with the parameters that they were made of.

Lives here: synthetic parameters for any operation, and botocore's own serializers as the caller.
The Rust tests read the requests back and compare (`crates/wire/tests/requests.rs`).

Run it by `python3 tools/generate/fixtures.py`; with `--all FILE` it writes every operation of every
service in every protocol, which is too much to keep.
"""

import base64
import datetime
import json
import sys
import tempfile
from pathlib import Path

import generate

FIXTURES = generate.WIRE.parent / "tests" / "fixtures" / "requests.ndjson.zst"
SERIALIZERS = {
    "json": "json",
    "query": "query",
    "ec2": "ec2",
    "rest-json": "rest-json",
    "rest-xml": "rest-xml",
}
SERIALIZERS["smithy-rpc-v2-cbor"] = "smithy-rpc-v2-cbor"

# Services whose every operation is kept; of the others one in each protocol.
WHOLE = {"cloudtrail", "cloudtrail-data", "kms", "s3", "sqs", "sts"}
# Services of which every tenth operation is kept.
MANY = {
    "cloudwatch",
    "dynamodb",
    "ec2",
    "iam",
    "lambda",
    "rds",
    "route53",
    "s3control",
    "cloudfront",
    "sns",
}

MOMENT = datetime.datetime(2026, 2, 3, 9, 1, 7, tzinfo=datetime.timezone.utc)
DEPTH = 4


def synthetic(shape, place, depth=0):
    """A value for botocore, and what a record's reader should make of it; None to leave out."""
    kind = shape.type_name
    if depth > DEPTH:
        return None
    if kind == "structure":
        if shape.is_document_type:
            return {"any": [1, "two"]}, {"any": [1, "two"]}
        return structure(shape, depth)
    if kind == "list":
        found = synthetic(shape.member, place, depth + 1)
        if found is None:
            return None
        value, expected = found
        # Two of the same show that lists are not cut short.
        return [value, value], [] if expected is None else [expected, expected]
    if kind == "map":
        found = synthetic(shape.value, place, depth + 1)
        if found is None or found[1] is None:
            return None
        key = "key" if place else "Key One"
        return {key: found[0]}, {key: found[1]}
    if kind == "timestamp":
        return MOMENT, "2026-02-03T09:01:07Z"
    if kind == "blob":
        return b"bytes", None
    if kind == "boolean":
        return True, True
    if kind in ("integer", "long"):
        return 42, 42
    if kind in ("float", "double"):
        return 1.5, 1.5
    text = "abc-1" if place else "a b&c=d/<é>"
    return text, text


def structure(shape, depth):
    """All members, or one of a union."""
    value, expected = {}, {}
    for name, member in shape.members.items():
        # Event streams are no parameters, and these two are made from others by botocore.
        if getattr(member, "is_eventstream", False) or member.serialization.get("eventstream"):
            continue
        location = member.serialization.get("location")
        if location == "statusCode":
            continue
        place = location in ("header", "headers", "uri", "querystring")
        streams = (
            member.serialization.get("streaming")
            or name == shape.serialization.get("payload")
            and member.type_name == "blob"
        )
        if member.type_name == "string" and member.serialization.get("jsonvalue"):
            value[name], expected[name] = {"a": 1}, {"a": 1}
            continue
        found = synthetic(member, place, depth + 1)
        if found is None:
            continue
        value[name] = found[0]
        if found[1] is not None and not streams:
            expected[name] = found[1]
        if getattr(shape, "is_tagged_union", False):
            break
    return value, expected


def request(model, operation, protocol, host):
    """One request and what was asked."""
    from botocore import awsrequest, serialize

    serializer = serialize.create_serializer(protocol, include_validation=False)
    shape = operation.input_shape
    value, expected = structure(shape, 0) if shape else ({}, {})
    made = serializer.serialize_to_request(value, operation)
    awsrequest.prepare_request_dict(made, f"http://{host}", user_agent="botocore")
    prepared = awsrequest.create_request_object(made).prepare()
    body = prepared.body or b""
    if not isinstance(body, (bytes, bytearray)):
        body = body.encode() if isinstance(body, str) else body.read()
    scope = f"AKIDEXAMPLE/20260203/us-east-1/{model.signing_name}/aws4_request"
    headers = [[name, text(it)] for name, it in prepared.headers.items()]
    headers += [
        ["host", host],
        ["authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"],
    ]
    return {
        "service": model.name,
        "operation": operation.name,
        "protocol": protocol,
        "method": prepared.method,
        "uri": prepared.url.split(host, 1)[1] or "/",
        "headers": headers,
        "body": base64.b64encode(bytes(body)).decode(),
        "parameters": expected,
    }


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def main():
    with tempfile.TemporaryDirectory(prefix="trailmark-fixtures-") as directory:
        generate.fetch(directory, dependencies=True)
        import models
        import zstandard
        from botocore.model import ServiceModel

        lines = []
        keep_all = "--all" in sys.argv
        for model in models.load(Path(directory) / "botocore" / "data"):
            service = ServiceModel(
                json.loads(json.dumps(vars(model) | {"metadata": model.metadata})), model.name
            )
            protocols = model.metadata.get("protocols") or [model.metadata["protocol"]]
            for protocol in protocols:
                for number, name in enumerate(model.operations):
                    keep = model.name in WHOLE or number == len(model.operations) // 2
                    keep |= model.name in MANY and number % 10 == 0
                    if not (keep or keep_all):
                        continue
                    # Every other request goes to an endpoint of ours, whose name says nothing.
                    host = (
                        "127.0.0.1:7171"
                        if number % 2
                        else f"{model.metadata['endpointPrefix']}.us-east-1.amazonaws.com"
                    )
                    made = request(model, service.operation_model(name), protocol, host)
                    lines.append(json.dumps(made, ensure_ascii=False, separators=(",", ":")))
        data = ("\n".join(lines) + "\n").encode()
        file = Path(sys.argv[sys.argv.index("--all") + 1]) if keep_all else FIXTURES
        file.write_bytes(zstandard.ZstdCompressor(level=22).compress(data))
        print(f"{len(lines)} requests, {len(data)} bytes in {file.stat().st_size}")


if __name__ == "__main__":
    main()
