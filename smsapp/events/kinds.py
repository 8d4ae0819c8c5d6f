"""The table of kinds: why we write to people."""

from smsapp.events.order_out_for_delivery import ORDER_OUT_FOR_DELIVERY
from smsapp.events.order_shipped import ORDER_SHIPPED

KINDS = {kind.name: kind for kind in (ORDER_SHIPPED, ORDER_OUT_FOR_DELIVERY)}


def title(name: str) -> str:
    """Return what people call a kind; the name itself for one of a newer release."""
    return KINDS[name].title if name in KINDS else name.replace("_", " ").capitalize()


def about(name: str) -> str:
    """Return what sort of thing events of a kind are about: "order"."""
    return KINDS[name].about if name in KINDS else "subject"
