"""The words of each text."""


def order_shipped(shop_name: str, order_id: str, tracking_url: str | None) -> str:
    """Return the text about a shipped order."""
    opening = f"{shop_name}: " if shop_name else ""
    tracking = f" Tracking: {tracking_url}" if tracking_url else ""
    return f"{opening}Your order {order_id} has shipped.{tracking}"
