"""Follows a connection's words through a package's source and finds where they would become SQL text.

Words enter as fields whose type is one of the API's (`context.spec`, `rule.requirement`), as parameters of such types
or of the names in WORDS; they go on through assignments, loops, attributes, calls and their arguments. They may not
end in an f-string, a concatenation, `.format`, or a statement given to the engine. Closed sets (entities, actions),
numbers, truth values and the engine's own expressions are no words any more. Errors may name them: `raise` is left out.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from support.source_tree import api_types, declared, expressions_of, fields_of, imported, is_text, names_in

WORDS = frozenset({"district", "source", "record_id"})  # parameters and fields that hold words as plain text
FIELDS = WORDS | {"prefix"}
CLOSED = frozenset(
    {"entity", "action", "version", "whenAccepted", "condition", "format", "kind", "mode", "flag", "place", "number"}
)
HARMLESS_TYPES = frozenset(
    [
        "Entity",
        "Kind",
        "Table",
        "Attribute",
        "Change",
        "Cause",
        "bool",
        "int",
        "float",
        "None",
        "Expression",
        "DuckDBPyRelation",
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "Sequence",
        "Iterable",
        "Iterator",
        "Mapping",
        "Path",
        "datetime",
        "ZoneInfo",
    ]
)
HARMLESS_CALLS = frozenset(
    {"len", "bool", "int", "isinstance", "hexdigest", "any", "all", "min", "max", "sum", "range", "Entity"}
)
BUILDERS = ("duckdb", "rostersync.sync.expressions")  # what these give is an expression, its constants bound
FILLING = frozenset({"add", "append", "extend", "insert", "setdefault", "update"})
STATEMENTS = frozenset({"sql", "execute", "executemany", "one", "exists", "query", "from_query"})


@dataclass
class _Function:
    module: str
    node: ast.FunctionDef
    builders: frozenset[str]
    tainted: dict[str, str] = field(default_factory=dict)  # parameters with words, and where these come from


def findings(files: Mapping[str, str]) -> list[str]:
    """`file:line: what` for each place, of sources by file name."""
    trees = {name: ast.parse(text) for name, text in files.items()}
    fields = set().union(*(fields_of(t, api_types(t)) for t in trees.values())) | FIELDS
    classes = {c.name: declared(c) for t in trees.values() for c in ast.walk(t) if isinstance(c, ast.ClassDef)}
    functions: dict[str, list[_Function]] = {}
    for name, tree in trees.items():
        builders, types = imported(tree, BUILDERS), api_types(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                begin = {
                    a.arg: ""
                    for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                    if a.annotation and names_in(a.annotation) & (types | ({"str"} if a.arg in WORDS else set()))
                }
                functions.setdefault(node.name, []).append(_Function(name, node, builders, begin))
    giving: set[str] = set()  # functions that return words whatever they are given
    while True:
        before = _known(functions) + len(giving) + len(fields)
        found = [_Body(f, fields, classes, functions, giving).look() for fs in functions.values() for f in fs]
        if _known(functions) + len(giving) + len(fields) == before:
            break
    return sorted({one for each in found for one in each})


def sql_expressions(files: Mapping[str, str]) -> list[str]:
    """`file:line` of every use of SQLExpression, which takes text for SQL."""
    return [
        f"{name}:{getattr(node, 'lineno', 1)}"
        for name, text in files.items()
        for node in ast.walk(ast.parse(text))
        if "SQLExpression" in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", ""))
    ]


class _Body:
    """One function, looked through with and without words in its parameters."""

    def __init__(
        self,
        function: _Function,
        fields: set[str],
        classes: Mapping[str, dict[str, ast.expr]],
        functions: Mapping[str, list[_Function]],
        giving: set[str],
    ) -> None:
        self.function, self.fields, self.classes = function, fields, classes
        self.functions, self.giving = functions, giving
        self.words: set[str] = set()
        self.rows: dict[str, set[int]] = {}  # lists of tuples, and where in these the words are
        self.row: dict[str, set[int]] = {}  # one such tuple
        self.found: list[str] = []
        self.alone = True  # without words in the parameters: does it give words all the same?

    def look(self) -> list[str]:
        for self.alone in (True, False):
            self.rows, self.row = {}, {}
            self.words = set() if self.alone else set(self.function.tainted)
            for _ in range(2):  # so that what a loop's end says reaches its beginning
                self.found = []
                for statement in self.function.node.body:
                    self.statement(statement)
        return self.found

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Raise() | ast.FunctionDef() | ast.ClassDef():
                return
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(
                values
            ):
                for target, value in zip(targets, values, strict=True):
                    if self.has_words(value):
                        self.bind(target)
            case ast.Assign(targets=targets, value=value):
                if self.has_words(value):
                    for target in targets:
                        self.bind(target)
            case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
                if value is not None and self.has_words(value):
                    self.bind(target)
            case ast.For(target=target, iter=of):
                self.bind_each(target, of)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method), args=args)):
                if method in FILLING and self.among(args):
                    match args:
                        case [ast.Tuple(elts=parts)]:
                            self.rows.setdefault(name, set()).update(
                                i for i, p in enumerate(parts) if self.has_words(p)
                            )
                        case _:
                            self.words.add(name)
            case ast.Return(value=value):
                if self.alone and value is not None and self.has_words(value) and _gives(self.function):
                    self.giving.add(self.function.node.name)
            case ast.Match(subject=subject, cases=cases):
                if self.has_words(subject):
                    for case in cases:
                        self.words |= {n.name for n in ast.walk(case.pattern) if isinstance(n, ast.MatchAs) and n.name}
        for child in expressions_of(node):
            self.sinks(child)
        for block in ("body", "orelse", "finalbody"):
            for inner in getattr(node, block, []):
                self.statement(inner)
        for inner in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for statement in inner.body:
                self.statement(statement)

    def bind(self, target: ast.expr) -> None:
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            self.words.add(target.value.id)
        self.words |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def bind_each(self, target: ast.expr, of: ast.expr) -> None:
        """The targets of a loop; zip and enumerate part by part."""
        match target, of:
            case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=parts) if len(targets) == len(parts):
                for one, part in zip(targets, parts, strict=True):
                    self.bind_each(one, part)
            case ast.Tuple(elts=[_, one]), ast.Call(func=ast.Name(id="enumerate"), args=[part, *_]):
                self.bind_each(one, part)
            case ast.Tuple(elts=targets), ast.Name(id=name) if name in self.rows and name not in self.words:
                for i in self.rows[name]:
                    self.bind(targets[i])
            case ast.Name(id=one), ast.Name(id=name) if name in self.rows and name not in self.words:
                self.row[one] = self.rows[name]
            case _ if self.has_words(of):
                self.bind(target)

    def sinks(self, root: ast.expr) -> None:
        for node in ast.walk(root):
            for generator in getattr(node, "generators", []):
                self.bind_each(generator.target, generator.iter)
        for node in ast.walk(root):
            match node:
                case ast.JoinedStr(values=values):
                    self.report(node, "f-string", (v.value for v in values if isinstance(v, ast.FormattedValue)))
                case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right) if is_text(left) or is_text(right):
                    self.report(node, "concatenation", (left, right))
                case ast.Call(func=ast.Attribute(value=text, attr="format" | "format_map")):
                    self.report(node, "format", (*node.args, *(k.value for k in node.keywords), text))
                case ast.Call(func=ast.Attribute(attr=method)) if method in STATEMENTS:
                    self.report(node, "statement", node.args[:1])
                case ast.Call(func=ast.Name(id="execute")):  # a statement of a .sql file: the names put into it
                    self.report(node, "statement", node.args[2:3])
            if isinstance(node, ast.Call):
                self.hand_over(node)

    def report(self, node: ast.expr, what: str, parts: Iterable[ast.expr]) -> None:
        for part in parts:
            if self.has_words(part):
                text = ast.unparse(part)
                given = sorted({at for name, at in self.function.tainted.items() if at and name in text})
                begins = f", given at {', '.join(given)}" if given else ""
                self.found.append(f"{self.function.module}:{node.lineno}: {what} holds {text[:80]}{begins}")

    def hand_over(self, call: ast.Call) -> None:
        """Words among the arguments become words of the parameters, and of the fields of a new object."""
        if declared := self.classes.get(_callee(call)):
            for name, value in [*zip(declared, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]:
                harmless = name in declared and names_in(declared[name]) <= HARMLESS_TYPES | self.classes.keys()
                if name in declared and not harmless and self.has_words(value):
                    self.fields.add(name)
        for callee in [] if _callee(call) in STATEMENTS else self.functions.get(_callee(call), []):
            arguments = callee.node.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
            if names and names[0] == "self":
                names = names[1:]
            known = {a.arg: a.annotation for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
            given = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
            for name, value in given:
                annotation = known.get(name or "")
                harmless = annotation is not None and names_in(annotation) <= HARMLESS_TYPES | self.classes.keys()
                if name in known and not harmless and self.has_words(value):
                    callee.tainted.setdefault(name, f"{self.function.module}:{call.lineno}")

    def has_words(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self.words or name in self.rows or name in self.row
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int() as i)) if name in self.row:
                return i in self.row[name] or name in self.words
            case ast.Attribute(value=value, attr=attr):
                return attr not in CLOSED and (attr in self.fields or self.has_words(value))
            case ast.Compare() | ast.Constant() | ast.Lambda() | ast.UnaryOp(op=ast.Not()):
                return False
            case ast.IfExp(body=body, orelse=orelse):
                return self.has_words(body) or self.has_words(orelse)
            case ast.Call(func=func, args=args, keywords=keywords):
                name = _callee(node)
                if (
                    name in HARMLESS_CALLS
                    or name in self.classes
                    or (isinstance(func, ast.Name) and name in self.function.builders)
                ):
                    return False
                if name in self.functions:
                    return name in self.giving or (any(_gives(f) for f in self.functions[name]) and self.among(args))
                receiver = [func.value] if isinstance(func, ast.Attribute) else []
                return self.among([*receiver, *args, *(k.value for k in keywords)])
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt):
                self.bind_generators(node.generators)
                return self.has_words(elt)
            case ast.DictComp(key=key, value=value):
                self.bind_generators(node.generators)
                return self.has_words(key) or self.has_words(value)
        return self.among(c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))

    def bind_generators(self, generators: Iterable[ast.comprehension]) -> None:
        for generator in generators:
            self.bind_each(generator.target, generator.iter)

    def among(self, nodes: Iterable[ast.expr]) -> bool:
        return any(self.has_words(n) for n in nodes)


def _known(functions: Mapping[str, list[_Function]]) -> int:
    return sum(len(f.tainted) for same in functions.values() for f in same)


def _gives(function: _Function) -> bool:
    """Whether what a function returns can be text made of its arguments."""
    returns = function.node.returns
    return returns is None or not names_in(returns) <= HARMLESS_TYPES


def _callee(call: ast.Call) -> str:
    return str(getattr(call.func, "id", None) or getattr(call.func, "attr", ""))
