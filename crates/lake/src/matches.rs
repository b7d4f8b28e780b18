//! Comparing a column with a value: the same for the tail and for what was read from files.

use arrow_array::{Array, BooleanArray, DictionaryArray, ListArray, StringArray, types::Int32Type};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use crate::{Error, Key, chunk::mismatch, columns::Column};

impl Key {
    /// The column that holds the member.
    pub(crate) const fn column(self) -> Column {
        match self {
            Self::AccessKeyId => Column::AccessKeyId,
            Self::EventId => Column::EventId,
            Self::EventName => Column::EventName,
            Self::EventSource => Column::EventSource,
            Self::ReadOnly => Column::ReadOnly,
            Self::ResourceName => Column::ResourceNames,
            Self::ResourceType => Column::ResourceTypes,
            Self::Username => Column::Username,
        }
    }
}

/// Which rows of `array` are `value`, or hold it in their list. Booleans are `true` and `false`.
///
/// # Errors
/// When the array is none of texts, dictionaries of texts, lists of either, or booleans.
pub(crate) fn equal(array: &dyn Array, value: &str) -> Result<BooleanBuffer, Error> {
    let any = array.as_any();
    if let Some(texts) = any.downcast_ref::<StringArray>() {
        return Ok(equal_texts(texts, value));
    }
    if let Some(texts) = any.downcast_ref::<DictionaryArray<Int32Type>>() {
        return equal_dictionary(texts, value);
    }
    if let Some(lists) = any.downcast_ref::<ListArray>() {
        return Ok(any_of(lists, &equal(lists.values().as_ref(), value)?));
    }
    if let Some(flags) = any.downcast_ref::<BooleanArray>() {
        return Ok(equal_flags(flags, value));
    }
    Err(mismatch("filtered"))
}

fn equal_texts(texts: &StringArray, value: &str) -> BooleanBuffer {
    let (offsets, bytes, value) = (texts.value_offsets(), texts.value_data(), value.as_bytes());
    let is_equal = |row: usize| {
        let (Some(start), Some(end)) = (offsets.get(row), offsets.get(row + 1)) else {
            return false;
        };
        (end - start) as usize == value.len()
            && bytes.get(*start as usize..*end as usize) == Some(value)
            && texts.is_valid(row)
    };
    BooleanBuffer::collect_bool(texts.len(), is_equal)
}

fn equal_dictionary(
    texts: &DictionaryArray<Int32Type>,
    value: &str,
) -> Result<BooleanBuffer, Error> {
    let values = texts.values().as_any().downcast_ref::<StringArray>();
    let values = values.ok_or_else(|| mismatch("dictionary"))?;
    let wanted = equal_texts(values, value);
    let mut of_values = wanted.set_indices();
    let keys = texts.keys().values();
    let is_valid = |row: usize| texts.is_valid(row);
    let found = match (of_values.next(), of_values.next()) {
        (None, _) => BooleanBuffer::new_unset(texts.len()),
        (Some(one), None) => {
            let one = i32::try_from(one).unwrap_or(-1);
            BooleanBuffer::collect_bool(keys.len(), |row| {
                keys.get(row) == Some(&one) && is_valid(row)
            })
        }
        // A dictionary may hold a value twice when a reader joined two of them.
        _ => BooleanBuffer::collect_bool(keys.len(), |row| {
            let key = keys.get(row).and_then(|it| usize::try_from(*it).ok());
            key.is_some_and(|it| it < wanted.len() && wanted.value(it)) && is_valid(row)
        }),
    };
    Ok(found)
}

fn equal_flags(flags: &BooleanArray, value: &str) -> BooleanBuffer {
    let wanted = match value {
        "true" => true,
        "false" => false,
        _ => return BooleanBuffer::new_unset(flags.len()),
    };
    BooleanBuffer::collect_bool(flags.len(), |row| {
        flags.is_valid(row) && flags.value(row) == wanted
    })
}

/// Which lists have an element that is marked.
fn any_of(lists: &ListArray, elements: &BooleanBuffer) -> BooleanBuffer {
    if elements.count_set_bits() == 0 {
        return BooleanBuffer::new_unset(lists.len());
    }
    let mut found = BooleanBufferBuilder::new(lists.len());
    for ends in lists.value_offsets().windows(2) {
        let (start, end) = match ends {
            [start, end] => (*start as usize, *end as usize),
            _ => (0, 0),
        };
        found.append((start..end).any(|it| elements.value(it)));
    }
    found.finish()
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        builder::{ListBuilder, StringBuilder},
        types::Int32Type,
    };

    use super::*;

    #[track_caller]
    fn check(array: &dyn Array, value: &str, expected: &[usize]) {
        let found: Vec<_> = equal(array, value).unwrap().set_indices().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn texts_are_compared_byte_for_byte() {
        let texts = StringArray::from(vec![Some("a"), None, Some(""), Some("A"), Some("a")]);
        check(&texts, "a", &[0, 4]);
        check(&texts, "", &[2]);
        check(&texts.slice(1, 3), "a", &[]);
        check(&texts.slice(3, 2), "a", &[1]);
    }

    #[test]
    fn dictionaries_are_compared_by_key() {
        let texts: DictionaryArray<Int32Type> =
            [Some("a"), None, Some("b"), Some("a")].into_iter().collect();
        check(&texts, "a", &[0, 3]);
        check(&texts, "c", &[]);
        check(&texts.slice(2, 2), "a", &[1]);
    }

    #[test]
    fn a_list_matches_by_any_element() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for texts in [&["a", "b"][..], &[], &["b"]] {
            for text in texts {
                lists.values().append_value(text);
            }
            lists.append(true);
        }
        let lists = lists.finish();
        check(&lists, "b", &[0, 2]);
        check(&lists, "a", &[0]);
        check(&lists.slice(1, 2), "b", &[1]);
    }

    #[test]
    fn booleans_are_compared_by_their_words() {
        let flags = BooleanArray::from(vec![Some(true), None, Some(false)]);
        check(&flags, "true", &[0]);
        check(&flags, "false", &[2]);
        check(&flags, "False", &[]);
    }
}
