//! `LookupEvents`: event history, newest first.
//!
//! Shows the management events (or, asked for, the Insights events) of the caller's account in the
//! region of the call, as long as the built-in store keeps them. At most one attribute, compared
//! exactly. A token fixes where the listing began, so that pages neither lose nor repeat while
//! records arrive.
//! AWS allows two calls a second; there is no such limit here.
//! Spec: CloudTrail API Reference, "LookupEvents"; the model's constraints.

mod event;
mod token;

use jiff::Timestamp;
use lake::{Attribute, Key, Lake, Lookup};
use record::{AccountId, Category};
use serde_json::{Map, Value};
use wire::shapes::{
    Request as _,
    cloudtrail::{ErrorCode, LookupAttribute, LookupEventsRequest},
};

use self::token::Token;
use crate::fault::{Fault, fault, internal, refused};

/// Answers `LookupEvents`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn lookup_events(
    lake: &Lake,
    account: AccountId,
    region: &str,
    request: LookupEventsRequest,
) -> Result<Value, Fault> {
    // What has an error of its own comes before what is merely not valid.
    let limit = limit(request.max_results)?;
    let category = category(request.event_category.as_deref())?;
    let wanted = request.lookup_attributes.as_deref().unwrap_or_default();
    if wanted.len() > 1 {
        return Err(invalid_attributes("At most one lookup attribute can be given."));
    }
    request.validate().map_err(refused)?;
    let attribute = wanted.first().map(|one| attribute(one, category)).transpose()?;
    let (from, to) = (request.start_time, request.end_time);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(fault(
            ErrorCode::InvalidTimeRangeException,
            "The start time is later than the end time.",
        ));
    }
    let parameters = fixed(account, region, category, attribute.as_ref(), from, to);
    let token = match &request.next_token {
        Some(text) => Some(Token::decode(text, &parameters).ok_or_else(|| {
            fault(
                ErrorCode::InvalidNextTokenException,
                "The token is not valid for these parameters.",
            )
        })?),
        None => None,
    };
    let began = token.map_or_else(|| *lake.visible().borrow(), |token| token.began);
    let lookup = Lookup {
        account,
        region: Some(region.to_owned()),
        categories: vec![category],
        attribute,
        from,
        to,
        before: began,
        after: token.map(|token| token.after),
        // One more than wanted tells whether there is another page.
        limit: limit + 1,
    };
    let mut rows = lake.lookup(lookup).await.map_err(internal)?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let mut answer = Map::new();
    answer.insert("Events".to_owned(), rows.iter().map(event::event).collect());
    if let Some(last) = rows.last().filter(|_| has_more) {
        let next = Token { began, after: last.place };
        answer.insert("NextToken".to_owned(), Value::from(next.encode(&parameters)));
    }
    Ok(Value::Object(answer))
}

fn limit(wanted: Option<i32>) -> Result<usize, Fault> {
    let Some(wanted) = wanted else { return Ok(PAGE_MAX) };
    usize::try_from(wanted).ok().filter(|wanted| (1..=PAGE_MAX).contains(wanted)).ok_or_else(|| {
        let message = format!("The maximum number of results must be 1 to {PAGE_MAX}.");
        fault(ErrorCode::InvalidMaxResultsException, &message)
    })
}

fn category(word: Option<&str>) -> Result<Category, Fault> {
    match word {
        None => Ok(Category::Management),
        Some("insight") => Ok(Category::Insight),
        Some(_) => Err(fault(
            ErrorCode::InvalidEventCategoryException,
            "The event category is not valid; it is insight, or absent for management events.",
        )),
    }
}

fn attribute(wanted: &LookupAttribute, category: Category) -> Result<Attribute, Fault> {
    let word = wanted.attribute_key.as_deref().unwrap_or_default();
    let value = wanted.attribute_value.as_deref().unwrap_or_default();
    let key = Key::ALL.into_iter().find(|key| format!("{key:?}") == word).ok_or_else(|| {
        invalid_attributes("The attribute key is not one of the lookup attributes.")
    })?;
    let of_insights = matches!(key, Key::EventId | Key::EventName | Key::EventSource);
    if category == Category::Insight && !of_insights {
        return Err(invalid_attributes(
            "Insights events are looked up by EventId, EventName or EventSource.",
        ));
    }
    // The documentation counts these twice.
    let heavy = |letter: char| matches!(letter, '_' | ' ' | ',' | '\n');
    let weight: usize = value.chars().map(|letter| 1 + usize::from(heavy(letter))).sum();
    if !(1..=VALUE_MAX).contains(&weight) {
        return Err(invalid_attributes("The attribute value must have 1 to 2000 characters."));
    }
    Ok(Attribute { key, value: value.to_owned() })
}

fn invalid_attributes(message: &str) -> Fault {
    fault(ErrorCode::InvalidLookupAttributesException, message)
}

/// Everything that must not change from page to page.
fn fixed(
    account: AccountId,
    region: &str,
    category: Category,
    attribute: Option<&Attribute>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Vec<u8> {
    format!("{account}\n{region}\n{category}\n{attribute:?}\n{from:?}\n{to:?}").into_bytes()
}

/// Events of one page.
const PAGE_MAX: usize = 50;
/// Characters of an attribute's value.
const VALUE_MAX: usize = 2000;
