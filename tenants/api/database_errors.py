"""What the database refuses, said in the API's words.

The database is the last to check, and two clients can race past every check before it, so its refusals are answers
like any other: they name fields, never tables, constraints or values of other rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from django.apps import apps
from django.db import Error as DatabaseError
from django.db.models import BaseConstraint, CheckConstraint, F, Field, GeneratedField, Model, Q, UniqueConstraint
from django.db.models.expressions import BaseExpression

from tenants.api.problems import Problem, UnacceptableValue
from tenants.audit.entries import TABLE

MISSING_REFERENCE = "No such object."
"""Said of a reference to nothing and of a reference to another tenant's row: nobody can tell them apart."""

BAD_DATA_CLASS = "22"
UNREACHABLE_CLASSES = frozenset({"", "08", "53", "57"})
"""No code at all, connection exceptions, resources used up, and shutdown or cancellation by an operator."""
RETRY_AFTER_S = "5"
NOT_RECORDED = "This could not be recorded, so it is not answered. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Refusal:
    """What PostgreSQL says about one refused statement; empty text where it says nothing."""

    state: str
    table: str
    constraint: str
    column: str
    message_detail: str

    @classmethod
    def read(cls, error: DatabaseError) -> Refusal:
        cause = error.__cause__
        diagnosis = getattr(cause, "diag", None)
        return cls(
            state=getattr(cause, "sqlstate", None) or "",
            table=getattr(diagnosis, "table_name", None) or "",
            constraint=getattr(diagnosis, "constraint_name", None) or "",
            column=getattr(diagnosis, "column_name", None) or "",
            message_detail=getattr(diagnosis, "message_detail", None) or "",
        )

    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.table, self.constraint) or ((self.column,) if self.column else ())


def problem_of_database_error(error: DatabaseError) -> Problem:
    """Which problem a refusal of the database is; without a code it is the connection that failed."""
    refusal = Refusal.read(error)
    if refusal.table.startswith(TABLE):
        # A month without its partition refuses every entry: nothing the client has sent is wrong.
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, NOT_RECORDED, headers={"Retry-After": RETRY_AFTER_S})
    if answer := _ANSWERS.get(refusal.state):
        return answer(refusal)
    if refusal.state.startswith(BAD_DATA_CLASS):
        message = "A value is outside what can be stored."
        return _naming(refusal.fields(), HTTPStatus.BAD_REQUEST, message, "out_of_range")
    if refusal.state[:2] in UNREACHABLE_CLASSES:
        headers = {"Retry-After": RETRY_AFTER_S}
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer.", headers=headers)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The failure has been recorded under this id.")


def _taken(refusal: Refusal) -> Problem:
    return _naming(refusal.fields(), HTTPStatus.CONFLICT, "There is one with this value already.", "unique")


def _not_referable(refusal: Refusal) -> Problem:
    """A row that refers to nothing, or a row that is still referred to; PostgreSQL tells them apart in the detail."""
    if "still referenced" in refusal.message_detail:
        return Problem(HTTPStatus.CONFLICT, "Other objects still refer to this one.")
    return _naming(refusal.fields(), HTTPStatus.BAD_REQUEST, MISSING_REFERENCE, "does_not_exist")


def _not_allowed_value(refusal: Refusal) -> Problem:
    message = _message_of(refusal.table, refusal.constraint)
    return _naming(refusal.fields(), HTTPStatus.BAD_REQUEST, message, "check")


def _null(refusal: Refusal) -> Problem:
    return _naming(refusal.fields(), HTTPStatus.BAD_REQUEST, "This field may not be null.", "null")


def _contended(refusal: Refusal) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Try again.", headers={"Retry-After": "1"})


_ANSWERS: Mapping[str, Callable[[Refusal], Problem]] = {
    "23505": _taken,
    "23P01": _taken,
    "23503": _not_referable,
    "23514": _not_allowed_value,
    "23502": _null,
    # Serialization failure, deadlock, lock not available: the same request may succeed a moment later.
    "40001": _contended,
    "40P01": _contended,
    "55P03": _contended,
}
"""By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def _naming(fields: tuple[str, ...], status: HTTPStatus, message: str, code: str) -> Problem:
    errors = tuple(UnacceptableValue(f"#/{name}", message, code) for name in fields)
    if not errors:
        errors = (UnacceptableValue("#", message, code),)
    if status == HTTPStatus.CONFLICT:
        return Problem(status, "This conflicts with what is there already.", "conflict", errors)
    return Problem(status, "Nothing was changed. See errors.", "invalid-values", errors)


def _model_of(table: str) -> type[Model] | None:
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)


def _fields_of(table: str, constraint_name: str) -> tuple[str, ...]:
    """The fields a constraint speaks of, without the tenant, which is nobody's to send."""
    model = _model_of(table)
    if model is None or not constraint_name:
        return ()
    for constraint in model._meta.constraints:
        if constraint.name == constraint_name and (named := _fields_named_by(constraint)):
            return _sendable(model, named)
    return _guessed_from_name(model, constraint_name)


def _fields_named_by(constraint: BaseConstraint) -> tuple[str, ...]:
    if field := getattr(constraint, "field", ""):
        # A FieldCheck or a tenant reference says itself which field to mend.
        return (field,)
    if isinstance(constraint, UniqueConstraint):
        return tuple(constraint.fields) or _names_in_expressions(constraint.expressions)
    return _names_in(constraint.condition) if isinstance(constraint, CheckConstraint) else ()


def _sendable(model: type[Model], names: tuple[str, ...]) -> tuple[str, ...]:
    """Field names as a client knows them: without the tenant, and a copy that the database keeps under its origin."""
    fields = {field.name: field for field in model._meta.fields if field.name != "tenant"}
    found: list[str] = []
    for name in names:
        field = fields.get(name)
        if isinstance(field, GeneratedField):
            found.extend(_names_in(cast("Any", field).expression))
        elif field is not None:
            found.append(name)
    return tuple(dict.fromkeys(found))


def _names_in(condition: Q | BaseExpression) -> tuple[str, ...]:
    """Field names in a condition, outermost first."""
    names: list[str] = []
    pending: list[object] = [condition]
    while pending:
        part = pending.pop(0)
        if isinstance(part, Q):
            pending.extend(part.children)
        elif isinstance(part, tuple):
            names.append(str(part[0]).partition("__")[0])
            pending.append(part[1])
        elif isinstance(part, F):
            names.append(str(cast("Any", part).name).partition("__")[0])
        elif isinstance(part, BaseExpression):
            pending.extend(part.get_source_expressions())
    return tuple(names)


def _names_in_expressions(expressions: Sequence[Any]) -> tuple[str, ...]:
    return tuple(name for expression in expressions for name in _names_in(expression))


def _guessed_from_name(model: type[Model], constraint_name: str) -> tuple[str, ...]:
    """References are named after their column; the longest field name wins ("parent" against "parent_item")."""
    fields: list[Field[object, object]] = [field for field in model._meta.fields if field.name not in ("id", "tenant")]
    found = [field.name for field in fields if re.search(rf"(^|_){field.name}(_|$)", constraint_name)]
    return (max(found, key=len),) if found else ()


def _message_of(table: str, constraint_name: str) -> str:
    """The constraint's own message if it was given one, else a plain refusal."""
    model = _model_of(table)
    for constraint in model._meta.constraints if model else ():
        if constraint.name == constraint_name:
            message = str(constraint.violation_error_message)
            if message != str(constraint.default_violation_error_message):
                return message
    return "This value is not allowed."
