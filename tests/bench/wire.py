"""What a message costs: signatures, the codec, the gate."""

from functools import partial

from consensus.envelope import Envelope, Kind
from node import keys
from node.wire import codec
from node.wire.admission import Gate
from tests.harness import cast
from tests.vectors import examples

from . import calls
from .tables import Table


async def table() -> Table:
    """Signatures, the codec and the gate, on envelopes of the golden vectors."""
    return calls.table("What a message costs", cases())


def cases() -> calls.Cases:
    """Named calls; admitting is everything from an envelope's bytes to a typed message."""
    envelopes = examples.envelopes()
    gate = Gate(network=cast.NETWORK, task=lambda _: examples.COMMITTEE, reader=codec.reader())
    vote = envelopes["prevote"]
    return {
        "sign a vote": partial(cast.ALICE.sign, vote.preimage),
        "verify a vote": partial(keys.verify, vote.signer, vote.preimage, vote.signature),
        "read an opening with its ballot": partial(
            codec.decode, Kind.OPENING, envelopes["opening"].payload
        ),
        **{
            f"admit {name.upper()}": partial(_admit, gate, envelopes[name])
            for name in ("prevote", "report", "opening", "batch", "task_open")
        },
    }


def _admit(gate: Gate, envelope: Envelope) -> object:
    # A fresh envelope, as from a socket: the preimage and id of the last one are cached.
    return gate.admit(
        Envelope(
            kind=envelope.kind,
            ctx=envelope.ctx,
            payload=envelope.payload,
            signer=envelope.signer,
            signature=envelope.signature,
        )
    )
