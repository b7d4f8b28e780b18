//! What was done to a log file, told from a genuine copy of it.
//!
//! A hash says only that something differs. With another copy whose hash is the signed one, the
//! events that differ have names.

use std::collections::BTreeMap;

use record::bulk;

use crate::verify::Kind;

/// Names what was done to `found`, given the `genuine` inflated file; each with the event concerned.
///
/// Events are told apart by their `eventID`, and compared byte for byte. Empty when the records are
/// the same and only the bytes around them differ, or when one of the two is no log file.
pub fn differences(genuine: &[u8], found: &[u8]) -> Vec<(Kind, String)> {
    let (Some(before), Some(after)) = (events(genuine), events(found)) else {
        return Vec::new();
    };
    let (was, is) = (by_id(&before), by_id(&after));
    let mut named = Vec::new();
    for (id, originals) in &was {
        let copies = is.get(id).map_or(&[][..], Vec::as_slice);
        if copies.is_empty() {
            named.push((Kind::RemovedEvent, format!("event {id} is gone")));
        } else if copies.iter().any(|copy| !originals.contains(copy)) {
            named.push((Kind::ChangedEvent, format!("event {id} was changed")));
        } else if copies.len() < originals.len() {
            let (now, then) = (copies.len(), originals.len());
            let detail = format!("event {id} stands there {now} times, not {then}");
            named.push((Kind::RemovedEvent, detail));
        } else if copies.len() > originals.len() {
            let (now, then) = (copies.len(), originals.len());
            let detail = format!("event {id} stands there {now} times, not {then}");
            named.push((Kind::DuplicatedEvent, detail));
        }
    }
    for id in is.keys().filter(|id| !was.contains_key(*id)) {
        named.push((Kind::AddedEvent, format!("event {id} was not there")));
    }
    if named.is_empty() && before != after {
        let detail = format!("its {} events stand in another order", after.len());
        named.push((Kind::ReorderedEvents, detail));
    }
    named
}

/// An event's id and its bytes.
type Event<'a> = (String, &'a [u8]);

fn events(file: &[u8]) -> Option<Vec<Event<'_>>> {
    bulk::split(file)
        .map(|item| {
            let record = item.record.ok()?;
            Some((record.event_id().unwrap_or_default().into_owned(), record.bytes()))
        })
        .collect()
}

fn by_id<'a>(events: &'a [Event<'a>]) -> BTreeMap<&'a str, Vec<&'a [u8]>> {
    let mut groups: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for (id, bytes) in events {
        groups.entry(id).or_default().push(bytes);
    }
    groups
}
