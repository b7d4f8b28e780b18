"""Object Lock and bucket policies as boto3 sees them. Prints "all is well" at its end."""

import datetime
import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# A refusal may come before the body was read, and the connection then ends under the client's hands.
s3 = boto3.client("s3", config=Config(retries={"max_attempts": 3}))
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
day = datetime.timedelta(days=1)


def fails(code, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] == code, answer
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
        return answer["Error"]["Message"]
    raise AssertionError(f"{call} did not fail with {code}")


# A bucket without Object Lock locks nothing, until it has it.
s3.create_bucket(Bucket="plain")
plain = {"Bucket": "plain", "Key": "k"}
s3.put_object(**plain, Body=b"1")
fails("ObjectLockConfigurationNotFoundError", 404, s3.get_object_lock_configuration, Bucket="plain")
until = {"Mode": "COMPLIANCE", "RetainUntilDate": now + day}
fails("InvalidRequest", 400, s3.put_object_retention, **plain, Retention=until)
fails("InvalidRequest", 400, s3.get_object_retention, **plain)
fails("InvalidRequest", 400, s3.put_object_legal_hold, **plain, LegalHold={"Status": "ON"})
fails("InvalidRequest", 400, s3.get_object_legal_hold, **plain)
fails("InvalidRequest", 400, s3.put_object, **plain, Body=b"2",
      ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=now + day)
enabled = {"ObjectLockEnabled": "Enabled"}
s3.put_object_lock_configuration(Bucket="plain", ObjectLockConfiguration=enabled)
got = s3.get_object_lock_configuration(Bucket="plain")["ObjectLockConfiguration"]
assert got == enabled, got
s3.put_object_legal_hold(**plain, LegalHold={"Status": "ON"})
fails("AccessDenied", 403, s3.delete_object, **plain)
s3.put_object_legal_hold(**plain, LegalHold={"Status": "OFF"})
s3.delete_object(**plain)
s3.delete_bucket(Bucket="plain")

# Retention in compliance mode, which nobody ends.
s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
kept = {"Bucket": "locked", "Key": "kept"}
s3.put_object(**kept, Body=b"kept", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=now + day)
head = s3.head_object(**kept)
assert head["ObjectLockMode"] == "COMPLIANCE" and head["ObjectLockRetainUntilDate"] == now + day, head
assert "ObjectLockLegalHoldStatus" not in head
assert s3.get_object(**kept)["ObjectLockMode"] == "COMPLIANCE"
assert s3.get_object_retention(**kept)["Retention"] == until
message = fails("AccessDenied", 403, s3.delete_object, **kept)
assert message == "Access Denied because object protected by object lock.", message
fails("AccessDenied", 403, s3.delete_object, **kept, BypassGovernanceRetention=True)
fails("AccessDenied", 403, s3.delete_object, **kept, VersionId="null")
s3.put_object(Bucket="locked", Key="free", Body=b"free")
answer = s3.delete_objects(
    Bucket="locked",
    Delete={"Objects": [{"Key": "kept"}, {"Key": "free"}]},
    BypassGovernanceRetention=True,
)
assert [it["Key"] for it in answer["Deleted"]] == ["free"], answer
assert [(it["Key"], it["Code"]) for it in answer["Errors"]] == [("kept", "AccessDenied")], answer
fails("AccessDenied", 403, s3.put_object, **kept, Body=b"other")
fails("AccessDenied", 403, s3.copy_object, **kept, CopySource="locked/kept", MetadataDirective="REPLACE")
upload = s3.create_multipart_upload(**kept)["UploadId"]
tag = s3.upload_part(**kept, UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
fails("AccessDenied", 403, s3.complete_multipart_upload, **kept, UploadId=upload,
      MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
s3.abort_multipart_upload(**kept, UploadId=upload)
assert s3.get_object(**kept)["Body"].read() == b"kept"
fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket="locked")
for shorter in [
    {"Mode": "COMPLIANCE", "RetainUntilDate": now + day / 2},
    {"Mode": "GOVERNANCE", "RetainUntilDate": now + 2 * day},
    {},
]:
    fails("AccessDenied", 403, s3.put_object_retention, **kept, Retention=shorter,
          BypassGovernanceRetention=True)
longer = {"Mode": "COMPLIANCE", "RetainUntilDate": now + 2 * day}
s3.put_object_retention(**kept, Retention=longer)
assert s3.get_object_retention(**kept)["Retention"] == longer
s3.put_object_tagging(**kept, Tagging={"TagSet": [{"Key": "tags", "Value": "may change"}]})

# In governance mode, the account may insist.
ruled = {"Bucket": "locked", "Key": "ruled"}
s3.put_object(**ruled, Body=b"r", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=now + day)
fails("AccessDenied", 403, s3.delete_object, **ruled)
less = {"Mode": "GOVERNANCE", "RetainUntilDate": now + day / 2}
fails("AccessDenied", 403, s3.put_object_retention, **ruled, Retention=less)
s3.put_object_retention(**ruled, Retention=less, BypassGovernanceRetention=True)
s3.delete_object(**ruled, BypassGovernanceRetention=True)

# A legal hold stays until it is taken off.
held = {"Bucket": "locked", "Key": "held"}
s3.put_object(**held, Body=b"h", ObjectLockLegalHoldStatus="ON")
assert s3.head_object(**held)["ObjectLockLegalHoldStatus"] == "ON"
assert s3.get_object_legal_hold(**held)["LegalHold"]["Status"] == "ON"
fails("NoSuchObjectLockConfiguration", 404, s3.get_object_retention, **held)
fails("AccessDenied", 403, s3.delete_object, **held, BypassGovernanceRetention=True)
fails("AccessDenied", 403, s3.put_object, **held, Body=b"other")
s3.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})
s3.delete_object(**held)
fails("NoSuchKey", 404, s3.put_object_legal_hold, **held, LegalHold={"Status": "ON"})

# What is wrong is refused.
fails("InvalidArgument", 400, s3.put_object, **held, Body=b"h", ObjectLockMode="COMPLIANCE")
fails("InvalidArgument", 400, s3.put_object, **held, Body=b"h",
      ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=now - day)
fails("InvalidArgument", 400, s3.put_object, **held, Body=b"h",
      ObjectLockMode="OTHER", ObjectLockRetainUntilDate=now + day)
fails("MalformedXML", 400, s3.put_object_retention, **kept, Retention={"Mode": "COMPLIANCE"})
for rule in [
    {},
    {"Mode": "COMPLIANCE"},
    {"Days": 1},
    {"Mode": "COMPLIANCE", "Days": 1, "Years": 1},
]:
    fails("MalformedXML", 400, s3.put_object_lock_configuration, Bucket="locked",
          ObjectLockConfiguration={**enabled, "Rule": {"DefaultRetention": rule}})
for days in [0, -1, 36501]:
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}
    fails("InvalidArgument", 400, s3.put_object_lock_configuration, Bucket="locked",
          ObjectLockConfiguration={**enabled, "Rule": rule})

# The bucket's default.
rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
s3.put_object_lock_configuration(
    Bucket="locked", ObjectLockConfiguration={**enabled, "Rule": rule}
)
got = s3.get_object_lock_configuration(Bucket="locked")["ObjectLockConfiguration"]
assert got == {**enabled, "Rule": rule}, got
usual = {"Bucket": "locked", "Key": "usual"}
s3.put_object(**usual, Body=b"u")
head = s3.head_object(**usual)
assert head["ObjectLockMode"] == "GOVERNANCE"
assert now + 3 * day <= head["ObjectLockRetainUntilDate"] <= now + 3 * day + day / 24
s3.copy_object(Bucket="locked", Key="copy", CopySource="locked/kept")
assert s3.head_object(Bucket="locked", Key="copy")["ObjectLockMode"] == "GOVERNANCE"
upload = s3.create_multipart_upload(Bucket="locked", Key="parts")["UploadId"]
parts = {"Bucket": "locked", "Key": "parts", "UploadId": upload}
tag = s3.upload_part(**parts, PartNumber=1, Body=b"part")["ETag"]
s3.complete_multipart_upload(**parts, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
assert s3.head_object(Bucket="locked", Key="parts")["ObjectLockMode"] == "GOVERNANCE"
for key in ["usual", "copy", "parts"]:
    fails("AccessDenied", 403, s3.delete_object, Bucket="locked", Key=key)
    s3.delete_object(Bucket="locked", Key=key, BypassGovernanceRetention=True)

# Policies.
s3.create_bucket(Bucket="shared")
fails("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket="shared")
fails("NoSuchBucketPolicy", 404, s3.get_bucket_policy_status, Bucket="shared")
fails("NoSuchBucket", 404, s3.put_bucket_policy, Bucket="none", Policy="{}")
s3.delete_bucket_policy(Bucket="shared")


def policy(**statement):
    usual = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
             "Resource": "arn:aws:s3:::shared/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**usual, **statement}]})


s3.put_bucket_policy(Bucket="shared", Policy=policy())
assert s3.get_bucket_policy(Bucket="shared")["Policy"] == policy()
assert s3.get_bucket_policy_status(Bucket="shared")["PolicyStatus"]["IsPublic"] is True
s3.put_bucket_policy(Bucket="shared", Policy=policy(Principal={"AWS": "999999999999"}))
assert s3.get_bucket_policy_status(Bucket="shared")["PolicyStatus"]["IsPublic"] is False
for wrong in [
    "not json",
    "{}",
    policy(Principal="x"),
    policy(Effect="Maybe"),
    policy(Action="iam:Get*"),
    policy(Resource="arn:aws:s3:::other/*"),
]:
    fails("MalformedPolicy", 400, s3.put_bucket_policy, Bucket="shared", Policy=wrong)
assert s3.get_bucket_policy(Bucket="shared")["Policy"] == policy(Principal={"AWS": "999999999999"})

# A denial is for the bucket's own account, too; but its root user can always take it off.
s3.put_object(Bucket="shared", Key="k", Body=b"k")
s3.put_bucket_policy(Bucket="shared", Policy=policy(Effect="Deny", Action="s3:DeleteObject"))
fails("AccessDenied", 403, s3.delete_object, Bucket="shared", Key="k")
answer = s3.delete_objects(Bucket="shared", Delete={"Objects": [{"Key": "k"}]})
assert [it["Code"] for it in answer["Errors"]] == ["AccessDenied"], answer
assert s3.get_object(Bucket="shared", Key="k")["Body"].read() == b"k"
everything = ["arn:aws:s3:::shared", "arn:aws:s3:::shared/*"]
s3.put_bucket_policy(
    Bucket="shared", Policy=policy(Effect="Deny", Action="s3:*", Resource=everything)
)
fails("AccessDenied", 403, s3.get_object, Bucket="shared", Key="k")
fails("AccessDenied", 403, s3.list_objects_v2, Bucket="shared")
s3.get_bucket_policy(Bucket="shared")
s3.delete_bucket_policy(Bucket="shared")
fails("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket="shared")
s3.put_object(Bucket="shared", Key="k", Body=b"k", ACL="bucket-owner-full-control")
grants = s3.get_bucket_acl(Bucket="shared")["Grants"]
assert [it["Permission"] for it in grants] == ["FULL_CONTROL"]
print("all is well")
