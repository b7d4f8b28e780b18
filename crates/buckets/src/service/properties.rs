//! What an uploader says of an object, read from the shapes of three operations.

use s3s::{
    S3ErrorCode,
    dto::{Timestamp, TimestampFormat},
};

use super::tags;
use crate::{
    error::{Fault, refuse},
    index::Properties,
};

/// How many bytes names and values of user metadata may have together.
pub(crate) const USER_METADATA_MAX: usize = 2048;

/// Reads [`Properties`] from an input that has S3's usual members.
macro_rules! read_properties {
    ($input:expr) => {
        $crate::service::properties::checked($crate::index::Properties {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            expires: $input
                .expires
                .take()
                .and_then(|it| $crate::service::properties::http_date(&it)),
            storage_class: $input.storage_class.take().map(|it| it.as_str().to_owned()),
            tags: $crate::service::tags::from_header($input.tagging.as_deref())?,
            user: $input.metadata.take().unwrap_or_default().into_iter().collect(),
            website_redirect_location: $input.website_redirect_location.take(),
        })
    };
}
pub(super) use read_properties;

/// Checks what has bounds.
pub(super) fn checked(properties: Properties) -> Result<Properties, Fault> {
    let bytes: usize = properties.user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > USER_METADATA_MAX {
        return Err(refuse(
            S3ErrorCode::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    tags::check(&properties.tags, tags::OBJECT_MAX)?;
    let classes = [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER_IR",
    ];
    match properties.storage_class.as_deref() {
        // Archives would promise a wait that does not exist.
        Some(class) if !classes.contains(&class) => Err(refuse(
            S3ErrorCode::InvalidStorageClass,
            "The storage class you specified is not valid",
        )),
        _ => Ok(properties),
    }
}

/// A time as HTTP headers tell it.
pub(super) fn http_date(time: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Reads a time as HTTP headers tell it.
pub(super) fn from_http_date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}
