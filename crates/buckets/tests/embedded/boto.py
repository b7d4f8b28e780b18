"""The embedded S3 as boto3 sees it. Prints "all is well" at its end."""

import base64
import hashlib
import io
import os

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", config=Config(retries={"max_attempts": 0}))


def fails(code, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] == code, answer
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
        assert answer["ResponseMetadata"]["RequestId"] == "REQUEST1", answer
        return
    raise AssertionError(f"{call} did not fail with {code}")


# Buckets.
s3.create_bucket(Bucket="boto")
fails("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket="boto")
s3.create_bucket(
    Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
)
assert s3.get_bucket_location(Bucket="abroad")["LocationConstraint"] == "eu-central-1"
assert s3.get_bucket_location(Bucket="boto")["LocationConstraint"] is None
assert s3.head_bucket(Bucket="abroad")["BucketRegion"] == "eu-central-1"
assert [it["Name"] for it in s3.list_buckets()["Buckets"]] == ["abroad", "boto"]
page = s3.list_buckets(MaxBuckets=1)
assert [it["Name"] for it in page["Buckets"]] == ["abroad"]
page = s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])
assert [it["Name"] for it in page["Buckets"]] == ["boto"] and "ContinuationToken" not in page
s3.delete_bucket(Bucket="abroad")
fails("404", 404, s3.head_bucket, Bucket="abroad")
fails("NoSuchBucket", 404, s3.list_objects_v2, Bucket="abroad")

# What does not change.
grants = s3.get_bucket_acl(Bucket="boto")["Grants"]
assert [it["Permission"] for it in grants] == ["FULL_CONTROL"]
assert "Status" not in s3.get_bucket_versioning(Bucket="boto")
fails("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket="boto")
fails("NoSuchCORSConfiguration", 404, s3.get_bucket_cors, Bucket="boto")
fails("NotImplemented", 501, s3.put_bucket_versioning, Bucket="boto",
      VersioningConfiguration={"Status": "Enabled"})

# Metadata.
s3.put_object(
    Bucket="boto",
    Key="dir/ä &+%/file",
    Body=b"contents",
    ContentType="text/plain; charset=utf-8",
    CacheControl="max-age=1",
    ContentDisposition="attachment",
    ContentLanguage="de",
    Metadata={"colour": "blue", "mixed-Case": "Value"},
    Tagging="a=1&b=two%20words",
    StorageClass="STANDARD_IA",
)
got = s3.get_object(Bucket="boto", Key="dir/ä &+%/file")
assert got["Body"].read() == b"contents"
assert got["ContentType"] == "text/plain; charset=utf-8"
assert got["CacheControl"] == "max-age=1"
assert got["ContentDisposition"] == "attachment"
assert got["ContentLanguage"] == "de"
assert got["Metadata"] == {"colour": "blue", "mixed-case": "Value"}
assert got["TagCount"] == 2
assert got["StorageClass"] == "STANDARD_IA"
assert got["ETag"] == '"%s"' % hashlib.md5(b"contents").hexdigest()
tags = s3.get_object_tagging(Bucket="boto", Key="dir/ä &+%/file")["TagSet"]
assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
s3.put_object_tagging(
    Bucket="boto", Key="dir/ä &+%/file", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]}
)
tags = s3.get_object_tagging(Bucket="boto", Key="dir/ä &+%/file")["TagSet"]
assert tags == [{"Key": "x", "Value": "y"}]
s3.delete_object_tagging(Bucket="boto", Key="dir/ä &+%/file")
assert s3.get_object_tagging(Bucket="boto", Key="dir/ä &+%/file")["TagSet"] == []
s3.put_bucket_tagging(Bucket="boto", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
assert s3.get_bucket_tagging(Bucket="boto")["TagSet"] == [{"Key": "k", "Value": "v"}]
s3.delete_bucket_tagging(Bucket="boto")
fails("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket="boto")

# Checksums.
for algorithm in ["CRC32", "SHA1", "SHA256"]:
    put = s3.put_object(Bucket="boto", Key=algorithm, Body=b"x" * 99, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket="boto", Key=algorithm, ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm] == put["Checksum" + algorithm]
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket="boto", Key=algorithm)["Body"].read() == b"x" * 99
wrong = base64.b64encode(b"\0" * 32).decode()
fails("BadDigest", 400, s3.put_object, Bucket="boto", Key="k", Body=b"x", ChecksumSHA256=wrong)
fails("404", 404, s3.head_object, Bucket="boto", Key="k")

# Ranges and conditions.
s3.put_object(Bucket="boto", Key="digits", Body=b"0123456789")
ranged = s3.get_object(Bucket="boto", Key="digits", Range="bytes=2-4")
assert ranged["Body"].read() == b"234" and ranged["ContentRange"] == "bytes 2-4/10"
assert s3.get_object(Bucket="boto", Key="digits", Range="bytes=-3")["Body"].read() == b"789"
fails("InvalidRange", 416, s3.get_object, Bucket="boto", Key="digits", Range="bytes=10-")
etag = s3.head_object(Bucket="boto", Key="digits")["ETag"]
fails("304", 304, s3.get_object, Bucket="boto", Key="digits", IfNoneMatch=etag)
fails("PreconditionFailed", 412, s3.get_object, Bucket="boto", Key="digits", IfMatch='"no"')
fails("PreconditionFailed", 412, s3.put_object, Bucket="boto", Key="digits", Body=b"", IfNoneMatch="*")
fails("PreconditionFailed", 412, s3.put_object, Bucket="boto", Key="digits", Body=b"", IfMatch='"no"')
s3.put_object(Bucket="boto", Key="digits", Body=b"9876543210", IfMatch=etag)
shown = s3.get_object(Bucket="boto", Key="digits", ResponseContentType="x/y")
assert shown["ContentType"] == "x/y"

# Copies.
s3.copy_object(Bucket="boto", Key="copy", CopySource={"Bucket": "boto", "Key": "dir/ä &+%/file"})
copied = s3.get_object(Bucket="boto", Key="copy")
assert copied["Body"].read() == b"contents" and copied["Metadata"]["colour"] == "blue"
s3.copy_object(
    Bucket="boto",
    Key="copy",
    CopySource="boto/copy",
    MetadataDirective="REPLACE",
    Metadata={"new": "one"},
)
assert s3.head_object(Bucket="boto", Key="copy")["Metadata"] == {"new": "one"}
fails("InvalidRequest", 400, s3.copy_object, Bucket="boto", Key="copy", CopySource="boto/copy")
fails("NoSuchKey", 404, s3.copy_object, Bucket="boto", Key="copy", CopySource="boto/none")

# Uploads in parts, by hand and by the transfer manager.
MB = 1 << 20
parts = [os.urandom(5 * MB), os.urandom(5 * MB), b"end"]
for extra in [{}] + [{"ChecksumAlgorithm": it} for it in ("CRC32", "SHA1", "SHA256")]:
    upload = s3.create_multipart_upload(
        Bucket="boto", Key="parts", ContentType="a/b", Metadata={"m": "1"}, **extra
    )["UploadId"]
    where = {"Bucket": "boto", "Key": "parts", "UploadId": upload}
    done = []
    for number, body in enumerate(parts, 1):
        put = s3.upload_part(PartNumber=number, Body=body, **where, **extra)
        sums = {k: v for k, v in put.items() if k.startswith("Checksum") and extra}
        done.append({"PartNumber": number, "ETag": put["ETag"], **sums})
    listed = s3.list_parts(**where)
    assert [it["Size"] for it in listed["Parts"]] == [5 * MB, 5 * MB, 3]
    assert s3.list_parts(MaxParts=2, **where)["NextPartNumberMarker"] == 2
    assert [it["UploadId"] for it in s3.list_multipart_uploads(Bucket="boto")["Uploads"]] == [upload]
    fails("InvalidPartOrder", 400, s3.complete_multipart_upload,
          MultipartUpload={"Parts": [done[1], done[0]]}, **where)
    fails("InvalidPart", 400, s3.complete_multipart_upload,
          MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"no"'}]}, **where)
    late = s3.upload_part(PartNumber=4, Body=b"", **where, **extra)
    late = {"PartNumber": 4, "ETag": late["ETag"]}
    fails("EntityTooSmall", 400, s3.complete_multipart_upload,
          MultipartUpload={"Parts": [done[2], late]}, **where)
    complete = s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **where)
    md5s = b"".join(hashlib.md5(it).digest() for it in parts)
    assert complete["ETag"] == '"%s-3"' % hashlib.md5(md5s).hexdigest()
    got = s3.get_object(Bucket="boto", Key="parts")
    assert got["Body"].read() == b"".join(parts)
    assert got["ContentType"] == "a/b" and got["Metadata"] == {"m": "1"}
    across = s3.get_object(Bucket="boto", Key="parts", Range=f"bytes={5 * MB - 2}-{5 * MB + 1}")
    assert across["Body"].read() == parts[0][-2:] + parts[1][:2]
    second = s3.get_object(Bucket="boto", Key="parts", PartNumber=2)
    assert second["Body"].read() == parts[1] and second["PartsCount"] == 3
    asked = s3.get_object_attributes(
        Bucket="boto", Key="parts", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum"]
    )
    assert asked["ObjectSize"] == 10 * MB + 3 and asked["ObjectParts"]["TotalPartsCount"] == 3
    fails("NoSuchUpload", 404, s3.list_parts, **where)

upload = s3.create_multipart_upload(Bucket="boto", Key="copied-parts")["UploadId"]
where = {"Bucket": "boto", "Key": "copied-parts", "UploadId": upload}
tag = s3.upload_part_copy(
    PartNumber=1, CopySource="boto/parts", CopySourceRange=f"bytes=1-{6 * MB}", **where
)["CopyPartResult"]["ETag"]
s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **where)
whole = b"".join(parts)
assert s3.get_object(Bucket="boto", Key="copied-parts")["Body"].read() == whole[1 : 6 * MB + 1]
upload = s3.create_multipart_upload(Bucket="boto", Key="aborted")["UploadId"]
where = {"Bucket": "boto", "Key": "aborted", "UploadId": upload}
s3.upload_part(PartNumber=1, Body=b"x", **where)
s3.abort_multipart_upload(**where)
fails("NoSuchUpload", 404, s3.abort_multipart_upload, **where)
assert "Uploads" not in s3.list_multipart_uploads(Bucket="boto")

small_parts = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB)
large = os.urandom(20 * MB)
s3.upload_fileobj(io.BytesIO(large), "boto", "large", Config=small_parts)
back = io.BytesIO()
s3.download_fileobj("boto", "large", back, Config=small_parts)
assert back.getvalue() == large

# Lists.
s3.create_bucket(Bucket="lists")
names = sorted([f"k{n:03}" for n in range(25)] + [f"d{n % 3}/x{n}" for n in range(9)] + ["é ü+/&<"])
for name in names:
    s3.put_object(Bucket="lists", Key=name, Body=b"")
for operation in ["list_objects", "list_objects_v2"]:
    for size in [1, 2, 7, 1000]:
        pages = s3.get_paginator(operation).paginate(
            Bucket="lists", PaginationConfig={"PageSize": size}
        )
        assert [it["Key"] for page in pages for it in page.get("Contents", [])] == names
        pages = list(
            s3.get_paginator(operation).paginate(
                Bucket="lists", Delimiter="/", PaginationConfig={"PageSize": size}
            )
        )
        keys = [it["Key"] for page in pages for it in page.get("Contents", [])]
        prefixes = [it["Prefix"] for page in pages for it in page.get("CommonPrefixes", [])]
        assert keys == [it for it in names if "/" not in it], keys
        assert prefixes == ["d0/", "d1/", "d2/", "é ü+/"], prefixes
listed = s3.list_objects_v2(Bucket="lists", StartAfter="k020", FetchOwner=True)
assert [it["Key"] for it in listed["Contents"]] == ["k021", "k022", "k023", "k024", "é ü+/&<"]
assert listed["KeyCount"] == 5 and listed["Contents"][0]["Owner"]["ID"]
assert s3.list_objects_v2(Bucket="lists", Prefix="d1/")["KeyCount"] == 3
versions = s3.list_object_versions(Bucket="lists", Prefix="k00")["Versions"]
assert len(versions) == 10 and versions[0]["VersionId"] == "null"

# Deletes.
answer = s3.delete_objects(
    Bucket="lists", Delete={"Objects": [{"Key": it} for it in names] + [{"Key": "none"}]}
)
assert len(answer["Deleted"]) == len(names) + 1 and "Errors" not in answer
s3.delete_object(Bucket="boto", Key="none")
fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket="boto")
for it in s3.list_objects_v2(Bucket="boto")["Contents"]:
    s3.delete_object(Bucket="boto", Key=it["Key"])
s3.delete_bucket(Bucket="boto")
s3.delete_bucket(Bucket="lists")
print("all is well")
