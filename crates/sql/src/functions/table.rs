//! Which functions a query may call: the one list of them.

/// A function that queries may call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Function {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
}

/// What functions are about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Many rows to one value.
    Aggregate,
    /// Arrays.
    Array,
    /// Bytes and digests.
    Binary,
    /// Choice, types, errors.
    Conditional,
    /// Dates and times.
    Date,
    /// JSON.
    Json,
    /// Functions that take lambdas.
    Lambda,
    /// Maps.
    Map,
    /// Numbers.
    Math,
    /// Regular expressions.
    Regex,
    /// Text.
    String,
    /// URLs and networks.
    Url,
    /// Functions over a window of rows.
    Window,
}

const fn all<const N: usize>(family: Family, names: [&'static str; N]) -> [Function; N] {
    let mut out = [Function { name: "", family }; N];
    let mut at = 0;
    while at < N {
        #[expect(clippy::indexing_slicing, reason = "in a constant, and below the length of both")]
        {
            out[at] = Function { name: names[at], family };
        }
        at += 1;
    }
    out
}

/// Every function that a query may call, family by family. CAST, IF, TRY, EXTRACT and the clock's
/// functions (`now()` and its kind) are part of the grammar instead.
pub const FUNCTIONS: &[Function] = &{
    const AGGREGATE: [Function; 35] = all(
        Family::Aggregate,
        [
            "any_value",
            "approx_distinct",
            "approx_most_frequent",
            "approx_percentile",
            "arbitrary",
            "array_agg",
            "avg",
            "bool_and",
            "bool_or",
            "corr",
            "count",
            "count_if",
            "covar_pop",
            "covar_samp",
            "every",
            "geometric_mean",
            "histogram",
            "listagg",
            "map_agg",
            "map_union",
            "max",
            "max_by",
            "min",
            "min_by",
            "multimap_agg",
            "regr_intercept",
            "regr_slope",
            "set_agg",
            "stddev",
            "stddev_pop",
            "stddev_samp",
            "sum",
            "var_pop",
            "var_samp",
            "variance",
        ],
    );
    const ARRAY: [Function; 20] = all(
        Family::Array,
        [
            "array_distinct",
            "array_except",
            "array_intersect",
            "array_join",
            "array_max",
            "array_min",
            "array_position",
            "array_remove",
            "array_sort",
            "array_union",
            "arrays_overlap",
            "cardinality",
            "contains",
            "element_at",
            "flatten",
            "repeat",
            "sequence",
            "slice",
            "trim_array",
            "zip",
        ],
    );
    const BINARY: [Function; 12] = all(
        Family::Binary,
        [
            "from_base64",
            "from_base64url",
            "from_hex",
            "from_utf8",
            "md5",
            "sha1",
            "sha256",
            "sha512",
            "to_base64",
            "to_base64url",
            "to_hex",
            "to_utf8",
        ],
    );
    const CONDITIONAL: [Function; 6] =
        all(Family::Conditional, ["coalesce", "greatest", "least", "nullif", "row", "typeof"]);
    const DATE: [Function; 35] = all(
        Family::Date,
        [
            "at_timezone",
            "date",
            "date_add",
            "date_diff",
            "date_format",
            "date_parse",
            "date_trunc",
            "day",
            "day_of_month",
            "day_of_week",
            "day_of_year",
            "dow",
            "doy",
            "format_datetime",
            "from_iso8601_date",
            "from_iso8601_timestamp",
            "from_unixtime",
            "hour",
            "human_readable_seconds",
            "last_day_of_month",
            "millisecond",
            "minute",
            "month",
            "parse_datetime",
            "quarter",
            "second",
            "timezone_hour",
            "timezone_minute",
            "to_iso8601",
            "to_unixtime",
            "week",
            "week_of_year",
            "year",
            "year_of_week",
            "yow",
        ],
    );
    const JSON: [Function; 12] = all(
        Family::Json,
        [
            "is_json_scalar",
            "json_array_contains",
            "json_array_get",
            "json_array_length",
            "json_exists",
            "json_extract",
            "json_extract_scalar",
            "json_format",
            "json_parse",
            "json_query",
            "json_size",
            "json_value",
        ],
    );
    const LAMBDA: [Function; 10] = all(
        Family::Lambda,
        [
            "all_match",
            "any_match",
            "filter",
            "map_filter",
            "none_match",
            "reduce",
            "transform",
            "transform_keys",
            "transform_values",
            "zip_with",
        ],
    );
    const MAP: [Function; 6] = all(
        Family::Map,
        ["map", "map_concat", "map_entries", "map_from_entries", "map_keys", "map_values"],
    );
    const MATH: [Function; 38] = all(
        Family::Math,
        [
            "abs",
            "acos",
            "asin",
            "atan",
            "atan2",
            "cbrt",
            "ceil",
            "ceiling",
            "cos",
            "degrees",
            "e",
            "exp",
            "floor",
            "from_base",
            "infinity",
            "is_finite",
            "is_infinite",
            "is_nan",
            "ln",
            "log",
            "log10",
            "log2",
            "mod",
            "nan",
            "pi",
            "pow",
            "power",
            "radians",
            "rand",
            "random",
            "round",
            "sign",
            "sin",
            "sqrt",
            "tan",
            "to_base",
            "truncate",
            "width_bucket",
        ],
    );
    const REGEX: [Function; 7] = all(
        Family::Regex,
        [
            "regexp_count",
            "regexp_extract",
            "regexp_extract_all",
            "regexp_like",
            "regexp_position",
            "regexp_replace",
            "regexp_split",
        ],
    );
    const STRING: [Function; 27] = all(
        Family::String,
        [
            "chr",
            "codepoint",
            "concat",
            "concat_ws",
            "ends_with",
            "format",
            "hamming_distance",
            "length",
            "levenshtein_distance",
            "lower",
            "lpad",
            "ltrim",
            "normalize",
            "replace",
            "reverse",
            "rpad",
            "rtrim",
            "split",
            "split_part",
            "split_to_map",
            "starts_with",
            "strpos",
            "substr",
            "substring",
            "translate",
            "trim",
            "upper",
        ],
    );
    const URL: [Function; 9] = all(
        Family::Url,
        [
            "url_decode",
            "url_encode",
            "url_extract_fragment",
            "url_extract_host",
            "url_extract_parameter",
            "url_extract_path",
            "url_extract_port",
            "url_extract_protocol",
            "url_extract_query",
        ],
    );
    const WINDOW: [Function; 11] = all(
        Family::Window,
        [
            "cume_dist",
            "dense_rank",
            "first_value",
            "lag",
            "last_value",
            "lead",
            "nth_value",
            "ntile",
            "percent_rank",
            "rank",
            "row_number",
        ],
    );
    joined::<228>(&[
        &AGGREGATE,
        &ARRAY,
        &BINARY,
        &CONDITIONAL,
        &DATE,
        &JSON,
        &LAMBDA,
        &MAP,
        &MATH,
        &REGEX,
        &STRING,
        &URL,
        &WINDOW,
    ])
};

const fn joined<const N: usize>(families: &[&[Function]]) -> [Function; N] {
    let mut out = [Function { name: "", family: Family::Array }; N];
    let (mut family, mut filled) = (0, 0);
    #[expect(clippy::indexing_slicing, reason = "in a constant: a wrong place does not compile")]
    while family < families.len() {
        let mut at = 0;
        while at < families[family].len() {
            out[filled] = families[family][at];
            filled += 1;
            at += 1;
        }
        family += 1;
    }
    out
}

/// Functions of the engine below that mean what Trino means by them.
pub(super) const BORROWED: [&str; 6] =
    ["coalesce", "get_field", "make_array", "named_struct", "nullif", "random"];
