"""Small questions to a Python module's syntax tree."""

import ast


def declared(owner: ast.ClassDef) -> dict[str, ast.expr]:
    """The fields of a class with their types, in order."""
    return {
        n.target.id: n.annotation for n in owner.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }


def names_in(annotation: ast.expr) -> set[str]:
    """The plain names in an annotation, also in one that is written as text."""
    if isinstance(annotation, ast.Constant):
        if not isinstance(annotation.value, str):
            return {str(annotation.value)}
        annotation = ast.parse(annotation.value, mode="eval").body
    inner = (names_in(c) for c in ast.iter_child_nodes(annotation) if isinstance(c, ast.expr))
    own = {annotation.id} if isinstance(annotation, ast.Name) else set()
    return own.union(*inner)


def imported(tree: ast.Module, modules: tuple[str, ...]) -> frozenset[str]:
    """Names that a module imports from others, given by how these begin."""
    return frozenset(
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(modules)
        for alias in node.names
    )


def api_types(tree: ast.Module) -> frozenset[str]:
    """Types of the API that a module imports."""
    return frozenset(n for n in imported(tree, ("rostersync.api",)) if n[:1].isupper() and not n.isupper())


def fields_of(tree: ast.Module, types: frozenset[str]) -> frozenset[str]:
    """Names of fields, of any class, whose type is one of the API's."""
    return frozenset(
        name
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for name, annotation in declared(owner).items()
        if names_in(annotation) & types
    )


def expressions_of(statement: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement itself, not those of the statements in it."""
    found = [c for c in ast.iter_child_nodes(statement) if isinstance(c, ast.expr)]
    return found + [item.context_expr for item in getattr(statement, "items", [])]  # those of with


def is_text(node: ast.expr) -> bool:
    """Whether an expression is plainly text: a constant or an f-string."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
