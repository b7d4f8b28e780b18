"""What a record may show: the models' own marks, and the reviewed decisions over them.

A decision belongs to a slot: a member of a structure, the element of a list (`[]`) or the value of
a map (`{}`). The reviewed file names slots by their path from an operation's input or output, or by
name alone (`**.Name`: every member of that name that the operation reaches).
"""

import fnmatch
import re
import sys

import models

# What the models of the pinned version say, walked without recursion into the same shape. Fewer
# means that marks were lost, here or there.
FLOOR = {"services": 237, "shapes": 2363, "operations": 2864, "paths": 64932}


def decide(services, file):
    """Decisions by (service, shape, slot). Fails on rules that hit nothing or contradict."""
    check_counts(services)
    by_name = {service.name: service for service in services}
    decided = {}
    for row in models.table(file.name):
        service, decision, operations, side, path, *_ = row
        slots = set(resolve(by_name[service], operations, side, path))
        if not slots:
            sys.exit(f"redaction.tsv: {row} hits no member")
        for slot in slots:
            before = decided.setdefault((service, *slot), decision)
            if before != decision:
                sys.exit(f"redaction.tsv: {row} contradicts `{before}` at {slot}")
    counts = {
        word: list(decided.values()).count(word) for word in ("deny", "drop", "empty", "show")
    }
    print("reviewed decisions:", counts)
    return decided


def resolve(service, operations, side, path):
    """The slots that a rule means."""
    patterns = operations.split(",")
    for name, operation in service.operations.items():
        if not any(fnmatch.fnmatchcase(name, it) for it in patterns):
            continue
        for key in {"in": ["input"], "out": ["output"], "*": ["input", "output"]}[side]:
            root = operation.get(key, {}).get("shape")
            if not root:
                continue
            steps = re.findall(r"\[\]|\{\}|[^.\[\]{}]+", path)
            starts = [root]
            if steps[0] == "**":
                steps = steps[1:]
                starts = reachable(service, root)
            for start in starts:
                yield from along(service, start, steps)


def along(service, root, steps):
    """The slot at the end of a path; none if there is no such path."""
    shape = root
    for number, step in enumerate(steps):
        model = service.shapes[shape]
        if step == "[]" and model["type"] == "list":
            below = model["member"]
        elif step == "{}" and model["type"] == "map":
            below = model["value"]
        elif step in model.get("members", {}):
            below = model["members"][step]
        else:
            return
        if number + 1 == len(steps):
            yield (shape, step)
        shape = below["shape"]


def children(shape):
    """The shapes directly below a shape."""
    parts = list(shape.get("members", {}).values())
    parts += [shape[it] for it in ("member", "key", "value") if it in shape]
    return [it["shape"] for it in parts]


def reachable(service, root):
    """A shape and everything below it."""
    seen, todo = {root}, [root]
    while todo:
        for child in children(service.shapes[todo.pop()]):
            if child not in seen:
                seen.add(child)
                todo.append(child)
    return sorted(seen)


def check_counts(services):
    """Counts what the models mark, and fails if it is less than it was."""
    counts = dict.fromkeys(FLOOR, 0)
    for service in services:
        marked = [it for it in service.shapes.values() if it.get("sensitive")]
        counts["services"] += bool(marked)
        counts["shapes"] += len(marked)
        for operation in service.operations.values():
            sides = [
                paths(service, operation[it]["shape"], ())
                for it in ("input", "output")
                if it in operation
            ]
            counts["operations"] += any(sides)
            counts["paths"] += sum(sides)
    print("marked by the models:", counts)
    fallen = {it: count for it, count in counts.items() if count < FLOOR[it]}
    if fallen:
        sys.exit(f"fewer sensitive marks than before: {fallen}, expected at least {FLOOR}")


def paths(service, name, above):
    """How many paths below a shape end at a marked one."""
    shape = service.shapes[name]
    if shape.get("sensitive"):
        return 1
    if name in above:
        return 0
    return sum(paths(service, child, (*above, name)) for child in children(shape))
