"""Each deployment asked once, on its own: what fails is named so that somebody can mend it.

The question is a draft of a case with two options, in the prompts that the node uses: a provider
that answers, and a model that does not keep to the form, are told apart.
"""

import socket
import ssl
from typing import Final

from consensus.bodies import AnswerKind, AnswerSpec, Content
from consensus.deliberation.requests import Case, Dials, DraftRequest

from ...clock import Clock, monotonic_ms
from ..base import Failure, Tried
from .deployments import Served
from .failures import chain
from .prompts import ANSWER_CHARS, Prompts
from .provider import CallError, Provider
from .reply import ReplyError, read_draft

TRY_S: Final = 30.0
"""Most seconds for one deployment: a person waits."""

CASE: Final = Case(
    messages=(Content(text="Which of the two letters comes first in the alphabet?"),),
    answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
    domain="",
)

DNS: Final = "name not found"
REFUSED: Final = "connection refused"
TLS: Final = "no TLS"
NO_JSON: Final = "no JSON"
FORM: Final = "form not kept"

_ADVICE: Final = {
    DNS: "is the host of api_base spelled right, and does this machine resolve names?",
    REFUSED: "is the server running, and are host and port of api_base right?",
    TLS: "does the server speak https at this port, with a certificate that this machine trusts?",
    NO_JSON: "is api_base the address of the API, such as .../v1, and not of a web page?",
    FORM: "the model may be too small for the prompts: try another, or templates of your own",
    Failure.UNREACHABLE: "is api_base right, and does a firewall or proxy cut the connection?",
    Failure.AUTHENTICATION: "is the key the right one, still valid, and for this provider?",
    Failure.NOT_FOUND: "is `model` spelled as the provider has it, and is it there for this key?",
    Failure.RATE: "wait, lower rpm and tpm, or ask the provider for more",
    Failure.TIMEOUT: "the provider is slow or gone; a stage that waits longer loses this member",
    Failure.SERVER: "the fault is the provider's: look at its status page, or its log",
    Failure.TRUNCATED: "raise max_tokens: reasoning counts too",
    Failure.REQUEST: "the provider refuses the request: its words say why",
}

_KINDS: Final = (
    (socket.gaierror, DNS),
    (ssl.SSLError, TLS),
    (ConnectionRefusedError, REFUSED),
)

_TEXTS: Final = (
    (DNS, ("name resolution", "Name or service not known", "nodename nor servname", "getaddrinfo")),
    (TLS, ("CERTIFICATE_VERIFY_FAILED", "SSL", "certificate verify failed")),
    (REFUSED, ("Connection refused", "Connect call failed", "actively refused")),
)
"""What a library says that has lost the exception it had."""


async def tries(provider: Provider, prompts: Prompts, clock: Clock) -> tuple[Tried, ...]:
    """What came of each deployment, in order, one after the other."""
    request = DraftRequest(
        case=CASE, round=1, record=(), dials=Dials(), deadline_ms=int(TRY_S * 1_000)
    )
    messages = prompts.draft(request).messages
    return tuple([await _tried(provider, item, messages, clock) for item in provider.served])


async def _tried(
    provider: Provider, served: Served, messages: list[dict[str, str]], clock: Clock
) -> Tried:
    began, tokens, micros = monotonic_ms(clock), 0, 0
    trouble, cause = "", ""
    try:
        reply = await provider.try_one(served, messages, TRY_S)
        tokens, micros = reply.tokens_in + reply.tokens_out, reply.micros
        if reply.fault is not None:
            trouble, cause = str(reply.fault[0]), reply.fault[1]
        else:
            read_draft(reply.text, CASE.answer, ANSWER_CHARS)
    except CallError as error:
        trouble, cause = named(error), error.cause
    except ReplyError as error:
        trouble, cause = FORM, str(error)
    return Tried(
        served=served.public,
        ms=monotonic_ms(clock) - began,
        tokens=tokens,
        micros=micros,
        trouble=trouble,
        cause=cause,
        todo=_ADVICE.get(trouble, ""),
    )


def named(error: CallError) -> str:
    """The trouble in a few words: finer than a `Failure`, which is for others' eyes too."""
    if error.failure is Failure.UNPARSEABLE:
        return NO_JSON
    if error.failure is not Failure.UNREACHABLE:
        return str(error.failure)
    links = list(chain(error))
    for link in links:
        for kind, word in _KINDS:
            if isinstance(link, kind):
                return word
    text = " ".join(map(str, links))
    return next(
        (word for word, parts in _TEXTS if any(part in text for part in parts)), str(error.failure)
    )
