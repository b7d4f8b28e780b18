//! Reading a record: checked once, kept verbatim, its members read when they are asked for.
//!
//! Spec: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element". Older and
//! hand-made records are read leniently where nothing is lost by it: a time without `T` or `Z`,
//! booleans as texts.

use std::borrow::Cow;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    AccountId, Category,
    json::{Scanner, Span},
};

/// The longest record that is accepted: the size that an event data store may opt in to, and ours
/// everywhere. CloudTrail's own bound is 256 KiB.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting that is accepted.
pub const MAX_DEPTH: usize = 64;

/// Why bytes are not a record that we accept, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason} at byte {position}")]
pub struct Invalid {
    /// Byte within what was parsed.
    pub position: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with bytes that should be a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Reason {
    #[error("ends too early")]
    Ends,
    #[error("a member of an indexed name stands twice")]
    Duplicate,
    #[error("no valid `eventTime`")]
    EventTime,
    #[error("`{0}` is not of its type")]
    Kind(&'static str),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("not an object")]
    NotAnObject,
    #[error("not JSON")]
    Syntax,
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("longer than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("more after the end")]
    Trailing,
    #[error("not UTF-8")]
    Utf8,
}

/// Reads a record.
///
/// One pass over the bytes; nothing is copied. A record must be one JSON object (RFC 8259, UTF-8,
/// at most [`MAX_BYTES`] and [`MAX_DEPTH`]) with a readable `eventTime`, and with `eventSource` and
/// `eventName` unless its kind has none (Insights, aggregated and configuration events). An indexed
/// member that stands twice is refused, since readers differ on which one counts.
///
/// # Errors
/// [`Invalid`] says what is wrong, and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Record<'_>, Invalid> {
    if bytes.len() > MAX_BYTES {
        return Err(Invalid { position: MAX_BYTES, reason: Reason::TooLarge });
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(Invalid { position: error.valid_up_to(), reason: Reason::Utf8 });
    }
    let mut scanner = Scanner::new(bytes, 0);
    scanner.skip_blanks();
    if scanner.peek().is_some_and(|byte| byte != b'{') {
        return Err(scanner.fail(Reason::NotAnObject));
    }
    let mut record =
        Record { bytes, top: [Span::default(); TOP.len()], who: [Span::default(); WHO.len()] };
    let (top, who) = (&mut record.top, &mut record.who);
    scanner.object(0, &mut |name, scanner, depth| {
        scanner.skip_blanks();
        let name = name.of(bytes);
        let value = if name == b"\"userIdentity\"" && scanner.peek() == Some(b'{') {
            scanner.object(depth, &mut |name, scanner, depth| {
                let start = scanner.at();
                let value = scanner.value(depth)?;
                keep(&WHO, who, name.of(bytes), value, start)
            })?;
            return Ok(());
        } else {
            let start = scanner.at();
            (scanner.value(depth)?, start)
        };
        keep(&TOP, top, name, value.0, value.1)
    })?;
    scanner.skip_blanks();
    if scanner.at() < bytes.len() {
        return Err(scanner.fail(Reason::Trailing));
    }
    record.check()?;
    Ok(record)
}

fn keep(
    known: &[&str],
    spans: &mut [Span],
    name: &[u8],
    value: Span,
    position: usize,
) -> Result<(), Invalid> {
    let bare = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
    // A name with escapes may still spell a known one.
    let bare = if bare.contains(&b'\\') {
        decode(name)
    } else {
        std::str::from_utf8(bare).ok().map(Cow::Borrowed)
    };
    let Some(bare) = bare else { return Ok(()) };
    let Some(index) = known.iter().position(|it| *it == bare) else { return Ok(()) };
    let Some(slot) = spans.get_mut(index) else { return Ok(()) };
    if *slot != Span::default() {
        return Err(Invalid { position, reason: Reason::Duplicate });
    }
    *slot = value;
    Ok(())
}

/// A record: the bytes as they came, and where its indexed members lie.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
    top: [Span; TOP.len()],
    who: [Span; WHO.len()],
}

/// Declares the members that are indexed, with the index of each.
macro_rules! members {
    ($all:ident: $($constant:ident = $name:literal),+ $(,)?) => {
        const $all: [&str; [$($name),+].len()] = [$($name),+];
        members!(@index 0usize; $($constant)+);
    };
    (@index $index:expr; $constant:ident $($rest:ident)*) => {
        const $constant: usize = $index;
        members!(@index $index + 1; $($rest)*);
    };
    (@index $index:expr;) => {};
}

members! { TOP:
    EVENT_TIME = "eventTime", EVENT_SOURCE = "eventSource", EVENT_NAME = "eventName",
    AWS_REGION = "awsRegion", SOURCE_IP = "sourceIPAddress", USER_AGENT = "userAgent",
    ERROR_CODE = "errorCode", ERROR_MESSAGE = "errorMessage", REQUEST_ID = "requestID",
    EVENT_ID = "eventID", READ_ONLY = "readOnly", RESOURCES = "resources",
    EVENT_TYPE = "eventType", MANAGEMENT_EVENT = "managementEvent",
    RECIPIENT = "recipientAccountId", SHARED_EVENT_ID = "sharedEventID",
    EVENT_CATEGORY = "eventCategory",
    REQUEST_PARAMETERS = "requestParameters", RESPONSE_ELEMENTS = "responseElements",
    EVENT_ID_AGGREGATED = "eventId", ACCOUNT_AGGREGATED = "accountId",
    TIME_WINDOW = "timeWindow", VPC_ENDPOINT_ID = "vpcEndpointId",
    FROM_CONSOLE = "sessionCredentialFromConsole",
}

members! { WHO:
    WHO_TYPE = "type", WHO_PRINCIPAL = "principalId", WHO_ARN = "arn",
    WHO_ACCOUNT = "accountId", WHO_KEY = "accessKeyId", WHO_NAME = "userName",
    WHO_INVOKED_BY = "invokedBy",
}

/// A resource that a record names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Resource<'a> {
    /// `type`, such as `AWS::S3::Bucket`.
    pub kind: Option<Cow<'a, str>>,
    /// `ARN`, else `ARNPrefix`.
    pub name: Option<Cow<'a, str>>,
    /// `accountId`.
    pub account: Option<Cow<'a, str>>,
}

macro_rules! texts {
    ($($(#[$doc:meta])+ $method:ident = $spans:ident[$index:ident];)+) => {
        impl<'a> Record<'a> {$(
            $(#[$doc])+
            #[must_use]
            pub fn $method(&self) -> Option<Cow<'a, str>> {
                self.text(self.$spans.get($index).copied())
            }
        )+}
    };
}

texts! {
    /// `eventSource`, such as `s3.amazonaws.com`.
    event_source = top[EVENT_SOURCE];
    /// `eventName`.
    event_name = top[EVENT_NAME];
    /// `awsRegion`.
    aws_region = top[AWS_REGION];
    /// `sourceIPAddress`: an address or the name of a service.
    source_ip_address = top[SOURCE_IP];
    /// `userAgent`.
    user_agent = top[USER_AGENT];
    /// `errorCode`.
    error_code = top[ERROR_CODE];
    /// `errorMessage`.
    error_message = top[ERROR_MESSAGE];
    /// `requestID`.
    request_id = top[REQUEST_ID];
    /// `eventType`.
    event_type = top[EVENT_TYPE];
    /// `sharedEventID`.
    shared_event_id = top[SHARED_EVENT_ID];
    /// `vpcEndpointId`.
    vpc_endpoint_id = top[VPC_ENDPOINT_ID];
    /// `userIdentity.type`.
    identity_type = who[WHO_TYPE];
    /// `userIdentity.principalId`.
    principal_id = who[WHO_PRINCIPAL];
    /// `userIdentity.arn`.
    user_arn = who[WHO_ARN];
    /// `userIdentity.accountId`.
    user_account_id = who[WHO_ACCOUNT];
    /// `userIdentity.accessKeyId`.
    access_key_id = who[WHO_KEY];
    /// `userIdentity.invokedBy`.
    invoked_by = who[WHO_INVOKED_BY];
}

impl<'a> Record<'a> {
    /// The record's bytes, as they came.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `eventID`; aggregated events spell it `eventId`. Absent in a few old records.
    #[must_use]
    pub fn event_id(&self) -> Option<Cow<'a, str>> {
        self.text(self.top.get(EVENT_ID).copied())
            .or_else(|| self.text(self.top.get(EVENT_ID_AGGREGATED).copied()))
    }

    /// `eventTime`; of aggregated events, which have none, the end of their `timeWindow`. A record
    /// that was accepted has one, save an aggregated event without a window.
    #[must_use]
    pub fn event_time(&self) -> Option<Timestamp> {
        match self.text(self.top.get(EVENT_TIME).copied()) {
            Some(text) => time(&text),
            None => self.window_end(),
        }
    }

    /// The account whose history the record belongs to: `recipientAccountId`, else the account of the
    /// caller. `None` when neither is an account id.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        [self.top.get(RECIPIENT), self.top.get(ACCOUNT_AGGREGATED), self.who.get(WHO_ACCOUNT)]
            .into_iter()
            .find_map(|span| AccountId::parse(&self.text(span.copied())?).ok())
    }

    /// `eventCategory`; of records from before it existed, what `eventType` and `managementEvent`
    /// say, and of still older ones whether the call is one on an S3 object.
    #[must_use]
    pub fn category(&self) -> Category {
        if let Some(word) = self.text(self.top.get(EVENT_CATEGORY).copied()) {
            return Category::from_word(&word);
        }
        match self.event_type().as_deref() {
            Some("AwsCloudTrailInsight") => Category::Insight,
            Some("AwsVpceEvent" | "AwsVpceEvents") => Category::NetworkActivity,
            Some("AwsAggregatedEvent") => Category::Aggregated,
            Some("ActivityLog") => Category::ActivityAuditLog,
            Some("AwsConfigurationItem") => Category::ConfigurationItem,
            _ if self.flag(MANAGEMENT_EVENT).unwrap_or_else(|| !self.is_on_s3_object()) => {
                Category::Management
            }
            _ => Category::Data,
        }
    }

    /// Whether the call is one on an S3 object, which was a data event before records said so.
    fn is_on_s3_object(&self) -> bool {
        self.event_source().as_deref() == Some("s3.amazonaws.com")
            && self.event_name().is_some_and(|it| it.contains("Object") && !it.contains("Bucket"))
    }

    /// `readOnly`.
    #[must_use]
    pub fn read_only(&self) -> Option<bool> {
        self.flag(READ_ONLY)
    }

    /// `sessionCredentialFromConsole`. CloudTrail writes it as a text, and only when it is true.
    #[must_use]
    pub fn session_credential_from_console(&self) -> Option<bool> {
        self.flag(FROM_CONSOLE)
    }

    /// The name under which `LookupEvents` finds the caller: the user name, `root` for the root user
    /// (whose user name is the account's alias), the session name of a role session.
    #[must_use]
    pub fn username(&self) -> Option<Cow<'a, str>> {
        if self.identity_type().as_deref() == Some("Root") {
            return Some(Cow::Borrowed("root"));
        }
        if let Some(name) = self.text(self.who.get(WHO_NAME).copied()).filter(|it| !it.is_empty()) {
            return Some(name);
        }
        match self.identity_type().as_deref() {
            Some("AssumedRole" | "Role" | "FederatedUser") => {
                let from = self.user_arn().and_then(|arn| last(arn, '/'));
                from.or_else(|| self.principal_id().and_then(|id| last(id, ':')))
            }
            _ => None,
        }
    }

    /// The resources that the record names. Entries that are no objects are passed over.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource<'a>> {
        let Some(span) = self.top.get(RESOURCES) else { return Vec::new() };
        let mut found = Vec::new();
        let mut scanner = Scanner::new(self.bytes, span.start as usize);
        if !scanner.take(b'[') {
            return found;
        }
        while scanner.at() < span.end as usize {
            scanner.skip_blanks();
            let mut resource = Resource::default();
            if scanner.peek() == Some(b'{') {
                let bytes = self.bytes;
                let passed = scanner.object(1, &mut |name, scanner, depth| {
                    let value = decode(scanner.value(depth)?.of(bytes));
                    match name.of(bytes) {
                        b"\"type\"" => resource.kind = value,
                        b"\"ARN\"" | b"\"arn\"" => resource.name = value,
                        b"\"ARNPrefix\"" if resource.name.is_none() => resource.name = value,
                        b"\"accountId\"" => resource.account = value,
                        _ => {}
                    }
                    Ok(())
                });
                if passed.is_err() {
                    break;
                }
                found.push(resource);
            } else if scanner.peek() == Some(b']') || scanner.value(1).is_err() {
                break;
            }
            scanner.skip_blanks();
            if !scanner.take(b',') {
                break;
            }
        }
        found
    }

    /// The bytes of `requestParameters`, when the record has it.
    #[must_use]
    pub fn request_parameters(&self) -> Option<&'a [u8]> {
        self.raw(REQUEST_PARAMETERS)
    }

    /// The bytes of `responseElements`, when the record has it.
    #[must_use]
    pub fn response_elements(&self) -> Option<&'a [u8]> {
        self.raw(RESPONSE_ELEMENTS)
    }

    fn window_end(&self) -> Option<Timestamp> {
        let raw = self.raw(TIME_WINDOW)?;
        let mut end = None;
        let passed = Scanner::new(raw, 0).object(1, &mut |name, scanner, depth| {
            let value = scanner.value(depth)?.of(raw);
            if name.of(raw) == b"\"windowEnd\"" {
                end = decode(value).and_then(|text| time(&text));
            }
            Ok(())
        });
        passed.ok().and(end)
    }

    fn raw(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.top.get(index)?;
        (*span != Span::default()).then(|| span.of(self.bytes))
    }

    fn text(&self, span: Option<Span>) -> Option<Cow<'a, str>> {
        decode(span?.of(self.bytes))
    }

    fn flag(&self, index: usize) -> Option<bool> {
        match self.top.get(index)?.of(self.bytes) {
            b"true" | b"\"true\"" => Some(true),
            b"false" | b"\"false\"" => Some(false),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        let fail = |index: usize, reason| {
            let position = self.top.get(index).map_or(0, |span| span.start as usize);
            Err(Invalid { position, reason })
        };
        if self.event_time().is_none() {
            let aggregated = self.category() == Category::Aggregated;
            if !aggregated || self.raw(EVENT_TIME).is_some() {
                return fail(EVENT_TIME, Reason::EventTime);
            }
        }
        let named = match self.category() {
            Category::Management | Category::Data | Category::NetworkActivity => true,
            Category::Insight
            | Category::Aggregated
            | Category::ActivityAuditLog
            | Category::ConfigurationItem
            | Category::Evidence
            | Category::Other => false,
        };
        for (index, name) in [(EVENT_SOURCE, "eventSource"), (EVENT_NAME, "eventName")] {
            match (self.raw(index), self.text(self.top.get(index).copied())) {
                (None, _) if named => return fail(index, Reason::Missing(name)),
                (Some(_), None) => return fail(index, Reason::Kind(name)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads a JSON string with its quotes; `None` when the value is something else.
///
/// Half of a surrogate pair, which the grammar of JSON allows and Unicode does not, reads as U+FFFD:
/// whoever puts one into a name must not get the call out of the history by it.
fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let inner = std::str::from_utf8(inner).ok()?;
    let Some(first) = memchr::memchr(b'\\', inner.as_bytes()) else {
        return Some(Cow::Borrowed(inner));
    };
    let (plain, mut rest) = inner.split_at_checked(first)?;
    let mut decoded = String::with_capacity(inner.len());
    decoded.push_str(plain);
    while let Some((before, escaped)) = rest.split_once('\\') {
        decoded.push_str(before);
        let mut letters = escaped.chars();
        decoded.push(match letters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (letter, after) = unicode(letters.as_str())?;
                letters = after.chars();
                letter
            }
            other => other,
        });
        rest = letters.as_str();
    }
    decoded.push_str(rest);
    Some(Cow::Owned(decoded))
}

/// The character of `XXXX`, or of `XXXX\uXXXX` where both make a pair, and what follows.
fn unicode(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u32::from_str_radix(text, 16).ok();
    let (first, rest) = text.split_at_checked(4)?;
    let first = unit(first)?;
    let pair = || {
        let (second, rest) = rest.strip_prefix("\\u")?.split_at_checked(4)?;
        let low = unit(second)?.checked_sub(0xdc00).filter(|it| *it < 0x400)?;
        let high = first.checked_sub(0xd800).filter(|it| *it < 0x400)?;
        Some((char::from_u32(0x1_0000 + (high << 10) + low)?, rest))
    };
    let single = || (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    Some(pair().unwrap_or_else(single))
}

fn last(text: Cow<'_, str>, separator: char) -> Option<Cow<'_, str>> {
    match text {
        Cow::Borrowed(text) => text.rsplit_once(separator).map(|(_, it)| Cow::Borrowed(it)),
        Cow::Owned(text) => text.rsplit_once(separator).map(|(_, it)| Cow::Owned(it.to_owned())),
    }
}

/// Reads `yyyy-MM-ddTHH:mm:ssZ`, with or without fraction, `T` and `Z`. A time without zone is UTC,
/// as every time of CloudTrail is.
fn time(text: &str) -> Option<Timestamp> {
    quick_time(text.as_bytes()).or_else(|| text.parse().ok()).or_else(|| {
        text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
    })
}

/// Reads exactly `yyyy-MM-ddTHH:mm:ssZ`.
fn quick_time(text: &[u8]) -> Option<Timestamp> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        b'Z',
    ] = *text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0'))
        })
    };
    let two = |a, b| i8::try_from(number(&[a, b])?).ok();
    let civil = DateTime::new(
        number(&[y0, y1, y2, y3])?,
        two(m0, m1)?,
        two(d0, d1)?,
        two(h0, h1)?,
        two(n0, n1)?,
        two(s0, s1)?,
        0,
    );
    TimeZone::UTC.to_timestamp(civil.ok()?).ok()
}
