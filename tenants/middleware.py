"""Doors to the tenant: who asks, and the transaction in which they are answered.

1. A short auth transaction resolves session or API key; the tenant comes from that row and from nowhere else.
2. One transaction with the tenant's context is opened around view and rendering; it is rolled back on an exception and
   on every status from 400 on.
   At the doors where passwords and tokens are tried there is none: see `tenants.strangers`.
   An answer leaves after COMMIT: what cannot be kept, such as the entry of what was read, is not shown.
3. A view that has to ask somebody outside does so between two transactions: see `tenants.outside`.
4. A streaming body outlives the view, so it gets a transaction of its own while it is read.
5. What must survive the rollback (refusals, logins) is written afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    Error,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from tenants.api.database_errors import NOT_RECORDED
from tenants.api.problems import Problem, problem_response
from tenants.domain.api_keys import authenticate_api_key
from tenants.domain.auditing import entries_after_transaction, record_refusal
from tenants.isolation.context import AccessContext, Purpose, use_context
from tenants.isolation.platform_access import across_all_tenants
from tenants.isolation.transaction import auth_context, open_context
from tenants.models.user import User
from tenants.operators import BACKOFFICE_PATH, STEP_PATH, operator_choice
from tenants.outside import Question, put_question
from tenants.request_info import announced_bytes, request_info_of, use_request_info
from tenants.strangers import is_hook, is_strangers_door

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponseBase]
API_PATH = "/api/"
_REFUSED = 403
_FIRST_ERROR = 400
STALLED_READER = "60s"
"""How long a client may leave a streamed answer unread before the database lets go of its transaction: a snapshot that
is held keeps dead rows from being removed, for every tenant."""


class RequestInfoMiddleware:
    """Outermost: where the request comes from, and the entries that outlive its transaction."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        info = request_info_of(request)
        request.request_id = info.request_id  # type: ignore[attr-defined]  # read by problems and logs
        with use_request_info(info), use_context(None), entries_after_transaction():
            response = self.get_response(request)
        response["X-Request-ID"] = info.request_id
        return response


class ContentSecurityPolicyMiddleware:
    """Pages load from this server only: no inline script, no frame, no foreign origin."""

    POLICY = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", self.POLICY)
        return response


class TenantMiddleware:
    """Innermost: resolves who asks and answers inside their tenant's transaction."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            user = None if is_hook(request) else resolve_user(request)
            if is_too_long(request, user):
                return HttpResponse("The form is too long.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return self._answer(request, user)
        except (OperationalError, InterfaceError) as error:
            return database_unavailable(request, error)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer 503 where a view met a database that does not answer."""
        if isinstance(exception, OperationalError | InterfaceError):
            return database_unavailable(request, exception)
        return None

    def _answer(self, request: HttpRequest, user: User | None) -> HttpResponseBase:
        if is_strangers_door(request):
            return self._answer_at_door(request, user)
        context = context_of(request, user)
        if context is None:
            return self.get_response(request)
        response = self._answer_inside(request, context)
        if isinstance(response, Question):
            put_question(request, response)
            response = self._answer_inside(request, context)
        if isinstance(response, Question):
            raise RuntimeError("A view has one question to somebody outside, and goes on when it is answered.")
        if response.streaming:
            _stream_inside(response, context)
        return response

    def _answer_inside(self, request: HttpRequest, context: AccessContext) -> HttpResponseBase:
        """The view and its rendering, in one transaction."""
        response = None
        try:
            with self._opened(context):
                response = self.get_response(request)
                _end(context, response.status_code)
                if response.status_code == _REFUSED:
                    record_refusal(reason="Refused by the role matrix.", changes=_asked(request))
        except DatabaseError as error:
            if response is None:
                raise
            return not_kept(request, error)
        return response

    def _answer_at_door(self, request: HttpRequest, user: User | None) -> HttpResponseBase:
        """Answer with nothing around the view; what somebody signed in is refused is kept as everywhere."""
        response = self.get_response(request)
        if response.status_code == _REFUSED and user is not None:
            record_refusal(
                reason="Refused at the door.", tenant_id=user.tenant_id, actor_id=user.pk, changes=_asked(request)
            )
        return response

    @contextmanager
    def _opened(self, context: AccessContext) -> Iterator[None]:
        if context.purpose is Purpose.PLATFORM:
            with across_all_tenants(reason=context.reason, actor_id=context.actor_id):
                yield
        else:
            with open_context(context):
                yield


def is_too_long(request: HttpRequest, user: User | None) -> bool:
    """Whether a page is sent more than it may take from that person.

    Django writes the files of a form to disk, however long, before a page or the CSRF check says who may send any. The
    API and the hooks, which ask first, have limits of their own.
    """
    if request.path_info.startswith(API_PATH) or is_hook(request):
        return False
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return announced_bytes(request) > most + (settings.UPLOAD_MAX_BYTES if user is not None else 0)


def resolve_user(request: HttpRequest) -> User | None:
    """Return who asks: the bearer of an API key, or the user of the session; None for a stranger.

    Puts ``api_key`` and ``api_key_refused`` on the request.  A stranger costs no database work.
    A key opens the API and nothing else: the backoffice asks the role only, and a key's scopes would count for nothing.
    """
    bare: Any = request
    bare.api_key, bare.api_key_refused = None, False
    header = request.headers.get("Authorization", "") if request.path.startswith(API_PATH) else ""
    if header:
        with auth_context():
            found = authenticate_api_key(header)
        if found is None:
            bare.api_key_refused = True
            return None
        user_of_key: User = found.user
        bare.api_key, bare.user = found, user_of_key
        return user_of_key
    if not request.session.session_key:
        return None
    with auth_context():
        user = request.user
        return user if isinstance(user, User) else None


def context_of(request: HttpRequest, user: User | None) -> AccessContext | None:
    """Return the context a request is answered in: the tenant of its user, an operator's choice, or none."""
    if user is None:
        return None
    if user.tenant_id is not None:
        return AccessContext(Purpose.APP, user.tenant_id, user.pk)
    if not request.path.startswith(BACKOFFICE_PATH) or request.path == STEP_PATH:
        return None  # the step itself is recorded in a transaction of its own
    choice = operator_choice(request)
    if choice is None:
        return None
    if choice.tenant_id is not None:
        return AccessContext(Purpose.APP, choice.tenant_id, user.pk, choice.reason)
    return AccessContext(Purpose.PLATFORM, actor_id=user.pk, reason=choice.reason)


def database_unavailable(request: HttpRequest, error: Error) -> HttpResponseBase:
    """Answer 503, to people with a page and to programs with a problem document.

    The cause goes to the log, never to the client.
    """
    logger.error("database unavailable: %s", type(error).__name__, exc_info=error)
    return _unavailable(request, "The database does not answer. Nothing was changed; try again in a moment.")


def not_kept(request: HttpRequest, error: Error) -> HttpResponseBase:
    """Answer 503 in place of an answer whose transaction could not be committed: nothing of it may be seen."""
    if isinstance(error, OperationalError):
        return database_unavailable(request, error)
    logger.error("not kept at the end of a request: %s", type(error).__name__, exc_info=error)
    got_request_exception.send(sender=None, request=request)  # error reporters and the test client listen to it
    return _unavailable(request, NOT_RECORDED)


def _unavailable(request: HttpRequest, detail: str) -> HttpResponseBase:
    if request.path.startswith(BACKOFFICE_PATH):
        page = render_to_string("503.html")  # without the request, whose context would ask the database
        return HttpResponse(page, status=503, headers={"Retry-After": "5"})
    return problem_response(request, Problem(503, detail, headers={"Retry-After": "5"}))


def _end(context: AccessContext, status_code: int) -> None:
    """Have the transaction rolled back where the answer is an error.

    Raises TransactionManagementError where it is none, and yet nothing will be kept: somebody has swallowed a refusal
    of the database or closed the connection, and with it went the entry of what was read.
    """
    using = "platform" if context.purpose is Purpose.PLATFORM else DEFAULT_DB_ALIAS
    if status_code >= _FIRST_ERROR:
        transaction.set_rollback(True, using=using)
    elif transaction.get_rollback(using=using):
        raise transaction.TransactionManagementError("The transaction of an answer was broken on the way.")


def _asked(request: HttpRequest) -> dict[str, str]:
    return {"method": request.method or "", "path": request.path[:200]}


def _stream_inside(response: Any, context: AccessContext) -> None:
    """Read a streaming body inside a transaction of the same context, opened when the first chunk is asked for.

    Where the client hangs up, the server closes the response: the body's own iterator first, so that a cursor in it is
    closed while its transaction is still open, then ours, which rolls back.
    """
    response.streaming_content = _chunks_inside(iter(response.streaming_content), context)


def _chunks_inside(chunks: Iterator[bytes], context: AccessContext) -> Iterator[bytes]:
    """Yield chunks, each made with the context in force; between chunks the server's own work sees none."""
    using = "platform" if context.purpose is Purpose.PLATFORM else DEFAULT_DB_ALIAS
    with ExitStack() as stack:
        with use_context(context):
            stack.enter_context(transaction.atomic(using=using))
            with connections[using].cursor() as cursor:
                cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_READER}'")
        while True:
            with use_context(context):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk
