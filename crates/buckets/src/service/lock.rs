//! Object Lock: the configuration of a bucket, retention and legal hold of an object.
//!
//! S3 wants versions for Object Lock. There are none here: an object under a lock can be neither
//! deleted nor replaced, and every bucket may have Object Lock.

use std::sync::Arc;

use jiff::Timestamp;
use s3s::{
    S3ErrorCode,
    dto::{
        self, GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectLockConfigurationInput,
        GetObjectLockConfigurationOutput, GetObjectRetentionInput, GetObjectRetentionOutput,
        ObjectLockConfiguration, ObjectLockEnabled, ObjectLockLegalHold, ObjectLockRetention,
        ObjectLockRule, PutObjectLegalHoldInput, PutObjectLegalHoldOutput,
        PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput, PutObjectRetentionInput,
        PutObjectRetentionOutput, TimestampFormat,
    },
};

use super::{
    Facts,
    conditions::{locked, no_such_key},
    delete::bypasses_governance,
    get::{check_version, find},
    told::time,
};
use crate::{
    error::{Fault, refuse},
    index::{Bucket, Relock},
    lock::{BucketLock, DefaultRetention, ObjectLock, Retention, RetentionMode, Span, YEARS_MAX},
    store::{Store, to_the_end},
};

pub(super) async fn get_object_lock_configuration(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectLockConfigurationInput,
) -> Result<GetObjectLockConfigurationOutput, Fault> {
    let Some(lock) = store.bucket(facts, &input.bucket)?.lock else {
        return Err(refuse(
            S3ErrorCode::ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket",
        ));
    };
    let rule = lock.default.map(|it| {
        let count = |number: u32| i32::try_from(number).ok();
        let (days, years) = match it.span {
            Span::Days(days) => (count(days), None),
            Span::Years(years) => (None, count(years)),
        };
        let mode = Some(it.mode.as_str().to_owned().into());
        ObjectLockRule { default_retention: Some(dto::DefaultRetention { days, mode, years }) }
    });
    let configuration = ObjectLockConfiguration {
        object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
        rule,
    };
    Ok(GetObjectLockConfigurationOutput { object_lock_configuration: Some(configuration) })
}

pub(super) async fn put_object_lock_configuration(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutObjectLockConfigurationInput,
) -> Result<PutObjectLockConfigurationOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let configuration = input.object_lock_configuration.ok_or_else(malformed)?;
    // It cannot be taken off again, so nothing but "Enabled" is a state.
    let enabled = configuration.object_lock_enabled.as_ref().map(ObjectLockEnabled::as_str);
    if enabled != Some(ObjectLockEnabled::ENABLED) {
        return Err(malformed());
    }
    let lock = BucketLock { default: configuration.rule.map(standard).transpose()? };
    let (setter, name) = (Arc::clone(store), input.bucket);
    let set = to_the_end(async move {
        let _turn = setter.naming.lock().await;
        setter.index.set_bucket_lock(&name, &lock).await?;
        setter.note(|all| {
            if let Some(bucket) = all.get_mut(&name) {
                bucket.lock = Some(lock);
            }
        });
        Ok(())
    });
    set.await?;
    Ok(PutObjectLockConfigurationOutput::default())
}

pub(super) async fn get_object_retention(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectRetentionInput,
) -> Result<GetObjectRetentionOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let lock = find(store, &input.bucket, &input.key).await?.meta.lock;
    let Some(retention) = lock.retention else { return Err(without(&bucket)) };
    let retention = ObjectLockRetention {
        mode: Some(retention.mode.as_str().to_owned().into()),
        retain_until_date: Some(time(retention.until.as_millisecond())),
    };
    Ok(GetObjectRetentionOutput { retention: Some(retention) })
}

pub(super) async fn put_object_retention(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutObjectRetentionInput,
) -> Result<PutObjectRetentionOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let given = input.retention.ok_or_else(malformed)?;
    let bypasses = bypasses_governance(facts, &bucket, input.bypass_governance_retention);
    let unlock = store.unlock(bypasses);
    let mode = given.mode.as_ref().map(|it| it.as_str());
    let new = read_retention(mode, given.retain_until_date.as_ref(), unlock.now)?;
    let rule = move |old: &ObjectLock| {
        let yields = old.retention.is_none_or(|it| it.yields_to(new.as_ref(), unlock));
        yields.then(|| ObjectLock { retention: new, ..old.clone() })
    };
    change(store, &bucket, &input.key, rule).await?;
    Ok(PutObjectRetentionOutput::default())
}

pub(super) async fn get_object_legal_hold(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectLegalHoldInput,
) -> Result<GetObjectLegalHoldOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let lock = find(store, &input.bucket, &input.key).await?.meta.lock;
    if lock.is_empty() {
        return Err(without(&bucket));
    }
    let hold = ObjectLockLegalHold { status: Some(hold_word(lock.legal_hold).to_owned().into()) };
    Ok(GetObjectLegalHoldOutput { legal_hold: Some(hold) })
}

pub(super) async fn put_object_legal_hold(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutObjectLegalHoldInput,
) -> Result<PutObjectLegalHoldOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let status = input.legal_hold.and_then(|it| it.status).ok_or_else(malformed)?;
    let legal_hold = hold_from(status.as_str()).ok_or_else(malformed)?;
    let rule = move |old: &ObjectLock| Some(ObjectLock { legal_hold, ..old.clone() });
    change(store, &bucket, &input.key, rule).await?;
    Ok(PutObjectLegalHoldOutput::default())
}

/// What an uploader asks to have locked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) mode: Option<&'a str>,
    pub(super) until: Option<&'a dto::Timestamp>,
    pub(super) legal_hold: Option<&'a str>,
}

/// Reads [`Asked`] from an input that has S3's usual members.
macro_rules! read_lock {
    ($input:expr) => {
        $crate::service::lock::Asked {
            mode: $input.object_lock_mode.as_ref().map(|it| it.as_str()),
            until: $input.object_lock_retain_until_date.as_ref(),
            legal_hold: $input.object_lock_legal_hold_status.as_ref().map(|it| it.as_str()),
        }
    };
}
pub(super) use read_lock;

impl Asked<'_> {
    /// The lock of an object that is put `now`: what is asked for, else the bucket's default.
    pub(super) fn of_new(self, bucket: &Bucket, now: Timestamp) -> Result<ObjectLock, Fault> {
        let is_asked = self.mode.is_some() || self.until.is_some() || self.legal_hold.is_some();
        let Some(lock) = bucket.lock else {
            return if is_asked { Err(no_lock()) } else { Ok(ObjectLock::default()) };
        };
        let wrong = |words: &str| refuse(S3ErrorCode::InvalidArgument, words);
        let retention = match (self.mode, self.until) {
            (None, None) => lock.default.map(|it| it.from(now)),
            (Some(mode), Some(_)) if RetentionMode::from_word(mode).is_none() => {
                return Err(wrong("Unknown wormMode directive."));
            }
            (Some(mode), Some(until)) => read_retention(Some(mode), Some(until), now)?,
            (Some(_), None) | (None, Some(_)) => {
                return Err(wrong(
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be \
                     supplied",
                ));
            }
        };
        let legal_hold = match self.legal_hold {
            None => false,
            Some(word) => {
                hold_from(word).ok_or_else(|| wrong("Legal hold must be either of [ON, OFF]"))?
            }
        };
        Ok(ObjectLock { retention, legal_hold, by_trail: false })
    }
}

/// Puts a lock into the three members that S3's shapes have for it.
macro_rules! tell_lock {
    ($output:expr, $lock:expr) => {
        let lock: &$crate::lock::ObjectLock = $lock;
        if let Some(retention) = lock.retention {
            $output.object_lock_mode = Some(retention.mode.as_str().to_owned().into());
            $output.object_lock_retain_until_date =
                Some($crate::service::told::time(retention.until.as_millisecond()));
        }
        if lock.legal_hold {
            $output.object_lock_legal_hold_status =
                Some($crate::service::lock::hold_word(true).to_owned().into());
        }
    };
}
pub(super) use tell_lock;

/// S3's word for a hold.
pub(super) fn hold_word(is_on: bool) -> &'static str {
    if is_on { "ON" } else { "OFF" }
}

fn hold_from(word: &str) -> Option<bool> {
    match word {
        "ON" => Some(true),
        "OFF" => Some(false),
        _ => None,
    }
}

/// Changes an object's lock in a bucket that has Object Lock; what a trail wrote is locked in any.
async fn change(
    store: &Arc<Store>,
    bucket: &Bucket,
    key: &str,
    rule: impl FnOnce(&ObjectLock) -> Option<ObjectLock> + Send + 'static,
) -> Result<(), Fault> {
    if bucket.lock.is_none() && find(store, &bucket.name, key).await?.meta.lock.is_empty() {
        return Err(no_lock());
    }
    match store.relock((&bucket.name, key), rule).await? {
        Relock::Done => Ok(()),
        Relock::NoKey => Err(no_such_key()),
        Relock::Unchanged => Err(locked()),
    }
}

/// A retention in S3's shapes; without both members it is none, which takes one off.
fn read_retention(
    mode: Option<&str>,
    until: Option<&dto::Timestamp>,
    now: Timestamp,
) -> Result<Option<Retention>, Fault> {
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        (Some(_), None) | (None, Some(_)) => return Err(malformed()),
    };
    let mode = RetentionMode::from_word(mode).ok_or_else(malformed)?;
    let until = instant(until).ok_or_else(malformed)?;
    if until <= now {
        return Err(refuse(
            S3ErrorCode::InvalidArgument,
            "The retain until date must be in the future!",
        ));
    }
    Ok(Some(Retention { mode, until }))
}

fn standard(rule: ObjectLockRule) -> Result<DefaultRetention, Fault> {
    let given = rule.default_retention.ok_or_else(malformed)?;
    let mode = given.mode.as_ref().and_then(|it| RetentionMode::from_word(it.as_str()));
    let count = |number: i32, max: u32| {
        let number = u32::try_from(number).ok().filter(|it| *it > 0).ok_or_else(|| {
            refuse(
                S3ErrorCode::InvalidArgument,
                "Default retention period must be a positive integer value.",
            )
        })?;
        if number > max {
            let words = "Default retention period too large";
            return Err(refuse(S3ErrorCode::InvalidArgument, words));
        }
        Ok(number)
    };
    let span = match (given.days, given.years) {
        (Some(days), None) => Span::Days(count(days, YEARS_MAX * 365)?),
        (None, Some(years)) => Span::Years(count(years, YEARS_MAX)?),
        (Some(_), Some(_)) | (None, None) => return Err(malformed()),
    };
    Ok(DefaultRetention { mode: mode.ok_or_else(malformed)?, span })
}

fn instant(time: &dto::Timestamp) -> Option<Timestamp> {
    let mut text = Vec::new();
    time.format(TimestampFormat::DateTime, &mut text).ok()?;
    String::from_utf8(text).ok()?.parse().ok()
}

/// Why an object without a lock has none.
fn without(bucket: &Bucket) -> Fault {
    if bucket.lock.is_none() {
        return no_lock();
    }
    refuse(
        S3ErrorCode::NoSuchObjectLockConfiguration,
        "The specified object does not have a ObjectLock configuration",
    )
}

fn no_lock() -> Fault {
    refuse(S3ErrorCode::InvalidRequest, "Bucket is missing Object Lock Configuration")
}

fn malformed() -> Fault {
    refuse(
        S3ErrorCode::MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}
