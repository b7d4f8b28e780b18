"""The service catalogue in its binary form, which `crates/wire/src/catalogue/decode.rs` reads.

    file       = "TMS1" size(index) index size(dictionary) dictionary block*
    index      = count service*
    service    = name id signing endpoint source version protocols:byte target? namespace?
                 offset(block) size(block)
    block      = names shapes operations
    names      = count text*
    shapes     = count shape*       shape     = head:byte [payload? members | parts | format:byte]
    operations = count operation*   operation = name event? head:byte uri type? input? output? wrapper?
    member     = flags name shape [wire] [query]

Index, dictionary and blocks are zstd frames; the blocks share the dictionary. Numbers are LEB128; a
text is its length and its UTF-8 bytes; `?` is a number or text plus one, zero for none; names and
shapes are referred to by number.
"""

import zstandard

import models

JSON = {"1.0": "json10", "1.1": "json11"}
PROTOCOLS = [
    ("json10",),
    ("json11",),
    ("query",),
    ("ec2",),
    ("rest-json",),
    ("rest-xml",),
    ("cbor",),
    ("cbor", "json10"),
    ("cbor", "json11"),
    ("cbor", "json10", "query"),
    ("json10", "query"),
    ("json11", "query"),
    ("cbor", "json11", "query"),
]
METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"]
LOCATIONS = {None: 0, "uri": 1, "querystring": 2, "header": 3, "headers": 4, "statusCode": 5}
KINDS = {
    "string": 3,
    "character": 3,
    "boolean": 4,
    "integer": 5,
    "long": 5,
    "float": 6,
    "double": 6,
    "timestamp": 7,
    "blob": 8,
}
FORMATS = {None: 0, "iso8601": 1, "unixTimestamp": 2, "rfc822": 3}
DECISIONS = {None: 0, "deny": 1, "drop": 2, "empty": 3, "show": 4}

# Bytes of words that the services share; more would save little and slow the first call.
DICTIONARY = 64 * 1024

# Operations that count as reads to CloudTrail and whose response it shows all the same.
SHOWS_RESPONSE = {
    "sts": {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "GetSessionToken",
    }
}


def number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode()
    return number(len(data)) + data


def some_text(value):
    if value is None:
        return number(0)
    data = value.encode()
    return number(len(data) + 1) + data


def compress(data, dictionary=None):
    return zstandard.ZstdCompressor(level=22, dict_data=dictionary).compress(data)


class Tables:
    """The reviewed tables that the catalogue joins."""

    def __init__(self):
        self.event_sources = {row[0]: row[1] for row in models.table("event_sources.tsv")}
        self.event_names = {(row[0], row[1]): row[2] for row in models.table("event_names.tsv")}
        self.read_only = models.ReadOnly()
        self.data = {}
        for service, resource_type, operations in models.table("data_events.tsv"):
            for operation in operations.split(","):
                self.data[service, operation] = resource_type

    def check(self, services):
        """Every row means something that exists."""
        known = {(it.name, name) for it in services for name in it.operations}
        known |= {(it.name, "*") for it in services}
        rows = (*self.event_names, *self.read_only.table, *self.data)
        unknown = [row for row in rows if row not in known]
        if unknown:
            raise SystemExit(f"tables name what no model has: {unknown}")

    def event_source(self, service):
        return self.event_sources.get(service.name, f"{service.signing_name.lower()}.amazonaws.com")

    def resource_type(self, service, name):
        return self.data.get((service.name, name), self.data.get((service.name, "*")))


def write(services, decided, file):
    """Writes the file, and prints its size."""
    tables = Tables()
    tables.check(services)
    plain = [Block(service, decided, tables).encode() for service in services]
    dictionary = zstandard.train_dictionary(DICTIONARY, plain, level=22)
    index, blocks = number(len(services)), bytearray()
    for service, plain_block in zip(services, plain):
        block = compress(plain_block, dictionary)
        metadata = service.metadata
        index += text(service.name) + text(metadata["serviceId"]) + text(service.signing_name)
        index += text(metadata["endpointPrefix"]) + text(tables.event_source(service))
        index += text(metadata["apiVersion"])
        index += bytes([PROTOCOLS.index(protocols(metadata))])
        index += some_text(metadata.get("targetPrefix"))
        index += some_text(namespace(metadata))
        index += number(len(blocks)) + number(len(block))
        blocks += block
    packed, shared = compress(index), compress(dictionary.as_bytes())
    data = b"TMS1" + number(len(packed)) + packed + number(len(shared)) + shared + blocks
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    operations = sum(len(it.operations) for it in services)
    print(f"catalogue: {len(services)} services, {operations} operations,", end=" ")
    print(
        f"{len(data)} bytes: index {len(index)} in {len(packed)}, dictionary {len(shared)},",
        end=" ",
    )
    print(f"blocks {sum(map(len, plain))} in {len(blocks)}")


def namespace(metadata):
    found = metadata.get("xmlNamespace")
    return found["uri"] if isinstance(found, dict) else found


def protocols(metadata):
    """What the service speaks. Services that moved from query to JSON still answer old callers."""
    names = metadata.get("protocols") or [metadata["protocol"]]
    spoken = []
    for name in names:
        if name == "json":
            name = JSON[metadata["jsonVersion"]]
        spoken.append("cbor" if name == "smithy-rpc-v2-cbor" else name)
    if "awsQueryCompatible" in metadata and "query" not in spoken:
        spoken.append("query")
    return tuple(spoken)


class Block:
    """One service's operations and the shapes that they reach."""

    def __init__(self, service, decided, tables):
        self.service, self.decided, self.tables = service, decided, tables
        self.names, self.shapes, self.encoded = {}, {}, []
        self.scalars = {}

    def encode(self):
        operations = b"".join(self.operation(it) for it in self.service.operations)
        out = number(len(self.names)) + b"".join(text(it) for it in self.names)
        out += number(len(self.encoded)) + b"".join(self.encoded)
        return out + number(len(self.service.operations)) + operations

    def name(self, value):
        return number(self.names.setdefault(value, len(self.names)))

    def some_name(self, value):
        if value is None:
            return number(0)
        return number(self.names.setdefault(value, len(self.names)) + 1)

    def operation(self, name):
        model = self.service.operations[name]
        read_only = self.tables.read_only(self.service, name)
        resource_type = self.tables.resource_type(self.service, name)
        shown = not read_only or name in SHOWS_RESPONSE.get(self.service.name, ())
        head = (
            METHODS.index(model["http"]["method"])
            | read_only << 4
            | (resource_type is not None) << 5
        )
        head |= bool(model.get("deprecated")) << 6
        out = self.name(name)
        out += self.some_name(self.tables.event_names.get((self.service.name, name)))
        out += bytes([head]) + self.name(model["http"]["requestUri"])
        out += self.some_name(resource_type)
        out += self.some_shape(model.get("input"))
        out += self.some_shape(model.get("output") if shown else None)
        wrapper = model.get("output", {}).get("resultWrapper")
        return out + self.some_name(wrapper if shown else None)

    def some_shape(self, reference):
        return number(0 if reference is None else self.shape(reference["shape"]) + 1)

    def shape(self, name):
        """The number of a shape; encodes it at first use."""
        if name in self.shapes:
            return self.shapes[name]
        model = self.service.shapes[name]
        sensitive = bool(model.get("sensitive"))
        if model["type"] in KINDS:
            encoded = bytes([KINDS[model["type"]] | sensitive << 4])
            if model["type"] == "timestamp":
                encoded += bytes([FORMATS[model.get("timestampFormat")]])
            at = self.scalars.get(encoded)
            if at is None:
                at = self.scalars[encoded] = len(self.encoded)
                self.encoded.append(encoded)
            self.shapes[name] = at
            return at
        at = self.shapes[name] = len(self.encoded)
        self.encoded.append(b"")
        self.encoded[at] = self.compound(
            name, model, sensitive << 4 | bool(model.get("flattened")) << 5
        )
        return at

    def compound(self, name, model, flags):
        if model["type"] == "list":
            return bytes([1 | flags]) + self.member(name, "[]", "member", model["member"])
        if model["type"] == "map":
            out = bytes([2 | flags]) + self.member(name, "key", "key", model["key"])
            return out + self.member(name, "{}", "value", model["value"])
        if model.get("document"):
            return bytes([9 | flags])
        required = set(model.get("required", ()))
        out = bytes([0 | flags]) + self.some_name(model.get("payload"))
        out += number(len(model["members"]))
        for member, reference in model["members"].items():
            out += self.member(name, member, member, reference, member in required)
        return out

    def member(self, owner, slot, name, reference, required=False):
        target = self.service.shapes[reference["shape"]]
        wire, query = reference.get("locationName"), reference.get("queryName")
        decision = self.decided.get((self.service.name, owner, slot))
        streaming = (
            reference.get("streaming") or target.get("streaming") or target.get("eventstream")
        )
        flags = LOCATIONS[reference.get("location")]
        flags |= (wire is not None and wire != name) << 3
        flags |= bool(required) << 4
        flags |= bool(reference.get("flattened")) << 5
        flags |= bool(streaming) << 7
        flags |= bool(reference.get("xmlAttribute")) << 8
        flags |= (query is not None) << 9
        flags |= bool(reference.get("jsonvalue")) << 10
        flags |= FORMATS[reference.get("timestampFormat")] << 11
        flags |= DECISIONS[decision] << 13
        out = number(flags) + self.name(name) + number(self.shape(reference["shape"]))
        if wire is not None and wire != name:
            out += self.name(wire)
        return out + (self.name(query) if query is not None else b"")
