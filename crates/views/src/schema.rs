//! The columns of both views.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use crate::column::{Column, Kind, column, text};

/// How records are shown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum View {
    /// As CloudTrail Lake: maps, times and booleans, and the whole record in `eventjson`. The columns
    /// of Insights events, configuration items and activity logs stand beside those of CloudTrail
    /// events, so that one table holds them all.
    Lake,
    /// As the published Athena table: texts, objects as JSON in texts, and the members that users
    /// commonly add to it.
    Athena,
}

impl View {
    /// The columns, in the order of `SELECT *`.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Lake => LAKE,
            Self::Athena => ATHENA,
        }
    }

    /// The schema of all columns.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.columns().iter().map(Column::field).collect::<Vec<Field>>()))
    }
}

const LAKE: &[Column] = &[
    text("eventversion", "eventVersion"),
    column("useridentity", "userIdentity", Kind::Row(LAKE_IDENTITY)),
    column("eventtime", "eventTime", Kind::Time),
    text("eventsource", "eventSource"),
    text("eventname", "eventName"),
    text("awsregion", "awsRegion"),
    text("sourceipaddress", "sourceIPAddress"),
    text("useragent", "userAgent"),
    text("errorcode", "errorCode"),
    text("errormessage", "errorMessage"),
    column("requestparameters", "requestParameters", Kind::Map),
    column("responseelements", "responseElements", Kind::Map),
    column("additionaleventdata", "additionalEventData", Kind::Map),
    text("requestid", "requestID"),
    text("eventid", "eventID"),
    column("readonly", "readOnly", Kind::Boolean),
    column("resources", "resources", Kind::List(LAKE_RESOURCE)),
    text("eventtype", "eventType"),
    text("apiversion", "apiVersion"),
    column("managementevent", "managementEvent", Kind::Boolean),
    text("recipientaccountid", "recipientAccountId"),
    text("sharedeventid", "sharedEventID"),
    text("annotation", "annotation"),
    text("vpcendpointid", "vpcEndpointId"),
    text("vpcendpointaccountid", "vpcEndpointAccountId"),
    column("serviceeventdetails", "serviceEventDetails", Kind::Map),
    column("addendum", "addendum", Kind::Map),
    column("edgedevicedetails", "edgeDeviceDetails", Kind::Map),
    column("insightdetails", "insightDetails", Kind::Map),
    text("eventcategory", "eventCategory"),
    column("tlsdetails", "tlsDetails", Kind::Row(TLS)),
    text("sessioncredentialfromconsole", "sessionCredentialFromConsole"),
    column("eventjson", "", Kind::Record),
    text("eventjsonchecksum", "eventJsonChecksum"),
    column("eventcontext", "eventContext", Kind::Row(CONTEXT)),
    text("insightsource", "insightSource"),
    text("insightstate", "insightState").or(&["insightDetails", "state"]),
    text("insighteventsource", "insightEventSource").or(&["insightDetails", "eventSource"]),
    text("insighteventname", "insightEventName").or(&["insightDetails", "eventName"]),
    text("insighterrorcode", "insightErrorCode").or(&["insightDetails", "errorCode"]),
    text("insighttype", "insightType").or(&["insightDetails", "insightType"]),
    column("insightcontext", "insightContext", Kind::Row(INSIGHT))
        .or(&["insightDetails", "insightContext"]),
    column("eventdata", "eventData", Kind::Row(EVENT_DATA)),
    column("metadata", "metadata", Kind::Row(METADATA)),
];

const LAKE_IDENTITY: &[Column] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("accesskeyid", "accessKeyId"),
    text("username", "userName"),
    column("sessioncontext", "sessionContext", Kind::Row(LAKE_SESSION)),
    column("onbehalfof", "onBehalfOf", Kind::Row(ON_BEHALF_OF)),
    column("inscopeof", "inScopeOf", Kind::Row(IN_SCOPE_OF)),
    text("invokedby", "invokedBy"),
    text("identityprovider", "identityProvider"),
    text("credentialid", "credentialId"),
];

const LAKE_SESSION: &[Column] = &[
    column("attributes", "attributes", Kind::Row(LAKE_ATTRIBUTES)),
    column("sessionissuer", "sessionIssuer", Kind::Row(ISSUER)),
    column("webidfederationdata", "webIdFederationData", Kind::Row(FEDERATION)),
    text("sourceidentity", "sourceIdentity"),
    text("ec2roledelivery", "ec2RoleDelivery"),
    text("ec2issuedinvpc", "ec2IssuedInVpc"),
];

const LAKE_ATTRIBUTES: &[Column] = &[
    column("creationdate", "creationDate", Kind::Time),
    text("mfaauthenticated", "mfaAuthenticated"),
];

const ISSUER: &[Column] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("username", "userName"),
];

const FEDERATION: &[Column] = &[
    text("federatedprovider", "federatedProvider"),
    column("attributes", "attributes", Kind::Map),
];

const ON_BEHALF_OF: &[Column] =
    &[text("userid", "userId"), text("identitystorearn", "identityStoreArn")];

/// AWS's published schema has `credentiaisissuedto`, sic; records have the right word.
const IN_SCOPE_OF: &[Column] = &[
    text("sourcearn", "sourceArn"),
    text("sourceaccount", "sourceAccount"),
    text("issuertype", "issuerType"),
    text("credentiaisissuedto", "credentialsIssuedTo"),
    text("credentialsissuedto", "credentialsIssuedTo"),
];

const LAKE_RESOURCE: &[Column] = &[
    text("accountid", "accountId"),
    text("type", "type"),
    text("arn", "ARN"),
    text("arnprefix", "ARNPrefix"),
];

const TLS: &[Column] = &[
    text("tlsversion", "tlsVersion"),
    text("ciphersuite", "cipherSuite"),
    text("clientprovidedhostheader", "clientProvidedHostHeader"),
];

const CONTEXT: &[Column] = &[
    column("requestcontext", "requestContext", Kind::Map),
    column("tagcontext", "tagContext", Kind::Row(TAG_CONTEXT)),
];

const TAG_CONTEXT: &[Column] = &[
    column("principaltags", "principalTags", Kind::Map),
    column("resourcetags", "resourceTags", Kind::List(RESOURCE_TAGS)),
];

const RESOURCE_TAGS: &[Column] = &[text("arn", "arn"), column("tags", "tags", Kind::Map)];

/// Flat as in event data stores, or with `statistics` as trails deliver them.
const INSIGHT: &[Column] = &[
    column("baselineaverage", "baselineAverage", Kind::Double).or(&[
        "statistics",
        "baseline",
        "average",
    ]),
    column("insightaverage", "insightAverage", Kind::Double).or(&[
        "statistics",
        "insight",
        "average",
    ]),
    column("baselineduration", "baselineDuration", Kind::Integer)
        .or(&["statistics", "baselineDuration"]),
    column("insightduration", "insightDuration", Kind::Integer)
        .or(&["statistics", "insightDuration"]),
    column("attributions", "attributions", Kind::List(ATTRIBUTION)),
];

const ATTRIBUTION: &[Column] = &[
    text("attribute", "attribute"),
    text("insightvalue", "insightValue"),
    column("insightaverage", "insightAverage", Kind::Double),
    text("baselinevalue", "baselineValue"),
    column("baselineaverage", "baselineAverage", Kind::Double),
    column("insight", "insight", Kind::List(SHARE)),
    column("baseline", "baseline", Kind::List(SHARE)),
];

const SHARE: &[Column] = &[text("value", "value"), column("average", "average", Kind::Double)];

/// Configuration items, evidence of Audit Manager and activity of others, in one row: each store has
/// its own part of it.
const EVENT_DATA: &[Column] = &[
    text("configurationitemversion", "configurationItemVersion"),
    text("configurationitemcapturetime", "configurationItemCaptureTime"),
    text("configurationitemstatus", "configurationItemStatus"),
    text("configurationitemstateid", "configurationStateId"),
    text("accountid", "accountId"),
    text("resourcetype", "resourceType"),
    text("resourceid", "resourceId"),
    text("resourcename", "resourceName"),
    text("arn", "arn"),
    text("awsregion", "awsRegion"),
    text("availabilityzone", "availabilityZone"),
    text("resourcecreationtime", "resourceCreationTime"),
    column("configuration", "configuration", Kind::Map),
    column("supplementaryconfiguration", "supplementaryConfiguration", Kind::Map),
    text("relatedevents", "relatedEvents"),
    column("relationships", "relationships", Kind::List(RELATIONSHIP)),
    column("tags", "tags", Kind::Map),
    text("version", "version"),
    column("useridentity", "userIdentity", Kind::Row(ACTIVITY_IDENTITY)),
    text("useragent", "userAgent"),
    text("eventsource", "eventSource"),
    text("eventname", "eventName"),
    text("eventtime", "eventTime"),
    text("uid", "UID"),
    column("requestparameters", "requestParameters", Kind::Map),
    column("responseelements", "responseElements", Kind::Map),
    text("errorcode", "errorCode"),
    text("errormessage", "errorMessage"),
    text("sourceipaddress", "sourceIPAddress"),
    text("recipientaccountid", "recipientAccountId"),
    column("additionaleventdata", "additionalEventData", Kind::Map),
    column("attributes", "attributes", Kind::Map),
    text("awsaccountid", "awsAccountId"),
    text("compliancecheck", "complianceCheck"),
    text("datasource", "dataSource"),
    text("evidencebytype", "evidenceByType"),
    text("evidenceid", "evidenceId"),
    column("time", "time", Kind::Time),
    text("assessmentid", "assessmentId"),
    text("controlid", "controlId"),
    text("controlname", "controlName"),
    text("frameworkname", "frameworkName"),
    text("service", "service"),
    text("resourcearn", "resourceArn"),
    text("resourcecompliancecheck", "resourceComplianceCheck"),
];

const RELATIONSHIP: &[Column] = &[
    text("name", "name"),
    text("resourcetype", "resourceType"),
    text("resourceid", "resourceId"),
    text("resourcename", "resourceName"),
];

const ACTIVITY_IDENTITY: &[Column] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    column("details", "details", Kind::Map),
];

const METADATA: &[Column] =
    &[text("ingestiontime", "ingestionTime"), text("channelarn", "channelARN")];

const ATHENA: &[Column] = &[
    text("eventversion", "eventVersion"),
    column("useridentity", "userIdentity", Kind::Row(ATHENA_IDENTITY)),
    text("eventtime", "eventTime"),
    text("eventsource", "eventSource"),
    text("eventname", "eventName"),
    text("awsregion", "awsRegion"),
    text("sourceipaddress", "sourceIPAddress"),
    text("useragent", "userAgent"),
    text("errorcode", "errorCode"),
    text("errormessage", "errorMessage"),
    text("requestparameters", "requestParameters"),
    text("responseelements", "responseElements"),
    text("additionaleventdata", "additionalEventData"),
    text("requestid", "requestID"),
    text("eventid", "eventID"),
    column("resources", "resources", Kind::List(ATHENA_RESOURCE)),
    text("eventtype", "eventType"),
    text("apiversion", "apiVersion"),
    text("readonly", "readOnly"),
    text("recipientaccountid", "recipientAccountId"),
    text("serviceeventdetails", "serviceEventDetails"),
    text("sharedeventid", "sharedEventID"),
    text("vpcendpointid", "vpcEndpointId"),
    column("tlsdetails", "tlsDetails", Kind::Row(TLS)),
    text("eventcategory", "eventCategory"),
    text("managementevent", "managementEvent"),
    text("vpcendpointaccountid", "vpcEndpointAccountId"),
    text("sessioncredentialfromconsole", "sessionCredentialFromConsole"),
    text("edgedevicedetails", "edgeDeviceDetails"),
    text("addendum", "addendum"),
    text("insightdetails", "insightDetails"),
    text("annotation", "annotation"),
];

const ATHENA_IDENTITY: &[Column] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("invokedby", "invokedBy"),
    text("accesskeyid", "accessKeyId"),
    text("username", "userName"),
    column("sessioncontext", "sessionContext", Kind::Row(ATHENA_SESSION)),
    text("identityprovider", "identityProvider"),
    column("onbehalfof", "onBehalfOf", Kind::Row(ON_BEHALF_OF)),
    column("inscopeof", "inScopeOf", Kind::Row(IN_SCOPE_OF)),
];

const ATHENA_SESSION: &[Column] = &[
    column("attributes", "attributes", Kind::Row(ATHENA_ATTRIBUTES)),
    column("sessionissuer", "sessionIssuer", Kind::Row(ISSUER)),
    text("ec2roledelivery", "ec2RoleDelivery"),
    column("webidfederationdata", "webIdFederationData", Kind::Map),
    text("sourceidentity", "sourceIdentity"),
];

const ATHENA_ATTRIBUTES: &[Column] =
    &[text("mfaauthenticated", "mfaAuthenticated"), text("creationdate", "creationDate")];

const ATHENA_RESOURCE: &[Column] =
    &[text("arn", "ARN"), text("accountid", "accountId"), text("type", "type")];
