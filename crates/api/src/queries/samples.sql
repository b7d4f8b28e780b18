-- name: Activity of the root user
-- description: What the root user of an account did lately, with the address it came from.
SELECT eventTime, eventSource, eventName, awsRegion, sourceIPAddress, errorCode
FROM $EDS_ID
WHERE userIdentity.type = 'Root' AND userIdentity.invokedBy IS NULL
ORDER BY eventTime DESC
LIMIT 200

-- name: Console sign-ins without MFA
-- description: Successful logins to the console that used no second factor, by user and address.
SELECT userIdentity.arn, sourceIPAddress, count(*) AS signIns, max(eventTime) AS latest
FROM $EDS_ID
WHERE eventName = 'ConsoleLogin'
  AND element_at(responseElements, 'ConsoleLogin') = 'Success'
  AND element_at(additionalEventData, 'MFAUsed') = 'No'
GROUP BY userIdentity.arn, sourceIPAddress
ORDER BY signIns DESC

-- name: Failed console sign-ins
-- description: Login attempts to the console that failed, by address, to see who guesses passwords.
SELECT sourceIPAddress, count(*) AS failures, min(eventTime) AS earliest, max(eventTime) AS latest
FROM $EDS_ID
WHERE eventName = 'ConsoleLogin' AND element_at(responseElements, 'ConsoleLogin') = 'Failure'
GROUP BY sourceIPAddress
ORDER BY failures DESC
LIMIT 100

-- name: Calls denied by identity
-- description: Access denied errors counted by caller, service and operation.
SELECT userIdentity.arn, eventSource, eventName, count(*) AS denials
FROM $EDS_ID
WHERE errorCode IN ('AccessDenied', 'AccessDeniedException', 'Client.UnauthorizedOperation')
GROUP BY userIdentity.arn, eventSource, eventName
ORDER BY denials DESC
LIMIT 100

-- name: Access keys created or activated
-- description: New access keys of users, and old keys that were switched on again.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'userName') AS userName
FROM $EDS_ID
WHERE eventSource = 'iam.amazonaws.com' AND eventName IN ('CreateAccessKey', 'UpdateAccessKey')
  AND errorCode IS NULL
ORDER BY eventTime DESC

-- name: IAM policy changes
-- description: Policies that were made, attached, detached or deleted, and by whom.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'iam.amazonaws.com' AND readOnly = false AND eventName LIKE '%Policy%'
ORDER BY eventTime DESC

-- name: Users given administrator access
-- description: Attachments of the administrator policy to users, groups and roles.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventName IN ('AttachUserPolicy', 'AttachGroupPolicy', 'AttachRolePolicy')
  AND element_at(requestParameters, 'policyArn') LIKE '%:policy/AdministratorAccess'
ORDER BY eventTime DESC

-- name: Trust of roles changed
-- description: Changes of the policy that says who may assume a role.
SELECT eventTime, userIdentity.arn, element_at(requestParameters, 'roleName') AS roleName,
  element_at(requestParameters, 'policyDocument') AS policy
FROM $EDS_ID
WHERE eventName = 'UpdateAssumeRolePolicy' AND errorCode IS NULL
ORDER BY eventTime DESC

-- name: Roles assumed by other accounts
-- description: Cross-account sessions, counted by role and by the account that took them.
SELECT element_at(requestParameters, 'roleArn') AS roleArn, userIdentity.accountId, count(*) AS sessions
FROM $EDS_ID
WHERE eventName = 'AssumeRole' AND userIdentity.accountId <> recipientAccountId
GROUP BY element_at(requestParameters, 'roleArn'), userIdentity.accountId
ORDER BY sessions DESC

-- name: MFA devices removed
-- description: Second factors that were deactivated or deleted.
SELECT eventTime, userIdentity.arn, eventName, requestParameters, sourceIPAddress
FROM $EDS_ID
WHERE eventName IN ('DeactivateMFADevice', 'DeleteVirtualMFADevice')
ORDER BY eventTime DESC

-- name: Logging stopped or changed
-- description: Trails that were stopped, deleted or changed, and selectors that now choose less.
SELECT eventTime, userIdentity.arn, eventName, requestParameters, errorCode
FROM $EDS_ID
WHERE eventSource = 'cloudtrail.amazonaws.com'
  AND eventName IN ('StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSelectors',
    'DeleteEventDataStore', 'StopEventDataStoreIngestion')
ORDER BY eventTime DESC

-- name: Security group changes
-- description: Rules of security groups that were opened or closed, and who changed them.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'groupId') AS groupId,
  element_at(requestParameters, 'ipPermissions') AS rules
FROM $EDS_ID
WHERE eventName IN ('AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress',
  'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress', 'CreateSecurityGroup',
  'DeleteSecurityGroup')
ORDER BY eventTime DESC

-- name: Ports opened to the world
-- description: Security group rules that let in any address of the internet.
SELECT eventTime, userIdentity.arn, element_at(requestParameters, 'groupId') AS groupId,
  element_at(requestParameters, 'ipPermissions') AS rules
FROM $EDS_ID
WHERE eventName = 'AuthorizeSecurityGroupIngress' AND errorCode IS NULL
  AND (element_at(requestParameters, 'ipPermissions') LIKE '%0.0.0.0/0%'
    OR element_at(requestParameters, 'ipPermissions') LIKE '%::/0%')
ORDER BY eventTime DESC

-- name: Network paths changed
-- description: Route tables, gateways, peerings and network access lists that were changed.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'ec2.amazonaws.com' AND readOnly = false
  AND (eventName LIKE '%Route%' OR eventName LIKE '%Gateway%' OR eventName LIKE '%VpcPeering%'
    OR eventName LIKE '%NetworkAcl%')
ORDER BY eventTime DESC

-- name: Old TLS versions
-- description: Calls that came by TLS older than 1.2, by caller and client software.
SELECT userIdentity.arn, userAgent, tlsDetails.tlsVersion, count(*) AS calls
FROM $EDS_ID
WHERE tlsDetails.tlsVersion IN ('TLSv1', 'TLSv1.0', 'TLSv1.1')
GROUP BY userIdentity.arn, userAgent, tlsDetails.tlsVersion
ORDER BY calls DESC

-- name: Addresses of an identity
-- description: From how many addresses each caller came; one with many may share its credentials.
SELECT userIdentity.arn, count(DISTINCT sourceIPAddress) AS addresses, count(*) AS calls
FROM $EDS_ID
WHERE userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn
ORDER BY addresses DESC
LIMIT 100

-- name: Everything that one access key did
-- description: The timeline of an access key; put its id in the place of the example.
SELECT eventTime, eventSource, eventName, awsRegion, sourceIPAddress, errorCode
FROM $EDS_ID
WHERE userIdentity.accessKeyId = 'AKIAEXAMPLEEXAMPLE00'
ORDER BY eventTime

-- name: Changes made from the console
-- description: Writing calls with a session of the web console, where automation was expected.
SELECT eventTime, userIdentity.arn, eventSource, eventName, requestParameters
FROM $EDS_ID
WHERE sessionCredentialFromConsole = 'true' AND readOnly = false
ORDER BY eventTime DESC
LIMIT 500

-- name: Work outside office hours
-- description: Writing calls of people at night and on weekends, in UTC.
SELECT eventTime, userIdentity.arn, eventSource, eventName
FROM $EDS_ID
WHERE readOnly = false AND userIdentity.invokedBy IS NULL
  AND (day_of_week(eventTime) >= 6 OR hour(eventTime) < 6 OR hour(eventTime) >= 20)
ORDER BY eventTime DESC
LIMIT 500

-- name: Operations never seen before this week
-- description: Pairs of caller and operation that occur in the last seven days and not earlier.
SELECT userIdentity.arn, eventSource, eventName, min(eventTime) AS earliest, count(*) AS calls
FROM $EDS_ID
GROUP BY userIdentity.arn, eventSource, eventName
HAVING min(eventTime) > date_add('day', -7, now())
ORDER BY earliest DESC

-- name: Calls by service
-- description: How many calls each service got, split into reads and writes.
SELECT eventSource, count(*) AS calls,
  sum(CASE WHEN readOnly = true THEN 1 ELSE 0 END) AS reads,
  sum(CASE WHEN readOnly = false THEN 1 ELSE 0 END) AS writes
FROM $EDS_ID
GROUP BY eventSource
ORDER BY calls DESC

-- name: Calls by hour
-- description: The number of calls in each hour, to see peaks and silences.
SELECT date_trunc('hour', eventTime) AS hour, count(*) AS calls
FROM $EDS_ID
GROUP BY 1
ORDER BY 1 DESC
LIMIT 168

-- name: Busiest callers
-- description: The identities that made most calls.
SELECT userIdentity.arn, userIdentity.type, count(*) AS calls
FROM $EDS_ID
GROUP BY userIdentity.arn, userIdentity.type
ORDER BY calls DESC
LIMIT 50

-- name: Errors by service
-- description: Error codes counted by service and operation, to see what is broken.
SELECT eventSource, eventName, errorCode, count(*) AS errors
FROM $EDS_ID
WHERE errorCode IS NOT NULL
GROUP BY eventSource, eventName, errorCode
ORDER BY errors DESC
LIMIT 100

-- name: Throttled calls
-- description: Calls that were refused for their rate, by caller and operation.
SELECT userIdentity.arn, eventSource, eventName, count(*) AS throttled
FROM $EDS_ID
WHERE errorCode LIKE '%Throttl%' OR errorCode IN ('RequestLimitExceeded', 'SlowDown',
  'TooManyRequestsException', 'Client.RequestLimitExceeded')
GROUP BY userIdentity.arn, eventSource, eventName
ORDER BY throttled DESC

-- name: Resources created by a person
-- description: What people made, without the work of services and roles of automation.
SELECT eventTime, userIdentity.arn, eventSource, eventName, requestParameters
FROM $EDS_ID
WHERE (eventName LIKE 'Create%' OR eventName LIKE 'Run%') AND errorCode IS NULL
  AND userIdentity.type IN ('IAMUser', 'Root', 'IdentityCenterUser')
ORDER BY eventTime DESC
LIMIT 500

-- name: Resources deleted
-- description: What was deleted or terminated, by whom, with the parameters of the call.
SELECT eventTime, userIdentity.arn, eventSource, eventName, requestParameters
FROM $EDS_ID
WHERE (eventName LIKE 'Delete%' OR eventName LIKE 'Terminate%') AND errorCode IS NULL
ORDER BY eventTime DESC
LIMIT 500

-- name: Client software in use
-- description: User agents counted, to find old command line tools and development kits.
SELECT userAgent, count(DISTINCT userIdentity.arn) AS callers, count(*) AS calls
FROM $EDS_ID
GROUP BY userAgent
ORDER BY calls DESC
LIMIT 100

-- name: Regions in use
-- description: Where calls are made; a region that nobody knows of deserves a look.
SELECT awsRegion, count(DISTINCT eventSource) AS services, count(*) AS calls
FROM $EDS_ID
GROUP BY awsRegion
ORDER BY calls DESC

-- name: Events that came late
-- description: Records whose delivery was delayed or that were updated, with the reason.
SELECT eventTime, eventSource, eventName, element_at(addendum, 'reason') AS reason
FROM $EDS_ID
WHERE addendum IS NOT NULL
ORDER BY eventTime DESC

-- name: Instances launched by type
-- description: EC2 instances that were started, counted by type and region; a first look at cost.
SELECT element_at(requestParameters, 'instanceType') AS instanceType, awsRegion, count(*) AS launches
FROM $EDS_ID
WHERE eventName = 'RunInstances' AND errorCode IS NULL
GROUP BY element_at(requestParameters, 'instanceType'), awsRegion
ORDER BY launches DESC

-- name: Capacity bought
-- description: Reservations and savings plans that were purchased, which cost money for years.
SELECT eventTime, userIdentity.arn, eventSource, eventName, requestParameters
FROM $EDS_ID
WHERE (eventName LIKE 'Purchase%' OR eventName = 'CreateSavingsPlan') AND errorCode IS NULL
ORDER BY eventTime DESC

-- name: Services behind the cost of requests
-- description: Calls of services whose requests are paid for, by day.
SELECT date(eventTime) AS day, eventSource, count(*) AS calls
FROM $EDS_ID
WHERE eventSource IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'lambda.amazonaws.com',
  'dynamodb.amazonaws.com', 'secretsmanager.amazonaws.com')
GROUP BY 1, 2
ORDER BY 1 DESC, calls DESC

-- name: S3 buckets deleted
-- description: Who deleted a bucket, or tried to.
SELECT eventTime, userIdentity.arn, element_at(requestParameters, 'bucketName') AS bucketName,
  errorCode
FROM $EDS_ID
WHERE eventSource = 's3.amazonaws.com' AND eventName = 'DeleteBucket'
ORDER BY eventTime DESC

-- name: S3 objects deleted
-- description: Deletions of objects by bucket, key and caller; needs data events.
SELECT eventTime, userIdentity.arn, element_at(requestParameters, 'bucketName') AS bucketName,
  element_at(requestParameters, 'key') AS key
FROM $EDS_ID
WHERE eventSource = 's3.amazonaws.com' AND eventName IN ('DeleteObject', 'DeleteObjects')
  AND errorCode IS NULL
ORDER BY eventTime DESC
LIMIT 1000

-- name: Readers of an S3 object
-- description: Who read an object; put its bucket and key in the place of the example.
SELECT eventTime, userIdentity.arn, sourceIPAddress,
  element_at(additionalEventData, 'bytesTransferredOut') AS bytes
FROM $EDS_ID
WHERE eventName = 'GetObject'
  AND element_at(requestParameters, 'bucketName') = 'example-bucket'
  AND element_at(requestParameters, 'key') = 'path/to/object'
ORDER BY eventTime DESC

-- name: Bytes read from S3 by caller
-- description: How much each caller downloaded from each bucket; a jump may be a leak.
SELECT userIdentity.arn, element_at(requestParameters, 'bucketName') AS bucketName,
  sum(try_cast(element_at(additionalEventData, 'bytesTransferredOut') AS double)) AS bytes
FROM $EDS_ID
WHERE eventSource = 's3.amazonaws.com' AND eventName = 'GetObject'
GROUP BY userIdentity.arn, element_at(requestParameters, 'bucketName')
ORDER BY bytes DESC
LIMIT 100

-- name: S3 bucket policies and public access
-- description: Changes of policies, access lists and blocks of public access of buckets.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 's3.amazonaws.com' AND eventName IN ('PutBucketPolicy', 'DeleteBucketPolicy',
  'PutBucketAcl', 'PutObjectAcl', 'PutBucketPublicAccessBlock', 'DeleteBucketPublicAccessBlock')
ORDER BY eventTime DESC

-- name: Anonymous access to S3
-- description: Calls of buckets that nobody signed.
SELECT eventTime, eventName, sourceIPAddress, requestParameters
FROM $EDS_ID
WHERE eventSource = 's3.amazonaws.com' AND userIdentity.accountId = 'anonymous'
ORDER BY eventTime DESC
LIMIT 200

-- name: S3 encryption and versioning switched
-- description: Buckets whose encryption, versioning, logging or life cycle was changed.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'bucketName') AS bucketName
FROM $EDS_ID
WHERE eventName IN ('PutBucketEncryption', 'DeleteBucketEncryption', 'PutBucketVersioning',
  'PutBucketLogging', 'PutBucketLifecycle', 'PutBucketLifecycleConfiguration')
ORDER BY eventTime DESC

-- name: Glue tables and databases changed
-- description: Tables, partitions and databases of the Glue catalog that were made, changed or deleted.
SELECT eventTime, userIdentity.arn, eventName,
  element_at(requestParameters, 'databaseName') AS databaseName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'glue.amazonaws.com' AND readOnly = false
  AND (eventName LIKE '%Table%' OR eventName LIKE '%Database%' OR eventName LIKE '%Partition%')
ORDER BY eventTime DESC

-- name: Glue job runs
-- description: Jobs and crawlers of Glue that were started, by name and caller.
SELECT eventTime, userIdentity.arn, eventName,
  coalesce(element_at(requestParameters, 'jobName'), element_at(requestParameters, 'name')) AS name
FROM $EDS_ID
WHERE eventSource = 'glue.amazonaws.com' AND eventName IN ('StartJobRun', 'StartCrawler',
  'BatchStopJobRun', 'StopCrawler')
ORDER BY eventTime DESC

-- name: Glue connections and their secrets
-- description: Who made, changed or read connections of Glue, which may hold passwords.
SELECT eventTime, userIdentity.arn, eventName, requestParameters, sourceIPAddress
FROM $EDS_ID
WHERE eventSource = 'glue.amazonaws.com' AND eventName LIKE '%Connection%'
ORDER BY eventTime DESC

-- name: Athena queries by user
-- description: How many queries each user started in Athena, by workgroup.
SELECT userIdentity.arn, element_at(requestParameters, 'workGroup') AS workGroup, count(*) AS queries
FROM $EDS_ID
WHERE eventSource = 'athena.amazonaws.com' AND eventName = 'StartQueryExecution'
GROUP BY userIdentity.arn, element_at(requestParameters, 'workGroup')
ORDER BY queries DESC

-- name: Athena results downloaded
-- description: Who fetched results of queries in Athena, and how often.
SELECT userIdentity.arn, count(*) AS downloads, max(eventTime) AS latest
FROM $EDS_ID
WHERE eventSource = 'athena.amazonaws.com' AND eventName IN ('GetQueryResults',
  'GetQueryResultsStream')
GROUP BY userIdentity.arn
ORDER BY downloads DESC

-- name: Athena workgroups changed
-- description: Workgroups whose limits or place of results were made, changed or deleted.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'athena.amazonaws.com' AND eventName LIKE '%WorkGroup'
  AND readOnly = false
ORDER BY eventTime DESC

-- name: Redshift clusters changed
-- description: Clusters of Redshift that were made, resized, paused, shared or deleted.
SELECT eventTime, userIdentity.arn, eventName,
  element_at(requestParameters, 'clusterIdentifier') AS cluster
FROM $EDS_ID
WHERE eventSource IN ('redshift.amazonaws.com', 'redshift-serverless.amazonaws.com')
  AND readOnly = false
ORDER BY eventTime DESC

-- name: Redshift credentials handed out
-- description: Temporary passwords of Redshift databases, by database user and caller.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'dbUser') AS dbUser,
  sourceIPAddress
FROM $EDS_ID
WHERE eventName IN ('GetClusterCredentials', 'GetClusterCredentialsWithIAM')
ORDER BY eventTime DESC

-- name: Redshift statements by the data interface
-- description: Statements that were sent to Redshift through its data interface.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'database') AS database
FROM $EDS_ID
WHERE eventSource = 'redshift-data.amazonaws.com'
  AND eventName IN ('ExecuteStatement', 'BatchExecuteStatement')
ORDER BY eventTime DESC

-- name: Lake Formation grants
-- description: Permissions on databases and tables that Lake Formation granted or revoked.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'principal') AS principal,
  element_at(requestParameters, 'resource') AS resource,
  element_at(requestParameters, 'permissions') AS permissions
FROM $EDS_ID
WHERE eventSource = 'lakeformation.amazonaws.com' AND eventName IN ('GrantPermissions',
  'RevokePermissions', 'BatchGrantPermissions', 'BatchRevokePermissions')
ORDER BY eventTime DESC

-- name: Lake Formation data access
-- description: Credentials that Lake Formation gave out for data, by caller.
SELECT userIdentity.arn, eventName, count(*) AS accesses, max(eventTime) AS latest
FROM $EDS_ID
WHERE eventSource = 'lakeformation.amazonaws.com' AND eventName IN ('GetDataAccess',
  'GetTemporaryGlueTableCredentials', 'GetTemporaryGluePartitionCredentials')
GROUP BY userIdentity.arn, eventName
ORDER BY accesses DESC

-- name: Lake Formation administrators changed
-- description: Settings of the data lake that name its administrators and default permissions.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventName IN ('PutDataLakeSettings', 'RegisterResource', 'DeregisterResource')
ORDER BY eventTime DESC

-- name: DynamoDB tables changed
-- description: Tables of DynamoDB that were made, changed, restored or deleted.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'tableName') AS tableName
FROM $EDS_ID
WHERE eventSource = 'dynamodb.amazonaws.com' AND managementEvent = true AND readOnly = false
ORDER BY eventTime DESC

-- name: DynamoDB items read by caller
-- description: Reads, queries and scans of tables, counted by caller; needs data events.
SELECT userIdentity.arn, element_at(requestParameters, 'tableName') AS tableName, eventName,
  count(*) AS calls
FROM $EDS_ID
WHERE eventSource = 'dynamodb.amazonaws.com'
  AND eventName IN ('GetItem', 'BatchGetItem', 'Query', 'Scan', 'ExecuteStatement')
GROUP BY userIdentity.arn, element_at(requestParameters, 'tableName'), eventName
ORDER BY calls DESC

-- name: DynamoDB exports and backups
-- description: Whole tables that were exported, backed up or restored, which moves all their data.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventName IN ('ExportTableToPointInTime', 'CreateBackup', 'RestoreTableFromBackup',
  'RestoreTableToPointInTime')
ORDER BY eventTime DESC

-- name: RDS snapshots shared
-- description: Snapshots of databases that were shared, copied or exported.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'rds.amazonaws.com' AND eventName IN ('ModifyDBSnapshotAttribute',
  'ModifyDBClusterSnapshotAttribute', 'CopyDBSnapshot', 'CopyDBClusterSnapshot', 'StartExportTask')
ORDER BY eventTime DESC

-- name: RDS databases made public or deleted
-- description: Databases that became reachable from the internet, lost their protection or were deleted.
SELECT eventTime, userIdentity.arn, eventName,
  element_at(requestParameters, 'dBInstanceIdentifier') AS instance,
  element_at(requestParameters, 'publiclyAccessible') AS publiclyAccessible
FROM $EDS_ID
WHERE eventSource = 'rds.amazonaws.com'
  AND (eventName IN ('DeleteDBInstance', 'DeleteDBCluster')
    OR element_at(requestParameters, 'publiclyAccessible') = 'true'
    OR element_at(requestParameters, 'deletionProtection') = 'false')
ORDER BY eventTime DESC

-- name: RDS passwords and parameters changed
-- description: Changes of instances, clusters and parameter groups of RDS, by caller.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'rds.amazonaws.com' AND eventName IN ('ModifyDBInstance', 'ModifyDBCluster',
  'ModifyDBParameterGroup', 'ModifyDBClusterParameterGroup')
ORDER BY eventTime DESC

-- name: Lambda code and settings changed
-- description: Functions whose code, environment or role was changed, and who may call them.
SELECT eventTime, userIdentity.arn, eventName,
  element_at(requestParameters, 'functionName') AS functionName
FROM $EDS_ID
WHERE eventSource = 'lambda.amazonaws.com' AND readOnly = false
  AND (eventName LIKE 'CreateFunction%' OR eventName LIKE 'UpdateFunction%'
    OR eventName LIKE 'AddPermission%')
ORDER BY eventTime DESC

-- name: Lambda functions by invocations
-- description: How often each function was invoked, and by how many callers; needs data events.
SELECT element_at(resources, 1).arn AS functionArn, count(*) AS invocations,
  count(DISTINCT userIdentity.arn) AS callers
FROM $EDS_ID
WHERE eventSource = 'lambda.amazonaws.com' AND eventName = 'Invoke'
GROUP BY element_at(resources, 1).arn
ORDER BY invocations DESC
LIMIT 100

-- name: KMS keys disabled or scheduled for deletion
-- description: Encryption keys that stop working soon, and deletions that were called off.
SELECT eventTime, userIdentity.arn, eventName, element_at(requestParameters, 'keyId') AS keyId
FROM $EDS_ID
WHERE eventSource = 'kms.amazonaws.com' AND eventName IN ('DisableKey', 'ScheduleKeyDeletion',
  'CancelKeyDeletion', 'DeleteImportedKeyMaterial')
ORDER BY eventTime DESC

-- name: KMS decryption by caller
-- description: Who decrypted with which key, and how often.
SELECT userIdentity.arn, element_at(resources, 1).arn AS keyArn, count(*) AS decryptions
FROM $EDS_ID
WHERE eventSource = 'kms.amazonaws.com' AND eventName = 'Decrypt'
GROUP BY userIdentity.arn, element_at(resources, 1).arn
ORDER BY decryptions DESC
LIMIT 100

-- name: KMS key policies and grants
-- description: Changes of who may use an encryption key.
SELECT eventTime, userIdentity.arn, eventName, requestParameters
FROM $EDS_ID
WHERE eventSource = 'kms.amazonaws.com'
  AND eventName IN ('PutKeyPolicy', 'CreateGrant', 'RevokeGrant', 'RetireGrant')
ORDER BY eventTime DESC

-- name: Secrets and parameters read
-- description: Who read secrets of the Secrets Manager and parameters of the parameter store.
SELECT userIdentity.arn, eventName,
  coalesce(element_at(requestParameters, 'secretId'), element_at(requestParameters, 'name')) AS name,
  count(*) AS calls
FROM $EDS_ID
WHERE eventName IN ('GetSecretValue', 'BatchGetSecretValue', 'GetParameter', 'GetParameters',
  'GetParametersByPath')
GROUP BY userIdentity.arn, eventName,
  coalesce(element_at(requestParameters, 'secretId'), element_at(requestParameters, 'name'))
ORDER BY calls DESC
LIMIT 200

-- name: Calls through VPC endpoints that were denied
-- description: Network activity that the policy of a private endpoint refused, by service and address.
SELECT vpcEndpointId, eventSource, eventName, sourceIPAddress, count(*) AS denials
FROM $EDS_ID
WHERE eventCategory = 'NetworkActivity' AND errorCode = 'VpceAccessDenied'
GROUP BY vpcEndpointId, eventSource, eventName, sourceIPAddress
ORDER BY denials DESC

-- name: Actions of an own application by person
-- description: Audit records that applications sent through a channel, by actor and action.
SELECT eventData.userIdentity.principalId AS actor, eventData.eventSource AS application,
  eventData.eventName AS action, count(*) AS times
FROM $EDS_ID
WHERE eventCategory = 'ActivityAuditLog'
GROUP BY eventData.userIdentity.principalId, eventData.eventSource, eventData.eventName
ORDER BY times DESC
LIMIT 200
