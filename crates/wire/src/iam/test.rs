//! What a condition operator compares: one value of the call with those of the policy.

use std::net::IpAddr;

use jiff::{Timestamp, civil};

use super::{
    Context,
    document::{self, InvalidPolicy},
    pattern::{Pattern, Syntax},
    policy::arn_matches,
};

/// The comparison of an operator, without its `Not`. Any of the policy's values may match.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Address(Vec<Network>),
    Arn(Vec<Vec<Pattern>>),
    Bool(Vec<bool>),
    Date(Order, Vec<Timestamp>),
    Null(Vec<bool>),
    Number(Order, Vec<f64>),
    Text(Vec<Pattern>),
}

/// How a value of the call stands to one of the policy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    address: IpAddr,
    /// How many bits count.
    prefix: u32,
}

impl Test {
    /// Reads an operator's name, and the policy's values in its form; says whether it is a `Not`.
    /// `None` when there is no such operator.
    pub(super) fn parse(
        operator: &str,
        values: &[String],
        variables: bool,
    ) -> Result<Option<(Self, bool)>, InvalidPolicy> {
        let text = |wildcards, ignore_case| {
            let syntax = Syntax { wildcards, variables, ignore_case };
            values
                .iter()
                .map(|it| Pattern::parse(it, syntax))
                .collect::<Result<_, _>>()
                .map(Self::Text)
        };
        let wrong = |value: &String| InvalidPolicy::ConditionValue {
            operator: operator.to_owned(),
            value: value.clone(),
        };
        let number = |order| {
            let numbers = values.iter().map(|it| number(it).ok_or_else(|| wrong(it)));
            numbers.collect::<Result<_, _>>().map(|it| Self::Number(order, it))
        };
        let date = |order| {
            let dates = values.iter().map(|it| date(it).ok_or_else(|| wrong(it)));
            dates.collect::<Result<_, _>>().map(|it| Self::Date(order, it))
        };
        let flags = || {
            let flags = values.iter().map(|it| flag(it).ok_or_else(|| wrong(it)));
            flags.collect::<Result<Vec<_>, _>>()
        };
        let networks = || {
            let networks = values.iter().map(|it| Network::parse(it).ok_or_else(|| wrong(it)));
            networks.collect::<Result<_, _>>().map(Self::Address)
        };
        let arns = || {
            let arns =
                values.iter().map(|it| document::arn(it, variables)?.ok_or_else(|| wrong(it)));
            arns.collect::<Result<_, _>>().map(Self::Arn)
        };
        Ok(Some(match operator {
            "StringEquals" => (text(false, false)?, false),
            "StringNotEquals" => (text(false, false)?, true),
            "StringEqualsIgnoreCase" => (text(false, true)?, false),
            "StringNotEqualsIgnoreCase" => (text(false, true)?, true),
            "StringLike" => (text(true, false)?, false),
            "StringNotLike" => (text(true, false)?, true),
            "NumericEquals" => (number(Order::Equal)?, false),
            "NumericNotEquals" => (number(Order::Equal)?, true),
            "NumericLessThan" => (number(Order::Less)?, false),
            "NumericLessThanEquals" => (number(Order::LessOrEqual)?, false),
            "NumericGreaterThan" => (number(Order::Greater)?, false),
            "NumericGreaterThanEquals" => (number(Order::GreaterOrEqual)?, false),
            "DateEquals" => (date(Order::Equal)?, false),
            "DateNotEquals" => (date(Order::Equal)?, true),
            "DateLessThan" => (date(Order::Less)?, false),
            "DateLessThanEquals" => (date(Order::LessOrEqual)?, false),
            "DateGreaterThan" => (date(Order::Greater)?, false),
            "DateGreaterThanEquals" => (date(Order::GreaterOrEqual)?, false),
            "Bool" => (Self::Bool(flags()?), false),
            "Null" => (Self::Null(flags()?), false),
            "IpAddress" => (networks()?, false),
            "NotIpAddress" => (networks()?, true),
            "ArnEquals" | "ArnLike" => (arns()?, false),
            "ArnNotEquals" | "ArnNotLike" => (arns()?, true),
            _ => return Ok(None),
        }))
    }

    /// Whether `value` stands so to any of the policy's values. `unresolved` is the answer for a
    /// pattern of which a variable has no value.
    pub(super) fn matches(&self, value: &str, context: &Context, unresolved: bool) -> bool {
        match self {
            Self::Address(networks) => value
                .parse()
                .is_ok_and(|address: IpAddr| networks.iter().any(|it| it.holds(address))),
            Self::Arn(patterns) => patterns
                .iter()
                .any(|parts| arn_matches(parts, value, context).unwrap_or(unresolved)),
            Self::Bool(flags) => flag(value).is_some_and(|value| flags.contains(&value)),
            Self::Date(order, dates) => {
                date(value).is_some_and(|value| dates.iter().any(|it| order.holds(&value, it)))
            }
            // Asks for the key, not for a value of it.
            Self::Null(_) => false,
            Self::Number(order, numbers) => {
                number(value).is_some_and(|value| numbers.iter().any(|it| order.holds(&value, it)))
            }
            Self::Text(patterns) => {
                patterns.iter().any(|it| it.matches(value, context).unwrap_or(unresolved))
            }
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, value: &T, bound: &T) -> bool {
        match self {
            Self::Equal => value == bound,
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

impl Network {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or one address.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            Some(_) => return None,
        };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    fn holds(&self, address: IpAddr) -> bool {
        // An IPv4 caller on a socket for both families is still an IPv4 caller.
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - self.prefix;
                u64::from(network.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| digits && value.is_finite())
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// ISO 8601, with or without a time of day (then UTC's midnight), or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if text.len() == 10 {
        let day: civil::Date = text.parse().ok()?;
        return Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    }
    text.parse().ok()
}
