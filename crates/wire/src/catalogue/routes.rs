//! Which operation of a REST service a method, path and query mean.
//!
//! Lives here: a compiled matcher per service, a tree of path segments with the operations at its
//! leaves. A literal segment wins over a label, a label over a greedy one; among the operations of
//! one leaf, all literal query parameters must be there, and the one wins whose required query
//! parameters and headers are there, and which asks for most of them.
//! Lives elsewhere: finding bucket and key of S3 (`identify`).
//!
//! Start at [`Routes::compile`], then [`Routes::find`].

use std::cmp::Reverse;

use smallvec::SmallVec;

use super::model::{Location, Method, Model};

/// What of a request counts for its route.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path as sent, still percent-encoded, without the query.
    pub path: &'a str,
    /// Decoded names and values of the query, in order.
    pub query: &'a [(String, String)],
    /// The headers.
    pub headers: &'a http::HeaderMap,
}

/// The operation that a request means, and what its path says.
#[derive(Clone, Debug)]
pub struct Route {
    /// The index of the operation within its service.
    pub operation: usize,
    /// The path's labels: member name on the wire, and text as sent, still percent-encoded.
    pub labels: Vec<(&'static str, String)>,
    /// Whether all required parameters are there: if not, it is the best of what fits.
    pub complete: bool,
}

/// The matcher of one service.
#[derive(Debug, Default)]
pub(super) struct Routes {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literals: Vec<(&'static str, usize)>,
    label: Option<usize>,
    leaves: Vec<Leaf>,
    /// Operations whose last segment is greedy and begins here.
    greedy: Vec<Leaf>,
}

#[derive(Clone, Debug)]
struct Leaf {
    method: Method,
    operation: usize,
    labels: Box<[&'static str]>,
    /// What stands behind a greedy label, with a slash before it; mostly nothing.
    behind: &'static str,
    /// Parameters with the value they must have, if the template gives one.
    literals: Box<[(&'static str, Option<&'static str>)]>,
    required_query: Box<[&'static str]>,
    required_headers: Box<[&'static str]>,
    /// All parameters that the operation knows.
    known_query: Box<[&'static str]>,
    deprecated: bool,
}

/// Deeper paths than this fit no template.
const MAX_SEGMENTS: usize = 64;

impl Routes {
    /// Builds the tree from the URI templates of a service.
    pub(super) fn compile(model: &Model) -> Self {
        let mut routes = Self { nodes: vec![Node::default()] };
        for (number, operation) in model.operations().iter().enumerate() {
            let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
            let members = model.members(operation.input);
            let required = |location| {
                members
                    .iter()
                    .filter(move |it| it.required && it.location == location)
                    .map(|it| it.wire())
                    .collect()
            };
            let mut leaf = Leaf {
                method: operation.method,
                operation: number,
                labels: Box::default(),
                behind: "",
                literals: query
                    .split('&')
                    .filter(|it| !it.is_empty())
                    .map(|it| it.split_once('=').map_or((it, None), |(name, v)| (name, Some(v))))
                    .collect(),
                required_query: required(Location::Query),
                required_headers: required(Location::Header),
                known_query: members
                    .iter()
                    .filter(|it| it.location == Location::Query)
                    .map(|it| it.wire())
                    .collect(),
                deprecated: operation.deprecated,
            };
            let mut labels = Vec::new();
            let mut node = 0;
            let mut greedy = false;
            for segment in path.split('/').filter(|it| !it.is_empty()) {
                match segment.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
                    Some(label) => match label.strip_suffix('+') {
                        Some(label) => {
                            labels.push(label);
                            greedy = true;
                            leaf.behind = path.split_once("+}").map_or("", |(_, behind)| behind);
                            break;
                        }
                        None => {
                            labels.push(label);
                            node = routes.label(node);
                        }
                    },
                    None => node = routes.literal(node, segment),
                }
            }
            leaf.labels = labels.into();
            if let Some(node) = routes.nodes.get_mut(node) {
                if greedy { node.greedy.push(leaf) } else { node.leaves.push(leaf) }
            }
        }
        routes
    }

    fn literal(&mut self, node: usize, segment: &'static str) -> usize {
        let new = self.nodes.len();
        let Some(it) = self.nodes.get_mut(node) else { return node };
        if let Some((_, next)) = it.literals.iter().find(|(text, _)| *text == segment) {
            return *next;
        }
        it.literals.push((segment, new));
        self.nodes.push(Node::default());
        new
    }

    fn label(&mut self, node: usize) -> usize {
        let new = self.nodes.len();
        let Some(it) = self.nodes.get_mut(node) else { return node };
        if let Some(next) = it.label {
            return next;
        }
        it.label = Some(new);
        self.nodes.push(Node::default());
        new
    }

    /// The operation that fits best.
    pub(super) fn find(&self, request: &Request<'_>) -> Option<Route> {
        let path = request.path.strip_prefix('/').unwrap_or(request.path);
        let mut best: Option<(Rank, Route)> = None;
        let mut values = SmallVec::new();
        self.walk(0, path, request, &mut values, 0, &mut best);
        best.map(|(_, route)| route)
    }

    /// Visits literals before labels before greedy ones, and keeps the first of the best rank.
    fn walk<'p>(
        &self,
        node: usize,
        rest: &'p str,
        request: &Request<'_>,
        values: &mut SmallVec<[&'p str; 8]>,
        depth: usize,
        best: &mut Option<(Rank, Route)>,
    ) {
        let Some(node) = self.nodes.get(node) else { return };
        if rest.is_empty() {
            offer(&node.leaves, values, request, best);
            return;
        }
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        if depth < MAX_SEGMENTS {
            if let Some((_, next)) = node.literals.iter().find(|(text, _)| *text == segment) {
                self.walk(*next, after, request, values, depth + 1, best);
            }
            if let Some(next) = node.label
                && !segment.is_empty()
                && best.as_ref().is_none_or(|(rank, _)| rank.missing > 0)
            {
                values.push(segment);
                self.walk(next, after, request, values, depth + 1, best);
                values.pop();
            }
        }
        if !node.greedy.is_empty() && best.as_ref().is_none_or(|(rank, _)| rank.missing > 0) {
            for leaf in &node.greedy {
                if let Some(value) = rest.strip_suffix(leaf.behind).filter(|it| !it.is_empty()) {
                    values.push(value);
                    offer(std::slice::from_ref(leaf), values, request, best);
                    values.pop();
                }
            }
        }
    }
}

/// Orders candidates: fewest missing parameters, then most of the path, then most literals, then most required ones, then
/// fewest parameters that it does not know, then those that AWS still wants to be called.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Rank {
    missing: usize,
    behind: Reverse<usize>,
    literals: Reverse<usize>,
    required: Reverse<usize>,
    unknown: usize,
    deprecated: bool,
}

fn offer(
    leaves: &[Leaf],
    values: &[&str],
    request: &Request<'_>,
    best: &mut Option<(Rank, Route)>,
) {
    for leaf in leaves.iter().filter(|it| it.method == request.method) {
        let given = |name: &str| request.query.iter().find(|(it, _)| it == name);
        let fits = leaf.literals.iter().all(|(name, value)| {
            given(name).is_some_and(|(_, given)| value.is_none_or(|value| value == given))
        });
        if !fits {
            continue;
        }
        let missing = leaf.required_query.iter().filter(|name| given(name).is_none()).count()
            + leaf.required_headers.iter().filter(|it| !request.headers.contains_key(**it)).count();
        let rank = Rank {
            missing,
            behind: Reverse(leaf.behind.len()),
            literals: Reverse(leaf.literals.len()),
            required: Reverse(leaf.required_query.len() + leaf.required_headers.len()),
            unknown: request
                .query
                .iter()
                .filter(|(it, _)| !leaf.known_query.contains(&it.as_str()))
                .count(),
            deprecated: leaf.deprecated,
        };
        if best.as_ref().is_none_or(|(it, _)| rank < *it) {
            let labels =
                leaf.labels.iter().copied().zip(values.iter().map(|it| (*it).to_owned())).collect();
            *best =
                Some((rank, Route { operation: leaf.operation, labels, complete: missing == 0 }));
        }
    }
}
