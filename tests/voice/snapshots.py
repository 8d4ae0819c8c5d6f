"""What is said at each branch of the example menu; `python -m tests.voice.snapshots` renews it."""

from pathlib import Path
from xml.etree import ElementTree

from smsapp.voice import menu
from tests.voice.walking import CLOSED, OPEN, asks, shop, ways_on

FILE = Path(__file__).with_name("example_menu.txt")


def branches() -> str:
    """Return every answer that somebody can get within the first steps, each once."""
    said: dict[str, str] = {}
    for name, now in (("open", OPEN), ("closed", CLOSED)):
        where = shop(now)
        first = ElementTree.fromstring(str(menu.begin(where)))
        todo = [(f"{name}: rings", first)]
        while todo:
            how, document = todo.pop(0)
            ElementTree.indent(document)
            text = ElementTree.tostring(document, "unicode")
            if text in said:
                continue
            said[text] = how
            if how.count(",") < 3:
                todo += [
                    (f"{how}, {done}", asks(where, url, done)) for done, url in ways_on(document)
                ]
    return "".join(f"# {how}\n{text}\n\n" for text, how in said.items())


if __name__ == "__main__":
    FILE.write_text(branches(), "utf-8")
